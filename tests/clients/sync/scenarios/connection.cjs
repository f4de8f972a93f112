// Connecting, tokens and their ends, as the contract's acceptance list has them.

"use strict";

const assert = require("node:assert/strict");

exports["01 a valid token connects and shutdown disconnects"] = async (world) => {
  const client = await world.connected("alice");
  assert.equal(client.events.count("connectionError"), 0);
  await client.shutdown();
  await world.state(client, "disconnected");
};

exports["02 without a cdsUri a document is made and found by its SID"] = async (world) => {
  const client = world.client("alice");
  const made = await client.document({ mode: "create_new", data: { x: 1 } });
  const found = await world.client("bob").document({ id: made.sid, mode: "open_existing" });
  assert.deepEqual(found.data, { x: 1 });
};

exports["02 a cdsUri with a prefix leads to the same server"] = async (world) => {
  const client = world.client("alice", { cdsUri: `${world.told.url}/base` });
  const made = await client.document("board");
  await made.set({ x: 1 });
  assert.equal((await world.rest("GET", "/Documents/board")).data.x, 1);
};

exports["03 a bad token is denied for good"] = async (world) => {
  const grants = (service) => ({ grants: { identity: "alice", data_sync: { service_sid: service } } });
  const bad = {
    signature: world.forged({}, "wrong"),
    key: world.forged({ iss: "SK" + "0".repeat(32) }),
    account: world.forged({ sub: "AC" + "9".repeat(32) }),
    "no grant": world.forged({ grants: { identity: "alice" } }),
    "no identity": world.forged({ grants: { data_sync: { service_sid: world.told.service_sid } } }),
    service: world.forged(grants("IS" + "0".repeat(32))),
    garbage: "garbage",
  };
  for (const [what, token] of Object.entries(bad)) {
    const client = world.client(token, { raw: true });
    const error = await client.events.next("connectionError");
    assert.ok(error.terminal, what);
    assert.ok([401, 403].includes(error.httpStatusCode), what);
    assert.ok(Number.isInteger(error.errorCode), what);
    await world.state(client, "denied");
    await assert.rejects(client.document("x"), /Unable to connect/, what);
  }
};

exports["04 an expired token is told, and a good one revives the client"] = async (world) => {
  const now = Math.floor(Date.now() / 1000);
  const client = world.client(world.forged({ nbf: now - 100, exp: now - 10 }));
  await client.events.next("tokenExpired");
  await world.state(client, "denied");
  assert.equal((await client.events.next("connectionError")).errorCode, 20104);
  await client.updateToken(world.token("alice"));
  assert.match((await client.document("x")).sid, /^ET/);
};

exports["05 a new token changes nothing for a live connection"] = async (world) => {
  const [alice, bob] = [await world.connected("alice"), world.client("bob")];
  const mine = await alice.document("board");
  await world.live(mine);
  const before = alice.states().length;
  await alice.updateToken(world.token("alice", { ttl: 1800 }));
  await (await bob.document("board")).set({ n: 1 });
  await mine.events.next("updated");
  assert.equal(alice.states().length, before);
};

exports["06 a token that is somebody else's or garbage is refused, and a good one revives"] = async (world) => {
  for (const token of [world.token("mallory"), "garbage", world.token("alice", { service: "IS" + "0".repeat(32) })]) {
    const client = await world.connected("alice");
    await assert.rejects(client.updateToken(token), (why) => {
      assert.deepEqual([why.status, why.code], [400, 51130], why.stack);
      return true;
    });
    await world.state(client, "denied");
    await client.updateToken(world.token("alice", { ttl: 1801 }));
    assert.match((await client.document("x")).sid, /^ET/);
  }
};

exports["07 a token with 100 s left is warned about"] = async (world) => {
  const client = world.client(world.token("alice", { ttl: 100 }));
  await client.events.next("tokenAboutToExpire");
};

exports["08 a token that runs out ends the connection, and a later one revives it"] = async (world) => {
  const client = world.client(world.token("alice", { ttl: 3 }));
  await client.document("x");
  await client.events.next("tokenExpired");
  await client.events.until(() => ["disconnected", "denied"].includes(client.connectionState), "the end");
  await client.updateToken(world.token("alice"));
  await world.state(client, "connected");
};

exports["08 a token that is replaced in time does not run out"] = async (world) => {
  const client = await world.connected(world.token("alice", { ttl: 3 }));
  const doomed = world.client(world.token("alice", { ttl: 4 }));
  await client.updateToken(world.token("alice"));
  await doomed.events.next("tokenExpired");
  assert.equal(client.events.count("tokenExpired"), 0);
  assert.equal(client.connectionState, "connected");
};
