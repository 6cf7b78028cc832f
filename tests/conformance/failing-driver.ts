/**
 * A driver that can't do what it is asked to: for tests of what a caller makes of the contract's errors.
 */
import type { Page, Row, StorageDriver } from '../../magnetodb/storage/driver.js';
import { OutcomeUnknownError, StorageUnavailableError } from '../../magnetodb/storage/errors.js';

/**
 * `unavailable`: every call throws StorageUnavailableError. `writes-unknown`: `write` throws OutcomeUnknownError, and
 * all else throws StorageUnavailableError.
 */
export type FailureMode = 'unavailable' | 'writes-unknown';

/** Makes the driver. `close` works, since whoever opened a driver must be able to close it. */
export function failingDriver(mode: FailureMode = 'unavailable'): StorageDriver {
  const refuse = (): Promise<never> => Promise.reject(new StorageUnavailableError('the store is down'));
  const lose = (): Promise<never> => Promise.reject(new OutcomeUnknownError('the store did not answer'));
  return {
    createContainer: refuse,
    dropContainer: refuse,
    get: (): Promise<Row | undefined> => refuse(),
    getMany: (): Promise<(Row | undefined)[]> => refuse(),
    range: (): Promise<Page> => refuse(),
    scan: (): Promise<Page> => refuse(),
    write: mode === 'writes-unknown' ? lose : refuse,
    close: () => Promise.resolve(),
  };
}
