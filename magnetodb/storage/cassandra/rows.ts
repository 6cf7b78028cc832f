/**
 * How rows look in Cassandra's tables, one table a container:
 *
 *     h     blob       partition key: the partition
 *     ix    text       clustering: the index's name, '' for base rows, which so come first
 *     ik    blob       clustering: indexKey, empty for base rows
 *     r     blob       clustering: sortKey
 *     item  blob       a byte of flags, what the flags name, then the row's value
 *
 * and on guarded containers, since a compare-and-set looks at columns:
 *
 *     v     timeuuid   the row's version
 *     x     bigint     the instant of expiry, in milliseconds since 1970; NEVER for a row that stays
 *     g     blob       never holds anything: what a write "changes" of a row that it is only guarded by
 *
 * On plain containers the version and the instant lie in `item`: cells of two writes with the same timestamp are
 * decided cell by cell, so what belongs together is one cell. On guarded ones `item` holds the version that the row
 * replaced, where the write knew it; it tells the writer of that one what became of a write without an answer.
 *
 * Rows are made by UPDATE alone. It leaves no row marker, so a row whose cells have expired is gone.
 */
import { types } from 'cassandra-driver';
import type { KeyBound, RangeRequest, Row, RowKey, ScanRequest } from '../driver.js';
import { VERSION_BYTES } from '../driver.js';

/** The `x` of a row that stays: no instant comes later. */
export const NEVER = 2n ** 63n - 1n;

const HAS_VERSION = 1;
const HAS_REPLACED = 2;
const HAS_EXPIRY = 4;
const INSTANT_BYTES = 8;

const NO_BYTES = Buffer.alloc(0);
const ZERO_BYTE = Buffer.from([0]);

