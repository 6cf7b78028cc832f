/** The engine: all semantics of tables and items, over a storage driver. */
import type { Logger } from '../logging/logger.js';
import type { Consistency, StorageDriver } from '../storage/driver.js';
import { ContainerNotFoundError } from '../storage/errors.js';
import { batchGet, batchWrite } from './batches.js';
import { Catalogue } from './catalogue.js';
import { consistencyOf } from './consistency.js';
import { Deadline } from './deadline.js';
import { TableNotExistsError } from './errors.js';
import { Items } from './items.js';
import { quoted } from './names.js';
import { DEFAULT_ENGINE_OPTIONS, type EngineOptions } from './options.js';
import { planQuery, runQuery } from './query.js';
import type { Engine, ItemPage, ProjectId } from './requests.js';
import { planScan, runScan } from './scan.js';
import { fromStorage } from './storage-errors.js';
import { TableCache, type OpenTable } from './table-cache.js';
import { Tables } from './tables.js';
import { TaskExecutor } from './task-executor.js';

/** What an engine stands on. */
export interface EngineDependencies {
  readonly driver: StorageDriver;
  readonly logger: Logger;
  readonly options?: Partial<EngineOptions>;
  /** The clock, in milliseconds since 1970. */
  readonly now?: () => number;
}

/**
 * Makes an engine and starts its task executor, where the options want one. A store that can't serve at the moment
 * does not keep it from starting: requests are refused as unavailable until the store is back.
 */
export async function createEngine(dependencies: EngineDependencies): Promise<Engine> {
  const { driver, logger, now = Date.now } = dependencies;
  const options: EngineOptions = { ...DEFAULT_ENGINE_OPTIONS, ...dependencies.options };
  const catalogue = new Catalogue(driver);
  try {
    await catalogue.prepare();
  } catch (error) {
    logger.error('the storage does not answer; requests get 503 until it does', { error });
  }
  const executor = options.taskExecutor
    ? new TaskExecutor(catalogue, driver, logger, options, now)
    : undefined;
  const tables = new Tables(
    catalogue,
    new TableCache(catalogue, logger, options, now),
    executor,
    options,
    now,
  );
  const items = new Items(driver, options, now);
  executor?.start();

  /** Runs a write with its deadline, which covers looking the table up. */
  const write = <T>(
    project: ProjectId,
    name: string,
    run: (table: OpenTable, deadline: Deadline) => Promise<T>,
  ): Promise<T> => {
    const deadline = new Deadline(options.requestTimeoutMs);
    return tables.use(project, name, 'strong', (table) => run(table, deadline));
  };

  return {
    createTable: (project, definition) => tables.create(project, definition),
    listTables: (project, request) => tables.list(project, request),
    describeTable: (project, name) => tables.describe(project, name),
    deleteTable: (project, name) => tables.delete(project, name),

    getItem: (project, name, request) =>
      tables.use(project, name, consistencyOf(request), (table) => items.get(table, request)),
    putItem: (project, name, request) =>
      write(project, name, (table, deadline) => items.put(table, request, deadline)),
    updateItem: (project, name, request) =>
      write(project, name, (table, deadline) => items.update(table, request, deadline)),
    deleteItem: (project, name, request) =>
      write(project, name, (table, deadline) => items.delete(table, request, deadline)),

    query: (project, name, request) =>
      paged(tables, project, name, consistencyOf(request), (table) =>
        runQuery(driver, planQuery(table, request)),
      ),
    scan: (project, name, request) =>
      paged(tables, project, name, 'eventual', (table) =>
        runScan(driver, table, request, planScan(table, request)),
      ),

    batchGetItem: (project, requests) =>
      batchGet(tables, driver, project, requests, new Deadline(options.requestTimeoutMs)),
    batchWriteItem: (project, requests) =>
      batchWrite(tables, items, project, requests, new Deadline(options.requestTimeoutMs)),

    close: async () => {
      await executor?.close();
    },
  };
}

/** Pages of an open table. Only the first is tried again where the table's description was stale. */
async function* paged(
  tables: Tables,
  project: ProjectId,
  name: string,
  consistency: Consistency,
  read: (table: OpenTable) => AsyncGenerator<ItemPage>,
): AsyncGenerator<ItemPage> {
  let pages: AsyncGenerator<ItemPage> | undefined;
  const first = await tables.use(project, name, consistency, (table) => {
    pages = read(table);
    return pages.next();
  });
  if (first.done === true || pages === undefined) return;
  yield first.value;
  try {
    yield* pages;
  } catch (error) {
    // The table was deleted while its items were being read.
    throw error instanceof ContainerNotFoundError
      ? new TableNotExistsError(quoted(name))
      : fromStorage(error);
  }
}
