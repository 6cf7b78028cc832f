/**
 * The catalogue: which tables there are, and the jobs that make and drop their containers. Both are kept in
 * containers of their own, through the same driver interface as the tenants' rows.
 *
 * - `catalogue`: a partition a project, a row a table, by name, so that listing is a range. Beside them, under an
 *   index of its own, so that it is not listed, lies the project's record. Every new table writes it anew, guarded by
 *   its version: what was counted after it was read is still true when the table is written.
 * - `jobs`: one partition, a row a job, by the table's id and the kind of job.
 *
 * A row's value is JSON. Every change is guarded by the version that was read.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import {
  containerId,
  type Consistency,
  type Container,
  type Guard,
  type Mutation,
  type Row,
  type RowKey,
  type RowRef,
  type StorageDriver,
  type Version,
} from '../storage/driver.js';
import { newVersion } from '../storage/versions.js';
import type { IndexDefinition, ProjectId, TableDescription, TableName, TableStatus } from './requests.js';
import { baseKey } from './rows.js';
import type { V1Type } from './values.js';
import { containerKind, type WriteIsolation } from './write-isolation.js';

const CATALOGUE: Container = {
  id: containerId('00000000-0000-1000-8000-000000000001'),
  project: '',
  kind: 'guarded',
};
const JOBS: Container = {
  id: containerId('00000000-0000-1000-8000-000000000002'),
  project: '',
  kind: 'guarded',
};
const JOBS_PARTITION = Buffer.from('schema');
const PAGE_ROWS = 500;
const NOTHING = Buffer.alloc(0);
const PROJECT_KEY: RowKey = { index: 'project', indexKey: NOTHING, sortKey: NOTHING };

/** A project's record as it was read; without a row where the project never had a table. */
export interface ProjectRecord {
  readonly project: ProjectId;
  readonly row: Row | undefined;
}

/** A catalogue row as it was read. */
export interface TableRecord {
  readonly project: ProjectId;
  readonly description: TableDescription;
  readonly version: Version;
}

export interface Job {
  readonly kind: 'create' | 'delete';
  readonly project: ProjectId;
  readonly tableName: TableName;
  readonly tableId: string;
  /** Milliseconds since 1970, as all instants here. */
  readonly createdAtMs: number;
  /** Not to be done before. */
  readonly notBeforeMs: number;
  /** Of a delete job: since then no look-up finds the table ACTIVE, as somebody has read that it is DELETING. */
  readonly isSeen?: boolean;
  /** How often it was tried and failed. */
  readonly attempts: number;
  /** Until when its owner may work on it; 0: nobody does. */
  readonly leasedUntilMs: number;
}

export interface JobRecord {
  readonly job: Job;
  readonly version: Version;
}

interface StoredTable {
  /** Says the row's partition, which a scan does not; absent in older records. */
  readonly project?: ProjectId;
  readonly id: string;
  readonly status: TableStatus;
  readonly createdAtMs: number;
  readonly attributes: readonly (readonly [string, V1Type])[];
  readonly hashKey: string;
  readonly rangeKey?: string;
  readonly indexes: readonly IndexDefinition[];
  /** Absent: `always`, as all tables were before there was a choice. */
  readonly writeIsolation?: WriteIsolation;
}

export class Catalogue {
  #prepared: Promise<void> | undefined;

  constructor(private readonly driver: StorageDriver) {}

