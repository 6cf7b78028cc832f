/**
 * What clients of several service processes see while Cassandra's nodes die, freeze and come back (doc/cassandra.rst):
 * answers that are documented and come in time, no acknowledged write lost, items that are linearizable, and a service
 * that needs no restart.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Client, tableBody, type Answer, type TableShape } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { expectFault } from '../support/faults.js';
import { expectLinearizable, judge } from '../support/history/checker.js';
import { LOAD_TABLE, runLoad, type Load } from '../support/history/load.js';
import { answeredNs, type Operation } from '../support/history/operation.js';
import { requestsOf } from './support/node-statistics.js';
import {
  createTable,
  logTails,
  onCluster,
  startService,
  type ServiceProcess,
  type Settings,
} from './support/services.js';
import { useCluster } from './support/shared-cluster.js';
import {
  beginReading,
  beginWriting,
  refusalOf,
  stopTraffic,
  type Traffic,
  type Writer,
} from './support/traffic.js';

const PROJECT = 'project';
const HOT = 'hot';
const LEDGER = 'ledger';
const LEDGER_TABLE: TableShape = {
  attributes: { h: 'S', r: 'S', a: 'S' },
  indexes: { by_a: { range: 'a' } },
};

/** A request must be answered in this time, whatever Cassandra does, in milliseconds. */
const ANSWER_MS = 15_000;
/** After a service is expected to be whole again: nodes notice each other's return within seconds. */
const RECOVERY_MS = 60_000;

/** How long nodes are frozen, in milliseconds. */
const FROZEN_MS = 6_000;

const MIB = 1024 * 1024;
/** What a process may take while it sheds 400 requests at a time; one at rest takes some 90 MiB. */
const MAX_SHEDDING_BYTES = 300 * MIB;
/** While 300 clients each send it an item of 350 KB, and wait: some five times what they send. */
const MAX_FROZEN_BYTES = 800 * MIB;

const KEY = { id: { S: 'known' } };
const QUERY = {
  key_conditions: { id: { comparison_operator: 'EQ', attribute_value_list: [{ S: 'known' }] } },
};

/** What needs no quorum, and goes on without it. */
const EVENTUAL_READS: Readonly<Record<string, (client: Client) => Promise<Answer>>> = {
  get_item: (client) => client.call(HOT, 'get_item', { key: KEY }),
  query: (client) => client.call(HOT, 'query', QUERY),
  scan: (client) => client.call(LEDGER, 'scan', { limit: 5 }),
};

/** What needs a quorum. */
const QUORUM_CALLS: Readonly<Record<string, (client: Client) => Promise<Answer>>> = {
  put_item: (client) => client.call(HOT, 'put_item', { item: { id: { S: 'other' } } }),
  'put_item of a table with an index': (client) =>
    client.call(LEDGER, 'put_item', { item: { h: { S: 'other' }, r: { S: 'r' }, a: { S: 'a' } } }),
  update_item: (client) =>
    client.call(HOT, 'update_item', {
      key: { id: { S: 'counted' } },
      attribute_updates: { n: { action: 'ADD', value: { N: '1' } } },
    }),
  delete_item: (client) => client.call(HOT, 'delete_item', { key: { id: { S: 'other' } } }),
  batch_write_item: (client) =>
    client.post('/batch_write_item', {
      request_items: { [HOT]: [{ put_request: { item: { id: { S: 'other' } } } }] },
    }),
  'get_item, consistent': (client) => client.call(HOT, 'get_item', { key: KEY, consistent_read: true }),
  'query, consistent': (client) => client.call(HOT, 'query', { ...QUERY, consistent_read: true }),
  create_table: (client) => client.post('/tables', tableBody('another', LOAD_TABLE)),
  list_tables: (client) => client.get('/tables'),
};

