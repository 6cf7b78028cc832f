import { ServiceUnavailableError } from './errors.js';

/**
 * Lets the writes of one process to one item queue up rather than race each other, in the order of their arrival.
 * Writes to different items don't wait for each other.
 */
export class WriteQueue {
  readonly #lines = new Map<string, { last: Promise<unknown>; length: number }>();

  /** @param maxLength how many may wait for one item; one more is refused. */
  constructor(private readonly maxLength: number) {}

  /**
   * Runs `write` once all earlier ones for `item` have ended, whether well or not.
   * @throws {ServiceUnavailableError} where too many wait already.
   */
  async run<T>(item: string, write: () => Promise<T>): Promise<T> {
    let line = this.#lines.get(item);
    if (line === undefined) {
      line = { last: Promise.resolve(), length: 0 };
      this.#lines.set(item, line);
    } else if (line.length > this.maxLength) {
      throw new ServiceUnavailableError('Too many writes to one item are under way, please try again');
    }
    line.length += 1;
    const turn = line.last.then(write);
    line.last = turn.catch(() => undefined);
    try {
      return await turn;
    } finally {
      line.length -= 1;
      if (line.length === 0) this.#lines.delete(item);
    }
  }
}
