/**
 * Does the catalogue's jobs: makes the containers of new tables, drops those of deleted ones. It claims a job with a
 * lease by compare-and-set, renews the lease while it works, and records the table's new state. A process that dies
 * mid-way leaves a lease that runs out; another one does the job again, which is safe, since each step is repeatable.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import pMap from 'p-map';
import type { StorageDriver } from '../storage/driver.js';
import type { Logger } from '../logging/logger.js';
import { containerOf, type Catalogue, type Job, type JobRecord } from './catalogue.js';
import type { EngineOptions } from './options.js';

/** A job whose table's record doesn't fit (its process died between the two writes) is dropped after this time. */
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
          if (!this.#closed) await this.claimAndDo(record);
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
    if (table?.description.id !== found.job.tableId || table.description.status !== wanted) {
      // Done already by somebody who died before removing the job, or the request that wrote it has not come, or
      // will never come, to writing the table's record.
      if (this.now() - found.job.createdAtMs > ORPHAN_GRACE_MS) await this.catalogue.removeJob(found);
      return;
    }
    const claimed = await this.catalogue.updateJob(found, {
      leasedUntilMs: this.now() + this.options.leaseMs,
    });
    if (claimed === undefined) return;
    const lease = this.keepLease(claimed);
    const fields = { project: found.job.project, table: found.job.tableName, table_id: found.job.tableId };
    try {
      const startedMs = this.now();
      const container = containerOf(found.job.project, table.description);
      if (found.job.kind === 'create') await this.driver.createContainer(container);
      else await this.driver.dropContainer(container);
      if (!lease.isHeld()) return;
      const recorded =
        found.job.kind === 'create'
          ? await this.catalogue.setStatus(table, 'ACTIVE')
          : await this.catalogue.removeTable(table);
      if (!recorded) return;
      await this.removeHeld(lease);
      this.logger.info(found.job.kind === 'create' ? 'table created' : 'table deleted', {
        ...fields,
        took_ms: this.now() - startedMs,
      });
    } catch (error) {
      const attempts = found.job.attempts + 1;
      if (attempts < this.options.jobAttempts) {
        this.logger.warn(`table job '${found.job.kind}' failed; trying again`, {
          ...fields,
          attempts,
          error,
        });
        const record = await lease.release();
        if (record !== undefined) {
          await this.catalogue.updateJob(record, {
            attempts,
            leasedUntilMs: 0,
            notBeforeMs: this.now() + Math.min(this.options.leaseMs, 200 * 2 ** attempts),
          });
        }
        return;
      }
      if (!lease.isHeld()) return;
      this.logger.error(`table job '${found.job.kind}' failed for good; delete the table to try again`, {
        ...fields,
        attempts,
        error,
      });
      await this.catalogue.setStatus(table, found.job.kind === 'create' ? 'CREATE_FAILED' : 'DELETE_FAILED');
      await this.removeHeld(lease);
    } finally {
      await lease.release();
    }
  }

  private async removeHeld(lease: Lease): Promise<void> {
    const record = await lease.release();
    if (record !== undefined) await this.catalogue.removeJob(record);
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

/** A new job, for nobody yet. */
export function newJob(
  kind: Job['kind'],
  table: Pick<Job, 'project' | 'tableName' | 'tableId'>,
  nowMs: number,
  notBeforeMs = nowMs,
): Job {
  return { kind, ...table, createdAtMs: nowMs, notBeforeMs, attempts: 0, leasedUntilMs: 0 };
}
