import { expect } from 'chai';
import fc from 'fast-check';
import { equalValues, sortedSet } from '../../../magnetodb/engine/compare.js';
import { InvalidQueryParameterError, ValidationError } from '../../../magnetodb/engine/errors.js';
import { itemToJson } from '../../../magnetodb/engine/item-codec.js';
import type { AttributeUpdate, UpdateAction } from '../../../magnetodb/engine/requests.js';
import { applyUpdates } from '../../../magnetodb/engine/update-actions.js';
import type { AttributeValue, Item } from '../../../magnetodb/engine/values.js';
import {
  B,
  binaries,
  BS,
  decimals,
  item,
  map,
  N,
  NS,
  S,
  SS,
  texts,
  v1Values,
  values,
} from './arbitraries.js';

const KEY = item({ h: S('north-7'), r: N('1') });
const REFUSED_ADD = 'ADD allows collections or numbers only';

function update(action: UpdateAction, value?: AttributeValue): AttributeUpdate {
  return value === undefined ? { action } : { action, value };
}

/** Attribute `a` of an item that holds it (or nothing but its key), after one update. */
function after(
  old: AttributeValue | undefined,
  action: UpdateAction,
  value?: AttributeValue,
): AttributeValue | undefined {
  const stored = old === undefined ? KEY : new Map([...KEY, ['a', old] as const]);
  const result = applyUpdates(stored, KEY, new Map([['a', update(action, value)]]));
  expect(result?.get('h')).to.deep.equal(S('north-7'));
  return result?.get('a');
}

/** What a single update makes where there is no item. */
function created(action: UpdateAction, value?: AttributeValue): Item | undefined {
  return applyUpdates(undefined, KEY, new Map([['a', update(action, value)]]));
}

function expectEqual(actual: AttributeValue | undefined, expected: AttributeValue): void {
  if (actual === undefined) throw new Error('the attribute is not there');
  expect(itemToJson(new Map([['a', actual]]))).to.equal(itemToJson(new Map([['a', expected]])));
}

