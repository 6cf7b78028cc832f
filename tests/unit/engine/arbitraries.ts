/** Values, items and numbers for property tests of the engine's value layer. */
import fc from 'fast-check';
import { Decimal } from 'decimal.js';
import { sortedSet } from '../../../magnetodb/engine/compare.js';
import { parseDecimal, type DecimalText } from '../../../magnetodb/engine/numbers.js';
import type { AttributeValue, Item, MapType, ScalarValue } from '../../../magnetodb/engine/values.js';
import { MAP_TYPES, mapTypeParts } from '../../../magnetodb/engine/values.js';

/** Decimals so exact that nothing which these tests do with our numbers is rounded. */
export const Exact = Decimal.clone({
  precision: 700,
  minE: -9000,
  maxE: 9000,
  toExpNeg: -9000,
  toExpPos: 9000,
});

/** A number's canonical text. Fails the test for what isn't one. */
export function decimal(text: string): DecimalText {
  const parsed = parseDecimal(text);
  if (parsed === undefined) throw new Error(`not a number: ${text}`);
  return parsed;
}

/** Numbers where encodings and orders break most easily. */
export const EDGE_NUMBERS: readonly DecimalText[] = [
  '0',
  '1',
  '-1',
  '9',
  '10',
  '11',
  '-10',
  '99',
  '100',
  '101',
  '0.1',
  '0.01',
  '0.011',
  '-0.1',
  '-0.01',
  '1.5',
  '-1.5',
  '1e-130',
  '-1e-130',
  '1.0000000000000000000000000000000000001e-130',
  '9.9999999999999999999999999999999999999e125',
  '-9.9999999999999999999999999999999999999e125',
  '1e125',
  '-1e125',
  '99999999999999999999999999999999999999',
  '-99999999999999999999999999999999999999',
  '0.99999999999999999999999999999999999999',
  '12345678901234567890123456789012345678',
  '9007199254740993',
].map(decimal);

/** All numbers that the service keeps: few digits and many, small exponents and the whole range, and the edges. */
export const decimals: fc.Arbitrary<DecimalText> = fc.oneof(
  fc.constantFrom(...EDGE_NUMBERS),
  fc.integer({ min: -1200, max: 1200 }).map((n) => decimal(String(n))),
  fc.integer({ min: -1200, max: 1200 }).map((n) => decimal(`${n}e-2`)),
  fc
    .tuple(fc.boolean(), fc.stringMatching(/^[1-9][0-9]{0,37}$/), fc.integer({ min: -130, max: 125 }))
    .map(([isNegative, digits, magnitude]) =>
      decimal(`${isNegative ? '-' : ''}${digits.slice(0, 1)}.${digits.slice(1)}e${magnitude}`),
    ),
);

/** Well-formed Unicode with what JSON escapes and UTF-16 sorts wrongly, and names that objects treat specially. */
export const texts: fc.Arbitrary<string> = fc.oneof(
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({
    unit: fc.constantFrom(
      'a',
      'b',
      '"',
      '\\',
      '\u0000',
      '\n',
      '\u007f',
      'é',
      '\ud7ff',
      '\ue000',
      '\uffff',
      '😀',
      '𝒳',
      '{',
      '}',
      ':',
      ',',
      '[',
      ']',
    ),
    maxLength: 8,
  }),
  fc.constantFrom('', '__proto__', 'constructor', 'toString', '10', '9', '1'),
);

export const binaries: fc.Arbitrary<Uint8Array> = fc
  .uint8Array({ maxLength: 9 })
  .map((bytes) => Buffer.from(bytes));

export const scalars: fc.Arbitrary<ScalarValue> = fc.oneof(
  texts.map((value) => ({ type: 'S', value }) as const),
  decimals.map((value) => ({ type: 'N', value }) as const),
  binaries.map((value) => ({ type: 'B', value }) as const),
);

const members = { minLength: 1, maxLength: 6 };
export const sets: fc.Arbitrary<AttributeValue> = fc.oneof(
  fc.array(texts, members).map((some) => sortedSet('SS', some)),
  fc.array(decimals, members).map((some) => sortedSet('NS', some)),
  fc.array(binaries, members).map((some) => sortedSet('BS', some)),
);

const scalarTexts: Record<'S' | 'N' | 'B', fc.Arbitrary<string>> = {
  S: texts,
  N: decimals,
  B: binaries.map((bytes) => Buffer.from(bytes).toString('base64')),
};
export const maps: fc.Arbitrary<AttributeValue> = fc.constantFrom(...MAP_TYPES).chain((type: MapType) =>
  fc
    .array(fc.tuple(scalarTexts[mapTypeParts(type).key], scalarTexts[mapTypeParts(type).value]), {
      maxLength: 4,
    })
    .map((entries) => ({ type, value: new Map(entries) })),
);

/** Values of the v1 data API's fifteen types. */
export const v1Values: fc.Arbitrary<AttributeValue> = fc.oneof(scalars, sets, maps);

/** Values of all types, with lists and maps nested in each other. */
export const values: fc.Arbitrary<AttributeValue> = fc.letrec<{ value: AttributeValue }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    v1Values,
    fc.boolean().map((value) => ({ type: 'BOOL', value }) as const),
    fc.constant({ type: 'NULL' } as const),
    fc.array(tie('value'), { maxLength: 3 }).map((value) => ({ type: 'L', value }) as const),
    fc
      .array(fc.tuple(texts, tie('value')), { maxLength: 3 })
      .map((entries) => ({ type: 'M', value: new Map(entries) }) as const),
  ),
})).value;

function itemsOf(content: fc.Arbitrary<AttributeValue>): fc.Arbitrary<Item> {
  return fc.array(fc.tuple(texts, content), { maxLength: 6 }).map((entries) => new Map(entries));
}

export const v1Items: fc.Arbitrary<Item> = itemsOf(v1Values);
export const items: fc.Arbitrary<Item> = itemsOf(values);

/** Shorthands for the values of examples. */
export const S = (value: string): AttributeValue => ({ type: 'S', value });
export const N = (text: string): AttributeValue => ({ type: 'N', value: decimal(text) });
export const B = (...bytes: number[]): AttributeValue => ({ type: 'B', value: Buffer.from(bytes) });
export const SS = (...some: string[]): AttributeValue => sortedSet('SS', some);
export const NS = (...some: string[]): AttributeValue => sortedSet('NS', some.map(decimal));
export const BS = (...some: number[][]): AttributeValue =>
  sortedSet(
    'BS',
    some.map((bytes) => Buffer.from(bytes)),
  );
/** A map of the v1 data API from keys and values in their text form. */
export const map = (type: MapType, entries: Readonly<Record<string, string>>): AttributeValue => ({
  type,
  value: new Map(Object.entries(entries)),
});
/** An item of attributes that need no special names. */
export const item = (attributes: Readonly<Record<string, AttributeValue>>): Item =>
  new Map(Object.entries(attributes));
