import { v1 } from 'uuid';
import { VERSION_BYTES, type Version } from './driver.js';

/** A version for one write: a version 1 UUID (time, counter, random node), unique over all processes. */
export function newVersion(): Version {
  return v1(undefined, new Uint8Array(VERSION_BYTES));
}

/** Whether two versions are of the same write. */
export function sameVersion(a: Version, b: Version): boolean {
  return Buffer.compare(a, b) === 0;
}
