import { once } from 'node:events';
import net from 'node:net';
import { expect } from 'chai';
import createError from 'http-errors';
import { factory as accessLog } from '../../../magnetodb/middleware/access-log.js';
import { factory as requestId } from '../../../magnetodb/middleware/request-id.js';
import type { ProjectId } from '../../../magnetodb/engine/requests.js';
import { fakeService, KeepingLogger, type Served } from '../pipeline/serve.js';
import { make, serveFilters, type Handle } from './run.js';

describe('magnetodb:access_log', () => {
  let served: Served;
  let logger: KeepingLogger;
  afterEach(() => served.close());

  const start = async (
    app: Handle,
    texts: Record<string, string> = {},
    log = new KeepingLogger(),
  ): Promise<void> => {
    logger = log;
    served = await serveFilters(
      [await make(requestId), await make(accessLog, texts, fakeService({ logger }))],
      app,
    );
  };

  // Who, what, with which end and how long: what an operator asks about a request.
  it('writes one line for a request, with what the filters and the app found out', async () => {
    await start((req, res) => {
      req.context.projectId = 'p1' as ProjectId;
      req.context.userId = 'u1';
      req.context.operation = 'get_item';
      res.end('x'.repeat(100));
    });
    const answer = await served.request('/v1/data/p1/tables?limit=secret', {
      headers: { 'X-OpenStack-Request-ID': 'req-8a5e1c35-fe4f-4f0e-b6a5-5dbb0a9e9b55' },
    });
    const { level, fields } = await logger.waitFor('request');
    expect(level).to.equal('info');
    expect(fields).to.deep.include({
      request_id: answer.headers['x-openstack-request-id'],
      global_request_id: 'req-8a5e1c35-fe4f-4f0e-b6a5-5dbb0a9e9b55',
      project: 'p1',
      user: 'u1',
      operation: 'get_item',
      method: 'GET',
      path: '/v1/data/p1/tables',
      status: 200,
      remote_address: '127.0.0.1',
    });
    expect(fields.took_ms).to.be.a('number').within(0, 10_000);
    expect(fields.bytes_sent).to.be.a('number').within(200, 1000);
    expect(fields).not.to.have.property('aborted');
    expect(logger.lines).to.have.length(1);
  });

  // A refused request is a request.
  it('writes the status of errors', async () => {
    await start(() => {
      throw createError(413, 'too long');
    });
    await served.request('/');
    expect((await logger.waitFor('request')).fields).to.include({ status: 413 });
  });

  // Where a proxy stands in front, its own address says nothing.
  it('prefers the address that a proxy told', async () => {
    await start((req, res) => {
      req.context.remoteAddress = '192.0.2.1';
      res.end();
    });
    await served.request('/');
    expect((await logger.waitFor('request')).fields).to.include({ remote_address: '192.0.2.1' });
  });

  // A line a request, also on a connection that stays: with its own bytes, not the connection's.
  it('counts each request of a kept connection on its own', async () => {
    await start((_req, res) => {
      res.end('x'.repeat(50));
    });
    const socket = net.connect(served.port, '127.0.0.1');
    for (let i = 0; i < 2; i += 1) {
      socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
      await once(socket, 'data');
    }
    socket.end();
    await once(socket, 'close');
    const sent = logger.lines.map(({ fields }) => fields.bytes_sent);
    expect(sent).to.have.length(2);
    expect(sent[1]).to.equal(sent[0]);
  });

  // A client that hangs up leaves a line that says so, or its request would have vanished.
  it('says that a request was aborted', async () => {
    await start((_req, res) => {
      res.write('begun');
    });
    const socket = net.connect(served.port, '127.0.0.1');
    socket.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'data');
    socket.destroy();
    expect((await logger.waitFor('request')).fields).to.include({
      path: '/slow',
      status: 200,
      aborted: true,
    });
  });

  it('names no status for a request that was aborted before its answer', async () => {
    let arrived = (): void => undefined;
    const isThere = new Promise<void>((resolve) => (arrived = resolve));
    await start(() => {
      arrived();
    });
    const socket = net.connect(served.port, '127.0.0.1');
    socket.write('GET /never HTTP/1.1\r\nHost: x\r\n\r\n');
    await isThere;
    socket.destroy();
    const { fields } = await logger.waitFor('request');
    expect(fields).to.include({ aborted: true, status: undefined });
  });

  // Node takes paths of many kilobytes; a log line need not.
  it('cuts a long path', async () => {
    await start((_req, res) => {
      res.end();
    });
    await served.request(`/${'a'.repeat(5000)}`);
    expect((await logger.waitFor('request')).fields.path).to.have.length(257);
  });

  it('writes at the level of the option, and nothing where that level is off', async () => {
    const end: Handle = (_req, res) => {
      res.end();
    };
    await start(end, { level: 'debug' });
    await served.request('/');
    expect((await logger.waitFor('request')).level).to.equal('debug');
    await served.close();

    await start(end, {}, new KeepingLogger(['error']));
    await served.request('/');
    await served.close();
    expect(logger.lines).to.deep.equal([]);
  });

  it('refuses a level that is none', async () => {
    await start(() => undefined);
    await make(accessLog, { level: 'loud' }).then(
      () => expect.fail('was taken'),
      (error: unknown) => expect(error).to.have.property('option', 'level'),
    );
  });
});
