// Subscriptions, and what a client hears when it comes back, as the contract's acceptance list has them.

"use strict";

const assert = require("node:assert/strict");

// Everything of each kind, made by one client and watched by another that may be cut off.
async function watched(world) {
  const relay = await world.relay();
  const [alice, bob] = [world.client("alice"), world.client("bob", { relay })];
  const open = async (client) => ({
    doc: await client.document("board"), list: await client.list("todo"), map: await client.map("users"),
    stream: await client.stream("drawing"),
  });
  const mine = await open(alice);
  const theirs = await open(bob);
  await Promise.all(Object.values(theirs).map((one) => world.live(one)));
  return { relay, alice, bob, mine, theirs };
}

const told = (entity) =>
  entity.events.seen.filter((one) => !one.name.startsWith("_")).map(({ name, event }) => [
    name, event.item?.key ?? event.item?.index ?? event.key ?? event.index ?? "", event.isLocal,
  ]);

exports["39 two connections of one identity hear each other"] = async (world) => {
  const [one, two] = await Promise.all([1, 2].map(() => world.client("alice").document("board")));
  await Promise.all([world.live(one), world.live(two)]);
  await one.set({ n: 1 });
  assert.equal((await two.events.next("updated")).isLocal, false);
  await two.set({ n: 2 });
  assert.equal((await one.events.next("updated", 2)).isLocal, false);
};

exports["40 a closed object is silent, and opened again it is up to date"] = async (world) => {
  const [alice, bob] = [world.client("alice"), world.client("bob")];
  const [mine, theirs] = [await alice.document("board"), await bob.document("board")];
  const marker = await bob.document("marker");
  await Promise.all([world.live(theirs), world.live(marker)]);
  theirs.close();
  await mine.set({ n: 1 });
  await (await alice.document("marker")).set({ n: 1 });
  await marker.events.next("updated");
  assert.equal(theirs.events.count("updated"), 0);
  const again = await bob.document("board");
  assert.deepEqual(again.data, { n: 1 });
  await world.live(again);
  await mine.set({ n: 2 });
  assert.deepEqual((await again.events.next("updated")).data, { n: 2 });
};

exports["41 many objects are all subscribed"] = async (world) => {
  const client = await world.connected("bob");
  const docs = await Promise.all([...Array(130).keys()].map((n) => client.document(`d${n}`)));
  await Promise.all(docs.map((doc) => world.live(doc)));
  for (const n of [0, 129]) {
    await world.rest("POST", `/Documents/d${n}`, { Data: { n } });
    assert.deepEqual((await docs[n].events.next("updated")).data, { n });
  }
};

exports["42 a change between opening and subscribing is told once"] = async (world) => {
  const doc = world.watch(await world.client("bob").document("board"));
  const list = world.watch(await world.client("carol").list("todo"));
  await world.rest("POST", "/Documents/board", { Data: { n: 1 } });
  await world.rest("POST", "/Lists/todo/Items", { Data: { n: 1 } });
  await Promise.all([world.live(doc), world.live(list)]);
  await Promise.all([doc.events.next("updated"), list.events.next("itemAdded")]);
  await world.rest("POST", "/Documents/board", { Data: { n: 2 } });
  await world.rest("POST", "/Lists/todo/Items", { Data: { n: 2 } });
  await Promise.all([doc.events.next("updated", 2), list.events.next("itemAdded", 2)]);
  assert.deepEqual(doc.events.of("updated").map((event) => event.data.n), [1, 2]);
  assert.deepEqual(list.events.of("itemAdded").map((event) => event.item.data.n), [1, 2]);
};

exports["43 a client that was away catches up exactly"] = async (world) => {
  const { relay, bob, mine, theirs } = await watched(world);
  await mine.doc.set({ n: 1 });
  for (const n of [0, 1, 2]) await mine.list.push({ n });
  for (const key of ["a", "b"]) await mine.map.set(key, { n: 1 });
  await Promise.all([theirs.list.events.next("itemAdded", 3), theirs.map.events.next("itemAdded", 2), theirs.doc.events.next("updated")]);
  await world.away(bob, relay);
  await mine.doc.set({ n: 2 });
  await mine.doc.set({ n: 3 });
  await mine.list.set(0, { n: 10 });
  await mine.list.remove(1);
  await mine.list.push({ n: 3 });
  await mine.map.set("a", { n: 2 });
  await mine.map.remove("b");
  await mine.map.set("c", { n: 1 });
  await mine.stream.publishMessage({ n: 1 });
  const back = Promise.all(Object.values(theirs).map((one) => world.established(one)));
  relay.release();
  await back;
  assert.deepEqual(theirs.doc.data, { n: 3 });
  assert.deepEqual(told(theirs.list).slice(3), [["itemUpdated", 0, false], ["itemRemoved", 1, false], ["itemAdded", 3, false]]);
  assert.deepEqual(told(theirs.map).slice(2), [["itemUpdated", "a", false], ["itemRemoved", "b", false], ["itemAdded", "c", false]]);
  assert.deepEqual(told(theirs.stream), []);
  await mine.list.push({ n: 4 });
  await mine.stream.publishMessage({ n: 2 });
  await Promise.all([theirs.list.events.next("itemAdded", 5), theirs.stream.events.next("messagePublished")]);
  const before = Object.values(theirs).map((one) => told(one).length);
  const again = Promise.all(Object.values(theirs).map((one) => world.established(one)));
  relay.cut();
  await again;
  assert.deepEqual(Object.values(theirs).map((one) => told(one).length), before);
};

