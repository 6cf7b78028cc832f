/** How items lie in rows: one base row each, and one row for each index that the item is in. */
import {
  MAX_INDEX_NAME_LENGTH,
  MAX_KEY_BYTES,
  MAX_PARTITION_BYTES,
  MAX_WRITE_BYTES,
  writeSizeBytes,
  type Mutation,
  type RowKey,
  type RowRef,
} from '../storage/driver.js';
import { ValidationError } from './errors.js';
import type { IndexDefinition, TableDefinition } from './requests.js';
import { encodeStored, StoredItem } from './stored-item.js';
import { encodeHash, encodeRange, keyNames } from './table-schema.js';
import type { AttributeValue, Item } from './values.js';

const NOTHING = new Uint8Array(0);

/** A base row's key. */
export function baseKey(sortKey: Uint8Array): RowKey {
  return { index: '', indexKey: NOTHING, sortKey };
}

/**
 * Where an item lies, from its key or from the item itself, which `checkKey` or `checkItem` has accepted.
 * @throws {ValidationError} where a key is empty or too long.
 */
export function rowRef(table: TableDefinition, item: Item): RowRef {
  return { partition: partitionOf(table, item), key: baseKey(sortKeyOf(table, item)) };
}

/** @throws {ValidationError} where the HASH value is empty or too long. */
export function partitionOf(table: TableDefinition, item: Item): Uint8Array {
  return encodeHash(table.hashKey, attribute(item, table.hashKey));
}

/** The bytes of the RANGE value; none on a table without RANGE. @throws {ValidationError} */
export function sortKeyOf(table: TableDefinition, item: Item): Uint8Array {
  return table.rangeKey === undefined
    ? NOTHING
    : encodeRange(table.rangeKey, attribute(item, table.rangeKey));
}

function attribute(item: Item, name: string): AttributeValue {
  const value = item.get(name);
  if (value === undefined) throw new Error(`the checked item lacks its key attribute ${name}`);
  return value;
}

/** The row key of an item in an index; undefined: the item is not in it. @throws {ValidationError} */
export function indexRowKey(index: IndexDefinition, item: Item, sortKey: Uint8Array): RowKey | undefined {
  const value = item.get(index.rangeKey);
  if (value === undefined) return undefined;
  return { index: index.name, indexKey: encodeRange(index.rangeKey, value), sortKey };
}

/** The attributes that an index's rows hold; undefined: all. */
export function projectedNames(
  table: TableDefinition,
  index: IndexDefinition,
): readonly string[] | undefined {
  switch (index.projection.type) {
    case 'ALL':
      return undefined;
    case 'KEYS_ONLY':
      return keyNames(table, index);
    case 'INCLUDE':
      return [...new Set([...keyNames(table, index), ...index.projection.attributes])];
  }
}

/** What a write changes an item from and to, with the instants at which each expires. */
export interface ItemChange {
  readonly old?: { readonly item: Item; readonly expiresAtMs?: number };
  readonly new?: { readonly stored: StoredItem; readonly expiresAtMs?: number };
}

/**
 * The mutations of one atomic write that bring the base row and all index rows from the old item to the new one.
 * No row appears twice: an index entry whose key stays is overwritten, never deleted and put.
 * @throws {ValidationError} where a key of an index is empty or too long.
 */
export function mutationsFor(table: TableDefinition, base: RowKey, change: ItemChange): Mutation[] {
  const mutations: Mutation[] = [
    change.new === undefined
      ? { kind: 'delete', key: base }
      : put(base, change.new.stored, change.new.expiresAtMs),
  ];
  for (const index of table.indexes) {
    const before = change.old && indexRowKey(index, change.old.item, base.sortKey);
    const after = change.new && indexRowKey(index, change.new.stored.item, base.sortKey);
    if (before !== undefined && (after === undefined || !sameIndexKey(before, after))) {
      mutations.push({ kind: 'delete', key: before });
    }
    if (after !== undefined && change.new !== undefined) {
      const names = projectedNames(table, index);
      const projected = names === undefined ? change.new.stored : change.new.stored.project(names);
      mutations.push(put(after, projected, change.new.expiresAtMs));
    }
  }
  return mutations;
}

/** What the removal of one index entry adds to a write at most. */
const REMOVAL_BYTES = writeSizeBytes(new Uint8Array(MAX_PARTITION_BYTES), [
  {
    kind: 'delete',
    key: {
      index: 'x'.repeat(MAX_INDEX_NAME_LENGTH),
      indexKey: new Uint8Array(MAX_KEY_BYTES),
      sortKey: new Uint8Array(MAX_KEY_BYTES),
    },
  },
]);

/**
 * Checks that an item and its copies in all indexes fit one write. Room is kept for taking an older item's entries
 * away, so that the answer does not depend on what is stored.
 * @throws {ValidationError}
 */
export function checkWriteSize(table: TableDefinition, stored: StoredItem): void {
  const rows = 1 + table.indexes.length;
  // The same by a bound that needs no keys: few items of few tables come near the limit.
  if (rows * (stored.json.length + 1 + 2 * REMOVAL_BYTES) <= MAX_WRITE_BYTES) return;
  const { partition, key } = rowRef(table, stored.item);
  const mutations = mutationsFor(table, key, { new: { stored } });
  const sizeBytes = writeSizeBytes(partition, mutations) + table.indexes.length * REMOVAL_BYTES;
  if (sizeBytes > MAX_WRITE_BYTES) {
    throw new ValidationError(
      `The item and its copies in ${table.indexes.length} indexes have ${sizeBytes} bytes, which exceeds the maximum of ${MAX_WRITE_BYTES} bytes for one write`,
    );
  }
}

function put(key: RowKey, stored: StoredItem, expiresAtMs: number | undefined): Mutation {
  const value = encodeStored(stored);
  return expiresAtMs === undefined ? { kind: 'put', key, value } : { kind: 'put', key, value, expiresAtMs };
}

function sameIndexKey(a: RowKey, b: RowKey): boolean {
  return Buffer.compare(a.indexKey, b.indexKey) === 0;
}
