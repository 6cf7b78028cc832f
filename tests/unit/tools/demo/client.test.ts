import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import { CountAnswer, DataApi, DemoError, RefusedError, textOf } from '../../../../tools/demo/client.js';

/** Runs `use` with a client of a server that answers as `listener` does. */
async function withApi<T>(listener: RequestListener, use: (api: DataApi) => Promise<T>): Promise<T> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const api = new DataApi(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`, 'demo');
  try {
    return await use(api);
  } finally {
    api.close();
    server.close();
    server.closeAllConnections();
  }
}

function answering(status: number, body: string): RequestListener {
  return (req, res) => {
    req.resume();
    res.writeHead(status, { 'content-type': 'application/json' }).end(body);
  };
}

async function failureOf(call: Promise<unknown>): Promise<unknown> {
  return await call.then(
    () => expect.fail('the call should have failed'),
    (error: unknown) => error,
  );
}

describe('tools/demo/client', () => {
  // The endpoint's form is the data API's: a project behind /v1/data.
  it('sends JSON below the project and reads the answer', async () => {
    let seen = '';
    const listener: RequestListener = (req, res) => {
      void text(req).then((body) => {
        seen = `${req.method ?? ''} ${req.url ?? ''} ${body}`;
        res.end('{"count":3}');
      });
    };
    const answer = await withApi(listener, (api) =>
      api.call('POST', '/tables/t/query', CountAnswer, { a: 1 }),
    );
    expect(answer).to.deep.equal({ count: 3 });
    expect(seen).to.equal('POST /v1/data/demo/tables/t/query {"a":1}');
  });

  // The demo shows a refusal to its user, and acts on its type.
  it('throws a refusal with its status, type and message', async () => {
    const body =
      '{"code":404,"error":{"type":"TableNotExistsException","message":"no such table","traceback":null}}';
    const error = await withApi(answering(404, body), (api) =>
      failureOf(api.call('GET', '/tables/t', CountAnswer)),
    );
    expect(error).to.be.instanceOf(RefusedError);
    expect(error).to.include({ status: 404, type: 'TableNotExistsException' });
    expect((error as Error).message).to.equal(
      'GET /tables/t was answered with 404 TableNotExistsException: no such table',
    );
  });

  // A wrong answer must stop the demo, not surface as "undefined" in a table.
  it('refuses answers of another form, and what is no JSON', async () => {
    const odd = await withApi(answering(200, '{"count":"3"}'), (api) =>
      failureOf(api.call('GET', '/', CountAnswer)),
    );
    expect(odd).to.be.instanceOf(DemoError);
    expect((odd as Error).message).to.include('/count');
    const html = await withApi(answering(502, '<html>'), (api) =>
      failureOf(api.call('GET', '/', CountAnswer)),
    );
    expect((html as Error).message)
      .to.include('502')
      .and.to.include('no JSON');
  });

  // A refused upload is answered before its end; the reason must get through although the sending fails.
  it('tells why an upload was refused that was not finished', async () => {
    const endless = Readable.from(
      (function* () {
        for (;;) yield Buffer.alloc(65_536, 'x');
      })(),
    );
    const listener: RequestListener = (req, res) => {
      req.once('data', () => {
        res.writeHead(403, { connection: 'close' });
        res.end('{"error":{"type":"Forbidden","message":"No access to project"}}');
      });
    };
    const error = await withApi(listener, (api) => failureOf(api.bulkLoad('t', endless)));
    expect(error).to.be.instanceOf(RefusedError);
    expect((error as RefusedError).type).to.equal('Forbidden');
  });

  // Tables show texts and numbers; what is missing is a blank cell.
  it('reads the text of S and N attributes', () => {
    const item = { a: { S: 'x' }, b: { N: '2' }, c: { SS: ['y'] } };
    expect(['a', 'b', 'c', 'd'].map((name) => textOf(item, name))).to.deep.equal(['x', '2', '', '']);
  });
});
