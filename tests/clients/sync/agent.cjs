// A program that uses the vendor's Sync client as it is told to: one JSON line in names a scenario and where the server
// is, one JSON line out says how it went.
//
// The arguments are the folder of the installed packages and the name of the Sync package in it.

"use strict";

const fs = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");

const { World } = require("./world.cjs");

const [modules, packageName] = process.argv.slice(2);
const SECONDS = 45;

const scenarios = new Map();
const folder = path.join(__dirname, "scenarios");
for (const file of fs.readdirSync(folder)) {
  for (const [name, run] of Object.entries(require(path.join(folder, file)))) scenarios.set(name, run);
}

const unhandled = [];
process.on("unhandledRejection", (reason) => unhandled.push(reason));

function inTime(work, world) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no end within ${SECONDS} s; ${world.story()}`)), SECONDS * 1000);
  });
  return Promise.race([work, late]).finally(() => clearTimeout(timer));
}

async function answer(line) {
  const told = JSON.parse(line);
  const world = new World(modules, packageName, told);
  unhandled.length = 0;
  try {
    await inTime(scenarios.get(told.scenario)(world), world);
    if (unhandled.length) throw unhandled[0];
    return { passed: true };
  } catch (error) {
    return { passed: false, why: `${error?.stack ?? error}\n${world.story()}` };
  } finally {
    await world.end();
  }
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await answer(line)) + "\n");
  }
  process.exit(0);
}

main();