describe('engine/update-actions', () => {
  // The table of data API 9.4, a row after the other: attribute there, attribute missing, no item.
  describe('PUT', () => {
    it('replaces a value, of any type', () => {
      expectEqual(after(S('x'), 'PUT', NS('1')), NS('1'));
    });
    it('sets a missing attribute', () => {
      expectEqual(after(undefined, 'PUT', S('x')), S('x'));
    });
    it('creates the item with its key', () => {
      expect([...(created('PUT', S('x')) ?? [])]).to.deep.equal([...KEY, ['a', S('x')]]);
    });
    it('removes the attribute where it has no value', () => {
      expect(after(S('x'), 'PUT')).to.equal(undefined);
    });
    it('does nothing without a value to a missing attribute', () => {
      expect(after(undefined, 'PUT')).to.equal(undefined);
    });
    // Q25.
    it('creates nothing without a value', () => {
      expect(created('PUT')).to.equal(undefined);
    });
  });

  describe('ADD', () => {
    const sums: [
      row: string,
      old: AttributeValue | undefined,
      value: AttributeValue,
      result: AttributeValue,
    ][] = [
      ['a number to a number', N('21.5'), N('-22'), N('-0.5')],
      // Q10: 38 digits, not 28.
      ['at 38 digits', N('1e37'), N('1'), N(`1${'0'.repeat(36)}1`)],
      ['a number to nothing', undefined, N('5'), N('5')],
      ['texts to a set', SS('b', 'c'), SS('c', 'a'), SS('a', 'b', 'c')],
      ['numbers to a set', NS('10', '9'), NS('9.0', '9.5'), NS('9', '9.5', '10')],
      ['binary to a set', BS([1], [3]), BS([1], [2]), BS([1], [2], [3])],
      ['a set to nothing', undefined, SS('a'), SS('a')],
      [
        'entries to a map, new ones winning',
        map('SNM', { a: '1', b: '2' }),
        map('SNM', { b: '3', c: '4' }),
        map('SNM', { a: '1', b: '3', c: '4' }),
      ],
      ['an empty map to a map', map('NSM', { 1: 'x' }), map('NSM', {}), map('NSM', { 1: 'x' })],
      ['a map to nothing', undefined, map('BBM', { 'AQ==': 'Ag==' }), map('BBM', { 'AQ==': 'Ag==' })],
    ];
    for (const [row, old, value, result] of sums) {
      it(`adds ${row}`, () => {
        expectEqual(after(old, 'ADD', value), result);
        if (old === undefined) expectEqual(created('ADD', value)?.get('a'), result);
      });
    }

    it('creates the item with its key', () => {
      expect([...(created('ADD', SS('x')) ?? [])]).to.deep.equal([...KEY, ['a', SS('x')]]);
    });

    // Q26: refused whether or not there is an item, an attribute, or one of the same type.
    const unaddable: AttributeValue[] = [
      S('x'),
      B(1),
      { type: 'BOOL', value: true },
      { type: 'NULL' },
      { type: 'L', value: [S('x')] },
      { type: 'M', value: item({ x: S('x') }) },
    ];
    for (const value of unaddable) {
      it(`refuses ${value.type}, always`, () => {
        for (const old of [undefined, value, N('1'), SS('x')]) {
          expect(() => after(old, 'ADD', value)).to.throw(InvalidQueryParameterError, REFUSED_ADD);
        }
        expect(() => created('ADD', value)).to.throw(InvalidQueryParameterError, REFUSED_ADD);
      });
    }

    const misfits: [old: AttributeValue, value: AttributeValue][] = [
      [S('1'), N('1')],
      [NS('1'), N('1')],
      [N('1'), NS('1')],
      [S('x'), SS('x')],
      [SS('x'), NS('1')],
      [NS('1'), BS([1])],
      [BS([1]), SS('x')],
      [map('SSM', { a: 'b' }), SS('a')],
      [SS('a'), map('SSM', { a: 'b' })],
      [map('SSM', { a: '1' }), map('SNM', { a: '1' })],
      [{ type: 'BOOL', value: true }, N('1')],
      [{ type: 'L', value: [] }, SS('x')],
      [{ type: 'M', value: new Map() }, map('SSM', {})],
    ];
    for (const [old, value] of misfits) {
      it(`refuses ${value.type} to ${old.type}`, () => {
        expect(() => after(old, 'ADD', value)).to.throw(InvalidQueryParameterError, /^Wrong type for a$/);
      });
    }

    // Q25: a 500 in the original.
    it('needs a value, whether or not there is an item', () => {
      const message = "Required property 'value' wasn't found or it's value is null";
      expect(() => after(N('1'), 'ADD')).to.throw(ValidationError, message);
      expect(() => after(undefined, 'ADD')).to.throw(ValidationError, message);
      expect(() => created('ADD')).to.throw(ValidationError, message);
    });

    it('refuses a sum that no number can hold, and names the attribute', () => {
      for (const [old, value] of [
        ['9e125', '1e125'],
        ['1e38', '1'],
        ['1.1e-130', '-1e-130'],
      ] as const) {
        expect(() => after(N(old), 'ADD', N(value)), old).to.throw(
          ValidationError,
          "Attribute 'a' can't hold the sum",
        );
      }
    });
  });

  describe('DELETE', () => {
    it('removes the attribute where it has no value, of any type', () => {
      for (const old of [
        S('x'),
        N('1'),
        SS('x'),
        map('SSM', { a: 'b' }),
        { type: 'L', value: [] } as const,
      ]) {
        expect(after(old, 'DELETE')).to.equal(undefined);
      }
    });

    const differences: [row: string, old: AttributeValue, value: AttributeValue, result: AttributeValue][] = [
      ['texts from a set', SS('a', 'b', 'c'), SS('c', 'a', 'z'), SS('b')],
      ['numbers from a set', NS('1', '2', '10'), NS('1.0', '1e1'), NS('2')],
      ['binary from a set', BS([1], [2], []), BS([2], []), BS([1])],
      ['nothing that is there from a set', SS('a'), SS('b'), SS('a')],
      ['keys from a map', map('SSM', { a: 'x', b: 'y' }), SS('a', 'z'), map('SSM', { b: 'y' })],
      ['number keys from a map', map('NBM', { 10: 'AQ==', 2: '' }), NS('1e1'), map('NBM', { 2: '' })],
      [
        'binary keys from a map',
        map('BSM', { 'AQ==': 'x', 'Ag==': 'y' }),
        BS([1]),
        map('BSM', { 'Ag==': 'y' }),
      ],
      ['nothing from an empty map', map('SSM', {}), SS('a'), map('SSM', {})],
    ];
    for (const [row, old, value, result] of differences) {
      it(`takes ${row}`, () => {
        expectEqual(after(old, 'DELETE', value), result);
      });
    }

    // An empty set is no value; a map goes the same way, so that both kinds of collection behave alike.
    it('removes the attribute when nothing is left of the set or map', () => {
      expect(after(SS('a', 'b'), 'DELETE', SS('a', 'b', 'c'))).to.equal(undefined);
      expect(after(NS('1'), 'DELETE', NS('1.0'))).to.equal(undefined);
      expect(after(BS([1]), 'DELETE', BS([1]))).to.equal(undefined);
      expect(after(map('SNM', { a: '1' }), 'DELETE', SS('a'))).to.equal(undefined);
    });

    const misfits: [old: AttributeValue, value: AttributeValue][] = [
      [SS('1'), NS('1')],
      [SS('x'), S('x')],
      [NS('1'), N('1')],
      [BS([1]), SS('x')],
      [SS('a'), map('SSM', { a: 'b' })],
      [map('SSM', { a: 'b' }), S('a')],
      [map('SSM', { a: 'b' }), map('SSM', { a: 'b' })],
      [map('NSM', { 1: 'b' }), SS('1')],
      [map('BSM', { 'AQ==': 'b' }), SS('AQ==')],
      [{ type: 'L', value: [S('x')] }, SS('x')],
      [{ type: 'M', value: item({ x: S('x') }) }, SS('x')],
    ];
    for (const [old, value] of misfits) {
      it(`refuses ${value.type} from ${old.type}`, () => {
        expect(() => after(old, 'DELETE', value)).to.throw(InvalidQueryParameterError, /^Wrong type for a$/);
      });
    }

    it('removes a scalar, whatever the value given', () => {
      for (const old of [
        S('x'),
        N('1'),
        B(1),
        { type: 'BOOL', value: true } as const,
        { type: 'NULL' } as const,
      ]) {
        for (const value of [S('x'), S('y'), SS('x'), map('SSM', {})]) {
          expect(after(old, 'DELETE', value)).to.equal(undefined);
        }
      }
    });

    it('does nothing to a missing attribute, and creates no item, with a value or without', () => {
      for (const value of [undefined, S('x'), SS('x'), map('SSM', { a: 'b' })]) {
        expect(after(undefined, 'DELETE', value)).to.equal(undefined);
        expect(created('DELETE', value)).to.equal(undefined);
      }
    });
  });

  describe('several updates', () => {
    it('makes a missing item of its key and all PUT and ADD values, whatever is deleted beside them', () => {
      const result = applyUpdates(
        undefined,
        KEY,
        new Map([
          ['d', update('DELETE', SS('x'))],
          ['a', update('ADD', N('1'))],
          ['e', update('PUT')],
          ['p', update('PUT', S('x'))],
        ]),
      );
      expect([...(result ?? [])]).to.deep.equal([...KEY, ['a', N('1')], ['p', S('x')]]);
    });

    // Q25: `attribute_updates: {}` is an update of nothing.
    it('leaves an item as it is, and creates none, where there are no updates', () => {
      expect([...(applyUpdates(KEY, KEY, new Map()) ?? [])]).to.deep.equal([...KEY]);
      expect(applyUpdates(undefined, KEY, new Map())).to.equal(undefined);
    });

    it('keeps the item when all but its key is removed', () => {
      const old = new Map([...KEY, ['a', S('x')] as const]);
      expect([...(applyUpdates(old, KEY, new Map([['a', update('DELETE')]])) ?? [])]).to.deep.equal([...KEY]);
    });

    it("keeps the old attributes' order and puts new ones behind them", () => {
      const old = item({ z: S('z'), h: S('north-7'), y: N('1'), r: N('1'), x: S('x') });
      const result = applyUpdates(
        old,
        KEY,
        new Map([
          ['new', update('PUT', S('1'))],
          ['x', update('PUT', S('2'))],
          ['z', update('DELETE')],
          ['y', update('ADD', N('1'))],
          ['__proto__', update('PUT', S('3'))],
        ]),
      );
      expect([...(result ?? [])]).to.deep.equal([
        ['h', S('north-7')],
        ['y', N('2')],
        ['r', N('1')],
        ['x', S('2')],
        ['new', S('1')],
        ['__proto__', S('3')],
      ]);
    });

    // Q27: the original replaced the key, or never came back.
    it('refuses updates of key attributes by any action, and names them', () => {
      for (const name of ['h', 'r']) {
        for (const one of [update('PUT', S('x')), update('ADD', N('1')), update('DELETE'), update('PUT')]) {
          for (const old of [undefined, KEY]) {
            expect(() => applyUpdates(old, KEY, new Map([[name, one]]))).to.throw(
              ValidationError,
              `'${name}'`,
            );
          }
        }
      }
    });

    it('cuts a long name in its messages', () => {
      const name = 'n'.repeat(300);
      expect(() =>
        applyUpdates(new Map([...KEY, [name, S('x')]]), KEY, new Map([[name, update('ADD', N('1'))]])),
      )
        .to.throw(InvalidQueryParameterError)
        .with.property('message')
        .with.length.below(280);
    });
  });

  describe('for any values', () => {
    it('unites and subtracts sets as a model of sets does', () => {
      const kinds = fc.oneof(
        fc.tuple(
          fc.constant('SS' as const),
          fc.array(texts, { minLength: 1 }),
          fc.array(texts, { minLength: 1 }),
        ),
        fc.tuple(
          fc.constant('NS' as const),
          fc.array(decimals, { minLength: 1 }),
          fc.array(decimals, { minLength: 1 }),
        ),
        fc.tuple(
          fc.constant('BS' as const),
          fc.array(binaries, { minLength: 1 }),
          fc.array(binaries, { minLength: 1 }),
        ),
      );
      const make = (type: 'SS' | 'NS' | 'BS', members: readonly unknown[]): AttributeValue =>
        type === 'SS'
          ? sortedSet(type, members as string[])
          : type === 'NS'
            ? sortedSet(type, members as never[])
            : sortedSet(type, members as Uint8Array[]);
      const identity = (member: unknown): string =>
        typeof member === 'string' ? member : Buffer.from(member as Uint8Array).toString('hex');
      fc.assert(
        fc.property(kinds, ([type, a, b]) => {
          const inB = new Set(b.map(identity));
          const rest = (a as unknown[]).filter((member) => !inB.has(identity(member)));
          const whole = after(make(type, a), 'ADD', make(type, b));
          const less = after(make(type, a), 'DELETE', make(type, b));
          expectEqual(whole, make(type, [...a, ...b]));
          if (rest.length === 0) {
            expect(less).to.equal(undefined);
          } else {
            expectEqual(less, make(type, rest));
          }
        }),
        { numRuns: 500 },
      );
    });

    it('never changes what it is given', () => {
      const actions = fc.constantFrom<UpdateAction>('PUT', 'ADD', 'DELETE');
      fc.assert(
        fc.property(values, v1Values, actions, (old, value, action) => {
          const stored = new Map([...KEY, ['a', old] as const]);
          const before = [itemToJson(stored), itemToJson(new Map([['a', value]]))];
          try {
            applyUpdates(stored, KEY, new Map([['a', update(action, value)]]));
          } catch (error) {
            expect(error).to.satisfy(
              (e: unknown) => e instanceof InvalidQueryParameterError || e instanceof ValidationError,
            );
          }
          expect([itemToJson(stored), itemToJson(new Map([['a', value]]))]).to.deep.equal(before);
        }),
      );
    });

    it('puts exactly the value given', () => {
      fc.assert(
        fc.property(fc.option(values, { nil: undefined }), values, (old, value) => {
          const result = after(old, 'PUT', value);
          expect(result !== undefined && equalValues(result, value)).to.equal(true);
        }),
      );
    });
  });
});
