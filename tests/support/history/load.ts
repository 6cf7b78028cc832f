/**
 * Drives the v1 data API with concurrent clients on few items, and records the history for the checker.
 *
 * ```ts
 * const load = await runLoad({ urls, project, table, clients: 16, items: 8, durationMs: 5000, seed: 1 });
 * expect(load.undocumented).to.deep.equal([]);
 * expectLinearizable(load.history);
 * ```
 *
 * Each put has a text of its own, so that a reader knows which one it sees. Connections are kept; each request goes to
 * any of the services. What a client does is decided by the seed; what it finds, and so what its conditions expect, is
 * not.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { TableShape, WireItem } from '../client.js';
import type { Action, Condition, ItemState, Operation, Outcome, Value } from './operation.js';
import { seededRandom, type Random } from './random.js';
import { Sender, type Reply } from './sender.js';

/** The table that `runLoad` takes if nothing is said of keys. */
export const LOAD_TABLE: TableShape = { attributes: { id: 'S' } };

/** How often each operation comes, in proportion to the others. */
export interface Mix {
  readonly read: number;
  readonly put: number;
  readonly putIfAbsent: number;
  /** If the item is what some client has last seen. */
  readonly putIfEquals: number;
  readonly delete: number;
  readonly deleteIfEquals: number;
  readonly increment: number;
}

export const DEFAULT_MIX: Mix = {
  read: 30,
  put: 15,
  putIfAbsent: 10,
  putIfEquals: 15,
  delete: 5,
  deleteIfEquals: 5,
  increment: 20,
};

export interface LoadOptions {
  /** Service URLs, each before `/v1/data/…`. */
  readonly urls: readonly string[];
  readonly project: string;
  /** A table that exists and is ACTIVE. */
  readonly table: string;
  /** Each does one operation at a time. The checker copes with some 30 at one time on one item. */
  readonly clients: number;
  /** How many items there are. They must not exist. */
  readonly items: number;
  /** The load ends after this time, by this signal, or after so many operations, whichever comes first. */
  readonly durationMs?: number;
  readonly signal?: AbortSignal;
  /** Default 100,000: it bounds the memory. */
  readonly maxOperations?: number;
  /** Operations left out don't come. Default: DEFAULT_MIX. */
  readonly mix?: Partial<Mix>;
  /** Default 1. */
  readonly seed?: number;
  /** Begins the items' names, so that loads on one table don't meet. Default `item`. */
  readonly prefix?: string;
  /** An item's key, for a table of another shape than LOAD_TABLE; the HASH attribute comes first. */
  readonly keyOf?: (item: string) => WireItem;
  /** Sent with each request: a token, say. */
  readonly headers?: Readonly<Record<string, string>>;
  /** After which a request's answer is not waited for any more. Default 10 s. */
  readonly requestTimeoutMs?: number;
  /** How long a client waits after it was refused, or got no answer. Default 20 ms. */
  readonly pauseMs?: number;
  /** How long the reads at the end are tried. Default 60 s. */
  readonly finalReadMs?: number;
}

/** What is nowhere in the API's documentation: a bug, or a load that was set up wrongly. */
export interface Undocumented {
  readonly operation: Operation;
  readonly what: string;
}

export interface Load {
  /** In the order of answers. Ends with a read of each item, once the service answers again. */
  readonly history: readonly Operation[];
  /** The caller asserts that there are none. */
  readonly undocumented: readonly Undocumented[];
  /** How many operations there were by kind and outcome: `put answered`, `put condition failed`, `read refused`. */
  readonly tally: Readonly<Record<string, number>>;
}

/** Runs a load to its end. @throws {TypeError} nothing would end it. */
export async function runLoad(options: LoadOptions): Promise<Load> {
  const { durationMs, signal, maxOperations } = options;
  if (durationMs === undefined && signal === undefined && maxOperations === undefined) {
    throw new TypeError('a load needs an end: durationMs, signal or maxOperations');
  }
  const recorder = new Recorder(options);
  const ends = [
    ...(durationMs === undefined ? [] : [AbortSignal.timeout(durationMs)]),
    ...(signal === undefined ? [] : [signal]),
  ];
  try {
    await recorder.load(AbortSignal.any(ends));
    await recorder.readAll();
    return recorder.result();
  } finally {
    recorder.close();
  }
}

const DEFAULT_MAX_OPERATIONS = 100_000;
const DEFAULT_REQUEST_TIMEOUT_MS = 10_000;
const DEFAULT_PAUSE_MS = 20;
const DEFAULT_FINAL_READ_MS = 60_000;
/** How much of an answer is shown where it is undocumented, in characters. */
const SHOWN_LENGTH = 300;

