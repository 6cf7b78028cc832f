import { expect } from 'chai';
import { tableBody, type Client } from '../support/client.js';
import { expectInvalid, expectNoTable } from '../support/faults.js';
import { startTestService, type TestService } from '../support/service.js';

describe('delete_table', () => {
  let service: TestService;
  let client: Client;
  const shape = { attributes: { h: 'S' } };
  before(async () => {
    service = await startTestService();
  });
  after(() => service.close());
  beforeEach(() => {
    client = service.client();
  });

  // 7.3: status DELETING, and `local_secondary_indexes` is there even when it is empty.
  it('answers the description of a table that will be gone', async () => {
    await client.createTable('table', shape);
    const answer = await client.send('DELETE', '/tables/table');
    expect(answer.status).to.equal(200);
    const table = answer.body.table_description!;
    expect(table.table_status).to.equal('DELETING');
    expect(table.local_secondary_indexes).to.deep.equal([]);
    expect(table.links[0]?.href).to.equal(`${client.url}/tables/table`);
    await client.waitUntilGone('table');
    expectNoTable(await client.send('DELETE', '/tables/table'), 'table');
  });

  // [T]: a table of the same name starts empty, under another id.
  it('makes room for an empty table of the same name', async () => {
    await client.createTable('table', shape);
    await client.put('table', { h: { S: 'a' } });
    const before = (await client.get('/tables/table')).body.table!;
    await client.send('DELETE', '/tables/table');
    await client.waitUntilGone('table');
    await client.createTable('table', shape);
    expect((await client.get('/tables/table')).body.table!.table_id).to.not.equal(before.table_id);
    expect(await client.getItem('table', { h: { S: 'a' } })).to.equal(undefined);
    expect((await client.ok('table', 'scan', {})).count).to.equal(0);
  });

  // Q34: the cached description must not keep a deleted table usable.
  it('ends reads and writes', async () => {
    await client.createTable('table', shape);
    await client.put('table', { h: { S: 'a' } });
    await client.send('DELETE', '/tables/table');
    await client.waitUntilGone('table');
    expectNoTable(await client.call('table', 'put_item', { item: { h: { S: 'a' } } }), 'table');
    expectNoTable(await client.call('table', 'get_item', { key: { h: { S: 'a' } } }), 'table');
  });

  it('refuses what can not be a name, and answers 404 for a table that is not there', async () => {
    expectInvalid(await client.send('DELETE', '/tables/ab'), "Wrong table name 'ab' found");
    expectNoTable(await client.send('DELETE', '/tables/missing'), 'missing');
  });

  // 6.2: while a table is CREATING, item operations are refused and name the state.
  it('lets nobody use a table that is not ACTIVE', async () => {
    const idle = await startTestService({ config: { tables: { task_executor: false } } });
    try {
      const other = idle.client();
      await other.post('/tables', tableBody('table', shape));
      const message = "Can't execute request: Table 'table' status 'CREATING' isn't ACTIVE";
      expectInvalid(await other.call('table', 'put_item', { item: { h: { S: 'a' } } }), message);
      expectInvalid(await other.call('table', 'scan', {}), message);
      expectInvalid(await other.post('/batch_get_item', { request_items: { table: { keys: [] } } }), message);
      const { status, body } = await other.send('DELETE', '/tables/table');
      expect(status).to.equal(400);
      expect(body.error?.type).to.equal('ResourceInUseException');
    } finally {
      await idle.close();
    }
  });
});
