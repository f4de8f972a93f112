// A program's way to Chromium and to the test that started it: JSON lines in and out, and pages that note what they
// complained of.

"use strict";

const path = require("node:path");
const readline = require("node:readline");

const WAIT_MS = 30_000;
const FLAGS = [
  "--no-sandbox",
  "--disable-gpu",
  "--in-process-gpu",
  "--disable-quic",
  "--no-first-run",
  "--disable-background-networking",
  "--disable-component-update",
  "--disable-sync",
];

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();

exports.say = (told) => process.stdout.write(JSON.stringify(told) + "\n");

exports.hear = async () => {
  const { value, done } = await lines.next();
  return done ? undefined : JSON.parse(value);
};

exports.launch = (modules, executablePath) =>
  require(path.join(modules, "playwright-core")).chromium.launch({ executablePath, args: FLAGS });

exports.Pages = class Pages {
  // Pages that know nothing of each other, and what they complained of.
  constructor(browser) {
    this.browser = browser;
    this.contexts = [];
    this.complaints = [];
  }

  async open(options = {}) {
    const context = await this.browser.newContext({ viewport: { width: 1000, height: 640 }, ...options });
    context.setDefaultTimeout(WAIT_MS);
    this.contexts.push(context);
    const page = await context.newPage();
    page.on("pageerror", (error) => this.complaints.push(String(error)));
    page.on("console", (message) => {
      if (message.type() === "error") this.complaints.push(message.text());
    });
    return page;
  }

  async close() {
    for (const context of this.contexts) await context.close();
  }
};
