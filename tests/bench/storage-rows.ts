/**
 * Measures the embedded driver: guarded and unguarded writes with 64 in flight, beside lmdb's own put and flush; gets
 * and ranges. Run with: node --import tsx/esm tests/bench/storage-rows.ts
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { randomUUID } from 'node:crypto';
import { open } from 'lmdb';
import { silentLogger } from '../../magnetodb/logging/logger.js';
import { containerId, type Container, type RowKey } from '../../magnetodb/storage/driver.js';
import { openDriver } from '../../magnetodb/storage/registry.js';
import { newVersion } from '../../magnetodb/storage/versions.js';

const IN_FLIGHT = 64;
const VALUE = Buffer.alloc(1024, 'v');
const SECONDS = Number(process.argv[2] ?? 3);
const PARTITIONS = 1000;
const NO_BYTES = new Uint8Array(0);

/** Runs `action` over and over, 64 at a time, and prints how many a second were done. */
async function measure(label: string, action: (index: number) => Promise<unknown>): Promise<void> {
  const endMs = Date.now() + SECONDS * 1000;
  const startMs = performance.now();
  let count = 0;
  const worker = async (): Promise<void> => {
    while (Date.now() < endMs) await action(count++);
  };
  await Promise.all(Array.from({ length: IN_FLIGHT }, worker));
  const perSecond = count / ((performance.now() - startMs) / 1000);
  console.log(`${label.padEnd(44)} ${Math.round(perSecond).toLocaleString('en')} /s`);
}

function partitionOf(index: number): Buffer {
  return Buffer.from(`partition-${index % PARTITIONS}`);
}

function keyOf(index: number): RowKey {
  const sortKey = Buffer.alloc(4);
  sortKey.writeUInt32BE(Math.floor(index / PARTITIONS) % 100);
  return { index: '', indexKey: NO_BYTES, sortKey };
}

async function measureRawLmdb(): Promise<void> {
  const path = await mkdtemp(join(tmpdir(), 'magnetodb-bench-'));
  const db = open<Buffer, Buffer>({
    path,
    noSubdir: false,
    encoding: 'binary',
    keyEncoding: 'binary',
    pageSize: 8192,
  });
  await measure('lmdb itself: put and flush, 1 KB', async (index) => {
    const key = Buffer.alloc(60, 1);
    key.writeUInt32BE(Math.imul(index % (PARTITIONS * 100), 2654435761) >>> 0, 17);
    void db.put(key, VALUE);
    await db.flushed;
  });
  await db.close();
  await rm(path, { recursive: true });
}

async function measureDriver(): Promise<void> {
  const dataDir = await mkdtemp(join(tmpdir(), 'magnetodb-bench-'));
  const driver = await openDriver('lmdb', { dataDir }, silentLogger);
  const container: Container = { id: containerId(randomUUID()), project: '', kind: 'guarded' };
  await driver.createContainer(container);
  await measure('driver: put, 1 KB', (index) =>
    driver.write(container, {
      partition: partitionOf(index),
      mutations: [{ kind: 'put', key: keyOf(index), value: VALUE }],
      guard: { kind: 'any' },
      version: newVersion(),
    }),
  );
  await measure('driver: put with an expiry and an index row', (index) =>
    driver.write(container, {
      partition: partitionOf(index),
      mutations: [
        { kind: 'put', key: keyOf(index), value: VALUE, expiresAtMs: Date.now() + 3_600_000 },
        {
          kind: 'put',
          key: { index: 'by_name', indexKey: Buffer.from('name'), sortKey: keyOf(index).sortKey },
          value: VALUE,
          expiresAtMs: Date.now() + 3_600_000,
        },
      ],
      guard: { kind: 'any' },
      version: newVersion(),
    }),
  );
  await measure('driver: get, strong', (index) =>
    driver.get(container, { partition: partitionOf(index), key: keyOf(index) }, 'strong'),
  );
  await measure('driver: range of 20 rows of 1 KB, strong', (index) =>
    driver.range(container, {
      partition: partitionOf(index),
      index: '',
      reverse: index % 2 === 0,
      limit: 20,
      consistency: 'strong',
    }),
  );
  await driver.close();
  await rm(dataDir, { recursive: true });
}

console.log(`${cpus().length} × ${cpus()[0]?.model ?? 'unknown processor'}, node ${process.version}`);
await measureRawLmdb();
await measureDriver();
