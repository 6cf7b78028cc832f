/**
 * Lets this process's compare-and-sets on one partition go one after the other. Cassandra runs one at a time for each
 * partition, whatever the rows; those that overlap overtake each other's rounds, and lose time that way.
 */
import { StorageUnavailableError } from '../errors.js';

interface Waiter {
  readonly admit: () => void;
  readonly refuse: (error: Error) => void;
}

export class PartitionLines {
  /** Who waits, for each partition that has somebody at work. */
  readonly #lines = new Map<string, Waiter[]>();

  /** @param maxWaiting how many may wait for one partition; one more is refused. */
  constructor(private readonly maxWaiting: number) {}

  /**
   * Runs `work` once no other is at work on the partition.
   * @param patienceMs how long it may wait for that, in milliseconds.
   * @throws {StorageUnavailableError} too many wait, or it has waited too long: `work` was not begun.
   */
  async run<Result>(partition: string, patienceMs: number, work: () => Promise<Result>): Promise<Result> {
    const line = this.#lines.get(partition);
    if (line === undefined) this.#lines.set(partition, []);
    else await this.#wait(line, patienceMs);
    try {
      return await work();
    } finally {
      this.#leave(partition);
    }
  }

  #wait(line: Waiter[], patienceMs: number): Promise<void> {
    if (line.length >= this.maxWaiting) {
      throw new StorageUnavailableError('too many writes wait for one partition');
    }
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        line.splice(line.indexOf(waiter), 1);
        waiter.refuse(new StorageUnavailableError('a write has waited too long for others to its partition'));
      }, patienceMs);
      const waiter: Waiter = {
        admit: () => {
          clearTimeout(timer);
          resolve();
        },
        refuse: reject,
      };
      line.push(waiter);
    });
  }

  #leave(partition: string): void {
    const next = this.#lines.get(partition)?.shift();
    if (next === undefined) this.#lines.delete(partition);
    else next.admit();
  }
}
