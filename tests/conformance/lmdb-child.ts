/**
 * A process that shares a store with others: what lmdb-processes.test.ts starts and kills. The first argument says
 * what to do, the second is the data directory, the third the container's id. It speaks with its parent by messages.
 */
import { Buffer } from 'node:buffer';
import { open } from 'lmdb';
import { silentLogger } from '../../magnetodb/logging/logger.js';
import { containerId, type Container, type StorageDriver } from '../../magnetodb/storage/driver.js';
import { StorageError } from '../../magnetodb/storage/errors.js';
import { openDriver } from '../../magnetodb/storage/registry.js';
import { newVersion } from '../../magnetodb/storage/versions.js';
import { baseKey, indexKey, put } from './storage-driver-suite.js';

/** What a child tells. */
export type Report =
  | { readonly kind: 'ready' }
  /** A worker's write number `count` was answered. */
  | { readonly kind: 'written'; readonly worker: string; readonly count: number }
  /** What a strong read gave. */
  | { readonly kind: 'read'; readonly value: string | undefined }
  | { readonly kind: 'refused'; readonly error: string; readonly key: string }
  | { readonly kind: 'done' };

const COUNTER = { partition: Buffer.from('counter'), key: baseKey('counter') };
const WORKERS = 64;

function tell(report: Report): void {
  process.send?.(report);
}

/** Adds 1 to a counter so many times, each by a compare-and-set. */
async function increment(driver: StorageDriver, container: Container, times: number): Promise<void> {
  for (let done = 0; done < times;) {
    const row = await driver.get(container, COUNTER, 'strong');
    const count = row === undefined ? 0 : Number(Buffer.from(row.value).toString());
    const answer = await driver.write(container, {
      partition: COUNTER.partition,
      mutations: [put(COUNTER.key, String(count + 1))],
      guard:
        row === undefined
          ? { kind: 'absent', key: COUNTER.key }
          : { kind: 'version', key: COUNTER.key, version: row.version },
      version: newVersion(),
    });
    if (answer === 'applied') done += 1;
  }
}

/** Answers each message with what a strong read of the counter gives at that moment. */
async function answerReads(driver: StorageDriver, container: Container): Promise<void> {
  for (;;) {
    await new Promise((resolve) => process.once('message', resolve));
    const row = await driver.get(container, COUNTER, 'strong');
    tell({ kind: 'read', value: row === undefined ? undefined : Buffer.from(row.value).toString() });
  }
}

/**
 * Writes for ever, 64 at a time. Each worker has a partition of its own with an item, the item's one index row, which
 * moves with each write, and a log row for each write.
 */
async function load(driver: StorageDriver, container: Container, name: string): Promise<void> {
  const work = async (worker: string): Promise<void> => {
    const partition = Buffer.from(worker);
    const row = await driver.get(container, { partition, key: baseKey('item') }, 'strong');
    let count = row === undefined ? 0 : Number(Buffer.from(row.value).toString());
    for (;;) {
      count += 1;
      await driver.write(container, {
        partition,
        mutations: [
          put(baseKey('item'), String(count)),
          { kind: 'delete', key: indexKey('by_count', String(count - 1), 'item') },
          put(indexKey('by_count', String(count), 'item')),
          put(baseKey(`log ${count}`), Buffer.alloc(300, count)),
        ],
        guard: { kind: 'any' },
        version: newVersion(),
      });
      tell({ kind: 'written', worker, count });
    }
  };
  await Promise.all(Array.from({ length: WORKERS }, (_, index) => work(`${name} ${index}`)));
}

/** Writes large rows until the store refuses one, and a few more. */
async function fill(driver: StorageDriver, container: Container): Promise<void> {
  let refused = 0;
  for (let count = 1; refused < 3; count += 1) {
    try {
      await driver.write(container, {
        partition: Buffer.from('fill'),
        mutations: [
          put(baseKey(`row ${count}`), Buffer.alloc(100_000, count)),
          put(indexKey('i', `row ${count}`)),
        ],
        guard: { kind: 'any' },
        version: newVersion(),
      });
      tell({ kind: 'written', worker: 'fill', count });
    } catch (error) {
      if (!(error instanceof StorageError)) throw error;
      refused += 1;
      tell({ kind: 'refused', error: error.name, key: `row ${count}` });
    }
  }
}

/** Takes LMDB's write lock and keeps it until it is killed. */
function holdTheLock(dataDir: string): void {
  const db = open({ path: dataDir, noSubdir: false, encoding: 'binary', keyEncoding: 'binary' });
  db.transactionSync(() => {
    tell({ kind: 'ready' });
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);
  });
}

async function main(): Promise<void> {
  const [what = '', dataDir = '', id = '', argument = ''] = process.argv.slice(2);
  if (what === 'hold') {
    holdTheLock(dataDir);
    return;
  }
  const container: Container = { id: containerId(id), project: '', kind: 'guarded' };
  const driver = await openDriver('lmdb', { dataDir }, silentLogger);
  tell({ kind: 'ready' });
  if (what === 'increment') await increment(driver, container, Number(argument));
  else if (what === 'answer') await answerReads(driver, container);
  else if (what === 'load') await load(driver, container, argument);
  else if (what === 'fill') await fill(driver, container);
  else throw new Error(`nothing known of ${what}`);
  await driver.close();
  tell({ kind: 'done' });
  process.disconnect();
}

if (process.send !== undefined && process.argv[1]?.endsWith('lmdb-child.ts') === true) await main();
