import { expect } from 'chai';
import type { Client, WireItem } from '../support/client.js';
import { expectFault, expectInvalid, expectNoTable, type Message } from '../support/faults.js';
import { startTestService, type TestService } from '../support/service.js';

describe('put_item', () => {
  let service: TestService;
  let client: Client;
  let keys = 0;
  /** A key that no other test uses. */
  const freshKey = (): WireItem => ({ h: { S: 'put' }, r: { N: `${++keys}` } });
  const put = (body: object): ReturnType<Client['call']> => client.call('table', 'put_item', body);

  before(async () => {
    service = await startTestService();
    client = service.client();
    await client.createTable('table', {
      attributes: { h: 'S', r: 'N', i: 'S', tags: 'SS' },
      indexes: { by_i: { range: 'i' } },
    });
  });
  after(() => service.close());

  // 5.1: all fifteen types, and what they are answered as; 5.2: one canonical form for numbers.
  const kept: [string, unknown, unknown][] = [
    ['S', 'text', 'text'],
    ['S', '', ''],
    ['S', 'Zürich 東京 😀 \0 "\\', 'Zürich 東京 😀 \0 "\\'],
    ['N', '21.5', '21.5'],
    ['N', 5, '5'],
    ['N', -0, '0'],
    ['N', '05', '5'],
    ['N', '+7', '7'],
    ['N', ' 12 ', '12'],
    ['N', '1.50', '1.5'],
    ['N', '1e2', '100'],
    ['N', '12345678901234567890123456789012345678', '12345678901234567890123456789012345678'],
    ['N', '1E-130', `0.${'0'.repeat(129)}1`],
    ['B', 'AAH/', 'AAH/'],
    ['B', '', ''],
    ['B', ' A A\nH/\t', 'AAH/'],
    ['SS', ['b', 'a', 'b', '\u{1F600}', '\uFF01'], ['a', 'b', '\uFF01', '\u{1F600}']],
    ['NS', ['10', 9, '9.0', '-1'], ['-1', '9', '10']],
    ['BS', ['/w==', 'AA==', 'AAA='], ['AA==', 'AAA=', '/w==']],
    ['SSM', { k: 'v', '': '' }, { k: 'v', '': '' }],
    ['SSM', {}, {}],
    ['SNM', { a: 1, b: '2.50' }, { a: '1', b: '2.5' }],
    ['SBM', { a: 'AA==' }, { a: 'AA==' }],
    ['NSM', { '01': 'x', '1.5': 'y' }, { '1': 'x', '1.5': 'y' }],
    ['NNM', { '1e1': 2 }, { '10': '2' }],
    ['NBM', { '0': 'AA==' }, { '0': 'AA==' }],
    ['BSM', { 'AA==': 'x' }, { 'AA==': 'x' }],
    ['BNM', { 'AA==': 1 }, { 'AA==': '1' }],
    ['BBM', { 'AA==': '/w==' }, { 'AA==': '/w==' }],
  ];
  for (const [type, sent, answered] of kept) {
    it(`keeps ${type} ${JSON.stringify(sent).slice(0, 60)}`, async () => {
      const key = freshKey();
      const answer = await put({ item: { ...key, v: { [type]: sent } } });
      expect(answer.status, answer.text).to.equal(200);
      expect(answer.body).to.deep.equal({});
      expect((await client.getItem('table', key))?.v).to.deep.equal({ [type]: answered });
    });
  }

  // Section 5 with section 16's right column: what the original stored as NaN, letters or null.
  const refusedValues: [unknown, Message][] = [
    [{}, "Can't recognize attribute typed value format: '{}'"],
    [{ S: 'a', N: '1' }, /^Can't recognize attribute typed value format: '\{"S": ?"a", ?"N": ?"1"\}'$/],
    [{ KK: 'a' }, "Attribute type 'KK' is not recognized"],
    [{ BOOL: true }, "Attribute type 'BOOL' is not recognized"],
    [{ L: [] }, "Attribute type 'L' is not recognized"],
    [{ M: {} }, "Attribute type 'M' is not recognized"],
    [{ constructor: 1 }, "Attribute type 'constructor' is not recognized"],
    [null, "Required property 'v' wasn't found or it's value is null"],
    ['x', `Wrong 'v' type. Object is expected, but "x" found`],
    [[], "Wrong 'v' type. Object is expected, but [] found"],
    [{ S: 5 }, `Can't recognize attribute value '5'of type {"type": "S"}`],
    [{ S: null }, `Can't recognize attribute value 'null'of type {"type": "S"}`],
    [{ N: 'abc' }, `Can't recognize attribute value '"abc"'of type {"type": "N"}`],
    ...['', 'NaN', 'Infinity', '0x1F', '1_000', '１', '1e126', '1E-131', '1'.repeat(39)].map(
      (text): [unknown, Message] => [{ N: text }, /of type \{"type": "N"\}$/],
    ),
    [{ N: true }, `Can't recognize attribute value 'true'of type {"type": "N"}`],
    [{ N: 5.5 }, `Can't recognize attribute value '5.5'of type {"type": "N"}`],
    [{ N: null }, `Can't recognize attribute value 'null'of type {"type": "N"}`],
    ...['A', 'AA', 'AAA', 'A===', 'AA=A', 'AAA-', 'AAA_', 'AÄA=', '===='].map((text): [unknown, Message] => [
      { B: text },
      /of type \{"type": "B"\}$/,
    ]),
    [{ B: 5 }, /"B"/],
    [{ SS: [] }, `Can't recognize attribute value '[]'of type {"type": "SS"}`],
    [{ SS: 'abc' }, `Can't recognize attribute value '"abc"'of type {"type": "SS"}`],
    [{ SS: 5 }, `Can't recognize attribute value '5'of type {"type": "SS"}`],
    [{ SS: { a: 1 } }, /"SS"/],
    [{ SS: ['a', 5] }, /"SS"/],
    [{ SS: [null] }, /"SS"/],
    [{ NS: ['1', 'x'] }, /"NS"/],
    [{ NS: [1.5] }, /"NS"/],
    [{ BS: ['AA==', '?'] }, /"BS"/],
    [{ SSM: [] }, `Can't recognize attribute value '[]'of type {"type": "SSM"}`],
    [{ SSM: { a: 1 } }, /"SSM"/],
    [{ SSM: { a: null } }, /"SSM"/],
    [{ NSM: { x: 'a' } }, /"NSM"/],
    [{ BSM: { '?': 'a' } }, /"BSM"/],
    [{ SNM: { a: 'x' } }, /"SNM"/],
    [{ SSM: null }, /"SSM"/],
  ];
  for (const [value, message] of refusedValues) {
    it(`refuses the value ${JSON.stringify(value).slice(0, 60)}`, async () => {
      const key = freshKey();
      expectInvalid(await put({ item: { ...key, v: value } }), message);
      expect(await client.getItem('table', key)).to.equal(undefined);
    });
  }

  // 5.2: JSON fractions and exponents, which JSON.stringify can't write.
  it('tells 5.0 and 1e2 from integers', async () => {
    for (const number of ['5.0', '1e2', '-0.5']) {
      const answer = await put(`{"item":{"h":{"S":"x"},"r":{"N":"1"},"v":{"N":${number}}}}` as never);
      expectInvalid(answer, `Can't recognize attribute value '${number}'of type {"type": "N"}`);
    }
  });

  // 9.2, fields in their order: of two wrong ones the first is told.
  const item = { h: { S: 'fields' }, r: { N: '1' } };
  const refusedBodies: [string, unknown, Message][] = [
    ['a body that is null', 'null', "Required property 'body' wasn't found or it's value is null"],
    ['a body that is a list', '[]', "Wrong 'body' type. Object is expected, but [] found"],
    ['no item', {}, "Required property 'item' wasn't found or it's value is null"],
    ['an item that is a list', { item: [] }, "Wrong 'item' type. Object is expected, but [] found"],
    ['an empty attribute name', { item: { ...item, '': { S: 'x' } } }, "Wrong attribute name '' found"],
    [
      'an attribute name with a blank',
      { item: { ...item, 'a b': { S: 'x' } } },
      "Wrong attribute name 'a b' found",
    ],
    ['an attribute name with a newline', { item: { ...item, 'a\n': { S: 'x' } } }, /^Wrong attribute name/],
    [
      'an attribute name too long',
      { item: { ...item, [`a${'b'.repeat(255)}`]: { S: 'x' } } },
      /^Wrong attribute name/,
    ],
    [
      'null for expected',
      { item, expected: null },
      "Required property 'expected' wasn't found or it's value is null",
    ],
    [
      'a list for expected',
      { item, expected: [] },
      "Wrong 'expected' type. Object is expected, but [] found",
    ],
    ['"" for expected', { item, expected: '' }, /^Wrong 'expected' type/],
    ['0 for expected', { item, expected: 0 }, /^Wrong 'expected' type/],
    ['false for expected', { item, expected: false }, /^Wrong 'expected' type/],
    ['expected before item', { expected: [], item: 5 }, /'expected'/],
    [
      'an empty condition',
      { item, expected: { v: {} } },
      "Can't recognize attribute expected condition format: '{}'",
    ],
    [
      'a condition with two members',
      { item, expected: { v: { exists: true, value: { S: 'x' } } } },
      /^Can't recognize attribute expected condition format: '/,
    ],
    [
      'an unknown condition',
      { item, expected: { v: { like: 1 } } },
      'Unsupported condition type found: like',
    ],
    ['a condition that is text', { item, expected: { v: 'x' } }, /^Wrong 'v' type. Object is expected/],
    ['a condition that is null', { item, expected: { v: null } }, /^Required property 'v'/],
    [
      'exists that is text',
      { item, expected: { v: { exists: 'true' } } },
      /^Wrong 'exists' type. Boolean is expected/,
    ],
    [
      'exists that is a number',
      { item, expected: { v: { exists: 1 } } },
      /^Wrong 'exists' type. Boolean is expected/,
    ],
    ['a wrong value', { item, expected: { v: { value: { N: 'x' } } } }, /of type \{"type": "N"\}/],
    ['a condition on no name', { item, expected: { '': { exists: true } } }, "Wrong attribute name '' found"],
    ['empty return_values', { item, return_values: '' }, /^Return values type '' isn't allowed/],
    ['UPDATED_OLD', { item, return_values: 'UPDATED_OLD' }, "Return values type 'UPDATED_OLD' isn't allowed"],
    ['null return_values', { item, return_values: null }, /^Required property 'return_values'/],
    [
      'a number for return_values',
      { item, return_values: 5 },
      /^Wrong 'return_values' type. String is expected/,
    ],
    [
      'return_values before time_to_live',
      { item, return_values: 'x', time_to_live: 'x' },
      /^Return values type/,
    ],
    [
      'a negative time_to_live',
      { item, time_to_live: -1 },
      "'time_to_live' property value[-1] is less then min_value[0].",
    ],
    [
      'text for time_to_live',
      { item, time_to_live: 'soon' },
      /^Wrong 'time_to_live' type. Integer is expected/,
    ],
    [
      'true for time_to_live',
      { item, time_to_live: true },
      /^Wrong 'time_to_live' type. Integer is expected/,
    ],
    [
      'a fraction for time_to_live',
      { item, time_to_live: 1.5 },
      /^Wrong 'time_to_live' type. Integer is expected/,
    ],
    ['a time_to_live of a century', { item, time_to_live: 3_200_000_000 }, undefined],
    [
      'more in the body',
      { item, x: 1, __proto__: null },
      /^Unexpected properties were found for 'body': \{"x": ?1\}$/,
    ],
    ['no key', { item: { h: { S: 'x' } } }, /^Couldn't find expected key attributes/],
    [
      'a key of another type',
      { item: { ...item, r: { S: '1' } } },
      "Attribute: 'r' of type: 'S' doesn't match table schema expected attribute type: 'N'",
    ],
    [
      'a declared attribute of another type',
      { item: { ...item, tags: { NS: ['1'] } } },
      "Attribute: 'tags' of type: 'NS' doesn't match table schema expected attribute type: 'SS'",
    ],
    ['an empty HASH value', { item: { ...item, h: { S: '' } } }, undefined],
    ['an empty index key', { item: { ...item, i: { S: '' } } }, undefined],
    ['a HASH value too long', { item: { ...item, h: { S: 'x'.repeat(2049) } } }, undefined],
    ['an index key too long', { item: { ...item, i: { S: 'x'.repeat(1025) } } }, undefined],
    ['an item above 400 KB', { item: { ...item, v: { S: 'x'.repeat(409_600) } } }, undefined],
  ];
  for (const [what, body, message] of refusedBodies) {
    it(`refuses ${what}`, async () => {
      expectInvalid(await client.post('/tables/table/put_item', body), message);
      expect(await client.getItem('table', item)).to.equal(undefined);
    });
  }

  // [T]: attributes that the new item lacks are gone; a success answers {}.
  it('replaces the whole item', async () => {
    const key = freshKey();
    await client.put('table', { ...key, a: { S: '1' } }, { ...key, b: { S: '2' } });
    expect(await client.getItem('table', key)).to.deep.equal({ ...key, b: { S: '2' } });
  });

  // 9.2, 9.6: ALL_OLD the replaced item, ALL_NEW the new one.
  it('answers the old or the new item', async () => {
    const key = freshKey();
    const first = { ...key, flags: { SS: ['b', 'a'] } };
    expect((await put({ item: first, return_values: 'ALL_OLD' })).body).to.deep.equal({});
    const old = await put({ item: { ...key, v: { N: '2.0' } }, return_values: 'ALL_OLD' });
    expect(old.body).to.deep.equal({ attributes: { ...key, flags: { SS: ['a', 'b'] } } });
    expect((await put({ item: first, return_values: 'NONE' })).body).to.deep.equal({});
    const latest = await put({ item: { ...key, v: { N: '2.0' } }, return_values: 'ALL_NEW' });
    expect(latest.body).to.deep.equal({ attributes: { ...key, v: { N: '2' } } });
  });

  const FAILED = 'The conditional request failed';

  // 8.1: each condition, holding and not, against the stored item.
  it('puts only where the conditions hold', async () => {
    const key = freshKey();
    await client.put('table', { ...key, v: { S: '1' }, tags: { SS: ['a', 'b'] } });
    const stored = await client.getItem('table', key);
    for (const expected of [
      { v: { value: { S: '2' } } },
      { v: { value: { N: '1' } } }, // Q19: the type counts
      { v: { exists: false } },
      { w: { exists: true } },
      { w: { value: { S: '1' } } },
      { tags: { value: { SS: ['a'] } } },
      { v: { exists: true }, w: { exists: true } },
      { r: { value: { N: '999' } } },
    ]) {
      const answer = await put({ item: { ...key, v: { S: 'lost' } }, expected });
      expectFault(answer, 400, 'ConditionalCheckFailedException', FAILED);
    }
    expect(await client.getItem('table', key)).to.deep.equal(stored);
    for (const expected of [
      {},
      { v: { value: { S: '1' } } },
      { v: { exists: true } },
      { w: { exists: false } },
      { tags: { value: { SS: ['b', 'a'] } }, v: { exists: true } },
      { r: { value: { N: `${key.r!.N as string}.0` } } },
      { h: { exists: true } },
    ]) {
      const answer = await put({ item: { ...stored }, expected });
      expect(answer.status, JSON.stringify(expected)).to.equal(200);
    }
  });

  // [T]: `exists: false` on the HASH attribute means "only if no item has this key".
  it('puts an item only if there is none', async () => {
    const key = freshKey();
    const expected = { h: { exists: false } };
    expect((await put({ item: { ...key, v: { S: 'first' } }, expected })).status).to.equal(200);
    const second = await put({ item: { ...key, v: { S: 'second' } }, expected });
    expectFault(second, 400, 'ConditionalCheckFailedException', FAILED);
    expect((await client.getItem('table', key))?.v).to.deep.equal({ S: 'first' });
    expectInvalid(
      await put({ item: key, expected: { ...expected, v: { exists: true } } }),
      'Both expected_condition_map and if_not_exist specified',
    );
    const missing = await put({ item: freshKey(), expected: { h: { exists: true } } });
    expectFault(missing, 400, 'ConditionalCheckFailedException', FAILED);
  });

  // Conditional writes are linearizable per item (section 13).
  it('lets exactly one of many concurrent creations win', async () => {
    const key = freshKey();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, i) =>
        put({ item: { ...key, v: { N: i } }, expected: { h: { exists: false } } }),
      ),
    );
    expect(answers.filter(({ status }) => status === 200)).to.have.lengthOf(1);
  });

  // An item is gone once its time is over; 0 and null mean none; a put replaces it.
  it('lets an item go after its time to live', async () => {
    const [short, none, replaced] = [freshKey(), freshKey(), freshKey()];
    await client.ok('table', 'put_item', { item: short, time_to_live: '1' });
    await client.ok('table', 'put_item', { item: none, time_to_live: 0 });
    await client.ok('table', 'put_item', { item: replaced, time_to_live: 1 });
    await client.ok('table', 'put_item', { item: replaced, time_to_live: null });
    expect(await client.getItem('table', short)).to.deep.equal(short);
    await new Promise((resolve) => setTimeout(resolve, 1_100)); // the passing of time is what is tested
    expect(await client.getItem('table', short)).to.equal(undefined);
    expect(await client.getItem('table', none)).to.deep.equal(none);
    expect(await client.getItem('table', replaced)).to.deep.equal(replaced);
    expect((await put({ item: short, expected: { h: { exists: false } } })).status).to.equal(200);
  });

  // Section 2: a body is judged before its table is looked for.
  it('answers 404 for a table that is not there, but 400 for a wrong body first', async () => {
    expectNoTable(await client.call('missing', 'put_item', { item }), 'missing');
    expectInvalid(await client.call('missing', 'put_item', {}));
    expectFault(
      await client.call('a', 'put_item', { item }),
      404,
      'TableNotExistsException',
      "Table 'a' does not exist",
    );
  });
});
