import { expect } from 'chai';
import fc from 'fast-check';
import { itemSizeBytes } from '../../../magnetodb/engine/item-size.js';
import type { AttributeValue } from '../../../magnetodb/engine/values.js';
import { B, BS, item, items, map, N, NS, S, SS, v1Values } from './arbitraries.js';

describe('engine/item-size', () => {
  // DynamoDB Developer Guide, "DynamoDB item sizes and formats": the rules, value by value.
  const sizes: [value: AttributeValue, sizeBytes: number][] = [
    [S(''), 0],
    [S('abc'), 3],
    [S('é😀'), 6],
    [B(), 0],
    [B(1, 2, 3), 3],
    [N('0'), 1],
    [N('5'), 2],
    [N('-5'), 3],
    [N('12'), 2],
    [N('123'), 3],
    [N('1000'), 2],
    [N('1001'), 3],
    [N('0.05'), 2],
    [N('-0.0501'), 4],
    [N('10.01'), 3],
    [N('9'.repeat(38)), 20],
    [N(`-${'9'.repeat(38)}`), 21],
    [N('1e-130'), 2],
    [SS('a', 'bc'), 3],
    [NS('1', '-123'), 6],
    [BS([1], [1, 2]), 3],
    [map('SSM', { ab: 'cde' }), 5],
    [map('SNM', { ab: '100', c: '0' }), 6],
    [map('NBM', { '10': 'AAE=' }), 4],
    [map('BSM', { AAEC: 'é', 'AA==': '' }), 6],
    [map('SSM', {}), 0],
    [{ type: 'BOOL', value: false }, 1],
    [{ type: 'NULL' }, 1],
    [{ type: 'L', value: [] }, 3],
    [{ type: 'L', value: [S('ab'), { type: 'NULL' }] }, 3 + 1 + 2 + 1 + 1],
    [{ type: 'M', value: item({}) }, 3],
    [{ type: 'M', value: item({ é: S('ab'), b: { type: 'L', value: [] } }) }, 3 + 1 + 2 + 2 + 1 + 1 + 3],
  ];
  for (const [value, sizeBytes] of sizes) {
    it(`counts ${sizeBytes} for ${value.type} ${JSON.stringify('value' in value ? value.value : null)}`, () => {
      expect(itemSizeBytes(new Map([['', value]]))).to.equal(sizeBytes);
    });
  }

  it("adds the names' UTF-8 to the values", () => {
    expect(itemSizeBytes(item({ ab: S('c'), é: N('1') }))).to.equal(2 + 1 + 2 + 2);
    expect(itemSizeBytes(new Map())).to.equal(0);
  });

  it('grows by just an attribute when one is added', () => {
    fc.assert(
      fc.property(items, v1Values, (some, value) => {
        fc.pre(!some.has('new'));
        const alone = itemSizeBytes(new Map([['new', value]]));
        expect(itemSizeBytes(new Map([...some, ['new', value]]))).to.equal(itemSizeBytes(some) + alone);
      }),
    );
  });
});
