import { once } from 'node:events';
import { request } from 'node:http';
import { expect } from 'chai';
import type { Client } from '../support/client.js';
import { expectFault, expectInvalid } from '../support/faults.js';
import { startTestService, type TestService } from '../support/service.js';

describe('routes of the data API', () => {
  let service: TestService;
  let client: Client;
  before(async () => {
    service = await startTestService();
    client = service.client();
    await client.createTable('table', { attributes: { h: 'S' } });
    await client.put('table', { h: { S: 'a' } });
  });
  after(() => service.close());

  // 1.2: one trailing slash on any route.
  for (const [method, path, body] of [
    ['GET', '/tables/', undefined],
    ['GET', '/tables/table/', undefined],
    ['POST', '/tables/table/get_item/', { key: { h: { S: 'a' } } }],
    ['POST', '/tables/table/put_item/', { item: { h: { S: 'a' } } }],
    [
      'POST',
      '/tables/table/query/',
      { key_conditions: { h: { comparison_operator: 'EQ', attribute_value_list: [{ S: 'a' }] } } },
    ],
    ['POST', '/tables/table/scan/', {}],
    ['POST', '/batch_get_item/', { request_items: {} }],
    ['POST', '/tables/table/bulk_load/', '{"h":{"S":"b"}}'],
  ] as const) {
    it(`serves ${method} ${path}`, async () => {
      expect((await client.send(method, path, body)).status).to.equal(200);
    });
  }

  // 1.2 and 3.3: no such resource, in the fault shape, since the official client fails on any other.
  for (const [method, path] of [
    ['GET', ''],
    ['GET', '/'],
    ['GET', '/unknown'],
    ['GET', '/tables/table/'.concat('/')],
    ['POST', '/tables/table/unknown'],
    ['POST', '/tables/table/get_item/extra'],
    ['POST', '/tables//get_item'],
    ['POST', '/tables//put_item'],
    ['POST', '/tables//delete_item'],
    ['POST', '/tables//query'],
    ['POST', '/Tables/table/get_item'],
    ['POST', '/tables/table/GET_ITEM'],
    ['GET', '/data/tables/table'],
  ] as const) {
    it(`answers 404 to ${method} ${path}`, async () => {
      const answer = await client.send(method, path, method === 'GET' ? undefined : {});
      expectFault(answer, 404, 'NotFound');
      expect(answer.body.title).to.equal('Not Found');
    });
  }

  // A known path with another method is 405, and Allow tells which ones there are.
  for (const [method, path, allow] of [
    ['GET', '/tables/table/get_item', 'POST'],
    ['DELETE', '/tables/table/put_item', 'POST'],
    ['PUT', '/tables/table', 'GET, HEAD, DELETE'],
    ['POST', '/tables/table', 'GET, HEAD, DELETE'],
    ['DELETE', '/tables', 'GET, HEAD, POST'],
    ['GET', '/batch_get_item', 'POST'],
    ['PUT', '/batch_write_item', 'POST'],
    ['GET', '/tables/table/bulk_load', 'POST'],
    ['PUT', '/data/tables/table/bulk_load', 'POST'],
  ] as const) {
    it(`answers 405 to ${method} ${path}`, async () => {
      const answer = await client.send(method, path, method === 'GET' ? undefined : {});
      expectFault(answer, 405, 'MethodNotAllowed');
      expect(answer.headers.get('allow')).to.equal(allow);
    });
  }

  // HEAD works where GET does, without a body but with its length.
  it('answers HEAD as GET, without the body', async () => {
    for (const path of ['/tables', '/tables/table']) {
      const [head, got] = [await client.send('HEAD', path), await client.get(path)];
      expect(head.status).to.equal(200);
      expect(head.text).to.equal('');
      expect(head.headers.get('content-length')).to.equal(got.headers.get('content-length'));
    }
    expect((await client.send('HEAD', '/tables/missing')).status).to.equal(404);
    expect((await client.send('HEAD', '/tables/table/get_item')).status).to.equal(405);
  });

  // Q3: a link on a web page must not delete a table.
  it('ignores _method and other parameters', async () => {
    const answer = await client.get('/tables/table?_method=delete&x=1');
    expect(answer.body.table?.table_status).to.equal('ACTIVE');
    expect((await client.get('/tables?_method=delete')).body.tables).to.have.lengthOf(1);
    const scanned = await client.post('/tables/table/scan?limit=0', {});
    expect(scanned.status).to.equal(200);
  });

  // Section 2: Accept.
  it('answers 406 to who takes no JSON', async () => {
    for (const accept of ['text/html', 'application/xml, text/*;q=0.5', 'application/json;q=0']) {
      const answer = await client.send('POST', '/tables/table/scan', {}, { Accept: accept });
      expectFault(answer, 406, 'NotAcceptable');
    }
    for (const accept of [
      '*/*',
      'application/*',
      'text/html, application/json;q=0.1',
      'application/json; charset=utf-8',
    ]) {
      const answer = await client.send('POST', '/tables/table/scan', {}, { Accept: accept });
      expect(answer.status, accept).to.equal(200);
    }
  });

  // Section 2: the body is read as JSON, whatever it says it is.
  it('ignores Content-Type', async () => {
    for (const type of ['text/plain', 'application/x-www-form-urlencoded', 'nonsense']) {
      const answer = await client.send('POST', '/tables/table/scan', {}, { 'Content-Type': type });
      expect(answer.status, type).to.equal(200);
    }
  });

  // What can't be a project is no resource; ids in two spellings are one project.
  it('knows projects by their ids', async () => {
    for (const project of ['a'.repeat(65), 'a%20b', 'a.b', 'a%2Fb']) {
      expectFault(await service.client(project).get('/tables'), 404, 'NotFound');
    }
    const dashed = '0f0e0d0c-0b0a-0908-0706-050403020100';
    await service.client(dashed).createTable('table', { attributes: { h: 'S' } });
    const bare = service.client(dashed.replaceAll('-', ''));
    expect((await bare.get('/tables')).body.tables).to.have.lengthOf(1);
    expect((await bare.get('/tables')).body.tables![0]!.href).to.equal(`${bare.url}/tables/table`);
  });

  it('refuses a malformed percent-encoding', async () => {
    const { pathname } = new URL(client.url);
    const sent = request({ host: service.host, port: service.port, path: `${pathname}/tables/%zz` });
    sent.end();
    const [answer] = (await once(sent, 'response')) as [{ statusCode: number; resume: () => void }];
    answer.resume();
    expect(answer.statusCode).to.equal(400);
  });

  // Section 2, steps 3 to 11, each before the next.
  it('checks in the documented order', async () => {
    const html = { Accept: 'text/html' };
    expectFault(await client.send('POST', '/unknown', '{', html), 404);
    expectFault(await client.send('POST', '/tables/missing/put_item', '{', html), 406);
    expectInvalid(await client.post('/tables/missing/put_item', '{'), /is not valid JSON/);
    expectInvalid(await client.post('/tables/missing/put_item', 'null'), /'body'/);
    expectInvalid(await client.post('/tables/missing/put_item', { x: 1 }), /'item'/);
    expectInvalid(
      await client.post('/tables/missing/put_item', { item: {}, x: 1 }),
      /^Unexpected properties/,
    );
    expectFault(await client.post('/tables/missing/put_item', { item: {} }), 404, 'TableNotExistsException');
    expectInvalid(await client.post('/tables/table/put_item', { item: {} }), /^Couldn't find/);
  });
});

describe('the body limit', () => {
  // 413 above the limit that the sizelimit filter sets.
  it('is what the pipeline says', async () => {
    const service = await startTestService();
    try {
      const client = service.client();
      await client.createTable('table', { attributes: { h: 'S' } });
      const long = (length: number): string => `{"key":{"h":{"S":"a"}}}`.padEnd(length);
      expect((await client.post('/tables/table/get_item', long(16_777_216))).status).to.equal(200);
      expectFault(
        await client.post('/tables/table/get_item', long(16_777_217)),
        413,
        'RequestEntityTooLarge',
      );
      expect((await client.get('/tables')).status).to.equal(200);
    } finally {
      await service.close();
    }
  });
});