/** Bytes as the Buffer that the client library wants, without a copy. */
export function buffer(bytes: Uint8Array): Buffer {
  return Buffer.isBuffer(bytes) ? bytes : Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

export function uuid(version: Uint8Array): types.Uuid {
  return new types.Uuid(buffer(version));
}

/** A row of a guarded container, with what only this driver knows of it. */
export interface GuardedRow {
  readonly version: Buffer;
  /** The version that this one replaced, where the write knew it. */
  readonly replaced?: Buffer;
}

/** The `item` of a row in a guarded container. */
export function guardedItem(value: Uint8Array, replaced: Uint8Array | undefined): Buffer {
  if (replaced === undefined) return Buffer.concat([Buffer.of(0), value]);
  return Buffer.concat([Buffer.of(HAS_REPLACED), replaced, value]);
}

/** The `item` of a row in a plain container. */
export function plainItem(value: Uint8Array, version: Uint8Array, expiresAtMs: number | undefined): Buffer {
  if (expiresAtMs === undefined) return Buffer.concat([Buffer.of(HAS_VERSION), version, value]);
  const instant = Buffer.allocUnsafe(INSTANT_BYTES);
  instant.writeDoubleBE(expiresAtMs);
  return Buffer.concat([Buffer.of(HAS_VERSION | HAS_EXPIRY), version, instant, value]);
}

/** `item` taken apart. */
interface ItemParts {
  readonly version?: Buffer;
  readonly replaced?: Buffer;
  readonly expiresAtMs?: number;
  readonly value: Buffer;
}

function partsOf(item: Buffer): ItemParts {
  const flags = item[0] ?? 0;
  let at = 1;
  const take = (length: number): Buffer => item.subarray(at, (at += length));
  const version = flags & HAS_VERSION ? take(VERSION_BYTES) : undefined;
  const replaced = flags & HAS_REPLACED ? take(VERSION_BYTES) : undefined;
  const expiresAtMs = flags & HAS_EXPIRY ? take(INSTANT_BYTES).readDoubleBE() : undefined;
  return {
    ...(version === undefined ? {} : { version }),
    ...(replaced === undefined ? {} : { replaced }),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
    value: item.subarray(at),
  };
}

/** A result's row: the columns that the statement names. */
export interface ResultRow {
  readonly h?: Buffer;
  readonly ix?: string;
  readonly ik?: Buffer;
  readonly r?: Buffer;
  readonly v?: types.Uuid | null;
  readonly x?: bigint | null;
  readonly item?: Buffer | null;
}

/** The row of a result; undefined: it has expired by `nowMs`. */
export function rowOf(found: ResultRow, key: RowKey, nowMs: number): Row | undefined {
  const { v, x, item } = found;
  // A row without cells can't be made here; one that lacks some is none of ours.
  if (item === null || item === undefined) return undefined;
  if (v === undefined || v === null) {
    const { version, expiresAtMs, value } = partsOf(item);
    if (version === undefined || (expiresAtMs !== undefined && expiresAtMs <= nowMs)) return undefined;
    return expiresAtMs === undefined ? { key, version, value } : { key, version, value, expiresAtMs };
  }
  const expiresAtMs = expiryOf(x);
  if (expiresAtMs !== undefined && expiresAtMs <= nowMs) return undefined;
  const flags = item[0] ?? 0;
  const value = item.subarray(flags & HAS_REPLACED ? 1 + VERSION_BYTES : 1);
  const version = v.getBuffer();
  return expiresAtMs === undefined ? { key, version, value } : { key, version, value, expiresAtMs };
}

/** The version of a guarded row, and the one that it replaced; undefined where there is no row. */
export function guardedRowOf(found: ResultRow | null): GuardedRow | undefined {
  const version = found?.v?.getBuffer();
  if (version === undefined) return undefined;
  const item = found?.item;
  const replaced = item === null || item === undefined ? undefined : partsOf(item).replaced;
  return replaced === undefined ? { version } : { version, replaced };
}

/** The instant that a guarded row's `x` stands for. */
export function expiryOf(x: bigint | null | undefined): number | undefined {
  return x === undefined || x === null || x === NEVER ? undefined : Number(x);
}

/** The `x` of a guarded row. */
export function expiryColumn(expiresAtMs: number | undefined): bigint {
  return expiresAtMs === undefined ? NEVER : BigInt(Math.ceil(expiresAtMs));
}

/** The longest time to live that Cassandra takes, in seconds: 20 years. */
const MAX_TTL_SECONDS = 630_720_000;
/** Unless told otherwise (storage_compatibility_mode), Cassandra keeps no instant of expiry from here on. */
const LAST_EXPIRY_MS = Date.UTC(2038, 0, 19, 3, 14, 6);

/**
 * A row's time to live for Cassandra, in whole seconds; 0: none. It ends at the instant or up to two seconds later, never
 * before: Cassandra counts from the whole second in which the row is written. Reads go by the instant. Where Cassandra can't keep it, the row has none: it is absent from its instant on
 * all the same, and its space comes back when it is written again.
 */
export function ttlSeconds(expiresAtMs: number | undefined, nowMs: number): number {
  if (expiresAtMs === undefined) return 0;
  const seconds = Math.max(0, Math.ceil((expiresAtMs - nowMs) / 1000)) + 1;
  return seconds > MAX_TTL_SECONDS || nowMs + seconds * 1000 > LAST_EXPIRY_MS ? 0 : seconds;
}

/** Clustering keys (ik, r) from `from` on and before `to`; without `to` up to the index's end. */
export interface Slice {
  readonly from: readonly [Buffer, Buffer];
  readonly to?: readonly [Buffer, Buffer];
}

/** What a range selects. A bound and a cursor are one slice, since the key that follows K is K and a byte 00. */
export function sliceOf(request: Omit<RangeRequest, 'limit' | 'consistency'>): Slice {
  const { index, lower, upper, after, reverse } = request;
  const isBase = index === '';
  // A bound is one on ik in an index, and one on r among base rows, whose ik is empty.
  const place = (key: Buffer): readonly [Buffer, Buffer] => (isBase ? [NO_BYTES, key] : [key, NO_BYTES]);
  const edge = ({ key, inclusive }: KeyBound, isLower: boolean): readonly [Buffer, Buffer] =>
    place(inclusive === isLower ? buffer(key) : successor(buffer(key)));

  let from = lower === undefined ? place(NO_BYTES) : edge(lower, true);
  let to = upper === undefined ? undefined : edge(upper, false);
  if (after !== undefined) {
    const last: readonly [Buffer, Buffer] = [
      isBase ? NO_BYTES : buffer(after.indexKey),
      buffer(after.sortKey),
    ];
    if (!reverse) {
      const next: readonly [Buffer, Buffer] = [last[0], successor(last[1])];
      if (compareKeys(next, from) > 0) from = next;
    } else if (to === undefined || compareKeys(last, to) < 0) {
      to = last;
    }
  }
  return to === undefined ? { from } : { from, to };
}

/** The least byte string greater than `key`. */
function successor(key: Buffer): Buffer {
  return Buffer.concat([key, ZERO_BYTE]);
}

function compareKeys(a: readonly [Buffer, Buffer], b: readonly [Buffer, Buffer]): number {
  return Buffer.compare(a[0], b[0]) || Buffer.compare(a[1], b[1]);
}

/** Tokens from `first` to `last`, both included. */
export interface TokenSpan {
  readonly first: bigint;
  readonly last: bigint;
}

const LEAST_TOKEN = -(2n ** 63n);
const GREATEST_TOKEN = 2n ** 63n - 1n;
const TOKENS = 2n ** 64n;

/** The token of a key with this hash. The least one is no key's: Cassandra gives such a key the greatest. */
export function keyToken(hash: bigint): bigint {
  return hash === LEAST_TOKEN ? GREATEST_TOKEN : hash;
}

/** A segment's slice of the ring. The spans of one total meet without gap or overlap. */
export function tokenSpan({ index, total }: ScanRequest['segment']): TokenSpan {
  const edge = (at: number): bigint => LEAST_TOKEN + (TOKENS * BigInt(at)) / BigInt(total);
  return { first: edge(index), last: edge(index + 1) - 1n };
}
