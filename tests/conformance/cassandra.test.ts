import { newTestStore, openTestStore, testStorage, type TestStore } from '../support/storage.js';
import { storageDriverSuite } from './storage-driver-suite.js';

// Mocha called directly, on this folder say, has no Cassandra to offer: the test command starts one.
if (testStorage() === 'cassandra') {
  let store: Promise<TestStore> | undefined;

  storageDriverSuite('cassandra', async () => {
    store ??= newTestStore();
    return openTestStore(await store);
  });

  after(async () => {
    if (store !== undefined) await (await store).remove();
  });
}
