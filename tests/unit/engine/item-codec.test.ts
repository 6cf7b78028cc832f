import { expect } from 'chai';
import fc from 'fast-check';
import { itemFromJson, itemToJson, projectJson, valueToJson } from '../../../magnetodb/engine/item-codec.js';
import { V1_TYPES, type AttributeValue, type Item } from '../../../magnetodb/engine/values.js';
import { B, BS, item, items, map, N, NS, S, SS, texts } from './arbitraries.js';

/** As plain lists, so that the order of names counts in comparisons too. */
function ordered(some: Item): unknown {
  return [...some].map(([name, value]) => [name, orderedValue(value)]);
}

function orderedValue(value: AttributeValue): unknown {
  switch (value.type) {
    case 'NULL':
      return { type: value.type };
    case 'B':
      return { type: value.type, bytes: [...value.value] };
    case 'BS':
      return { type: value.type, members: value.value.map((bytes) => [...bytes]) };
    case 'L':
      return { type: value.type, list: value.value.map(orderedValue) };
    case 'M':
      return { type: value.type, entries: ordered(value.value) };
    case 'S':
    case 'N':
    case 'SS':
    case 'NS':
    case 'BOOL':
      return value;
    default:
      return { type: value.type, entries: [...value.value] };
  }
}

describe('engine/item-codec', () => {
  // The data API answers with these texts (5.1), and what is stored must stay readable.
  const forms: [value: AttributeValue, json: string][] = [
    [S('a "b"\n'), '{"S":"a \\"b\\"\\n"}'],
    [S(''), '{"S":""}'],
    [S('é😀'), '{"S":"é😀"}'],
    [N('-21.50'), '{"N":"-21.5"}'],
    [B(0, 1), '{"B":"AAE="}'],
    [B(), '{"B":""}'],
    [SS('b', 'a'), '{"SS":["a","b"]}'],
    [NS('10', '9'), '{"NS":["9","10"]}'],
    [BS([2], [1]), '{"BS":["AQ==","Ag=="]}'],
    [map('SSM', { a: 'x', b: '"' }), '{"SSM":{"a":"x","b":"\\""}}'],
    [map('SNM', { a: '1' }), '{"SNM":{"a":"1"}}'],
    [map('SBM', { a: 'AAE=' }), '{"SBM":{"a":"AAE="}}'],
    [map('NSM', { '10': 'x' }), '{"NSM":{"10":"x"}}'],
    [map('NNM', { '1.5': '2' }), '{"NNM":{"1.5":"2"}}'],
    [map('NBM', { '1': 'AAE=' }), '{"NBM":{"1":"AAE="}}'],
    [map('BSM', { 'AAE=': 'x' }), '{"BSM":{"AAE=":"x"}}'],
    [map('BNM', { 'AAE=': '1' }), '{"BNM":{"AAE=":"1"}}'],
    [map('BBM', { 'AAE=': 'AAI=' }), '{"BBM":{"AAE=":"AAI="}}'],
    [map('SSM', {}), '{"SSM":{}}'],
    [{ type: 'BOOL', value: true }, '{"BOOL":true}'],
    [{ type: 'BOOL', value: false }, '{"BOOL":false}'],
    [{ type: 'NULL' }, '{"NULL":true}'],
    [{ type: 'L', value: [] }, '{"L":[]}'],
    [
      { type: 'L', value: [S('x'), N('1'), { type: 'L', value: [] }] },
      '{"L":[{"S":"x"},{"N":"1"},{"L":[]}]}',
    ],
    [{ type: 'M', value: item({}) }, '{"M":{}}'],
    [
      { type: 'M', value: item({ a: SS('x'), b: { type: 'NULL' } }) },
      '{"M":{"a":{"SS":["x"]},"b":{"NULL":true}}}',
    ],
  ];
  for (const [value, json] of forms) {
    it(`writes and reads ${json}`, () => {
      expect(valueToJson(value)).to.equal(json);
      expect(itemToJson(item({ a: value }))).to.equal(`{"a":${json}}`);
      expect(ordered(itemFromJson(`{"a":${json}}`))).to.deep.equal(ordered(item({ a: value })));
    });
  }

  it('covers every type of the v1 data API above', () => {
    const covered = new Set(forms.map(([value]) => value.type));
    expect(V1_TYPES.filter((type) => !covered.has(type))).to.deep.equal([]);
  });

  it('writes and reads the item without attributes', () => {
    expect(itemToJson(new Map())).to.equal('{}');
    expect(itemFromJson('{}').size).to.equal(0);
  });

  // Names are legal that objects treat specially; JSON.parse would move "10" and "9" to the front.
  it("keeps the names' order, numeric ones and __proto__ among them", () => {
    const names = ['z', '10', '__proto__', '9', 'constructor', 'a'];
    const some = new Map(names.map((name) => [name, S(name)]));
    const read = itemFromJson(itemToJson(some));
    expect([...read.keys()]).to.deep.equal(names);
    expect(read.get('__proto__')).to.deep.equal(S('__proto__'));
  });

  it('reads 32 nested levels', () => {
    let value: AttributeValue = S('x');
    for (let i = 0; i < 32; i++) {
      value = i % 2 === 0 ? { type: 'L', value: [value] } : { type: 'M', value: item({ m: value }) };
    }
    const some = item({ a: value });
    expect(ordered(itemFromJson(itemToJson(some)))).to.deep.equal(ordered(some));
  });

  it('reads what it wrote, for any item', () => {
    fc.assert(
      fc.property(items, (some) => {
        expect(ordered(itemFromJson(itemToJson(some)))).to.deep.equal(ordered(some));
      }),
      { numRuns: 1000 },
    );
  });

  it('writes JSON that other readers understand', () => {
    fc.assert(
      fc.property(texts, texts, (name, text) => {
        const parsed = JSON.parse(itemToJson(new Map([[name, S(text)]]))) as Record<string, unknown>;
        expect(Object.entries(parsed)).to.deep.equal([[name, { S: text }]]);
      }),
    );
  });

  // Backslashes and quotes decide where a text ends: every run of them, in every place.
  it('finds the ends of texts behind any run of backslashes and quotes', () => {
    const runs = fc.string({ unit: fc.constantFrom('\\', '"', 'a', '\n'), maxLength: 6 });
    fc.assert(
      fc.property(fc.array(fc.tuple(runs, runs), { maxLength: 5 }), (entries) => {
        const some = new Map(entries.map(([name, text]) => [name, S(text)]));
        expect(ordered(itemFromJson(itemToJson(some)))).to.deep.equal(ordered(some));
      }),
      { numRuns: 1000 },
    );
  });

  describe('damaged texts', () => {
    const damaged = [
      '',
      '{',
      '[]',
      'null',
      '{"a"',
      '{"a":',
      '{"a":{',
      '{"a":{"S"',
      '{"a":{"S":"',
      '{"a":{"S":"\\"',
      '{"a":{"S":"x"',
      '{"a":{"S":"x"}',
      '{"a":{"S":"x"}}}',
      '{"a":{"S":"x"}} ',
      '{"a":{"S":5}}',
      '{"a":{"X":"x"}}',
      '{"a":{"XYM":"x"}}',
      '{"a":{"SS":["x"}}',
      '{"a":{"SS":["x",]}}',
      '{"a":{"BOOL":yes}}',
      '{"a":{"SSM":{"k"}}}',
      '{"a":{"S":"x"},}',
      '{"a":{"S":"\\x"}}',
    ];
    for (const json of damaged) {
      it(`ends with an error on ${json === '' ? 'nothing' : json}`, () => {
        expect(() => itemFromJson(json)).to.throw(SyntaxError);
      });
    }

    it("doesn't repeat the text in its message, as logs hold no values", () => {
      expect(() => itemFromJson('{"secret":{"S":5}}')).to.throw('damaged at character 15 of 18');
    });

    it('ends with an error on any text that is cut short', () => {
      fc.assert(
        fc.property(items, fc.nat(), (some, at) => {
          const json = itemToJson(some);
          const cut = json.slice(0, at % json.length);
          expect(() => itemFromJson(cut)).to.throw(SyntaxError);
          expect(() => projectJson(cut, [])).to.throw(SyntaxError);
        }),
      );
    });
  });

  describe('projectJson', () => {
    it('keeps the attributes named, in their stored order', () => {
      const json = '{"c":{"S":"}\\",{"},"a":{"L":[{"M":{"b":{"N":"1"}}}]},"b":{"BOOL":true}}';
      expect(projectJson(json, ['b', 'c'])).to.deep.equal({
        json: '{"c":{"S":"}\\",{"},"b":{"BOOL":true}}',
        kept: 2,
      });
      expect(projectJson(json, ['a', 'zz', 'a'])).to.deep.equal({
        json: '{"a":{"L":[{"M":{"b":{"N":"1"}}}]}}',
        kept: 1,
      });
      expect(projectJson(json, [])).to.deep.equal({ json: '{}', kept: 0 });
      expect(projectJson(json, ['a', 'b', 'c'])).to.deep.equal({ json, kept: 3 });
      expect(projectJson('{}', ['a'])).to.deep.equal({ json: '{}', kept: 0 });
    });

    it('does what filtering the parsed item would, for few names and many', () => {
      fc.assert(
        fc.property(items, fc.array(texts, { maxLength: 12 }), fc.nat(), (some, others, pick) => {
          const names = [...others, ...[...some.keys()].filter((_, i) => ((pick >> i) & 1) === 1)];
          const kept = new Map([...some].filter(([name]) => names.includes(name)));
          expect(projectJson(itemToJson(some), names)).to.deep.equal({
            json: itemToJson(kept),
            kept: kept.size,
          });
        }),
        { numRuns: 500 },
      );
    });
  });
});
