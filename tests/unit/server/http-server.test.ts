import { EventEmitter, once } from 'node:events';
import http from 'node:http';
import net, { type Socket } from 'node:net';
import { expect } from 'chai';
import express, { type Response } from 'express';
import { silentLogger } from '../../../magnetodb/logging/logger.js';
import { RequestContext } from '../../../magnetodb/pipeline/request-context.js';
import {
  ListenError,
  startHttpServer,
  type HttpServer,
  type HttpServerOptions,
  type RequestListener,
} from '../../../magnetodb/server/http-server.js';

const OPTIONS: HttpServerOptions = {
  host: '127.0.0.1',
  port: 0,
  maxHeaderSizeBytes: 65536,
  keepAliveTimeoutMs: 75_000,
  headersTimeoutMs: 60_000,
  sendTimeoutMs: 60_000,
  shutdownTimeoutMs: 300,
};

describe('startHttpServer', () => {
  const servers: HttpServer[] = [];
  const sockets: Socket[] = [];

  afterEach(async () => {
    for (const socket of sockets.splice(0)) socket.destroy();
    await Promise.all(servers.splice(0).map((server) => server.close()));
  });

  async function start(
    listener: RequestListener,
    options: Partial<HttpServerOptions> = {},
  ): Promise<HttpServer> {
    const server = await startHttpServer({ ...OPTIONS, ...options }, listener, silentLogger);
    servers.push(server);
    return server;
  }

  async function connect(server: HttpServer): Promise<Socket> {
    const socket = net.connect(server.port, server.host);
    sockets.push(socket);
    await once(socket, 'connect');
    return socket;
  }

  /** Everything that comes until the server ends the connection. */
  async function readToEnd(socket: Socket): Promise<string> {
    let text = '';
    for await (const chunk of socket.setEncoding('utf8') as AsyncIterable<string>) text += chunk;
    return text;
  }

  /** Reads until `text` has come. */
  async function readUntil(socket: Socket, text: string): Promise<string> {
    let read = '';
    while (!read.includes(text)) {
      const [chunk] = (await once(socket, 'data')) as [Buffer];
      read += chunk.toString();
    }
    return read;
  }

  interface Fault {
    readonly code: number;
    readonly title: string;
    readonly explanation: string;
    readonly error: { readonly message: string; readonly type: string; readonly traceback: null };
  }

  /** Checks that `answer` is a whole HTTP answer with a fault body (data API, 3.1) that ends the connection. */
  function faultIn(answer: string): Fault {
    const [head, body] = answer.split('\r\n\r\n') as [string, string];
    expect(head).to.match(/^HTTP\/1\.1 \d{3} \w/);
    expect(head.toLowerCase()).to.contain('\r\nconnection: close');
    expect(head).to.match(/^content-type: application\/json; charset=utf-8$/im);
    expect(head.toLowerCase()).to.contain(`\r\ncontent-length: ${Buffer.byteLength(body)}`);
    const fault = JSON.parse(body) as Fault;
    expect(fault).to.have.all.keys('code', 'title', 'explanation', 'error');
    expect(fault.error).to.have.all.keys('message', 'type', 'traceback');
    expect(fault.error.traceback).to.equal(null);
    expect(head).to.contain(`HTTP/1.1 ${fault.code} ${fault.title}`);
    return fault;
  }

  describe('requests and responses', () => {
    // Filters of operators are Express middleware; they must find what Express gives them.
    it("have Express's methods", async () => {
      const server = await start((req, res) => {
        res.status(201).set('X-Answer', 'yes').type('application/json');
        res.json({
          get: req.get('X-Question'),
          query: req.query,
          ip: req.ip,
          path: req.path,
          protocol: req.protocol,
          hostname: req.hostname,
          accepts: req.accepts(['text/html', 'application/json']),
          is: req.is('text/*'),
          xhr: req.xhr,
          fresh: req.fresh,
          sameResponse: req.res === res && res.req === req,
        });
      });
      const answer = await fetch(`${server.url}/a/b?x=1&x=2&y=%20`, {
        method: 'POST',
        headers: { 'X-Question': 'why', Accept: 'application/json', 'Content-Type': 'text/plain' },
        body: 'text',
      });
      expect(answer.status).to.equal(201);
      expect(answer.headers.get('x-answer')).to.equal('yes');
      expect(await answer.json()).to.deep.equal({
        get: 'why',
        query: { x: ['1', '2'], y: ' ' },
        ip: '127.0.0.1',
        path: '/a/b',
        protocol: 'http',
        hostname: '127.0.0.1',
        accepts: 'application/json',
        is: 'text/plain',
        xhr: false,
        fresh: false,
        sameResponse: true,
      });
    });

    // An Express router is what the APIs are made of.
    it('go through an Express router, whose errors reach its last callback', async () => {
      const router = express.Router();
      router.get('/items/:id', (req, res) => {
        res.locals.id = req.params.id;
        res.send(`item ${String(res.locals.id)}`);
      });
      const server = await start((req, res) => {
        router(req, res, () => {
          res.sendStatus(404);
        });
      });
      expect(await (await fetch(`${server.url}/items/7`)).text()).to.equal('item 7');
      expect((await fetch(`${server.url}/nothing`)).status).to.equal(404);
    });

    // What filters find out about one request must not be seen by another.
    it('come with a context and locals of their own', async () => {
      const contexts: RequestContext[] = [];
      const locals: unknown[] = [];
      const server = await start((req, res) => {
        contexts.push(req.context);
        locals.push(res.locals);
        expect(res.locals).to.equal(res.locals);
        res.end();
      });
      await fetch(server.url);
      await fetch(server.url);
      expect(contexts[0]).to.be.instanceOf(RequestContext);
      expect(contexts[0]).not.to.equal(contexts[1]);
      expect(locals[0]).not.to.equal(locals[1]);
    });

    // A response that names its software helps attackers; an ETag costs a hash of each body.
    it('say nothing of Express and have no ETag', async () => {
      const server = await start((_req, res) => {
        res.json({ a: 1 });
      });
      const { headers } = await fetch(server.url);
      expect(headers.has('x-powered-by')).to.equal(false);
      expect(headers.has('etag')).to.equal(false);
    });

    // HTTP: a HEAD answer has GET's headers and no body.
    it('answer HEAD without a body', async () => {
      const server = await start((_req, res) => {
        res.json({ a: 1 });
      });
      const answer = await fetch(server.url, { method: 'HEAD' });
      expect(answer.headers.get('content-length')).to.equal('7');
      expect(await answer.text()).to.equal('');
    });

    // Bulk loaders ask before they send gigabytes.
    it('tell a client that waits with its body to go on', async () => {
      const server = await start((req, res) => {
        req.pipe(res);
      });
      const req = http.request(server.url, { method: 'POST', headers: { Expect: '100-continue' } });
      req.flushHeaders();
      await once(req, 'continue');
      req.end('body');
      const [res] = (await once(req, 'response')) as [http.IncomingMessage];
      expect(await res.toArray().then((chunks) => Buffer.concat(chunks as Buffer[]).toString())).to.equal(
        'body',
      );
    });

    // `Expect: 100-continue` is there so that a body which will be refused needn't be sent.
    it('are not asked for a body that is refused unread', async () => {
      const server = await start((_req, res) => {
        res.status(413).end();
      });
      const socket = await connect(server);
      socket.write(
        'POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 99\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n',
      );
      expect(await readToEnd(socket)).to.match(/^HTTP\/1\.1 413 /);
    });

    // Service catalogues and long tokens travel in headers.
    it('may have headers up to the configured size', async () => {
      const server = await start((req, res) => {
        res.json((req.get('X-Auth-Token') ?? '').length);
      });
      const answer = await fetch(server.url, { headers: { 'X-Auth-Token': 'x'.repeat(60_000) } });
      expect(await answer.json()).to.equal(60_000);
    });
  });

  describe('what is no request', () => {
    const unreachable: RequestListener = (_req, res) => {
      res.end('reached');
    };

    // The old client dies of a JSON error without `error`, and a proxy's log needs a status.
    it('is answered 400 in the fault shape when it is not HTTP', async () => {
      const server = await start(unreachable);
      const socket = await connect(server);
      socket.write('this is not HTTP\r\n\r\n');
      const fault = faultIn(await readToEnd(socket));
      expect(fault).to.include({ code: 400, title: 'Bad Request' });
      expect(fault.error.type).to.equal('ValidationError');
    });

    it('is answered 431 when its headers are too long', async () => {
      const server = await start(unreachable, { maxHeaderSizeBytes: 4096 });
      const socket = await connect(server);
      socket.write(`GET / HTTP/1.1\r\nHost: h\r\nX-Auth-Token: ${'x'.repeat(10_000)}\r\n\r\n`);
      const fault = faultIn(await readToEnd(socket));
      expect(fault.code).to.equal(431);
      expect(fault.error.message).to.contain('4096 bytes');
    });

    // A client that dawdles with its headers holds a connection.
    it('is answered 408 when its headers do not arrive', async () => {
      const server = await start(unreachable, { headersTimeoutMs: 100 });
      const socket = await connect(server);
      socket.write('GET / HTTP/1.1\r\nHost: h\r\n');
      expect(faultIn(await readToEnd(socket)).code).to.equal(408);
    });

    // HTTP/1.1 demands it (RFC 9112, 3.2), and links are made from it.
    it('is answered 400 without a Host header in HTTP/1.1, but served in HTTP/1.0', async () => {
      const server = await start(unreachable);
      const socket = await connect(server);
      socket.write('GET / HTTP/1.1\r\n\r\n');
      expect(faultIn(await readToEnd(socket)).error.message).to.contain('Host');
      const old = await connect(server);
      old.write('GET / HTTP/1.0\r\n\r\n');
      expect(await readToEnd(old)).to.match(/^HTTP\/1\.1 200 OK[^]*reached$/);
    });

    it('is answered 417 when it expects what nobody knows', async () => {
      const server = await start(unreachable);
      const socket = await connect(server);
      socket.write('GET / HTTP/1.1\r\nHost: h\r\nExpect: 200-miracles\r\n\r\n');
      expect(faultIn(await readToEnd(socket)).code).to.equal(417);
    });

    // An answer inside an answer would be taken for data.
    it('cuts the connection when half an answer is out', async () => {
      const server = await start((_req, res) => {
        res.write('half');
      });
      const socket = await connect(server);
      socket.write('POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n');
      await readUntil(socket, 'half');
      socket.write('not a chunk\r\n');
      const rest = await readToEnd(socket).catch(() => '');
      expect(rest).not.to.contain('HTTP/1.1');
    });

    it('does not disturb other connections', async () => {
      const server = await start(unreachable);
      const bad = await connect(server);
      bad.write('\0\0\0\r\n\r\n');
      await readToEnd(bad);
      expect(await (await fetch(server.url)).text()).to.equal('reached');
    });
  });

  describe('pipelined requests', () => {
    const GET = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n';

    /** Keeps the answers of requests, in the order in which they are served. */
    function collect(): {
      served: Response[];
      listener: RequestListener;
      count: (n: number) => Promise<void>;
    } {
      const served: Response[] = [];
      const requests = new EventEmitter();
      return {
        served,
        listener: (_req, res) => {
          served.push(res);
          requests.emit('request');
        },
        count: async (n) => {
          while (served.length < n) await once(requests, 'request');
        },
      };
    }

    // One connection with 64 KB of them would else have hundreds of answers of 16 MiB made at once.
    it('are served one after the other', async () => {
      const { served, listener, count } = collect();
      const server = await start(listener);
      const socket = await connect(server);
      socket.write(GET.repeat(3));
      for (let n = 1; n <= 3; n++) {
        await count(n);
        // Whatever else the server might do with what it has read, it would have done by then.
        expect(await (await fetchBeside(server, served)).text()).to.equal('beside');
        expect(served.length).to.equal(n);
        served[n - 1]!.end(`answer ${n}`);
        await readUntil(socket, `answer ${n}`);
      }
    });

    /** Another connection's request, which doesn't wait for the first one's. */
    async function fetchBeside(server: HttpServer, served: Response[]): Promise<globalThis.Response> {
      const before = served.length;
      const answer = fetch(server.url);
      while (served.length === before) await new Promise(setImmediate);
      served.pop()!.end('beside');
      return await answer;
    }

    // Bodies come through although the connection is held back meanwhile.
    it('are all served, bodies and all, however many there are', async () => {
      const server = await start((req, res) => {
        let length = 0;
        req.on('data', (chunk: Buffer) => (length += chunk.length));
        req.on('end', () => setImmediate(() => res.end(`<${length}>`)));
      });
      const socket = await connect(server);
      const lengths = Array.from({ length: 2000 }, (_, i) => (i % 100 === 0 ? 100_000 : i));
      for (const length of lengths) {
        socket.write(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: ${length}\r\n\r\n${'x'.repeat(length)}`);
      }
      socket.end();
      const answers = await readToEnd(socket);
      expect([...answers.matchAll(/<(\d+)>/g)].map(([, length]) => Number(length))).to.deep.equal(lengths);
    });

    // Whoever sends requests for ever and reads nothing must not have them kept in memory.
    it('are not read while many wait', async () => {
      const { served, listener, count } = collect();
      const server = await start(listener);
      const socket = await connect(server);
      socket.on('error', () => undefined);
      socket.write(GET.repeat(500_000)); // 13 MB, more than the system keeps
      await count(1);
      const { socket: taking } = served[0]!;
      let before = -1;
      while (before !== taking!.bytesRead) {
        before = taking!.bytesRead;
        await new Promise((resolve) => setTimeout(resolve, 100));
      }
      expect(before).to.be.lessThan(1_000_000);
      expect(served.length).to.equal(1);
    });

    it('are not served after an answer that ends the connection', async () => {
      let served = 0;
      const server = await start((_req, res) => {
        served += 1;
        res.set('Connection', 'close').end('last');
      });
      const socket = await connect(server);
      socket.write(GET.repeat(3));
      expect(await readToEnd(socket)).to.match(/last$/);
      expect(served).to.equal(1);
    });

    // A Content-Length that is too small: the put is stored, so its answer must not be 'not valid HTTP'.
    it('get their own answer where what follows is not HTTP, and then the connection ends', async () => {
      for (const rest of ['', GET]) {
        const { served, listener, count } = collect();
        const server = await start(listener);
        const socket = await connect(server);
        socket.write(`POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\n\r\n{}${rest}garbage\r\n\r\n`);
        await count(1);
        const reading = readToEnd(socket);
        await (await fetchBeside(server, served)).text();
        served[0]!.end('stored');
        if (rest !== '') {
          await count(2);
          served[1]!.end('stored');
        }
        const answer = await reading;
        expect(answer.match(/HTTP\/1\.1 \d+/g)).to.deep.equal(
          rest === '' ? ['HTTP/1.1 200'] : ['HTTP/1.1 200', 'HTTP/1.1 200'],
        );
        expect(answer).to.match(/Connection: close[^]*stored$/);
      }
    });

    // Its own turn comes after the answers to those before.
    it('are answered 400 in their turn where their body is malformed', async () => {
      const { served, listener, count } = collect();
      const server = await start(listener);
      const socket = await connect(server);
      socket.write(`${GET}POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\nno chunk\r\n`);
      await count(1);
      const reading = readToEnd(socket);
      await (await fetchBeside(server, served)).text();
      served[0]!.end('first');
      const answer = await reading;
      expect(answer.match(/HTTP\/1\.1 \d+/g)).to.deep.equal(['HTTP/1.1 200', 'HTTP/1.1 400']);
      expect(served.length).to.equal(1);
    });
  });

  describe('a client that closes its side', () => {
    // `nc -N` and scripts do so; what they asked for may be done by then.
    it('gets its answer, and the end of the connection', async () => {
      const requests = new EventEmitter();
      const server = await start((_req, res) => requests.emit('request', res));
      const socket = await connectHalfOpen(server);
      const arrived = once(requests, 'request') as Promise<[Response]>;
      socket.end('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
      const [response] = await arrived;
      while (response.shouldKeepAlive) await new Promise(setImmediate);
      const reading = readToEnd(socket);
      response.end('answer');
      expect(await reading).to.match(/Connection: close[^]*answer$/);
    });

    it('loses an idle connection at once', async () => {
      const server = await start((_req, res) => res.end('x'));
      const fresh = await connectHalfOpen(server);
      fresh.end();
      await readToEnd(fresh);
      const used = await connectHalfOpen(server);
      used.write('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
      await readUntil(used, '\r\n\r\nx');
      used.end();
      await readToEnd(used);
    });

    async function connectHalfOpen(server: HttpServer): Promise<Socket> {
      const socket = net.connect({ port: server.port, host: server.host, allowHalfOpen: true });
      sockets.push(socket);
      await once(socket, 'connect');
      return socket;
    }
  });

  describe('a long answer', () => {
    const LONG = Buffer.alloc(32 * 1024 * 1024, 'x'); // more than the system keeps
    const GET = 'GET / HTTP/1.1\r\nHost: h\r\n\r\n';

    // Else it would be kept in memory for as long as the client likes.
    it('is cut when its client takes nothing, also when it is out in one piece', async () => {
      let gone: Promise<unknown> | undefined;
      const server = await start(
        (_req, res) => {
          gone = once(res, 'close');
          res.end(LONG);
        },
        { sendTimeoutMs: 100 },
      );
      const socket = await connect(server);
      socket.pause();
      // What it goes on sending is no sign that it reads.
      socket.on('error', () => undefined);
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.write(`${GET}GET / HTTP/1.1\r\nX: `);
      const sending = setInterval(() => socket.write('x'), 20);
      await closed;
      clearInterval(sending);
      await gone;
    });

    // The time-out is on taking nothing, not on the whole.
    it('is not cut while its client takes it, however slowly', async () => {
      const sendTimeoutMs = 200;
      const server = await start((_req, res) => res.end(LONG), { sendTimeoutMs });
      const socket = await connect(server);
      socket.write(GET);
      const startedAt = performance.now();
      let length = 0;
      for await (const chunk of socket as AsyncIterable<Buffer>) {
        length += chunk.length;
        await new Promise((resolve) => setTimeout(resolve, 1));
        if (length > LONG.length) break;
      }
      expect(performance.now() - startedAt).to.be.greaterThan(2 * sendTimeoutMs);
      expect(length).to.be.greaterThan(LONG.length);
    });
  });

  describe('a body that nobody reads', () => {
    // An endless one would hold its connection for ever.
    it('ends the connection where it goes on after the answer', async () => {
      const server = await start((_req, res) => res.end('no'));
      const socket = await connect(server);
      socket.on('error', () => undefined).resume();
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.write('POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n');
      const sending = setInterval(() => socket.write('1\r\nx\r\n'), 20);
      await closed;
      clearInterval(sending);
    });

    // A small one must not cost the client its connection.
    it('leaves the connection usable where it is short', async () => {
      const server = await start((_req, res) => res.end('no'));
      const socket = await connect(server);
      socket.write('POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\n');
      await readUntil(socket, '\r\n\r\nno');
      socket.write('abcGET / HTTP/1.1\r\nHost: h\r\n\r\n');
      expect(await readUntil(socket, '\r\n\r\nno')).to.match(/^HTTP\/1\.1 200 /);
    });
  });

  describe('close', () => {
    function agentOf(server: HttpServer): {
      get(): Promise<http.IncomingMessage & { body: string }>;
      end(): void;
    } {
      const agent = new http.Agent({ keepAlive: true, maxSockets: 1 });
      return {
        get: async () => {
          const req = http.get(server.url, { agent });
          const [res] = (await once(req, 'response')) as [http.IncomingMessage];
          let body = '';
          for await (const chunk of res.setEncoding('utf8') as AsyncIterable<string>) body += chunk;
          return Object.assign(res, { body });
        },
        end: () => {
          agent.destroy();
        },
      };
    }

    // A restart must not lose what a client was promised an answer for.
    it('lets a request under way end, and tells its client not to come back on this connection', async () => {
      const requests = new EventEmitter();
      const server = await start((_req, res) => {
        requests.emit('request', res);
      });
      const arrived = once(requests, 'request') as Promise<[Response]>;
      const client = agentOf(server);
      const answer = client.get();
      const [response] = await arrived;
      const closed = server.close();
      response.end('whole answer');
      const { body, headers } = await answer;
      expect(body).to.equal('whole answer');
      expect(headers.connection).to.equal('close');
      await closed;
      client.end();
    });

    // Behind a balancer the next request may already be on its way when the old process is told to stop.
    it('still serves a request that comes on a kept connection right after it', async () => {
      const server = await start((_req, res) => res.end('served'), { shutdownTimeoutMs: 5000 });
      const client = agentOf(server);
      expect((await client.get()).headers.connection).to.equal('keep-alive');
      const closed = server.close();
      const { body, headers } = await client.get();
      expect(body).to.equal('served');
      expect(headers.connection).to.equal('close');
      await closed;
      client.end();
    });

    it('takes no new connection', async () => {
      const server = await start((_req, res) => res.end());
      await server.close();
      const error = await fetch(server.url).catch((failure: unknown) => failure);
      expect(error).to.be.instanceOf(TypeError);
    });

    // An idle connection must not hold the process for the keep-alive time.
    it('closes idle connections long before the shut-down time-out', async () => {
      const server = await start((_req, res) => res.end(), { shutdownTimeoutMs: 5000 });
      const client = agentOf(server);
      await client.get();
      const silent = await connect(server);
      const startedAt = performance.now();
      await server.close();
      expect(performance.now() - startedAt).to.be.lessThan(2500);
      await readToEnd(silent);
      client.end();
    });

    // An answer whose head said keep-alive before the stop leaves an idle connection after it.
    it('closes a connection whose answer had begun before it', async () => {
      let finish: (() => void) | undefined;
      const server = await start(
        (_req, res) => {
          res.write('a');
          finish = () => res.end('b');
        },
        { shutdownTimeoutMs: 5000 },
      );
      const socket = await connect(server);
      socket.write('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
      await readUntil(socket, 'a\r\n');
      const startedAt = performance.now();
      const closed = server.close();
      finish?.();
      await closed;
      expect(performance.now() - startedAt).to.be.lessThan(2500);
    });

    // A request that never ends must not hold the process for ever.
    it('cuts what remains after the shut-down time-out', async () => {
      const server = await start((_req, res) => {
        res.write('for ever');
      });
      const socket = await connect(server);
      socket.write('GET / HTTP/1.1\r\nHost: h\r\n\r\n');
      await readUntil(socket, 'for ever');
      await server.close();
      await readToEnd(socket).catch(() => '');
      expect(socket.destroyed).to.equal(true);
    });

    it('may be called twice', async () => {
      const server = await start((_req, res) => res.end());
      expect(server.close()).to.equal(server.close());
      await server.close();
    });
  });

  describe('listening', () => {
    it('tells the port that the system chose', async () => {
      const server = await start((_req, res) => res.end('x'));
      expect(server.port).to.be.greaterThan(0);
      expect(server.url).to.equal(`http://127.0.0.1:${server.port}`);
    });

    // The commonest mistake at a first start.
    it('names host, port and reason when the address is in use', async () => {
      const server = await start((_req, res) => res.end());
      const error: unknown = await start((_req, res) => res.end(), { port: server.port }).catch(
        (e: unknown) => e,
      );
      expect(error).to.be.instanceOf(ListenError);
      expect((error as Error).message).to.equal(
        `cannot listen on 127.0.0.1:${server.port}: another program listens there (EADDRINUSE)`,
      );
    });

    it('names an address that this machine does not have', async () => {
      const error: unknown = await start((_req, res) => res.end(), { host: '192.0.2.1' }).catch(
        (e: unknown) => e,
      );
      expect((error as Error).message).to.match(
        /^cannot listen on 192\.0\.2\.1:0: this machine has no such address/,
      );
    });
  });
});