class Recorder {
  readonly #senders: readonly Sender[];
  readonly #items: readonly string[];
  readonly #history: Operation[] = [];
  readonly #undocumented: Undocumented[] = [];
  /** What some client has last found in an item, which is what conditions expect. */
  readonly #lastSeen = new Map<string, ItemState>();
  readonly #kinds: readonly (keyof Mix)[];
  #begun = 0;
  #texts = 0;

  constructor(private readonly options: LoadOptions) {
    const { clients, requestTimeoutMs: timeoutMs = DEFAULT_REQUEST_TIMEOUT_MS, headers = {} } = options;
    const data = `/v1/data/${options.project}/tables/${options.table}`;
    this.#senders = options.urls.map(
      (url) => new Sender(url + data, { connections: clients, timeoutMs, headers }),
    );
    const prefix = options.prefix ?? 'item';
    this.#items = Array.from({ length: options.items }, (_, index) => `${prefix}-${index}`);
    this.#kinds = Object.entries(options.mix ?? DEFAULT_MIX).flatMap(([kind, share]: [string, number]) =>
      Array.from({ length: share }, () => kind as keyof Mix),
    );
  }

  async load(end: AbortSignal): Promise<void> {
    const { clients, seed = 1 } = this.options;
    await Promise.all(
      Array.from({ length: clients }, (_, index) =>
        this.#work(String(index), seededRandom(seed * 1_000_003 + index), end),
      ),
    );
  }

  /** Reads each item once, as soon as a service answers. */
  async readAll(): Promise<void> {
    const { finalReadMs = DEFAULT_FINAL_READ_MS } = this.options;
    const endMs = performance.now() + finalReadMs;
    await Promise.all(
      this.#items.map(async (item, index) => {
        for (let attempt = 0; ; attempt += 1) {
          const sender = this.#senders[(index + attempt) % this.#senders.length];
          if (sender === undefined) return;
          const operation = await this.#perform('last', item, { kind: 'read' }, sender);
          const isUndocumented = this.#undocumented.at(-1)?.operation === operation;
          if (operation.outcome.kind === 'answered' || isUndocumented) return;
          if (performance.now() > endMs) {
            const what = `no answer to the last read within ${finalReadMs} ms`;
            this.#undocumented.push({ operation, what });
            return;
          }
          await this.#pause();
        }
      }),
    );
  }

  result(): Load {
    const tally: Record<string, number> = {};
    for (const { action, outcome } of this.#history) {
      const isHeld = outcome.kind !== 'answered' || outcome.answer.kind !== 'conditionFailed';
      const name = `${action.kind} ${isHeld ? outcome.kind : 'condition failed'}`;
      tally[name] = (tally[name] ?? 0) + 1;
    }
    return { history: this.#history, undocumented: this.#undocumented, tally };
  }

  close(): void {
    for (const sender of this.#senders) sender.close();
  }

  async #work(client: string, random: Random, end: AbortSignal): Promise<void> {
    const { maxOperations = DEFAULT_MAX_OPERATIONS } = this.options;
    while (!end.aborted && this.#begun < maxOperations) {
      this.#begun += 1;
      const item = random.pick(this.#items);
      const action = this.#action(random.pick(this.#kinds), item);
      const { outcome } = await this.#perform(client, item, action, random.pick(this.#senders));
      if (outcome.kind !== 'answered') await this.#pause();
    }
  }

  async #pause(): Promise<void> {
    await sleep(this.options.pauseMs ?? DEFAULT_PAUSE_MS);
  }

  #action(kind: keyof Mix, item: string): Action {
    const text = (): string => `t${(this.#texts += 1)}`;
    const lastSeen = this.#lastSeen.get(item) ?? null;
    const asSeen: Condition = lastSeen === null ? { kind: 'absent' } : { kind: 'equals', value: lastSeen };
    switch (kind) {
      case 'read':
      case 'delete':
      case 'increment':
        return { kind };
      case 'put':
        return { kind: 'put', text: text() };
      case 'putIfAbsent':
        return { kind: 'put', text: text(), condition: { kind: 'absent' } };
      case 'putIfEquals':
        return { kind: 'put', text: text(), condition: asSeen };
      case 'deleteIfEquals':
        return { kind: 'delete', condition: asSeen };
    }
  }

  async #perform(client: string, item: string, action: Action, sender: Sender): Promise<Operation> {
    const [path, body] = this.#request(item, action);
    const invokedNs = nowNs();
    const reply = await sender.post(path, body);
    const answeredNs = nowNs();
    const { outcome, undocumented } = interpret(action, reply, answeredNs, this.#key(item));
    const operation: Operation = { client, item, action, invokedNs, outcome };
    this.#history.push(operation);
    if (undocumented !== undefined) this.#undocumented.push({ operation, what: undocumented });
    this.#remember(operation);
    return operation;
  }

  #remember({ item, action, outcome }: Operation): void {
    if (outcome.kind !== 'answered') return;
    const { answer } = outcome;
    if (answer.kind === 'state') this.#lastSeen.set(item, answer.state);
    else if (answer.kind === 'done') {
      this.#lastSeen.set(item, action.kind === 'put' ? { text: action.text, count: 0 } : null);
    }
  }

  #key(item: string): WireItem {
    return this.options.keyOf?.(item) ?? { id: { S: item } };
  }

  #request(item: string, action: Action): [path: string, body: object] {
    const key = this.#key(item);
    switch (action.kind) {
      case 'read':
        return ['/get_item', { key, consistent_read: true }];
      case 'put':
        return [
          '/put_item',
          {
            item: { ...key, text: { S: action.text }, count: { N: '0' } },
            ...expected(action.condition, key),
          },
        ];
      case 'delete':
        return ['/delete_item', { key, ...expected(action.condition, key) }];
      case 'increment':
        return [
          '/update_item',
          {
            key,
            attribute_updates: { count: { action: 'ADD', value: { N: '1' } } },
            return_values: 'ALL_NEW',
          },
        ];
    }
  }
}

