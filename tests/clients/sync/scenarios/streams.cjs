// Streams, as the contract's acceptance list has them.

"use strict";

const assert = require("node:assert/strict");

exports["38 a message is told once to everybody, in order"] = async (world) => {
  const [alice, bob] = [world.client("alice"), world.client("bob")];
  const [mine, theirs] = [await alice.stream("drawing"), await bob.stream("drawing")];
  await Promise.all([world.live(mine), world.live(theirs)]);
  const sent = await mine.publishMessage({ n: 0 });
  assert.match(sent.sid, /^TZ[0-9a-f]{32}$/);
  const { message, isLocal } = await theirs.events.next("messagePublished");
  assert.deepEqual([message.sid, message.data, isLocal], [sent.sid, { n: 0 }, false]);
  assert.equal((await mine.events.next("messagePublished")).isLocal, true);
  for (let n = 1; n <= 20; n++) await mine.publishMessage({ n });
  await theirs.events.next("messagePublished", 21);
  assert.deepEqual(theirs.events.of("messagePublished").map((event) => event.message.data.n), [...Array(21).keys()]);
  assert.equal(mine.events.count("messagePublished"), 21);
};

exports["38 a message has a size, and a stream an end"] = async (world) => {
  const [alice, bob] = [world.client("alice"), world.client("bob")];
  const [mine, theirs] = [await alice.stream("drawing"), await bob.stream("drawing")];
  await Promise.all([world.live(mine), world.live(theirs)]);
  await world.refused(mine.publishMessage({ text: "x".repeat(5000) }), 413, 54006);
  await mine.setTtl(1000);
  assert.ok((await world.rest("GET", "/Streams/drawing")).date_expires);
  await mine.removeStream();
  assert.equal((await theirs.events.next("removed")).isLocal, false);
  await world.refused(theirs.publishMessage({ n: 1 }), 404, 54250);
  const brief = await bob.stream({ id: "brief", ttl: 2 });
  await world.live(brief);
  await brief.events.next("removed");
};
