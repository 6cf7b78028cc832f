import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { silentLogger } from '../../magnetodb/logging/logger.js';
import { openDriver } from '../../magnetodb/storage/registry.js';
import { storageDriverSuite } from './storage-driver-suite.js';

let dataDir: Promise<string> | undefined;

storageDriverSuite('lmdb', async () => {
  dataDir ??= mkdtemp(join(tmpdir(), 'magnetodb-conformance-'));
  return openDriver('lmdb', { dataDir: await dataDir }, silentLogger);
});

after(async () => {
  if (dataDir !== undefined) await rm(await dataDir, { recursive: true });
});
