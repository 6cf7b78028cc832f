import { once } from 'node:events';
import { request } from 'node:http';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import type { RequestHandler } from 'express';
import { expect } from 'chai';
import { readBody } from '../../../magnetodb/api/body.js';
import type { RequestContext } from '../../../magnetodb/pipeline/request-context.js';
import type { HttpServer } from '../../../magnetodb/server/http-server.js';
import { serve, type FaultAnswer } from './serve-app.js';

describe('readBody', () => {
  let server: HttpServer | undefined;
  const bodies: (Buffer | undefined)[] = [];

  const echo: RequestHandler = async (req, res) => {
    const body = await readBody(req);
    bodies.push(body);
    if (body !== undefined) res.end(`${body.length}`);
  };

  async function start(context: Partial<RequestContext> = {}, handler = echo): Promise<HttpServer> {
    bodies.length = 0;
    server = await serve(handler, context);
    return server;
  }

  function open({ host, port }: HttpServer, head: string): Socket {
    const socket = connect({ host, port, allowHalfOpen: true });
    socket.on('error', () => undefined);
    socket.write(`POST / HTTP/1.1\r\nHost: x\r\n${head}\r\n`);
    return socket;
  }

  afterEach(async () => {
    await server?.close();
    server = undefined;
  });

  // Both ways to send a body, and none at all.
  it('reads bodies with and without a length', async () => {
    const { url } = await start();
    const parts = new ReadableStream({
      start(controller) {
        for (const part of ['a', 'bc', 'def']) controller.enqueue(Buffer.from(part));
        controller.close();
      },
    });
    const answers = [
      await fetch(url, { method: 'POST', body: 'abcdef' }),
      await fetch(url, { method: 'POST', body: parts, duplex: 'half' }),
      await fetch(url, { method: 'POST' }),
    ];
    expect(await Promise.all(answers.map((answer) => answer.text()))).to.deep.equal(['6', '6', '0']);
    expect(bodies[1]?.toString()).to.equal('abcdef');
  });

  // The limit is on what is read, so a body exactly as long is fine.
  it('takes a body of exactly the limit and refuses one byte more', async () => {
    const { url } = await start({ maxBodyBytes: 1000 });
    expect((await fetch(url, { method: 'POST', body: 'x'.repeat(1000) })).status).to.equal(200);
    const refused = await fetch(url, { method: 'POST', body: 'x'.repeat(1001) });
    expect(refused.status).to.equal(413);
    expect(refused.headers.get('connection')).to.equal('close');
    expect(((await refused.json()) as FaultAnswer).error.message).to.equal(
      "The request's body is longer than 1000 bytes",
    );
  });

  // Whoever sends 16 MiB too much must get to read why, not a reset connection.
  it('lets a client that is still sending read the refusal', async () => {
    const { host, port } = await start({ maxBodyBytes: 1000 });
    const sending = request({ host, port, method: 'POST', headers: { 'Content-Length': 20_000_000 } });
    sending.on('error', () => undefined);
    sending.end(Buffer.alloc(20_000_000));
    const [answer] = (await once(sending, 'response')) as [{ statusCode: number } & NodeJS.ReadableStream];
    expect(answer.statusCode).to.equal(413);
    expect(await text(answer as never)).to.include('1000 bytes');
  });

  // An endless body says no length; the connection must end although its client goes on.
  it('cuts an endless chunked body', async () => {
    const socket = open(await start({ maxBodyBytes: 1000 }), 'Transfer-Encoding: chunked\r\n');
    const closed = closing(socket);
    let answer = '';
    socket.on('data', (chunk: Buffer) => (answer += chunk.toString()));
    const chunk = `3e8\r\n${'x'.repeat(1000)}\r\n`;
    const sending = setInterval(() => socket.write(chunk), 5);
    await closed;
    clearInterval(sending);
    expect(answer).to.match(/^HTTP\/1\.1 413 /);
    expect(bodies).to.deep.equal([]);
  });

  // A connection that sends nothing must not be held for ever.
  it('ends a body that takes too long with 408', async () => {
    const socket = open(await start({ bodyTimeoutMs: 50 }), 'Content-Length: 10\r\n');
    socket.write('abc');
    const answer = await text(socket);
    socket.end();
    expect(answer).to.match(/^HTTP\/1\.1 408 /);
    expect(answer).to.match(/Connection: close/i);
    expect(answer).to.include('within 0.05 seconds');
  });

  // Nothing of a half-sent request may be executed, and there is nobody to answer.
  it('answers undefined when the client goes away', async () => {
    let done: (body: Buffer | undefined) => void;
    const seen = new Promise<Buffer | undefined>((resolve) => (done = resolve));
    const started = await start({}, async (req) => {
      done(await readBody(req));
    });
    const socket = open(started, 'Content-Length: 10\r\n');
    socket.write('abc', () => {
      setImmediate(() => socket.destroy());
    });
    expect(await seen).to.equal(undefined);
  });

  // It asks so that it needn't send what is refused.
  it('does not invite a body whose length is over the limit', async () => {
    const socket = open(
      await start({ maxBodyBytes: 1000 }),
      'Content-Length: 1001\r\nExpect: 100-continue\r\n',
    );
    const answer = await text(socket);
    socket.end();
    expect(answer).to.match(/^HTTP\/1\.1 413 /);
  });
});

/** `once` would reject when the socket fails, which it may, and which is as good. */
function closing(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', () => {
      resolve();
    });
  });
}
