import { expect } from 'chai';
import { createEngine } from '../../../magnetodb/engine/engine.js';
import { parseProjectId, parseTableName } from '../../../magnetodb/engine/names.js';
import type { Engine } from '../../../magnetodb/engine/requests.js';
import type { AttributeValue, Item } from '../../../magnetodb/engine/values.js';
import { silentLogger } from '../../../magnetodb/logging/logger.js';
import type { StorageDriver } from '../../../magnetodb/storage/driver.js';
import { StorageUnavailableError } from '../../../magnetodb/storage/errors.js';
import { eventually } from '../../support/eventually.js';
import { longestTurnMs } from '../../support/longest-turn.js';
import { overriding } from '../../support/overriding.js';
import { openTemporaryDriver } from '../../support/temporary-driver.js';

const PROJECT = parseProjectId('alpha')!;
const NAME = parseTableName('readings');

const s = (value: string): AttributeValue => ({ type: 'S', value });
const keyOf = (name: string): Item => new Map([['name', s(name)]]);

describe('batches of the engine', () => {
  let driver: StorageDriver;
  let close: () => Promise<void>;
  const engines: Engine[] = [];

  beforeEach(async () => {
    ({ driver, close } = await openTemporaryDriver());
    const engine = await open(driver);
    await engine.createTable(PROJECT, {
      name: NAME,
      attributes: new Map([['name', 'S']]),
      hashKey: 'name',
      indexes: [],
    });
    await eventually(async () =>
      expect((await engine.describeTable(PROJECT, NAME)).status).to.equal('ACTIVE'),
    );
  });
  afterEach(async () => {
    await Promise.all(engines.splice(0).map((engine) => engine.close()));
    await close();
  });

  async function open(over: StorageDriver): Promise<Engine> {
    const engine = await createEngine({ driver: over, logger: silentLogger });
    engines.push(engine);
    return engine;
  }

  async function get(
    engine: Engine,
    keys: readonly Item[],
  ): Promise<{ found: number; left: readonly Item[] }> {
    const { responses, unprocessed } = await engine.batchGetItem(
      PROJECT,
      new Map([[NAME, { keys, consistentRead: true }]]),
    );
    return { found: responses.get(NAME)?.length ?? 0, left: unprocessed.get(NAME)?.keys ?? [] };
  }

  // Once the answer is full, all the rest was gathered a hundred at a time, each time copying what was there: a body
  // of 15 MB kept everybody else waiting for 85 seconds.
  it('hands back hundreds of thousands of keys without holding up others', async () => {
    const engine = await open(driver);
    const big = new Map([...keyOf('big'), ['v', s('x'.repeat(400_000))] as const]);
    await engine.putItem(PROJECT, NAME, { item: big, expected: new Map(), returnValues: 'NONE' });
    const keys = Array.from({ length: 400_000 }, () => keyOf('big'));
    let answer: Awaited<ReturnType<typeof get>> | undefined;
    const turn = await longestTurnMs(async () => (answer = await get(engine, keys)));
    expect(answer?.found).to.equal(42);
    expect(answer?.left.length).to.equal(400_000 - 42);
    expect(turn).to.be.below(1500);
  });

  // decisions: each key is answered, found missing, or handed back, and none is twice: also when a read in between fails.
  it('hands back exactly what it has not read, in order', async () => {
    const names = Array.from({ length: 350 }, (_, at) => `n${at}`);
    let calls = 0;
    const flaky = overriding(driver, {
      getMany: (container, refs, consistency) => {
        calls += 1;
        return calls === 2 || calls === 4
          ? Promise.reject(new StorageUnavailableError('planted'))
          : driver.getMany(container, refs, consistency);
      },
    });
    const engine = await open(flaky);
    for (const name of names.slice(0, 10)) {
      await engine.putItem(PROJECT, NAME, { item: keyOf(name), expected: new Map(), returnValues: 'NONE' });
    }
    calls = 0;
    const { found, left } = await get(engine, names.map(keyOf));
    expect(found).to.equal(10);
    expect(left).to.deep.equal([...names.slice(100, 200), ...names.slice(300)].map(keyOf));
  });
});
