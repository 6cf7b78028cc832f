/**
 * The HTTP server: plain `node:http`, whose requests and responses have Express's methods (`req.get`, `req.ip`,
 * `res.json`, …) from birth. Express's application object would change the prototype of each request and response
 * instead, which costs more than all else that is done for a request; so it is only kept as the `app` that those
 * methods ask for settings.
 *
 * What never becomes a request is answered here, in the data API's fault shape: malformed HTTP, headers that are too
 * long or don't arrive.
 *
 * A connection's requests are served one at a time, in their order: a client that sends many at once (pipelining) gets
 * no more of the service than others, and reads what it has written before.
 */
import {
  createServer,
  IncomingMessage,
  Server as NodeHttpServer,
  ServerResponse,
  STATUS_CODES,
} from 'node:http';
import net, { isIPv6, type AddressInfo, type Socket } from 'node:net';
import express, { type Request, type Response } from 'express';
import { lingerOnClose } from '../api/body.js';
import { faultBody, JSON_CONTENT_TYPE } from '../api/v1/fault.js';
import type { Logger } from '../logging/logger.js';
import { RequestContext } from '../pipeline/request-context.js';

export interface HttpServerOptions {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
  /** Of the request line and all headers; beyond it the answer is 431. */
  readonly maxHeaderSizeBytes: number;
  /** How long an idle connection stays open; 0: for ever. */
  readonly keepAliveTimeoutMs: number;
  /** How long headers may take to arrive; beyond it the answer is 408. */
  readonly headersTimeoutMs: number;
  /** How long a client may take nothing of an answer before its connection is cut. */
  readonly sendTimeoutMs: number;
  /** How long `close` waits for requests under way before it cuts their connections. */
  readonly shutdownTimeoutMs: number;
}

/** A listening server. */
export interface HttpServer {
  readonly url: string;
  readonly host: string;
  /** The actual one, where 0 was asked for. */
  readonly port: number;
  /**
   * Stops listening and lets requests under way end. Idle connections are closed only after a moment, and every
   * answer says `Connection: close`, so that a client behind a balancer is not cut off in the middle of a next
   * request. Resolves when every connection is closed. Safe to call twice.
   */
  close(): Promise<void>;
}

/** Answers a request, whatever happens. */
export type RequestListener = (req: Request, res: Response) => void;

/** The server can't listen. The message names host, port and reason. */
export class ListenError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ListenError';
  }
}

const app = express();
app.disable('x-powered-by');
app.disable('etag');
// Whatever ends up in Express's own last-resort handler shows no stack.
app.set('env', 'production');

class ServiceRequest extends IncomingMessage {
  readonly context = new RequestContext();
  res: ServiceResponse | undefined = undefined;
  /** The client waits for `100 Continue` before it sends the body. */
  awaitsContinue = false;

  /** Called when somebody begins to read the body: a body that is refused unread is not asked for. */
  override _read(size: number): void {
    if (this.awaitsContinue) {
      this.awaitsContinue = false;
      if (this.res?.headersSent === false) this.res.writeContinue();
    }
    super._read(size);
  }
}

class ServiceResponse extends ServerResponse<ServiceRequest> {
  #locals: Record<string, unknown> | undefined;

  /** Express's place for what filters hand on. */
  get locals(): Record<string, unknown> {
    this.#locals ??= newLocals();
    return this.#locals;
  }
}

function newLocals(): Record<string, unknown> {
  const locals: unknown = Object.create(null);
  return locals as Record<string, unknown>;
}

adopt(ServiceRequest.prototype, express.request);
adopt(ServiceResponse.prototype, express.response);

function adopt(prototype: object, members: object): void {
  Object.defineProperties(prototype, Object.getOwnPropertyDescriptors(members));
  Object.defineProperty(prototype, 'app', { value: app });
}

/** What is known of an open connection. */
interface Connection {
  /** Of the request that came last. */
  response: ServiceResponse | undefined;
  /** How many requests wait until those before them are answered. */
  waiting: number;
  /** What was wrong with it: it ends after the answers under way, and no more requests are taken. */
  refusal: Refusal | undefined;
  /** How far its client had come with taking what was sent, and since when it has taken nothing more. */
  stall: Stall | undefined;
  /** Since when a body goes on although its request is answered, on the clock of `performance.now`. */
  unreadSinceMs: number | undefined;
}

