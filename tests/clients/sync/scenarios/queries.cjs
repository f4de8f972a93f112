// Queries of lists and maps, as the contract's acceptance list has them.

"use strict";

const assert = require("node:assert/strict");

const COUNT = 25;
const key = (n) => `k${String(n).padStart(2, "0")}`;

async function both(world) {
  const [alice, bob] = [world.client("alice"), world.client("bob")];
  const [list, map] = [await alice.list("todo"), await alice.map("users")];
  for (let n = 0; n < COUNT; n++) await Promise.all([list.push({ n }), map.set(key(n), { n })]);
  return [[await bob.list("todo"), (n) => n], [await bob.map("users"), key]];
}

const numbers = (page) => page.items.map((item) => item.data.n);
const expected = (order) => (order === "desc" ? [...Array(COUNT).keys()].reverse() : [...Array(COUNT).keys()]);

exports["30 pages show all items once, in order, forwards and backwards"] = async (world) => {
  for (const [entity] of await both(world)) {
    for (const order of ["asc", "desc"]) {
      for (const pageSize of [4, 10, 25, 50]) {
        let page = await entity.getItems({ order, pageSize });
        assert.equal(page.hasPrevPage, false);
        const seen = numbers(page), pages = [page];
        while (page.hasNextPage) {
          page = await page.nextPage();
          seen.push(...numbers(page));
          assert.equal(page.hasPrevPage, true);
          pages.push(page);
        }
        assert.deepEqual(seen, expected(order), `${entity.sid} ${order} ${pageSize}`);
        // The client cannot turn back from a page that begins with index 0.
        if (page.items[0].index === 0) continue;
        const back = numbers(page);
        while (page.hasPrevPage) {
          page = await page.prevPage();
          back.unshift(...numbers(page));
        }
        assert.deepEqual(back, expected(order), `${entity.sid} ${order} ${pageSize} backwards`);
      }
    }
  }
};

exports["31 pages begin in the middle, beyond the end and between keys"] = async (world) => {
  const [[list], [map]] = await both(world);
  for (const [entity, at] of [[list, (n) => n], [map, key]]) {
    const up = await entity.getItems({ from: at(20), order: "asc", pageSize: 10 });
    assert.deepEqual(numbers(up), [20, 21, 22, 23, 24]);
    assert.deepEqual([up.hasPrevPage, up.hasNextPage], [true, false]);
    const down = await entity.getItems({ from: at(4), order: "desc", pageSize: 10 });
    assert.deepEqual(numbers(down), [4, 3, 2, 1, 0]);
    assert.deepEqual([down.hasPrevPage, down.hasNextPage], [true, false]);
    assert.deepEqual(numbers(await entity.getItems({ from: at(99), order: "asc" })), []);
    assert.equal(numbers(await entity.getItems({ from: at(99), order: "desc" }))[0], 24);
    assert.deepEqual(numbers(await entity.getItems()), expected("asc"));
  }
  assert.equal(numbers(await map.getItems({ from: "k10x", order: "asc" }))[0], 11);
  assert.equal(numbers(await map.getItems({ from: "k10x", order: "desc" }))[0], 10);
  const empty = await (await world.client("carol").list("empty")).getItems();
  assert.deepEqual([empty.items, empty.hasNextPage, empty.hasPrevPage], [[], false, false]);
};

exports["32 paging is no event"] = async (world) => {
  for (const [entity] of await both(world)) {
    const events = await world.live(entity);
    await world.items(entity, { pageSize: 10 });
    assert.deepEqual(events.seen.filter((one) => one.name.startsWith("item")), []);
  }
};
