/**
 * The HTTP server: plain `node:http`, whose requests and responses have Express's methods (`req.get`, `req.ip`,
 * `res.json`, …) from birth. Express's application object would change the prototype of each request and response
 * instead, which costs more than all else that is done for a request; so it is only kept as the `app` that those
 * methods ask for settings.
 *
 * What never becomes a request is answered here, in the data API's fault shape: malformed HTTP, headers that are too
 * long or don't arrive.
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
  /** It has been answered with a fault and gets nothing more. */
  isRefused: boolean;
}

/** Idle connections are closed this long after the listener, at most. */
const MAX_IDLE_GRACE_MS = 1000;
/** How often connections that have become idle meanwhile are looked for. */
const IDLE_SWEEP_MS = 50;
/** How long a refused client gets to read its answer. */
const LINGER_MS = 1000;
const MAX_CHECKING_INTERVAL_MS = 5000;

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

  server.on('connection', (socket: Socket) => {
    connections.set(socket, { response: undefined, isRefused: false });
    socket.once('close', () => connections.delete(socket));
  });

  const answer = (req: ServiceRequest, res: ServiceResponse): void => {
    const connection = connections.get(req.socket);
    if (connection !== undefined) connection.response = res;
    if (closing !== undefined) res.shouldKeepAlive = false;
    req.res = res;
    if (req.headers.host === undefined && req.httpVersion === '1.1') {
      sendFault(res, 400, 'The Host header is missing');
      return;
    }
    listener(req as unknown as Request, res as unknown as Response);
  };
  server.on('request', answer);

  server.on('checkContinue', (req: ServiceRequest, res: ServiceResponse) => {
    req.awaitsContinue = true;
    answer(req, res);
  });

  server.on('checkExpectation', (req: ServiceRequest, res: ServiceResponse) => {
    req.res = res;
    sendFault(res, 417, "Of expectations only '100-continue' can be met");
  });

  server.on('clientError', (error: NodeJS.ErrnoException, socket: Socket) => {
    const connection = connections.get(socket);
    if (connection?.isRefused === true) return;
    const fault = refusal(error, options);
    const response = connection?.response;
    const isAnswering = response !== undefined && response.headersSent && !response.writableFinished;
    // Half an answer may be out: a second one inside it would mislead the client.
    if (fault === undefined || !socket.writable || isAnswering) {
      socket.destroy();
      return;
    }
    if (connection !== undefined) connection.isRefused = true;
    logger.info('request refused', {
      status: fault.status,
      code: error.code,
      remote_address: socket.remoteAddress,
    });
    socket.end(rawFault(fault.status, fault.message));
    // Closing at once, with bytes unread, would reset the connection, and the client might never see the answer.
    setTimeout(() => socket.destroy(), LINGER_MS).unref();
  });

  await listen(server, options);
  server.on('error', (error) => {
    logger.error('server failed', { error });
  });

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
    server.close(); // Ends what checks the connections' time-outs.
  };

  return {
    url: urlOf(options.host, port),
    host: options.host,
    port,
    close: () => (closing ??= close()),
  };
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
