// What a Service's webhook is told of clients and of REST, signed so that the SDK's validator accepts it.

"use strict";

const assert = require("node:assert/strict");
const http = require("node:http");

// A receiver of webhooks: what it was told, in order.
class Receiver {
  constructor(world) {
    this.told = [];
    this.waiting = new Set();
    this.server = http.createServer((request, response) => {
      let body = "";
      request.on("data", (piece) => (body += piece));
      request.on("end", () => {
        const form = Object.fromEntries(new URLSearchParams(body));
        const signature = request.headers["x-twilio-signature"];
        const url = `http://${request.headers.host}${request.url}`;
        const genuine = world.twilio.validateRequest(world.told.auth_token, signature, url, form);
        this.told.push({ ...form, genuine });
        response.end();
        for (const look of [...this.waiting]) look();
      });
    });
  }

  async start() {
    await new Promise((resolve) => this.server.listen(0, "127.0.0.1", resolve));
    this.url = `http://127.0.0.1:${this.server.address().port}/told%20so?by=%C3%BC`;
    return this;
  }

  // Wait for so many; answers them.
  until(count) {
    return new Promise((resolve) => {
      const look = () => {
        if (this.told.length < count) return;
        this.waiting.delete(look);
        resolve(this.told);
      };
      this.waiting.add(look);
      look();
    });
  }
}

async function receiving(world, settings, play) {
  const receiver = await new Receiver(world).start();
  try {
    await world.rest("POST", "", { WebhookUrl: receiver.url, ...settings });
    await play(receiver);
    for (const one of receiver.told) {
      assert.ok(one.genuine, one.EventType);
      assert.deepEqual([one.AccountSid, one.ServiceSid], [world.told.account_sid, world.told.service_sid]);
    }
  } finally {
    receiver.server.closeAllConnections();
    receiver.server.close();
  }
}

const COMMON = ["AccountSid", "ServiceSid", "EventType", "Identity"];
const ITEM = (kind) => ["EventId", kind === "List" ? "ItemIndex" : "ItemKey", "ItemRevision"];

// The names of an event's own parameters, as documented.
function expected(type) {
  const [kind, ...rest] = type.split("_");
  const what = rest.join("_");
  const word = kind[0].toUpperCase() + kind.slice(1);
  const names = [`${word}Sid`, `${word}UniqueName`];
  if (what.startsWith("item_")) names.push(...ITEM(word), ...(what === "item_removed" ? [] : ["ItemData"]));
  else if (what === "message_published") names.push("MessageSid", "MessageData");
  else if (kind !== "stream") names.push(`${word}Revision`);
  if (kind === "document" && what !== "removed") names.push("DocumentData");
  return names;
}

const TYPES = [
  ...["created", "updated", "removed"].map((what) => `document_${what}`),
  ...["created", "item_added", "item_updated", "item_removed", "removed"].map((what) => `list_${what}`),
  ...["created", "item_added", "item_updated", "item_removed", "removed"].map((what) => `map_${what}`),
  ...["created", "message_published", "removed"].map((what) => `stream_${what}`),
];

function check(told, more) {
  assert.deepEqual(told.map((one) => one.EventType).sort(), [...TYPES].sort());
  for (const { genuine, ...one } of told) {
    const names = [...COMMON, ...more, ...expected(one.EventType)];
    assert.deepEqual(Object.keys(one).sort(), names.sort(), one.EventType);
  }
}

exports["58 what clients do is told to the webhook, with who and where from"] = (world) =>
  receiving(world, {}, async (receiver) => {
    const alice = await world.connected("alice ü");
    await world.rest("POST", "/Documents", { UniqueName: "not told" });
    const doc = await alice.document("dö c");
    await doc.set({ text: "ü" });
    await doc.removeDocument();
    const list = await alice.list("l");
    await list.push({ n: 1 });
    await list.set(0, { n: 2 });
    await list.remove(0);
    await list.removeList();
    const map = await alice.map();
    await map.set("k/ü", { n: 1 });
    await map.set("k/ü", { n: 2 });
    await map.remove("k/ü");
    await map.removeMap();
    const stream = await alice.stream("s");
    await stream.publishMessage({ n: 1 });
    await stream.removeStream();

    const told = await receiver.until(TYPES.length);
    check(told, ["EndpointId"]);
    const of = (type) => told.find((one) => one.EventType === type);
    assert.deepEqual([...new Set(told.map((one) => one.Identity))], ["alice ü"]);
    assert.equal(new Set(told.map((one) => one.EndpointId)).size, 1);
    assert.deepEqual(
      [of("document_updated").DocumentUniqueName, of("document_updated").DocumentRevision, of("document_updated").DocumentData],
      ["dö c", "1", '{"text":"ü"}']
    );
    const changed = of("map_item_updated");
    assert.deepEqual(
      [changed.MapUniqueName, changed.EventId, changed.ItemKey, changed.ItemRevision, changed.ItemData],
      ["", "1", "k/ü", "1", '{"n":2}']
    );
  });

exports["58 what REST does is told as the system's when the Service says so"] = (world) =>
  receiving(world, { WebhooksFromRestEnabled: true }, async (receiver) => {
    const data = { n: 1 };
    await world.rest("POST", "/Documents", { UniqueName: "d" });
    await world.rest("POST", "/Documents/d", { Data: data });
    await world.rest("DELETE", "/Documents/d");
    for (const [kind, key, name] of [["Lists", {}, "0"], ["Maps", { Key: "k" }, "k"]]) {
      await world.rest("POST", `/${kind}`, { UniqueName: "c" });
      await world.rest("POST", `/${kind}/c/Items`, { ...key, Data: data });
      await world.rest("POST", `/${kind}/c/Items/${name}`, { Data: data });
      await world.rest("DELETE", `/${kind}/c/Items/${name}`);
      await world.rest("DELETE", `/${kind}/c`);
    }
    await world.rest("POST", "/Streams", { UniqueName: "s" });
    await world.rest("POST", "/Streams/s/Messages", { Data: data });
    await world.rest("DELETE", "/Streams/s");

    const told = await receiver.until(TYPES.length);
    check(told, []);
    assert.deepEqual([...new Set(told.map((one) => one.Identity))], ["system"]);
  });

exports["59 the last of an identity's clients to go is told after the window"] = (world) =>
  receiving(
    world,
    { ReachabilityWebhooksEnabled: true, ReachabilityDebouncingEnabled: true, ReachabilityDebouncingWindow: 1000 },
    async (receiver) => {
      const first = await world.connected("alice");
      await receiver.until(1);
      const second = await world.connected("alice");
      await receiver.until(2);
      await second.shutdown();
      await first.updateToken(world.token("alice", { ttl: 3000 }));
      await first.shutdown();
      const told = await receiver.until(3);
      assert.deepEqual(
        told.map((one) => [one.EventType, one.Identity]),
        [["endpoint_connected", "alice"], ["endpoint_connected", "alice"], ["endpoint_disconnected", "alice"]]
      );
      assert.ok(told.slice(0, 2).some((one) => one.EndpointId === told[2].EndpointId));
      assert.notEqual(told[0].EndpointId, told[1].EndpointId);
    }
  );
