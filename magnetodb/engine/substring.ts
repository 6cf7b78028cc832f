/**
 * Whether a text or bytes hold a part, in time that grows with their lengths' sum.
 *
 * V8's and Node's own searches are quicker on ordinary input, but for some they compare nearly the whole part at nearly
 * every place: 13 seconds for two values that fit an item. So long parts, and only these, are looked for by Knuth,
 * Morris and Pratt: what has matched so far is never compared again. `fallbacks[n]` tells how much of the part's
 * beginning still matches when the unit behind its first n units doesn't:
 *
 *   part       a b a b c
 *   fallbacks  0 0 0 1 2   (after "abab" and no "c": the last "ab" may be the beginning of the next try)
 */

/** Up to this many units (UTF-16 units, bytes), what the slow cases of the built-in searches cost is bearable. */
const MAX_BUILT_IN_LENGTH = 64;

/** As `text.includes(part)`. */
export function includesText(text: string, part: string): boolean {
  if (part.length <= MAX_BUILT_IN_LENGTH || part.length > text.length) return text.includes(part);
  return includesUnits(unitsOf(text), unitsOf(part));
}

/** Whether `part` stands somewhere in `bytes`; no bytes stand everywhere. */
export function includesBytes(bytes: Uint8Array, part: Uint8Array): boolean {
  if (part.length <= MAX_BUILT_IN_LENGTH || part.length > bytes.length) {
    return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).indexOf(part) >= 0;
  }
  return includesUnits(bytes, part);
}

type Units = Uint8Array | Uint16Array;

function unitsOf(text: string): Uint16Array {
  const units = new Uint16Array(text.length);
  for (let i = 0; i < text.length; i++) units[i] = text.charCodeAt(i);
  return units;
}

function includesUnits(units: Units, part: Units): boolean {
  const fallbacks = fallbacksOf(part);
  let matched = 0;
  for (const unit of units) {
    while (matched > 0 && part[matched] !== unit) matched = fallbacks[matched] ?? 0;
    if (part[matched] === unit) matched++;
    if (matched === part.length) return true;
  }
  return false;
}

/** For each n: the length of the longest beginning of the part that its first n units end with, but aren't. */
function fallbacksOf(part: Units): Uint32Array {
  const fallbacks = new Uint32Array(part.length);
  let matched = 0;
  for (let n = 1; n + 1 < part.length; n++) {
    while (matched > 0 && part[matched] !== part[n]) matched = fallbacks[matched] ?? 0;
    if (part[matched] === part[n]) matched++;
    fallbacks[n + 1] = matched;
  }
  return fallbacks;
}
