import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { createEngine } from '../../../magnetodb/engine/engine.js';
import { parseProjectId, parseTableName } from '../../../magnetodb/engine/names.js';
import type { EngineOptions } from '../../../magnetodb/engine/options.js';
import type { Engine, TableDefinition } from '../../../magnetodb/engine/requests.js';
import { silentLogger, type Logger } from '../../../magnetodb/logging/logger.js';
import type { StorageDriver } from '../../../magnetodb/storage/driver.js';
import { StorageUnavailableError } from '../../../magnetodb/storage/errors.js';
import { eventually } from '../../support/eventually.js';
import { overriding } from '../../support/overriding.js';
import { openTemporaryDriver } from '../../support/temporary-driver.js';

const PROJECT = parseProjectId('alpha')!;
const NAME = parseTableName('readings');
const DEFINITION: TableDefinition = {
  name: NAME,
  attributes: new Map([['id', 'S']]),
  hashKey: 'id',
  indexes: [],
};
const KEY = new Map([['id', { type: 'S', value: 'a' } as const]]);
/** How long the storage takes to find out that it has no quorum. */
const FAILING_MS = 300;

// decisions: operations that need a quorum get 503; reads that don't go on, with a catalogue up to 60 s old.
describe('the cache of tables while the storage has no quorum', () => {
  let driver: StorageDriver;
  let close: () => Promise<void>;
  const engines: Engine[] = [];
  let isDown: boolean;
  let lookups: number;
  let lookupsUnderWay: number;
  let mostLookupsAtOnce: number;
  let degraded: StorageDriver;
  let clockMs: number;

  beforeEach(async () => {
    ({ driver, close } = await openTemporaryDriver());
    isDown = false;
    lookups = 0;
    lookupsUnderWay = 0;
    mostLookupsAtOnce = 0;
    clockMs = 0;
    const quorum = async <T>(call: () => Promise<T>): Promise<T> => {
      if (!isDown) return await call();
      await sleep(FAILING_MS);
      throw new StorageUnavailableError('planted');
    };
    degraded = overriding(driver, {
      createContainer: (container) => quorum(() => driver.createContainer(container)),
      get: async (container, ref, consistency) => {
        if (consistency === 'eventual') return await driver.get(container, ref, consistency);
        if (container.project !== '') return await quorum(() => driver.get(container, ref, consistency));
        lookups += 1;
        lookupsUnderWay += 1;
        mostLookupsAtOnce = Math.max(mostLookupsAtOnce, lookupsUnderWay);
        try {
          return await quorum(() => driver.get(container, ref, consistency));
        } finally {
          lookupsUnderWay -= 1;
        }
      },
      write: (container, request) => quorum(() => driver.write(container, request)),
    });
    const engine = await open(driver, { taskExecutor: true });
    await engine.createTable(PROJECT, DEFINITION);
    await eventually(async () =>
      expect((await engine.describeTable(PROJECT, NAME)).status).to.equal('ACTIVE'),
    );
    await put(engine);
    await engine.close();
  });

  afterEach(async () => {
    await Promise.all(engines.splice(0).map((engine) => engine.close()));
    await close();
  });

  async function open(
    over: StorageDriver,
    options: Partial<EngineOptions> = {},
    logger: Logger = silentLogger,
  ): Promise<Engine> {
    const engine = await createEngine({
      driver: over,
      logger,
      now: () => Date.now() + clockMs,
      options: { jobPollMs: 5, tableCacheMs: 20, taskExecutor: false, ...options },
    });
    engines.push(engine);
    return engine;
  }

  async function put(engine: Engine): Promise<void> {
    await engine.putItem(PROJECT, NAME, { item: KEY, expected: new Map(), returnValues: 'NONE' });
  }

  /** Reads the item. @returns `read`, or the code of the refusal. */
  async function read(engine: Engine, consistentRead = false): Promise<string> {
    try {
      const stored = await engine.getItem(PROJECT, NAME, { key: KEY, consistentRead });
      return stored === undefined ? 'nothing' : 'read';
    } catch (error) {
      return (error as { code: string }).code;
    }
  }

  async function timed<T>(call: Promise<T>): Promise<{ answer: T; tookMs: number }> {
    const startMs = performance.now();
    return { answer: await call, tookMs: performance.now() - startMs };
  }

  /** An engine that knows the table and has lost the storage's quorum a while ago. */
  async function openAndLose(options: Partial<EngineOptions> = {}): Promise<Engine> {
    const engine = await open(degraded, options);
    expect(await read(engine)).to.equal('read');
    isDown = true;
    await sleep(30);
    return engine;
  }

  it('serves reads that need none with what was known, and makes only the first wait', async () => {
    const engine = await openAndLose();
    expect(await read(engine)).to.equal('read');
    for (let round = 0; round < 10; round += 1) {
      const { answer, tookMs } = await timed(read(engine));
      expect(answer).to.equal('read');
      expect(tookMs).to.be.below(150);
    }
  });

  it('serves queries, scans and batches that need none, too', async () => {
    const engine = await openAndLose();
    const query = engine.query(PROJECT, NAME, {
      keyConditions: new Map([['id', { operator: 'EQ', values: [{ type: 'S', value: 'a' }] }]]),
      consistentRead: false,
      forward: true,
    });
    const scan = engine.scan(PROJECT, NAME, { filter: new Map(), segment: 0, totalSegments: 1 });
    for (const pages of [query, scan]) {
      let count = 0;
      for await (const page of pages) count += page.count;
      expect(count).to.equal(1);
    }
    const batch = new Map([[NAME, { keys: [KEY], consistentRead: false }]]);
    expect((await engine.batchGetItem(PROJECT, batch)).responses.get(NAME)?.length).to.equal(1);
  });

  it('refuses what needs one, whatever is known', async () => {
    const engine = await openAndLose();
    expect(await read(engine)).to.equal('read');
    expect(await read(engine, true)).to.equal('ServiceUnavailable');
    const code = await put(engine).catch((error: unknown) => (error as { code: string }).code);
    expect(code).to.equal('ServiceUnavailable');
    const batch = new Map([[NAME, { keys: [KEY], consistentRead: true }]]);
    const batchCode = await engine
      .batchGetItem(PROJECT, batch)
      .catch((error: unknown) => (error as { code: string }).code);
    expect(batchCode).to.equal('ServiceUnavailable');
  });

  it('looks the table up by one call at a time, and now and then only', async () => {
    const engine = await openAndLose({ tableCacheMs: 100 });
    await sleep(100);
    lookups = 0;
    const endMs = performance.now() + 1000;
    while (performance.now() < endMs) {
      await Promise.all(Array.from({ length: 10 }, () => read(engine)));
      await sleep(5);
    }
    expect(mostLookupsAtOnce).to.equal(1);
    // Each takes 300 ms to fail, and the next one begins 100 ms later.
    expect(lookups).to.be.within(2, 4);
  });

  it('asks a single replica for what it has not known, or not for long, at once', async () => {
    const engine = await openAndLose({ degradedCacheMs: 60_000 });
    clockMs += 61_000;
    expect(await read(engine)).to.equal('read');
    expect((await timed(read(engine))).tookMs).to.be.below(150);
    const newcomer = await open(degraded);
    expect(await read(newcomer)).to.equal('read');
    expect((await timed(read(newcomer))).tookMs).to.be.below(150);
  });

  // A replica that is behind may not know a table yet, or know it in a state that it has long left.
  it('believes a single replica nothing but an ACTIVE table', async () => {
    const other = await open(driver, { taskExecutor: false });
    await other.createTable(PROJECT, { ...DEFINITION, name: parseTableName('creating') });
    isDown = true;
    const engine = await open(degraded);
    for (const name of ['creating', 'unknown']) {
      const code = await engine
        .getItem(PROJECT, name, { key: KEY, consistentRead: false })
        .catch((error: unknown) => (error as { code: string }).code);
      expect(code, name).to.equal('ServiceUnavailable');
    }
  });

  it('is as ever at once when the storage is back', async () => {
    const engine = await openAndLose();
    expect(await read(engine)).to.equal('read');
    const whole = await open(driver, { taskExecutor: true });
    await whole.deleteTable(PROJECT, NAME);
    isDown = false;
    await eventually(async () => expect(await read(engine, true)).to.equal('TableNotExists'));
    expect(await read(engine)).to.equal('TableNotExists');
    await whole.createTable(PROJECT, DEFINITION);
    await eventually(async () => expect(await read(engine)).to.equal('nothing'));
    await put(engine);
    expect(await read(engine)).to.equal('read');
  });

  // The first read after the storage is back finds that out, and is not served with what was known before.
  it('shows nothing stale once the storage is back, even where nobody asked in between', async () => {
    const engine = await openAndLose();
    expect(await read(engine)).to.equal('read');
    const whole = await open(driver, { taskExecutor: false });
    await whole.deleteTable(PROJECT, NAME);
    isDown = false;
    await sleep(50);
    expect(await read(engine)).to.equal('Validation');
  });

  it('forgets a table whose container is gone', async () => {
    const engine = await openAndLose();
    expect(await read(engine)).to.equal('read');
    const whole = await open(driver, { taskExecutor: true });
    await whole.deleteTable(PROJECT, NAME);
    await eventually(async () => {
      const code = await whole
        .describeTable(PROJECT, NAME)
        .catch((error: unknown) => (error as { code: string }).code);
      expect(code).to.equal('TableNotExists');
    });
    expect(await read(engine)).to.equal('ServiceUnavailable');
    // Created again, it is another table.
    await whole.createTable(PROJECT, DEFINITION);
    await eventually(async () => expect(await read(engine)).to.equal('nothing'));
  });

  it('tells the operator, once a minute', async () => {
    const events: string[] = [];
    const logger = { ...silentLogger, warn: (event: string) => events.push(event) } as unknown as Logger;
    const engine = await open(degraded, {}, logger);
    expect(await read(engine)).to.equal('read');
    isDown = true;
    await sleep(30);
    await read(engine, true);
    await read(engine, true);
    expect(events).to.deep.equal(['tables can not be looked up']);
    clockMs += 61_000;
    await read(engine, true);
    expect(events.length).to.equal(2);
  });
});
