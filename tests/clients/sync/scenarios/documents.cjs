// Documents, as the contract's acceptance list has them.

"use strict";

const assert = require("node:assert/strict");

async function pair(world, id = "board", options = {}) {
  const [alice, bob] = [world.client("alice"), world.client("bob")];
  const mine = await alice.document({ id, ...options });
  const theirs = await bob.document(id);
  await Promise.all([world.live(mine), world.live(theirs)]);
  return { alice, bob, mine, theirs };
}

exports["09 an anonymous document is empty"] = async (world) => {
  const made = await world.client().document();
  assert.match(made.sid, /^ET[0-9a-f]{32}$/);
  assert.equal(made.uniqueName, null);
  assert.deepEqual(made.data, {});
  assert.equal(typeof made.revision, "string");
  assert.ok(Number.isInteger(made.lastEventId));
};

exports["10 data and expiry of a new document are seen by others"] = async (world) => {
  const made = await world.client("alice").document({ id: "board", data: { x: 1 }, ttl: 100 });
  const found = await world.client("bob").document({ id: "board", mode: "open_existing" });
  assert.equal(found.sid, made.sid);
  assert.deepEqual(found.data, { x: 1 });
  const left = new Date(found.dateExpires) - Date.now();
  assert.ok(left > 90_000 && left <= 101_000, left);
};

exports["11 a name is taken once, and what is missing is told"] = async (world) => {
  const client = world.client();
  await client.document({ id: "a", mode: "create_new" });
  await world.refused(world.client("bob").document({ id: "a", mode: "create_new" }), 409, 54301);
  await world.refused(client.document({ id: "b", mode: "open_existing" }), 404, 54300);
  const sid = "ET" + "0".repeat(32);
  await world.refused(client.document({ id: sid, mode: "open_existing" }), 404, 54100);
  await world.refused(client.document({ id: sid, mode: "create_new" }), 400, 54302);
};

exports["12 four clients that open or create a name get one document"] = async (world) => {
  const clients = await Promise.all(["a", "b", "c", "d"].map((name) => world.connected(name)));
  const found = await Promise.all(clients.map((client) => client.document("same")));
  assert.equal(new Set(found.map((one) => one.sid)).size, 1);
};

exports["13 names may have any characters"] = async (world) => {
  const [alice, bob] = [world.client("alice"), world.client("bob")];
  for (const name of ["a b", "a/b", "?&%#+", "%2F", "zoë ☂ 𝒳", "a.json", "Items", "v3", ".."]) {
    const made = await alice.document({ id: name, mode: "create_new", data: { name } });
    const found = await bob.document({ id: name, mode: "open_existing" });
    assert.equal(found.sid, made.sid, name);
    assert.equal(found.uniqueName, name);
  }
};

exports["14 one name serves all four types"] = async (world) => {
  const client = world.client();
  const made = [
    await client.document("same"), await client.list("same"), await client.map("same"), await client.stream("same"),
  ];
  assert.deepEqual(made.map((one) => one.sid.slice(0, 2)), ["ET", "ES", "MP", "TO"]);
};

exports["15 a change is told once to everybody, with what was before"] = async (world) => {
  const { mine, theirs } = await pair(world, "board", { data: { n: 0 } });
  await mine.set({ n: 1 });
  const [local, remote] = [await mine.events.next("updated"), await theirs.events.next("updated")];
  assert.equal(local.isLocal, true);
  assert.equal(remote.isLocal, false);
  for (const event of [local, remote]) {
    assert.deepEqual(event.data, { n: 1 });
    assert.deepEqual(event.previousData, { n: 0 });
  }
  assert.equal(mine.revision, theirs.revision);
  await theirs.set({ n: 2 });
  await mine.events.next("updated", 2);
  assert.deepEqual([mine.events.count("updated"), theirs.events.count("updated")], [2, 2]);
};

