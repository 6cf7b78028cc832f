import { expect } from 'chai';
import { tableBody, type Client } from '../support/client.js';
import { expectInvalid } from '../support/faults.js';
import { startTestService, type TestService } from '../support/service.js';

describe('list_tables', () => {
  let service: TestService;
  let client: Client;
  const names = ['Zoo', 'a-1', 'a.1', 'a_1', 'abc', 'b00'];
  const hrefs = (wanted: readonly string[]): object[] =>
    wanted.map((name) => ({ rel: 'self', href: `${client.url}/tables/${name}` }));

  before(async () => {
    service = await startTestService();
    client = service.client();
    for (const name of [...names].reverse()) {
      await client.post('/tables', tableBody(name, { attributes: { h: 'S' } }));
    }
    await service.client('another').post('/tables', tableBody('foreign', { attributes: { h: 'S' } }));
  });
  after(() => service.close());

  // 7.2: bytewise order, which puts capitals first and `-` before `.` before `_`; elements have rel and href only.
  it('lists the tables of the project in order', async () => {
    expect((await client.get('/tables')).body).to.deep.equal({ tables: hrefs(names) });
  });

  // [T]
  it('answers an empty list where there are none', async () => {
    expect((await service.client().get('/tables')).body).to.deep.equal({ tables: [] });
  });

  // `last_evaluated_table_name` exactly when as many names as the limit came.
  it('goes through the list page by page', async () => {
    const seen: string[] = [];
    let start = '';
    for (;;) {
      const { body } = await client.get(`/tables?limit=2${start}`);
      seen.push(...body.tables!.map((each) => each.href.split('/').at(-1)!));
      if (body.last_evaluated_table_name === undefined) break;
      expect(body.tables).to.have.lengthOf(2);
      expect(body.last_evaluated_table_name).to.equal(seen.at(-1));
      start = `&exclusive_start_table_name=${body.last_evaluated_table_name}`;
    }
    expect(seen).to.deep.equal(names);
  });

  // Also when no more follow.
  it('ends a page that is exactly full with a last name', async () => {
    const { body } = await client.get('/tables?limit=6');
    expect(body).to.deep.equal({ tables: hrefs(names), last_evaluated_table_name: 'b00' });
    expect((await client.get('/tables?limit=7')).body).to.deep.equal({ tables: hrefs(names) });
  });

  // [T]: the start name need not exist.
  it('starts after any name', async () => {
    expect((await client.get('/tables?exclusive_start_table_name=aaa')).body.tables).to.deep.equal(
      hrefs(['abc', 'b00']),
    );
    expect((await client.get('/tables?exclusive_start_table_name=zzz')).body).to.deep.equal({ tables: [] });
  });

  // Empty parameters and a limit of 0 mean nothing.
  it('takes empty parameters for none', async () => {
    for (const query of [
      'limit=0',
      'limit=',
      'exclusive_start_table_name=',
      'limit=&exclusive_start_table_name=',
    ]) {
      expect((await client.get(`/tables?${query}`)).body, query).to.deep.equal({ tables: hrefs(names) });
    }
  });

  // [T], and section 4's messages.
  for (const [query, message] of [
    ['limit=-2', "'limit' property value[-2] is less then min_value[0]."],
    ['limit=str', `Wrong 'limit' type. Integer is expected, but "str" found`],
    ['limit=1.5', /Integer is expected/],
    ['exclusive_start_table_name=a', "Wrong table name 'a' found"],
    ['exclusive_start_table_name=a&limit=-2', "Wrong table name 'a' found"],
    ['verbose=1', /^Unexpected properties were found for 'params': \{"verbose": ?"1"\}$/],
    ['__proto__=1', /'params': \{"__proto__": ?"1"\}$/],
  ] as const) {
    it(`refuses ?${query}`, async () => {
      expectInvalid(await client.get(`/tables?${query}`), message);
    });
  }

  // 6.2: listing shows tables in every state.
  it('lists a table at once, and until it is gone', async () => {
    const fresh = service.client();
    await fresh.post('/tables', tableBody('table', { attributes: { h: 'S' } }));
    expect((await fresh.get('/tables')).body.tables).to.have.lengthOf(1);
    await fresh.waitUntilActive('table');
    await fresh.send('DELETE', '/tables/table');
    await fresh.waitUntilGone('table');
    expect((await fresh.get('/tables')).body.tables).to.have.lengthOf(0);
  });
});
