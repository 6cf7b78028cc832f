/**
 * Clients that go on while a test breaks the cluster, and count what they are answered. Each remembers what a check
 * needs: which writes were acknowledged, which reads failed, how long the slowest answer took.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Answer, Client, WireItem } from '../../support/client.js';
import { eventually } from '../../support/eventually.js';

/** How long traffic may take to get on, in milliseconds: above what a request may take. */
const PROGRESS_MS = 60_000;
/** What a client waits after a refusal, in milliseconds. */
const PAUSE_MS = 20;

/** Traffic under way. */
export interface Traffic {
  /** How many requests have been answered with success. */
  readonly done: number;
  /** How many of the answers were refusals, by type: `ServiceUnavailable`, `OutcomeUnknown`. */
  readonly refusals: Readonly<Record<string, number>>;
  /** Answers that the documentation does not have, at most 20. */
  readonly undocumented: readonly string[];
  readonly slowestMs: number;
  /** Resolves when so many more requests have been answered with success. */
  progress(count: number): Promise<void>;
  /** Resolves when all requests under way have been answered. */
  stop(): Promise<void>;
}

/** A writer of items that nobody else writes. */
export interface Writer extends Traffic {
  /** The keys of what was acknowledged. */
  readonly acknowledged: readonly WireItem[];
}

/** How an answer is to be taken; undefined: it is nowhere in doc/data-api.rst. */
export function refusalOf({ status, headers, body }: Answer): string | undefined {
  if (status !== 503) return undefined;
  const type = body.error?.type;
  if (type === 'ServiceUnavailable') return headers.has('retry-after') ? type : undefined;
  return type === 'OutcomeUnknown' ? type : undefined;
}

const underWay = new Set<() => Promise<void>>();

/** Stops all traffic, for after a test that may have failed before it did so. */
export async function stopTraffic(): Promise<void> {
  await Promise.all([...underWay].map((stop) => stop()));
}

/** Sends requests one after the other on each of some lanes, until stopped. */
function begin(
  lanes: number,
  send: (count: number) => Promise<Answer>,
  onDone: (count: number) => void,
): Traffic {
  const stopping = new AbortController();
  const refusals: Record<string, number> = {};
  const undocumented: string[] = [];
  let sent = 0;
  let done = 0;
  let slowestMs = 0;
  const lane = async (): Promise<void> => {
    while (!stopping.signal.aborted) {
      const count = (sent += 1);
      const startMs = performance.now();
      const answer = await send(count).catch((error: unknown) => String(error));
      slowestMs = Math.max(slowestMs, performance.now() - startMs);
      if (typeof answer !== 'string' && answer.status === 200) {
        done += 1;
        onDone(count);
        continue;
      }
      const refusal = typeof answer === 'string' ? undefined : refusalOf(answer);
      if (refusal !== undefined) refusals[refusal] = (refusals[refusal] ?? 0) + 1;
      else if (undocumented.length < 20) {
        undocumented.push(
          typeof answer === 'string' ? answer : `${answer.status} ${answer.text.slice(0, 300)}`,
        );
      }
      await sleep(PAUSE_MS);
    }
  };
  const all = Promise.all(Array.from({ length: lanes }, lane));
  const stop = async (): Promise<void> => {
    stopping.abort();
    await all;
    underWay.delete(stop);
  };
  underWay.add(stop);
  return {
    get done() {
      return done;
    },
    get slowestMs() {
      return slowestMs;
    },
    refusals,
    undocumented,
    progress: async (count) => {
      const goal = done + count;
      await eventually(() => {
        if (done < goal) throw new Error(`${done} of ${goal} requests are done`);
      }, PROGRESS_MS);
    },
    stop,
  };
}

let writers = 0;

/** Puts items with keys of their own, through each of the clients in turn. */
export function beginWriting(clients: readonly Client[], table: string, lanes: number): Writer {
  const acknowledged: WireItem[] = [];
  const writer = (writers += 1);
  const keyOf = (count: number): WireItem => ({
    h: { S: `h${count % 7}` },
    r: { S: `r${writer}-${count}` },
  });
  const traffic = begin(
    lanes,
    (count) =>
      pick(clients, count).call(table, 'put_item', {
        item: { ...keyOf(count), a: { S: `a${count % 11}` }, text: { S: 'text' } },
      }),
    (count) => acknowledged.push(keyOf(count)),
  );
  return Object.assign(traffic, { acknowledged });
}

/** Sends a request again and again, through each of the clients in turn. */
export function beginReading(
  clients: readonly Client[],
  lanes: number,
  read: (client: Client) => Promise<Answer>,
): Traffic {
  return begin(
    lanes,
    async (count) => {
      // What a client does between two reads: else reads alone keep the machine busy.
      await sleep(PAUSE_MS);
      return await read(pick(clients, count));
    },
    () => undefined,
  );
}

function pick(clients: readonly Client[], count: number): Client {
  const client = clients[count % clients.length];
  if (client === undefined) throw new RangeError('no client');
  return client;
}
