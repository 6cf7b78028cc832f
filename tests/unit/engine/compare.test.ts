import { expect } from 'chai';
import fc from 'fast-check';
import {
  base64,
  compareScalars,
  compareTexts,
  equalValues,
  memberType,
  scalarText,
  sortedSet,
} from '../../../magnetodb/engine/compare.js';
import type { AttributeValue } from '../../../magnetodb/engine/values.js';
import { B, binaries, BS, decimal, decimals, map, N, NS, S, SS, texts, values } from './arbitraries.js';

const NULL: AttributeValue = { type: 'NULL' };
const yes: AttributeValue = { type: 'BOOL', value: true };
const no: AttributeValue = { type: 'BOOL', value: false };
const list = (...value: AttributeValue[]): AttributeValue => ({ type: 'L', value });
const document = (...entries: [string, AttributeValue][]): AttributeValue => ({
  type: 'M',
  value: new Map(entries),
});

describe('engine/compare', () => {
  describe('compareTexts', () => {
    // Data API 5.3: code point order, where UTF-16 order would put pairs before U+E000 to U+FFFF.
    it('puts a character beyond U+FFFF after one below', () => {
      expect(compareTexts('😀', '\uff01')).to.be.greaterThan(0);
      expect(compareTexts('\ue000', '😀')).to.be.lessThan(0);
      expect(compareTexts('\ud7ff', '😀')).to.be.lessThan(0);
      expect(compareTexts('😀', '😁')).to.be.lessThan(0);
      expect(compareTexts('𝒳', '😀')).to.be.lessThan(0);
    });

    it('puts a text before a longer one that it begins, and the empty one first', () => {
      expect(compareTexts('a', 'ab')).to.be.lessThan(0);
      expect(compareTexts('', '\u0000')).to.be.lessThan(0);
      expect(compareTexts('', '')).to.equal(0);
    });

    it('orders any two texts as their UTF-8 bytes', () => {
      fc.assert(
        fc.property(texts, texts, (a, b) => {
          expect(Math.sign(compareTexts(a, b))).to.equal(Buffer.compare(Buffer.from(a), Buffer.from(b)));
        }),
        { numRuns: 2000 },
      );
    });
  });

  describe('compareScalars', () => {
    it('orders numbers by value, texts by code point, binary by unsigned bytes', () => {
      expect(
        compareScalars({ type: 'N', value: decimal('9') }, { type: 'N', value: decimal('10') }),
      ).to.be.lessThan(0);
      expect(compareScalars({ type: 'S', value: '9' }, { type: 'S', value: '10' })).to.be.greaterThan(0);
      const [low, high] = [Uint8Array.of(0x7f), Uint8Array.of(0x80)];
      expect(compareScalars({ type: 'B', value: low }, { type: 'B', value: high })).to.be.lessThan(0);
      expect(
        compareScalars({ type: 'B', value: low }, { type: 'B', value: Uint8Array.of(0x7f, 0) }),
      ).to.be.lessThan(0);
    });

    it('refuses to order values of different types', () => {
      expect(() => compareScalars({ type: 'S', value: '1' }, { type: 'N', value: decimal('1') })).to.throw(
        TypeError,
        'type S',
      );
    });
  });

  describe('equalValues', () => {
    // Each a class of its own: equal to itself, made anew, and to no other.
    const distinct: (() => AttributeValue)[] = [
      () => S(''),
      () => S('1'),
      () => N('1'),
      () => N('1.5'),
      () => B(),
      () => B(1),
      () => SS('1'),
      () => SS('1', '2'),
      () => NS('1'),
      () => NS('1', '2'),
      () => BS([1]),
      () => BS([1], []),
      () => map('SSM', {}),
      () => map('SNM', {}),
      () => map('SSM', { a: '1' }),
      () => map('SNM', { a: '1' }),
      () => map('SSM', { a: '1', b: '2' }),
      () => map('SSM', { a: '1', c: '2' }),
      () => map('SSM', { a: '2' }),
      () => yes,
      () => no,
      () => NULL,
      () => list(),
      () => list(S('1')),
      () => list(S('1'), N('1')),
      () => list(N('1'), S('1')),
      () => document(),
      () => document(['a', S('1')]),
      () => document(['a', N('1')]),
      () => document(['b', S('1')]),
      () => document(['a', document(['a', S('1')])]),
    ];
    it('holds for the same type and content, and for nothing else', () => {
      distinct.forEach((a, i) => {
        distinct.forEach((b, j) => {
          expect(equalValues(a(), b()), `${i} and ${j}`).to.equal(i === j);
        });
      });
    });

    // Data API 5.2: numbers are equal by value, however they were written.
    it('takes numbers written differently as equal, in sets too', () => {
      expect(equalValues(N('1.0'), N('1'))).to.equal(true);
      expect(equalValues(NS('1.0', '20'), NS('2e1', '1'))).to.equal(true);
    });

    it("doesn't look at the order of maps' entries", () => {
      expect(equalValues(map('SSM', { a: '1', b: '2' }), map('SSM', { b: '2', a: '1' }))).to.equal(true);
      expect(
        equalValues(document(['a', yes], ['__proto__', no]), document(['__proto__', no], ['a', yes])),
      ).to.equal(true);
    });

    it('is reflexive and symmetric for any values', () => {
      fc.assert(
        fc.property(values, values, (a, b) => {
          expect(equalValues(a, a)).to.equal(true);
          expect(equalValues(a, b)).to.equal(equalValues(b, a));
        }),
      );
    });
  });

  describe('sortedSet', () => {
    // Data API 5.3: duplicates are dropped, answers ascend by the members' own order.
    it('makes members distinct and ascending by value', () => {
      expect(sortedSet('SS', ['b', 'a', 'b', '\uff01', '😀', '']).value).to.deep.equal([
        '',
        'a',
        'b',
        '\uff01',
        '😀',
      ]);
      expect(sortedSet('NS', ['10', '9', '-1', '9', '0.5'].map(decimal)).value).to.deep.equal([
        '-1',
        '0.5',
        '9',
        '10',
      ]);
      const bytes = sortedSet('BS', [Buffer.of(0x80), Buffer.of(1, 0), Buffer.of(1), Uint8Array.of(0x80)]);
      expect(bytes.value).to.deep.equal([Buffer.of(1), Buffer.of(1, 0), Buffer.of(0x80)]);
    });

    it('leaves the members that it is given as they are', () => {
      const given = Object.freeze(['b', 'a']);
      sortedSet('SS', given);
      expect(given).to.deep.equal(['b', 'a']);
    });

    it('keeps every member, once', () => {
      fc.assert(
        fc.property(fc.array(decimals), (members) => {
          expect(new Set(sortedSet('NS', members).value)).to.deep.equal(new Set(members));
          expect(sortedSet('NS', members).value).to.have.length(new Set(members).size);
        }),
      );
    });
  });

  // Maps hold scalars in this form, and conditions look them up by it.
  describe('scalarText', () => {
    it('is the text, the canonical number, the base64', () => {
      expect(scalarText({ type: 'S', value: '1.0' })).to.equal('1.0');
      expect(scalarText({ type: 'N', value: decimal('1.0') })).to.equal('1');
      expect(scalarText({ type: 'B', value: Uint8Array.of(0xfb, 0xff, 0xfe, 1) })).to.equal('+//+AQ==');
    });

    it('writes only the bytes of a part of something longer', () => {
      expect(base64(new Uint8Array([1, 2, 3, 4]).subarray(1, 3))).to.equal('AgM=');
      fc.assert(
        fc.property(binaries, (bytes) => {
          expect(Buffer.compare(Buffer.from(base64(bytes), 'base64'), bytes)).to.equal(0);
        }),
      );
    });
  });

  it('knows the type of the members of each set type', () => {
    expect([memberType('SS'), memberType('NS'), memberType('BS')]).to.deep.equal(['S', 'N', 'B']);
  });
});
