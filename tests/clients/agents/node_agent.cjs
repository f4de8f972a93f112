// A program that uses the vendor's Node SDK as it is told to, one JSON line in and one out.
//
// The arguments are the folder of the installed packages and the name of the SDK's package in it. A line in names how
// the client is made and pointed ("client"), the way to a resource ("chain"), a method and its arguments by their
// names on the wire; a line out is what the SDK answered, or the exception it raised.

"use strict";

const path = require("node:path");
const readline = require("node:readline");

const [modules, packageName] = process.argv.slice(2);
const twilio = require(path.join(modules, packageName));

const DOMAINS = ["accounts", "api", "chat", "iam", "ipMessaging", "messaging", "notify", "sync"];

const clients = new Map();

function rewriting(base, way, options) {
  class Rewriting extends twilio.RequestClient {
    request(opts) {
      const url = new URL(opts.uri);
      if (url.hostname.endsWith(".twilio.com")) {
        const server = new URL(base);
        const headers = { ...opts.headers };
        if (way === "prefix") url.pathname = "/" + url.hostname.split(".")[0] + url.pathname;
        else headers.Host = url.host;
        url.protocol = server.protocol;
        url.host = server.host;
        opts = { ...opts, uri: url.href, headers };
      }
      return super.request(opts);
    }
  }
  return new Rewriting(options);
}

function made(told) {
  const options = { autoRetry: told.auto_retry };
  if (told.account_sid) options.accountSid = told.account_sid;
  if (told.way === "prefix" || told.way === "host") {
    options.httpClient = rewriting(told.base, told.way, { autoRetry: told.auto_retry });
  }
  const client = told.username ? twilio(told.username, told.password, options) : twilio();
  if (told.way === "property") {
    for (const name of DOMAINS) {
      const label = name === "ipMessaging" ? "ip-messaging" : name;
      if (client[name]) client[name].baseUrl = `${told.base}/${label}`;
    }
  }
  return client;
}

const camel = (name) => name.replace(/_(.)/g, (_, letter) => letter.toUpperCase());
const snake = (name) => name.replace(/[A-Z]/g, (letter) => "_" + letter.toLowerCase());
const argumentName = (wire) =>
  wire.replace("<", "Before").replace(">", "After").split(".").map((part) => part[0].toLowerCase() + part.slice(1)).join(".");

// A date becomes {"$date": …} so that text cannot pass for one; what is not there at all is told apart from null.
function plain(value) {
  if (value === undefined) return { $undefined: true };
  if (value instanceof Date) return { $date: value.toISOString() };
  if (value === null || typeof value !== "object") return value;
  if (Array.isArray(value)) return value.map(plain);
  if (!("_version" in value)) {
    return Object.fromEntries(Object.entries(value).map(([name, one]) => [name, plain(one)]));
  }
  const names = Object.keys(value).filter((name) => !name.startsWith("_"));
  return Object.fromEntries(names.map((name) => [snake(name), plain(value[name])]));
}

const sids = (page) => page.instances.map((row) => row.sid);

// Turn the pages forwards to the last one and backwards again; each page's URL also leads to it alone.
async function walk(resource, given) {
  let page = await resource.page(given);
  const forwards = [sids(page)], backwards = [], addressed = [];
  while (page.nextPageUrl) {
    addressed.push(sids(await resource.getPage(page.nextPageUrl)));
    page = await page.nextPage();
    forwards.push(sids(page));
  }
  while (page.previousPageUrl) {
    page = await page.previousPage();
    backwards.push(sids(page));
  }
  return { forwards, backwards, addressed };
}

function stream(resource, given) {
  return new Promise((resolve, reject) => {
    const rows = [];
    resource.each({
      ...given,
      callback: (row) => rows.push(row),
      done: (error) => (error ? reject(error) : resolve(rows)),
    });
  });
}

async function use(client, told) {
  let resource = client;
  for (const [name, ...values] of told.chain) {
    resource = resource[camel(name)];
    if (values.length) resource = resource(...values[0]);
  }
  const given = Object.fromEntries(
    Object.entries(told.arguments).map(([wire, value]) => [argumentName(wire), value])
  );
  if (told.method === "walk") return walk(resource, given);
  if (told.method === "stream") return stream(resource, given);
  const method = told.method === "delete" ? "remove" : told.method;
  return Object.keys(given).length ? resource[method](given) : resource[method]();
}

function failure(error) {
  return {
    kind: error.constructor.name,
    text: String(error),
    status: error.status ?? null,
    code: error.code ?? null,
    msg: error.message ?? null,
    details: error.details ?? null,
    more_info: error.moreInfo ?? null,
  };
}

async function answer(line) {
  const told = JSON.parse(line, (_, value) => (value && value.$date ? new Date(value.$date) : value));
  const key = JSON.stringify(told.client);
  if (!clients.has(key)) clients.set(key, made(told.client));
  try {
    return { value: plain(await use(clients.get(key), told)), dropped: [] };
  } catch (error) {
    if (error instanceof TypeError) throw error;
    return { error: failure(error) };
  }
}

async function main() {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    process.stdout.write(JSON.stringify(await answer(line)) + "\n");
  }
  process.exit(0);
}

main();
