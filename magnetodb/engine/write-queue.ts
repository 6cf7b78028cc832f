import { tooSlow, type Deadline } from './deadline.js';
import { ServiceUnavailableError } from './errors.js';

/**
 * Lets the writes of one process to one thing (an item, say) queue up rather than race each other, in the order of
 * their arrival. Writes to different things don't wait for each other.
 */
export class WriteQueue {
  /** By thing, while one of its writes is under way: how each of those that wait is begun. */
  readonly #lines = new Map<string, Set<() => void>>();

  /**
   * @param maxLength how many may wait for one thing; one more is refused.
   * @param what is queued, as the message of that refusal has it: `writes to one item`.
   */
  constructor(
    private readonly maxLength: number,
    private readonly what: string,
  ) {}

  /**
   * Runs `write` once all earlier ones for `thing` have ended, whether well or not.
   * @throws {ServiceUnavailableError} where too many wait already, or its turn does not come before the deadline:
   *   `write` is not run, then or later.
   */
  async run<T>(thing: string, deadline: Deadline, write: () => Promise<T>): Promise<T> {
    const line = this.#lines.get(thing);
    if (line === undefined) this.#lines.set(thing, new Set());
    else await this.turnIn(line, deadline);
    try {
      return await write();
    } finally {
      this.endTurn(thing);
    }
  }

  private turnIn(line: Set<() => void>, deadline: Deadline): Promise<void> {
    if (line.size >= this.maxLength) {
      throw new ServiceUnavailableError(`Too many ${this.what} are under way, please try again`);
    }
    return new Promise((resolve, reject) => {
      const begin = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(() => {
        line.delete(begin);
        reject(tooSlow());
      }, deadline.remainingMs);
      line.add(begin);
    });
  }

  private endTurn(thing: string): void {
    const line = this.#lines.get(thing);
    const [begin] = line ?? [];
    if (begin === undefined) this.#lines.delete(thing);
    else {
      line?.delete(begin);
      begin();
    }
  }
}
