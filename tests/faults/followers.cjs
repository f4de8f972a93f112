// Programs that use the vendor's Sync client and stay while the server dies and comes back: one JSON line in says what
// to do, one JSON line out says how it went.
//
// The arguments are the folder of the installed packages and the name of the Sync package in it.

"use strict";

const assert = require("node:assert/strict");
const path = require("node:path");
const readline = require("node:readline");
const { isDeepStrictEqual } = require("node:util");

const { World } = require(path.join(__dirname, "..", "clients", "sync", "world.cjs"));

const [modules, packageName] = process.argv.slice(2);
const unhandled = [];
process.on("unhandledRejection", (reason) => unhandled.push(reason));

// What the events of a list or map add up to, and which items they added more than once.
class View {
  constructor(entity) {
    this.texts = {};
    this.twice = [];
    this.changed = () => {};
    const name = (item) => String(item.key ?? item.index);
    entity.on("itemAdded", ({ item }) => {
      if (name(item) in this.texts) this.twice.push(name(item));
      this.keep(name(item), item);
    });
    entity.on("itemUpdated", ({ item }) => this.keep(name(item), item));
  }

  keep(name, item) {
    this.texts[name] = item.data.n;
    this.changed();
  }

  // Wait until the events have told what is expected; a client may wait for long before it tries to connect again.
  until(expected, what) {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`${what} misses ${this.missing(expected)}`)), 50_000);
      this.changed = () => {
        if (!isDeepStrictEqual(this.texts, expected)) return;
        clearTimeout(timer);
        resolve();
      };
      this.changed();
    });
  }

  missing(expected) {
    const names = new Set([...Object.keys(expected), ...Object.keys(this.texts)]);
    const wrong = [...names].filter((name) => this.texts[name] !== expected[name]);
    return wrong.slice(0, 20).map((name) => `${name}: ${this.texts[name]}, not ${expected[name]}`).join("; ");
  }
}

class Follower {
  constructor(world, name) {
    Object.assign(this, { world, name, client: world.client(name) });
  }

  async open() {
    this.entities = { log: await this.client.list("log"), marks: await this.client.map("marks") };
    this.views = Object.fromEntries(Object.entries(this.entities).map(([name, one]) => [name, new View(one)]));
    await Promise.all(Object.values(this.entities).map((one) => this.world.live(one)));
    return this;
  }

  // The events, and then the state that the client fetches, are as expected.
  async agree(expected) {
    for (const [name, view] of Object.entries(this.views)) {
      await view.until(expected[name], `${this.name}'s ${name}`);
      assert.deepEqual(view.twice, [], `${this.name} was told twice of items of ${name}`);
      const items = await this.world.items(this.entities[name]);
      const fetched = Object.fromEntries(items.map((item) => [String(item.key ?? item.index), item.data.n]));
      assert.deepEqual(fetched, expected[name], `${this.name} fetches another ${name}`);
    }
  }
}

const actions = {
  async follow(told) {
    actions.world = new World(modules, packageName, told);
    actions.followers = await Promise.all(told.names.map((name) => new Follower(actions.world, name).open()));
  },
  async agree({ expected }) {
    await Promise.all(actions.followers.map((one) => one.agree(expected)));
    if (unhandled.length) throw unhandled[0];
  },
  async end() {
    await actions.world.end();
  },
};

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const told = JSON.parse(line);
    let answer = { passed: true };
    try {
      await actions[told.do](told);
    } catch (error) {
      answer = { passed: false, why: `${error?.stack ?? error}\n${actions.world.story()}` };
    }
    process.stdout.write(JSON.stringify(answer) + "\n");
  }
  process.exit(0);
}

main();
