import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { createEngine } from '../../../magnetodb/engine/engine.js';
import { parseProjectId, parseTableName } from '../../../magnetodb/engine/names.js';
import type { DecimalText } from '../../../magnetodb/engine/numbers.js';
import type { EngineOptions } from '../../../magnetodb/engine/options.js';
import type {
  AttributeUpdate,
  Engine,
  Expected,
  QueryRequest,
  TableDefinition,
} from '../../../magnetodb/engine/requests.js';
import type { AttributeValue, Item } from '../../../magnetodb/engine/values.js';
import { silentLogger } from '../../../magnetodb/logging/logger.js';
import type { StorageDriver } from '../../../magnetodb/storage/driver.js';
import { OutcomeUnknownError, StorageUnavailableError } from '../../../magnetodb/storage/errors.js';
import { eventually } from '../../support/eventually.js';
import { overriding } from '../../support/overriding.js';
import { openTemporaryDriver } from '../../support/temporary-driver.js';

const PROJECT = parseProjectId('alpha')!;
const NAME = parseTableName('readings');
const DEFINITION: TableDefinition = {
  name: NAME,
  attributes: new Map([
    ['station', 'S'],
    ['at', 'N'],
    ['sensor', 'S'],
  ]),
  hashKey: 'station',
  rangeKey: 'at',
  indexes: [{ name: 'by_sensor', hashKey: 'station', rangeKey: 'sensor', projection: { type: 'KEYS_ONLY' } }],
};

const s = (value: string): AttributeValue => ({ type: 'S', value });
const n = (value: string): AttributeValue => ({ type: 'N', value: value as DecimalText });
const keyAt = (at: string): Item =>
  new Map([
    ['station', s('north')],
    ['at', n(at)],
  ]);
const none: Expected = new Map();

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => 'nothing was refused',
    (error: unknown) => (error as { code?: unknown }).code ?? error,
  );
}

