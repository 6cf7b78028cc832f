import { expect } from 'chai';
import { parseItem } from '../../../magnetodb/api/v1/data/values.js';
import { parseJson, type JsonObject } from '../../../magnetodb/api/json.js';
import { itemSizeBytes } from '../../../magnetodb/engine/item-size.js';
import {
  allItems,
  batchesOf,
  ITEM_BYTES,
  itemOf,
  keyOf,
  operations,
  READINGS,
  scattered,
  STATIONS,
} from '../../bench/workload.js';

describe('the benchmark’s workload', () => {
  // Published figures name this size.
  it('has items of the size that it announces, but for a few shorter numbers', () => {
    const sizes = allItems().map((item) =>
      itemSizeBytes(parseItem(parseJson(Buffer.from(JSON.stringify(item))) as JsonObject)),
    );
    expect(Math.max(...sizes)).to.equal(ITEM_BYTES);
    expect(Math.min(...sizes)).to.be.at.least(ITEM_BYTES - 5);
    expect(sizes.filter((size) => size === ITEM_BYTES).length).to.be.at.least(sizes.length * 0.9);
  });

  // Two items under one key would be one item, and a query would find 19.
  it('has a key of its own for each item', () => {
    const items = allItems();
    const keys = new Set(items.map(({ station, reading }) => JSON.stringify({ station, reading })));
    expect(keys.size).to.equal(STATIONS * READINGS);
    expect(items[READINGS + 3]).to.deep.include(keyOf(1, 3));
  });

  // A batch with one key twice is refused.
  it('visits each number once when it jumps about', () => {
    for (const count of [STATIONS, STATIONS * READINGS]) {
      expect(new Set(scattered(count)).size).to.equal(count);
    }
  });

  it('makes batches of at most 25', () => {
    expect(batchesOf(Array.from({ length: 51 }, (_, i) => i)).map((batch) => batch.length)).to.deep.equal([
      25, 25, 1,
    ]);
  });

  // The load generators send a body a line.
  it('has no line break in a body', () => {
    for (const { magnetodb, dynamodb } of operations()) {
      expect([...magnetodb.bodies, ...dynamodb.bodies].filter((body) => body.includes('\n'))).to.be.empty;
    }
  });

  describe('tells a wrong answer from a right one:', () => {
    const byName = new Map(operations().map((operation) => [operation.name, operation]));
    const items = Array.from({ length: READINGS }, (_, reading) => itemOf(0, reading));
    const cases = [
      {
        name: 'get_item',
        right: [{ item: itemOf(0, 0) }, { Item: itemOf(0, 0) }],
        wrong: [{}, { item: {} }],
      },
      { name: 'put_item', right: [{}], wrong: [{ attributes: {} }, []] },
      { name: 'update_item', right: [{}], wrong: [{ message: 'no' }] },
      {
        name: 'query',
        right: [
          { items, count: READINGS },
          { Items: items, Count: READINGS, ScannedCount: READINGS },
        ],
        wrong: [{ items: items.slice(1), count: READINGS }, { items, count: 19 }, {}],
      },
      {
        name: 'batch_write',
        right: [{ unprocessed_items: {} }, { UnprocessedItems: {} }],
        wrong: [{}, { unprocessed_items: { readings: [] } }],
      },
    ] as const;
    for (const { name, right, wrong } of cases) {
      it(name, () => {
        const operation = byName.get(name);
        for (const answer of right) expect(operation?.isRight(answer), JSON.stringify(answer)).to.equal(true);
        for (const answer of wrong)
          expect(operation?.isRight(answer), JSON.stringify(answer)).to.equal(false);
      });
    }
  });
});
