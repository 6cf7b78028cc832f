import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { silentLogger } from '../../magnetodb/logging/logger.js';
import { openDriver } from '../../magnetodb/storage/registry.js';
import { CountingDriver } from './counting-driver.js';
import { newContainer, storageDriverSuite } from './storage-driver-suite.js';

let dataDir: Promise<string> | undefined;

async function openCounting(): Promise<CountingDriver> {
  dataDir ??= mkdtemp(join(tmpdir(), 'magnetodb-wrapper-'));
  return new CountingDriver(await openDriver('lmdb', { dataDir: await dataDir }, silentLogger));
}

// What holds for a driver holds for it in a wrapper: else metrics or tracing would change what the engine sees.
storageDriverSuite('lmdb in a wrapper', openCounting);

describe('CountingDriver', () => {
  // Tests of caches count calls; a count that is always 0 would let them pass.
  it('counts calls by method', async () => {
    const driver = await openCounting();
    const container = newContainer();
    await driver.createContainer(container);
    await driver.createContainer(container);
    await driver.dropContainer(container);
    expect(driver.callsOf('createContainer')).to.equal(2);
    expect(driver.callsOf('dropContainer')).to.equal(1);
    expect(driver.callsOf('get')).to.equal(0);
    await driver.close();
  });
});

after(async () => {
  if (dataDir !== undefined) await rm(await dataDir, { recursive: true });
});
