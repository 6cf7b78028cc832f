import type { StorageDriver } from '../../magnetodb/storage/driver.js';
import { newTestStore, openTestStore } from './storage.js';

/** Opens the driver that this run is about on a new store of its own; `close` closes it and removes the store. */
export async function openTemporaryDriver(): Promise<{ driver: StorageDriver; close: () => Promise<void> }> {
  const store = await newTestStore();
  const driver = await openTestStore(store);
  return {
    driver,
    close: async () => {
      await driver.close();
      await store.remove();
    },
  };
}
