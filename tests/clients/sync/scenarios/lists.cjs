// Lists, as the contract's acceptance list has them.

"use strict";

const assert = require("node:assert/strict");

async function pair(world, options = {}) {
  const [alice, bob] = [world.client("alice"), world.client("bob")];
  const mine = await alice.list({ id: "todo", ...options });
  const theirs = await bob.list("todo");
  await Promise.all([world.live(mine), world.live(theirs)]);
  return { alice, bob, mine, theirs };
}

const told = (list, name) => list.events.of(name).map((event) => [event.item.index, event.item.data.n, event.isLocal]);

exports["23 pushes of two clients are numbered and told to both"] = async (world) => {
  const { mine, theirs } = await pair(world);
  assert.equal((await mine.push({ n: 0 })).index, 0);
  assert.equal((await theirs.push({ n: 1 })).index, 1);
  assert.equal((await mine.push({ n: 2 })).index, 2);
  await Promise.all([mine.events.next("itemAdded", 3), theirs.events.next("itemAdded", 3)]);
  assert.deepEqual(told(mine, "itemAdded"), [[0, 0, true], [1, 1, false], [2, 2, true]]);
  assert.deepEqual(told(theirs, "itemAdded"), [[0, 0, false], [1, 1, true], [2, 2, false]]);
};

exports["24 items are found by index"] = async (world) => {
  const { mine, theirs } = await pair(world);
  for (let n = 0; n < 3; n++) await mine.push({ n });
  assert.equal((await theirs.get(0)).data.n, 0);
  assert.equal((await theirs.get(2)).data.n, 2);
  await world.refused(theirs.get(3), 404, 54151);
};

exports["25 set, update and mutate change an item"] = async (world) => {
  const { mine, theirs } = await pair(world);
  await mine.push({ n: 0 });
  await theirs.events.next("itemAdded");
  assert.deepEqual((await mine.set(0, { n: 1 })).data, { n: 1 });
  assert.deepEqual((await mine.update(0, { m: 1 })).data, { n: 1, m: 1 });
  assert.deepEqual((await mine.mutate(0, (data) => ({ n: data.n + 1 }))).data, { n: 2 });
  await theirs.events.next("itemUpdated", 3);
  assert.deepEqual(
    theirs.events.of("itemUpdated").map((event) => [event.previousItemData, event.item.index, event.isLocal]),
    [[{ n: 0 }, 0, false], [{ n: 1 }, 0, false], [{ n: 1, m: 1 }, 0, false]]
  );
  await world.refused(mine.set(7, { n: 1 }), 404, 54151);
};

exports["26 concurrent writers of a list lose nothing"] = async (world) => {
  const { mine, theirs } = await pair(world);
  await mine.push({ n: 0 });
  const count = async (list) => {
    for (let i = 0; i < 6; i++) await list.mutate(0, (data) => ({ n: data.n + 1 }));
  };
  await Promise.all([count(mine), count(theirs)]);
  assert.equal((await world.rest("GET", "/Lists/todo/Items/0")).data.n, 12);
  const pushed = await Promise.all([...Array(10).keys()].map((n) => (n % 2 ? mine : theirs).push({ n })));
  assert.equal(new Set(pushed.map((item) => item.index)).size, 10);
};

exports["27 a removed item is told with what it was, and its index is spent"] = async (world) => {
  const { mine, theirs } = await pair(world);
  for (let n = 0; n < 2; n++) await mine.push({ n });
  await theirs.events.next("itemAdded", 2);
  await mine.remove(1);
  const removed = await theirs.events.next("itemRemoved");
  assert.deepEqual([removed.index, removed.previousItemData, removed.isLocal], [1, { n: 1 }, false]);
  assert.equal((await mine.push({ n: 2 })).index, 2);
  await world.refused(theirs.remove(9), 404, 54151);
  await theirs.events.next("itemAdded", 3);
  assert.deepEqual([mine.events.count("itemRemoved"), theirs.events.count("itemRemoved")], [1, 1]);
};

exports["28 items have times to live of their own"] = async (world) => {
  const { mine, theirs } = await pair(world);
  await mine.push({ n: 0 }, { ttl: 2 });
  await mine.push({ n: 1 }, { ttl: 1000 });
  await mine.push({ n: 2 });
  await mine.setItemTtl(2, 1000);
  assert.ok((await mine.get(2)).dateExpires);
  await mine.setItemTtl(1, 0);
  assert.equal((await world.rest("GET", "/Lists/todo/Items/1")).date_expires, null);
  const removed = await theirs.events.next("itemRemoved");
  assert.deepEqual([removed.index, removed.previousItemData], [0, { n: 0 }]);
  await mine.events.next("itemRemoved");
  assert.deepEqual((await world.items(theirs)).map((item) => item.index), [1, 2]);
};

exports["29 a list expires, is removed and has a context"] = async (world) => {
  const { alice, mine, theirs } = await pair(world, { context: { color: "red" } });
  assert.deepEqual(await theirs.getContext(), { color: "red" });
  await mine.setTtl(1000);
  assert.ok(mine.dateExpires);
  await mine.removeList();
  assert.equal((await theirs.events.next("removed")).isLocal, false);
  await world.refused(alice.list({ id: "todo", mode: "open_existing" }), 404, 54300);
  const short = await alice.list({ id: "short", ttl: 2 });
  await world.live(short);
  await short.events.next("removed");
  await world.refused(world.client("carol").list({ id: "short", mode: "open_existing" }), 404, 54300);
  await world.refused(short.push({ n: 1 }), 404, 54150);
};
