/**
 * Tables: their life cycle, and their use by item operations.
 *
 * create and delete write the intent (CREATING, DELETING) and a job, and return; task-executor.ts does the rest.
 * The job is written first, so that a table can't be left without one, whatever the storage does to the two writes: a
 * job without its table is dropped later.
 */
import { v1 as uuidV1 } from 'uuid';
import type { Consistency } from '../storage/driver.js';
import {
  ContainerNotFoundError,
  OutcomeUnknownError as StorageOutcomeUnknownError,
} from '../storage/errors.js';
import type { Catalogue, Job, JobRecord, TableRecord } from './catalogue.js';
import { Deadline } from './deadline.js';
import {
  OverQuotaError,
  ResourceInUseError,
  ServiceError,
  ServiceUnavailableError,
  TableAlreadyExistsError,
  TableNotExistsError,
} from './errors.js';
import { quoted } from './names.js';
import type { EngineOptions } from './options.js';
import type {
  ListTablesAnswer,
  ListTablesRequest,
  ProjectId,
  TableDefinition,
  TableDescription,
  TableName,
} from './requests.js';
import { fromStorage, translated, unavailable } from './storage-errors.js';
import type { OpenTable, TableCache } from './table-cache.js';
import { checkIndexes, checkTableDefinition } from './table-schema.js';
import { newJob, type TaskExecutor } from './task-executor.js';
import { checkIndexesAllowed, chooseWriteIsolation } from './write-isolation.js';
import { WriteQueue } from './write-queue.js';

export class Tables {
  readonly #creations: WriteQueue;

  constructor(
    private readonly catalogue: Catalogue,
    private readonly cache: TableCache,
    private readonly executor: TaskExecutor | undefined,
    private readonly options: EngineOptions,
    private readonly now: () => number,
  ) {
    this.#creations = new WriteQueue(options.maxQueuedWritesPerItem, 'new tables of one project');
  }

  /** See Engine.createTable. */
  async create(project: ProjectId, definition: TableDefinition): Promise<TableDescription> {
    checkIndexes(definition);
    checkTableDefinition(definition);
    const writeIsolation = chooseWriteIsolation(this.options, project, definition.name);
    checkIndexesAllowed(definition, writeIsolation);
    const deadline = new Deadline(this.options.requestTimeoutMs);
    // The tables of one project are added one by one: those that this process adds need not race each other.
    const creation = this.#creations.run(project, deadline, () => {
      const createdAtMs = this.now();
      const status = 'CREATING';
      const description = { ...definition, id: uuidV1(), status, createdAtMs, writeIsolation } as const;
      return this.writeIntent(project, description, deadline);
    });
    return await translated(creation);
  }

  private async writeIntent(
    project: ProjectId,
    description: TableDescription,
    deadline: Deadline,
  ): Promise<TableDescription> {
    const { name, id } = description;
    const job = newJob('create', { project, tableName: name, tableId: id }, description.createdAtMs);
    let written: JobRecord | undefined;
    try {
      for (let attempt = 0; attempt < this.options.writeAttempts; attempt += 1) {
        await deadline.backOff(attempt);
        // First, so that what is found out below holds until the table is added, or the table is not added. The job
        // is written after it in each attempt: see TaskExecutor.dropOrphan.
        const record = await this.catalogue.findProject(project);
        if ((await this.catalogue.findTable(project, name)) !== undefined) {
          throw new TableAlreadyExistsError(name);
        }
        await this.checkQuotas(project, attempt);
        written = await this.putJob(job);
        deadline.check();
        if (await this.catalogue.addTable(record, description)) {
          this.executor?.kick();
          return description;
        }
      }
      throw new ServiceUnavailableError('Other tables of the project kept coming first, please try again');
    } catch (error) {
      // Where the storage failed the table may be there, or may still come; else the job is for nothing. It would
      // be dropped later, too.
      if (error instanceof ServiceError && written !== undefined) {
        await this.catalogue.removeJob(written).catch(() => undefined);
      }
      throw error;
    }
  }

  /** Tables count in whatever state, until they are gone. @throws {OverQuotaError} where there is no room for one more. */
  private async checkQuotas(project: ProjectId, attempt: number): Promise<void> {
    const { tablesPerProject, tablesTotal } = this.options;
    if (tablesPerProject > 0) {
      const names = await this.catalogue.listTables(project, undefined, tablesPerProject);
      if (names.length >= tablesPerProject) {
        throw new OverQuotaError(
          `The project has ${names.length} tables; tables_per_project is ${tablesPerProject}`,
        );
      }
    }
    // This one is not exact in any case.
    if (tablesTotal > 0 && attempt === 0) {
      const count = await this.catalogue.countAllTables(tablesTotal);
      if (count >= tablesTotal) {
        throw new OverQuotaError(`The service has ${count} tables; tables_total is ${tablesTotal}`);
      }
    }
  }

  /**
   * Writes a job for a table whose record says nothing of it yet. So far the job means nothing to anybody: where its
   * outcome is unknown, nothing has been changed that a client could see.
   */
  private async putJob(job: Job): Promise<JobRecord> {
    try {
      return await this.catalogue.putJob(job);
    } catch (error) {
      throw error instanceof StorageOutcomeUnknownError ? unavailable(error) : error;
    }
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
    const deadline = new Deadline(this.options.requestTimeoutMs);
    for (let attempt = 0; attempt < this.options.writeAttempts; attempt += 1) {
      await deadline.backOff(attempt);
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
          if (await translated(this.markDeleting(record, deadline))) {
            return { ...record.description, status: 'DELETING' };
          }
      }
    }
    throw new ServiceUnavailableError(`Table '${name}' is being changed by others, please try again`);
  }

  /** @returns false where another has changed the table meanwhile. */
  private async markDeleting(record: TableRecord, deadline: Deadline): Promise<boolean> {
    await this.putJob(this.deleteJob(record));
    deadline.check();
    try {
      const isMarked = await this.catalogue.setStatus(record, 'DELETING');
      if (isMarked) this.executor?.kick();
      return isMarked;
    } finally {
      // Marked or not: where the storage failed, nobody knows.
      this.cache.forget(record.project, record.description.name);
    }
  }

  private deleteJob({ project, description }: TableRecord): Job {
    const table = { project, tableName: description.name, tableId: description.id };
    return newJob('delete', table, this.now());
  }

  /**
   * Runs an item operation on an ACTIVE table. Where its container turns out to be gone, the cached description was
   * stale: the table is looked up again, once. What the storage throws comes out as the engine's errors.
   * @param consistency `eventual` for what needs no quorum, and so goes on where the storage has lost it.
   * @throws {TableNotExistsError} {ValidationError} the table is not ACTIVE. {ServiceUnavailableError}
   */
  async use<T>(
    project: ProjectId,
    name: string,
    consistency: Consistency,
    run: (table: OpenTable) => Promise<T>,
  ): Promise<T> {
    const table = await this.cache.find(project, name, consistency);
    try {
      return await run(table);
    } catch (error) {
      if (!(error instanceof ContainerNotFoundError)) throw fromStorage(error);
    }
    this.cache.forget(project, name);
    const again = await this.cache.find(project, name, consistency);
    try {
      return await run(again);
    } catch (error) {
      if (!(error instanceof ContainerNotFoundError)) throw fromStorage(error);
      throw new ServiceUnavailableError(`The storage of table '${quoted(name)}' is missing`, {
        cause: error,
      });
    }
  }
}