  /** Creates the catalogue's containers where they are missing. Tried again by the next call when it failed. */
  prepare(): Promise<void> {
    this.#prepared ??= this.createContainers().catch((error: unknown) => {
      this.#prepared = undefined;
      throw error;
    });
    return this.#prepared;
  }

  private async createContainers(): Promise<void> {
    await this.driver.createContainer(CATALOGUE);
    await this.driver.createContainer(JOBS);
  }

  /**
   * The table of that name, in whatever state. An eventual look does not prepare the containers, which a storage
   * without a quorum can't do. @throws {ContainerNotFoundError} from an eventual look, where they are missing.
   */
  async findTable(
    project: ProjectId,
    name: TableName,
    consistency: Consistency = 'strong',
  ): Promise<TableRecord | undefined> {
    if (consistency === 'strong') await this.prepare();
    const row = await this.driver.get(CATALOGUE, tableRef(project, name), consistency);
    if (row === undefined) return undefined;
    return {
      project,
      description: decodeTable(name, row.value),
      version: row.version,
    };
  }

  async findProject(project: ProjectId): Promise<ProjectRecord> {
    await this.prepare();
    const ref = { partition: Buffer.from(project), key: PROJECT_KEY };
    return { project, row: await this.driver.get(CATALOGUE, ref, 'strong') };
  }

  /**
   * Adds a table of a name that was free after `record` was read.
   * @returns false where another table has been added to the project since: nothing was written.
   */
  async addTable(record: ProjectRecord, description: TableDescription): Promise<boolean> {
    const { key } = tableRef(record.project, description.name);
    const value = encodeTable(record.project, description);
    return await this.writeProject(record, [{ kind: 'put', key, value }]);
  }

  /**
   * Changes the project's record and nothing else: a table whose adding began before and is still under way, even one
   * of unknown outcome, can't be added any more.
   * @returns false where another table has been added since `record` was read.
   */
  async touchProject(record: ProjectRecord): Promise<boolean> {
    return await this.writeProject(record, []);
  }

  private async writeProject({ project, row }: ProjectRecord, others: readonly Mutation[]): Promise<boolean> {
    const guard: Guard =
      row === undefined
        ? { kind: 'absent', key: PROJECT_KEY }
        : { kind: 'version', key: PROJECT_KEY, version: row.version };
    const value = row?.value ?? Buffer.from('{}');
    const mutations: Mutation[] = [{ kind: 'put', key: PROJECT_KEY, value }, ...others];
    return await this.write(CATALOGUE, Buffer.from(project), mutations, guard);
  }

  /** @returns false where another has changed the record meanwhile: nothing was written. */
  async setStatus(record: TableRecord, status: TableStatus): Promise<boolean> {
    const { partition, key } = tableRef(record.project, record.description.name);
    const value = encodeTable(record.project, { ...record.description, status });
    const guard: Guard = { kind: 'version', key, version: record.version };
    return await this.write(CATALOGUE, partition, [{ kind: 'put', key, value }], guard);
  }

  /** @returns false where another has changed the record meanwhile: nothing was written. */
  async removeTable(record: TableRecord): Promise<boolean> {
    const { partition, key } = tableRef(record.project, record.description.name);
    const guard: Guard = { kind: 'version', key, version: record.version };
    return await this.write(CATALOGUE, partition, [{ kind: 'delete', key }], guard);
  }

  /** Names of a project's tables in every state, ascending, bytewise. @param limit at least 1; absent: all. */
  async listTables(project: ProjectId, after?: string, limit = Infinity): Promise<TableName[]> {
    await this.prepare();
    const names: TableName[] = [];
    let last = after === undefined ? undefined : Buffer.from(after);
    while (names.length < limit) {
      const page = await this.driver.range(CATALOGUE, {
        partition: Buffer.from(project),
        index: '',
        reverse: false,
        limit: Math.min(PAGE_ROWS, limit - names.length),
        consistency: 'strong',
        ...(last === undefined ? {} : { after: { indexKey: NOTHING, sortKey: last } }),
      });
      for (const row of page.rows) {
        last = Buffer.from(row.key.sortKey);
        names.push(last.toString() as TableName);
      }
      if (!page.more) break;
      await nextTurn();
    }
    return names;
  }

  /**
   * How many tables all projects have together, up to `limit`, at least 1. Reads as many rows.
   * Records that don't name their project end the count where a page ends with them, which is as good as they allow.
   */
  async countAllTables(limit: number): Promise<number> {
    await this.prepare();
    let count = 0;
    let after: { partition: Uint8Array; sortKey: Uint8Array } | undefined;
    while (count < limit) {
      const page = await this.driver.scan(CATALOGUE, {
        segment: { index: 0, total: 1 },
        limit: Math.min(PAGE_ROWS, limit - count),
        consistency: 'strong',
        ...(after === undefined ? {} : { after }),
      });
      count += page.rows.length;
      const last = page.rows.at(-1);
      if (!page.more) break;
      if (last !== undefined) {
        const { project } = parseTable(last.value);
        if (project === undefined) break;
        after = { partition: Buffer.from(project), sortKey: last.key.sortKey };
      }
      await nextTurn();
    }
    return count;
  }

  /**
   * Writes a new job. One of that kind for that table which is still there, left over or being done, is replaced: who
   * has it loses its lease, and who wants to remove it finds that it has changed.
   */
  async putJob(job: Job): Promise<JobRecord> {
    return await this.writeJob(job, { kind: 'any' });
  }

  /** Writes a new job, unless there is one of that kind for that table. */
  async ensureJob(job: Job): Promise<void> {
    await this.writeJob(job, { kind: 'absent', key: jobKey(job) });
  }

  /** @returns the job's record; undefined where the guard did not hold: nothing was written. */
  private async writeJob(job: Job, guard: { readonly kind: 'any' }): Promise<JobRecord>;
  private async writeJob(job: Job, guard: Guard): Promise<JobRecord | undefined>;
  private async writeJob(job: Job, guard: Guard): Promise<JobRecord | undefined> {
    await this.prepare();
    const version = newVersion();
    const value = Buffer.from(JSON.stringify(job));
    const mutations: Mutation[] = [{ kind: 'put', key: jobKey(job), value }];
    const isApplied = await this.write(JOBS, JOBS_PARTITION, mutations, guard, version);
    return isApplied ? { job, version } : undefined;
  }

  /** All jobs, done by somebody or not. */
  async listJobs(): Promise<JobRecord[]> {
    await this.prepare();
    const jobs: JobRecord[] = [];
    let after: { indexKey: Uint8Array; sortKey: Uint8Array } | undefined;
    for (;;) {
      const page = await this.driver.range(JOBS, {
        partition: JOBS_PARTITION,
        index: '',
        reverse: false,
        limit: PAGE_ROWS,
        consistency: 'strong',
        ...(after === undefined ? {} : { after }),
      });
      for (const row of page.rows) {
        jobs.push({ job: JSON.parse(Buffer.from(row.value).toString()) as Job, version: row.version });
        after = { indexKey: row.key.indexKey, sortKey: row.key.sortKey };
      }
      if (!page.more) return jobs;
    }
  }

  /** @returns the changed record; undefined where another has changed it meanwhile: nothing was written. */
  async updateJob(record: JobRecord, change: Partial<Job>): Promise<JobRecord | undefined> {
    const job = { ...record.job, ...change };
    return await this.writeJob(job, { kind: 'version', key: jobKey(job), version: record.version });
  }

  /** Removes a job, unless another has changed it meanwhile: then it is another's, or a new one. */
  async removeJob(record: JobRecord): Promise<void> {
    const key = jobKey(record.job);
    const guard: Guard = { kind: 'version', key, version: record.version };
    await this.write(JOBS, JOBS_PARTITION, [{ kind: 'delete', key }], guard);
  }

  /** @returns whether the guard held. */
  private async write(
    container: Container,
    partition: Uint8Array,
    mutations: readonly Mutation[],
    guard: Guard,
    version = newVersion(),
  ): Promise<boolean> {
    const request = { partition, mutations, guard, version };
    return (await this.driver.write(container, request)) === 'applied';
  }
}