/** Nanoseconds of the machine's monotonic clock, so that histories of several processes can be put together. */
function nowNs(): number {
  return Number(process.hrtime.bigint());
}

function expected(condition: Condition | undefined, key: WireItem): object {
  if (condition === undefined) return {};
  if (condition.kind === 'absent') {
    const [hash = ''] = Object.keys(key);
    return { expected: { [hash]: { exists: false } } };
  }
  const { text, count } = condition.value;
  return {
    expected: {
      text: text === '' ? { exists: false } : { value: { S: text } },
      count: { value: { N: String(count) } },
    },
  };
}

interface Interpretation {
  readonly outcome: Outcome;
  readonly undocumented?: string;
}

/** What a reply says of an operation, by doc/data-api.rst. What isn't documented may have had an effect. */
export function interpret(action: Action, reply: Reply, answeredNs: number, key: WireItem): Interpretation {
  if (reply.kind === 'unsent') return { outcome: { kind: 'refused' } };
  if (reply.kind === 'lost') return { outcome: { kind: 'unknown' } };
  const body = parsed(reply.text);
  const undocumented = {
    outcome: { kind: 'unknown' as const },
    undocumented: `${reply.status} ${reply.text.slice(0, SHOWN_LENGTH)}`,
  };
  const type = body?.error?.type;
  if (reply.status === 200 && body !== undefined) {
    if (action.kind === 'put' || action.kind === 'delete') {
      return { outcome: { kind: 'answered', answer: { kind: 'done' }, answeredNs } };
    }
    const item = action.kind === 'read' ? body.item : body.attributes;
    const state = item === undefined ? null : valueOf(item, key);
    // An item that was just incremented is there.
    if (state === undefined || (state === null && action.kind === 'increment')) return undocumented;
    return { outcome: { kind: 'answered', answer: { kind: 'state', state }, answeredNs } };
  }
  if (reply.status === 400 && type === 'ConditionalCheckFailedException' && 'condition' in action) {
    return { outcome: { kind: 'answered', answer: { kind: 'conditionFailed' }, answeredNs } };
  }
  if (reply.status === 503 && type === 'ServiceUnavailable' && reply.retryAfter !== undefined) {
    return { outcome: { kind: 'refused' } };
  }
  if (reply.status === 503 && type === 'OutcomeUnknown' && action.kind !== 'read') {
    return { outcome: { kind: 'unknown' } };
  }
  return undocumented;
}

interface Body {
  readonly item?: WireItem;
  readonly attributes?: WireItem;
  readonly error?: { readonly type?: string };
}

/** Undefined where it is no JSON object. */
function parsed(text: string): Body | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === 'object' && value !== null ? value : undefined;
  } catch {
    return undefined;
  }
}

/** What an item on the wire holds; undefined: it isn't one that this load can have made. */
function valueOf(item: WireItem, key: WireItem): Value | undefined {
  const { text, count, ...rest } = item;
  const isForeign = JSON.stringify(sorted(rest)) !== JSON.stringify(sorted(key));
  if (isForeign || typeof count?.N !== 'string' || !/^\d+$/.test(count.N)) return undefined;
  if (text !== undefined && typeof text.S !== 'string') return undefined;
  return { text: text === undefined ? '' : (text.S as string), count: Number(count.N) };
}

function sorted(item: WireItem): [string, object][] {
  return Object.entries(item).sort(([a], [b]) => (a < b ? -1 : 1));
}
