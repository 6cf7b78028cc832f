import { expect } from 'chai';
import { JsonNumber, type Json, type JsonObject } from '../../../../../magnetodb/api/json.js';
import {
  attributeNamesField,
  attributesToGetField,
  booleanField,
  integerField,
  limitField,
  rejectLeftover,
  returnValuesField,
} from '../../../../../magnetodb/api/v1/data/fields.js';
import { ValidationError } from '../../../../../magnetodb/engine/errors.js';

describe('integerField', () => {
  // Data API 4: a JSON integer, or a string that is one.
  it('takes integers in both spellings', () => {
    const spellings: [Json, number][] = [
      [5, 5],
      ['5', 5],
      [' +5 ', 5],
      ['007', 7],
      [new JsonNumber('1234567890123456'), 1234567890123456],
      [new JsonNumber('9'.repeat(40)), Number.MAX_SAFE_INTEGER],
      ['9'.repeat(400), Number.MAX_SAFE_INTEGER],
    ];
    for (const [value, wanted] of spellings) expect(integerField(value, 'f', 0)).to.equal(wanted);
  });

  // Q8: booleans are none; nor are fractions, exponents and other texts.
  it('refuses everything else', () => {
    const wrong: Json[] = [
      true,
      false,
      '1.5',
      '',
      ' ',
      '1e2',
      '0x1',
      '٣',
      new JsonNumber('5.0'),
      new JsonNumber('1e2'),
      [],
      {},
    ];
    for (const value of wrong) {
      expect(() => integerField(value, 'f', 0), JSON.stringify(value)).to.throw(
        ValidationError,
        /^Wrong 'f' type. Integer is expected, but .* found$/,
      );
    }
    expect(() => integerField(null, 'f', 0)).to.throw(ValidationError, /^Required property 'f'/);
  });

  // Section 4, word for word; both bounds are inclusive.
  it('keeps to its bounds', () => {
    expect(integerField(1, 'f', 1, 2)).to.equal(1);
    expect(integerField(2, 'f', 1, 2)).to.equal(2);
    expect(() => integerField(0, 'f', 1, 2)).to.throw("'f' property value[0] is less then min_value[1].");
    expect(() => integerField('3', 'f', 1, 2)).to.throw("'f' property value[3] is more then max_value[2].");
  });
});

describe('limitField', () => {
  // 0 means no limit, which the engine knows as none.
  it('takes absence, null and 0 for none', () => {
    expect([undefined, null, 0, '0'].map(limitField)).to.deep.equal([
      undefined,
      undefined,
      undefined,
      undefined,
    ]);
    expect(limitField(3)).to.equal(3);
  });
});

describe('booleanField', () => {
  // Never strings or numbers.
  it('takes only true and false', () => {
    expect(booleanField(false, 'f')).to.equal(false);
    for (const value of ['true', 0, 1, '']) {
      expect(() => booleanField(value, 'f')).to.throw(ValidationError, /Boolean is expected/);
    }
  });
});

describe('attributeNamesField', () => {
  // query and scan let names repeat, get_item and batch_get_item don't (9.3, 10.1).
  it('refuses repeated names only where they must be unique', () => {
    expect(attributeNamesField(['a', 'b', 'a'], 'f', false)).to.deep.equal(['a', 'b']);
    expect(() => attributeNamesField(['a', 'a'], 'f', true)).to.throw(
      ValidationError,
      `Wrong 'f' type. List of unique values is expected, but ["a", "a"] found`,
    );
  });
});

describe('attributesToGetField', () => {
  // 9.3: null and [] mean all.
  it('takes absence, null and an empty list for all', () => {
    expect([undefined, null, []].map(attributesToGetField)).to.deep.equal([undefined, undefined, undefined]);
  });
});

describe('returnValuesField', () => {
  // 9.2: absence is NONE; null and the empty text aren't.
  it('defaults to NONE', () => {
    expect(returnValuesField(undefined, ['NONE', 'ALL_OLD'])).to.equal('NONE');
    expect(returnValuesField('ALL_OLD', ['NONE', 'ALL_OLD'])).to.equal('ALL_OLD');
    expect(() => returnValuesField('', ['NONE'])).to.throw(
      ValidationError,
      "Return values type '' isn't allowed",
    );
    expect(() => returnValuesField(null, ['NONE'])).to.throw(
      ValidationError,
      /^Required property 'return_values'/,
    );
  });
});

describe('rejectLeftover', () => {
  // Only what is left over is shown, whatever it is called.
  it('shows the members that nothing asked for', () => {
    const object = JSON.parse('{"a":1,"b":[2],"__proto__":3}') as JsonObject;
    rejectLeftover({ a: 1 }, new Set(['a', 'b']), 'body');
    expect(() => {
      rejectLeftover(object, new Set(['a']), 'body');
    }).to.throw(ValidationError, `Unexpected properties were found for 'body': {"b": [2], "__proto__": 3}`);
  });
});
