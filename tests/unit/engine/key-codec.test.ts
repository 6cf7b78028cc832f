import { expect } from 'chai';
import fc from 'fast-check';
import { compareScalars } from '../../../magnetodb/engine/compare.js';
import { encodeKeyValue, prefixSuccessor } from '../../../magnetodb/engine/key-codec.js';
import type { DecimalText } from '../../../magnetodb/engine/numbers.js';
import { binaries, decimal, decimals, EDGE_NUMBERS, Exact, texts } from './arbitraries.js';

function encoded(value: DecimalText): Buffer {
  return encodeKeyValue({ type: 'N', value });
}

describe('engine/key-codec', () => {
  describe('encodeKeyValue', () => {
    // Stored keys: another encoding, however sound, would lose the rows that are there.
    const fixed: [text: string, hex: string][] = [
      ['0', '80'],
      ['1', '81820b'],
      ['-1', '7f7df4ff'],
      ['21.5', '81831633'],
      ['-21.5', '7f7ce9ccff'],
      ['100', '81840b'],
      ['101', '81840b0b'],
      ['0.07', '818047'],
      ['1e-130', '81000b'],
      ['1e125', '81ff0b'],
      ['-1e125', '7f00f4ff'],
      ['9'.repeat(38), `81a7${'64'.repeat(19)}`],
    ];
    for (const [text, hex] of fixed) {
      it(`writes the number ${text} as ${hex}`, () => {
        expect(encoded(decimal(text)).toString('hex')).to.equal(hex);
      });
    }

    it('orders all edge numbers by value', () => {
      for (const a of EDGE_NUMBERS) {
        for (const b of EDGE_NUMBERS) {
          expect(Buffer.compare(encoded(a), encoded(b)), `${a} and ${b}`).to.equal(new Exact(a).cmp(b));
        }
      }
    });

    // Ranges on number keys, and their paging, rest on this; equal bytes only for equal numbers comes with it.
    it('orders any two numbers as exact arithmetic does', () => {
      fc.assert(
        fc.property(decimals, decimals, (a, b) => {
          expect(Buffer.compare(encoded(a), encoded(b))).to.equal(new Exact(a).cmp(b));
        }),
        { numRuns: 5000 },
      );
    });

    it('orders numbers that differ in their last digit only', () => {
      fc.assert(
        fc.property(
          fc.bigInt({ min: -(10n ** 38n) + 1n, max: 10n ** 38n - 1n }),
          fc.bigInt({ min: -3n, max: 3n }),
          fc.integer({ min: -130, max: 80 }),
          (whole, step, exponent) => {
            const next = whole + step;
            fc.pre(next > -(10n ** 38n) && next < 10n ** 38n);
            const a = decimal(`${whole}e${exponent}`);
            const b = decimal(`${next}e${exponent}`);
            expect(Buffer.compare(encoded(a), encoded(b))).to.equal(new Exact(a).cmp(b));
          },
        ),
        { numRuns: 3000 },
      );
    });

    it('takes at most 22 bytes for a number', () => {
      fc.assert(
        fc.property(decimals, (value) => {
          expect(encoded(value).length).to.be.within(1, 22);
        }),
      );
    });

    it('writes a text as its UTF-8, in code point order', () => {
      expect(encodeKeyValue({ type: 'S', value: 'é😀\u0000' }).toString('hex')).to.equal('c3a9f09f988000');
      expect(encodeKeyValue({ type: 'S', value: '' })).to.have.length(0);
      fc.assert(
        fc.property(texts, texts, (a, b) => {
          const [left, right] = [{ type: 'S', value: a } as const, { type: 'S', value: b } as const];
          const order = Math.sign(compareScalars(left, right));
          expect(Buffer.compare(encodeKeyValue(left), encodeKeyValue(right))).to.equal(order);
        }),
        { numRuns: 1000 },
      );
    });

    it('hands binary out as it is, also where it is a part of something longer', () => {
      const part = new Uint8Array([9, 1, 2, 255, 9]).subarray(1, 4);
      expect([...encodeKeyValue({ type: 'B', value: part })]).to.deep.equal([1, 2, 255]);
    });
  });

  describe('prefixSuccessor', () => {
    // BEGINS_WITH on a key is the range from the prefix to its successor, exclusive.
    const examples: [prefix: number[], successor: number[] | undefined][] = [
      [[0x61], [0x62]],
      [
        [0x61, 0x00],
        [0x61, 0x01],
      ],
      [[0x61, 0xff], [0x62]],
      [[0x61, 0xff, 0xff], [0x62]],
      [[0xfe, 0xff], [0xff]],
      [[0xff], undefined],
      [[0xff, 0xff], undefined],
      [[], undefined],
    ];
    for (const [prefix, successor] of examples) {
      it(`follows [${prefix.join()}] with ${successor === undefined ? 'nothing' : `[${successor.join()}]`}`, () => {
        const answer = prefixSuccessor(Uint8Array.from(prefix));
        expect(answer === undefined ? undefined : [...answer]).to.deep.equal(successor);
      });
    }

    it('bounds exactly the byte strings that begin with the prefix, and leaves the prefix as it is', () => {
      const bytes = fc
        .array(fc.constantFrom(0, 1, 0x61, 0xfe, 0xff), { maxLength: 4 })
        .map((some) => Buffer.from(some));
      fc.assert(
        fc.property(bytes, bytes, (prefix, other) => {
          const before = Buffer.from(prefix);
          const successor = prefixSuccessor(prefix);
          const isInside =
            Buffer.compare(other, prefix) >= 0 &&
            (successor === undefined || Buffer.compare(other, successor) < 0);
          expect(isInside).to.equal(other.subarray(0, prefix.length).equals(prefix));
          expect(prefix.equals(before)).to.equal(true);
        }),
        { numRuns: 2000 },
      );
    });

    it('works for any binary prefix', () => {
      fc.assert(
        fc.property(binaries, binaries, (prefix, rest) => {
          const successor = prefixSuccessor(prefix);
          fc.pre(successor !== undefined);
          const longer = Buffer.concat([prefix, rest]);
          expect(Buffer.compare(longer, successor)).to.equal(-1);
        }),
      );
    });
  });
});
