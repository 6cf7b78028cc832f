import { expect } from 'chai';
import fc from 'fast-check';
import { isJsonObject, JsonNumber, parseJson, quoteJson, type Json } from '../../../magnetodb/api/json.js';
import { ValidationError } from '../../../magnetodb/engine/errors.js';

function parse(text: string): Json {
  return parseJson(Buffer.from(text));
}

describe('parseJson', () => {
  // The ordinary case, as JSON.parse has it; integers of up to 15 digits stay numbers, which are quick.
  it('reads JSON', () => {
    expect(parse(' {"a": [1, -2, "x", true, null]} ')).to.deep.equal({ a: [1, -2, 'x', true, null] });
    expect(parse('{"a":999999999999999}')).to.deep.equal({ a: 999999999999999 });
  });

  // JSON integers keep every digit, which a double does not.
  it('keeps every digit of long integers', () => {
    const digits = '12345678901234567890123456789012345678';
    for (const text of [
      `{"a":${digits}}`,
      `{"a":[${digits}]}`,
      `{"a":[1, ${digits}]}`,
      `{ "a" :\t-${digits}}`,
    ]) {
      expect(JSON.stringify(parse(text)), text).to.include(digits);
    }
    const read = parse('{"a":9007199254740993}');
    expect(isJsonObject(read) && read.a).to.deep.equal(new JsonNumber('9007199254740993'));
  });

  // Data API 5.2: 5.0 and 1e2 are refused as numbers' contents, so they must be told from 5 and 100.
  it('tells fractions and exponents from integers', () => {
    for (const text of ['5.0', '1e2', '1E2', '-0.5', '1e-7']) {
      for (const body of [`{"a":${text}}`, `[${text}]`, `[1 ,\n${text}]`, text]) {
        expect(JSON.stringify(parse(body)), body).to.include(`"text":"${text}"`);
      }
    }
    expect(new JsonNumber('5.0').isInteger).to.equal(false);
    expect(new JsonNumber('-12345678901234567890').isInteger).to.equal(true);
  });

  // Text that only looks like a number takes the slower parser, and must come out the same.
  it('reads strings with numbers in them alike', () => {
    fc.assert(
      fc.property(fc.jsonValue({ noUnicodeString: false }), fc.boolean(), (value, exact) => {
        const text = JSON.stringify({ value: strings(value), n: exact ? 'a:1.5' : 'a' });
        expect(parse(text)).to.deep.equal(JSON.parse(text));
      }),
    );
  });

  // A client that sends the same member twice gets what any JSON library would give: the last.
  it('takes the last of repeated members', () => {
    expect(parse('{"a":1,"a":2}')).to.deep.equal({ a: 2 });
    expect(parse('{"a":1.5,"a":[2.5],"a":3}')).to.deep.equal({ a: 3 });
  });

  // Attributes may be called anything; an assignment to obj.__proto__ would lose this one.
  it('keeps members named __proto__', () => {
    for (const text of ['{"__proto__":{"x":1}}', '{"__proto__":{"x":1},"n":1.5}']) {
      const value = parse(text) as Record<string, Json>;
      expect(Object.keys(value)).to.include('__proto__');
      expect(Object.getPrototypeOf(value)).to.equal(Object.prototype);
    }
  });

  // Section 16, Q5; and the message must not send a body back, nor into logs.
  it('refuses what is not JSON, without echoing it', () => {
    const wrong = [
      '',
      ' ',
      '{',
      '{"secret":}',
      '{"secret":1.5,}',
      '\uFEFF{}',
      '{}{}',
      'secret',
      "{'secret':1}",
    ];
    for (const text of [...wrong, '[1.5,]', '{"a":01.5}', '[1.]', '[.5,1.5]', '{"a":1e}']) {
      expect(() => parse(text), text)
        .to.throw(ValidationError, /body is not valid JSON/)
        .with.property('message')
        .that.does.not.include('secret');
    }
  });

  // Node's decoder would replace what it can't decode, and store something else than was sent.
  it('refuses bytes that are not UTF-8', () => {
    expect(() => parseJson(Buffer.from([0x22, 0xff, 0x22]))).to.throw(ValidationError, /UTF-8/);
    expect(() => parseJson(Buffer.from([0x22, 0xed, 0xa0, 0x80, 0x22]))).to.throw(ValidationError, /UTF-8/);
  });

  // As UTF-8, all unpaired surrogates become one and the same character: two keys would become one.
  it('refuses unpaired surrogates anywhere', () => {
    for (const text of [
      '"\\ud800"',
      '{"a":["x",{"b":"\\uDFFF"}]}',
      '{"\\ud83d":1}',
      '["\\ude00\\ud83d", 1.5]',
    ]) {
      expect(() => parse(text), text).to.throw(ValidationError, /unpaired surrogate/);
    }
    expect(parse('{"a":"\\ud83d\\ude00"}')).to.deep.equal({ a: '😀' });
    expect(parse('{"a":"\\\\ud83d"}')).to.deep.equal({ a: '\\ud83d' });
  });

  // U+0000 is a character as any other.
  it('takes the NUL character', () => {
    expect(parse('{"a":"\\u0000"}')).to.deep.equal({ a: '\0' });
  });

  // A hostile body must neither end the process nor look like the service's fault.
  it('survives deep nesting', () => {
    const deep = '['.repeat(30_000) + ']'.repeat(30_000);
    expect(Array.isArray(parse(deep))).to.equal(true);
    expect(isJsonObject(parse(`{"a":1.5,"b":${deep}}`))).to.equal(true);
    expect(() => parse(`["\\ud800",${deep}]`)).to.throw(ValidationError, /unpaired surrogate/);
  });

  // Millions of levels took V8 five seconds to build.
  it('refuses a long text that nests deeply, before it parses it', () => {
    const start = performance.now();
    for (const level of ['[', '{"a":', '{"a":[1.5,']) {
      const text = `{"a":"${'x'.repeat(70_000)}","b":${level.repeat(3_000_000 / level.length)}`;
      expect(() => parse(text), level).to.throw(ValidationError, 'is nested too deeply: up to 80 levels');
    }
    expect(performance.now() - start).to.be.below(1000);
  });

  it('counts as nesting what is nested, and brackets outside of strings', () => {
    const nested = (levels: number): string => '['.repeat(levels) + ']'.repeat(levels);
    const long = JSON.stringify('"[{\\'.repeat(20_000));
    for (const fine of [`[${long}]`, `[${long},${nested(79)}]`, `[${`${nested(1)},`.repeat(30_000)}1]`]) {
      expect(Array.isArray(parse(fine))).to.equal(true);
    }
    expect(() => parse(`[${long},${nested(80)}]`)).to.throw(ValidationError, /nested too deeply/);
  });
});

