// Merges two changes of one text, so that people may write at the same time. Pure.

const LOW_HALF = /[\uDC00-\uDFFF]/;

// The one stretch in which two texts differ: from.slice(start, end) became text.
export function difference(from, to) {
  const shorter = Math.min(from.length, to.length);
  let start = 0;
  while (start < shorter && from[start] === to[start]) start += 1;
  // A character of two halves is never cut in two.
  if (start > 0 && (LOW_HALF.test(from[start]) || LOW_HALF.test(to[start]))) start -= 1;
  let same = 0;
  while (same < shorter - start && from.at(-1 - same) === to.at(-1 - same)) same += 1;
  if (same > 0 && LOW_HALF.test(from.at(-same))) same -= 1;
  return { start, end: from.length - same, text: to.slice(start, to.length - same) };
}

// What becomes of base when one changes it to mine and somebody else to theirs. Where both changed the same place,
// both texts stay, theirs first; of one text that goes on where the other ends, only the longer stays.
export function merge(base, mine, theirs) {
  if (mine === base || mine === theirs) return theirs;
  if (theirs === base) return mine;
  const a = difference(base, mine);
  const b = difference(base, theirs);
  if (a.start === b.start && a.end === b.end) {
    if (a.text.startsWith(b.text)) return mine;
    if (b.text.startsWith(a.text)) return theirs;
  }
  if (b.end <= a.start) return base.slice(0, b.start) + b.text + base.slice(b.end, a.start) + a.text + base.slice(a.end);
  if (a.end <= b.start) return base.slice(0, a.start) + a.text + base.slice(a.end, b.start) + b.text + base.slice(b.end);
  return base.slice(0, Math.min(a.start, b.start)) + b.text + a.text + base.slice(Math.max(a.end, b.end));
}

// Where a position in one text is after the text has become another.
export function moved(position, from, to) {
  const { start, end, text } = difference(from, to);
  if (position <= start) return position;
  return position >= end ? position + to.length - from.length : Math.min(position, start + text.length);
}
