/**
 * Puts writes together into LMDB transactions. LMDB knows one writer at a time and a flush takes a while, so writes
 * that arrive while others are being flushed share the next transaction (group commit). A group is bounded in number
 * and bytes, so that applying it never blocks the event loop for long.
 */
import type { RootDatabase } from 'lmdb';
import type { Logger } from '../../logging/logger.js';
import { OutcomeUnknownError, StorageError, StorageUnavailableError } from '../errors.js';
import { commitFailure } from './errors.js';

/** Writes in one transaction at most. */
const GROUP_SIZE = 128;
const GROUP_BYTES = 4 * 1024 * 1024;
/** One transaction is being flushed while the next one is being applied. */
const MAX_GROUPS_IN_FLIGHT = 2;
/** What may wait in memory before writes are refused as overload. */
const MAX_WAITING = 10_000;
const MAX_WAITING_BYTES = 256 * 1024 * 1024;

/**
 * One write: runs inside the transaction, synchronously. It may throw an error of the contract as long as it has
 * changed nothing; an exception does not undo what was done before it.
 */
export type Action<Result> = () => Result;

interface Job {
  readonly bytes: number;
  readonly run: () => void;
  /** Tells the caller what `run` found, once that is durable. */
  readonly finish: () => void;
  readonly fail: (error: Error) => void;
}

export class GroupWriter {
  private waiting: Job[] = [];
  private waitingBytes = 0;
  private groupsInFlight = 0;
  /** Groups whose callers were told "unknown" and which LMDB may still finish. */
  private groupsStalled = 0;
  private pumpIsDue = false;
  private onIdle: (() => void)[] = [];

  /** @param timeoutMs how long a transaction may take before its writes are answered as unknown. */
  constructor(
    private readonly db: RootDatabase,
    private readonly logger: Logger,
    private readonly timeoutMs: number,
  ) {}

  /** True where LMDB holds a transaction that has not ended in time: the environment can't be closed safely. */
  hasStalled(): boolean {
    return this.groupsStalled > 0;
  }

  /**
   * Runs `action` in a write transaction and resolves with its result once the transaction is on disk.
   * @param bytes roughly what it writes.
   * @throws {StorageUnavailableError} nothing was changed.
   * @throws {OutcomeUnknownError} changed or not, now or later.
   */
  submit<Result>(bytes: number, action: Action<Result>): Promise<Result> {
    return new Promise((resolve, reject) => {
      if (this.groupsStalled > 0) {
        throw new StorageUnavailableError('an earlier LMDB transaction has not ended yet');
      }
      if (this.waiting.length >= MAX_WAITING || this.waitingBytes + bytes > MAX_WAITING_BYTES) {
        throw new StorageUnavailableError('too many writes wait for the LMDB store');
      }
      let finish = (): void => undefined;
      const run = (): void => {
        try {
          const result = action();
          finish = () => {
            resolve(result);
          };
        } catch (error) {
          if (!(error instanceof StorageError)) throw error;
          finish = () => {
            reject(error);
          };
        }
      };
      this.waiting.push({
        bytes,
        run,
        finish: () => {
          finish();
        },
        fail: reject,
      });
      this.waitingBytes += bytes;
      this.pumpSoon();
    });
  }

  /** Resolves once no write waits or is under way, except in transactions that have stalled. */
  async idle(): Promise<void> {
    if (this.isIdle()) return;
    await new Promise<void>((resolve) => this.onIdle.push(resolve));
  }

  private isIdle(): boolean {
    return this.waiting.length === 0 && this.groupsInFlight === this.groupsStalled;
  }

  /** Waits for the end of the turn, so that requests that arrived on several connections at once go together. */
  private pumpSoon(): void {
    if (this.pumpIsDue || this.groupsInFlight >= MAX_GROUPS_IN_FLIGHT) return;
    this.pumpIsDue = true;
    setImmediate(() => {
      this.pumpIsDue = false;
      this.pump();
    });
  }

  private pump(): void {
    while (this.waiting.length > 0 && this.groupsInFlight < MAX_GROUPS_IN_FLIGHT) {
      let bytes = 0;
      let size = 0;
      while (size < Math.min(this.waiting.length, GROUP_SIZE) && (size === 0 || bytes < GROUP_BYTES)) {
        bytes += this.waiting[size]?.bytes ?? 0;
        size += 1;
      }
      const group = this.waiting.slice(0, size);
      this.waiting = this.waiting.slice(size);
      this.waitingBytes -= bytes;
      this.groupsInFlight += 1;
      void this.commit(group);
    }
    if (this.isIdle()) for (const resolve of this.onIdle.splice(0)) resolve();
  }

  /** Commits one group and answers its callers. Never throws. */
  private async commit(group: readonly Job[]): Promise<void> {
    const watch = { hasStalled: false };
    const timer = setTimeout(() => {
      watch.hasStalled = true;
      this.groupsStalled += 1;
      this.giveUp(group);
    }, this.timeoutMs);
    const failure = await this.transact(group);
    clearTimeout(timer);
    this.groupsInFlight -= 1;
    if (watch.hasStalled) {
      this.groupsStalled -= 1;
      this.logger.warn('LMDB transaction ended late', { failed: failure !== undefined });
    } else if (failure === undefined) {
      for (const job of group) job.finish();
    } else {
      this.logger.error('LMDB transaction failed', { error: failure, writes: group.length });
      for (const job of group) job.fail(failure);
    }
    this.pump();
  }

  /** @returns why the group can't be taken for written; undefined when it is on disk. */
  private async transact(group: readonly Job[]): Promise<Error | undefined> {
    let transactionId = 0;
    let thrown: unknown;
    try {
      const committed = this.db.transaction(() => {
        transactionId = this.db.getWriteTxnId();
        try {
          for (const job of group) job.run();
        } catch (error) {
          thrown = error; // LMDB has doomed the transaction, and will refuse to commit it
        }
      });
      // `flushed` means the transaction that is being made now, so it is asked for at once. It rejects or never
      // settles when the commit fails, which `committed` tells first.
      const flushed = new Promise((resolve, reject) => {
        this.db.flushed.then(resolve, reject);
      });
      flushed.catch(() => undefined);
      await committed;
      if (thrown !== undefined) {
        return new OutcomeUnknownError('an LMDB transaction was committed in part', { cause: thrown });
      }
      await flushed;
      return undefined;
    } catch (error) {
      return commitFailure(this.db, error, transactionId);
    }
  }

  /** Answers the writes of a transaction that takes too long, and refuses those that wait behind it. */
  private giveUp(group: readonly Job[]): void {
    this.logger.error('LMDB transaction does not end', { timeoutMs: this.timeoutMs, writes: group.length });
    const unknown = new OutcomeUnknownError(`an LMDB transaction did not end within ${this.timeoutMs} ms`);
    for (const job of group) job.fail(unknown);
    const waiting = this.waiting;
    this.waiting = [];
    this.waitingBytes = 0;
    const refused = new StorageUnavailableError('an earlier LMDB transaction has not ended yet');
    for (const job of waiting) job.fail(refused);
    this.pump();
  }
}
