import { expect } from 'chai';
import fc from 'fast-check';
import { addDecimals, compareDecimals, parseDecimal } from '../../../magnetodb/engine/numbers.js';
import { decimal, decimals, EDGE_NUMBERS, Exact } from './arbitraries.js';

const NINES = '9'.repeat(38);

describe('engine/numbers', () => {
  describe('parseDecimal', () => {
    // The canonical form: equal numbers must be equal texts, as keys, in sets and in conditions.
    const forms: [written: string, canonical: string][] = [
      ['5', '5'],
      ['05', '5'],
      ['+7', '7'],
      ['-7', '-7'],
      ['-0', '0'],
      ['+0', '0'],
      ['-0.00', '0'],
      ['0e999999999', '0'],
      ['000', '0'],
      [' 12 ', '12'],
      ['\t\n\v\f\r12\r\n', '12'],
      ['  -1.5 ', '-1.5'],
      ['1.50', '1.5'],
      ['1.0', '1'],
      ['100', '100'],
      ['100.00', '100'],
      ['.5', '0.5'],
      ['-.5', '-0.5'],
      ['5.', '5'],
      ['00.5', '0.5'],
      ['0.5', '0.5'],
      ['-0.5', '-0.5'],
      ['01.5', '1.5'],
      ['1e2', '100'],
      ['1E+2', '100'],
      ['1.5e1', '15'],
      ['1.25e1', '12.5'],
      ['12.5e-1', '1.25'],
      ['125e-5', '0.00125'],
      ['1e-2', '0.01'],
      ['1e0', '1'],
      ['1e-0', '1'],
      ['1e00000000000000000000000000000002', '100'],
      ['0.001e3', '1'],
      ['9007199254740993', '9007199254740993'],
    ];
    for (const [written, canonical] of forms) {
      it(`reads ${JSON.stringify(written)} as ${canonical}`, () => {
        expect(parseDecimal(written)).to.equal(canonical);
      });
    }

    // Q9: text that is no number used to become NaN or Infinity and to break later.
    const wrong = [
      '',
      ' ',
      '.',
      '-',
      '+',
      '-.',
      '+-1',
      '--1',
      'e5',
      '.e5',
      '1e',
      '1e+',
      '1e1.5',
      '1e 2',
      '1 2',
      '- 1',
      '1.2.3',
      'NaN',
      'sNaN',
      'Infinity',
      '-inf',
      '0x1F',
      '1_000',
      '1,5',
      'abc',
      '5a',
      'true',
      '١٢',
      '１',
      '\u00a05',
      '5\u0000',
      '−5',
    ];
    for (const text of wrong) {
      it(`refuses ${JSON.stringify(text)}`, () => {
        expect(parseDecimal(text)).to.equal(undefined);
      });
    }

    // Zeros at either end place the digits that count; they aren't such digits themselves.
    it('takes 38 significant digits, and any zeros around them that the range allows', () => {
      expect(parseDecimal(NINES)).to.equal(NINES);
      expect(parseDecimal(`000${NINES}.000`)).to.equal(NINES);
      expect(parseDecimal(`${NINES}000`)).to.equal(`${NINES}000`);
      expect(parseDecimal(`${NINES.slice(1)}.9`)).to.equal(`${NINES.slice(1)}.9`);
      expect(parseDecimal(`0.000${NINES}`)).to.equal(`0.000${NINES}`);
    });

    it('refuses a 39th significant digit instead of rounding it', () => {
      expect(parseDecimal(`${NINES}1`)).to.equal(undefined);
      expect(parseDecimal(`1${'0'.repeat(37)}1`)).to.equal(undefined);
      expect(parseDecimal(`${NINES}.1`)).to.equal(undefined);
      expect(parseDecimal(`1.${'0'.repeat(37)}1`)).to.equal(undefined);
      expect(parseDecimal(`0.${NINES}1`)).to.equal(undefined);
    });

    it('takes magnitudes from 1E-130 to below 1E126, and refuses those beyond', () => {
      expect(parseDecimal('1e-130')).to.equal(`0.${'0'.repeat(129)}1`);
      expect(parseDecimal('-1e-130')).to.equal(`-0.${'0'.repeat(129)}1`);
      expect(parseDecimal(`0.${NINES}e126`)).to.equal(NINES + '0'.repeat(126 - 38));
      expect(parseDecimal('1e125')).to.equal(`1${'0'.repeat(125)}`);
      for (const text of ['0.99e-130', '1e-131', '1e126', '10e125', '-1e126', `1${'0'.repeat(126)}`]) {
        expect(parseDecimal(text), text).to.equal(undefined);
      }
    });

    // A request may hold megabytes of digits; neither they nor an exponent of a billion may cost time or memory.
    it('is quick with a million digits and with huge exponents', () => {
      const million = 1_000_000;
      expect(parseDecimal('1'.repeat(million))).to.equal(undefined);
      expect(parseDecimal(`${'0'.repeat(million)}7`)).to.equal('7');
      expect(parseDecimal(`1${'0'.repeat(million)}e-${million}`)).to.equal('1');
      expect(parseDecimal(`0.${'0'.repeat(million - 1)}1e${million}`)).to.equal('1');
      expect(parseDecimal('1e1000000000')).to.equal(undefined);
      expect(parseDecimal('1e-1000000000')).to.equal(undefined);
      expect(parseDecimal(`1e${'9'.repeat(million)}`)).to.equal(undefined);
      expect(parseDecimal(`${' '.repeat(million)}5${' '.repeat(million)}`)).to.equal('5');
    }).timeout(2000);

    it('keeps the value of whatever it takes, in a form that it reads back as it is', () => {
      const written = fc.oneof(
        fc.stringMatching(/^[+-]?[0-9]{1,45}(\.[0-9]{0,45})?$/),
        fc.stringMatching(/^[+-]?[0-9]{0,3}\.[0-9]{1,3}([eE][+-]?[0-9]{1,3})?$/),
        fc.stringMatching(/^[+-]?0{0,3}[0-9]{1,20}0{0,3}(\.0{0,3}[0-9]{1,10}0{0,3})?([eE][+-]?[0-9]{1,3})?$/),
      );
      fc.assert(
        fc.property(written, (text) => {
          const exact = new Exact(text.replace(/\.(?=e|E|$)/, ''));
          const isKept = exact.isZero() || (exact.precision() <= 38 && exact.e >= -130 && exact.e <= 125);
          const parsed = parseDecimal(text);
          expect(parsed).to.equal(isKept ? (exact.isZero() ? '0' : exact.toFixed()) : undefined);
          if (parsed !== undefined) expect(parseDecimal(parsed)).to.equal(parsed);
        }),
        { numRuns: 1500 },
      );
    });
  });

  describe('compareDecimals', () => {
    it('orders all edge numbers by value', () => {
      for (const a of EDGE_NUMBERS) {
        for (const b of EDGE_NUMBERS) {
          expect(Math.sign(compareDecimals(a, b)), `${a} and ${b}`).to.equal(new Exact(a).cmp(b));
        }
      }
    });

    it('orders any two numbers as exact arithmetic does', () => {
      fc.assert(
        fc.property(decimals, decimals, (a, b) => {
          expect(Math.sign(compareDecimals(a, b))).to.equal(new Exact(a).cmp(b));
        }),
        { numRuns: 2000 },
      );
    });
  });

  describe('addDecimals', () => {
    const sums: [a: string, b: string, sum: string | undefined][] = [
      ['1', '2', '3'],
      ['5', '-5', '0'],
      ['-0.5', '0.5', '0'],
      ['0.1', '0.2', '0.3'],
      ['9.99', '0.01', '10'],
      ['999999999999999', '999999999999999', '1999999999999998'],
      ['9007199254740993', '1', '9007199254740994'],
      // Q10: the sum has 38 digits, not 28.
      ['1e37', '1', `1${'0'.repeat(36)}1`],
      ['1e38', '1', undefined],
      [NINES, '1', `1${'0'.repeat(38)}`],
      [NINES, '0.1', undefined],
      ['9e125', '1e125', undefined],
      ['-9e125', '-1e125', undefined],
      ['1e-130', '-1e-130', '0'],
      ['1e125', '1e-130', undefined],
      // The difference is exact but smaller than the smallest magnitude.
      ['1.1e-130', '-1e-130', undefined],
    ];
    for (const [a, b, sum] of sums) {
      it(`adds ${a} and ${b} to ${sum ?? 'nothing that fits'}`, () => {
        expect(addDecimals(decimal(a), decimal(b))).to.equal(sum === undefined ? undefined : decimal(sum));
      });
    }

    it('answers the exact sum or refuses, as exact arithmetic tells', () => {
      fc.assert(
        fc.property(decimals, decimals, (a, b) => {
          const exact = new Exact(a).plus(b);
          const fits = exact.isZero() || (exact.precision() <= 38 && exact.e >= -130 && exact.e <= 125);
          expect(addDecimals(a, b)).to.equal(fits ? (exact.isZero() ? '0' : exact.toFixed()) : undefined);
        }),
        { numRuns: 2000 },
      );
    });
  });
});
