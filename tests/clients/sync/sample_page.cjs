// A program that opens the sample page in Chromium, twice, with nothing but a proxy. One JSON line in says where the page
// and the proxy are; the JSON line out is "passed" or what went wrong.
//
// The arguments are the folder of the installed packages and the browser.

"use strict";

const assert = require("node:assert/strict");
const { Pages, hear, launch, say } = require("../../chromium.cjs");

const [modules, executablePath] = process.argv.slice(2);

const shows = (page, id, text) =>
  page.waitForFunction(([id, text]) => document.getElementById(id).textContent === text, [id, text]);

async function play(pages, told) {
  // The proxy's certificates are held against its CA elsewhere: a browser keeps its own list.
  const options = { proxy: { server: told.proxy, bypass: "localhost" }, ignoreHTTPSErrors: true };
  const [alice, bob] = [await pages.open(options), await pages.open(options)];
  const loaded = [];
  alice.on("response", (response) => loaded.push([response.url(), response.status()]));
  await alice.goto(`${told.page}#alice`);
  await bob.goto(`${told.page}#bob`);
  for (const page of [alice, bob]) await shows(page, "state", "connected");
  const fromVendor = loaded.filter(([url]) => url.includes("twilio")).map((one) => one.join(" ")).sort();
  assert.deepEqual(fromVendor, [
    "http://media.twiliocdn.com/sdk/js/sync/v3.0/twilio-sync.min.js 307",
    "https://media.twiliocdn.com/sdk/js/sync/v3.0/twilio-sync.min.js 200",
    "https://sdk.twilio.com/js/sync/releases/3.0.6/twilio-sync.js 200",
  ]);
  await shows(bob, "board", "{}");
  await alice.getByRole("button").click();
  await shows(bob, "board", '{"by":"alice"}');
  await bob.getByRole("button").click();
  await shows(alice, "board", '{"by":"bob"}');
}

async function main() {
  const told = await hear();
  const browser = await launch(modules, executablePath);
  const pages = new Pages(browser);
  try {
    await play(pages, told);
    assert.deepEqual(pages.complaints, []);
    say("passed");
  } catch (error) {
    say(`${error.stack}\n${pages.complaints.join("\n")}`);
  } finally {
    await browser.close();
  }
}

main();
