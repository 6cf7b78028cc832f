import { expect } from 'chai';
import fc from 'fast-check';
import {
  MAX_INDEX_NAME_LENGTH,
  MAX_KEY_BYTES,
  MAX_PARTITION_BYTES,
  containerId,
  type RowKey,
} from '../../../../magnetodb/storage/driver.js';
import {
  PartitionKeys,
  dueSpan,
  expiryKey,
  expiryOf,
  hasVersion,
  idBytes,
  isExpired,
  isOf,
  parseExpiryKey,
  rowOf,
  rowValue,
  scanSpan,
} from '../../../../magnetodb/storage/lmdb/rows.js';
import { newVersion } from '../../../../magnetodb/storage/versions.js';

const ID = idBytes(containerId('ffffffff-ffff-ffff-ffff-ffffffffffff')); // the hardest id for a successor
const PARTITION = Buffer.from('partition');
const NOTHING = Buffer.alloc(0);
/** LMDB's limit with pages of 8 KiB. */
const LMDB_MAX_KEY_BYTES = 4026;

const keyBytes = fc
  .array(fc.oneof(fc.constantFrom(0, 1, 2, 0xfe, 0xff), fc.nat(255)), { maxLength: 6 })
  .map((bytes) => Buffer.from(bytes));
const indexRowKey: fc.Arbitrary<RowKey> = fc.record({
  index: fc.constantFrom('a', 'a.', 'a-b', 'ab', 'Z'),
  indexKey: keyBytes,
  sortKey: keyBytes,
});
const rowKey: fc.Arbitrary<RowKey> = fc.oneof(
  indexRowKey,
  keyBytes.map((sortKey) => ({ index: '', indexKey: NOTHING, sortKey })),
);

