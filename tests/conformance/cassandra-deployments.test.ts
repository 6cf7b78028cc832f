import { expect } from 'chai';
import type { StorageDriver } from '../../magnetodb/storage/driver.js';
import { newVersion } from '../../magnetodb/storage/versions.js';
import { newTestStore, openTestStore, testStorage } from '../support/storage.js';
import { baseKey, newContainer, put } from './storage-driver-suite.js';

// As in cassandra.test.ts.
if (testStorage() === 'cassandra') {
  describe('Cassandra driver: several deployments', function () {
    const closing: (() => Promise<unknown>)[] = [];
    afterEach(async () => {
      for (const close of closing.splice(0).reverse()) await close();
    });

    async function deployment(): Promise<StorageDriver> {
      const store = await newTestStore();
      closing.push(() => store.remove());
      const driver = await openTestStore(store);
      closing.push(() => driver.close());
      return driver;
    }

    // The service's own containers have fixed ids, and Cassandra wants a table's id to be unique in the whole cluster.
    it('share a cluster, each with containers of the same ids', async () => {
      const [one, other] = [await deployment(), await deployment()];
      const container = newContainer();
      await one.createContainer(container);
      await other.createContainer(container);
      const ref = { partition: Buffer.from('p'), key: baseKey('k') };
      await one.write(container, {
        partition: ref.partition,
        mutations: [put(ref.key)],
        guard: { kind: 'any' },
        version: newVersion(),
      });
      expect(await other.get(container, ref, 'strong')).to.equal(undefined);
      await other.dropContainer(container);
      expect(await one.get(container, ref, 'strong')).to.not.equal(undefined);
    });
  });
}