interface Stall {
  readonly mark: number;
  readonly sinceMs: number;
}

/** Idle connections are closed this long after the listener, at most. */
const MAX_IDLE_GRACE_MS = 1000;
/** How often connections that have become idle meanwhile are looked for. */
const IDLE_SWEEP_MS = 50;
/** How long a refused client gets to read its answer. */
const LINGER_MS = 1000;
const MAX_CHECKING_INTERVAL_MS = 5000;
/** How often stalled connections and unread bodies are looked for, at least. */
const MAX_WATCH_INTERVAL_MS = 1000;
/** How long a body may go on when its request is answered: one that is nearly there leaves the connection usable. */
const MAX_UNREAD_MS = 2000;

/** Starts to listen. @throws {ListenError} */
export async function startHttpServer(
  options: HttpServerOptions,
  listener: RequestListener,
  logger: Logger,
): Promise<HttpServer> {
  const connections = new Map<Socket, Connection>();
  let closing: Promise<void> | undefined;

  const server = createServer({
    IncomingMessage: ServiceRequest,
    ServerResponse: ServiceResponse,
    maxHeaderSize: options.maxHeaderSizeBytes,
    keepAliveTimeout: options.keepAliveTimeoutMs,
    headersTimeout: options.headersTimeoutMs,
    // Bodies have limits of their own, which the pipeline sets; a bulk load may take hours.
    requestTimeout: 0,
    connectionsCheckingInterval: Math.min(options.headersTimeoutMs / 2, MAX_CHECKING_INTERVAL_MS),
    // Checked below, where the answer has a body.
    requireHostHeader: false,
  });
  // A client may end its side as soon as it has sent its request (`nc -N`): it still gets its answer.
  Object.assign(server, { httpAllowHalfOpen: true });

  server.on('connection', (socket: Socket) => {
    const connection: Connection = {
      response: undefined,
      waiting: 0,
      refusal: undefined,
      stall: undefined,
      unreadSinceMs: undefined,
    };
    connections.set(socket, connection);
    socket.once('close', () => connections.delete(socket));
    socket.once('end', () => {
      const { response } = connection;
      if (response?.headersSent === false) response.shouldKeepAlive = false;
    });
  });

  /** Calls `serve` when the connection's request before is answered; never, where the connection ends with that. */
  const inTurn = (req: ServiceRequest, res: ServiceResponse, serve: Serve): void => {
    req.res = res;
    if (closing !== undefined) res.shouldKeepAlive = false;
    const { socket } = req;
    const connection = connections.get(socket);
    if (connection === undefined) return; // closed
    const before = connection.response;
    connection.response = res;
    if (before === undefined || before.closed) {
      serve(req, res);
      return;
    }
    connection.waiting += 1;
    if (connection.waiting === 1) hold(socket);
    before.once('close', () => {
      connection.waiting -= 1;
      if (connection.waiting === 0) letGo(socket);
      if (!socket.writable) return;
      if (connection.refusal === undefined || req.complete) serve(req, res);
      else sendFault(res, connection.refusal.status, connection.refusal.message);
    });
  };

  const answer = (req: ServiceRequest, res: ServiceResponse): void => {
    if (req.headers.host === undefined && req.httpVersion === '1.1') {
      sendFault(res, 400, 'The Host header is missing');
      return;
    }
    listener(req as unknown as Request, res as unknown as Response);
  };
  server.on('request', (req: ServiceRequest, res: ServiceResponse) => {
    inTurn(req, res, answer);
  });

  server.on('checkContinue', (req: ServiceRequest, res: ServiceResponse) => {
    req.awaitsContinue = true;
    inTurn(req, res, answer);
  });

  server.on('checkExpectation', (req: ServiceRequest, res: ServiceResponse) => {
    inTurn(req, res, () => {
      sendFault(res, 417, "Of expectations only '100-continue' can be met");
    });
  });

  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const connection = connections.get(socket);
    if (connection?.refusal !== undefined) return;
    const fault = refusal(error, options);
    if (connection === undefined || fault === undefined || !socket.writable) {
      socket.destroy();
      return;
    }
    const { response } = connection;
    const pending = response?.writableFinished === false ? response : undefined;
    // Half an answer may be out: a second one inside it would mislead the client.
    if (pending?.headersSent === true && !pending.req.complete) {
      socket.destroy();
      return;
    }
    connection.refusal = fault;
    logger.info('request refused', {
      status: fault.status,
      code: error.code,
      remote_address: socket.remoteAddress,
    });
    // A fault would be taken for the answer to a whole request before, which may well succeed.
    if (pending !== undefined && (pending.req.complete || connection.waiting > 0)) {
      pending.shouldKeepAlive = false;
      lingerOnClose(socket);
      pending.once('close', () => {
        socket.destroySoon();
      });
      return;
    }
    socket.end(rawFault(fault.status, fault.message));
    // Closing at once, with bytes unread, would reset the connection, and the client might never see the answer.
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
  });

  await listen(server, options);
  server.on('error', (error) => {
    logger.error('server failed', { error });
  });

  const watch = (): void => {
    const nowMs = performance.now();
    for (const [socket, connection] of connections) {
      const isStalled = stalledMs(socket, connection, nowMs) >= options.sendTimeoutMs;
      if (!isStalled && unreadMs(connection, nowMs) < MAX_UNREAD_MS) continue;
      logger.info('connection cut', {
        reason: isStalled ? 'its client takes nothing' : 'a body that nobody reads goes on',
        remote_address: socket.remoteAddress,
      });
      socket.destroy();
    }
  };
  const watchIntervalMs = Math.min(options.sendTimeoutMs / 4, MAX_WATCH_INTERVAL_MS);
  const watching = setInterval(watch, watchIntervalMs).unref();

  const { port } = server.address() as AddressInfo;
  const close = async (): Promise<void> => {
    // Not http.Server's own close: that one cuts idle connections at once.
    const stopped = new Promise<void>((resolve) => {
      net.Server.prototype.close.call(server, () => {
        resolve();
      });
    });
    for (const { response } of connections.values()) {
      if (response !== undefined && !response.headersSent) response.shouldKeepAlive = false;
    }
    const closeIdle = (): void => {
      server.closeIdleConnections();
      // Node counts a connection that has never sent anything as busy.
      for (const socket of connections.keys()) if (socket.bytesRead === 0) socket.destroy();
      timers.push(setTimeout(closeIdle, IDLE_SWEEP_MS));
    };
    const cut = (): void => {
      logger.warn('connections cut', { connections: connections.size });
      for (const socket of connections.keys()) socket.destroy();
    };
    const timers = [
      setTimeout(closeIdle, Math.min(MAX_IDLE_GRACE_MS, options.shutdownTimeoutMs / 10)),
      setTimeout(cut, options.shutdownTimeoutMs),
    ];
    await stopped;
    for (const timer of timers) clearTimeout(timer);
    clearInterval(watching);
    server.close(); // Ends what checks the connections' time-outs.
  };

  return {
    url: urlOf(options.host, port),
    host: options.host,
    port,
    close: () => (closing ??= close()),
  };
}

