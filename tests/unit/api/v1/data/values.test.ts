import { expect } from 'chai';
import fc from 'fast-check';
import type { Json, JsonObject } from '../../../../../magnetodb/api/json.js';
import { parseJson } from '../../../../../magnetodb/api/json.js';
import {
  parseItem,
  parseStartKey,
  parseTypedValue,
  SizeBudget,
} from '../../../../../magnetodb/api/v1/data/values.js';
import { ValidationError } from '../../../../../magnetodb/engine/errors.js';
import { itemToJson } from '../../../../../magnetodb/engine/item-codec.js';

describe('parseTypedValue', () => {
  // The engine relies on it (engine/values.ts): distinct, ascending sets; canonical numbers.
  it('makes values as the engine keeps them', () => {
    expect(parseTypedValue({ NS: ['10', 9, '9.0'] }, 'v')).to.deep.equal({ type: 'NS', value: ['9', '10'] });
    expect(parseTypedValue({ B: 'AAE=' }, 'v')).to.deep.equal({ type: 'B', value: Buffer.of(0, 1) });
    expect(parseTypedValue({ NSM: { '1': 'a', '01': 'b' } }, 'v')).to.deep.equal({
      type: 'NSM',
      value: new Map([['1', 'b']]),
    });
  });

  // Sloppy bits behind the last byte are legal input, and answered canonically: equal bytes are equal keys.
  it('makes base64 canonical', () => {
    expect(parseTypedValue({ BSM: { 'AR==': 'x' } }, 'v')).to.deep.equal({
      type: 'BSM',
      value: new Map([['AQ==', 'x']]),
    });
  });

  // Messages are part of the API.
  it('names the field that is no typed value', () => {
    expect(() => parseTypedValue(undefined, 'price')).to.throw(
      ValidationError,
      "Required property 'price' wasn't found or it's value is null",
    );
    expect(() => parseTypedValue([], 'price')).to.throw(
      ValidationError,
      "Wrong 'price' type. Object is expected, but [] found",
    );
  });
});

describe('parseItem', () => {
  const name = fc.stringMatching(/^[A-Za-z0-9_.-]{1,20}$/);
  const text = fc.string({ unit: 'grapheme', maxLength: 10 });
  const bytes = fc.uint8Array({ maxLength: 10 }).map((each) => Buffer.from(each).toString('base64'));
  const number = fc.integer().map(String);
  const value: fc.Arbitrary<JsonObject> = fc.oneof(
    fc.record({ S: text }),
    fc.record({ N: number }),
    fc.record({ B: bytes }),
    fc.record({ SSM: fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), text) }),
    fc.record({ SNM: fc.dictionary(fc.stringMatching(/^[a-z]{1,5}$/), number) }),
    fc.record({ SS: fc.tuple(text).map((each) => each as Json[]) }),
  );

  // What is read is what is answered: the stored JSON of a canonical item is the request's own.
  it('reads what item-codec writes', () => {
    fc.assert(
      fc.property(fc.array(fc.tuple(name, value), { maxLength: 5 }), (entries) => {
        const json = JSON.stringify(Object.fromEntries(entries));
        const item = parseItem(parseJson(Buffer.from(json)) as JsonObject);
        expect(JSON.parse(itemToJson(item))).to.deep.equal(JSON.parse(json));
      }),
    );
  });

  // A Map, since a plain object would lose it.
  it('keeps an attribute called __proto__', () => {
    const item = parseItem(parseJson(Buffer.from('{"__proto__":{"S":"x"}}')) as JsonObject);
    expect([...item]).to.deep.equal([['__proto__', { type: 'S', value: 'x' }]]);
  });
});

describe('parseItem with more than fits an item', () => {
  const typed = (tag: string, content: Json): JsonObject => ({ [tag]: content });
  const numbers = (count: number): string[] => Array.from({ length: count }, (_, at) => `${at}`);
  const entries = (count: number): JsonObject =>
    Object.fromEntries(Array.from({ length: count }, (_, at) => [`k${at}`, '1']));
  const tooMany = /^There are more attributes and members than fit an item of at most 409600 bytes$/;

  // Each set was looked at by itself, and decoding and sorting dozens of full ones kept everybody waiting for seconds.
  // A last value that is wrong in itself shows that none has been decoded.
  it('refuses too many members, whichever attributes they are in, before it decodes any', () => {
    const contents: [string, Json][] = [
      ['SS', numbers(150_000)],
      ['NS', numbers(150_000)],
      ['SNM', entries(150_000)],
    ];
    const item = Object.fromEntries(
      contents.map(([tag, content], at) => [`a${at}`, typed(tag, content)] as const),
    );
    expect(() => parseItem({ wrong: { N: 'x' }, ...item })).to.throw(ValidationError, tooMany);
    const { a2: _left, ...two } = item;
    expect(parseItem(two).size).to.equal(2);
  });

  it('refuses too many attributes', () => {
    const item = Object.fromEntries(Array.from({ length: 409_601 }, (_, at) => [`a${at}`, { N: 'x' }]));
    expect(() => parseItem(item)).to.throw(ValidationError, tooMany);
  });

  // An update or a condition has its values one by one.
  it('refuses too many members of one value, and of values that share a budget', () => {
    expect(() => parseTypedValue({ SS: numbers(409_601) }, 'v')).to.throw(ValidationError, tooMany);
    const budget = new SizeBudget();
    parseTypedValue({ NS: numbers(250_000) }, 'v', budget);
    expect(() => parseTypedValue({ NS: numbers(250_000) }, 'v', budget)).to.throw(ValidationError, tooMany);
    expect(parseTypedValue({ S: 'x' }, 'v', budget)).to.deep.equal({ type: 'S', value: 'x' });
  });
});

describe('parseStartKey', () => {
  // Data API 10.1: null means none.
  it('takes null for none', () => {
    expect(parseStartKey(undefined)).to.equal(undefined);
    expect(parseStartKey(null)).to.equal(undefined);
    expect(() => parseStartKey([])).to.throw(ValidationError, /'exclusive_start_key'/);
  });
});
