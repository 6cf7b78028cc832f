/**
 * What the LMDB driver promises beyond one process: several share a store, and any of them may be killed at any
 * moment.
 */
import { fork, spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { silentLogger } from '../../magnetodb/logging/logger.js';
import type { Container, Page, Row, StorageDriver } from '../../magnetodb/storage/driver.js';
import { OutcomeUnknownError, StorageUnavailableError } from '../../magnetodb/storage/errors.js';
import { openLmdbDriver } from '../../magnetodb/storage/lmdb/driver.js';
import { openDriver } from '../../magnetodb/storage/registry.js';
import { newVersion } from '../../magnetodb/storage/versions.js';
import { eventually } from '../support/eventually.js';
import type { Report } from './lmdb-child.js';
import { allPages } from './rows-model.js';
import { baseKey, newContainer, put } from './storage-driver-suite.js';

const CHILD = fileURLToPath(new URL('lmdb-child.ts', import.meta.url));
const NODE_OPTIONS = ['--import', 'tsx/esm'];

/** Writes that children were told of: worker → the numbers of its writes. */
class Acknowledged {
  readonly counts = new Map<string, number[]>();
  private total = 0;

  add(report: Report): void {
    if (report.kind !== 'written') return;
    this.total += 1;
    const counts = this.counts.get(report.worker);
    if (counts === undefined) this.counts.set(report.worker, [report.count]);
    else counts.push(report.count);
  }

  get size(): number {
    return this.total;
  }
}

describe('LMDB driver: several processes', function () {
  this.timeout(180_000);
  let dataDir: string;
  let container: Container;
  let children: ChildProcess[];

  beforeEach(async () => {
    dataDir = await mkdtemp(join(tmpdir(), 'magnetodb-processes-'));
    container = newContainer();
    children = [];
    await withDriver((driver) => driver.createContainer(container));
  });
  afterEach(async () => {
    await Promise.all(children.map(kill));
    await rm(dataDir, { recursive: true });
  });

  async function withDriver<Result>(action: (driver: StorageDriver) => Promise<Result>): Promise<Result> {
    const driver = await openDriver('lmdb', { dataDir }, silentLogger);
    try {
      return await action(driver);
    } finally {
      await driver.close();
    }
  }

  function start(what: string, argument = ''): ChildProcess {
    const child = fork(CHILD, [what, dataDir, container.id, argument], { execArgv: NODE_OPTIONS });
    children.push(child);
    return child;
  }

  async function kill(child: ChildProcess): Promise<void> {
    if (child.exitCode !== null || child.signalCode !== null) return;
    const ended = once(child, 'exit');
    child.kill('SIGKILL');
    await ended;
  }

  /** The next message of a kind. Fails when the child ends without one. */
  async function reported<Kind extends Report['kind']>(
    child: ChildProcess,
    kind: Kind,
  ): Promise<Extract<Report, { kind: Kind }>> {
    return new Promise((resolve, reject) => {
      const onExit = (): void => {
        reject(new Error(`the child ended before it said ${kind}`));
      };
      const onMessage = (report: Report): void => {
        if (report.kind !== kind) return;
        child.off('message', onMessage);
        child.off('exit', onExit);
        resolve(report as Extract<Report, { kind: Kind }>);
      };
      child.on('message', onMessage);
      child.once('exit', onExit);
    });
  }

  async function rowsOf(driver: StorageDriver, partition: Buffer, index: string): Promise<Row[]> {
    const limit = 1000;
    return allPages(
      (last): Promise<Page> =>
        driver.range(container, {
          partition,
          index,
          reverse: false,
          limit,
          consistency: 'strong',
          ...(last === undefined ? {} : { after: last.key }),
        }),
      limit,
    );
  }

  /** Every acknowledged write of a load is there, and each item's index row is the item's own. */
  async function verifyLoad(acknowledged: Acknowledged): Promise<void> {
    await withDriver(async (driver) => {
      for (const [worker, counts] of acknowledged.counts) {
        const partition = Buffer.from(worker);
        const rows = await rowsOf(driver, partition, '');
        const values = new Map(
          rows.map((row) => [Buffer.from(row.key.sortKey).toString(), Buffer.from(row.value)]),
        );
        const lost = counts.filter((count) => values.get(`log ${count}`)?.[0] !== (count & 0xff));
        expect(lost, `lost writes of ${worker}`).to.deep.equal([]);
        const count = Number(values.get('item')?.toString());
        expect(count, `item of ${worker}`).to.be.at.least(Math.max(...counts));
        // The item is the newest log row's: a write is there as a whole or not at all.
        expect(values.has(`log ${count}`), `log of ${worker}`).to.equal(true);
        expect(values.size, `rows of ${worker}`).to.equal(count + 1);
        const entries = (await rowsOf(driver, partition, 'by_count')).map((row) =>
          Buffer.from(row.key.indexKey).toString(),
        );
        expect(entries, `index rows of ${worker}`).to.deep.equal([String(count)]);
      }
    });
  }

  // Lost updates between processes would show here.
  it('counts exactly under guarded increments by four processes', async () => {
    const times = 100;
    const writers = Array.from({ length: 4 }, () => start('increment', String(times)));
    await Promise.all(writers.map((writer) => reported(writer, 'done')));
    await withDriver(async (driver) => {
      const ref = { partition: Buffer.from('counter'), key: baseKey('counter') };
      const row = await driver.get(container, ref, 'strong');
      expect(Buffer.from(row?.value ?? []).toString()).to.equal(String(4 * times));
    });
  });

  // Any request may go to any process: what one has answered, the next must see.
  it('shows a write that one process has answered to a strong read in another', async () => {
    const reader = start('answer');
    await reported(reader, 'ready');
    await withDriver(async (driver) => {
      for (let round = 0; round < 300; round += 1) {
        await driver.write(container, {
          partition: Buffer.from('counter'),
          mutations: [put(baseKey('counter'), String(round))],
          guard: { kind: 'any' },
          version: newVersion(),
        });
        const answer = reported(reader, 'read');
        reader.send('read');
        expect((await answer).value).to.equal(String(round));
      }
    });
  });

  // Durability: what was answered outlives a SIGKILL at any moment, in step with its index rows.
  it('keeps every answered write when the process is killed in the middle of its work, 20 times', async () => {
    const acknowledged = new Acknowledged();
    for (let round = 0; round < 20; round += 1) {
      const before = acknowledged.size;
      const writer = start('load', 'worker');
      writer.on('message', (report: Report) => {
        acknowledged.add(report);
      });
      await reported(writer, 'written');
      // Some time of work, then the end at a moment that nobody chose.
      await new Promise((resolve) => setTimeout(resolve, Math.random() * 300));
      await kill(writer);
      expect(acknowledged.size).to.be.greaterThan(before);
      await verifyLoad(acknowledged);
    }
  });

  // A process that dies holding the store's locks must not stop the node's others.
  it('goes on in one process when another is killed', async () => {
    const survivors = new Acknowledged();
    const victims = new Acknowledged();
    const survivor = start('load', 'survivor');
    survivor.on('message', (report: Report) => {
      survivors.add(report);
    });
    await reported(survivor, 'written');
    for (let round = 0; round < 5; round += 1) {
      const victim = start('load', 'victim');
      victim.on('message', (report: Report) => {
        victims.add(report);
      });
      await reported(victim, 'written');
      await kill(victim);
      const before = survivors.size;
      await eventually(() => {
        expect(survivors.size).to.be.greaterThan(before + 500);
      }, 20_000);
    }
    await kill(survivor);
    await verifyLoad(survivors);
    await verifyLoad(victims);
  });

  // A drop is repeated after a crash, and goes on where it ended.
  it('drops a container to the end after a process was killed that wrote to it', async () => {
    const writer = start('load', 'worker');
    await reported(writer, 'written');
    await kill(writer);
    await withDriver(async (driver) => {
      await driver.dropContainer(container);
      await driver.createContainer(container);
      const page = await driver.scan(container, {
        segment: { index: 0, total: 1 },
        limit: 1,
        consistency: 'strong',
      });
      expect(page).to.deep.equal({ rows: [], more: false });
    });
  });

  // A stuck store must not hold requests for ever; and when it comes back, so does the service.
  it('answers a write that does not end as unknown, refuses the next, and recovers', async () => {
    const driver = await openLmdbDriver({ dataDir, logger: silentLogger, writeTimeoutMs: 300 });
    const holder = start('hold');
    await reported(holder, 'ready');
    const write = (key: string): Promise<unknown> =>
      driver
        .write(container, {
          partition: Buffer.from('p'),
          mutations: [put(baseKey(key))],
          guard: { kind: 'any' },
          version: newVersion(),
        })
        .catch((error: unknown) => error);
    expect(await write('first')).to.be.instanceOf(OutcomeUnknownError);
    expect(await write('second')).to.be.instanceOf(StorageUnavailableError);
    const ref = { partition: Buffer.from('p'), key: baseKey('second') };
    expect(await driver.get(container, ref, 'strong')).to.equal(undefined);
    await kill(holder);
    await eventually(async () => {
      expect(await write('third')).to.equal('applied');
    });
    // What was unknown has happened after all: that is what unknown means.
    expect(await driver.get(container, { ...ref, key: baseKey('first') }, 'strong')).not.to.equal(undefined);
    expect(await driver.get(container, ref, 'strong')).to.equal(undefined);
    await driver.close();
  });

  // A full disk: refused writes have left nothing behind, what was answered is there, and the process closes well.
  it('refuses writes when the disk is full, and keeps all that it has answered', async () => {
    // A limit on the size of files fails the same system calls as a full disk does.
    const command = `ulimit -f 8192; exec ${process.execPath} ${NODE_OPTIONS.join(' ')} ${CHILD} "$@"`;
    const child = spawn('sh', ['-c', command, 'sh', 'fill', dataDir, container.id], {
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    children.push(child);
    const written: number[] = [];
    const refused: { error: string; key: string }[] = [];
    child.on('message', (report: Report) => {
      if (report.kind === 'written') written.push(report.count);
      if (report.kind === 'refused') refused.push(report);
    });
    const [exitCode] = (await once(child, 'exit')) as [number | null];
    expect(exitCode).to.equal(0);
    expect(written.length).to.be.greaterThan(10);
    expect(new Set(refused.map(({ error }) => error))).to.deep.equal(new Set([StorageUnavailableError.name]));
    await withDriver(async (driver) => {
      const keysOf = async (index: string): Promise<string[]> =>
        (await rowsOf(driver, Buffer.from('fill'), index)).map((row) =>
          Buffer.from(index === '' ? row.key.sortKey : row.key.indexKey).toString(),
        );
      const expected = written.map((count) => `row ${count}`).sort();
      expect(await keysOf('')).to.deep.equal(expected);
      expect(await keysOf('i')).to.deep.equal(expected);
    });
  });
});
