// A program that drives the shared board in Chromium. One JSON line in is a list of scenarios and where the page of each
// is; the last JSON line out says how they went. In between it may ask for something, and hears a line when it is done.
//
// The arguments are the folder of the installed packages and the browser.

"use strict";

const assert = require("node:assert/strict");
const path = require("node:path");
const { Pages, hear, launch, say } = require("../chromium.cjs");

const [modules, executablePath] = process.argv.slice(2);
const twilio = require(path.join(modules, "twilio"));

async function have(wants) {
  say({ wants });
  await hear();
}

class Visit {
  // The visitors of one scenario.
  constructor(browser, told) {
    this.told = told;
    this.pages = new Pages(browser);
    this.expected = /^$/;
  }

  unexpected() {
    return this.pages.complaints.filter((complaint) => !this.expected.test(complaint));
  }

  page(options) {
    return this.pages.open(options);
  }

  async open(name, options) {
    const page = await this.page(options);
    await page.goto(this.address(name));
    await connected(page);
    return page;
  }

  address(name) {
    return `${this.told.url}?${new URLSearchParams({ name })}`;
  }
}

const text = (page) => page.getByRole("textbox", { name: "Everybody writes here" });

async function connected(page) {
  await page.getByText("Connected", { exact: true }).waitFor();
  await page.locator("#text:enabled").waitFor();
}

function reads(page, wanted) {
  return page.waitForFunction((wanted) => document.getElementById("text").value === wanted, wanted);
}

function here(page, ...names) {
  return page.waitForFunction(
    (names) => JSON.stringify([...document.querySelectorAll("#people li > :last-child")].map((row) => row.textContent)) === names,
    JSON.stringify(names),
  );
}

