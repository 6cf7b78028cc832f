/**
 * Tables: their life cycle, and the cache of their descriptions.
 *
 * create and delete write the intent (CREATING, DELETING) and a job, and return; task-executor.ts does the rest.
 * The job is written first, so that a table can't be left without one: a job without its table is dropped later.
 */
import { v1 as uuidV1 } from 'uuid';
import type { Container } from '../storage/driver.js';
import { ContainerNotFoundError } from '../storage/errors.js';
import { containerOf, type Catalogue, type Job, type TableRecord } from './catalogue.js';
import {
  ResourceInUseError,
  ServiceUnavailableError,
  TableAlreadyExistsError,
  TableNotExistsError,
  ValidationError,
} from './errors.js';
import { isTableName, quoted } from './names.js';
import type { EngineOptions } from './options.js';
import type {
  ListTablesAnswer,
  ListTablesRequest,
  ProjectId,
  TableDefinition,
  TableDescription,
  TableName,
} from './requests.js';
import { fromStorage, translated } from './storage-errors.js';
import { checkIndexes, checkTableDefinition } from './table-schema.js';
import { newJob, type TaskExecutor } from './task-executor.js';
import { checkIndexesAllowed, chooseWriteIsolation, type WriteIsolation } from './write-isolation.js';

/** A table that item operations may use: it was ACTIVE a short time ago. */
export interface OpenTable {
  readonly description: TableDescription;
  readonly container: Container;
}

interface CacheEntry {
  readonly table: OpenTable;
  readonly freshUntilMs: number;
}

export class Tables {
  readonly #cache = new Map<string, CacheEntry>();
  readonly #lookups = new Map<string, Promise<OpenTable>>();

  constructor(
    private readonly catalogue: Catalogue,
    private readonly executor: TaskExecutor | undefined,
    private readonly options: EngineOptions,
    private readonly now: () => number,
  ) {}

  /** See Engine.createTable. */
  async create(project: ProjectId, definition: TableDefinition): Promise<TableDescription> {
    checkIndexes(definition);
    checkTableDefinition(definition);
    const writeIsolation = chooseWriteIsolation(this.options, project, definition.name);
    checkIndexesAllowed(definition, writeIsolation);
    return await translated(this.writeIntent(project, definition, writeIsolation));
  }

  private async writeIntent(
    project: ProjectId,
    definition: TableDefinition,
    writeIsolation: WriteIsolation,
  ): Promise<TableDescription> {
    if ((await this.catalogue.findTable(project, definition.name)) !== undefined) {
      throw new TableAlreadyExistsError(definition.name);
    }
    const nowMs = this.now();
    const description: TableDescription = {
      ...definition,
      id: uuidV1(),
      status: 'CREATING',
      createdAtMs: nowMs,
      writeIsolation,
    };
    const job = newJob('create', { project, tableName: definition.name, tableId: description.id }, nowMs);
    const written = await this.catalogue.putJob(job);
    if (!(await this.catalogue.addTable(project, description))) {
      await this.catalogue.removeJob(written);
      throw new TableAlreadyExistsError(definition.name);
    }
    // A process whose clock is far ahead may have taken the job for an orphan in between.
    await this.catalogue.ensureJob(job);
    this.executor?.kick();
    return description;
  }

  /** See Engine.listTables. */
  async list(project: ProjectId, request: ListTablesRequest): Promise<ListTablesAnswer> {
    const names = await translated(
      this.catalogue.listTables(project, request.exclusiveStartTableName, request.limit),
    );
    const last = names.at(-1);
    return names.length === request.limit && last !== undefined
      ? { names, lastEvaluatedTableName: last }
      : { names };
  }

  /** See Engine.describeTable. */
  async describe(project: ProjectId, name: TableName): Promise<TableDescription> {
    return (await this.find(project, name)).description;
  }

  private async find(project: ProjectId, name: TableName): Promise<TableRecord> {
    const record = await translated(this.catalogue.findTable(project, name));
    if (record === undefined) throw new TableNotExistsError(name);
    return record;
  }

  /** See Engine.deleteTable. */
  async delete(project: ProjectId, name: TableName): Promise<TableDescription> {
    for (let attempt = 0; attempt < this.options.writeAttempts; attempt += 1) {
      const record = await this.find(project, name);
      switch (record.description.status) {
        case 'DELETING':
          // Usually there; if not, the table would never go.
          await translated(this.catalogue.ensureJob(this.deleteJob(record)));
          this.executor?.kick();
          return record.description;
        case 'CREATING':
          throw new ResourceInUseError(`Table '${name}' can't be deleted while its status is CREATING`);
        case 'ACTIVE':
        case 'CREATE_FAILED':
        case 'DELETE_FAILED':
          if (await translated(this.markDeleting(record))) {
            return { ...record.description, status: 'DELETING' };
          }
      }
    }
    throw new ServiceUnavailableError(`Table '${name}' is being changed by others, please try again`);
  }

