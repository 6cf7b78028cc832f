import { expect } from 'chai';
import fc from 'fast-check';
import { meetsExpected, prepareFilter } from '../../../magnetodb/engine/conditions.js';
import { equalValues } from '../../../magnetodb/engine/compare.js';
import type { ExpectedCondition, ScanCondition, ScanOperator } from '../../../magnetodb/engine/requests.js';
import { isScalar, type AttributeValue } from '../../../magnetodb/engine/values.js';
import { B, BS, item, map, N, NS, S, scalars, SS, texts, v1Values } from './arbitraries.js';

const equals = (value: AttributeValue): ExpectedCondition => ({ kind: 'equals', value });
const exists: ExpectedCondition = { kind: 'exists' };
const absent: ExpectedCondition = { kind: 'absent' };

describe('engine/conditions', () => {
  describe('meetsExpected', () => {
    const stored = item({ a: S('1'), n: N('1'), set: SS('x', 'y'), m: map('SNM', { k: '1' }) });
    const meets = (name: string, condition: ExpectedCondition): boolean =>
      meetsExpected(stored, new Map([[name, condition]]));

    // Data API 8.1 and Q19: same tag and equal value, for every operation alike.
    it('holds for an attribute of the same type and value', () => {
      expect(meets('a', equals(S('1')))).to.equal(true);
      expect(meets('n', equals(N('1.0')))).to.equal(true);
      expect(meets('set', equals(SS('y', 'x')))).to.equal(true);
      expect(meets('m', equals(map('SNM', { k: '1' })))).to.equal(true);
    });

    it('fails for another value, another type, and a missing attribute', () => {
      expect(meets('a', equals(S('2')))).to.equal(false);
      expect(meets('a', equals(N('1')))).to.equal(false);
      expect(meets('n', equals(S('1')))).to.equal(false);
      expect(meets('set', equals(SS('x')))).to.equal(false);
      expect(meets('m', equals(map('SSM', { k: '1' })))).to.equal(false);
      expect(meets('zz', equals(S('1')))).to.equal(false);
    });

    it('tells whether an attribute is there, names of object members among them', () => {
      expect(meets('a', exists)).to.equal(true);
      expect(meets('zz', exists)).to.equal(false);
      expect(meets('__proto__', exists)).to.equal(false);
      expect(meets('constructor', absent)).to.equal(true);
      expect(meets('a', absent)).to.equal(false);
    });

    it('takes an item that is not there as one without attributes', () => {
      expect(meetsExpected(undefined, new Map([['a', absent]]))).to.equal(true);
      expect(meetsExpected(undefined, new Map([['a', exists]]))).to.equal(false);
      expect(meetsExpected(undefined, new Map([['a', equals(S('1'))]]))).to.equal(false);
    });

    it('needs all conditions to hold, and holds without any', () => {
      expect(
        meetsExpected(
          stored,
          new Map<string, ExpectedCondition>([
            ['a', exists],
            ['zz', absent],
          ]),
        ),
      ).to.equal(true);
      expect(
        meetsExpected(
          stored,
          new Map<string, ExpectedCondition>([
            ['a', exists],
            ['n', absent],
          ]),
        ),
      ).to.equal(false);
      expect(meetsExpected(stored, new Map())).to.equal(true);
      expect(meetsExpected(undefined, new Map())).to.equal(true);
    });
  });

  describe('prepareFilter', () => {
    const matches = (
      stored: AttributeValue | undefined,
      operator: ScanOperator,
      ...values: AttributeValue[]
    ): boolean =>
      prepareFilter(new Map([['a', { operator, values }]]))(
        stored === undefined ? new Map() : new Map([['a', stored]]),
      );

    // The table of data API 8.3, row by row: missing, types differ, otherwise.
    const yes = true;
    const no = false;
    const list: AttributeValue = { type: 'L', value: [S('x'), N('1')] };
    const cases: [
      row: string,
      expected: boolean,
      stored: AttributeValue | undefined,
      operator: ScanOperator,
      ...values: AttributeValue[],
    ][] = [
      ['a missing attribute', no, undefined, 'EQ', S('x')],
      ['another type', no, S('1'), 'EQ', N('1')],
      ['an equal text', yes, S('x'), 'EQ', S('x')],
      ['another text', no, S('x'), 'EQ', S('X')],
      ['a number written differently', yes, N('1'), 'EQ', N('1.00')],
      ['equal binary', yes, B(1, 2), 'EQ', B(1, 2)],
      ['an equal set as a whole', yes, SS('a', 'b'), 'EQ', SS('b', 'a')],
      ['a part of a set', no, SS('a', 'b'), 'EQ', SS('a')],
      ['an equal map as a whole', yes, map('NSM', { 1: 'x' }), 'EQ', map('NSM', { 1: 'x' })],
      ['a map with another value', no, map('NSM', { 1: 'x' }), 'EQ', map('NSM', { 1: 'y' })],
      ['a map of another type', no, map('NSM', { 1: 'x' }), 'EQ', map('SSM', { 1: 'x' })],

      ['a missing attribute', no, undefined, 'NE', S('x')],
      ['another type', yes, S('1'), 'NE', N('1')],
      ['an equal text', no, S('x'), 'NE', S('x')],
      ['another text', yes, S('x'), 'NE', S('y')],
      ['an equal set', no, NS('1', '2'), 'NE', NS('2', '1')],

      ['a missing attribute', no, undefined, 'LT', N('1')],
      ['another type', no, S('0'), 'LT', N('1')],
      ['a smaller number, longer as text', yes, N('-10'), 'LT', N('9')],
      ['a smaller number that sorts behind as text', yes, N('9'), 'LT', N('10')],
      ['an equal number', no, N('9'), 'LT', N('9')],
      ['a greater number', no, N('10'), 'LT', N('9')],
      ['a set', no, NS('1'), 'LT', N('9')],

      ['a missing attribute', no, undefined, 'LE', N('1')],
      ['another type', no, B(0), 'LE', S('b')],
      ['an equal text', yes, S('b'), 'LE', S('b')],
      ['a smaller text', yes, S('a'), 'LE', S('b')],
      ['a greater text, by code point', no, S('😀'), 'LE', S('\uff01')],

      ['a missing attribute', no, undefined, 'GT', N('1')],
      ['another type', no, S('2'), 'GT', N('1')],
      ['binary with a greater unsigned byte', yes, B(0x80), 'GT', B(0x7f)],
      ['longer binary', yes, B(1, 0), 'GT', B(1)],
      ['equal binary', no, B(1), 'GT', B(1)],

      ['a missing attribute', no, undefined, 'GE', N('1')],
      ['another type', no, S('2'), 'GE', N('1')],
      ['an equal number', yes, N('1'), 'GE', N('1')],
      ['a smaller number', no, N('0.99'), 'GE', N('1')],

      ['a missing attribute', no, undefined, 'BETWEEN', N('1'), N('3')],
      ['another type', no, S('2'), 'BETWEEN', N('1'), N('3')],
      ['the lower end', yes, N('1'), 'BETWEEN', N('1'), N('3')],
      ['the upper end', yes, N('3'), 'BETWEEN', N('1'), N('3')],
      ['below the lower end', no, N('0.9'), 'BETWEEN', N('1'), N('3')],
      ['above the upper end', no, N('3.1'), 'BETWEEN', N('1'), N('3')],
      ['ends that are reversed', no, N('2'), 'BETWEEN', N('3'), N('1')],

      ['a missing attribute', no, undefined, 'BEGINS_WITH', S('u')],
      ['another type', no, B(0x75), 'BEGINS_WITH', S('u')],
      ['a text with the prefix', yes, S('u1x'), 'BEGINS_WITH', S('u1')],
      ['the prefix itself', yes, S('u1'), 'BEGINS_WITH', S('u1')],
      // Q21: the original matched the prefix's successor, too.
      ["the prefix's successor", no, S('u2'), 'BEGINS_WITH', S('u1')],
      ['a shorter text', no, S('u'), 'BEGINS_WITH', S('u1')],
      ['any text, where the prefix is empty', yes, S('x'), 'BEGINS_WITH', S('')],
      ['binary with the prefix', yes, B(1, 0xff, 3), 'BEGINS_WITH', B(1, 0xff)],
      ['shorter binary', no, B(1), 'BEGINS_WITH', B(1, 0xff)],
      ["the binary prefix's successor", no, B(2), 'BEGINS_WITH', B(1, 0xff)],
      ['any binary, where the prefix is empty', yes, B(), 'BEGINS_WITH', B()],
      ['a set', no, SS('u1'), 'BEGINS_WITH', S('u')],

      ['a missing attribute', no, undefined, 'IN', S('x')],
      ['another type', no, S('1'), 'IN', N('1')],
      ['one of the values', yes, N('2'), 'IN', S('2'), N('2.0')],
      ['none of the values', no, N('3'), 'IN', N('1'), N('2')],
      ['equal binary among the values', yes, B(1, 2), 'IN', B(2), B(1, 2)],
      ["a text that is another value's base64", no, S('AQI='), 'IN', B(1, 2)],
      ['a set', no, SS('x'), 'IN', S('x')],

      ['a missing attribute', no, undefined, 'CONTAINS', S('x')],
      ['a text with the part', yes, S('north-7'), 'CONTAINS', S('th-')],
      ['a text without the part', no, S('north-7'), 'CONTAINS', S('th_')],
      ['a text, asked for another type', no, S('1'), 'CONTAINS', N('1')],
      ['any text, asked for the empty one', yes, S(''), 'CONTAINS', S('')],
      ['binary with the part', yes, B(1, 2, 3), 'CONTAINS', B(2, 3)],
      ['binary without the part', no, B(1, 2, 3), 'CONTAINS', B(3, 2)],
      ['any binary, asked for the empty one', yes, B(), 'CONTAINS', B()],
      ['binary, asked for another type', no, B(1), 'CONTAINS', S('\u0001')],
      ['a set with the text', yes, SS('a', 'b'), 'CONTAINS', S('b')],
      ['a set with a longer text', no, SS('ab'), 'CONTAINS', S('a')],
      ['a set with the number', yes, NS('1', '20'), 'CONTAINS', N('2e1')],
      ['a set without the number', no, NS('1'), 'CONTAINS', N('2')],
      ['a set with the binary', yes, BS([1], [2]), 'CONTAINS', B(2)],
      ['a set without the binary', no, BS([1], [2]), 'CONTAINS', B(3)],
      ['a set of another type', no, SS('1'), 'CONTAINS', N('1')],
      ['a map with the key', yes, map('SNM', { a: '1' }), 'CONTAINS', S('a')],
      ['a map with the value only', no, map('SSM', { a: 'b' }), 'CONTAINS', S('b')],
      ['a map with the number key', yes, map('NSM', { 10: 'x' }), 'CONTAINS', N('1e1')],
      ['a map with the binary key', yes, map('BSM', { 'AQ==': 'x' }), 'CONTAINS', B(1)],
      ['a map with keys of another type', no, map('BSM', { 'AQ==': 'x' }), 'CONTAINS', S('AQ==')],
      ['a number', no, N('12'), 'CONTAINS', N('1')],
      ['a list with the value', yes, list, 'CONTAINS', N('1.0')],
      ['a list without the value', no, list, 'CONTAINS', N('2')],
      ['a flag', no, { type: 'BOOL', value: true }, 'CONTAINS', S('t')],

      ['a missing attribute', no, undefined, 'NOT_CONTAINS', S('x')],
      ['a text with the part', no, S('north-7'), 'NOT_CONTAINS', S('th-')],
      ['a text without the part', yes, S('north-7'), 'NOT_CONTAINS', S('th_')],
      ['a text, asked for another type', no, S('1'), 'NOT_CONTAINS', N('2')],
      ['binary with the part', no, B(1, 2, 3), 'NOT_CONTAINS', B(2, 3)],
      ['binary without the part', yes, B(1, 2, 3), 'NOT_CONTAINS', B(3, 2)],
      ['a set with the member', no, SS('a', 'b'), 'NOT_CONTAINS', S('b')],
      ['a set without the member', yes, SS('a', 'b'), 'NOT_CONTAINS', S('c')],
      ['a set of another type', no, SS('1'), 'NOT_CONTAINS', N('2')],
      ['a map with the key', no, map('SNM', { a: '1' }), 'NOT_CONTAINS', S('a')],
      ['a map without the key', yes, map('SNM', { a: '1' }), 'NOT_CONTAINS', S('b')],
      ['a map with keys of another type', no, map('SNM', { a: '1' }), 'NOT_CONTAINS', N('1')],
      ['a number', no, N('12'), 'NOT_CONTAINS', N('3')],
      ['a list with the value', no, list, 'NOT_CONTAINS', S('x')],
      ['a list without the value', yes, list, 'NOT_CONTAINS', S('y')],

      ['a missing attribute', yes, undefined, 'NULL'],
      ['an attribute of any value', no, S(''), 'NULL'],
      ['an attribute of type NULL', no, { type: 'NULL' }, 'NULL'],
      ['a missing attribute', no, undefined, 'NOT_NULL'],
      ['an attribute of any value', yes, S(''), 'NOT_NULL'],
    ];
    for (const [row, expected, stored, operator, ...values] of cases) {
      it(`${operator} ${expected ? 'matches' : "doesn't match"} ${row}${stored === undefined ? '' : ` (${stored.type})`}`, () => {
        expect(matches(stored, operator, ...values)).to.equal(expected);
      });
    }

    it('needs all conditions to match, and passes everything without any', () => {
      const some = item({ a: S('x'), b: N('5') });
      const isX: ScanCondition = { operator: 'EQ', values: [S('x')] };
      const isMany: ScanCondition = { operator: 'GT', values: [N('9')] };
      expect(prepareFilter(new Map([['a', isX]]))(some)).to.equal(true);
      expect(
        prepareFilter(
          new Map([
            ['a', isX],
            ['b', isMany],
          ]),
        )(some),
      ).to.equal(false);
      expect(prepareFilter(new Map())(some)).to.equal(true);
    });

    it('splits values that are there between EQ and NE', () => {
      fc.assert(
        fc.property(v1Values, v1Values, (stored, value) => {
          expect(matches(stored, 'EQ', value)).to.equal(equalValues(stored, value));
          expect(matches(stored, 'NE', value)).to.equal(!matches(stored, 'EQ', value));
        }),
      );
    });

    it('takes IN for EQ with any of the values', () => {
      fc.assert(
        fc.property(v1Values, fc.array(scalars, { minLength: 1, maxLength: 5 }), (stored, values) => {
          const isEqual = values.some((value) => matches(stored, 'EQ', value));
          expect(matches(stored, 'IN', ...values)).to.equal(isEqual);
          if (isScalar(stored)) expect(matches(stored, 'IN', ...values, stored)).to.equal(true);
        }),
      );
    });

    it('splits scalars of one type between LT, EQ and GT', () => {
      fc.assert(
        fc.property(scalars, scalars, (stored, value) => {
          const holding = (['LT', 'EQ', 'GT'] as const).filter((operator) =>
            matches(stored, operator, value),
          );
          expect(holding).to.have.length(stored.type === value.type ? 1 : 0);
        }),
      );
    });

    it('finds a text in whatever it was put into, and its beginning only there', () => {
      fc.assert(
        fc.property(texts, texts, texts, (before, part, after) => {
          expect(matches(S(before + part + after), 'CONTAINS', S(part))).to.equal(true);
          expect(matches(S(part + after), 'BEGINS_WITH', S(part))).to.equal(true);
        }),
      );
    });
  });
});
