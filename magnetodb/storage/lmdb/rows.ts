/**
 * How rows look as LMDB's keys and values. All rows live in one database; the first byte says what an entry is:
 *
 *     base row    02 | container (16) | hash of partition (16) | sortKey
 *     index row   03 | container (16) | hash of partition (16) | index name, 00 | indexKey, escaped | 00 01 | sortKey
 *     expiry      04 | instant (8) | the row's key
 *
 * A row's value is version (16) | instant of expiry (8) | length of partition (2) | partition | value. An instant is
 * a big-endian double, 0 for "never": for positive numbers its bytes ascend as the numbers do, so the entries under
 * 04 lie in the order in which they fall due. In an escaped key the byte 00 is written 00 FF; since the end is
 * 00 01, which is less than any byte that may follow in a longer key, escaped keys ascend as the keys do.
 *
 * The key holds a hash of the partition because LMDB bounds a key's length, and because a scan's segments are
 * slices of the hashes. The value holds the partition itself, so that a hash that two partitions share is noticed.
 */
import { hash } from 'node:crypto';
import { checkIndexName, checkKeyPart, checkPartition, checkRowKey } from '../checks.js';
import {
  VERSION_BYTES,
  type ContainerId,
  type KeyBound,
  type RangeRequest,
  type Row,
  type RowKey,
  type ScanRequest,
} from '../driver.js';

const BASE_ROW = 2;
const INDEX_ROW = 3;
const EXPIRY = 4;

const ID_BYTES = 16;
const HASH_BYTES = 16;
const INSTANT_BYTES = 8;
/** Kind, container, hash: what every row's key begins with. */
const ROW_PREFIX_BYTES = 1 + ID_BYTES + HASH_BYTES;
const EXPIRY_PREFIX_BYTES = 1 + INSTANT_BYTES;

const EXPIRY_OFFSET = VERSION_BYTES;
const PARTITION_LENGTH_OFFSET = EXPIRY_OFFSET + INSTANT_BYTES;
const PARTITION_OFFSET = PARTITION_LENGTH_OFFSET + 2;

const NO_BYTES = Buffer.alloc(0);
const ZERO = Buffer.from([0]);
const ESCAPED_END = Buffer.from([0, 1]);
/** Follows ESCAPED_END and all that may begin with it, and precedes an escaped 00. */
const PAST_ESCAPED_END = Buffer.from([0, 2]);

/** The entries from `from` on and before `to`, in LMDB's order. */
export interface Span {
  readonly from: Buffer;
  readonly to: Buffer;
}

/** A container's id as 16 bytes. */
export function idBytes(id: ContainerId): Buffer {
  return Buffer.from(id.replaceAll('-', ''), 'hex');
}

function hashOf(partition: Uint8Array): Buffer {
  return hash('sha256', partition, 'buffer').subarray(0, HASH_BYTES);
}

function rowPrefix(kind: number, id: Buffer, partition: Uint8Array): Buffer {
  checkPartition(partition);
  const prefix = Buffer.allocUnsafe(ROW_PREFIX_BYTES);
  prefix[0] = kind;
  id.copy(prefix, 1);
  hashOf(partition).copy(prefix, 1 + ID_BYTES);
  return prefix;
}

function escaped(key: Uint8Array): Uint8Array {
  if (!key.includes(0)) return key;
  const bytes = Buffer.allocUnsafe(key.length * 2);
  let length = 0;
  for (const byte of key) {
    bytes[length++] = byte;
    if (byte === 0) bytes[length++] = 0xff;
  }
  return bytes.subarray(0, length);
}

/** Makes the LMDB keys of one partition's rows; hashes the partition once. */
export class PartitionKeys {
  private readonly base: Buffer;

  constructor(
    id: Buffer,
    readonly partition: Uint8Array,
  ) {
    this.base = rowPrefix(BASE_ROW, id, partition);
  }

