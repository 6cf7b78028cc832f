import { expect } from 'chai';
import { tableBody, type AnswerBody, type Client } from '../support/client.js';
import { expectFault, expectInvalid, type Message } from '../support/faults.js';
import { startTestService, type TestService } from '../support/service.js';

const READINGS = {
  attributes: { station: 'S', taken_at: 'N', sensor: 'S' },
  indexes: {
    by_sensor: {
      range: 'sensor',
      projection: { projection_type: 'INCLUDE', non_key_attributes: ['value', 'unit', 'value'] },
    },
  },
};

describe('create_table', () => {
  let service: TestService;
  let client: Client;
  before(async () => {
    service = await startTestService();
  });
  after(() => service.close());
  beforeEach(() => {
    client = service.client();
  });

  // Data API 7.1 and 6.3: the whole description, and links that begin with the catalogue's URL.
  it('answers the description of a table that becomes ACTIVE', async () => {
    const answer = await client.post('/tables', tableBody('readings', READINGS));
    expect(answer.status).to.equal(200);
    expect(answer.headers.get('content-type')).to.equal('application/json; charset=UTF-8');
    const table = answer.body.table_description!;
    expect(table.table_status).to.be.oneOf(['CREATING', 'ACTIVE']);
    expect(table.table_name).to.equal('readings');
    expect(table.table_id).to.match(/^[0-9a-f]{8}-[0-9a-f]{4}-1[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$/);
    expect(table.creation_date_time).to.match(/^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(\.\d{3}000)?$/);
    expect(table.item_count).to.equal(0);
    expect(table.table_size_bytes).to.equal(0);
    expect(table.attribute_definitions).to.have.deep.members([
      { attribute_name: 'station', attribute_type: 'S' },
      { attribute_name: 'taken_at', attribute_type: 'N' },
      { attribute_name: 'sensor', attribute_type: 'S' },
    ]);
    expect(table.key_schema).to.deep.equal([
      { attribute_name: 'station', key_type: 'HASH' },
      { attribute_name: 'taken_at', key_type: 'RANGE' },
    ]);
    const [index] = table.local_secondary_indexes!;
    expect(index).to.deep.include({ index_name: 'by_sensor', item_count: 0, index_size_bytes: 0 });
    expect(index?.key_schema).to.deep.equal([
      { attribute_name: 'station', key_type: 'HASH' },
      { attribute_name: 'sensor', key_type: 'RANGE' },
    ]);
    expect(index?.projection.projection_type).to.equal('INCLUDE');
    expect(index?.projection.non_key_attributes).to.have.members(['value', 'unit']);
    const href = `${client.url}/tables/readings`;
    expect(table.links).to.have.deep.members([
      { rel: 'self', href },
      { rel: 'bookmark', href },
    ]);
    await client.waitUntilActive('readings');
  });

  // [T]: key_schema is answered HASH first, and without indexes there is no such member.
  it('orders the key schema and leaves out what there is not', async () => {
    const body = tableBody('table', { attributes: { h: 'S', r: 'B' } }) as { key_schema: object[] };
    body.key_schema.reverse();
    const table = (await client.post('/tables', body)).body.table_description!;
    expect(table.key_schema.map((key) => key.key_type)).to.deep.equal(['HASH', 'RANGE']);
    expect(table).to.not.have.property('local_secondary_indexes');
  });

  // 6.1: attributes that are no keys may be declared, of any type, also twice: the last wins.
  it('takes all fifteen types, and the last of a repeated definition', async () => {
    const types = 'S N B SS NS BS SSM SNM SBM NSM NNM NBM BSM BNM BBM'.split(' ');
    const attributes = Object.fromEntries(types.map((type) => [`a_${type}`, type]));
    const body = tableBody('types', { attributes: { h: 'S', ...attributes }, hash: 'h' });
    const definitions = (body as { attribute_definitions: object[] }).attribute_definitions;
    definitions.unshift({ attribute_name: 'h', attribute_type: 'N' });
    const answer = await client.post('/tables', body);
    expect(answer.status, answer.text).to.equal(200);
    expect(answer.body.table_description!.attribute_definitions).to.have.lengthOf(16);
    expect(answer.body.table_description!.attribute_definitions).to.deep.include({
      attribute_name: 'h',
      attribute_type: 'S',
    });
  });

  // 6.4, row by row.
  for (const [sent, reported] of [
    [{ projection_type: 'ALL' }, { projection_type: 'ALL' }],
    [{ projection_type: 'KEYS_ONLY' }, { projection_type: 'KEYS_ONLY' }],
    [{ projection_type: 'INCLUDE', non_key_attributes: [] }, { projection_type: 'KEYS_ONLY' }],
    [{ projection_type: 'INCLUDE' }, { projection_type: 'ALL' }],
    [{}, { projection_type: 'ALL' }],
    [{ non_key_attributes: ['x'] }, { projection_type: 'INCLUDE', non_key_attributes: ['x'] }],
  ]) {
    it(`reports the projection ${JSON.stringify(sent)} as ${JSON.stringify(reported)}`, async () => {
      const shape = {
        attributes: { h: 'S', r: 'S', i: 'S' },
        indexes: { index: { range: 'i', projection: sent! } },
      };
      const { body } = await client.post('/tables', tableBody('table', shape));
      expect(body.table_description!.local_secondary_indexes![0]!.projection).to.deep.equal(reported);
    });
  }

  // [T]: five indexes, and twenty projected names.
  it('takes many indexes with many projected attributes', async () => {
    const names = ['a', 'b', 'c', 'd', 'e'];
    const projected = Array.from({ length: 20 }, (_, i) => `p${i}`);
    const shape = {
      attributes: { h: 'S', r: 'S', ...Object.fromEntries(names.map((name) => [name, 'N'])) },
      indexes: Object.fromEntries(
        names.map((name) => [
          `by_${name}`,
          { range: name, projection: { projection_type: 'INCLUDE', non_key_attributes: projected } },
        ]),
      ),
    };
    const { body } = await client.post('/tables', tableBody('table', shape));
    expect(body.table_description!.local_secondary_indexes).to.have.lengthOf(5);
  });

  // [T], section 15.
  it('refuses a name that is taken, in any state of the table', async () => {
    const body = tableBody('table', { attributes: { h: 'S' } });
    expect((await client.post('/tables', body)).status).to.equal(200);
    expectFault(
      await client.post('/tables', body),
      400,
      'TableAlreadyExistsException',
      'Table table already exists',
    );
    await client.waitUntilActive('table');
    expectFault(
      await client.post('/tables', body),
      400,
      'TableAlreadyExistsException',
      'Table table already exists',
    );
  });

  // [T]: names are unique per project.
  it('lets two projects use one name', async () => {
    const body = tableBody('shared', { attributes: { h: 'S' } });
    const other = service.client();
    expect((await client.post('/tables', body)).status).to.equal(200);
    expect((await other.post('/tables', body)).status).to.equal(200);
  });

  const H = { attribute_name: 'h', attribute_type: 'S' };
  const R = { attribute_name: 'r', attribute_type: 'S' };
  const I = { attribute_name: 'i', attribute_type: 'S' };
  const HASH = { attribute_name: 'h', key_type: 'HASH' };
  const RANGE = { attribute_name: 'r', key_type: 'RANGE' };
  const I_RANGE = { attribute_name: 'i', key_type: 'RANGE' };
  const ALL = { projection_type: 'ALL' };
  const index = (changes: object = {}): object => ({
    index_name: 'index',
    key_schema: [HASH, I_RANGE],
    projection: ALL,
    ...changes,
  });
  const table = (changes: object = {}): object => ({
    table_name: 'table',
    attribute_definitions: [H, R, I],
    key_schema: [HASH, RANGE],
    ...changes,
  });
  const indexed = (...indexes: object[]): object => table({ local_secondary_indexes: indexes });

  // 7.1's table of checks, in its order; two wrong things show which is told first.
  const refused: [string, object, Message][] = [
    [
      'no name',
      table({ table_name: undefined }),
      "Required property 'table name' wasn't found or it's value is null",
    ],
    [
      'a name that is a number',
      table({ table_name: 5 }),
      "Wrong 'table name' type. String is expected, but 5 found",
    ],
    ['a name too short', table({ table_name: 'ab' }), "Wrong table name 'ab' found"],
    [
      'a name too long',
      table({ table_name: 'a'.repeat(256) }),
      `Wrong table name '${'a'.repeat(256)}' found`,
    ],
    ['a name with a newline', table({ table_name: 'table\n' }), /^Wrong table name 'table/],
    ['a name before anything else', { table_name: 'a', x: 1 }, "Wrong table name 'a' found"],
    [
      'no definitions',
      table({ attribute_definitions: null }),
      "Required property 'attribute_definitions' wasn't found or it's value is null",
    ],
    [
      'definitions that are no list',
      table({ attribute_definitions: {} }),
      "Wrong 'attribute_definitions' type. List of Objects is expected, but {} found",
    ],
    [
      'a definition that is no object',
      table({ attribute_definitions: ['h'] }),
      /List of Objects is expected/,
    ],
    [
      'a definition without a name',
      table({ attribute_definitions: [{ attribute_type: 'S' }] }),
      "Required property 'attribute name' wasn't found or it's value is null",
    ],
    [
      'an empty attribute name',
      table({ attribute_definitions: [{ attribute_name: '', attribute_type: 'S' }] }),
      "Wrong attribute name '' found",
    ],
    [
      'an unknown type',
      table({ attribute_definitions: [{ attribute_name: 'h', attribute_type: 'X' }] }),
      "Attribute type 'X' is not recognized",
    ],
    [
      'no type',
      table({ attribute_definitions: [{ attribute_name: 'h' }] }),
      "Attribute type 'None' is not recognized",
    ],
    [
      'an empty type',
      table({ attribute_definitions: [{ attribute_name: 'h', attribute_type: '' }] }),
      "Attribute type '' is not recognized",
    ],
    [
      'a document type',
      table({ attribute_definitions: [{ attribute_name: 'h', attribute_type: 'BOOL' }] }),
      "Attribute type 'BOOL' is not recognized",
    ],
    [
      'more in a definition',
      table({ attribute_definitions: [{ ...H, x: 1 }] }),
      /^Unexpected properties were found for 'attribute_definition': \{"x": ?1\}$/,
    ],
    ['no key schema', table({ key_schema: undefined }), /^Required property 'key_schema'/],
    ['an empty key schema', table({ key_schema: [] }), 'HASH key is missing'],
    ['only a RANGE key', table({ key_schema: [RANGE] }), 'HASH key is missing'],
    ['a key schema of strings', table({ key_schema: ['h'] }), /List of Objects is expected/],
    ['two HASH keys', table({ key_schema: [HASH, HASH] }), "Only one 'HASH' key is allowed"],
    ['two RANGE keys', table({ key_schema: [HASH, RANGE, I_RANGE] }), "Only one 'RANGE' key is allowed"],
    [
      'an unknown key type',
      table({ key_schema: [{ attribute_name: 'h', key_type: 'X' }] }),
      "Only 'RANGE' or 'HASH' key types are allowed, but 'X' is found",
    ],
    ['more in a key definition', table({ key_schema: [{ ...HASH, x: 1 }] }), /'key_definition'/],
    [
      'an index without a RANGE key',
      indexed(index({ key_schema: [HASH] })),
      "Range key in index wasn't specified",
    ],
    ['an index without a HASH key', indexed(index({ key_schema: [I_RANGE] })), 'HASH key is missing'],
    [
      'an index without a name',
      indexed(index({ index_name: undefined })),
      "Required property 'index name' wasn't found or it's value is null",
    ],
    ['an index name too short', indexed(index({ index_name: 'x' })), "Wrong index name 'x' found"],
    [
      'an index without a projection',
      indexed(index({ projection: undefined })),
      "Required property 'projection' wasn't found or it's value is null",
    ],
    ['more in an index', indexed(index({ x: 1 })), /'local_secondary_index'/],
    [
      'an unknown projection',
      indexed(index({ projection: { projection_type: 'X' } })),
      "Only 'ALL', 'KEYS_ONLY' or 'INCLUDE' projection types are allowed, but 'X' is found",
    ],
    [
      'a list with ALL',
      indexed(index({ projection: { ...ALL, non_key_attributes: ['x'] } })),
      /for 'projection'/,
    ],
    [
      'a list with KEYS_ONLY',
      indexed(index({ projection: { projection_type: 'KEYS_ONLY', non_key_attributes: ['x'] } })),
      /for 'projection'/,
    ],
    [
      'a projected number',
      indexed(index({ projection: { non_key_attributes: 5 } })),
      /'non_key_attributes' type/,
    ],
    ['an index twice', indexed(index(), index()), 'Two or more indexes with the same name'],
    [
      'an index on a table without a RANGE key',
      table({ key_schema: [HASH], local_secondary_indexes: [index()] }),
      'Table without range key in primary key schema can not have indices',
    ],
    [
      "an index on the table's RANGE key",
      indexed(index({ key_schema: [HASH, RANGE] })),
      'Table and its indices must have unique key schema',
    ],
    [
      'two indexes on one attribute',
      indexed(index(), index({ index_name: 'other' })),
      'Table and its indices must have unique key schema',
    ],
    ['more in the body', table({ x: [1] }), /^Unexpected properties were found for 'body': \{"x": ?\[1\]\}$/],
    ['a time to live', table({ time_to_live: 5 }), /Unexpected properties/],
    ['an undefined key', table({ attribute_definitions: [R] }), "Definition for attribute['h'] wasn't found"],
    [
      'a key that is a set',
      table({ attribute_definitions: [{ attribute_name: 'h', attribute_type: 'SS' }, R] }),
      "Type 'SS' is not a scalar type",
    ],
    ['one attribute as both keys', table({ key_schema: [HASH, { ...HASH, key_type: 'RANGE' }] }), undefined],
    [
      'an index with another HASH key',
      indexed(index({ key_schema: [{ attribute_name: 'r', key_type: 'HASH' }, I_RANGE] })),
      "Hash key of index 'index' must be the same as primary key's hash key.",
    ],
    [
      'an undefined index key',
      table({ attribute_definitions: [H, R], local_secondary_indexes: [index()] }),
      "Definition for attribute['i'] wasn't found",
    ],
    [
      'an index key that is a map',
      table({
        attribute_definitions: [H, R, { ...I, attribute_type: 'SSM' }],
        local_secondary_indexes: [index()],
      }),
      undefined,
    ],
  ];
  for (const [what, body, message] of refused) {
    it(`refuses ${what}`, async () => {
      expectInvalid(await client.post('/tables', body), message);
      expect((await client.get('/tables')).body).to.deep.equal({ tables: [] } satisfies AnswerBody);
    });
  }

  // 7.1: null and [] mean no indexes.
  it('takes no indexes in three spellings', async () => {
    for (const [i, none] of [undefined, null, []].entries()) {
      const answer = await client.post(
        '/tables',
        table({ table_name: `table${i}`, local_secondary_indexes: none }),
      );
      expect(answer.status, answer.text).to.equal(200);
    }
  });
});
