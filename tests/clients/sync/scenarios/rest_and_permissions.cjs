// REST beside the client, and what identities may do, as the contract's acceptance list has them.

"use strict";

const assert = require("node:assert/strict");

exports["49 what REST writes reaches the client, and the other way round"] = async (world) => {
  const client = world.client("bob");
  await world.rest("POST", "/Documents", { UniqueName: "board", Data: { n: 0 } });
  const [doc, list, map, stream] = [
    await client.document("board"), await client.list("todo"), await client.map("users"), await client.stream("drawing"),
  ];
  await Promise.all([doc, list, map, stream].map((one) => world.live(one)));
  await world.rest("POST", "/Documents/board", { Data: { n: 1 } });
  assert.deepEqual((await doc.events.next("updated")).data, { n: 1 });
  await world.rest("POST", "/Lists/todo/Items", { Data: { n: 1 } });
  await world.rest("POST", "/Lists/todo/Items/0", { Data: { n: 2 } });
  await world.rest("DELETE", "/Lists/todo/Items/0");
  await world.rest("POST", "/Maps/users/Items", { Key: "a/b", Data: { n: 1 } });
  await world.rest("POST", "/Maps/users/Items/a%2Fb", { Data: { n: 2 } });
  await world.rest("DELETE", "/Maps/users/Items/a%2Fb");
  for (const one of [list, map]) {
    await one.events.next("itemRemoved");
    const names = one.events.seen.map(({ name }) => name).filter((name) => name.startsWith("item"));
    assert.deepEqual(names, ["itemAdded", "itemUpdated", "itemRemoved"]);
  }
  await world.rest("POST", "/Streams/drawing/Messages", { Data: { n: 1 } });
  assert.deepEqual((await stream.events.next("messagePublished")).message.data, { n: 1 });
  await doc.set({ n: 2 });
  await list.push({ n: 3 });
  await map.set("c", { n: 3 });
  assert.equal((await world.rest("GET", "/Documents/board")).data.n, 2);
  assert.equal((await world.rest("GET", "/Lists/todo/Items/1")).data.n, 3);
  assert.equal((await world.rest("GET", "/Maps/users/Items/c")).created_by, "bob");
  for (const [one, place] of [[doc, "/Documents/board"], [list, "/Lists/todo"], [map, "/Maps/users"], [stream, "/Streams/drawing"]]) {
    await world.rest("DELETE", place);
    assert.equal((await one.events.next("removed")).isLocal, false);
  }
};

const KINDS = [
  {
    path: "Documents", open: (client, id) => client.document(id), read: (one) => one.data,
    write: (one) => one.set({ n: 1 }), remove: (one) => one.removeDocument(), make: { Data: { n: 0 } },
  },
  {
    path: "Lists", open: (client, id) => client.list(id), read: (one) => one.getItems(),
    write: (one) => one.push({ n: 1 }), remove: (one) => one.removeList(), make: {},
  },
  {
    path: "Maps", open: (client, id) => client.map(id), read: (one) => one.getItems(),
    write: (one) => one.set("k", { n: 1 }), remove: (one) => one.removeMap(), make: {},
  },
];

const grant = (world, kind, flags, identity = "bob") =>
  world.rest("POST", `/${kind.path}/secret/Permissions/${identity}`, {
    Read: flags.includes("r"), Write: flags.includes("w"), Manage: flags.includes("m"),
  });

exports["50 permissions decide who reads, writes and removes"] = async (world) => {
  await world.rest("POST", "", { AclEnabled: true });
  for (const kind of KINDS) {
    await world.rest("POST", `/${kind.path}`, { UniqueName: "secret", ...kind.make });
    await world.refused(kind.open(world.client("bob"), "secret"), 403, 54007);
    await grant(world, kind, "r");
    const one = await kind.open(world.client("bob"), "secret");
    await world.live(one);
    await kind.read(one);
    await world.refused(kind.write(one), 403, 54007);
    await world.refused(kind.remove(one), 403, 54007);
    await grant(world, kind, "rw");
    await kind.write(one);
    await world.refused(kind.remove(one), 403, 54007);
    await grant(world, kind, "rm");
    await world.refused(kind.write(one), 403, 54007);
    await kind.remove(one);
  }
  const stream = await world.client("bob").stream("open");
  await world.live(stream);
  await stream.publishMessage({ n: 1 });
  const theirs = await world.client("carol").stream("open");
  await theirs.publishMessage({ n: 2 });
  await world.refused(theirs.setTtl(60), 403, 54007);
  await world.refused(theirs.removeStream(), 403, 54007);
  await stream.setTtl(60);
  await stream.removeStream();
};