describe('a service on a cluster whose nodes fail', function () {
  this.timeout(180_000);
  const cluster = useCluster();
  const services: ServiceProcess[] = [];
  let clients: Client[];
  let loads = 0;
  let lastHistory: readonly Operation[] | undefined;

  before(async () => {
    const settings = onCluster(cluster(), 'faults');
    services.push(await startService(settings), await startService(settings));
    clients = services.map(({ url }) => new Client(url, PROJECT));
    const [client] = clients;
    await createTable(client!, HOT, LOAD_TABLE);
    await createTable(client!, LEDGER, LEDGER_TABLE);
    await client!.put(HOT, KEY);
  });
  afterEach(async function () {
    if (this.currentTest?.state === 'failed') process.stderr.write(`${logTails(services)}\n`);
    await stopTraffic();
    await stopThird();
    await cluster().repair();
  });
  after(async () => {
    for (const service of services) await service.stop();
  });

  /** All kinds of requests at once, to both processes, while `breaking` breaks something. */
  async function underLoad(
    breaking: (traffic: { readonly writer: Writer; readonly reader: Traffic }) => Promise<void>,
  ): Promise<{ load: Load; writer: Writer; reader: Traffic }> {
    const end = new AbortController();
    const load = runLoad({
      urls: services.map(({ url }) => url),
      project: PROJECT,
      table: HOT,
      clients: 10,
      items: 8,
      prefix: `load${(loads += 1)}`,
      seed: loads,
      signal: end.signal,
      // Above what the service takes at most, so that each of its answers is seen.
      requestTimeoutMs: 40_000,
    });
    const writer = beginWriting(clients, LEDGER, 3);
    const reader = beginReading(clients, 3, EVENTUAL_READS.get_item!);
    try {
      await writer.progress(50);
      await breaking({ writer, reader });
    } finally {
      end.abort();
      await Promise.all([load, writer.stop(), reader.stop()]);
    }
    return { load: await load, writer, reader };
  }

  async function expectSound({ load, writer, reader }: Awaited<ReturnType<typeof underLoad>>): Promise<void> {
    expect(load.undocumented).to.deep.equal([]);
    expect(writer.undocumented).to.deep.equal([]);
    // Reads of any replica need no other node.
    expect(reader.undocumented).to.deep.equal([]);
    expect(reader.refusals).to.deep.equal({});
    lastHistory = load.history;
    expectLinearizable(load.history);
    await expectAcknowledged(writer);
  }

  /** That every acknowledged item is there, and has its entry in the index. */
  async function expectAcknowledged({ acknowledged }: Writer): Promise<void> {
    const found = new Set<string>();
    for (let hash = 0; hash < 7; hash += 1) {
      const h = { comparison_operator: 'EQ', attribute_value_list: [{ S: `h${hash}` }] };
      for (const [place, index] of Object.entries({ base: {}, index: { index_name: 'by_a' } })) {
        const { items = [] } = await clients[0]!.ok(LEDGER, 'query', {
          ...index,
          key_conditions: { h },
          consistent_read: true,
        });
        for (const item of items) found.add(`${place} ${String(item.r?.S)}`);
      }
    }
    const names = acknowledged.flatMap(({ r }) => [`base ${String(r?.S)}`, `index ${String(r?.S)}`]);
    expect(names.filter((name) => !found.has(name))).to.deep.equal([]);
  }

  function report(what: string, { load, writer, reader }: Awaited<ReturnType<typeof underLoad>>): void {
    const counts = (record: Readonly<Record<string, number>>): string =>
      Object.entries(record)
        .map(([name, count]) => `${name} ${count}`)
        .join(', ');
    note(`${what}: ${counts(load.tally)}`);
    note(
      `writes of a ledger: ${writer.done} done, ${refusals(writer)} refused, slowest ${Math.round(writer.slowestMs)} ms`,
    );
    note(`eventual reads: ${reader.done} done, slowest ${Math.round(reader.slowestMs)} ms`);
  }

  /** Refusals among all answers but those of eventual reads. */
  function refusalsIn({ load, writer }: Awaited<ReturnType<typeof underLoad>>): number {
    const refused = load.history.filter(({ outcome }) => outcome.kind !== 'answered').length;
    return refused + refusals(writer);
  }

  // The commonest fault of all: one of three nodes is gone, and a quorum is left.
  it('goes on when one is killed, and uses it again when it is back', async () => {
    const [, , node] = cluster().nodes;
    const result = await underLoad(async ({ writer }) => {
      await node.kill();
      await writer.progress(150);
      await node.start();
      const before = await requestsOf(cluster(), node);
      await eventually(async () => {
        expect(await requestsOf(cluster(), node)).to.be.above(before + 100);
      }, RECOVERY_MS);
    });
    report('one node killed', result);
    await expectSound(result);
    expect(refusalsIn(result)).to.be.below(50);
  });

  // A frozen node is worse than a dead one: it takes connections and requests, and says nothing.
  it('goes on when one is paused for seconds, and uses it again when it is back', async () => {
    const [, node] = cluster().nodes;
    const result = await underLoad(async ({ writer }) => {
      await node.pause();
      await sleep(FROZEN_MS);
      node.resume();
      await writer.progress(50);
      const before = await requestsOf(cluster(), node);
      await eventually(async () => {
        expect(await requestsOf(cluster(), node)).to.be.above(before + 100);
      }, RECOVERY_MS);
    });
    report('one node paused', result);
    await expectSound(result);
    expect(refusalsIn(result)).to.be.below(100);
  });

  // The tests above are worth something only if the checker sees what a cluster may do wrong.
  it('would be caught at losing one acknowledged write', () => {
    if (lastHistory === undefined) throw new Error('no test above has recorded a history to alter');
    const history = withLostWrite(lastHistory);
    const judgement = judge(history);
    expect(judgement.kind).to.equal('violated');
  });

  /** All calls that need a quorum, to both processes at once, and how long each took. */
  async function callAll(): Promise<{ name: string; answer: Answer; tookMs: number }[]> {
    return await Promise.all(
      clients.flatMap((client) =>
        Object.entries(QUORUM_CALLS).map(async ([name, call]) => {
          const startMs = performance.now();
          const answer = await call(client);
          return { name, answer, tookMs: performance.now() - startMs };
        }),
      ),
    );
  }

  // decisions: operations that need a quorum get 503, reads that don't go on; no request hangs.
  it('answers 503 in time without a quorum, goes on with other reads, and is back with the nodes', async () => {
    const [, second, third] = cluster().nodes;
    const writer = beginWriting(clients, LEDGER, 2);
    await writer.progress(20);
    await writer.stop();
    const readers = Object.values(EVENTUAL_READS).map((read) => beginReading(clients, 1, read));

    await Promise.all([second.kill(), third.kill()]);
    // The survivor believes in the others for a while, and waits for them.
    const first = await callAll();
    note(`without a quorum, at once: ${figures(first)}`);
    for (const { name, answer, tookMs } of first) {
      expect(refusalOf(answer), `${name}: ${answer.status} ${answer.text}`).to.be.oneOf([
        'ServiceUnavailable',
        'OutcomeUnknown',
      ]);
      expect(tookMs, name).to.be.below(ANSWER_MS);
    }
    await eventually(async () => {
      const later = await callAll();
      note(`without a quorum, later: ${figures(later)}`);
      for (const { answer } of later) expectFault(answer, 503, 'ServiceUnavailable');
      for (const { answer } of later) expect(answer.headers.get('retry-after')).to.match(/^\d+$/);
      expect(Math.max(...later.map(({ tookMs }) => tookMs))).to.be.below(2_000);
    }, RECOVERY_MS);

    // A process that starts only now has never seen the catalogue: its reads go by what the survivor has of it.
    const { client } = await startThird();
    for (const [name, read] of Object.entries(EVENTUAL_READS)) {
      const answer = await read(client);
      expect(answer.status, `${name}: ${answer.text}`).to.equal(200);
    }
    await Promise.all(readers.map((reader) => reader.progress(20)));
    await Promise.all(readers.map((reader) => reader.stop()));
    note(
      `eventual reads: ${readers.map(({ done, slowestMs }) => `${done} done, slowest ${Math.round(slowestMs)} ms`).join('; ')}`,
    );
    for (const { refusals, undocumented } of readers) {
      expect({ refusals, undocumented }).to.deep.equal({ refusals: {}, undocumented: [] });
    }

    await Promise.all([second.start(), third.start()]);
    await expectWhole();
    await expectAcknowledged(writer);
  });

  /** A third process, on the same tables. */
  async function startThird(settings: Settings = {}): Promise<{ service: ServiceProcess; client: Client }> {
    const service = await startService(
      onCluster(cluster(), 'faults', {
        ...settings,
        cassandra: { connect_timeout: 1, ...settings.cassandra },
      }),
    );
    services.push(service);
    const client = new Client(service.url, PROJECT);
    clients.push(client);
    return { service, client };
  }

  async function stopThird(): Promise<void> {
    clients.splice(2);
    for (const service of services.splice(2)) await service.stop();
  }

  /** That a process which has not reached the cluster yet says so to everybody. */
  async function expectWaiting({
    service,
    client,
  }: {
    service: ServiceProcess;
    client: Client;
  }): Promise<void> {
    expect((await fetch(service.url)).status).to.equal(200);
    for (const call of [...Object.values(EVENTUAL_READS), ...Object.values(QUORUM_CALLS)]) {
      const startMs = performance.now();
      const answer = await call(client);
      expectFault(answer, 503, 'ServiceUnavailable');
      expect(answer.headers.get('retry-after')).to.match(/^\d+$/);
      expect(performance.now() - startMs).to.be.below(3_000);
    }
    const events = service.log.filter(({ level }) => level === 'error').map(({ event }) => event);
    expect(events).to.include('Cassandra does not answer; requests get 503 until it does');
  }

  // Frozen nodes take connections: nothing is refused, and everything waits.
  it('answers 503 in time when all are frozen, starts even then, and is back with the nodes', async () => {
    await Promise.all(cluster().nodes.map((node) => node.pause()));
    const calls = callAll();
    const third = await startThird();
    await expectWaiting(third);
    const answers = await calls;
    note(`all frozen: ${figures(answers)}`);
    for (const { name, answer, tookMs } of answers) {
      expect(refusalOf(answer), `${name}: ${answer.status} ${answer.text}`).to.be.oneOf([
        'ServiceUnavailable',
        'OutcomeUnknown',
      ]);
      expect(tookMs, name).to.be.below(ANSWER_MS);
    }
    await cluster().repair();
    await expectWhole();
  });

  it('starts where nothing listens, and serves once a node is there', async () => {
    const [, , node] = cluster().nodes;
    await node.kill();
    const { address } = node;
    await expectWaiting(await startThird({ cassandra: { contact_points: `${address}:${cluster().port}` } }));
    await cluster().repair();
    await expectWhole();
  });

  // What Cassandra can't keep up with must wait at the clients, not in the service's memory.
  it('sheds what is more than max_requests, in bounded memory', async () => {
    const { service, client } = await startThird({ cassandra: { max_requests: 8 } });
    await client.put(HOT, KEY);
    const base = service.residentBytes().now;
    const shedMs: number[] = [];
    const statuses: Record<string, number> = {};
    const put = async (count: number): Promise<void> => {
      const startMs = performance.now();
      const answer = await client.call(HOT, 'put_item', {
        item: { id: { S: `many${count}` }, text: { S: 'x'.repeat(10_000) } },
      });
      const told = refusalOf(answer) ?? String(answer.status);
      statuses[told] = (statuses[told] ?? 0) + 1;
      if (told === 'ServiceUnavailable') shedMs.push(performance.now() - startMs);
    };
    await Promise.all(
      Array.from({ length: 400 }, async (_, lane) => {
        for (let count = 0; count < 5; count += 1) await put(lane * 5 + count);
      }),
    );
    const { peak } = service.residentBytes();
    shedMs.sort((a, b) => a - b);
    note(
      `overload: ${JSON.stringify(statuses)}, shed within ${Math.round(shedMs[shedMs.length >> 1] ?? 0)} ms (median), ${Math.round(shedMs.at(-1) ?? 0)} ms (most); memory ${base >> 20} MiB, peak ${peak >> 20} MiB`,
    );
    expect(statuses).to.have.all.keys('200', 'ServiceUnavailable');
    expect(peak).to.be.below(MAX_SHEDDING_BYTES);
    await expectWhole();
  });

  it('keeps its memory bounded while clients send large items to frozen nodes', async () => {
    const { service, client } = await startThird({
      // Less than by default, so that the test needs less time; a round of Paxos fits in.
      cassandra: { server_timeout: 3, request_timeout: 6 },
    });
    await client.put(HOT, KEY);
    const base = service.residentBytes().now;
    await Promise.all(cluster().nodes.map((node) => node.pause()));
    const statuses: Record<string, number> = {};
    const item = { text: { S: 'x'.repeat(350_000) } };
    const endMs = performance.now() + FROZEN_MS;
    await Promise.all(
      Array.from({ length: 300 }, async (_, lane) => {
        while (performance.now() < endMs) {
          const answer = await client.call(HOT, 'put_item', {
            item: { id: { S: `large${lane}` }, ...item },
          });
          const told = refusalOf(answer) ?? String(answer.status);
          statuses[told] = (statuses[told] ?? 0) + 1;
          await sleep(50);
        }
      }),
    );
    const { now, peak } = service.residentBytes();
    note(
      `frozen: ${JSON.stringify(statuses)}; memory ${base >> 20} MiB, peak ${peak >> 20} MiB, then ${now >> 20} MiB`,
    );
    expect(statuses).to.not.have.any.keys('200', '500');
    expect(peak).to.be.below(MAX_FROZEN_BYTES);
    await cluster().repair();
    await expectWhole();
  });

  /** That both processes serve everything again. */
  async function expectWhole(): Promise<void> {
    const startMs = performance.now();
    await eventually(async () => {
      for (const { name, answer } of await callAll()) {
        if (name === 'create_table' && answer.body.error?.type === 'TableAlreadyExistsException') continue;
        expect(answer.status, `${name}: ${answer.text}`).to.equal(200);
      }
    }, RECOVERY_MS);
    note(`all is served again after ${Math.round(performance.now() - startMs)} ms`);
    expect(await clients[1]!.getItem(HOT, KEY)).to.deep.equal(KEY);
  }
});

