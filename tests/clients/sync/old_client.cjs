// A program with an older version of the vendor's Sync client: one document, list, map and stream that two clients
// share, before and after the server restarts. One JSON line in says where the server is, one JSON line out that a half
// is over, or what went wrong.
//
// The arguments are the folder of the installed packages and the name of the Sync package in it.

"use strict";

const assert = require("node:assert/strict");
const path = require("node:path");
const readline = require("node:readline");

const { World } = require("./world.cjs");

const [modules, packageName] = process.argv.slice(2);
const SECONDS = 100;
const { version } = require(path.join(modules, packageName, "package.json"));

// Before 1.0 data are called values, and those of messages in 1.0 still are.
const dataOf = (one) => (version.startsWith("0.") || (version.startsWith("1.") && one.sid?.startsWith("TZ")) ? one.value : one.data);

class Board {
  // What one client has open.
  constructor(world, client, objects) {
    this.client = client;
    [this.document, this.list, this.map, this.stream] = objects;
    for (const entity of objects) world.watch(entity);
  }

  static async open(world, token, relay) {
    const client = await world.connected(token, { relay, retryPolicy: { min: 200, max: 400, randomness: 0 } });
    const objects = await Promise.all([
      client.document("board"),
      client.list("list"),
      client.map("map"),
      client.stream("stream"),
    ]);
    const board = new Board(world, client, objects);
    await Promise.all(objects.map((entity) => world.live(entity)));
    return board;
  }
}

// Change everything by one client; the other must see it, once, and the first its own changes, once.
async function exchange(near, far, n) {
  const seen = (entity, name) => entity.events.of(name).filter((event) => !event.isLocal).length;
  const expected = [];
  const expect = (name, of) => expected.push([far[of], name, seen(far[of], name) + 1, near[of], near[of].events.count(name) + 1]);
  expect("updated", "document");
  await near.document.set({ n });
  expected.at(-1)[2] += 1;
  expected.at(-1)[4] += 1;
  await near.document.mutate((now) => ({ ...now, mutated: n }));
  expect("itemAdded", "list");
  const { index } = await near.list.push({ n });
  expect("itemAdded", "map");
  const item = await near.map.set(`a/b ${n}`, { n }, { ttl: 600 });
  assert.ok(item.dateExpires ?? version < "3", "an item with a time to live has an end");
  expect("messagePublished", "stream");
  await near.stream.publishMessage({ n });
  for (const [entity, name, count, mine, own] of expected) {
    await entity.events.until((events) => events.of(name).filter((event) => !event.isLocal).length >= count, `${name} ${n}`);
    assert.equal(seen(entity, name), count, name);
    assert.equal(mine.events.count(name), own, `own ${name}`);
  }
  assert.deepEqual(dataOf(far.document), { n, mutated: n });
  assert.deepEqual(dataOf(await far.list.get(index)), { n });
  assert.deepEqual(dataOf(await far.map.get(`a/b ${n}`)), { n });
  assert.deepEqual(dataOf(far.stream.events.of("messagePublished").at(-1).message), { n });
}

async function begin(world) {
  world.way = await world.relay();
  world.alice = await Board.open(world, world.told.tokens.alice, world.way);
  world.bob = await Board.open(world, world.told.tokens.bob, world.way);
  await exchange(world.alice, world.bob, 1);
  await exchange(world.bob, world.alice, 2);
  await world.alice.client.updateToken(world.told.tokens.renewed);
  const { map, list, document } = world.alice;
  await world.rest("POST", "/Maps/map/Items", { Key: "rest", Data: { n: 3 }, ItemTtl: 600 });
  await map.events.until((events) => events.of("itemAdded").some(({ item }) => item.key === "rest"), "an item by REST");
  await world.rest("DELETE", "/Maps/map/Items/rest");
  await map.events.next("itemRemoved");
  const removed = await world.alice.client.document("removed");
  world.watch(removed);
  await world.live(removed);
  await world.rest("DELETE", "/Documents/removed");
  await removed.events.next("removed");
  assert.equal(world.alice.client.connectionState, "connected");
  world.before = { map: map.events.count("itemAdded"), list: list.events.count("itemAdded"), document: document.events.count("updated") };
  world.way.cut(true);
}

// The server has restarted, and others changed what the clients have open: a List by more items than one replay brings.
async function go(world) {
  await world.rest("POST", "/Documents/board", { Data: { n: 4 } });
  await world.rest("POST", "/Lists/list/Items", { Data: { n: 4 } });
  await world.rest("POST", "/Maps/map/Items", { Key: "late", Data: { n: 4 } });
  const open = [world.alice, world.bob].flatMap(({ document, list, map, stream }) => [document, list, map, stream]);
  const again = Promise.all(open.map((entity) => world.established(entity)));
  world.way.release(Number(new URL(world.told.url).port));
  const { map, list, document } = world.alice;
  await document.events.next("updated", world.before.document + 1);
  const added = world.told.missed + 1;
  await list.events.next("itemAdded", world.before.list + added);
  await map.events.next("itemAdded", world.before.map + 1);
  assert.deepEqual(dataOf(document), { n: 4 });
  assert.deepEqual(dataOf(map.events.of("itemAdded").at(-1).item), { n: 4 });
  await again;
  const indexes = list.events.of("itemAdded").map(({ item }) => item.index);
  assert.deepEqual(indexes, [...indexes.keys()], "items of a list come once and in order");
  assert.equal(indexes.length, world.before.list + added);
  await exchange(world.alice, world.bob, 5);
  await exchange(world.bob, world.alice, 6);
}

async function main() {
  let world;
  const late = setTimeout(() => report(new Error(`no end within ${SECONDS} s; ${world?.story()}`)), SECONDS * 1000);
  const report = (error) => {
    process.stdout.write(JSON.stringify({ passed: false, why: `${error?.stack ?? error}\n${world?.story()}` }) + "\n");
    process.exit(1);
  };
  process.on("uncaughtException", report);
  process.on("unhandledRejection", report);
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const told = JSON.parse(line);
    if (world) {
      world.told = told;
      await go(world);
    } else {
      world = new World(modules, packageName, told);
      await begin(world);
    }
    process.stdout.write(JSON.stringify({ passed: true }) + "\n");
  }
  clearTimeout(late);
  await world?.end();
  process.exit(0);
}

main();
