import { expect } from 'chai';
import { createEngine } from '../../../magnetodb/engine/engine.js';
import { parseProjectId, parseTableName } from '../../../magnetodb/engine/names.js';
import type { DecimalText } from '../../../magnetodb/engine/numbers.js';
import type { Engine, ItemPage, QueryRequest } from '../../../magnetodb/engine/requests.js';
import type { AttributeValue } from '../../../magnetodb/engine/values.js';
import { silentLogger } from '../../../magnetodb/logging/logger.js';
import { eventually } from '../../support/eventually.js';
import { openTemporaryDriver } from '../../support/temporary-driver.js';

const PROJECT = parseProjectId('alpha')!;
const NAME = parseTableName('readings');
const ITEMS = 40;

const s = (value: string): AttributeValue => ({ type: 'S', value });
const n = (value: number): AttributeValue => ({ type: 'N', value: String(value) as DecimalText });

describe('a query of the engine that fetches what its index lacks', () => {
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
      attributes: new Map([
        ['station', 'S'],
        ['at', 'N'],
        ['sensor', 'N'],
      ]),
      hashKey: 'station',
      rangeKey: 'at',
      indexes: [
        { name: 'by_sensor', hashKey: 'station', rangeKey: 'sensor', projection: { type: 'KEYS_ONLY' } },
      ],
    });
    await eventually(async () =>
      expect((await engine.describeTable(PROJECT, NAME)).status).to.equal('ACTIVE'),
    );
    for (let at = 0; at < ITEMS; at++) {
      const item = new Map([
        ['station', s('north')],
        ['at', n(at)],
        ['sensor', n(ITEMS - at)],
        ['raw', s('x'.repeat(400_000))],
      ]);
      await engine.putItem(PROJECT, NAME, { item, expected: new Map(), returnValues: 'NONE' });
    }
  });
  after(() => close());

  async function pagesOf(request: Partial<QueryRequest>): Promise<ItemPage[]> {
    const pages: ItemPage[] = [];
    const query = engine.query(PROJECT, NAME, {
      keyConditions: new Map([['station', { operator: 'EQ', values: [s('north')] }]]),
      consistentRead: true,
      forward: true,
      indexName: 'by_sensor',
      select: 'ALL_ATTRIBUTES',
      ...request,
    });
    for await (const page of query) pages.push(page);
    return pages;
  }
  const sensors = (pages: readonly ItemPage[]): unknown[] =>
    pages.flatMap((page) => page.items.map(({ item }) => item.get('sensor')));
  const upwards = Array.from({ length: ITEMS }, (_, at) => n(at + 1));

  // A page of index rows is small whatever the items are: 250 of them made a page of 100 MB.
  it('holds few of the items at a time', async () => {
    const pages = await pagesOf({});
    const bytes = pages.map((page) => page.items.reduce((sum, { json }) => sum + json.length, 0));
    expect(Math.max(...bytes)).to.be.below(8 * 1024 * 1024);
    expect(sensors(pages)).to.deep.equal(upwards);
  });

  it('answers each item once, in order, in both directions and with a limit', async () => {
    expect(sensors(await pagesOf({ forward: false }))).to.deep.equal(upwards.toReversed());
    const first = await pagesOf({ limit: 20 });
    expect(sensors(first)).to.deep.equal(upwards.slice(0, 20));
    const exclusiveStartKey = first.at(-1)?.lastEvaluatedKey;
    expect(exclusiveStartKey?.get('sensor')).to.deep.equal(n(20));
    const rest = await pagesOf(exclusiveStartKey === undefined ? {} : { exclusiveStartKey });
    expect(sensors(rest)).to.deep.equal(upwards.slice(20));
    expect(rest.at(-1)).not.to.have.property('lastEvaluatedKey');
  });
});