type Serve = (req: ServiceRequest, res: ServiceResponse) => void;

/**
 * Reads nothing more from a connection until `letGo`, so that no more requests wait than came in one piece. Node
 * resumes a socket of its own accord, after each request that it has parsed, hence more than `pause`.
 */
function hold(socket: Socket): void {
  socket.pause();
  socket.resume = () => socket;
}

function letGo(socket: Socket): void {
  Reflect.deleteProperty(socket, 'resume'); // the prototype's is there again
  socket.resume();
}

/** For how long the client has taken nothing of what it was sent; 0 where nothing is left to take. */
function stalledMs(socket: Socket, connection: Connection, nowMs: number): number {
  if (socket.writableLength === 0) {
    connection.stall = undefined;
    return 0;
  }
  // A chunk counts as unsent until all of it is taken, and may be a whole answer. What the system hasn't taken of it
  // only the handle tells, by a name that Node doesn't document; without it, progress is seen chunk by chunk.
  const { _handle: handle } = socket as { _handle?: { writeQueueSize?: number } | null };
  const mark = socket.bytesWritten - socket.writableLength - (handle?.writeQueueSize ?? 0);
  if (connection.stall?.mark !== mark) connection.stall = { mark, sinceMs: nowMs };
  return nowMs - connection.stall.sinceMs;
}

