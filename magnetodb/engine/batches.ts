/**
 * batch_get_item and batch_write_item: all of a batch is checked before any of it is done (data API, 11). What the
 * deadline leaves no time for is unprocessed, as is what the store does not take.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import pMap from 'p-map';
import type { Row, StorageDriver } from '../storage/driver.js';
import { consistencyOf } from './consistency.js';
import type { Deadline } from './deadline.js';
import { OutcomeUnknownError, ServiceUnavailableError, ValidationError } from './errors.js';
import { itemToJson } from './item-codec.js';
import type { Items } from './items.js';
import { quoted } from './names.js';
import { keyOf } from './query.js';
import type {
  BatchGetAnswer,
  BatchGetRequest,
  BatchWriteAnswer,
  ProjectId,
  TableName,
  WriteRequest,
} from './requests.js';
import { rowRef } from './rows.js';
import { decodeStored, type StoredItem } from './stored-item.js';
import { checkKey } from './table-schema.js';
import type { Tables } from './tables.js';
import type { Item } from './values.js';

/** What one batch_get answers with at most, in bytes of items; the rest is left unprocessed. */
const MAX_BATCH_GET_BYTES = 16 * 1024 * 1024;
/** Keys read by one call to the driver, and in one turn of the event loop. */
const GET_CHUNK = 100;
/** Requests checked before others get their turn of the event loop. */
const CHECKS_PER_TURN = 500;
/** Writes of one batch under way at a time. */
const WRITES_IN_FLIGHT = 50;

/** See Engine.batchGetItem. */
export async function batchGet(
  tables: Tables,
  driver: StorageDriver,
  project: ProjectId,
  requests: ReadonlyMap<TableName, BatchGetRequest>,
  deadline: Deadline,
): Promise<BatchGetAnswer> {
  for (const [name, request] of requests) {
    await tables.use(project, name, consistencyOf(request), async ({ description }) => {
      for (const [position, key] of request.keys.entries()) {
        if (position % CHECKS_PER_TURN === CHECKS_PER_TURN - 1) await nextTurn();
        checkKey(description, key);
        rowRef(description, key);
      }
    });
  }
  const responses = new Map<TableName, StoredItem[]>();
  const unprocessed = new Map<TableName, BatchGetRequest>();
  let bytes = 0;
  let failure: unknown;
  let succeeded = 0;
  for (const [name, request] of requests) {
    const items: StoredItem[] = [];
    let left: Item[] = [];
    let next = 0;
    while (next < request.keys.length && bytes < MAX_BATCH_GET_BYTES) {
      const keys = request.keys.slice(next, next + GET_CHUNK);
      let rows: readonly (Row | undefined)[] = [];
      try {
        deadline.check();
        const consistency = consistencyOf(request);
        rows = await tables.use(project, name, consistency, ({ description, container }) =>
          driver.getMany(
            container,
            keys.map((key) => rowRef(description, key)),
            consistency,
          ),
        );
        succeeded += 1;
      } catch (error) {
        if (!(error instanceof ServiceUnavailableError)) throw error;
        failure = error;
        left.push(...keys);
        next += keys.length;
      }
      await nextTurn();
      for (const row of rows) {
        if (bytes >= MAX_BATCH_GET_BYTES) break;
        next += 1;
        if (row === undefined) continue;
        const stored = decodeStored(row.value);
        bytes += stored.json.length;
        items.push(request.attributesToGet === undefined ? stored : stored.project(request.attributesToGet));
      }
    }
    if (next < request.keys.length) left = left.concat(request.keys.slice(next));
    if (left.length > 0) unprocessed.set(name, { ...request, keys: left });
    if (items.length > 0) responses.set(name, items);
  }
  if (failure !== undefined && succeeded === 0) throw asError(failure);
  return { responses, unprocessed };
}

/** See Engine.batchWriteItem. */
export async function batchWrite(
  tables: Tables,
  items: Items,
  project: ProjectId,
  requests: ReadonlyMap<TableName, readonly WriteRequest[]>,
  deadline: Deadline,
): Promise<BatchWriteAnswer> {
  for (const [name, writes] of requests) {
    await tables.use(project, name, 'strong', async ({ description }) => {
      const seen = new Set<string>();
      for (const [position, write] of writes.entries()) {
        if (position % CHECKS_PER_TURN === CHECKS_PER_TURN - 1) await nextTurn();
        if (write.kind === 'put') items.checkPut({ description }, write.item);
        else checkKey(description, write.key);
        const attributes = write.kind === 'put' ? write.item : write.key;
        rowRef(description, attributes);
        const key = itemToJson(keyOf(description, attributes));
        if (seen.has(key)) {
          throw new ValidationError(
            `Can't execute request: More than one operation requested for item with keys ${quoted(key)} in table '${name}'`,
          );
        }
        seen.add(key);
      }
    });
  }
  const all = [...requests].flatMap(([name, writes]) => writes.map((write) => ({ name, write })));
  const outcomes = await pMap(
    all,
    async ({ name, write }): Promise<unknown> => {
      try {
        deadline.check();
        const alone = { expected: new Map(), returnValues: 'NONE' } as const;
        await tables.use<unknown>(project, name, 'strong', (table) =>
          write.kind === 'put'
            ? items.put(table, { item: write.item, ...alone }, deadline)
            : items.delete(table, { key: write.key, ...alone }, deadline),
        );
        return undefined;
      } catch (error) {
        return error;
      }
    },
    { concurrency: WRITES_IN_FLIGHT },
  );
  const unprocessed = new Map<TableName, WriteRequest[]>();
  let failure: unknown;
  outcomes.forEach((error, position) => {
    const done = all[position];
    if (error === undefined || done === undefined) return;
    failure ??= error;
    if (!isRetryable(error)) return;
    const left = unprocessed.get(done.name);
    if (left === undefined) unprocessed.set(done.name, [done.write]);
    else left.push(done.write);
  });
  const fatal = outcomes.find((error) => error !== undefined && !isRetryable(error));
  if (fatal !== undefined) throw asError(fatal);
  if (failure !== undefined && outcomes.every((error) => error !== undefined)) throw asError(failure);
  return { unprocessed };
}

/** Whether asking again, unchanged, may help. */
function isRetryable(error: unknown): boolean {
  return error instanceof ServiceUnavailableError || error instanceof OutcomeUnknownError;
}

function asError(error: unknown): Error {
  return error instanceof Error ? error : new Error('a write failed', { cause: error });
}
