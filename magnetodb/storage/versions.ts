import { randomFillSync } from 'node:crypto';
import { v1 } from 'uuid';
import { VERSION_BYTES, type Version } from './driver.js';

/** Random bytes for the next versions: a call of the generator takes ten times as long as the rest of a version. */
const pool = new Uint8Array(256 * VERSION_BYTES);
let taken = pool.length;

/**
 * A version for one write: a version 1 UUID of the time, a random clock sequence and a random node, unique over all
 * processes by 61 random bits within each millisecond.
 */
export function newVersion(): Version {
  if (taken === pool.length) {
    randomFillSync(pool);
    taken = 0;
  }
  const random = pool.subarray(taken, (taken += VERSION_BYTES));
  return v1({ random }, new Uint8Array(VERSION_BYTES));
}

/** Whether two versions are of the same write. */
export function sameVersion(a: Version, b: Version): boolean {
  return Buffer.compare(a, b) === 0;
}
