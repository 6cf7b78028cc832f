import { expect } from 'chai';
import fc from 'fast-check';
import { silentLogger, type LogFields } from '../../magnetodb/logging/logger.js';
import type { Answer, Client } from '../support/client.js';
import { expectFault } from '../support/faults.js';
import { startTestService, type TestService } from '../support/service.js';

interface FuzzedRequest {
  readonly operation: string;
  readonly method: string;
  readonly table: string;
  readonly query: string;
  readonly body: unknown;
  /** A place in the body's text, and what stands there instead. */
  readonly damage: readonly [number, string] | undefined;
}

/** Requests of every kind, damaged in every way: no 5xx, no hang, and each refusal in the fault's shape. */
describe('any request', () => {
  let service: TestService;
  let client: Client;
  const errors: (LogFields | undefined)[] = [];

  before(async () => {
    const logger = {
      ...silentLogger,
      error: (_event: string, fields?: LogFields) => {
        errors.push(fields);
      },
    };
    service = await startTestService({ logger });
    client = service.client('fuzz');
    await client.createTable('table', {
      attributes: { h: 'S', r: 'N', i: 'S', tags: 'SS' },
      indexes: { by_i: { range: 'i', projection: { projection_type: 'KEYS_ONLY' } } },
    });
    await client.createTable('numbers', { attributes: { h: 'N' } });
  });
  after(() => service.close());

  const name = fc.constantFrom(
    'h',
    'r',
    'i',
    'tags',
    'v',
    '__proto__',
    'constructor',
    '',
    'a b',
    'x'.repeat(256),
  );
  const scalarText = fc.oneof(
    fc.constantFrom('', '0', '1', '-1.5', '1e2', 'abc', 'AA==', 'A', '1e126', '\0', '😀', '9'.repeat(39)),
    fc.string({ unit: 'binary', maxLength: 8 }),
  );
  const leaf = fc.oneof(scalarText, fc.integer(), fc.double(), fc.boolean(), fc.constant(null));
  const tag = fc.constantFrom(
    'S',
    'N',
    'B',
    'SS',
    'NS',
    'BS',
    'SSM',
    'SNM',
    'NSM',
    'BNM',
    'BBM',
    'M',
    'L',
    'BOOL',
    'X',
  );
  const value = fc.oneof(
    { weight: 5, arbitrary: fc.tuple(fc.constant('S'), scalarText).map(single) },
    { weight: 5, arbitrary: fc.tuple(fc.constant('N'), fc.integer({ min: -3, max: 3 })).map(single) },
    {
      weight: 3,
      arbitrary: fc
        .tuple(tag, fc.oneof(leaf, fc.array(scalarText), fc.dictionary(scalarText, scalarText)))
        .map(single),
    },
    { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
  );
  const item = dictionaryOf(name, value);
  const key = fc.oneof(
    fc.record({ h: fc.constant({ S: 'a' }), r: fc.integer({ min: 0, max: 5 }).map((n) => ({ N: n })) }),
    fc.record({ h: fc.constant({ N: '1' }) }),
    item,
  );
  const names = fc.oneof(fc.array(name, { maxLength: 3 }), leaf);
  const condition = fc.record(
    {
      comparison_operator: fc.oneof(
        fc.constantFrom(
          'EQ',
          'NE',
          'LT',
          'LE',
          'GT',
          'GE',
          'BETWEEN',
          'BEGINS_WITH',
          'CONTAINS',
          'NOT_CONTAINS',
          'IN',
          'NULL',
          'NOT_NULL',
        ),
        leaf,
      ),
      attribute_value_list: fc.oneof(fc.array(value, { maxLength: 3 }), leaf),
    },
    { requiredKeys: [] },
  );
  const conditions = fc.oneof(
    fc.constant({ h: { comparison_operator: 'EQ', attribute_value_list: [{ S: 'a' }] } }),
    dictionaryOf(name, condition),
  );
  const expected = dictionaryOf(
    name,
    fc.oneof(fc.record({ exists: fc.boolean() }), fc.record({ value }), fc.jsonValue({ maxDepth: 1 })),
  );
  const returnValues = fc.constantFrom('NONE', 'ALL_OLD', 'ALL_NEW', 'UPDATED_OLD', 'UPDATED_NEW', '', null);
  const updates = dictionaryOf(
    name,
    fc.record({ action: fc.constantFrom('PUT', 'ADD', 'DELETE', 'X'), value }, { requiredKeys: [] }),
  );
  const any = fc.jsonValue({ maxDepth: 2 });
  const select = fc.constantFrom(
    'ALL_ATTRIBUTES',
    'ALL_PROJECTED_ATTRIBUTES',
    'SPECIFIC_ATTRIBUTES',
    'COUNT',
    'X',
    null,
  );
  const integer = fc.oneof(fc.integer({ min: -1, max: 5 }), fc.constantFrom('2', '', null, true, 1.5, 1e30));
  const table = fc.constantFrom(
    'table',
    'table',
    'table',
    'numbers',
    'missing',
    'ab',
    '__proto__',
    '%00',
    '..',
    'x'.repeat(300),
  );
  const tables = fc.constantFrom('table', 'numbers', 'missing', 'ab', '__proto__');

  const bodies: Record<string, fc.Arbitrary<unknown>> = {
    put_item: record({
      item: fc.oneof(
        item,
        fc.tuple(key, item).map(([a, b]) => ({ ...b, ...a })),
      ),
      expected,
      return_values: returnValues,
      time_to_live: integer,
    }),
    get_item: record({ key, attributes_to_get: names, consistent_read: fc.oneof(fc.boolean(), leaf) }),
    update_item: record({ key, attribute_updates: updates, expected, return_values: returnValues }),
    delete_item: record({ key, expected, return_values: returnValues }),
    query: record({
      key_conditions: conditions,
      index_name: fc.constantFrom('by_i', 'by_x', 'x', null),
      select,
      attributes_to_get: names,
      exclusive_start_key: key,
      limit: integer,
      scan_index_forward: fc.oneof(fc.boolean(), leaf),
      consistent_read: fc.boolean(),
    }),
    scan: record({
      scan_filter: conditions,
      select,
      attributes_to_get: names,
      exclusive_start_key: key,
      limit: integer,
      segment: integer,
      total_segments: integer,
    }),
    bulk_load: fc
      .array(fc.oneof(item, key, any), { maxLength: 5 })
      .map((lines) => lines.map((line) => JSON.stringify(line)).join('\n')),
    batch_get_item: record({
      request_items: dictionaryOf(
        tables,
        record({
          keys: fc.array(key, { maxLength: 3 }),
          attributes_to_get: names,
          consistent_read: fc.boolean(),
        }),
      ),
    }),
    batch_write_item: record({
      request_items: dictionaryOf(
        tables,
        fc.array(
          fc.oneof(
            record({ put_request: record({ item }) }),
            record({ delete_request: record({ key }) }),
            any,
          ),
          { maxLength: 3 },
        ),
      ),
    }),
    tables: record({
      table_name: fc.constantFrom('ab', 'table', '', 'a\n', 5, null),
      attribute_definitions: fc.array(record({ attribute_name: name, attribute_type: tag })),
      key_schema: fc.array(record({ attribute_name: name, key_type: fc.constantFrom('HASH', 'RANGE', 'X') })),
      local_secondary_indexes: fc.oneof(
        fc.array(
          record({
            index_name: name,
            key_schema: fc.array(
              record({ attribute_name: name, key_type: fc.constantFrom('HASH', 'RANGE') }),
            ),
            projection: any,
          }),
        ),
        any,
      ),
    }),
  };
  const operations = Object.keys(bodies);

  const request: fc.Arbitrary<FuzzedRequest> = fc.constantFrom(...operations).chain((operation) =>
    fc.record({
      operation: fc.constant(operation),
      method: fc.oneof(
        { weight: 20, arbitrary: fc.constant('POST') },
        { weight: 1, arbitrary: fc.constantFrom('GET', 'PUT', 'DELETE', 'HEAD', 'OPTIONS') },
      ),
      table,
      query: fc.oneof(
        { weight: 5, arbitrary: fc.constant('') },
        {
          weight: 1,
          arbitrary: fc.constantFrom(
            '?',
            '?x=1',
            '?limit=x',
            '?_method=delete',
            '?on_error=continue',
            '?on_error=x',
            '?%zz',
          ),
        },
      ),
      body: fc.oneof({ weight: 10, arbitrary: bodies[operation]! }, { weight: 1, arbitrary: any }),
      damage: fc.oneof(
        { weight: 10, arbitrary: fc.constant(undefined) },
        { weight: 1, arbitrary: fc.tuple(fc.nat(), fc.string({ maxLength: 3 })) },
      ),
    }),
  );

  async function send({ operation, method, table: on, query, body, damage }: FuzzedRequest): Promise<Answer> {
    const isOnProject = operation === 'tables' || operation.startsWith('batch');
    const path = isOnProject ? `/${operation}` : `/tables/${on}/${operation}`;
    let sent = typeof body === 'string' ? body : JSON.stringify(body);
    if (damage !== undefined) {
      const at = damage[0] % (sent.length + 1);
      sent = sent.slice(0, at) + damage[1] + sent.slice(at + 1);
    }
    return client.send(method, path + query, method === 'GET' || method === 'HEAD' ? undefined : sent);
  }

  it('is answered, or refused in the right shape', async function () {
    this.timeout(120_000);
    let successes = 0;
    await fc.assert(
      fc.asyncProperty(request, async (wanted) => {
        const answer = await send(wanted);
        expect(answer.status, answer.text).to.be.below(500);
        if (answer.status < 300) successes++;
        else if (wanted.method !== 'HEAD') expectFault(answer, answer.status);
      }),
      { numRuns: 3000, endOnFailure: true },
    );
    // A fuzzer that is always refused at the door would find nothing behind it.
    expect(successes).to.be.above(200);
    expect(errors).to.deep.equal([]);
    expect((await client.get('/tables')).body.tables).to.have.lengthOf(2);
  });
});

function single([name, content]: [string, unknown]): Record<string, unknown> {
  return { [name]: content };
}

/** An object with some of the members; also with one too many. */
function record(members: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<unknown> {
  const [first = ''] = Object.keys(members);
  return fc.oneof(
    { weight: 10, arbitrary: fc.record(members, { requiredKeys: [first] }) },
    { weight: 1, arbitrary: fc.record({ ...members, extra: fc.constant(1) }, { requiredKeys: [] }) },
  );
}

function dictionaryOf(names: fc.Arbitrary<string>, values: fc.Arbitrary<unknown>): fc.Arbitrary<object> {
  return fc.array(fc.tuple(names, values), { maxLength: 4 }).map((entries) => Object.fromEntries(entries));
}
