import { expect } from 'chai';
import type { AnswerBody, Client, WireItem } from '../support/client.js';
import { expectInvalid, expectNoTable, type Message } from '../support/faults.js';
import { startTestService, type TestService } from '../support/service.js';

describe('scan', () => {
  let service: TestService;
  let client: Client;
  const scan = (body: object, table = 'table'): ReturnType<Client['call']> =>
    client.call(table, 'scan', body);
  const ok = (body: object, table = 'table'): Promise<AnswerBody> => client.ok(table, 'scan', body);
  const where = (operator: string, ...values: object[]): object => ({
    comparison_operator: operator,
    attribute_value_list: values,
  });
  const items: WireItem[] = [];
  for (let h = 0; h < 10; h++) {
    for (let r = 0; r < 3; r++) items.push({ h: { S: `h${h}` }, r: { N: `${r}` }, n: { N: `${h * 3 + r}` } });
  }
  const sorted = (list: readonly WireItem[]): string[] => list.map((item) => JSON.stringify(item)).sort();

  before(async () => {
    service = await startTestService();
    client = service.client();
    await client.createTable('table', { attributes: { h: 'S', r: 'N' } });
    await client.createTable('hash_only', { attributes: { h: 'S' } });
    await client.createTable('values', { attributes: { h: 'S' } });
    await client.createTable('empty', { attributes: { h: 'S' } });
    await client.put('table', ...items);
    await client.put('hash_only', ...Array.from({ length: 10 }, (_, i) => ({ h: { S: `h${i}` } })));
    await client.put(
      'values',
      { h: { S: 'text' }, v: { S: 'abc' } },
      { h: { S: 'number' }, v: { N: '5' } },
      { h: { S: 'bytes' }, v: { B: 'AQID' } },
      { h: { S: 'texts' }, v: { SS: ['a', 'b'] } },
      { h: { S: 'numbers' }, v: { NS: ['1', '5'] } },
      { h: { S: 'map' }, v: { SNM: { a: '1', b: '2' } } },
      { h: { S: 'none' } },
    );
  });
  after(() => service.close());

  // 10.4
  it('answers every item, and how many were examined', async () => {
    const answer = await ok({});
    expect(sorted(answer.items!)).to.deep.equal(sorted(items));
    expect(answer.count).to.equal(30);
    expect(answer.scanned_count).to.equal(30);
    expect(answer).to.not.have.property('last_evaluated_key');
    expect(await ok({}, 'empty')).to.deep.equal({ items: [], count: 0, scanned_count: 0 });
    for (const scan_filter of [null, {}, []]) expect((await ok({ scan_filter })).count).to.equal(30);
    expect((await ok({ limit: 0, exclusive_start_key: null })).count).to.equal(30);
  });

  // Partitions come one after the other, each in its order, the same on every page.
  it('keeps its order from page to page', async () => {
    const whole = (await ok({})).items!;
    for (const limit of [1, 4, 7, 29]) {
      expect(await allPages({ limit })).to.deep.equal(whole);
    }
    for (const h of new Set(whole.map((item) => item.h!.S))) {
      expect(whole.filter((item) => item.h!.S === h).map((item) => item.r!.N)).to.deep.equal(['0', '1', '2']);
    }
    expect(await allPages({ limit: 3 }, 'hash_only')).to.have.lengthOf(10);
  });

  async function allPages(body: object, table = 'table'): Promise<WireItem[]> {
    const seen: WireItem[] = [];
    let start: object = {};
    for (;;) {
      const page = await ok({ ...body, ...start }, table);
      seen.push(...page.items!);
      if (page.last_evaluated_key === undefined) return seen;
      start = { exclusive_start_key: page.last_evaluated_key };
    }
  }

  // The limit is on what is examined, and the last key that of the last item examined.
  it('counts examined items against the limit', async () => {
    const whole = (await ok({})).items!;
    const body = { limit: 10, scan_filter: { n: where('GE', { N: '1000' }) } };
    const page = await ok(body);
    const { h, r } = whole[9]!;
    expect(page).to.deep.equal({ items: [], count: 0, scanned_count: 10, last_evaluated_key: { h, r } });
    expect(await ok({ limit: 30, select: 'COUNT' })).to.have.property('last_evaluated_key');
    expect(await ok({ limit: 31, select: 'COUNT' })).to.deep.equal({ count: 30, scanned_count: 30 });
  });

  // Projection comes after filtering.
  it('filters by attributes that it does not answer', async () => {
    const answer = await ok({ attributes_to_get: ['h'], scan_filter: { n: where('LT', { N: '2' }) } });
    expect(answer).to.deep.equal({
      items: [{ h: { S: 'h0' } }, { h: { S: 'h0' } }],
      count: 2,
      scanned_count: 30,
    });
    const count = await ok({
      select: 'COUNT',
      scan_filter: { n: where('LT', { N: '2' }), r: where('EQ', { N: '0' }) },
    });
    expect(count).to.deep.equal({ count: 1, scanned_count: 30 });
  });

  // Q30: the segments of one total hold each item once.
  it('divides the table among segments', async () => {
    for (const total_segments of [1, 2, 3, 7, 4096]) {
      const seen: WireItem[] = [];
      const segments =
        total_segments > 10 ? Array.from({ length: 4096 }, (_, i) => i) : [...Array(total_segments).keys()];
      if (total_segments > 10) {
        // All of 4096 would take its time: the first and the last suffice to see that they are taken.
        for (const segment of [0, 4095])
          expect((await scan({ segment, total_segments })).status).to.equal(200);
        continue;
      }
      for (const segment of segments) seen.push(...(await allPages({ segment, total_segments, limit: 5 })));
      expect(sorted(seen)).to.deep.equal(sorted(items));
    }
  });

  // 8.3, cell by cell.
  const filters: [object, string[]][] = [
    [where('EQ', { S: 'abc' }), ['text']],
    [where('EQ', { N: '5.0' }), ['number']],
    [where('EQ', { SS: ['b', 'a'] }), ['texts']],
    [where('EQ', { SNM: { b: 2, a: 1 } }), ['map']],
    [where('NE', { S: 'abc' }), ['number', 'bytes', 'texts', 'numbers', 'map']],
    [where('NE', { N: '6' }), ['text', 'number', 'bytes', 'texts', 'numbers', 'map']],
    [where('LT', { N: '6' }), ['number']],
    [where('LT', { S: 'b' }), ['text']],
    [where('LE', { N: '5' }), ['number']],
    [where('GT', { B: 'AQI=' }), ['bytes']],
    [where('GE', { S: 'abc' }), ['text']],
    [where('BETWEEN', { N: '5' }, { N: '5' }), ['number']],
    [where('BEGINS_WITH', { S: 'ab' }), ['text']],
    [where('BEGINS_WITH', { S: 'abcd' }), []],
    [where('BEGINS_WITH', { B: 'AQI=' }), ['bytes']],
    [where('IN', { S: 'x' }, { N: '5' }, { S: 'abc' }), ['text', 'number']],
    [where('CONTAINS', { S: 'b' }), ['text', 'texts', 'map']],
    [where('CONTAINS', { N: '5' }), ['numbers']],
    [where('CONTAINS', { B: 'AgM=' }), ['bytes']],
    [where('NOT_CONTAINS', { S: 'b' }), []],
    [where('NOT_CONTAINS', { S: 'z' }), ['text', 'texts', 'map']],
    [where('NOT_CONTAINS', { N: '9' }), ['numbers']],
    [where('NULL'), ['none']],
    [{ comparison_operator: 'NULL', attribute_value_list: null }, ['none']],
    [{ comparison_operator: 'NOT_NULL' }, ['text', 'number', 'bytes', 'texts', 'numbers', 'map']],
  ];
  for (const [condition, wanted] of filters) {
    it(`answers what ${JSON.stringify(condition)} selects`, async () => {
      const answer = await ok({ scan_filter: { v: condition } }, 'values');
      expect(answer.items!.map((item) => item.h!.S)).to.have.members(wanted);
      expect(answer.count).to.equal(wanted.length);
      expect(answer.scanned_count).to.equal(7);
    });
  }

  // Q22: conditions on the HASH attribute are filters as any other.
  it('filters by the HASH attribute', async () => {
    const hashes = async (condition: object): Promise<unknown[]> =>
      (await ok({ scan_filter: { h: condition } }, 'hash_only')).items!.map((item) => item.h!.S);
    expect(await hashes(where('EQ', { S: 'h3' }))).to.deep.equal(['h3']);
    expect(await hashes(where('GE', { S: 'h8' }))).to.have.members(['h8', 'h9']);
    expect(await hashes(where('NULL'))).to.deep.equal([]);
    expect(await hashes(where('IN', { S: 'h1' }, { S: 'h2' }))).to.have.members(['h1', 'h2']);
  });

  const LIST = "Attribute list is only expected with select_type 'SPECIFIC_ATTRIBUTES'";
  const refused: [string, object, Message][] = [
    ['an empty attributes_to_get', { attributes_to_get: [] }, LIST],
    ['a list with COUNT', { attributes_to_get: ['v'], select: 'COUNT' }, LIST],
    ['an unknown select', { select: 'x' }, "Select type 'x' isn't allowed"],
    ['consistent_read', { consistent_read: true }, /^Unexpected properties were found for 'body'/],
    ['index_name', { index_name: 'index' }, /^Unexpected properties were found for 'body'/],
    ['a negative limit', { limit: -1 }, "'limit' property value[-1] is less then min_value[0]."],
    ['a filter that is text', { scan_filter: 'x' }, /^Wrong 'scan_filter' type. Object is expected/],
    ['no segments', { total_segments: 0 }, "'total_segments' property value[0] is less then min_value[1]."],
    [
      'too many segments',
      { total_segments: 4097 },
      "'total_segments' property value[4097] is more then max_value[4096].",
    ],
    ['null for total_segments', { total_segments: null }, /^Required property 'total_segments'/],
    ['null for segment', { segment: null }, /^Required property 'segment'/],
    [
      'a segment beyond the last',
      { segment: 2, total_segments: 2 },
      "'segment' property value[2] is more then max_value[1].",
    ],
    ['a segment without a total', { segment: 1 }, "'segment' property value[1] is more then max_value[0]."],
    ['half a start key', { exclusive_start_key: { h: { S: 'x' } } }, /^Specified key/],
    ['no operator', { scan_filter: { v: {} } }, "ScanCondition of type['None'] is not allowed"],
    [
      'an unknown operator',
      { scan_filter: { v: where('LIKE', { S: 'x' }) } },
      "ScanCondition of type['LIKE'] is not allowed",
    ],
    [
      'EQ without arguments',
      { scan_filter: { v: where('EQ') } },
      "ScanCondition of type['EQ'] requires exactly 1 arguments, but 0 found",
    ],
    [
      'NULL with an argument',
      { scan_filter: { v: where('NULL', { S: 'x' }) } },
      "ScanCondition of type['NULL'] requires exactly 0 arguments, but 1 found",
    ],
    [
      'LT with a set',
      { scan_filter: { v: where('LT', { SS: ['x'] }) } },
      "ScanCondition of type['LT'] allows only primitive arguments",
    ],
    [
      'CONTAINS with a map',
      { scan_filter: { v: where('CONTAINS', { SSM: { a: 'x' } }) } },
      "ScanCondition of type['CONTAINS'] allows only primitive arguments",
    ],
    [
      'IN without arguments',
      { scan_filter: { v: where('IN') } },
      "ScanCondition of type['IN'] requires from 1 to 9223372036854775807 arguments provided, but 0 found",
    ],
    [
      'IN with a set',
      { scan_filter: { v: where('IN', { SS: ['x'] }) } },
      "ScanCondition of type['IN'] allows only primitive arguments",
    ],
    [
      'BETWEEN with three arguments',
      { scan_filter: { v: where('BETWEEN', { N: '1' }, { N: '2' }, { N: '3' }) } },
      'BETWEEN condition type requires exactly 2 arguments, but 3 given',
    ],
    [
      'BEGINS_WITH with a number',
      { scan_filter: { v: where('BEGINS_WITH', { N: '1' }) } },
      'BEGINS_WITH condition type is not allowed forargument of the N type',
    ],
    [
      'more in a condition',
      { scan_filter: { v: { ...where('NULL'), x: 1 } } },
      /^Unexpected properties were found for 'v'/,
    ],
  ];
  for (const [what, body, message] of refused) {
    it(`refuses ${what}`, async () => {
      expectInvalid(await scan(body), message);
    });
  }

  it('answers 404 for a table that is not there', async () => {
    expectNoTable(await scan({}, 'missing'), 'missing');
  });
});
