/**
 * Stands between a storage driver and the nodes of a cluster, one proxy a node at the node's own address and another
 * port: a client that is told that port asks for nothing else. It knows enough of the native protocol (version 4) to
 * say which statements were sent to which node, and to keep single requests or answers back:
 *
 *     const proxies = await CqlProxies.open(cluster);
 *     const hold = proxies.hold('answer', { statement: /^UPDATE/ });
 *     const write = driver.write(…);       // the driver opened with `port: proxies.port`
 *     await hold.caught;                   // the node has done it, and the driver does not know
 *     hold.cut();                          // nor will it: the connection breaks
 */
import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

const HEADER_BYTES = 9;
const VERSION = 4;
const OPCODE = { result: 0x08, query: 0x07, prepare: 0x09, execute: 0x0a, batch: 0x0d } as const;
const RESULT_PREPARED = 4;

/** A request that carries statements out. */
export interface CqlRequest {
  /** The address of the node that it was sent to. */
  readonly node: string;
  /** `plain` for a statement on its own. */
  readonly kind: 'plain' | 'logged batch' | 'unlogged batch';
  /** The statements' texts, in their order. */
  readonly statements: readonly string[];
  /** Whether the node has answered, be it that the answer is held, or that nobody waits for it any more. */
  readonly isAnswered: boolean;
}

interface OpenRequest extends CqlRequest {
  isAnswered: boolean;
}

/** Which requests are meant; absent members: any. */
export interface Which {
  readonly node?: string;
  /** One of the statements matches. */
  readonly statement?: RegExp;
}

/** Requests or answers that are kept back. */
export interface Hold {
  /** Resolves when something is kept back. */
  readonly caught: Promise<CqlRequest>;
  /** Keeps nothing back any more, and passes on what it had. */
  release(): void;
  /** Keeps nothing back any more, and breaks the client's connections of what it had: that is lost. */
  cut(): void;
}

interface HoldState {
  readonly what: 'request' | 'answer';
  readonly which: Which;
  readonly catch: (request: CqlRequest) => void;
  readonly kept: { readonly pass: () => void; readonly client: Socket }[];
}

export class CqlProxies {
  /** The port that clients connect to. */
  readonly port: number;
  /** What has been asked of the nodes, held or not, in the order in which it came. */
  readonly requests: CqlRequest[] = [];
  readonly #servers: Server[];
  readonly #sockets = new Set<Socket>();
  readonly #holds = new Set<HoldState>();
  /** The texts of prepared statements: nodes derive the ids from the texts, so all have the same. */
  readonly #texts = new Map<string, string>();

  private constructor(servers: Server[], port: number) {
    this.#servers = servers;
    this.port = port;
  }

  static async open(cluster: {
    readonly contactPoints: readonly string[];
    readonly port: number;
  }): Promise<CqlProxies> {
    const servers: Server[] = [];
    let port = 0;
    for (const address of cluster.contactPoints) {
      const server = createServer();
      servers.push(server);
      server.listen(port, address);
      await once(server, 'listening');
      port = (server.address() as AddressInfo).port;
    }
    const proxies = new CqlProxies(servers, port);
    cluster.contactPoints.forEach((address, index) => {
      servers[index]?.on('connection', (client: Socket) => {
        proxies.#join(client, connect(cluster.port, address), address);
      });
    });
    return proxies;
  }

  /** Keeps back what is sent from now on. */
  hold(what: 'request' | 'answer', which: Which = {}): Hold {
    let caught: (request: CqlRequest) => void = () => undefined;
    const first = new Promise<CqlRequest>((resolve) => {
      caught = resolve;
    });
    const state: HoldState = { what, which, catch: caught, kept: [] };
    this.#holds.add(state);
    return {
      caught: first,
      release: () => {
        this.#holds.delete(state);
        for (const { pass } of state.kept.splice(0)) pass();
      },
      cut: () => {
        this.#holds.delete(state);
        for (const { client } of state.kept.splice(0)) client.destroy();
      },
    };
  }

