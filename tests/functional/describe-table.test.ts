import { expect } from 'chai';
import { tableBody, type Client } from '../support/client.js';
import { expectInvalid, expectNoTable } from '../support/faults.js';
import { startTestService, type TestService } from '../support/service.js';

describe('describe_table', () => {
  let service: TestService;
  let client: Client;
  before(async () => {
    service = await startTestService();
    client = service.client();
  });
  after(() => service.close());

  // 7.3: the same description as create_table's, under `table`.
  it('describes a table as its creation did', async () => {
    const shape = { attributes: { h: 'S', r: 'N', i: 'B' }, indexes: { by_i: { range: 'i' } } };
    const created = (await client.post('/tables', tableBody('table', shape))).body.table_description;
    await client.waitUntilActive('table');
    const answer = await client.get('/tables/table');
    expect(answer.status).to.equal(200);
    expect(answer.body.table).to.deep.equal({ ...created, table_status: 'ACTIVE' });
  });

  // The name is part of a path: `.` and `-` belong to it, and no extension is cut off.
  it('knows names with dots and dashes', async () => {
    for (const name of ['a.json', 'x-y', 'n'.repeat(255), '...']) {
      await client.createTable(name, { attributes: { h: 'S' } });
      const { table } = (await client.get(`/tables/${name.replaceAll('.', '%2E')}`)).body;
      expect(table?.table_name).to.equal(name);
      expect(table?.links[0]?.href).to.equal(`${client.url}/tables/${name}`);
    }
  });

  // Q1: the slash is not part of the link.
  it('makes the same links with a slash at the end', async () => {
    await client.createTable('slash', { attributes: { h: 'S' } });
    const answer = await client.get('/tables/slash/');
    expect(answer.body.table?.links[0]?.href).to.equal(`${client.url}/tables/slash`);
    const listed = (await client.get('/tables/')).body.tables!;
    expect(listed.map(({ href }) => href)).to.include(`${client.url}/tables/slash`);
  });

  // 15
  it('answers 404 for a table that is not there', async () => {
    expectNoTable(await client.get('/tables/missing'), 'missing');
    await service.client('other').createTable('foreign', { attributes: { h: 'S' } });
    expectNoTable(await client.get('/tables/foreign'), 'foreign');
  });

  // 7.3: the name is checked before the table is looked for.
  it('refuses what can not be a name', async () => {
    expectInvalid(await client.get('/tables/ab'), "Wrong table name 'ab' found");
    expectInvalid(await client.get('/tables/a%20b'), "Wrong table name 'a b' found");
  });

  // Section 6.3: a link is what the client would write, so the default port is left out.
  it('makes links from the Host header', async () => {
    await client.createTable('hosted', { attributes: { h: 'S' } });
    const { request } = await import('node:http');
    const href = await new Promise<string>((resolve, reject) => {
      const { pathname } = new URL(`${client.url}/tables/hosted`);
      const headers = { Host: 'kv.example.org:80' };
      request({ host: service.host, port: service.port, path: pathname, headers }, (answer) => {
        let text = '';
        answer.on('data', (chunk: Buffer) => (text += chunk.toString()));
        answer.on('end', () => {
          resolve((JSON.parse(text) as { table: { links: { href: string }[] } }).table.links[0]!.href);
        });
      })
        .on('error', reject)
        .end();
    });
    expect(href).to.equal(`http://kv.example.org/v1/data/${client.project}/tables/hosted`);
  });
});
