import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../../magnetodb/logging/logger.js';
import type { StorageDriver } from '../../magnetodb/storage/driver.js';
import { openDriver } from '../../magnetodb/storage/registry.js';

/** Opens the embedded driver on a new folder of its own; `close` closes it and removes the folder. */
export async function openTemporaryDriver(): Promise<{ driver: StorageDriver; close: () => Promise<void> }> {
  const dataDir = await mkdtemp(join(tmpdir(), 'magnetodb-test-'));
  const driver = await openDriver('lmdb', { dataDir }, silentLogger);
  return {
    driver,
    close: async () => {
      await driver.close();
      await rm(dataDir, { recursive: true });
    },
  };
}
