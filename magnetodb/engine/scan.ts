/** scan: all items of a table, or of one segment of it, through a filter (data API, 10.4). */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Page, ScanRequest as RowScanRequest, StorageDriver } from '../storage/driver.js';
import { prepareFilter } from './conditions.js';
import { keyOf, PAGE_ROWS } from './query.js';
import type { ItemPage, ScanRequest } from './requests.js';
import { partitionOf, rowRef, sortKeyOf } from './rows.js';
import { decodeStored, type StoredItem } from './stored-item.js';
import type { OpenTable } from './table-cache.js';
import { checkKey } from './table-schema.js';

/** Conditions checked in one turn of the event loop, more or less: a filter may have hundreds of thousands. */
const CHECKS_PER_TURN = 100_000;

/** Where a scan begins: strictly after this row. */
export type ScanStart = RowScanRequest['after'];

/** Checks a scan's start key against the table. @throws {ValidationError} */
export function planScan(table: OpenTable, request: ScanRequest): ScanStart {
  const start = request.exclusiveStartKey;
  if (start === undefined) return undefined;
  checkKey(table.description, start);
  return {
    partition: partitionOf(table.description, start),
    sortKey: sortKeyOf(table.description, start),
  };
}

/** Reads a planned scan, page by page. */
export async function* runScan(
  driver: StorageDriver,
  table: OpenTable,
  request: ScanRequest,
  start: ScanStart,
): AsyncGenerator<ItemPage> {
  const matches = prepareFilter(request.filter);
  let checks = 0;
  let after = start;
  let remaining = request.limit ?? Infinity;
  for (;;) {
    const page: Page = await driver.scan(table.container, {
      segment: { index: request.segment, total: request.totalSegments },
      ...(after === undefined ? {} : { after }),
      limit: Math.min(PAGE_ROWS, remaining),
      consistency: 'eventual',
    });
    let count = 0;
    const items: StoredItem[] = [];
    let last: StoredItem | undefined;
    for (const row of page.rows) {
      last = decodeStored(row.value);
      if (request.filter.size > 0) {
        checks += request.filter.size;
        if (checks > CHECKS_PER_TURN) {
          checks = 0;
          await nextTurn();
        }
        if (!matches(last.item)) continue;
      }
      count += 1;
      if (request.select === 'COUNT') continue;
      items.push(request.attributesToGet === undefined ? last : last.project(request.attributesToGet));
    }
    if (last !== undefined) {
      const ref = rowRef(table.description, last.item);
      after = { partition: ref.partition, sortKey: ref.key.sortKey };
    }
    remaining -= page.rows.length;
    const reached = remaining <= 0 && last !== undefined;
    yield {
      items,
      count,
      scannedCount: page.rows.length,
      ...(reached && last !== undefined ? { lastEvaluatedKey: keyOf(table.description, last.item) } : {}),
    };
    if (reached || !page.more) return;
    await nextTurn();
  }
}