describe('LMDB rows', () => {
  // The contract's order is LMDB's order of these keys; nothing else sorts.
  it('orders keys as the contract orders rows', () => {
    const keys = new PartitionKeys(ID, PARTITION);
    fc.assert(
      fc.property(rowKey, rowKey, (a, b) => {
        const expected =
          Buffer.compare(Buffer.from(a.index), Buffer.from(b.index)) ||
          Buffer.compare(a.indexKey, b.indexKey) ||
          Buffer.compare(a.sortKey, b.sortKey);
        expect(Buffer.compare(keys.rowKey(a), keys.rowKey(b))).to.equal(expected);
      }),
      { numRuns: 2000 },
    );
  });

  // A scan answers keys that it has parsed out of LMDB's.
  it('reads back the row that it wrote', () => {
    fc.assert(
      fc.property(rowKey, fc.uint8Array(), fc.option(fc.nat(), { nil: undefined }), (key, value, afterMs) => {
        const version = newVersion();
        const expiresAtMs = afterMs === undefined ? undefined : afterMs + 1;
        const stored = rowValue(PARTITION, version, value, expiresAtMs);
        const row = rowOf(key.index, new PartitionKeys(ID, PARTITION).rowKey(key), stored);
        expect(Buffer.from(row.key.indexKey).equals(key.indexKey)).to.equal(true);
        expect(Buffer.from(row.key.sortKey).equals(key.sortKey)).to.equal(true);
        expect(Buffer.from(row.value).equals(value)).to.equal(true);
        expect(Buffer.from(row.version).equals(version)).to.equal(true);
        expect(row.expiresAtMs).to.equal(expiresAtMs);
        expect(hasVersion(stored, version)).to.equal(true);
        expect(hasVersion(stored, newVersion())).to.equal(false);
      }),
    );
  });

  // LMDB refuses longer keys in the middle of a transaction, which dooms the writes of others in it.
  it('makes no key longer than LMDB takes, even of the longest parts', () => {
    const longest: RowKey = {
      index: 'i'.repeat(MAX_INDEX_NAME_LENGTH),
      indexKey: Buffer.alloc(MAX_KEY_BYTES, 0),
      sortKey: Buffer.alloc(MAX_KEY_BYTES, 0),
    };
    const keys = new PartitionKeys(ID, Buffer.alloc(MAX_PARTITION_BYTES, 1));
    const longestKey = expiryKey(1, keys.rowKey(longest));
    expect(longestKey.length).to.be.at.most(LMDB_MAX_KEY_BYTES);
  });

  // The caller's mistakes are found before the transaction, and are not the store's unavailability.
  it('refuses keys that the contract does not allow', () => {
    expect(() => new PartitionKeys(ID, NOTHING)).to.throw(RangeError);
    expect(() => new PartitionKeys(ID, Buffer.alloc(MAX_PARTITION_BYTES + 1))).to.throw(RangeError);
    const keys = new PartitionKeys(ID, PARTITION);
    const long = Buffer.alloc(MAX_KEY_BYTES + 1);
    expect(() => keys.rowKey({ index: '', indexKey: NOTHING, sortKey: long })).to.throw(RangeError);
    expect(() => keys.rowKey({ index: 'i', indexKey: long, sortKey: NOTHING })).to.throw(RangeError);
    expect(() => keys.rowKey({ index: '', indexKey: Buffer.from('k'), sortKey: NOTHING })).to.throw(
      RangeError,
    );
    for (const index of ['i'.repeat(MAX_INDEX_NAME_LENGTH + 1), 'a b', 'a\0', 'é', 'a/b']) {
      expect(() => keys.rowKey({ index, indexKey: NOTHING, sortKey: NOTHING })).to.throw(RangeError);
    }
  });

  // Two partitions with one hash do not happen by chance; if somebody finds a pair, rows must not be mixed up.
  it('knows rows of another partition by the partition in the value', () => {
    const stored = rowValue(PARTITION, newVersion(), Buffer.from('partition'), undefined);
    expect(isOf(stored, PARTITION)).to.equal(true);
    for (const other of ['partitio', 'partition ', 'Partition', 'partitionpartition']) {
      expect(isOf(stored, Buffer.from(other))).to.equal(false);
    }
  });

  it('takes a row for expired from its instant on', () => {
    const stored = rowValue(PARTITION, newVersion(), NOTHING, 1000);
    expect(expiryOf(stored)).to.equal(1000);
    expect(isExpired(stored, 999)).to.equal(false);
    expect(isExpired(stored, 1000)).to.equal(true);
    const stays = rowValue(PARTITION, newVersion(), NOTHING, undefined);
    expect(isExpired(stays, Number.MAX_SAFE_INTEGER)).to.equal(false);
  });

  // The sweeper reads the oldest entries first and stops at the first that is not due.
  it('orders expiry entries by their instants, and finds exactly those that are due', () => {
    const key = new PartitionKeys(ID, PARTITION).rowKey({ index: '', indexKey: NOTHING, sortKey: NOTHING });
    fc.assert(
      fc.property(fc.nat(Number.MAX_SAFE_INTEGER - 1), fc.nat(Number.MAX_SAFE_INTEGER - 1), (a, b) => {
        const entry = expiryKey(a + 1, key);
        expect(parseExpiryKey(entry)).to.deep.equal({ expiresAtMs: a + 1, rowKey: key });
        const { from, to } = dueSpan(b + 1);
        const isDue = Buffer.compare(entry, from) >= 0 && Buffer.compare(entry, to) < 0;
        expect(isDue).to.equal(a <= b);
      }),
      { numRuns: 1000 },
    );
    const { from, to } = dueSpan(5000);
    expect(Buffer.compare(expiryKey(5000, key), to)).to.be.below(0);
    expect(Buffer.compare(expiryKey(1, key), from)).to.be.above(0);
  });

  // A gap between two segments would lose items; an overlap would give them twice.
  it('makes segments that meet without gap or overlap', () => {
    for (const total of [1, 2, 3, 7, 1000, 4095, 4096]) {
      const spans = Array.from({ length: total }, (_, index) =>
        scanSpan(ID, { segment: { index, total }, limit: 1, consistency: 'strong' }),
      );
      for (let index = 1; index < total; index += 1) {
        expect(spans[index - 1]!.to.equals(spans[index]!.from)).to.equal(true);
        expect(Buffer.compare(spans[index]!.from, spans[index]!.to)).to.equal(-1);
      }
      const whole = scanSpan(ID, { segment: { index: 0, total: 1 }, limit: 1, consistency: 'strong' });
      expect(spans[0]!.from.equals(whole.from)).to.equal(true);
      expect(spans[total - 1]!.to.equals(whole.to)).to.equal(true);
    }
  });
});
