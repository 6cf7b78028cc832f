/** query: the items of one HASH value, by RANGE or by an index (data API, 10.1 to 10.3). */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { KeyBound, Page, RangeRequest, Row, StorageDriver } from '../storage/driver.js';
import { encodeRange, checkKey, encodeBound, encodeHash, keyNames } from './table-schema.js';
import { consistencyOf } from './consistency.js';
import { ValidationError } from './errors.js';
import { prefixSuccessor } from './key-codec.js';
import { quoted } from './names.js';
import type {
  IndexDefinition,
  ItemPage,
  KeyCondition,
  QueryRequest,
  TableDefinition,
  TableDescription,
} from './requests.js';
import { baseKey, projectedNames, sortKeyOf } from './rows.js';
import { decodeStored, type StoredItem } from './stored-item.js';
import type { OpenTable } from './table-cache.js';
import { equalValues } from './compare.js';
import type { AttributeValue, Item } from './values.js';

/** Rows read in one turn of the event loop. */
export const PAGE_ROWS = 250;

/** Rows read in one turn where each stands for an item that must be fetched, and may be large. */
const FETCH_ROWS = 16;

/** How an answer's items come out of rows. */
type Shape =
  | { readonly kind: 'count' }
  | { readonly kind: 'stored' }
  | { readonly kind: 'project'; readonly names: readonly string[] }
  /** The index's rows lack what is asked for: the items themselves are read. */
  | { readonly kind: 'fetch'; readonly names?: readonly string[] };

interface QueryPlan {
  readonly table: OpenTable;
  readonly index: IndexDefinition | undefined;
  readonly range: Omit<RangeRequest, 'after' | 'limit'>;
  readonly after: RangeRequest['after'];
  readonly shape: Shape;
  readonly limit: number;
  /** True: the start key names another HASH value, so that nothing comes after it. */
  readonly empty: boolean;
}

/** Checks a query against the table, and says how to read it. @throws {ValidationError} */
export function planQuery(table: OpenTable, request: QueryRequest): QueryPlan {
  const { description } = table;
  const hash = hashCondition(description, request);
  const index = request.indexName === undefined ? undefined : findIndex(description, request.indexName);
  const rangeKey = index?.rangeKey ?? description.rangeKey;
  const condition = rangeKey === undefined ? undefined : request.keyConditions.get(rangeKey);
  if (rangeKey !== undefined && condition !== undefined) {
    const type = description.attributes.get(rangeKey);
    if (condition.values.some((value) => value.type !== type)) throw mismatch(description, request);
  }
  if (request.keyConditions.size > (condition === undefined ? 1 : 2)) throw mismatch(description, request);
  const start = request.exclusiveStartKey;
  if (start !== undefined) checkKey(description, start, index);

  const bounds = rangeKey === undefined || condition === undefined ? {} : boundsOf(rangeKey, condition);
  return {
    table,
    index,
    range: {
      partition: encodeHash(description.hashKey, hash),
      index: index?.name ?? '',
      ...bounds,
      reverse: !request.forward,
      consistency: consistencyOf(request),
    },
    after: start && startAfter(description, index, start),
    shape: shapeOf(description, index, request),
    limit: request.limit ?? Infinity,
    empty: start !== undefined && !hasHash(description, start, hash),
  };
}

function hashCondition(table: TableDescription, request: QueryRequest): AttributeValue {
  const condition = request.keyConditions.get(table.hashKey);
  if (condition === undefined) throw mismatch(table, request);
  const [value] = condition.values;
  if (condition.operator !== 'EQ' || value === undefined) {
    throw new ValidationError(
      `Only equality condition is allowed for HASH key attribute '${quoted(table.hashKey)}'`,
    );
  }
  if (value.type !== table.attributes.get(table.hashKey)) throw mismatch(table, request);
  return value;
}

function mismatch(table: TableDescription, request: QueryRequest): ValidationError {
  const conditions = [...request.keyConditions].map(
    ([name, { operator, values }]) =>
      `${quoted(name)} ${operator} ${values.map((value) => value.type).join(', ')}`,
  );
  const keys = keyNames(table).map((name) => `${quoted(name)}: ${table.attributes.get(name) ?? ''}`);
  const indexes = table.indexes.map((index) => `${index.name} on ${quoted(index.rangeKey)}`);
  return new ValidationError(
    quotedList('Specified query conditions', conditions) +
      quotedList(" don't match table schema:", [...keys, ...indexes]),
  );
}

function quotedList(head: string, entries: readonly string[]): string {
  return `${head} {${quoted(entries.join('; '))}}`;
}

function findIndex(table: TableDescription, name: string): IndexDefinition {
  const index = table.indexes.find((candidate) => candidate.name === name);
  if (index === undefined) {
    throw new ValidationError(`Index '${quoted(name)}' doesn't exist for table '${table.name}'`);
  }
  return index;
}