describe('parseJson with numbers that a double would lose', () => {
  // The marking of numbers must neither make wrong texts right nor right ones wrong: V8 is the judge.
  it('takes and refuses the same texts as JSON.parse', () => {
    const pieces = fc.constantFrom(
      ...[
        '{',
        '}',
        '[',
        ']',
        ',',
        ':',
        '"',
        '\\',
        '"a"',
        '"\\"',
        ' ',
        '\n',
        '1.5',
        '-',
        '0',
        '01',
        '1e2',
        '1.',
        '.5',
      ],
      ...['+', 'e', 'E5', '12345678901234567', '-0.0', 'true', 'null', '\\u0041', '"1.5"', '\uD800\uDC00'],
    );
    fc.assert(
      fc.property(fc.array(pieces, { maxLength: 12 }), (parts) => {
        for (const text of [parts.join(''), `[1.5,${parts.join('')}]`, `{"a":1.5,"b":${parts.join('')}}`]) {
          let wanted: string | undefined;
          try {
            wanted = JSON.stringify(JSON.parse(text));
          } catch {
            wanted = undefined;
          }
          let read: string | undefined;
          try {
            read = JSON.stringify(asDoubles(parse(text)));
          } catch (error) {
            expect(error).to.be.instanceOf(ValidationError);
          }
          expect(read, text).to.equal(wanted);
        }
      }),
      { numRuns: 2000 },
    );
  });

  // Marked, such a number would become a legal member name.
  it('refuses a number in the place of a name', () => {
    for (const name of ['1.5', '12345678901234567', '1e2 \n']) {
      expect(() => parse(`{"a":1.5,${name}:1}`), name).to.throw(ValidationError, /not valid JSON/);
    }
  });

  // A client's own string can't pass for a number: it would hold an unpaired surrogate.
  it('takes no string for a number', () => {
    expect(() => parse('["\\ud8001.5",1.5]')).to.throw(ValidationError, /unpaired surrogate/);
    expect(parse('["\\ud800\\udc00",1.5]')).to.deep.equal(['\u{10000}', new JsonNumber('1.5')]);
    expect(parse('["\u{10000}5",1.5]')).to.deep.equal(['\u{10000}5', new JsonNumber('1.5')]);
  });

  // One event loop serves everybody; 16 MB of anything must not hold it up for seconds.
  it('takes no long time for a long text', () => {
    const texts = [
      `{"n":1.5,"s":"${'x'.repeat(8_000_000)}"}`,
      `{"n":1.5,"s":"${'\\"'.repeat(4_000_000)}"}`,
      `[${'1234567890123456,'.repeat(400_000)}1]`,
      `[${'9'.repeat(8_000_000)}]`,
    ];
    for (const text of texts) {
      const start = performance.now();
      parse(text);
      expect(performance.now() - start).to.be.below(1000);
    }
  });
});

/** The value with doubles for its numbers. */
function asDoubles(value: Json): unknown {
  if (value instanceof JsonNumber) return Number(value.text);
  if (Array.isArray(value)) return (value as Json[]).map(asDoubles);
  if (!isJsonObject(value)) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, asDoubles(member)]));
}

describe('quoteJson', () => {
  // Messages quote input like the original did; spacing isn't promised, the content is.
  it('shows any value', () => {
    expect(quoteJson({ a: [1, 'x', null, true, new JsonNumber('5.0')] })).to.equal(
      '{"a": [1, "x", null, true, 5.0]}',
    );
    expect(quoteJson({})).to.equal('{}');
    expect(quoteJson([])).to.equal('[]');
  });

  // A message is cut at 256 characters, and takes no time for what isn't shown.
  it('is short whatever the value', () => {
    const values: Json[] = [
      'x'.repeat(1_000_000),
      Array.from({ length: 1_000_000 }, () => 1),
      parse('['.repeat(30_000) + ']'.repeat(30_000)),
      { ['n'.repeat(1000)]: 1 },
      new JsonNumber('9'.repeat(1000)),
    ];
    for (const value of values) expect(quoteJson(value)).to.have.lengthOf.within(256, 257);
  });

  // Half a surrogate pair could not be sent as UTF-8.
  it('does not cut a character in two', () => {
    for (const before of ['', 'x']) {
      expect(quoteJson(before + '😀'.repeat(200))).to.not.match(/[\uD800-\uDFFF]/u);
    }
  });
});

/** The value with its numbers as texts. */
function strings(value: unknown): unknown {
  if (typeof value === 'number') return `:${value}`;
  if (Array.isArray(value)) return value.map(strings);
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, member]) => [name, strings(member)]));
}
