// Connections that break at random places while others write: what clients saw must add up to what the server has.

"use strict";

const assert = require("node:assert/strict");
const { isDeepStrictEqual } = require("node:util");

const ROUNDS = 6;
const WRITES = 40;
const KEYS = ["a", "b", "c/d", "e"];

// Numbers that look random, and are the same for a seed.
function random(seed) {
  let state = seed;
  return (below) => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return Math.floor((state / 2 ** 32) * below);
  };
}

// What the events of an object add up to. That holds for a client that only watches: one that reads an item before the
// item's event comes keeps it without emitting anything, and then leaves the event out as known.
class Emitted {
  constructor(entity) {
    this.items = new Map();
    for (const name of ["itemAdded", "itemUpdated"]) {
      entity.on(name, ({ item }) => this.items.set(String(item.key ?? item.index), item.data));
    }
    entity.on("itemRemoved", ({ key, index }) => this.items.delete(String(key ?? index)));
  }
}

// What the server told of an object, by events and by the answers to the client's own writes, before the client leaves
// anything out: that adds up for a client that writes, too.
class Told {
  constructor(entity, core) {
    this.items = new Map();
    this.ids = new Map();
    this.before(core, "_update", ({ type, id, item_key: key, item_index: index, item_data: data }) =>
      type.includes("_item_") && this.take(key ?? index, id, type.endsWith("removed") ? undefined : data));
    this.before(core, "_handleItemMutated", (name, url, id, revision, data, updated, expires, added, remote) =>
      remote || this.take(name, id, data));
    this.before(core, "_handleItemRemoved", (name, id, data, updated, remote) => remote || this.take(name, id));
  }

  before(core, name, look) {
    const method = core[name].bind(core);
    core[name] = (...told) => {
      look(...told);
      return method(...told);
    };
  }

  take(name, id, data) {
    const key = String(name);
    if (id <= (this.ids.get(key) ?? -1)) return;
    this.ids.set(key, id);
    if (data === undefined) this.items.delete(key);
    else this.items.set(key, structuredClone(data));
  }
}

class Watcher {
  constructor(world, name, client, relay, Kind) {
    Object.assign(this, { world, name, client, relay, Kind });
  }

  async open() {
    const { client, world } = this;
    this.doc = await client.document("board");
    this.list = await client.list("todo");
    this.map = await client.map("users");
    this.views = [this.list, this.map].map((one) => new this.Kind(one, this.world.core(one)));
    await Promise.all(this.all().map((one) => world.live(one)));
    return this;
  }

  all() {
    return [this.doc, this.list, this.map];
  }

  // Break the connection somewhere in what is to come.
  breakAfter(bytes) {
    this.states = this.client.states().length;
    this.relay.cutAfter(bytes);
  }

  // Wait until the connection was broken, at the latest now, and stands again.
  async back() {
    const broken = () => this.client.states().slice(this.states).includes("connecting");
    if (!broken()) this.relay.cut();
    await this.client.events.until(() => broken() && this.client.connectionState === "connected", "back");
  }

  async check(expected) {
    for (const [nth, view] of this.views.entries()) {
      this.compare(Object.fromEntries(view.items), expected.items[nth], `events ${nth}`);
    }
    this.compare(this.doc.data, expected.doc, "document");
    for (const [nth, entity] of [this.list, this.map].entries()) {
      const items = (await this.world.items(entity)).map((item) => [String(item.key ?? item.index), item.data]);
      this.compare(Object.fromEntries(items), expected.items[nth], `items ${nth}`);
    }
  }

  compare(seen, expected, what) {
    const keys = new Set([...Object.keys(seen), ...Object.keys(expected)]);
    const differing = [...keys].filter((key) => !isDeepStrictEqual(seen[key], expected[key]));
    const told = differing.map((key) => `${key}: ${JSON.stringify(seen[key])} not ${JSON.stringify(expected[key])}`);
    assert.equal(told.join(", "), "", `${what} of ${this.name}`);
  }
}

// What the server has, by REST.
async function truth(world) {
  const items = [];
  for (const [place, name] of [["/Lists/todo", "index"], ["/Maps/users", "key"]]) {
    const found = {};
    for (let more = `${place}/Items?PageSize=100`; more; ) {
      const page = await world.rest("GET", more);
      for (const item of page.items) found[String(item[name])] = item.data;
      more = page.meta.next_page_url && place + page.meta.next_page_url.split(/(?=\/Items\?)/)[1];
    }
    items.push(Object.fromEntries(Object.entries(found).sort()));
  }
  return { items, doc: (await world.rest("GET", "/Documents/board")).data };
}

function writes({ doc, list, map }, pick, count) {
  const key = () => KEYS[pick(KEYS.length)];
  const steps = [
    (n) => doc.set({ n }),
    (n) => doc.mutate((data) => ({ ...data, m: n })),
    (n) => list.push({ n }),
    (n) => list.set(pick(20), { n }),
    () => list.remove(pick(20)),
    (n) => map.set(key(), { n }),
    (n) => map.mutate(key(), (data) => ({ ...data, m: n })),
    () => map.remove(key()),
  ];
  return Array.from({ length: count }, (_, n) => ({ step: steps[pick(steps.length)], n }));
}

// A write may be refused, as for an item that is gone; what the connection's end did to it the client cannot know.
const tolerated = (error) => [0, 404, 412].includes(error.status) || error instanceof TypeError;

async function play(entities, pick, count, start) {
  for (const { step, n } of writes(entities, pick, count)) {
    await step(start + n).catch((error) => {
      if (!tolerated(error)) throw error;
    });
  }
}

for (const seed of [1, 2, 3]) {
  exports[`56 connections cut at random lose nothing, seed ${seed}`] = async (world) => {
    const pick = random(seed * 7919);
    const watchers = [];
    for (const [name, Kind] of [["alice", Told], ["bob", Emitted]]) {
      const relay = await world.relay();
      watchers.push(await new Watcher(world, name, await world.connected(name, { relay }), relay, Kind).open());
    }
    const carol = world.client("carol");
    const steady = { doc: await carol.document("board"), list: await carol.list("todo"), map: await carol.map("users") };
    for (let round = 0; round < ROUNDS; round++) {
      for (const watcher of watchers) watcher.breakAfter(1 + pick(20_000));
      const start = round * 1000;
      await Promise.all([
        play(steady, pick, WRITES, start),
        play(watchers[0], pick, 10, start + 500), // alice writes, too
      ]);
      await Promise.all(watchers.map((watcher) => watcher.back()));
    }
    await steady.doc.set({ end: true });
    await steady.map.set("end", {});
    const { index } = await steady.list.push({});
    for (const { views, doc, list, map } of watchers) {
      await list.events.until(() => views[0].items.has(String(index)), "the last list item");
      await map.events.until(() => views[1].items.has("end"), "the last map item");
      await doc.events.until(() => doc.data.end, "the last data");
    }
    const expected = await truth(world);
    for (const watcher of watchers.toReversed()) await watcher.check(expected);
  };
}