  /** The requests so far whose statements match. */
  sent(statement: RegExp): CqlRequest[] {
    return this.requests.filter((request) => matches(request, { statement }));
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all(
      this.#servers.map(async (server) => {
        server.close();
        await once(server, 'close');
      }),
    );
  }

  #join(client: Socket, server: Socket, node: string): void {
    /** By stream: what it asked, or the text that it prepares. */
    const asked = new Map<number, OpenRequest>();
    const preparing = new Map<number, string>();
    for (const socket of [client, server]) {
      this.#sockets.add(socket);
      socket.setNoDelay(true);
      socket.on('error', () => socket.destroy());
      socket.on('close', () => this.#sockets.delete(socket));
    }
    server.on('close', () => client.destroy());
    client.on('close', () => {
      // A node carries out what it was sent, whether anybody waits or not: that is to be seen here.
      if (asked.size === 0) server.destroy();
    });
    onFrames(client, (frame) => {
      const stream = frame.readInt16BE(2);
      const pass = (): void => {
        if (!server.destroyed) server.write(frame);
      };
      if (frame[4] === OPCODE.prepare) preparing.set(stream, longText(frame, HEADER_BYTES).text);
      const request = this.#requestOf(frame, node);
      if (request === undefined) {
        pass();
        return;
      }
      if (frame[0] !== VERSION) throw new Error('the client speaks another version of the native protocol');
      this.requests.push(request);
      asked.set(stream, request);
      this.#deliver('request', request, pass, client);
    });
    onFrames(server, (frame) => {
      const stream = frame.readInt16BE(2);
      const pass = (): void => {
        if (!client.destroyed) client.write(frame);
      };
      const text = preparing.get(stream);
      if (text !== undefined) {
        preparing.delete(stream);
        if (frame[4] === OPCODE.result && frame.readInt32BE(HEADER_BYTES) === RESULT_PREPARED) {
          this.#texts.set(shortBytes(frame, HEADER_BYTES + 4).bytes.toString('hex'), text);
        }
      }
      const request = asked.get(stream);
      asked.delete(stream);
      if (request === undefined) pass();
      else {
        request.isAnswered = true;
        this.#deliver('answer', request, pass, client);
      }
    });
  }

  #deliver(what: HoldState['what'], request: CqlRequest, pass: () => void, client: Socket): void {
    for (const hold of this.#holds) {
      if (hold.what !== what || !matches(request, hold.which)) continue;
      hold.kept.push({ pass, client });
      hold.catch(request);
      return;
    }
    pass();
  }

  /** @returns undefined for a frame that carries nothing out. */
  #requestOf(frame: Buffer, node: string): OpenRequest | undefined {
    const isAnswered = false;
    const prepared = (id: Buffer): string => this.#texts.get(id.toString('hex')) ?? 'unknown';
    switch (frame[4]) {
      case OPCODE.query:
        return { node, kind: 'plain', statements: [longText(frame, HEADER_BYTES).text], isAnswered };
      case OPCODE.execute:
        return {
          node,
          kind: 'plain',
          statements: [prepared(shortBytes(frame, HEADER_BYTES).bytes)],
          isAnswered,
        };
      case OPCODE.batch: {
        const kind = frame[HEADER_BYTES] === 0 ? 'logged batch' : 'unlogged batch';
        const statements: string[] = [];
        let at = HEADER_BYTES + 3;
        for (let left = frame.readUInt16BE(HEADER_BYTES + 1); left > 0; left -= 1) {
          const isPrepared = frame[at] === 1;
          if (isPrepared) {
            const { bytes, end } = shortBytes(frame, at + 1);
            statements.push(prepared(bytes));
            at = end;
          } else {
            const { text, end } = longText(frame, at + 1);
            statements.push(text);
            at = end;
          }
          let values = frame.readUInt16BE(at);
          // Null and unset values have negative lengths and no bytes.
          for (at += 2; values > 0; values -= 1) at += 4 + Math.max(0, frame.readInt32BE(at));
        }
        return { node, kind, statements, isAnswered };
      }
      default:
        return undefined;
    }
  }
}

function matches(request: CqlRequest, { node, statement }: Which): boolean {
  if (node !== undefined && node !== request.node) return false;
  return statement === undefined || request.statements.some((text) => statement.test(text));
}

/** Calls back with each whole frame that a socket brings. */
function onFrames(socket: Socket, callback: (frame: Buffer) => void): void {
  let chunks: Buffer[] = [];
  let bytes = 0;
  let wanted = HEADER_BYTES;
  socket.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    bytes += chunk.length;
    if (bytes < wanted) return;
    let rest = Buffer.concat(chunks, bytes);
    for (;;) {
      wanted = HEADER_BYTES + (rest.length < HEADER_BYTES ? 0 : rest.readInt32BE(HEADER_BYTES - 4));
      if (rest.length < wanted) break;
      callback(rest.subarray(0, wanted));
      rest = rest.subarray(wanted);
    }
    chunks = [rest];
    bytes = rest.length;
  });
}

function longText(frame: Buffer, at: number): { readonly text: string; readonly end: number } {
  const end = at + 4 + frame.readInt32BE(at);
  return { text: frame.toString('utf8', at + 4, end), end };
}

function shortBytes(frame: Buffer, at: number): { readonly bytes: Buffer; readonly end: number } {
  const end = at + 2 + frame.readUInt16BE(at);
  return { bytes: frame.subarray(at + 2, end), end };
}
