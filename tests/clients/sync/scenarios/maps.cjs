// Maps, as the contract's acceptance list has them.

"use strict";

const assert = require("node:assert/strict");

const KEYS = ["a b", "a/b", "/", "?&%#+", "%2F", "zoë ☂ 𝒳", "a.json", "Items", "..", "x".repeat(256)];

async function pair(world, options = {}) {
  const [alice, bob] = [world.client("alice"), world.client("bob", options)];
  const mine = await alice.map("users");
  const theirs = await bob.map("users");
  await Promise.all([world.live(mine), world.live(theirs)]);
  return { alice, bob, mine, theirs };
}

exports["33 a key is added and then updated, for both clients"] = async (world) => {
  const { mine, theirs } = await pair(world);
  await mine.set("ann", { n: 1 });
  const added = await theirs.events.next("itemAdded");
  assert.deepEqual([added.item.key, added.item.data, added.isLocal], ["ann", { n: 1 }, false]);
  assert.equal((await mine.events.next("itemAdded")).isLocal, true);
  await theirs.set("ann", { n: 2 });
  const updated = await mine.events.next("itemUpdated");
  assert.deepEqual([updated.item.data, updated.previousItemData, updated.isLocal], [{ n: 2 }, { n: 1 }, false]);
  const local = await theirs.events.next("itemUpdated");
  assert.deepEqual([local.previousItemData, local.isLocal], [{ n: 1 }, true]);
  assert.deepEqual([mine.events.count("itemAdded"), theirs.events.count("itemAdded")], [1, 1]);
};

exports["34 keys may have any characters"] = async (world) => {
  const { mine, theirs } = await pair(world);
  await world.refused(mine.get("nobody"), 404, 54201);
  for (const [nth, key] of KEYS.entries()) {
    await mine.set(key, { key });
    assert.deepEqual((await theirs.get(key)).data, { key });
    await theirs.update(key, { more: 1 });
    assert.deepEqual((await mine.events.next("itemUpdated", nth + 1)).item.data, { key, more: 1 });
    assert.deepEqual((await world.items(mine)).find((item) => item.key === key).data, { key, more: 1 });
    await theirs.remove(key);
    assert.equal((await mine.events.next("itemRemoved", nth + 1)).key, key);
  }
  assert.deepEqual(await world.items(theirs), []);
};

exports["35 update makes what is missing, and nothing is lost from nothing"] = async (world) => {
  const { mine, theirs } = await pair(world);
  await mine.update("ann", { n: 1 });
  assert.deepEqual((await theirs.get("ann")).data, { n: 1 });
  const count = async (map) => {
    for (let i = 0; i < 6; i++) await map.mutate("fresh", (data) => ({ n: (data.n ?? 0) + 1 }));
  };
  await Promise.all([count(mine), count(theirs)]);
  assert.equal((await world.rest("GET", "/Maps/users/Items/fresh")).data.n, 12);
};

exports["36 a key that was removed meanwhile does not end the map"] = async (world) => {
  const relay = await world.relay();
  const { mine, theirs, bob } = await pair(world, { relay });
  await mine.set("ann", { n: 1 });
  await theirs.events.next("itemAdded");
  await world.away(bob, relay);
  await mine.remove("ann");
  const settled = theirs.mutate("ann", (data) => ({ n: (data.n ?? 0) + 10 })).catch((error) => error);
  relay.release();
  await settled;
  await theirs.set("bob", { n: 2 });
  assert.equal((await theirs.get("bob")).data.n, 2);
  assert.equal(theirs.events.count("removed"), 0);
};

exports["36 a key may be removed and set again"] = async (world) => {
  const { mine, theirs } = await pair(world);
  for (let n = 1; n <= 3; n++) {
    await mine.set("ann", { n });
    await mine.remove("ann");
    await theirs.events.next("itemRemoved", n);
  }
  assert.deepEqual(
    theirs.events.seen.map((one) => one.name).filter((name) => name.startsWith("item")),
    ["itemAdded", "itemRemoved", "itemAdded", "itemRemoved", "itemAdded", "itemRemoved"]
  );
};

exports["36 a map may be opened with its items"] = async (world) => {
  const mine = await world.client("alice").map("users");
  for (let n = 0; n < 3; n++) await mine.set(`k${n}`, { n });
  const theirs = await world.client("bob").map({ id: "users", includeItems: true });
  assert.equal((await theirs.get("k2")).data.n, 2);
  assert.equal((await world.items(theirs)).length, 3);
};

exports["36 items and maps expire and are removed"] = async (world) => {
  const { alice, mine, theirs } = await pair(world);
  await mine.set("short", { n: 1 }, { ttl: 2 });
  await mine.set("long", { n: 2 });
  await mine.setItemTtl("long", 1000);
  assert.ok((await theirs.get("short")).dateExpires);
  const removed = await theirs.events.next("itemRemoved");
  assert.deepEqual([removed.key, removed.previousItemData], ["short", { n: 1 }]);
  const brief = await alice.map({ id: "brief", ttl: 2 });
  await world.live(brief);
  await brief.events.next("removed");
  await mine.setTtl(1000);
  await mine.removeMap();
  await theirs.events.next("removed");
  await world.refused(theirs.set("x", { n: 1 }), 404, 54200);
};

exports["36 an item has a size"] = async (world) => {
  const { mine } = await pair(world);
  await world.refused(mine.set("big", { text: "x".repeat(17 * 1024) }), 413, 54006);
  await mine.set("big", { text: "x".repeat(15 * 1024) });
};

exports["37 what was learnt from an event can be written"] = async (world) => {
  const { alice, bob, mine, theirs } = await pair(world);
  for (const [nth, key] of KEYS.entries()) {
    await mine.set(key, { n: 1 });
    await theirs.events.until((events) => events.of("itemAdded").some((event) => event.item.key === key), key);
    await theirs.setItemTtl(key, 1000);
    await theirs.mutate(key, (data) => ({ n: data.n + 1 }));
    await theirs.set(key, { n: 3 });
    await theirs.remove(key);
    await mine.events.next("itemRemoved", nth + 1);
  }
  const [ours, yours] = [await alice.list("todo"), await bob.list("todo")];
  await world.live(yours);
  await ours.push({ n: 1 });
  await yours.events.next("itemAdded");
  await yours.setItemTtl(0, 1000);
  assert.deepEqual((await yours.mutate(0, (data) => ({ n: data.n + 1 }))).data, { n: 2 });
  await yours.set(0, { n: 3 });
  await yours.remove(0);
  assert.deepEqual((await world.rest("GET", "/Lists/todo/Items")).items, []);
};