  /** A row's key. @throws RangeError for a key longer than the contract allows. */
  rowKey(key: RowKey): Buffer {
    checkRowKey(key);
    if (key.index === '') return Buffer.concat([this.base, key.sortKey]);
    return Buffer.concat([this.indexPrefix(key.index), escaped(key.indexKey), ESCAPED_END, key.sortKey]);
  }

  /** What a range selects: data of one index, or base rows, between two bounds and after a cursor. */
  rangeSpan(request: RangeRequest): Span {
    const { lower, upper, after, reverse } = request;
    const prefix = request.index === '' ? this.base : this.indexPrefix(request.index);
    let { from, to } = prefixSpan(prefix);
    if (lower !== undefined) from = this.beside(prefix, lower, !lower.inclusive, request.index);
    if (upper !== undefined) to = this.beside(prefix, upper, upper.inclusive, request.index);
    if (after !== undefined) {
      const last = this.rowKey({ index: request.index, indexKey: after.indexKey, sortKey: after.sortKey });
      if (reverse) to = lesser(to, last);
      else from = greater(from, next(last));
    }
    return { from, to };
  }

  /** The place before all rows that a bound's key selects, or, with `past`, after all of them. */
  private beside(prefix: Buffer, bound: KeyBound, past: boolean, index: string): Buffer {
    checkKeyPart(bound.key);
    if (index === '') return Buffer.concat([prefix, bound.key, past ? ZERO : NO_BYTES]);
    return Buffer.concat([prefix, escaped(bound.key), past ? PAST_ESCAPED_END : ESCAPED_END]);
  }

  private indexPrefix(index: string): Buffer {
    checkIndexName(index);
    const prefix = Buffer.concat([this.base, Buffer.from(index, 'latin1'), ZERO]);
    prefix[0] = INDEX_ROW;
    return prefix;
  }
}

/** The first key after `key` in byte order. */
function next(key: Buffer): Buffer {
  return Buffer.concat([key, ZERO]);
}

function greater(a: Buffer, b: Buffer): Buffer {
  return Buffer.compare(a, b) >= 0 ? a : b;
}

function lesser(a: Buffer, b: Buffer): Buffer {
  return Buffer.compare(a, b) <= 0 ? a : b;
}

/** All keys that begin with `prefix`, which holds a byte other than FF. */
function prefixSpan(prefix: Buffer): Span {
  const to = Buffer.from(prefix);
  let last = to.length - 1;
  while (to[last] === 0xff) last--;
  to[last] = (to[last] ?? 0) + 1;
  return { from: prefix, to: to.subarray(0, last + 1) };
}

/** All rows of a container: first its base rows, then its index rows. */
export function containerSpans(id: Buffer): readonly Span[] {
  return [BASE_ROW, INDEX_ROW].map((kind) => prefixSpan(Buffer.concat([Buffer.from([kind]), id])));
}

/** What a scan selects: base rows whose partition's hash lies in the segment's slice, after a cursor. */
export function scanSpan(id: Buffer, request: ScanRequest): Span {
  const { index, total } = request.segment;
  const whole = prefixSpan(Buffer.concat([Buffer.from([BASE_ROW]), id]));
  let from = index === 0 ? whole.from : segmentStart(id, index, total);
  const to = index === total - 1 ? whole.to : segmentStart(id, index + 1, total);
  if (request.after !== undefined) {
    const keys = new PartitionKeys(id, request.after.partition);
    const last = keys.rowKey({ index: '', indexKey: NO_BYTES, sortKey: request.after.sortKey });
    from = greater(from, next(last));
  }
  return { from, to };
}

function segmentStart(id: Buffer, index: number, total: number): Buffer {
  const start = Buffer.allocUnsafe(1 + ID_BYTES + 4);
  start[0] = BASE_ROW;
  id.copy(start, 1);
  start.writeUInt32BE(Math.floor((index * 2 ** 32) / total), 1 + ID_BYTES);
  return start;
}

