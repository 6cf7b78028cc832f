/**
 * Partitions whose tokens are chosen. Cassandra's partitioner takes half of Murmur3's 128 bits; each step of that hash
 * can be undone, so for a key of two blocks the first may be anything, and the second follows from it and the token.
 */
import { randomBytes } from 'node:crypto';

const MASK = (1n << 64n) - 1n;
const C1 = 0x87c37b91114253d5n;
const C2 = 0x4cf5ad432745937fn;
const ADDED = [0x52dce729n, 0x38495ab5n] as const;
const MIXERS = [0xff51afd7ed558ccdn, 0xc4ceb9fe1a85ec53n] as const;
const BLOCK_BYTES = 16;

const wrap = (value: bigint): bigint => value & MASK;
const rotate = (value: bigint, by: bigint): bigint => wrap(value << by) | (wrap(value) >> (64n - by));
const rotateBack = (value: bigint, by: bigint): bigint => rotate(value, 64n - by);

/** What an odd number must be multiplied by to give 1, modulo 2^64. */
function inverse(odd: bigint): bigint {
  let result = 1n;
  // Each round doubles the bits that are right.
  for (let round = 0; round < 7; round += 1) result = wrap(result * (2n - odd * result));
  return result;
}

const mixFirst = (block: bigint): bigint => wrap(rotate(wrap(block * C1), 31n) * C2);
const mixSecond = (block: bigint): bigint => wrap(rotate(wrap(block * C2), 33n) * C1);
const unmixFirst = (mixed: bigint): bigint => wrap(rotateBack(wrap(mixed * inverse(C2)), 31n) * inverse(C1));
const unmixSecond = (mixed: bigint): bigint => wrap(rotateBack(wrap(mixed * inverse(C1)), 33n) * inverse(C2));

/** The state after a block of a key, from nothing. */
function afterFirstBlock(first: bigint, second: bigint): readonly [bigint, bigint] {
  const one = wrap(rotate(mixFirst(first), 27n) * 5n + ADDED[0]);
  const two = wrap(wrap(rotate(mixSecond(second), 31n) + one) * 5n + ADDED[1]);
  return [one, two];
}

/** Undoes the shuffling of the bits at the end. */
function unshuffle(value: bigint): bigint {
  const unshift = (shifted: bigint): bigint => shifted ^ (shifted >> 33n);
  return unshift(wrap(unshift(wrap(unshift(value) * inverse(MIXERS[1]))) * inverse(MIXERS[0])));
}

/** A new partition of 32 bytes with the token, which the partitioner gives it: −2^63 becomes 2^63 − 1. */
export function partitionWithToken(token: bigint): Buffer {
  const key = randomBytes(2 * BLOCK_BYTES);
  const [one, two] = afterFirstBlock(key.readBigUInt64LE(0), key.readBigUInt64LE(8));
  // The end of the hash, undone: any second half will do.
  const secondHalf = wrap(token * 3n + 1n);
  const end2 = unshuffle(secondHalf);
  const end1 = unshuffle(wrap(token - secondHalf));
  const length = BigInt(key.length);
  const sum2 = wrap(end2 - end1);
  const state2 = sum2 ^ length;
  const state1 = wrap(end1 - sum2) ^ length;
  // The second block that leads from the one state to the other.
  const fifth = inverse(5n);
  const turned1 = wrap(wrap(state1 - ADDED[0]) * fifth - two);
  const turned2 = wrap(wrap(state2 - ADDED[1]) * fifth - state1);
  key.writeBigUInt64LE(unmixFirst(rotateBack(turned1, 27n) ^ one), 16);
  key.writeBigUInt64LE(unmixSecond(rotateBack(turned2, 31n) ^ two), 24);
  return key;
}
