import { expect } from 'chai';
import { tableBody, type Client } from '../support/client.js';
import { expectInvalid } from '../support/faults.js';
import { startTestService, type TestService } from '../support/service.js';

const SHAPE = { attributes: { id: 'S', at: 'N' } };
const ITEM = { id: { S: 'a' }, at: { N: '1' }, note: { S: 'first' } };
const KEY = { id: { S: 'a' }, at: { N: '1' } };

describe('write_isolation', () => {
  let service: TestService;
  let client: Client;
  before(async () => {
    service = await startTestService({
      config: { tables: { write_isolation_exceptions: 'strict/*:always, */fast-*:forbid' } },
    });
  });
  after(() => service.close());
  beforeEach(async () => {
    client = service.client();
    await client.createTable('fast-events', SHAPE);
  });

  // decisions: on a plain table what depends on the stored item is 400 and names write_isolation.
  it('forbid refuses what depends on the old item, and changes nothing', async () => {
    await client.put('fast-events', ITEM);
    const other = { ...ITEM, note: { S: 'second' } };
    const refused: [string, object][] = [
      ['update_item', { key: KEY, attribute_updates: { note: { action: 'PUT', value: { S: 'second' } } } }],
      ['put_item', { item: other, expected: { note: { value: { S: 'first' } } } }],
      ['put_item', { item: other, expected: { id: { exists: false } } }],
      ['put_item', { item: other, return_values: 'ALL_OLD' }],
      ['put_item', { item: other, return_values: 'ALL_NEW' }],
      ['delete_item', { key: KEY, expected: { note: { exists: true } } }],
      ['delete_item', { key: KEY, return_values: 'ALL_OLD' }],
    ];
    for (const [operation, body] of refused) {
      expectInvalid(await client.call('fast-events', operation, body), /write_isolation/);
    }
    expect(await client.getItem('fast-events', KEY)).to.deep.equal(ITEM);
  });

  it('forbid refuses indexes', async () => {
    const shape = { attributes: { id: 'S', at: 'N', note: 'S' }, indexes: { by_note: { range: 'note' } } };
    expectInvalid(await client.post('/tables', tableBody('fast-indexed', shape)), /write_isolation/);
    expect((await client.get('/tables/fast-indexed')).status).to.equal(404);
  });

  it('forbid takes everything else', async () => {
    const table = 'fast-events';
    await client.ok(table, 'put_item', {
      item: ITEM,
      expected: {},
      return_values: 'NONE',
      time_to_live: 1000,
    });
    expect(await client.getItem(table, KEY)).to.deep.equal(ITEM);
    const second = { ...ITEM, at: { N: '2' } };
    const third = { ...ITEM, at: { N: '3' } };
    const batch = { request_items: { [table]: [{ put_request: { item: second } }] } };
    expect((await client.post('/batch_write_item', batch)).body.unprocessed_items).to.deep.equal({});
    const loaded = await client.post(`/tables/${table}/bulk_load`, JSON.stringify(third));
    expect(loaded.body).to.include({ processed: 1, failed: 0 });
    const query = {
      key_conditions: { id: { comparison_operator: 'EQ', attribute_value_list: [{ S: 'a' }] } },
    };
    expect((await client.ok(table, 'query', query)).items).to.deep.equal([ITEM, second, third]);
    await client.ok(table, 'delete_item', { key: KEY });
    expect((await client.ok(table, 'scan', {})).items).to.deep.equal([second, third]);
    const keys = { request_items: { [table]: { keys: [{ id: { S: 'a' }, at: { N: '2' } }, KEY] } } };
    expect((await client.post('/batch_get_item', keys)).body.responses).to.deep.equal({ [table]: [second] });
  });

  it('is chosen by the first exception that matches', async () => {
    const strict = service.client('strict');
    await strict.createTable('fast-events', SHAPE);
    await client.createTable('events', SHAPE);
    for (const [owner, table] of [
      [strict, 'fast-events'],
      [client, 'events'],
    ] as const) {
      await owner.ok(table, 'update_item', { key: KEY, attribute_updates: {} });
    }
  });
});