function refusals(traffic: Traffic): number {
  return Object.values(traffic.refusals).reduce((sum, count) => sum + count, 0);
}

/** A line among the results of the tests. */
function note(line: string): void {
  process.stdout.write(`      ${line}\n`);
}

/** What was answered, by type, and how long the slowest of each took. */
function figures(calls: readonly { name: string; answer: Answer; tookMs: number }[]): string {
  const types = new Map<string, { count: number; mostMs: number }>();
  for (const { answer, tookMs } of calls) {
    const type = refusalOf(answer) ?? String(answer.status);
    const { count, mostMs } = types.get(type) ?? { count: 0, mostMs: 0 };
    types.set(type, { count: count + 1, mostMs: Math.max(mostMs, tookMs) });
  }
  return [...types]
    .map(([type, { count, mostMs }]) => `${count} ${type}, slowest ${Math.round(mostMs)} ms`)
    .join('; ');
}

/** A history whose last read of an item finds what an acknowledged put had replaced, as if that one had been lost. */
function withLostWrite(history: readonly Operation[]): readonly Operation[] {
  const isPut = ({ action, outcome }: Operation): boolean =>
    action.kind === 'put' && outcome.kind === 'answered' && outcome.answer.kind === 'done';
  for (const [index, last] of history.entries()) {
    if (last.client !== 'last' || last.outcome.kind !== 'answered') continue;
    const [old] = history.filter((operation) => operation.item === last.item && isPut(operation));
    if (old?.action.kind !== 'put') continue;
    const oldNs = answeredNs(old);
    const isReplaced = history.some(
      (operation) => operation.item === last.item && isPut(operation) && operation.invokedNs > oldNs,
    );
    if (!isReplaced) continue;
    const answer = { kind: 'state', state: { text: old.action.text, count: 0 } } as const;
    return history.with(index, { ...last, outcome: { ...last.outcome, answer } });
  }
  throw new Error('no item was put twice');
}