const scenarios = {
  async "two write one text"(visit) {
    const [ada, bob] = [await visit.open("Ada"), await visit.open("Bob")];
    await text(ada).fill("Bread\nmilk");
    await reads(bob, "Bread\nmilk");
    await bob.getByText("Last change by Ada").waitFor();
    await text(bob).press("Control+End");
    await text(bob).pressSequentially(", tea");
    await reads(ada, "Bread\nmilk, tea");
    await ada.getByText("Last change by Bob").waitFor();
    await text(ada).press("Control+Home");
    const long = (letter) => letter.repeat(60);
    await Promise.all([
      text(ada).pressSequentially(long("a"), { delay: 20 }),
      text(bob).pressSequentially(long("b"), { delay: 20 }),
    ]);
    const both = `${long("a")}Bread\nmilk, tea${long("b")}`;
    await Promise.all([reads(ada, both), reads(bob, both)]);
    assert.equal(await text(ada).evaluate((editor) => editor.selectionStart), 60, "the caret stays where one writes");
  },

  async "presence shows who is here"(visit) {
    const [bob, ada] = [await visit.open("Bob"), await visit.open("Ada")];
    await here(ada, "Ada (you)", "Bob");
    await here(bob, "Ada", "Bob (you)");
    assert.equal(await bob.locator("#count").textContent(), "2");
    const second = await visit.open("Ada");
    await here(second, "Ada (you)", "Bob");
    await ada.context().close();
    await second.context().close();
    await here(bob, "Bob (you)");
    await bob.reload();
    await here(bob, "Bob (you)");
  },

  async "who was away catches up"(visit) {
    visit.expected = /ERR_INTERNET_DISCONNECTED/;
    const [ada, bob] = [await visit.open("Ada"), await visit.open("Bob")];
    await text(ada).fill("first");
    await reads(bob, "first");

    await bob.goto("about:blank");
    await text(ada).fill("ready");
    await ada.getByText("Saved.").waitFor();
    await bob.goBack();
    await connected(bob);
    await reads(bob, "ready");

    await bob.context().setOffline(true);
    await bob.getByText("Connecting…").waitFor();
    await text(bob).press("Control+End");
    await text(bob).pressSequentially(", and back");
    await text(ada).press("Control+Home");
    await text(ada).pressSequentially("all ");
    await ada.getByText("Saved.").waitFor();
    await bob.context().setOffline(false);
    await Promise.all([reads(ada, "all ready, and back"), reads(bob, "all ready, and back")]);

    await Promise.all([ada.reload(), bob.reload()]);
    await Promise.all([reads(ada, "all ready, and back"), reads(bob, "all ready, and back")]);
    await here(ada, "Ada (you)", "Bob");
  },

  async "the server is started again"(visit) {
    visit.expected = /ERR_CONNECTION|WebSocket connection/;
    const [ada, bob] = [await visit.open("Ada"), await visit.open("Bob")];
    await text(ada).fill("kept");
    await reads(bob, "kept");
    await have("stop");
    await ada.getByText("Connecting…").waitFor();
    await text(ada).press("Control+End");
    await text(ada).pressSequentially(", and written meanwhile");
    const eve = await visit.page();
    await eve.goto(visit.address("Eve"));
    await have("start");
    await Promise.all([connected(ada), connected(bob), connected(eve)]);
    await reads(bob, "kept, and written meanwhile");
    await ada.getByText("Saved.").waitFor();
    await reads(eve, "kept, and written meanwhile");
    await here(bob, "Ada", "Bob (you)", "Eve");
    await here(ada, "Ada (you)", "Bob", "Eve");
  },

  async "a token that ends is replaced"(visit) {
    visit.expected = /ERR_FAILED/;
    const { account_sid: account, key_sid: key, key_secret: secret } = visit.told;
    const short = new twilio.jwt.AccessToken(account, key, secret, { identity: "Ada", ttl: 4 });
    short.addGrant(new twilio.jwt.AccessToken.SyncGrant({ serviceSid: "default" }));
    const ada = await visit.page();
    const address = new URL("/v3/wsconnect", visit.told.server).href.replace(/^http/, "ws");
    let asked = 0;
    let refused = true;
    await ada.route("**/token?*", (route) => {
      asked += 1;
      if (asked === 1) return route.fulfill({ json: { token: short.toJwt(), uri: address } });
      return refused ? route.abort() : route.continue();
    });
    await ada.goto(visit.address("Ada"));
    await ada.getByText("Logging in again…").waitFor();
    refused = false;
    await connected(ada);
    const bob = await visit.open("Bob");
    await text(ada).fill("still here");
    await reads(bob, "still here");
    assert.ok(asked > 2, "tokens are asked for until there is one");
  },

  async "a name is asked for, and is only a name"(visit) {
    const page = await visit.page({ viewport: { width: 360, height: 640 } });
    await page.goto(visit.told.url);
    const name = '<b>"Zoë" & Ünal</b>';
    await page.getByRole("textbox", { name: "Your name" }).fill(name);
    await page.getByRole("button", { name: "Open the board" }).click();
    await connected(page);
    await here(page, `${name} (you)`);
    const [wide, shown] = await page.evaluate(() => [document.documentElement.scrollWidth, innerWidth]);
    assert.ok(wide <= shown, `${wide} pixels wide on a screen of ${shown}`);
  },
};

async function play(browser, told) {
  const visit = new Visit(browser, told);
  try {
    await scenarios[told.scenario](visit);
    assert.deepEqual(visit.unexpected(), [], "the pages complained");
    return "passed";
  } catch (error) {
    return `${error?.stack ?? error}\nThe pages said: ${visit.pages.complaints.join("\n") || "nothing"}`;
  } finally {
    await visit.pages.close();
  }
}

async function playAll(browser, all) {
  assert.deepEqual(all.map((told) => told.scenario).sort(), Object.keys(scenarios).sort());
  // At once, because most of a scenario is waiting.
  return Object.fromEntries(await Promise.all(all.map(async (told) => [told.scenario, await play(browser, told)])));
}

async function main() {
  const browser = await launch(modules, executablePath);
  const { scenarios: all } = await hear();
  say(await playAll(browser, all));
  await hear();
  await browser.close();
}

main();
