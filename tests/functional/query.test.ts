import { expect } from 'chai';
import type { AnswerBody, Client, WireItem } from '../support/client.js';
import { expectInvalid, expectNoTable, type Message } from '../support/faults.js';
import { startTestService, type TestService } from '../support/service.js';

describe('query', () => {
  let service: TestService;
  let client: Client;

  const eq = (value: object): object => ({ comparison_operator: 'EQ', attribute_value_list: [value] });
  const where = (operator: string, ...values: object[]): object => ({
    comparison_operator: operator,
    attribute_value_list: values,
  });
  const station = { h: eq({ S: 'north' }) };
  const query = (body: object, table = 'table'): ReturnType<Client['call']> =>
    client.call(table, 'query', body);
  const ok = (body: object, table = 'table'): Promise<AnswerBody> => client.ok(table, 'query', body);
  const ranges = ({ items }: AnswerBody): unknown[] => items!.map((item) => item.r?.N ?? item.r?.S);

  // RANGE values in their order, as numbers and not as texts.
  const numbers = ['-100', '-1.5', '0', '2', '10', '11.5', '200'];
  const itemOf = (number: string, i: number): WireItem => ({
    h: { S: 'north' },
    r: { N: number },
    // Reverse order in the index, and two equal values, which the table's RANGE then orders.
    i: { S: ['f', 'e', 'd', 'c', 'b', 'b', 'a'][i]! },
    v: { S: `v${i}` },
    w: { N: `${i}` },
  });
  const items = numbers.map(itemOf);

  before(async () => {
    service = await startTestService();
    client = service.client();
    await client.createTable('table', {
      attributes: { h: 'S', r: 'N', i: 'S', j: 'S', k: 'S' },
      indexes: {
        by_i: { range: 'i' },
        by_j: { range: 'j', projection: { projection_type: 'KEYS_ONLY' } },
        by_k: { range: 'k', projection: { projection_type: 'INCLUDE', non_key_attributes: ['v'] } },
      },
    });
    await client.createTable('texts', { attributes: { h: 'S', r: 'S' } });
    await client.createTable('hash_only', { attributes: { h: 'S' } });
    await client.put('table', ...[...items].reverse(), { h: { S: 'south' }, r: { N: '1' } });
    await client.put('table', {
      h: { S: 'keys' },
      r: { N: '1' },
      j: { S: 'a' },
      k: { S: 'a' },
      v: { S: 'x' },
      w: { S: 'y' },
    });
    for (const text of ['u', 'u1', 'u10', 'u2', 'v', 'ü']) {
      await client.put('texts', { h: { S: 'north' }, r: { S: text } });
    }
    await client.put('hash_only', { h: { S: 'a' }, v: { N: '1' } });
  });
  after(() => service.close());

  // 10.2: whole items, ascending by RANGE, no scanned_count, no last key.
  it('answers all items of a HASH value in their order', async () => {
    expect(await ok({ key_conditions: station })).to.deep.equal({ items, count: 7 });
    expect(await ok({ key_conditions: station, scan_index_forward: false })).to.deep.equal({
      items: [...items].reverse(),
      count: 7,
    });
    expect((await ok({ key_conditions: station, scan_index_forward: null, limit: null })).count).to.equal(7);
    expect(await ok({ key_conditions: { h: eq({ S: 'nowhere' }) } })).to.deep.equal({ items: [], count: 0 });
  });

  const conditions: [object, string[]][] = [
    [where('EQ', { N: '2.0' }), ['2']],
    [where('LT', { N: '2' }), ['-100', '-1.5', '0']],
    [where('LE', { N: '2' }), ['-100', '-1.5', '0', '2']],
    [where('GT', { N: '10' }), ['11.5', '200']],
    [where('GE', { N: '10' }), ['10', '11.5', '200']],
    [where('BETWEEN', { N: '-1.5' }, { N: '10' }), ['-1.5', '0', '2', '10']],
    [where('BETWEEN', { N: '10' }, { N: '-1.5' }), []],
  ];
  for (const [condition, wanted] of conditions) {
    it(`answers what ${JSON.stringify(condition)} selects, forwards, backwards and page by page`, async () => {
      const key_conditions = { ...station, r: condition };
      expect(ranges(await ok({ key_conditions }))).to.deep.equal(wanted);
      expect(ranges(await ok({ key_conditions, scan_index_forward: false }))).to.deep.equal(
        [...wanted].reverse(),
      );
      for (const scan_index_forward of [true, false]) {
        const seen = await allPages({ key_conditions, scan_index_forward, limit: 2 });
        expect(seen.map((item) => item.r!.N)).to.deep.equal(
          scan_index_forward ? wanted : [...wanted].reverse(),
        );
      }
    });
  }

  async function allPages(body: object): Promise<WireItem[]> {
    const seen: WireItem[] = [];
    let start: object = {};
    for (;;) {
      const page = await ok({ ...body, ...start });
      seen.push(...page.items!);
      if (page.last_evaluated_key === undefined) return seen;
      start = { exclusive_start_key: page.last_evaluated_key };
    }
  }

  // Q21: a true prefix, which the original's successor trick was not.
  it('finds texts by their beginning', async () => {
    const begins = async (prefix: string): Promise<unknown[]> =>
      ranges(
        await ok(
          { key_conditions: { h: eq({ S: 'north' }), r: where('BEGINS_WITH', { S: prefix }) } },
          'texts',
        ),
      );
    expect(await begins('u1')).to.deep.equal(['u1', 'u10']);
    expect(await begins('u')).to.deep.equal(['u', 'u1', 'u10', 'u2']);
    expect(await begins('')).to.deep.equal(['u', 'u1', 'u10', 'u2', 'v', 'ü']);
  });

  // 10.2: the last key exactly when the limit was reached, also when nothing follows.
  it('ends a page that is exactly full with a last key', async () => {
    const { last_evaluated_key, count } = await ok({ key_conditions: station, limit: 7 });
    expect(count).to.equal(7);
    expect(last_evaluated_key).to.deep.equal({ h: { S: 'north' }, r: { N: '200' } });
    expect(await ok({ key_conditions: station, exclusive_start_key: last_evaluated_key })).to.deep.equal({
      items: [],
      count: 0,
    });
    expect(await ok({ key_conditions: station, limit: 8 })).to.not.have.property('last_evaluated_key');
    expect(await ok({ key_conditions: station, limit: '0' })).to.not.have.property('last_evaluated_key');
  });

  // Strictly after, in the chosen order; the key need not exist; a foreign HASH value gives an empty page.
  it('starts after any key', async () => {
    const start = (number: string, h = 'north'): object => ({
      exclusive_start_key: { h: { S: h }, r: { N: number } },
    });
    expect(ranges(await ok({ key_conditions: station, ...start('3') }))).to.deep.equal(['10', '11.5', '200']);
    expect(ranges(await ok({ key_conditions: station, ...start('2') }))).to.deep.equal(['10', '11.5', '200']);
    const backwards = { key_conditions: station, scan_index_forward: false };
    expect(ranges(await ok({ ...backwards, ...start('0') }))).to.deep.equal(['-1.5', '-100']);
    expect((await ok({ key_conditions: station, ...start('0', 'south') })).count).to.equal(0);
    expect((await ok({ key_conditions: station, exclusive_start_key: null })).count).to.equal(7);
  });

  // 10.3
  it('answers what is selected', async () => {
    const of = (body: object): Promise<AnswerBody> =>
      ok({ key_conditions: { ...station, r: where('EQ', { N: '2' }) }, ...body });
    const [item] = items.slice(3);
    expect(await of({ select: 'ALL_ATTRIBUTES' })).to.deep.equal({ items: [item], count: 1 });
    expect(await of({ select: 'ALL_PROJECTED_ATTRIBUTES' })).to.deep.equal({ items: [item], count: 1 });
    expect(await of({ select: 'SPECIFIC_ATTRIBUTES' })).to.deep.equal({ items: [item], count: 1 });
    expect(await of({ select: 'COUNT' })).to.deep.equal({ count: 1 });
    const some = { items: [{ v: { S: 'v3' } }], count: 1 };
    expect(await of({ attributes_to_get: ['v'] })).to.deep.equal(some);
    expect(await of({ attributes_to_get: ['v', 'v', 'x'], select: 'SPECIFIC_ATTRIBUTES' })).to.deep.equal(
      some,
    );
    expect(await of({ attributes_to_get: ['x'] })).to.deep.equal({ items: [{}], count: 1 });
    expect(await of({ attributes_to_get: null })).to.deep.equal({ items: [item], count: 1 });
    // Q29: what the original answered 500.
    const key = { h: { S: 'north' }, r: { N: '2' } };
    expect(await of({ select: 'COUNT', limit: 1 })).to.deep.equal({ count: 1, last_evaluated_key: key });
    expect(await of({ attributes_to_get: ['v'], limit: 1 })).to.deep.equal({
      ...some,
      last_evaluated_key: key,
    });
  });

  // 10.2: by index RANGE, then table RANGE; items without the index attribute are not in it; Q28: no condition needed.
  it('goes by an index', async () => {
    const wanted = ['200', '10', '11.5', '2', '0', '-1.5', '-100'];
    const body = { key_conditions: station, index_name: 'by_i' };
    expect(ranges(await ok(body))).to.deep.equal(wanted);
    expect(ranges(await ok({ ...body, scan_index_forward: false }))).to.deep.equal([...wanted].reverse());
    expect((await allPages({ ...body, limit: 2 })).map((item) => item.r!.N)).to.deep.equal(wanted);
    const page = await ok({ ...body, limit: 2 });
    expect(page.last_evaluated_key).to.deep.equal({ h: { S: 'north' }, r: { N: '10' }, i: { S: 'b' } });
    const south = await ok({ key_conditions: { h: eq({ S: 'south' }) }, index_name: 'by_i' });
    expect(south).to.deep.equal({ items: [], count: 0 });
    const b = { ...body, key_conditions: { ...station, i: eq({ S: 'b' }) } };
    expect(ranges(await ok(b))).to.deep.equal(['10', '11.5']);
    const from = { ...body, key_conditions: { ...station, i: where('GE', { S: 'd' }) } };
    expect(ranges(await ok(from))).to.deep.equal(['0', '-1.5', '-100']);
    expect(await ok({ ...body, select: 'COUNT', limit: null, consistent_read: true })).to.deep.equal({
      count: 7,
    });
  });

  // A projection is applied, and what lies outside of it is fetched when it is asked for.
  it('applies a projection', async () => {
    const of = async (index_name: string, body: object = {}): Promise<unknown> =>
      (await ok({ key_conditions: { h: eq({ S: 'keys' }) }, index_name, ...body })).items;
    const keys = { h: { S: 'keys' }, r: { N: '1' } };
    const whole = { ...keys, j: { S: 'a' }, k: { S: 'a' }, v: { S: 'x' }, w: { S: 'y' } };
    expect(await of('by_j')).to.deep.equal([{ ...keys, j: { S: 'a' } }]);
    expect(await of('by_k')).to.deep.equal([{ ...keys, k: { S: 'a' }, v: { S: 'x' } }]);
    expect(await of('by_j', { select: 'ALL_PROJECTED_ATTRIBUTES' })).to.deep.equal([
      { ...keys, j: { S: 'a' } },
    ]);
    expect(await of('by_j', { select: 'ALL_ATTRIBUTES' })).to.deep.equal([whole]);
    expect(await of('by_j', { attributes_to_get: ['w', 'j'] })).to.deep.equal([
      { j: { S: 'a' }, w: { S: 'y' } },
    ]);
  });

  // An item must leave and enter indexes as it changes.
  it('keeps an index in step with its items', async () => {
    const key = { h: { S: 'moving' }, r: { N: '1' } };
    const found = async (): Promise<unknown> =>
      (await ok({ key_conditions: { h: eq({ S: 'moving' }) }, index_name: 'by_i' })).items;
    await client.put('table', { ...key, i: { S: 'a' } });
    expect(await found()).to.deep.equal([{ ...key, i: { S: 'a' } }]);
    await client.ok('table', 'update_item', {
      key,
      attribute_updates: { i: { action: 'PUT', value: { S: 'b' } } },
    });
    expect(await found()).to.deep.equal([{ ...key, i: { S: 'b' } }]);
    await client.ok('table', 'update_item', { key, attribute_updates: { i: { action: 'DELETE' } } });
    expect(await found()).to.deep.equal([]);
    await client.put('table', { ...key, i: { S: 'c' } });
    await client.ok('table', 'delete_item', { key });
    expect(await found()).to.deep.equal([]);
  });

  // 10.2: the direction applies to hash-only tables without effect.
  it('queries a table without a RANGE key', async () => {
    const body = { key_conditions: { h: eq({ S: 'a' }) } };
    const item = { h: { S: 'a' }, v: { N: '1' } };
    expect(await ok({ ...body, scan_index_forward: false }, 'hash_only')).to.deep.equal({
      items: [item],
      count: 1,
    });
    const full = await ok({ ...body, limit: 1 }, 'hash_only');
    expect(full.last_evaluated_key).to.deep.equal({ h: { S: 'a' } });
    const rest = await ok({ ...body, exclusive_start_key: { h: { S: 'a' } } }, 'hash_only');
    expect(rest).to.deep.equal({ items: [], count: 0 });
  });

  const LIST = "Attribute list is only expected with select_type 'SPECIFIC_ATTRIBUTES'";
  const SCHEMA = /don't match table schema/;
  const refused: [string, object, Message][] = [
    ['no key_conditions', {}, /^Required property 'key_conditions'/],
    ['a list of key_conditions', { key_conditions: [] }, /^Wrong 'key_conditions' type. Object is expected/],
    ['an empty attributes_to_get', { key_conditions: station, attributes_to_get: [] }, LIST],
    [
      'attributes_to_get that is text',
      { key_conditions: station, attributes_to_get: 'v' },
      /^Wrong 'attributes_to_get' type/,
    ],
    [
      'a list with ALL_ATTRIBUTES',
      { key_conditions: station, attributes_to_get: ['v'], select: 'ALL_ATTRIBUTES' },
      LIST,
    ],
    ['a list with COUNT', { key_conditions: station, attributes_to_get: ['v'], select: 'COUNT' }, LIST],
    [
      'a list with ALL_PROJECTED_ATTRIBUTES',
      { key_conditions: station, attributes_to_get: ['v'], select: 'ALL_PROJECTED_ATTRIBUTES' },
      LIST,
    ],
    ['an unknown select', { key_conditions: station, select: 'SOME' }, "Select type 'SOME' isn't allowed"],
    ['an empty select', { key_conditions: station, select: '' }, "Select type '' isn't allowed"],
    ['an index name too short', { key_conditions: station, index_name: 'x' }, "Wrong index name 'x' found"],
    [
      'an unknown index',
      { key_conditions: station, index_name: 'by_x' },
      "Index 'by_x' doesn't exist for table 'table'",
    ],
    [
      'null for consistent_read',
      { key_conditions: station, consistent_read: null },
      /^Required property 'consistent_read'/,
    ],
    [
      'a negative limit',
      { key_conditions: station, limit: -1 },
      "'limit' property value[-1] is less then min_value[0].",
    ],
    ['true for limit', { key_conditions: station, limit: true }, /^Wrong 'limit' type. Integer is expected/],
    [
      'text for scan_index_forward',
      { key_conditions: station, scan_index_forward: 'no' },
      /'scan_index_forward'/,
    ],
    [
      'more in the body',
      { key_conditions: station, scan_filter: {} },
      /^Unexpected properties were found for 'body'/,
    ],
    [
      'a start key that is text',
      { key_conditions: station, exclusive_start_key: 'x' },
      /^Wrong 'exclusive_start_key' type/,
    ],
    [
      'half a start key',
      { key_conditions: station, exclusive_start_key: { h: { S: 'north' } } },
      /^Specified key/,
    ],
    [
      'a start key without the index attribute',
      {
        key_conditions: station,
        index_name: 'by_i',
        exclusive_start_key: { h: { S: 'north' }, r: { N: '1' } },
      },
      /^Specified key/,
    ],
    ['a condition that is text', { key_conditions: { h: 'x' } }, /^Wrong 'h' type. Object is expected/],
    ['no operator', { key_conditions: { h: {} } }, "IndexedCondition of type['None'] is not allowed"],
    [
      'an empty operator',
      { key_conditions: { h: where('', { S: 'x' }) } },
      "IndexedCondition of type[''] is not allowed",
    ],
    [
      'NE',
      { key_conditions: { ...station, r: where('NE', { N: '1' }) } },
      "IndexedCondition of type['NE'] is not allowed",
    ],
    [
      'IN',
      { key_conditions: { ...station, r: where('IN', { N: '1' }) } },
      "IndexedCondition of type['IN'] is not allowed",
    ],
    [
      'EQ without arguments',
      { key_conditions: { h: where('EQ') } },
      "IndexedCondition of type['EQ'] requires exactly 1 arguments, but 0 found",
    ],
    [
      'EQ with two arguments',
      { key_conditions: { h: where('EQ', { S: 'x' }, { S: 'y' }) } },
      "IndexedCondition of type['EQ'] requires exactly 1 arguments, but 2 found",
    ],
    [
      'EQ with a set',
      { key_conditions: { h: where('EQ', { SS: ['x'] }) } },
      "IndexedCondition of type['EQ'] allows only primitive arguments",
    ],
    [
      'BEGINS_WITH without arguments',
      { key_conditions: { ...station, r: where('BEGINS_WITH') } },
      "IndexedCondition of type['GE'] requires exactly 1 arguments, but 0 found",
    ],
    [
      'BEGINS_WITH with a number',
      { key_conditions: { ...station, r: where('BEGINS_WITH', { N: '1' }) } },
      'BEGINS_WITH condition type is not allowed forargument of the N type',
    ],
    [
      'BETWEEN with one argument',
      { key_conditions: { ...station, r: where('BETWEEN', { N: '1' }) } },
      'BETWEEN condition type requires exactly 2 arguments, but 1 given',
    ],
    [
      'BETWEEN with mixed types',
      { key_conditions: { ...station, r: where('BETWEEN', { N: '1' }, { S: '2' }) } },
      'BETWEEN condition type requires arguments of the same type, but different types given',
    ],
    [
      'BETWEEN with sets',
      { key_conditions: { ...station, r: where('BETWEEN', { NS: ['1'] }, { NS: ['2'] }) } },
      "IndexedCondition of type['GE'] allows only primitive arguments",
    ],
    [
      'more in a condition',
      { key_conditions: { h: { ...station.h, x: 1 } } },
      /^Unexpected properties were found for 'h'/,
    ],
    ['a wrong value', { key_conditions: { h: eq({ S: 5 }) } }, /of type \{"type": "S"\}/],
    ['no condition on HASH', { key_conditions: { r: eq({ N: '1' }) } }, SCHEMA],
    ['no condition at all', { key_conditions: {} }, SCHEMA],
    [
      'HASH with GT',
      { key_conditions: { h: where('GT', { S: 'x' }) } },
      "Only equality condition is allowed for HASH key attribute 'h'",
    ],
    ['HASH of another type', { key_conditions: { h: eq({ N: '1' }) } }, SCHEMA],
    ['RANGE of another type', { key_conditions: { ...station, r: eq({ S: '1' }) } }, SCHEMA],
    ['another attribute', { key_conditions: { ...station, v: eq({ S: 'x' }) } }, SCHEMA],
    [
      'RANGE with an index',
      { key_conditions: { ...station, r: eq({ N: '1' }) }, index_name: 'by_i' },
      SCHEMA,
    ],
  ];
  for (const [what, body, message] of refused) {
    it(`refuses ${what}`, async () => {
      expectInvalid(await query(body), message);
    });
  }

  it('answers 404 for a table that is not there', async () => {
    expectNoTable(await query({ key_conditions: station }, 'missing'), 'missing');
  });

  // Without a limit everything comes, streamed; the members and the order are the same.
  it('answers thousands of items in one answer', async () => {
    const lines = Array.from({ length: 6000 }, (_, i) =>
      JSON.stringify({ h: { S: 'many' }, r: { N: `${i}` }, v: { S: 'x'.repeat(400) } }),
    );
    const loaded = await client.post('/tables/table/bulk_load', lines.join('\n'));
    expect(loaded.body.processed).to.equal(6000);
    const answer = await query({ key_conditions: { h: eq({ S: 'many' }) } });
    expect(answer.headers.get('content-length')).to.equal(null);
    expect(answer.body.count).to.equal(6000);
    expect(answer.body.items!.map((item) => Number(item.r!.N))).to.deep.equal(lines.map((_, i) => i));
    expect(answer.text).to.match(/^\{"items":\[/);
    const count = await ok({ key_conditions: { h: eq({ S: 'many' }) }, select: 'COUNT' });
    expect(count).to.deep.equal({ count: 6000 });
  });
});