exports["16 update merges and a mutator may decline"] = async (world) => {
  const { mine } = await pair(world, "board", { data: { a: 1 } });
  assert.deepEqual(await mine.update({ b: 2 }), { a: 1, b: 2 });
  const revision = mine.revision;
  await mine.mutate(() => null);
  assert.equal(mine.revision, revision);
  assert.deepEqual((await world.rest("GET", "/Documents/board")).data, { a: 1, b: 2 });
};

exports["17 two clients that count lose no step"] = async (world) => {
  const { mine, theirs } = await pair(world, "board", { data: { n: 0 } });
  const count = async (doc) => {
    for (let i = 0; i < 8; i++) await doc.mutate((data) => ({ n: data.n + 1 }));
  };
  await Promise.all([count(mine), count(theirs)]);
  assert.equal((await world.rest("GET", "/Documents/board")).data.n, 16);
};

exports["18 a mutator builds on what was written while its client was away"] = async (world) => {
  const relay = await world.relay();
  const mine = await world.client("alice").document({ id: "board", data: { a: 1 } });
  const bob = world.client("bob", { relay });
  const theirs = await bob.document("board");
  await Promise.all([world.live(mine), world.live(theirs)]);
  await world.away(bob, relay);
  await mine.set({ a: 2 });
  let calls = 0;
  const mutated = theirs.mutate((data) => ({ ...data, b: ++calls }));
  relay.release();
  assert.deepEqual(await mutated, { a: 2, b: 2 });
  assert.equal(calls, 2);
};

exports["19 a time to live is set, kept, changed and cleared"] = async (world) => {
  const { mine } = await pair(world);
  const expires = async () => (await world.rest("GET", "/Documents/board")).date_expires;
  await mine.setTtl(100);
  const first = await expires();
  assert.ok(first);
  await mine.set({ n: 1 });
  assert.equal(await expires(), first);
  await mine.set({ n: 2 }, { ttl: 5000 });
  assert.ok((await expires()) > first);
  assert.ok(mine.dateExpires);
  await mine.setTtl(0);
  assert.equal(await expires(), null);
  await world.refused(mine.setTtl(31_536_001), 400, 54011);
};

exports["20 an expired document is removed everywhere"] = async (world) => {
  const { theirs } = await pair(world, "board", { ttl: 2 });
  assert.equal((await theirs.events.next("removed")).isLocal, false);
  await world.refused(world.client("carol").document({ id: "board", mode: "open_existing" }), 404, 54300);
};

exports["21 a removed document is gone for all, and its name is free"] = async (world) => {
  const { mine, theirs, alice } = await pair(world, "board", { data: { n: 1 } });
  await mine.removeDocument();
  const removed = await theirs.events.next("removed");
  assert.equal(removed.isLocal, false);
  assert.deepEqual(removed.previousData, { n: 1 });
  assert.equal((await mine.events.next("removed")).isLocal, true);
  await world.refused(theirs.set({ n: 2 }), 404, 54100);
  const again = await alice.document("board");
  assert.notEqual(again.sid, mine.sid);
  assert.deepEqual(again.data, {});
  assert.deepEqual([mine.events.count("removed"), theirs.events.count("removed")], [1, 1]);
};

exports["22 data have a size, any characters, and their order"] = async (world) => {
  const { mine, theirs } = await pair(world);
  await world.refused(mine.set({ text: "x".repeat(17 * 1024) }), 413, 54006);
  await mine.set({ text: "x".repeat(15 * 1024) });
  const odd = { "ключ ☂": "zoë 𝒳 \u2028\u2029\u0000\u0001\"\\/ \ud83d\ude00", n: [1.5, -0.25, 1e21, null, true, { deep: [[]] }] };
  await mine.set(odd);
  await theirs.events.next("updated", 2);
  assert.deepEqual(theirs.data, odd);
  for (let n = 1; n <= 15; n++) await mine.set({ n });
  await theirs.events.next("updated", 17);
  assert.deepEqual(theirs.events.of("updated").slice(2).map((event) => event.data.n), [...Array(15).keys()].map((n) => n + 1));
};