/** The container that holds a table's rows. */
export function containerOf(
  project: ProjectId,
  table: Pick<TableDescription, 'id' | 'writeIsolation'>,
): Container {
  return { id: containerId(table.id), project, kind: containerKind(table.writeIsolation) };
}

function tableRef(project: ProjectId, name: string): RowRef {
  return { partition: Buffer.from(project), key: baseKey(Buffer.from(name)) };
}

function jobKey(job: Job): ReturnType<typeof baseKey> {
  return baseKey(Buffer.from(`${job.tableId}/${job.kind}`));
}

function encodeTable(project: ProjectId, table: TableDescription): Buffer {
  const stored: StoredTable = {
    project,
    id: table.id,
    status: table.status,
    createdAtMs: table.createdAtMs,
    attributes: [...table.attributes],
    hashKey: table.hashKey,
    ...(table.rangeKey === undefined ? {} : { rangeKey: table.rangeKey }),
    indexes: table.indexes,
    writeIsolation: table.writeIsolation,
  };
  return Buffer.from(JSON.stringify(stored));
}

function decodeTable(name: TableName, value: Uint8Array): TableDescription {
  const { project: _project, attributes, writeIsolation = 'always', ...rest } = parseTable(value);
  return { ...rest, name, attributes: new Map(attributes), writeIsolation };
}

function parseTable(value: Uint8Array): StoredTable {
  return JSON.parse(Buffer.from(value).toString()) as StoredTable;
}