exports["43 an author hears nothing of its own writes after its return"] = async (world) => {
  const { relay, bob, theirs, mine } = await watched(world);
  await world.live(mine.list);
  for (const n of [0, 1]) await theirs.list.push({ n });
  await theirs.list.remove(0);
  await theirs.map.set("a", { n: 1 });
  await theirs.map.remove("a");
  const before = told(theirs.list).length + told(theirs.map).length;
  const back = Promise.all([world.established(theirs.list), world.established(theirs.map)]);
  relay.cut();
  await back;
  assert.equal(told(theirs.list).length + told(theirs.map).length, before);
};

exports["44 what was removed meanwhile is told for all types"] = async (world) => {
  const { relay, bob, mine, theirs } = await watched(world);
  await world.away(bob, relay);
  await Promise.all([mine.doc.removeDocument(), mine.list.removeList(), mine.map.removeMap(), mine.stream.removeStream()]);
  relay.release();
  for (const one of Object.values(theirs)) assert.equal((await one.events.next("removed")).isLocal, false);
};

exports["45 a write while away is carried out later"] = async (world) => {
  const { relay, bob, theirs } = await watched(world);
  await world.away(bob, relay);
  const written = theirs.doc.set({ n: 1 });
  relay.release();
  await written;
  assert.equal((await world.rest("GET", "/Documents/board")).data.n, 1);
};

exports["46 three cuts in a row, and each change is told once"] = async (world) => {
  const { relay, bob, mine, theirs } = await watched(world);
  for (const n of [0, 1, 2]) {
    await world.away(bob, relay);
    await mine.list.push({ n });
    await mine.map.set(`k${n}`, { n });
    const back = Promise.all([world.established(theirs.list), world.established(theirs.map)]);
    relay.release();
    await back;
  }
  assert.deepEqual(told(theirs.list), [0, 1, 2].map((n) => ["itemAdded", n, false]));
  assert.deepEqual(told(theirs.map), [0, 1, 2].map((n) => ["itemAdded", `k${n}`, false]));
};

exports["47 a token that ran out while away is told"] = async (world) => {
  const relay = await world.relay();
  const doomed = world.client(world.token("carol", { ttl: 3 }));
  const client = await world.connected(world.token("alice", { ttl: 2 }), { relay });
  const doc = await client.document("board");
  await world.away(client, relay);
  await doomed.events.next("tokenExpired");
  relay.release();
  await client.events.next("tokenExpired");
  await world.state(client, "denied");
  await client.updateToken(world.token("alice"));
  await doc.set({ n: 1 });
  assert.equal((await world.rest("GET", "/Documents/board")).data.n, 1);
};

exports["48 ten clients of one map all see what all write"] = async (world) => {
  const maps = await Promise.all([...Array(10).keys()].map((n) => world.client(`user${n}`).map("users")));
  await Promise.all(maps.map((map) => world.live(map)));
  await Promise.all(maps.map((map, n) => map.set(`k${n}`, { n })));
  await Promise.all(maps.map((map) => map.events.next("itemAdded", 10)));
  for (const map of maps) {
    assert.deepEqual(new Set(map.events.of("itemAdded").map((event) => event.item.key)).size, 10);
    assert.equal(map.events.of("itemAdded").filter((event) => event.isLocal).length, 1);
  }
};

exports["54 a long absence is caught up with in parts"] = async (world) => {
  const { relay, bob, theirs } = await watched(world);
  await world.away(bob, relay);
  for (let n = 0; n < 1200; n += 40) {
    await Promise.all([...Array(40).keys()].map((i) => world.rest("POST", "/Lists/todo/Items", { Data: { n: n + i } })));
  }
  relay.release();
  await theirs.list.events.next("itemAdded", 1200);
  await world.live(theirs.list);
  assert.deepEqual(theirs.list.events.of("itemAdded").map((event) => event.item.index), [...Array(1200).keys()]);
};