function boundsOf(name: string, condition: KeyCondition): { lower?: KeyBound; upper?: KeyBound } {
  const [first, second] = condition.values.map((value) => encodeBound(name, value));
  if (first === undefined) throw new Error(`the checked condition ${condition.operator} has no argument`);
  switch (condition.operator) {
    case 'EQ':
      return { lower: { key: first, inclusive: true }, upper: { key: first, inclusive: true } };
    case 'LT':
      return { upper: { key: first, inclusive: false } };
    case 'LE':
      return { upper: { key: first, inclusive: true } };
    case 'GT':
      return { lower: { key: first, inclusive: false } };
    case 'GE':
      return { lower: { key: first, inclusive: true } };
    case 'BETWEEN':
      return {
        lower: { key: first, inclusive: true },
        upper: { key: second ?? first, inclusive: true },
      };
    case 'BEGINS_WITH': {
      const end = prefixSuccessor(first);
      return {
        lower: { key: first, inclusive: true },
        ...(end === undefined ? {} : { upper: { key: end, inclusive: false } }),
      };
    }
  }
}

function startAfter(
  table: TableDescription,
  index: IndexDefinition | undefined,
  start: Item,
): RangeRequest['after'] {
  const sortKey = sortKeyOf(table, start);
  const value = index && start.get(index.rangeKey);
  const indexKey =
    index !== undefined && value !== undefined ? encodeRange(index.rangeKey, value) : new Uint8Array(0);
  return { indexKey, sortKey };
}

function hasHash(table: TableDescription, key: Item, hash: AttributeValue): boolean {
  const value = key.get(table.hashKey);
  return value !== undefined && equalValues(value, hash);
}

function shapeOf(table: TableDescription, index: IndexDefinition | undefined, request: QueryRequest): Shape {
  if (request.select === 'COUNT') return { kind: 'count' };
  const names = request.attributesToGet;
  const held = index && projectedNames(table, index);
  if (names !== undefined) {
    const lacking = held !== undefined && names.some((name) => !held.includes(name));
    return lacking ? { kind: 'fetch', names } : { kind: 'project', names };
  }
  return request.select === 'ALL_ATTRIBUTES' && held !== undefined ? { kind: 'fetch' } : { kind: 'stored' };
}

/** Reads a planned query, page by page. */
export async function* runQuery(driver: StorageDriver, plan: QueryPlan): AsyncGenerator<ItemPage> {
  if (plan.empty) {
    yield { items: [], count: 0, scannedCount: 0 };
    return;
  }
  const { table, index } = plan;
  const pageRows = plan.shape.kind === 'fetch' ? FETCH_ROWS : PAGE_ROWS;
  let after = plan.after;
  let remaining = plan.limit;
  for (;;) {
    const page: Page = await driver.range(table.container, {
      ...plan.range,
      ...(after === undefined ? {} : { after }),
      limit: Math.min(pageRows, remaining),
    });
    const last = page.rows.at(-1);
    if (last !== undefined) after = { indexKey: last.key.indexKey, sortKey: last.key.sortKey };
    const found = await itemsOf(driver, plan, page.rows);
    remaining -= found.count;
    const lastItem = found.last;
    const reached = remaining <= 0 && lastItem !== undefined;
    yield {
      items: found.items,
      count: found.count,
      scannedCount: found.count,
      ...(reached ? { lastEvaluatedKey: keyOf(table.description, lastItem.item, index) } : {}),
    };
    if (reached || !page.more) return;
    await nextTurn();
  }
}

interface Found {
  readonly items: readonly StoredItem[];
  readonly count: number;
  /** The last row's item, with all key attributes at least. */
  readonly last: StoredItem | undefined;
}

async function itemsOf(driver: StorageDriver, plan: QueryPlan, rows: readonly Row[]): Promise<Found> {
  const { shape } = plan;
  if (shape.kind === 'fetch') return await fetchItems(driver, plan, rows, shape.names);
  const lastRow = rows.at(-1);
  if (shape.kind === 'count') {
    return { items: [], count: rows.length, last: lastRow && decodeStored(lastRow.value) };
  }
  const stored = rows.map((row) => decodeStored(row.value));
  const items = shape.kind === 'stored' ? stored : stored.map((item) => item.project(shape.names));
  return { items, count: items.length, last: stored.at(-1) };
}

/** Reads the items that index rows stand for; one that has left its place in the index meanwhile is left out. */
async function fetchItems(
  driver: StorageDriver,
  plan: QueryPlan,
  rows: readonly Row[],
  names: readonly string[] | undefined,
): Promise<Found> {
  const { partition, consistency } = plan.range;
  const refs = rows.map((row) => ({ partition, key: baseKey(row.key.sortKey) }));
  const bases = await driver.getMany(plan.table.container, refs, consistency);
  const stored: StoredItem[] = [];
  bases.forEach((base, position) => {
    const entry = rows[position];
    if (base === undefined || entry === undefined || plan.index === undefined) return;
    const item = decodeStored(base.value);
    const value = item.item.get(plan.index.rangeKey);
    if (value === undefined) return;
    if (Buffer.compare(encodeRange(plan.index.rangeKey, value), entry.key.indexKey) !== 0) return;
    stored.push(item);
  });
  const items = names === undefined ? stored : stored.map((item) => item.project(names));
  return { items, count: items.length, last: stored.at(-1) };
}

/** An item's key as `last_evaluated_key` shows it: the table's key, and an index's RANGE attribute. */
export function keyOf(table: TableDefinition, item: Item, index?: IndexDefinition): Item {
  const key = new Map<string, AttributeValue>();
  for (const name of keyNames(table, index)) {
    const value = item.get(name);
    if (value !== undefined) key.set(name, value);
  }
  return key;
}