exports["51 what one makes is one's own"] = async (world) => {
  await world.rest("POST", "", { AclEnabled: true });
  for (const kind of KINDS) {
    const one = await kind.open(world.client("alice"), "own");
    await world.live(one);
    await kind.write(one);
    await world.refused(kind.open(world.client("mallory"), "own"), 403, 54007);
    await kind.remove(one);
  }
};

exports["52 a loss of read is told on return, and at once while connected"] = async (world) => {
  await world.rest("POST", "", { AclEnabled: true });
  const relay = await world.relay();
  const [near, far] = [await world.connected("bob"), await world.connected("bob", { relay })];
  for (const kind of KINDS) {
    await world.rest("POST", `/${kind.path}`, { UniqueName: "secret", ...kind.make });
    await grant(world, kind, "r");
  }
  const open = (client) => Promise.all(KINDS.map((kind) => kind.open(client, "secret")));
  const [here, there] = [await open(near), await open(far)];
  await Promise.all([...here, ...there].map((one) => world.live(one)));
  await world.away(far, relay);
  for (const kind of KINDS) await world.rest("DELETE", `/${kind.path}/secret/Permissions/bob`);
  relay.release();
  for (const one of [...here, ...there]) {
    const failure = await one.events.next("failure");
    assert.deepEqual([failure.status, failure.code], [403, 54007]);
  }
  const marker = await near.document("marker");
  await world.live(marker);
  await world.rest("POST", "/Documents/secret", { Data: { n: 1 } });
  await world.rest("POST", "/Documents/marker", { Data: { n: 1 } });
  await marker.events.next("updated");
  assert.equal(here[0].events.count("updated"), 0);
};

exports["53 another Service's objects are not there"] = async (world) => {
  const mine = await world.client("alice").document({ id: "board", data: { n: 1 } });
  const other = await fetch(`${world.told.url}/sync/v1/Services`, {
    method: "POST",
    headers: { authorization: "Basic " + Buffer.from(`${world.told.account_sid}:${world.told.auth_token}`).toString("base64") },
  }).then((answer) => answer.json());
  const stranger = world.client(world.token("alice", { service: other.sid }));
  await world.refused(stranger.document({ id: mine.sid, mode: "open_existing" }), 404, 54100);
  await world.refused(stranger.document({ id: "board", mode: "open_existing" }), 404, 54300);
  assert.notEqual((await stranger.document("board")).sid, mine.sid);
};

exports["55 a deleted Service takes its objects along"] = async (world) => {
  const client = await world.connected("bob");
  const [doc, list] = [await client.document("board"), await client.list("todo")];
  await Promise.all([world.live(doc), world.live(list)]);
  await world.rest("DELETE", "");
  for (const one of [doc, list]) await one.events.next("removed");
  await world.refused(client.document("x"), 404, 54050);
};

exports["55 a deleted key ends its connections"] = async (world) => {
  const client = await world.connected("bob");
  const { url, account_sid, auth_token, key_sid } = world.told;
  await fetch(`${url}/2010-04-01/Accounts/${account_sid}/Keys/${key_sid}.json`, {
    method: "DELETE",
    headers: { authorization: "Basic " + Buffer.from(`${account_sid}:${auth_token}`).toString("base64") },
  });
  await client.events.until(() => ["disconnected", "denied"].includes(client.connectionState), "the end");
};

exports["55 a query of insights is refused"] = async (world) => {
  await assert.rejects(world.client("bob").liveQuery("tr-worker", "x == 1"), (error) => error.code === 54502);
};
