import { expect } from 'chai';
import type { Engine, ProjectId } from '../../../../../magnetodb/engine/requests.js';
import { StoredItem } from '../../../../../magnetodb/engine/stored-item.js';
import {
  ConditionalCheckFailedError,
  ServiceUnavailableError,
} from '../../../../../magnetodb/engine/errors.js';
import type { HttpServer } from '../../../../../magnetodb/server/http-server.js';
import { serveApp, type FaultAnswer } from '../../serve-app.js';

describe('the data API as an app', () => {
  let server: HttpServer | undefined;
  const post = (path: string, body: unknown, headers: Record<string, string> = {}): Promise<Response> =>
    fetch(`${server!.url}${path}`, { method: 'POST', body: JSON.stringify(body), headers });
  const key = { h: { S: 'a' } };

  afterEach(async () => {
    await server?.close();
    server = undefined;
  });

  // Section 2, step 4: a token's project is the only one it opens.
  it('refuses a project that is not the token’s', async () => {
    let calls = 0;
    const getItem: Engine['getItem'] = () => {
      calls++;
      return Promise.resolve(undefined);
    };
    server = await serveApp({ getItem });
    expect((await post('/p1/tables/table/get_item', { key })).status).to.equal(200);
    const refused = await post('/p2/tables/table/get_item', { key });
    expect(refused.status).to.equal(403);
    expect(((await refused.json()) as FaultAnswer).error).to.deep.equal({
      message: 'No access to project',
      type: 'Forbidden',
      traceback: null,
    });
    expect(calls).to.equal(1);
  });

  // Without an identity a pipeline that sets nothing must not open everything.
  it('refuses every project when nobody says who is asking', async () => {
    server = await serveApp({}, {}, {});
    expect((await post('/p1/tables/table/get_item', { key })).status).to.equal(403);
  });

  // Keystone shows ids with and without dashes.
  it('knows the token’s project in both spellings', async () => {
    const projectId = '0f0e0d0c0b0a09080706050403020100' as ProjectId;
    server = await serveApp({ getItem: () => Promise.resolve(undefined) }, {}, { projectId });
    for (const id of [projectId, '0f0e0d0c-0b0a-0908-0706-050403020100']) {
      expect((await post(`/${id}/tables/table/get_item`, { key })).status).to.equal(200);
    }
  });

  // Stored bytes go out as they are, of any length.
  it('answers stored bytes unchanged', async () => {
    for (const text of ['', 'ü😀', 'x'.repeat(20_000), 'ü'.repeat(200_000)]) {
      const json = `{"v":{"S":"${text}"}}`;
      server = await serveApp({ getItem: () => Promise.resolve(new StoredItem(Buffer.from(json))) });
      const answer = await post('/p1/tables/table/get_item', { key });
      expect(await answer.text()).to.equal(`{"item":${json}}`);
      await server.close();
    }
  });

  // The engine gets what was asked, in its own words.
  it('hands requests on', async () => {
    const seen: unknown[] = [];
    server = await serveApp({
      getItem: (...args) => {
        seen.push(args);
        return Promise.resolve(undefined);
      },
    });
    await post('/p1/tables/ta%20ble/get_item', { key, attributes_to_get: ['v'], consistent_read: true });
    expect(seen).to.deep.equal([
      [
        'p1',
        'ta ble',
        { key: new Map([['h', { type: 'S', value: 'a' }]]), attributesToGet: ['v'], consistentRead: true },
      ],
    ]);
  });

  // 3.2: errors of the engine in the wire's words.
  it('answers errors of the engine as faults', async () => {
    const errors = [
      new ConditionalCheckFailedError(),
      new ServiceUnavailableError('down'),
      new Error('secret'),
    ];
    const [item] = [{ ...key }];
    server = await serveApp({ putItem: () => Promise.reject(errors.shift()!) });
    const answers = [];
    for (let i = 0; i < 3; i++) answers.push(await post('/p1/tables/table/put_item', { item }));
    expect(answers.map(({ status }) => status)).to.deep.equal([400, 503, 500]);
    expect(answers[1]!.headers.get('retry-after')).to.equal('1');
    expect(await answers[2]!.text()).to.not.include('secret');
  });
});
