/**
 * What the contract says of a driver whose store is gone: each call fails with an error that the contract names, as a
 * rejected promise and never as an exception, and `close` works.
 */
import { expect } from 'chai';
import type { StorageDriver } from '../../magnetodb/storage/driver.js';
import { OutcomeUnknownError, StorageUnavailableError } from '../../magnetodb/storage/errors.js';
import { newVersion } from '../../magnetodb/storage/versions.js';
import { baseKey, newContainer, put } from './storage-driver-suite.js';

/** Defines the tests. @param open opens the driver on a store that does not answer. */
export function failingDriverSuite(
  name: string,
  open: () => StorageDriver | Promise<StorageDriver>,
  errorOfWrites: typeof OutcomeUnknownError | typeof StorageUnavailableError = StorageUnavailableError,
): void {
  describe(`StorageDriver without its store: ${name}`, () => {
    const container = newContainer();
    const partition = Buffer.from('partition');
    const ref = { partition, key: baseKey('a') };
    const page = { partition, index: '', reverse: false, limit: 1, consistency: 'strong' } as const;
    const calls: Record<string, (driver: StorageDriver) => Promise<unknown>> = {
      createContainer: (driver) => driver.createContainer(container),
      dropContainer: (driver) => driver.dropContainer(container),
      get: (driver) => driver.get(container, ref, 'strong'),
      getMany: (driver) => driver.getMany(container, [ref], 'strong'),
      range: (driver) => driver.range(container, page),
      scan: (driver) => driver.scan(container, { ...page, segment: { index: 0, total: 1 } }),
      write: (driver) =>
        driver.write(container, {
          partition,
          mutations: [put(baseKey('a'))],
          guard: { kind: 'any' },
          version: newVersion(),
        }),
    };

    for (const [call, run] of Object.entries(calls)) {
      const expected = call === 'write' ? errorOfWrites : StorageUnavailableError;
      // A 503 and not a 500 rests on the class; an exception in place of a rejection would pass by every `catch`.
      it(`fails ${call} with ${expected.name}`, async () => {
        const driver = await open();
        const error: unknown = await run(driver).then(
          () => undefined,
          (reason: unknown) => reason,
        );
        expect(error).to.be.instanceOf(expected);
        await driver.close();
      });
    }

    // A service that never reached its store must still stop in good order.
    it('closes, twice', async () => {
      const driver = await open();
      await driver.close();
      await driver.close();
    });
  });
}
