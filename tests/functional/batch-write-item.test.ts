import { expect } from 'chai';
import type { Client } from '../support/client.js';
import { expectInvalid, expectNoTable, type Message } from '../support/faults.js';
import { startTestService, type TestService } from '../support/service.js';

describe('batch_write_item', () => {
  let service: TestService;
  let client: Client;
  const write = (request_items: unknown): ReturnType<Client['post']> =>
    client.post('/batch_write_item', { request_items });
  const key = (number: number | string): object => ({ h: { S: 'a' }, r: { N: number } });
  const put = (number: number | string): object => ({
    put_request: { item: { ...key(number), v: { S: 'x' } } },
  });
  const remove = (number: number | string): object => ({ delete_request: { key: key(number) } });
  const count = async (): Promise<number> => (await client.ok('table', 'scan', { select: 'COUNT' })).count!;

  before(async () => {
    service = await startTestService();
  });
  after(() => service.close());
  beforeEach(async () => {
    client = service.client();
    await client.createTable('table', {
      attributes: { h: 'S', r: 'N', i: 'S' },
      indexes: { by_i: { range: 'i' } },
    });
  });

  // 11.2
  it('puts and deletes in several tables', async () => {
    await client.createTable('other', { attributes: { h: 'S' } });
    await client.put('table', key(1), key(2));
    const answer = await write({
      table: [remove(1), put(3), remove(100)],
      other: [{ put_request: { item: { h: { S: 'x' } } } }],
    });
    expect(answer.status, answer.text).to.equal(200);
    expect(answer.body).to.deep.equal({ unprocessed_items: {} });
    expect(await client.getItem('table', key(1))).to.equal(undefined);
    expect(await client.getItem('table', key(3))).to.deep.equal({
      h: { S: 'a' },
      r: { N: '3' },
      v: { S: 'x' },
    });
    expect(await client.getItem('other', { h: { S: 'x' } })).to.deep.equal({ h: { S: 'x' } });
  });

  // A request may hold both kinds, or none; lists and batches may be empty.
  it('takes requests in every allowed form', async () => {
    for (const batch of [{}, { table: [] }, { table: [{}] }]) {
      expect((await write(batch)).body).to.deep.equal({ unprocessed_items: {} });
    }
    await client.put('table', key(1));
    expect((await write({ table: [{ ...put(2), ...remove(1) }] })).status).to.equal(200);
    expect(await client.getItem('table', key(1))).to.equal(undefined);
    expect(await client.getItem('table', key(2))).to.not.equal(undefined);
  });

  it('takes a hundred items', async () => {
    const answer = await write({ table: Array.from({ length: 100 }, (_, i) => put(i)) });
    expect(answer.body).to.deep.equal({ unprocessed_items: {} });
    expect(await count()).to.equal(100);
  });

  // Items of a batch are in their indexes, too.
  it('keeps indexes in step', async () => {
    const item = { ...key(1), i: { S: 'x' } };
    await write({ table: [{ put_request: { item } }] });
    const key_conditions = { h: { comparison_operator: 'EQ', attribute_value_list: [{ S: 'a' }] } };
    const found = async (): Promise<number> =>
      (await client.ok('table', 'query', { key_conditions, index_name: 'by_i' })).count!;
    expect(await found()).to.equal(1);
    await write({ table: [remove(1)] });
    expect(await found()).to.equal(0);
  });

  // [T]: twice one key is refused; 1 and 1.0 are one key.
  it('refuses two requests for one item', async () => {
    for (const second of [put('1.0'), remove(1)]) {
      expectInvalid(
        await write({ table: [put(1), put(2), second] }),
        /^Can't execute request: More than one operation requested for item with keys .* in table 'table'$/,
      );
    }
    expect(await count()).to.equal(0);
  });

  const refused: [string, unknown, Message][] = [
    ['no request_items', undefined, /^Required property 'request_items'/],
    ['a list of tables', [], /^Wrong 'request_items' type/],
    ['a table name too short', { ab: [] }, "Wrong table name 'ab' found"],
    ['a table that is an object', { table: {} }, /^Wrong 'table' type. List of Objects is expected/],
    ['a table that is null', { table: null }, /^Required property 'table'/],
    ['a request that is text', { table: ['x'] }, /^Wrong 'table' type. List of Objects is expected/],
    [
      'an unknown request',
      { table: [put(1), { update_request: {} }] },
      'Unsupported request type found: update_request',
    ],
    ['a put without an item', { table: [{ put_request: {} }] }, /^Required property 'item'/],
    ['a put that is null', { table: [{ put_request: null }] }, /^Required property 'put_request'/],
    ['a delete without a key', { table: [{ delete_request: {} }] }, /^Required property 'key'/],
    [
      'a time to live',
      { table: [{ put_request: { item: key(1), time_to_live: 5 } }] },
      /^Unexpected properties were found for 'put_request'/,
    ],
    [
      'more in a delete',
      { table: [{ delete_request: { key: key(1), x: 1 } }] },
      /^Unexpected properties were found for 'delete_request'/,
    ],
    [
      'an empty attribute name',
      { table: [{ put_request: { item: { '': { S: 'x' } } } }] },
      "Wrong attribute name '' found",
    ],
    [
      'an item without a key',
      { table: [put(1), { put_request: { item: { h: { S: 'x' } } } }] },
      /^Couldn't find expected/,
    ],
    ['half a key', { table: [put(1), { delete_request: { key: { h: { S: 'x' } } } }] }, /^Specified key/],
    [
      'a key of another type',
      { table: [put(1), { put_request: { item: { h: { S: 'x' }, r: { S: '1' } } } }] },
      /^Attribute: 'r' of type: 'S' doesn't match/,
    ],
  ];
  for (const [what, batch, message] of refused) {
    it(`refuses ${what}, and writes nothing`, async () => {
      expectInvalid(await write(batch), message);
      expect(await count()).to.equal(0);
    });
  }

  // [T]: if one table is missing, nothing is written to the others.
  it('writes nothing when one of the tables is not there', async () => {
    expectNoTable(await write({ table: [put(1)], non_existent_table: [put(1)] }), 'non_existent_table');
    expectNoTable(await write({ table: [put(1)], non_existent_table: [] }), 'non_existent_table');
    expect(await count()).to.equal(0);
  });
});