describe('item operations of the engine', () => {
  let driver: StorageDriver;
  let close: () => Promise<void>;
  const engines: Engine[] = [];

  beforeEach(async () => {
    ({ driver, close } = await openTemporaryDriver());
    const engine = await open();
    await engine.createTable(PROJECT, DEFINITION);
    await eventually(async () =>
      expect((await engine.describeTable(PROJECT, NAME)).status).to.equal('ACTIVE'),
    );
  });

  afterEach(async () => {
    await Promise.all(engines.splice(0).map((engine) => engine.close()));
    await close();
  });

  async function open(over = driver, options: Partial<EngineOptions> = {}): Promise<Engine> {
    const engine = await createEngine({ driver: over, logger: silentLogger, options });
    engines.push(engine);
    return engine;
  }

  function update(
    engine: Engine,
    updates: Record<string, AttributeUpdate>,
    expected = none,
    at = '1',
  ): Promise<unknown> {
    return engine.updateItem(PROJECT, NAME, {
      key: keyAt(at),
      updates: new Map(Object.entries(updates)),
      expected,
      returnValues: 'NONE',
    });
  }

  function put(engine: Engine, at: string, sensor?: string, timeToLiveSeconds?: number): Promise<unknown> {
    const item = new Map(keyAt(at));
    if (sensor !== undefined) item.set('sensor', s(sensor));
    return engine.putItem(PROJECT, NAME, {
      item,
      expected: none,
      returnValues: 'NONE',
      ...(timeToLiveSeconds === undefined ? {} : { timeToLiveSeconds }),
    });
  }

  async function read(engine: Engine, at = '1'): Promise<unknown> {
    const stored = await engine.getItem(PROJECT, NAME, { key: keyAt(at), consistentRead: true });
    return stored && JSON.parse(Buffer.from(stored.json).toString());
  }

  async function query(engine: Engine, request: Partial<QueryRequest> = {}): Promise<unknown[]> {
    const items: unknown[] = [];
    const pages = engine.query(PROJECT, NAME, {
      keyConditions: new Map([['station', { operator: 'EQ', values: [s('north')] }]]),
      consistentRead: true,
      forward: true,
      ...request,
    });
    for await (const page of pages) {
      for (const item of page.items) items.push(JSON.parse(Buffer.from(item.json).toString()));
    }
    return items;
  }

  // The service's central promise for writes: of concurrent ones none is lost, whichever process they come to.
  it('loses no update of those that two processes make to one item at once', async () => {
    const [one, other] = [await open(), await open()];
    await Promise.all(
      Array.from({ length: 200 }, (_, index) =>
        update(index % 2 === 0 ? one : other, { count: { action: 'ADD', value: n('1') } }),
      ),
    );
    expect(await read(one)).to.deep.include({ count: { N: '200' } });
  });

  // Data API 9.4: of two updates that exclude each other by `expected`, exactly one wins.
  it('lets exactly one of several writers take a condition', async () => {
    const [one, other] = [await open(), await open()];
    const owner: Expected = new Map([['owner', { kind: 'absent' }]]);
    const codes = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        codeOf(
          update(
            index % 2 === 0 ? one : other,
            { owner: { action: 'PUT', value: s(`writer ${index}`) } },
            owner,
          ),
        ),
      ),
    );
    expect(codes.filter((code) => code === 'nothing was refused').length).to.equal(1);
    expect(codes.filter((code) => code === 'ConditionalCheckFailed').length).to.equal(19);
  });

  // decisions: a compare-and-set that keeps losing is a retryable error, and the item is unchanged.
  it('gives up, retryably, when its write is always overtaken', async () => {
    let tries = 0;
    const losing = overriding(driver, {
      write: (container, request) => {
        if (container.project === '') return driver.write(container, request);
        tries += 1;
        return Promise.resolve('conflict');
      },
    });
    const engine = await open(losing, { writeAttempts: 3 });
    const code = await codeOf(update(engine, { count: { action: 'ADD', value: n('1') } }));
    expect(code).to.equal('ServiceUnavailable');
    expect(tries).to.equal(3);
    expect(await read(engine)).to.equal(undefined);
  });

  it('tells an unknown outcome and an unavailable storage apart', async () => {
    for (const [planted, code] of [
      [new OutcomeUnknownError('planted'), 'OutcomeUnknown'],
      [new StorageUnavailableError('planted'), 'ServiceUnavailable'],
    ] as const) {
      const failing = overriding(driver, {
        write: (container, request) =>
          container.project === '' ? driver.write(container, request) : Promise.reject(planted),
      });
      expect(await codeOf(put(await open(failing), '1'))).to.equal(code);
    }
  });

  it('bounds the writes that wait for one item', async () => {
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const slow = overriding(driver, {
      get: async (container, ref, consistency) => {
        if (container.project !== '') await gate;
        return await driver.get(container, ref, consistency);
      },
    });
    const engine = await open(slow, { maxQueuedWritesPerItem: 3 });
    const writes = Array.from({ length: 10 }, () =>
      codeOf(update(engine, { count: { action: 'ADD', value: n('1') } })),
    );
    const refused = await Promise.race(writes);
    expect(refused).to.equal('ServiceUnavailable');
    release();
    const codes = await Promise.all(writes);
    const accepted = codes.filter((code) => code === 'nothing was refused').length;
    expect(accepted).to.be.within(3, 4);
    expect(await read(engine)).to.deep.include({ count: { N: String(accepted) } });
  });

  // decisions: a request has a deadline; a store that answers slowly makes no request hang.
  describe('with a store that answers slowly', () => {
    let writes: number;
    let isSlow: boolean;
    let slow: StorageDriver;

    beforeEach(() => {
      writes = 0;
      isSlow = true;
      slow = overriding(driver, {
        get: async (container, ref, consistency) => {
          if (isSlow && container.project !== '') await sleep(200);
          return await driver.get(container, ref, consistency);
        },
        write: (container, request) => {
          if (container.project === '') return driver.write(container, request);
          writes += 1;
          return Promise.resolve('conflict');
        },
      });
    });

    const add = { count: { action: 'ADD', value: n('1') } } as const;

    it('refuses a write whose time is up after its read, before it writes', async () => {
      const engine = await open(slow, { requestTimeoutMs: 100 });
      expect(await codeOf(update(engine, add))).to.equal('ServiceUnavailable');
      expect(writes).to.equal(0);
    });

    it('tries a write that loses no longer than its time', async () => {
      const engine = await open(slow, { requestTimeoutMs: 500, writeAttempts: 1000 });
      const startMs = performance.now();
      expect(await codeOf(update(engine, add))).to.equal('ServiceUnavailable');
      expect(performance.now() - startMs).to.be.below(900);
      expect(writes).to.be.within(1, 2);
    });

    it('refuses those that wait for their turn when their time is up, and never writes them', async () => {
      const engine = await open(slow, { requestTimeoutMs: 100 });
      const startMs = performance.now();
      const codes = await Promise.all(Array.from({ length: 20 }, () => codeOf(update(engine, add))));
      expect(new Set(codes)).to.deep.equal(new Set(['ServiceUnavailable']));
      expect(performance.now() - startMs).to.be.below(350);
      await sleep(100);
      expect(writes).to.equal(0);
    });

    it('leaves unprocessed what a batch has no time for', async () => {
      const patient = await open();
      for (let at = 0; at < 300; at += 1) await put(patient, String(at));
      let reads = 0;
      const tired = overriding(driver, {
        getMany: async (container, refs, consistency) => {
          reads += 1;
          await sleep(120);
          return await driver.getMany(container, refs, consistency);
        },
        write: async (container, request) => {
          if (container.project !== '') await sleep(120);
          return await driver.write(container, request);
        },
      });
      const engine = await open(tired, { requestTimeoutMs: 100 });
      const keys = Array.from({ length: 300 }, (_, at) => keyAt(String(at)));
      const got = await engine.batchGetItem(PROJECT, new Map([[NAME, { keys, consistentRead: true }]]));
      expect(reads).to.equal(1);
      expect(got.responses.get(NAME)?.length).to.equal(100);
      expect(got.unprocessed.get(NAME)?.keys.length).to.equal(200);
      const other = parseTableName('plain');
      await engine.createTable(PROJECT, { ...DEFINITION, name: other, indexes: [] });
      await eventually(async () =>
        expect((await engine.describeTable(PROJECT, other)).status).to.equal('ACTIVE'),
      );
      const puts = keys.map((item) => ({ kind: 'put', item }) as const);
      const written = await engine.batchWriteItem(PROJECT, new Map([[other, puts]]));
      expect(written.unprocessed.get(other)?.length).to.equal(250);
    });
  });

  // An item and its index entries are one atomic write.
  it('keeps index entries in step with items', async () => {
    const engine = await open();
    const index = { indexName: 'by_sensor' };
    await put(engine, '1', 'b');
    await put(engine, '2', 'a');
    await put(engine, '3');
    expect(await query(engine, index)).to.deep.equal([
      { station: { S: 'north' }, at: { N: '2' }, sensor: { S: 'a' } },
      { station: { S: 'north' }, at: { N: '1' }, sensor: { S: 'b' } },
    ]);
    await update(engine, { sensor: { action: 'PUT', value: s('c') } }, none, '2');
    await put(engine, '1');
    expect(await query(engine, index)).to.deep.equal([
      { station: { S: 'north' }, at: { N: '2' }, sensor: { S: 'c' } },
    ]);
    await engine.deleteItem(PROJECT, NAME, { key: keyAt('2'), expected: none, returnValues: 'NONE' });
    expect(await query(engine, index)).to.deep.equal([]);
  });

  // decisions: asked for more than the index holds, a query fetches the items; one that has moved on is left out.
  it('fetches what the index does not hold, and leaves out items that have left their place', async () => {
    const engine = await open();
    await put(engine, '1', 'b');
    await update(engine, { unit: { action: 'PUT', value: s('K') } });
    const whole = { station: { S: 'north' }, at: { N: '1' }, sensor: { S: 'b' }, unit: { S: 'K' } };
    const request = { indexName: 'by_sensor', select: 'ALL_ATTRIBUTES' as const };
    expect(await query(engine, request)).to.deep.equal([whole]);
    const moving = overriding(driver, {
      getMany: async (container, refs, consistency) => {
        await update(engine, { sensor: { action: 'PUT', value: s('z') } });
        return await driver.getMany(container, refs, consistency);
      },
    });
    expect(await query(await open(moving), request)).to.deep.equal([]);
  });

  // decisions: a put replaces the time to live, an update keeps it, index entries have the item's.
  it('expires an item together with its index entries, unless a put has replaced it', async () => {
    const engine = await open();
    await put(engine, '1', 'a', 1);
    await put(engine, '2', 'b', 1);
    await put(engine, '2', 'b');
    await update(engine, { unit: { action: 'PUT', value: s('K') } });
    expect(await read(engine)).to.deep.include({ unit: { S: 'K' } });
    await eventually(async () => expect(await read(engine)).to.equal(undefined));
    expect(await query(engine, { indexName: 'by_sensor' })).to.deep.equal([
      { station: { S: 'north' }, at: { N: '2' }, sensor: { S: 'b' } },
    ]);
    expect((await query(engine)).length).to.equal(1);
    // An expired item is no item: a condition on its absence holds.
    await update(engine, { unit: { action: 'PUT', value: s('C') } }, new Map([['unit', { kind: 'absent' }]]));
    expect(await read(engine)).to.deep.equal({
      ...{ station: { S: 'north' } },
      at: { N: '1' },
      unit: { S: 'C' },
    });
  });

  // A batch is checked whole, index keys included, before any of it is written.
  it('writes nothing of a batch in which one item does not fit', async () => {
    const engine = await open();
    const good = keyAt('1');
    const bad = new Map([...keyAt('2'), ['sensor', s('')] as const]);
    const code = await codeOf(
      engine.batchWriteItem(
        PROJECT,
        new Map([
          [
            NAME,
            [
              { kind: 'put', item: good },
              { kind: 'put', item: bad },
            ],
          ],
        ]),
      ),
    );
    expect(code).to.equal('Validation');
    expect(await query(engine)).to.deep.equal([]);
  });

  // decisions: what could not be written because of the storage is unprocessed; nothing done at all: 503.
  it('hands back what the storage did not take of a batch', async () => {
    let calls = 0;
    const flaky = overriding(driver, {
      write: (container, request) => {
        calls += 1;
        return container.project !== '' && calls % 2 === 0
          ? Promise.reject(new StorageUnavailableError('planted'))
          : driver.write(container, request);
      },
    });
    const writes = Array.from({ length: 10 }, (_, at) => ({ kind: 'put' as const, item: keyAt(String(at)) }));
    const answer = await (await open(flaky)).batchWriteItem(PROJECT, new Map([[NAME, writes]]));
    const left = answer.unprocessed.get(NAME) ?? [];
    expect(left.length).to.equal(5);
    expect((await query(await open())).length).to.equal(5);
    const down = overriding(driver, {
      write: () => Promise.reject(new StorageUnavailableError('planted')),
    });
    const code = await codeOf((await open(down)).batchWriteItem(PROJECT, new Map([[NAME, writes]])));
    expect(code).to.equal('ServiceUnavailable');
  });
});