/** The value to store for a row. `expiresAtMs` is positive, or undefined for a row that stays. */
export function rowValue(
  partition: Uint8Array,
  version: Uint8Array,
  value: Uint8Array,
  expiresAtMs: number | undefined,
): Buffer {
  const bytes = Buffer.allocUnsafe(PARTITION_OFFSET + partition.length + value.length);
  bytes.set(version, 0);
  bytes.writeDoubleBE(expiresAtMs ?? 0, EXPIRY_OFFSET);
  bytes.writeUInt16BE(partition.length, PARTITION_LENGTH_OFFSET);
  bytes.set(partition, PARTITION_OFFSET);
  bytes.set(value, PARTITION_OFFSET + partition.length);
  return bytes;
}

/** A stored row's instant of expiry in milliseconds since 1970; 0: it stays. */
export function expiryOf(stored: Buffer): number {
  return stored.readDoubleBE(EXPIRY_OFFSET);
}

/** Whether a stored row is absent already at `nowMs`. */
export function isExpired(stored: Buffer, nowMs: number): boolean {
  const expiresAtMs = expiryOf(stored);
  return expiresAtMs !== 0 && expiresAtMs <= nowMs;
}

/** Whether a stored row was written by the write with this version. */
export function hasVersion(stored: Buffer, version: Uint8Array): boolean {
  return stored.compare(version, 0, VERSION_BYTES, 0, VERSION_BYTES) === 0;
}

/** Whether a stored row belongs to this partition, not to another one with the same hash. */
export function isOf(stored: Buffer, partition: Uint8Array): boolean {
  const length = stored.readUInt16BE(PARTITION_LENGTH_OFFSET);
  if (length !== partition.length) return false;
  return stored.compare(partition, 0, length, PARTITION_OFFSET, PARTITION_OFFSET + length) === 0;
}

/** The row that a key and a stored value are. The row's arrays are parts of the two, which the caller gives away. */
export function rowOf(index: string, lmdbKey: Buffer, stored: Buffer): Row {
  const valueOffset = PARTITION_OFFSET + stored.readUInt16BE(PARTITION_LENGTH_OFFSET);
  const expiresAtMs = expiryOf(stored);
  return {
    key: rowKeyOf(index, lmdbKey),
    version: stored.subarray(0, VERSION_BYTES),
    value: stored.subarray(valueOffset),
    ...(expiresAtMs === 0 ? {} : { expiresAtMs }),
  };
}

function rowKeyOf(index: string, lmdbKey: Buffer): RowKey {
  if (index === '') {
    return { index, indexKey: NO_BYTES, sortKey: lmdbKey.subarray(ROW_PREFIX_BYTES) };
  }
  const start = ROW_PREFIX_BYTES + index.length + 1;
  // Unescapes in place: what is read is never behind what is written.
  let length = 0;
  let at = start;
  while (at < lmdbKey.length && !(lmdbKey[at] === 0 && lmdbKey[at + 1] === 1)) {
    const byte = lmdbKey[at] ?? 0;
    at += byte === 0 ? 2 : 1;
    lmdbKey[start + length++] = byte;
  }
  return { index, indexKey: lmdbKey.subarray(start, start + length), sortKey: lmdbKey.subarray(at + 2) };
}

/** The key of the entry that makes the sweeper find a row once it is due. */
export function expiryKey(expiresAtMs: number, rowKey: Buffer): Buffer {
  const key = Buffer.allocUnsafe(EXPIRY_PREFIX_BYTES + rowKey.length);
  key[0] = EXPIRY;
  key.writeDoubleBE(expiresAtMs, 1);
  rowKey.copy(key, EXPIRY_PREFIX_BYTES);
  return key;
}

/** The expiry entries that are due at `nowMs`, oldest first. */
export function dueSpan(nowMs: number): Span {
  // A row's key begins with a small byte, so FF is past all of this instant's entries.
  return { from: Buffer.from([EXPIRY]), to: expiryKey(Math.max(nowMs, 0), Buffer.from([0xff])) };
}

/** The instant and the row's key that an expiry entry's key holds. */
export function parseExpiryKey(key: Buffer): { expiresAtMs: number; rowKey: Buffer } {
  return { expiresAtMs: key.readDoubleBE(1), rowKey: key.subarray(EXPIRY_PREFIX_BYTES) };
}
