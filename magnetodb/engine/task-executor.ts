/**
 * Does the catalogue's jobs: makes the containers of new tables, drops those of deleted ones. It claims a job with a
 * lease by compare-and-set, renews the lease while it works, and records the table's new state. A process that dies
 * mid-way leaves a lease that runs out; another one does the job again, which is safe, since each step is repeatable.
 * So is a step of which nobody knows whether it was carried out, and one that is carried out late: what it would change
 * has another version by then. A job is removed last.
 *
 * A table is not dropped as soon as it is DELETING: other processes may take it for ACTIVE until they look it up again,
 * and write to it. Such a write must be refused or gone with the container, not hit the next table of that name. So the
 * executor that is the first to read DELETING puts the job off by the time that look-ups are believed; it can't be the
 * request, which does not know when its write is carried out.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import type { Container, StorageDriver } from '../storage/driver.js';
import type { LogFields, Logger } from '../logging/logger.js';
import { containerOf, type Catalogue, type Job, type JobRecord, type TableRecord } from './catalogue.js';
import type { EngineOptions } from './options.js';

/** A job whose table's record doesn't fit yet (its process died between the two writes) is dropped after this time. */
const ORPHAN_GRACE_MS = 60_000;
/** Jobs that one process does at a time. */
const JOBS_IN_FLIGHT = 4;
/** How long `close` waits for jobs under way. */
const CLOSE_PATIENCE_MS = 1_000;

export class TaskExecutor {
  #timer: NodeJS.Timeout | undefined;
  #running: Promise<void> | undefined;
  #again = false;
  #closed = false;

  constructor(
    private readonly catalogue: Catalogue,
    private readonly driver: StorageDriver,
    private readonly logger: Logger,
    private readonly options: EngineOptions,
    private readonly now: () => number,
  ) {}

  /** Looks for jobs now and then, until `close`. */
  start(): void {
    this.kick();
  }

