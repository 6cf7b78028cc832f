import { setTimeout as sleep } from 'node:timers/promises';
import { ServiceUnavailableError } from './errors.js';

/**
 * When a request must have come to an end. The engine asks before each step whether there is time for it; the step
 * itself, a call to the store, is bounded by the driver.
 */
export class Deadline {
  /** By a clock that is never set. */
  readonly #endMs: number;

  /** @param timeoutMs from now. */
  constructor(timeoutMs: number) {
    this.#endMs = performance.now() + timeoutMs;
  }

  /** Milliseconds that are left; 0: none. */
  get remainingMs(): number {
    return Math.max(0, this.#endMs - performance.now());
  }

  /** @throws {ServiceUnavailableError} once the deadline has passed. */
  check(): void {
    if (this.remainingMs === 0) throw tooSlow();
  }

  /**
   * Waits for a random part of a time that doubles with each attempt, before that attempt is made; not before the
   * first one, which is 0. Others who wait for the same thing so come one by one.
   * @throws {ServiceUnavailableError} where the deadline has passed then.
   */
  async backOff(attempt: number): Promise<void> {
    if (attempt > 0) {
      const longestMs = Math.min(LONGEST_BACK_OFF_MS, BACK_OFF_MS * 2 ** attempt, this.remainingMs);
      await sleep(Math.random() * longestMs);
    }
    this.check();
  }
}

const BACK_OFF_MS = 2;
const LONGEST_BACK_OFF_MS = 100;

/** What a request is refused with whose time is up. Nothing was changed by what comes after. */
export function tooSlow(): ServiceUnavailableError {
  return new ServiceUnavailableError('The request took longer than the service allows, please try again');
}
