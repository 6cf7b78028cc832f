/** As much of a v1 data API client as the demo needs: JSON in, checked JSON out, and one streamed upload. */
import http from 'node:http';
import https from 'node:https';
import type { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Type, type Static, type TSchema } from '@sinclair/typebox';
import { Value } from '@sinclair/typebox/value';

/** What stops the demo: the message is all that its user sees. */
export class DemoError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'DemoError';
  }
}

/** The service refused a request. */
export class RefusedError extends DemoError {
  readonly status: number;
  readonly type: string;
  constructor(request: string, status: number, type: string, message: string) {
    super(`${request} was answered with ${status} ${type}: ${message}`);
    this.status = status;
    this.type = type;
  }
}

/** Attribute name → one type tag → content. */
const ItemShape = Type.Record(Type.String(), Type.Record(Type.String(), Type.Unknown()));
export type Item = Static<typeof ItemShape>;

export const TableAnswer = Type.Object({ table: Type.Object({ table_status: Type.String() }) });
export const ItemAnswer = Type.Object({ item: Type.Optional(ItemShape) });
export const UpdateAnswer = Type.Object({ attributes: Type.Optional(ItemShape) });
export const ItemsAnswer = Type.Object({
  count: Type.Integer(),
  items: Type.Array(ItemShape),
  last_evaluated_key: Type.Optional(ItemShape),
});
export const CountAnswer = Type.Object({ count: Type.Integer() });
export const ScanAnswer = Type.Object({
  count: Type.Integer(),
  scanned_count: Type.Integer(),
  items: Type.Array(ItemShape),
  last_evaluated_key: Type.Optional(ItemShape),
});
export const BulkLoadAnswer = Type.Object({
  read: Type.Integer(),
  processed: Type.Integer(),
  unprocessed: Type.Integer(),
  failed: Type.Integer(),
  failed_items: Type.Record(Type.String(), Type.String()),
});
/** For answers whose content does not matter. */
export const AnyAnswer = Type.Object({});

const Fault = Type.Object({ error: Type.Object({ type: Type.String(), message: Type.String() }) });

/** An `S` or `N` attribute's content; the empty text where the item has none. */
export function textOf(item: Item, name: string): string {
  const content = item[name]?.S ?? item[name]?.N;
  return typeof content === 'string' ? content : '';
}

/** How long the service may keep silent before a request is given up, in milliseconds. */
const SILENCE_MS = 120_000;

export class DataApi {
  /** `http://host:port/v1/data/{project}`. */
  readonly endpoint: string;
  readonly #agent: http.Agent;
  readonly #send: typeof http.request;

  constructor(url: string, project: string) {
    this.endpoint = `${url.replace(/\/+$/, '')}/v1/data/${encodeURIComponent(project)}`;
    const isSecure = url.startsWith('https:');
    this.#agent = isSecure ? new https.Agent({ keepAlive: true }) : new http.Agent({ keepAlive: true });
    this.#send = isSecure ? https.request : http.request;
  }

  /** @throws {RefusedError} {DemoError} where no usable answer came. */
  async call<S extends TSchema>(method: string, path: string, shape: S, body?: object): Promise<Static<S>> {
    const name = `${method} ${path}`;
    const { request, response } = this.#open(name, method, path);
    request.end(body === undefined ? undefined : JSON.stringify(body));
    return readAnswer(name, await response, shape);
  }

  /** Sends lines as they are produced, no faster than the service takes them. */
  async bulkLoad(table: string, lines: Readable): Promise<Static<typeof BulkLoadAnswer>> {
    const path = `/tables/${table}/bulk_load`;
    const name = `POST ${path}`;
    const { request, response } = this.#open(name, 'POST', path);
    // A refusal comes before the body has been sent, and ends the sending: then the answer is what counts.
    const sent = pipeline(lines, request).catch(() => undefined);
    const message = await response;
    const answer = await readAnswer(name, message, BulkLoadAnswer);
    await sent;
    return answer;
  }

  close(): void {
    this.#agent.destroy();
  }

  #open(
    name: string,
    method: string,
    path: string,
  ): { request: http.ClientRequest; response: Promise<http.IncomingMessage> } {
    const request = this.#send(`${this.endpoint}${path}`, {
      method,
      agent: this.#agent,
      headers: { accept: 'application/json', 'content-type': 'application/json' },
    });
    const response = new Promise<http.IncomingMessage>((resolve, reject) => {
      request.on('response', resolve);
      request.on('error', (error) => {
        reject(new DemoError(`${name} at ${this.endpoint} failed: ${reason(error)}`, { cause: error }));
      });
      request.setTimeout(SILENCE_MS, () => {
        request.destroy(new Error(`no answer within ${SILENCE_MS / 1000} s`));
      });
    });
    return { request, response };
  }
}

// Where an address has several forms, Node wraps one error for each into one without a message.
function reason(error: Error): string {
  if (error instanceof AggregateError) return error.errors.map(String).join('; ');
  return error.message;
}

async function readAnswer<S extends TSchema>(
  name: string,
  message: http.IncomingMessage,
  shape: S,
): Promise<Static<S>> {
  const chunks: Buffer[] = [];
  for await (const chunk of message) chunks.push(chunk as Buffer);
  const text = Buffer.concat(chunks).toString();
  const status = message.statusCode ?? 0;
  let answer: unknown;
  try {
    answer = JSON.parse(text);
  } catch {
    throw new DemoError(`${name} was answered with ${status} and no JSON: ${text.slice(0, 200)}`);
  }
  if (status !== 200) {
    const fault = Value.Check(Fault, answer) ? answer.error : { type: '', message: text.slice(0, 200) };
    throw new RefusedError(name, status, fault.type, fault.message);
  }
  if (!Value.Check(shape, answer)) {
    const first = Value.Errors(shape, answer).First();
    throw new DemoError(`${name}: unexpected answer at ${first?.path ?? '/'}: ${first?.message ?? ''}`);
  }
  return answer;
}
