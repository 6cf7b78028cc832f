import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { silentLogger } from '../../magnetodb/logging/logger.js';
import type { Row, StorageDriver } from '../../magnetodb/storage/driver.js';
import { startService } from '../../tools/demo/service.js';
import { Client } from '../support/client.js';
import { expectLinearizable, judge } from '../support/history/checker.js';
import { LOAD_TABLE, runLoad, type Load } from '../support/history/load.js';
import { overriding } from '../support/overriding.js';
import { serveDriver } from '../support/serve-driver.js';
import { newTestStore } from '../support/storage.js';
import { openTemporaryDriver } from '../support/temporary-driver.js';

const TARGET = { project: 'project', table: 'hot' };

// doc/data-api.rst: an item's writes are one step each, and a consistent read sees every write that was answered before.
describe('an item’s history', function () {
  this.timeout(40_000);
  const closing: (() => Promise<unknown>)[] = [];

  afterEach(async () => {
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function createTable(url: string): Promise<void> {
    await new Client(url, TARGET.project).createTable(TARGET.table, LOAD_TABLE);
  }

  // Writers in one process queue up; those of two meet in the store.
  it('is linearizable under concurrent clients of two processes that share a store', async () => {
    const dataDir = await mkdtemp(join(tmpdir(), 'magnetodb-history-'));
    closing.push(() => rm(dataDir, { recursive: true }));
    const store = await newTestStore();
    closing.push(() => store.remove());
    const urls: string[] = [];
    for (let count = 0; count < 2; count += 1) {
      const service = await startService(dataDir, 0, store.env);
      closing.push(() => service.stop());
      urls.push(service.url);
    }
    await createTable(urls[0] ?? '');
    const load = await runLoad({ ...TARGET, urls, clients: 16, items: 6, durationMs: 2000, seed: 1 });
    expect(load.undocumented).to.deep.equal([]);
    // Nothing fails here, so a load of refusals would be a load of nothing.
    expect(load.tally).to.include.keys(
      'read answered',
      'put answered',
      'put condition failed',
      'increment answered',
    );
    expect(load.history.filter(({ outcome }) => outcome.kind === 'answered').length).to.be.above(200);
    expectLinearizable(load.history);
  });

  /** A short load on a service over a store that breaks the contract. */
  async function loadBroken(broken: (sound: StorageDriver) => StorageDriver): Promise<Load> {
    const { driver, close } = await openTemporaryDriver();
    closing.push(close);
    const server = await serveDriver(broken(driver), silentLogger);
    closing.push(() => server.close());
    await createTable(server.url);
    return await runLoad({
      ...TARGET,
      urls: [server.url],
      clients: 8,
      items: 3,
      maxOperations: 1500,
      seed: 1,
    });
  }

  function expectCaught({ history, undocumented }: Load): void {
    expect(undocumented).to.deep.equal([]);
    const judgement = judge(history);
    expect(judgement.kind).to.equal('violated');
    if (judgement.kind !== 'violated') return;
    for (const { report } of judgement.violations)
      expect(report).to.match(/^item item-\d is not linearizable: /);
  }

  // The test above is worth something only if it fails for a store that is wrong now and then.
  it('is not where a write is acknowledged and not done', async () => {
    let writes = 0;
    const load = await loadBroken((sound) =>
      overriding(sound, {
        write: async (container, request) => {
          if (container.project !== '' && (writes += 1) % 40 === 0) return 'applied';
          return await sound.write(container, request);
        },
      }),
    );
    expectCaught(load);
  });

  it('is not where a strong read answers what was there before', async () => {
    let reads = 0;
    const seen = new Map<string, Row | undefined>();
    const load = await loadBroken((sound) =>
      overriding(sound, {
        get: async (container, ref, consistency) => {
          const row = await sound.get(container, ref, consistency);
          if (container.project === '') return row;
          const key = Buffer.from(ref.partition).toString('hex');
          const isStale = (reads += 1) % 30 === 0 && seen.has(key);
          const answer = isStale ? seen.get(key) : row;
          if (reads % 10 === 0) seen.set(key, row);
          return answer;
        },
      }),
    );
    expectCaught(load);
  });
});