  /** @returns false where another has changed the table meanwhile. */
  private async markDeleting(record: TableRecord): Promise<boolean> {
    const job = this.deleteJob(record);
    await this.catalogue.putJob(job);
    const marked = await this.catalogue.setStatus(record, 'DELETING');
    this.forget(record.project, record.description.name);
    if (marked) {
      await this.catalogue.ensureJob(job);
      this.executor?.kick();
    }
    return marked;
  }

  private deleteJob({ project, description }: TableRecord): Job {
    const nowMs = this.now();
    // Until every process has looked the table up again, one may still write to the container of a table that it
    // takes for ACTIVE; such a write must be refused or gone with the container, not hit the next table.
    const notBeforeMs = nowMs + this.options.tableCacheMs;
    const table = { project, tableName: description.name, tableId: description.id };
    return newJob('delete', table, nowMs, notBeforeMs);
  }

  /**
   * Runs an item operation on an ACTIVE table. Where its container turns out to be gone, the cached description was
   * stale: the table is looked up again, once. What the storage throws comes out as the engine's errors.
   * @throws {TableNotExistsError} {ValidationError} the table is not ACTIVE. {ServiceUnavailableError}
   */
  async use<T>(project: ProjectId, name: string, run: (table: OpenTable) => Promise<T>): Promise<T> {
    const table = this.cached(project, name) ?? (await this.open(project, name));
    try {
      return await run(table);
    } catch (error) {
      if (!(error instanceof ContainerNotFoundError)) throw fromStorage(error);
    }
    this.forget(project, name);
    const again = await this.open(project, name);
    try {
      return await run(again);
    } catch (error) {
      if (!(error instanceof ContainerNotFoundError)) throw fromStorage(error);
      throw new ServiceUnavailableError(`The storage of table '${quoted(name)}' is missing`, {
        cause: error,
      });
    }
  }

  private cached(project: ProjectId, name: string): OpenTable | undefined {
    const entry = this.#cache.get(cacheKey(project, name));
    return entry !== undefined && entry.freshUntilMs > this.now() ? entry.table : undefined;
  }

  /** Looks a table up; concurrent look-ups of one table are one. */
  private async open(project: ProjectId, name: string): Promise<OpenTable> {
    const key = cacheKey(project, name);
    const underWay = this.#lookups.get(key);
    if (underWay !== undefined) {
      try {
        return await underWay;
      } catch {
        // It began before this request and may have seen an older state of the table: one that begins now tells.
      }
    }
    return await (this.#lookups.get(key) ?? this.beginLookup(project, name, key));
  }

  private beginLookup(project: ProjectId, name: string, key: string): Promise<OpenTable> {
    const askedAtMs = this.now();
    const lookup = this.lookUp(project, name)
      .then((table) => {
        // Unless the table was forgotten meanwhile: what was seen before that must not come back.
        if (this.#lookups.get(key) === lookup) this.remember(key, table, askedAtMs);
        return table;
      })
      .finally(() => {
        if (this.#lookups.get(key) === lookup) this.#lookups.delete(key);
      });
    this.#lookups.set(key, lookup);
    return lookup;
  }

  private async lookUp(project: ProjectId, name: string): Promise<OpenTable> {
    const record = isTableName(name) ? await translated(this.catalogue.findTable(project, name)) : undefined;
    if (record === undefined) throw new TableNotExistsError(quoted(name));
    const { description } = record;
    if (description.status !== 'ACTIVE') {
      throw new ValidationError(
        `Can't execute request: Table '${name}' status '${description.status}' isn't ACTIVE`,
      );
    }
    return { description, container: containerOf(project, description) };
  }

  private remember(key: string, table: OpenTable, askedAtMs: number): void {
    if (this.#cache.size >= this.options.tableCacheEntries) {
      const oldest = this.#cache.keys().next();
      if (oldest.done !== true) this.#cache.delete(oldest.value);
    }
    this.#cache.set(key, { table, freshUntilMs: askedAtMs + this.options.tableCacheMs });
  }

  private forget(project: ProjectId, name: string): void {
    const key = cacheKey(project, name);
    this.#cache.delete(key);
    this.#lookups.delete(key);
  }
}

/** A project's id holds no slash. */
function cacheKey(project: ProjectId, name: string): string {
  return `${project}/${name}`;
}
