import { expect } from 'chai';
import { createEngine } from '../../../magnetodb/engine/engine.js';
import { parseProjectId, parseTableName } from '../../../magnetodb/engine/names.js';
import type { Engine, ScanCondition } from '../../../magnetodb/engine/requests.js';
import type { AttributeValue } from '../../../magnetodb/engine/values.js';
import { silentLogger } from '../../../magnetodb/logging/logger.js';
import { eventually } from '../../support/eventually.js';
import { longestTurnMs } from '../../support/longest-turn.js';
import { openTemporaryDriver } from '../../support/temporary-driver.js';

const PROJECT = parseProjectId('alpha')!;
const NAME = parseTableName('readings');
const ITEMS = 500;

const s = (value: string): AttributeValue => ({ type: 'S', value });

describe('a scan of the engine with a filter that is long', () => {
  let engine: Engine;
  let close: () => Promise<void>;

  before(async () => {
    const opened = await openTemporaryDriver();
    engine = await createEngine({ driver: opened.driver, logger: silentLogger });
    close = async () => {
      await engine.close();
      await opened.close();
    };
    await engine.createTable(PROJECT, {
      name: NAME,
      attributes: new Map([['name', 'S']]),
      hashKey: 'name',
      indexes: [],
    });
    await eventually(async () =>
      expect((await engine.describeTable(PROJECT, NAME)).status).to.equal('ACTIVE'),
    );
    for (let at = 0; at < ITEMS; at++) {
      const item = new Map([['name', s(`n${at}`)]]);
      await engine.putItem(PROJECT, NAME, { item, expected: new Map(), returnValues: 'NONE' });
    }
  });
  after(() => close());

  async function matching(filter: ReadonlyMap<string, ScanCondition>): Promise<number> {
    let count = 0;
    const scan = engine.scan(PROJECT, NAME, { filter, select: 'COUNT', segment: 0, totalSegments: 1 });
    for await (const page of scan) count += page.count;
    return count;
  }

  // Each of these would keep everybody else waiting for seconds, were a whole page filtered in one turn of the loop.
  it('lets others have their turn', async () => {
    const absent: ScanCondition = { operator: 'NULL', values: [] };
    const conditions = new Map(Array.from({ length: 200_000 }, (_, at) => [`a${at}`, absent] as const));
    let count = 0;
    const turn = await longestTurnMs(async () => (count = await matching(conditions)));
    expect(count).to.equal(ITEMS);
    expect(turn).to.be.below(500);
  });

  // Comparing each item with each value took 11 seconds for 600,000 values and 1,000 items.
  it('looks an item up among many values, instead of comparing it with each', async () => {
    const values = Array.from({ length: 600_000 }, (_, at) => s(`n${ITEMS / 2 + 599_999 - at}`));
    const start = performance.now();
    expect(await matching(new Map([['name', { operator: 'IN', values }]]))).to.equal(ITEMS / 2);
    expect(performance.now() - start).to.be.below(1500);
  });
});
