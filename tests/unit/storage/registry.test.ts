import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { silentLogger } from '../../../magnetodb/logging/logger.js';
import { StorageConfigurationError } from '../../../magnetodb/storage/errors.js';
import { driverNames, openDriver } from '../../../magnetodb/storage/registry.js';

describe('storage registry', () => {
  // The operator reads this message and nothing else: it must say what would have worked.
  it('refuses an unknown name and lists the known ones', async () => {
    for (const name of ['mongo', '', 'LMDB', '__proto__', 'constructor']) {
      const error: unknown = await openDriver(name, { dataDir: '/nowhere' }, silentLogger).catch(
        (reason: unknown) => reason,
      );
      expect(error).to.be.instanceOf(StorageConfigurationError);
      expect((error as Error).message).to.equal(
        `no storage driver is called ${JSON.stringify(name)}; known: ${driverNames().join(', ')}`,
      );
    }
  });

  it('knows the embedded driver', () => {
    expect(driverNames()).to.deep.equal(['cassandra', 'lmdb']);
  });

  it('opens a driver by its name', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'magnetodb-registry-'));
    const driver = await openDriver('lmdb', { dataDir }, silentLogger);
    await driver.close();
    await rm(dataDir, { recursive: true });
  });
});
