// Holds the shared board's merging to its rules; the argument is the module that does it. The exit code is 0 when it
// passes.

import assert from "node:assert/strict";
import { pathToFileURL } from "node:url";

const { difference, merge, moved } = await import(pathToFileURL(process.argv[2]));

const CASES = [
  // base, mine, theirs, together
  ["", "", "", ""],
  ["", "a", "", "a"],
  ["", "", "b", "b"],
  ["abc", "abc", "", ""],
  ["one two", "one TWO", "ONE two", "ONE TWO"],
  ["one two", "ONE two", "one TWO", "ONE TWO"],
  ["one two", "one two three", "zero one two", "zero one two three"],
  ["one", "one two", "", " two"], // what one deletes, the other's text outlives
  ["ab", "aXb", "aYb", "aYXb"],
  ["abcd", "aXd", "abYd", "aYXd"],
  ["", "ab", "a", "ab"], // what was sent already is not there twice
  ["", "a", "ab", "ab"],
  ["same", "other", "other", "other"],
  ["🙂", "🙃", "🙂!", "🙃!"],
  ["🙂", "🙂🙃", "🙁🙂", "🙁🙂🙃"],
];
for (const [base, mine, theirs, together] of CASES) {
  assert.equal(merge(base, mine, theirs), together, JSON.stringify([base, mine, theirs]));
}

for (const from of ["", "a", "ab", "aab", "🙂", "🙃🙂", "x🙂y"]) {
  for (const to of ["", "b", "ba", "abab", "🙃", "🙂🙂", "x🙃y"]) {
    const { start, end, text } = difference(from, to);
    assert.equal(from.slice(0, start) + text + from.slice(end), to);
    assert.ok(text.isWellFormed?.() ?? true, `${from} to ${to} cuts a character`);
    assert.equal(merge(from, to, from), to);
    assert.equal(merge(from, from, to), to);
  }
}

assert.equal(moved(1, "abc", "abXc"), 1); // before the change
assert.equal(moved(3, "abc", "aXbc"), 4); // behind it
assert.equal(moved(2, "abcd", "aXd"), 2); // inside it
assert.equal(moved(3, "abcd", "ad"), 1);