/** For how long a body has gone on since its request was answered; 0 where none does. */
function unreadMs(connection: Connection, nowMs: number): number {
  const { response } = connection;
  if (response?.writableFinished !== true || response.req.complete) {
    connection.unreadSinceMs = undefined;
    return 0;
  }
  connection.unreadSinceMs ??= nowMs;
  return nowMs - connection.unreadSinceMs;
}

async function listen(
  server: NodeHttpServer<typeof ServiceRequest, typeof ServiceResponse>,
  at: HttpServerOptions,
): Promise<void> {
  try {
    await new Promise<void>((resolve, reject) => {
      server.once('error', reject);
      server.listen({ host: at.host, port: at.port }, () => {
        server.off('error', reject);
        resolve();
      });
    });
  } catch (error) {
    const where = at.host.includes(':') ? `[${at.host}]:${at.port}` : `${at.host}:${at.port}`;
    throw new ListenError(`cannot listen on ${where}: ${listenFailure(error)}`, { cause: error });
  }
}

function listenFailure(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  switch (code) {
    case 'EADDRINUSE':
      return 'another program listens there (EADDRINUSE)';
    case 'EACCES':
      return 'not permitted (EACCES); ports below 1024 are the superuser’s';
    case 'EADDRNOTAVAIL':
      return 'this machine has no such address (EADDRNOTAVAIL)';
    case 'ENOTFOUND':
    case 'EAI_AGAIN':
      return `the host name is not known (${code})`;
    default:
      return message;
  }
}

/** The URL at which this machine reaches a server that listens on `host`. */
function urlOf(host: string, port: number): string {
  if (host === '0.0.0.0' || host === '') return `http://127.0.0.1:${port}`;
  if (host === '::') return `http://[::1]:${port}`;
  return isIPv6(host) ? `http://[${host}]:${port}` : `http://${host}:${port}`;
}

interface Refusal {
  readonly status: number;
  readonly message: string;
}

/** What to answer to bytes that are no request; undefined where the connection itself failed. */
function refusal(error: NodeJS.ErrnoException, options: HttpServerOptions): Refusal | undefined {
  const code = error.code ?? '';
  if (code === 'HPE_HEADER_OVERFLOW') {
    return { status: 431, message: `Request line and headers exceed ${options.maxHeaderSizeBytes} bytes` };
  }
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') {
    const seconds = options.headersTimeoutMs / 1000;
    return { status: 408, message: `The request's headers did not arrive within ${seconds} s` };
  }
  if (code === 'HPE_CHUNK_EXTENSIONS_OVERFLOW') {
    return { status: 413, message: 'The chunk extensions of the body are too long' };
  }
  return code.startsWith('HPE_') ? { status: 400, message: 'The request is not valid HTTP' } : undefined;
}

function sendFault(res: ServerResponse, status: number, message: string): void {
  const body = JSON.stringify(faultBody(status, message));
  res.shouldKeepAlive = false;
  res.writeHead(status, { 'Content-Type': JSON_CONTENT_TYPE, 'Content-Length': Buffer.byteLength(body) });
  res.end(body);
}

function rawFault(status: number, message: string): string {
  const body = JSON.stringify(faultBody(status, message));
  return [
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? ''}`,
    `Date: ${new Date().toUTCString()}`,
    `Content-Type: ${JSON_CONTENT_TYPE}`,
    `Content-Length: ${Buffer.byteLength(body)}`,
    'Connection: close',
    '',
    body,
  ].join('\r\n');
}
