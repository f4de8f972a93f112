// What a client meets on a server that keeps the documented limits.

"use strict";

const assert = require("node:assert/strict");

exports["57 too many writes of one object are refused, and others go on"] = async (world) => {
  const client = await world.connected("alice");
  const [busy, calm] = [await client.list("busy"), await client.list("calm")];
  const outcomes = await Promise.allSettled(Array.from({ length: 400 }, (_, n) => busy.push({ n })));
  const refused = outcomes.filter((one) => one.status === "rejected").map((one) => one.reason);
  assert.ok(refused.length > 0 && refused.length <= 201, refused.length);
  for (const error of refused) assert.deepEqual([error.status, error.code], [429, 54009]);
  await calm.push({ n: 1 });
};
