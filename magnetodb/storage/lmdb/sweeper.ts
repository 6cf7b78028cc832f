/**
 * Removes rows that have expired. They are absent for readers from their instant on; the sweeper gives their space
 * back. Every process sweeps: whoever comes first removes a row, and the others find its entry gone.
 */
import type { Logger } from '../../logging/logger.js';
import type { GroupWriter } from './group-writer.js';
import { dueSpan, expiryOf, parseExpiryKey } from './rows.js';
import { peek, type Database } from './schema.js';

/** Rows in one write transaction: a bounded piece of the event loop and of the write lock. */
const BATCH_ROWS = 128;
const BATCH_BYTES = 4 * 1024 * 1024;

export class Sweeper {
  private timer: NodeJS.Timeout | undefined;
  private sweeping: Promise<void> = Promise.resolve();
  private isStopped = false;

  /** @param intervalMs the pause between two rounds. */
  constructor(
    private readonly db: Database,
    private readonly writer: GroupWriter,
    private readonly logger: Logger,
    private readonly now: () => number,
    private readonly intervalMs: number,
  ) {
    this.schedule();
  }

  /** Ends after the batch under way. */
  async stop(): Promise<void> {
    this.isStopped = true;
    clearTimeout(this.timer);
    await this.sweeping;
  }

  private schedule(): void {
    if (this.isStopped) return;
    this.timer = setTimeout(() => {
      this.sweeping = this.round().then(() => {
        this.schedule();
      });
    }, this.intervalMs);
    this.timer.unref(); // a program that has nothing else to do may end
  }

  /** Removes all that is due. Never throws: a failure is logged, and the next round tries again. */
  private async round(): Promise<void> {
    try {
      // Readers that were killed keep old pages from being reused until somebody clears them away.
      this.db.readerCheck();
      let removed = 0;
      while (!this.isStopped && this.isSomethingDue()) {
        removed += await this.writer.submit(0, () => this.sweepBatch());
      }
      if (removed > 0) this.logger.debug('expired rows removed', { rows: removed });
    } catch (error) {
      this.logger.warn('expired rows could not be removed', { error });
    }
  }

  private isSomethingDue(): boolean {
    this.db.resetReadTxn();
    const { from, to } = dueSpan(this.now());
    return this.db.getKeysCount({ start: from, end: to, limit: 1 }) > 0;
  }

  /** Runs inside a write transaction. @returns how many rows it removed. */
  private sweepBatch(): number {
    const { from, to } = dueSpan(this.now());
    let removed = 0;
    let bytes = 0;
    for (const key of [...this.db.getKeys({ start: from, end: to, limit: BATCH_ROWS })]) {
      if (bytes > BATCH_BYTES) break;
      const { expiresAtMs, rowKey } = parseExpiryKey(key);
      const stored = peek(this.db, rowKey);
      // A row that was written again may expire at another time, or never: then the entry alone goes.
      if (stored !== undefined && expiryOf(stored) === expiresAtMs) {
        bytes += stored.length;
        this.db.removeSync(rowKey);
        removed += 1;
      }
      this.db.removeSync(key);
    }
    return removed;
  }
}