  /** Looks for jobs at once, or once the present look is done. */
  kick(): void {
    if (this.#closed) return;
    if (this.#running !== undefined) {
      this.#again = true;
      return;
    }
    clearTimeout(this.#timer);
    this.#running = this.work().then((nextDueMs) => {
      this.#running = undefined;
      if (this.#closed) return;
      if (this.#again) {
        this.#again = false;
        this.kick();
        return;
      }
      const delayMs = Math.max(1, Math.min(this.options.jobPollMs, nextDueMs - this.now()));
      this.#timer = setTimeout(() => {
        this.kick();
      }, delayMs);
      this.#timer.unref();
    });
  }

  /**
   * Takes no new jobs, and waits a moment for those under way. What takes longer (a large table's rows) is left to its
   * lease: another process goes on with it, or this one when it is started again.
   */
  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    const patience = new AbortController();
    const given = sleep(CLOSE_PATIENCE_MS, undefined, { signal: patience.signal }).catch(() => undefined);
    await Promise.race([this.#running, given]);
    patience.abort();
  }

  /** Does what is due. @returns when the next job is due, in milliseconds since 1970; Infinity: none is known. */
  private async work(): Promise<number> {
    let nextDueMs = Infinity;
    try {
      const due: JobRecord[] = [];
      for (const record of await this.catalogue.listJobs()) {
        const dueMs = Math.max(record.job.notBeforeMs, record.job.leasedUntilMs);
        if (dueMs > this.now()) nextDueMs = Math.min(nextDueMs, dueMs);
        else due.push(record);
      }
      // Somebody waits for a new table; the rows of an old one may take long to go.
      due.sort((a, b) => Number(a.job.kind === 'delete') - Number(b.job.kind === 'delete'));
      await pMap(
        due,
        async (record) => {
          if (this.#closed) return;
          try {
            await this.claimAndDo(record);
          } catch (error) {
            // The others go on: it may be this table's part of the store alone that does not answer.
            this.logger.warn('a table job was broken off; trying again', { ...fieldsOf(record.job), error });
          }
        },
        { concurrency: JOBS_IN_FLIGHT },
      );
    } catch (error) {
      this.logger.warn('table jobs could not be read; trying again', { error });
    }
    return nextDueMs;
  }

  private async claimAndDo(found: JobRecord): Promise<void> {
    const table = await this.catalogue.findTable(found.job.project, found.job.tableName);
    const wanted = found.job.kind === 'create' ? 'CREATING' : 'DELETING';
    const isKnown = table?.description.id === found.job.tableId;
    if (!isKnown || table.description.status !== wanted) {
      // Done already by somebody who died before removing the job: a table that was made, or one that is gone. Or the
      // request that wrote it has not come, or will never come, to writing the table's record.
      const isDone = isKnown === (found.job.kind === 'create');
      if (isDone) await this.catalogue.removeJob(found);
      else if (this.now() - found.job.createdAtMs > ORPHAN_GRACE_MS) await this.dropOrphan(found, table);
      return;
    }
    if (found.job.kind === 'delete' && found.job.isSeen !== true && this.options.tableCacheMs > 0) {
      await this.catalogue.updateJob(found, {
        isSeen: true,
        notBeforeMs: this.now() + this.options.tableCacheMs,
      });
      this.#again = true;
      return;
    }
    const claimed = await this.catalogue.updateJob(found, {
      leasedUntilMs: this.now() + this.options.leaseMs,
    });
    if (claimed === undefined) return;
    const lease = this.keepLease(claimed);
    try {
      if (!(await this.carryOut(found.job, table, lease))) return;
      const record = await lease.release();
      if (record !== undefined) await this.catalogue.removeJob(record);
    } finally {
      await lease.release();
    }
  }

  /** @returns whether the job has come to its end, a good or a bad one, by the hands of this process. */
  private async carryOut(job: Job, table: TableRecord, lease: Lease): Promise<boolean> {
    try {
      const startedMs = this.now();
      const container = containerOf(job.project, table.description);
      if (job.kind === 'create') await this.driver.createContainer(container);
      else await this.driver.dropContainer(container);
      if (!lease.isHeld() || !(await this.record(job, table))) {
        // Others have gone on with the job, and maybe further: a container that nobody knows of must not stay.
        if (job.kind === 'create') await this.dropForgotten(job, container);
        return false;
      }
      this.logger.info(job.kind === 'create' ? 'table created' : 'table deleted', {
        ...fieldsOf(job),
        took_ms: this.now() - startedMs,
      });
      return true;
    } catch (error) {
      return await this.noteFailure(job, table, lease, error);
    }
  }

  /** @returns whether that was the last attempt, and the table is marked as failed. */
  private async noteFailure(job: Job, table: TableRecord, lease: Lease, error: unknown): Promise<boolean> {
    const attempts = job.attempts + 1;
    const fields = { ...fieldsOf(job), attempts, error };
    if (attempts < this.options.jobAttempts) {
      this.logger.warn(`table job '${job.kind}' failed; trying again`, fields);
      const record = await lease.release();
      if (record !== undefined) {
        await this.catalogue.updateJob(record, {
          attempts,
          leasedUntilMs: 0,
          notBeforeMs: this.now() + Math.min(this.options.leaseMs, 200 * 2 ** attempts),
        });
      }
      return false;
    }
    if (!lease.isHeld()) return false;
    const status = job.kind === 'create' ? 'CREATE_FAILED' : 'DELETE_FAILED';
    // Not, where the failure was that nobody knows whether the good end was recorded, and it was.
    if (!(await this.catalogue.setStatus(table, status))) return false;
    this.logger.error(`table job '${job.kind}' failed for good; delete the table to try again`, fields);
    return true;
  }

  /** @returns false where others have changed the table's record meanwhile. */
  private async record(job: Job, table: TableRecord): Promise<boolean> {
    return job.kind === 'create'
      ? await this.catalogue.setStatus(table, 'ACTIVE')
      : await this.catalogue.removeTable(table);
  }

  private async dropForgotten(job: Job, container: Container): Promise<void> {
    const table = await this.catalogue.findTable(job.project, job.tableName);
    if (table?.description.id !== job.tableId) await this.driver.dropContainer(container);
  }

  /**
   * Removes a job that does not fit its table's record, unless the write that would make it fit may still come, from a
   * slow process or out of an unknown outcome. That write is guarded by a version: of the project's record where a
   * table is added, of the table's where one is deleted. Writing this one anew keeps it from ever being carried out.
   * A request reads that version before it writes its job; so if it has read the new one, its job is not the one that
   * was `found` here, and is not removed.
   */
  private async dropOrphan(found: JobRecord, table: TableRecord | undefined): Promise<void> {
    const { job } = found;
    const isKnown = table?.description.id === job.tableId;
    if (job.kind === 'create' && !isKnown) {
      const project = await this.catalogue.findProject(job.project);
      if (!(await this.catalogue.touchProject(project))) return;
      const again = await this.catalogue.findTable(job.project, job.tableName);
      if (again?.description.id === job.tableId) return;
    }
    if (job.kind === 'delete' && isKnown) {
      if (!(await this.catalogue.setStatus(table, table.description.status))) return;
    }
    await this.catalogue.removeJob(found);
  }

  /** Renews a claimed job's lease three times in its life, until released or lost to another process. */
  private keepLease(claimed: JobRecord): Lease {
    let current: JobRecord | undefined = claimed;
    let renewal: Promise<void> = Promise.resolve();
    const timer = setInterval(() => {
      renewal = renewal.then(async () => {
        if (current === undefined) return;
        try {
          current = await this.catalogue.updateJob(current, {
            leasedUntilMs: this.now() + this.options.leaseMs,
          });
        } catch (error) {
          this.logger.warn('a table job lease could not be renewed', { error });
        }
      });
    }, this.options.leaseMs / 3);
    timer.unref();
    return {
      isHeld: () => current !== undefined && current.job.leasedUntilMs > this.now(),
      release: async () => {
        clearInterval(timer);
        await renewal;
        return current;
      },
    };
  }
}

interface Lease {
  isHeld(): boolean;
  /** Stops renewing. @returns the job's record as it is now; undefined: another process has it. */
  release(): Promise<JobRecord | undefined>;
}

function fieldsOf(job: Job): LogFields {
  return { project: job.project, table: job.tableName, table_id: job.tableId };
}

/** A new job, for nobody yet. */
export function newJob(
  kind: Job['kind'],
  table: Pick<Job, 'project' | 'tableName' | 'tableId'>,
  nowMs: number,
): Job {
  return { kind, ...table, createdAtMs: nowMs, notBeforeMs: nowMs, attempts: 0, leasedUntilMs: 0 };
}
