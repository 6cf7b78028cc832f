/**
 * Scans over a cluster of three nodes: pages, segments and answers without an end find every item once, and nothing
 * else, whatever else is written and whichever node dies meanwhile (data API, 10.4).
 */
import { expect } from 'chai';
import { Client as CassandraClient, types } from 'cassandra-driver';
import { Client, type WireItem } from '../support/client.js';
import { createTable, logTails, onCluster, startService, type ServiceProcess } from './support/services.js';
import { useCluster, type SharedCluster } from './support/shared-cluster.js';
import { beginWriting } from './support/traffic.js';

const TABLE = 'scanned';
const PREFIX = 'scans';
/** Items that are there all the time: so many partitions of so many items. */
const PARTITIONS = 60;
const ITEMS_EACH = 5;
/** Some partitions end inside of a page, and some pages inside of a partition. */
const PAGE = 7;
const SEGMENTS = 4;

const BASE_KEYS = Array.from({ length: PARTITIONS * ITEMS_EACH }, (_, count) => ({
  h: { S: `base${count % PARTITIONS}` },
  r: { S: `r${Math.floor(count / PARTITIONS)}` },
}));

/** What a scan of the whole table has found. */
interface Found {
  readonly items: readonly WireItem[];
  readonly scannedCount: number;
}

/** By pages, each through another process. @param onPage is called after each. */
async function byPages(
  clients: readonly Client[],
  body: object = {},
  onPage: () => Promise<void> = () => Promise.resolve(),
): Promise<Found> {
  const items: WireItem[] = [];
  let scannedCount = 0;
  let last: WireItem | undefined;
  for (let page = 0; page === 0 || last !== undefined; page += 1) {
    const answer = await clients[page % clients.length]!.ok(TABLE, 'scan', {
      ...body,
      limit: PAGE,
      ...(last === undefined ? {} : { exclusive_start_key: last }),
    });
    items.push(...(answer.items ?? []));
    scannedCount += answer.scanned_count ?? 0;
    last = answer.last_evaluated_key;
    await onPage();
  }
  return { items, scannedCount };
}

/** By segments at the same time, each of them by pages. */
async function bySegments(clients: readonly Client[]): Promise<Found> {
  const all = await Promise.all(
    Array.from({ length: SEGMENTS }, (_, segment) => byPages(clients, { segment, total_segments: SEGMENTS })),
  );
  return {
    items: all.flatMap(({ items }) => items),
    scannedCount: all.reduce((sum, { scannedCount }) => sum + scannedCount, 0),
  };
}

/** As one answer. */
async function atOnce(clients: readonly Client[]): Promise<Found> {
  const { items = [], scanned_count: scannedCount = 0 } = await clients[0]!.ok(TABLE, 'scan', {});
  return { items, scannedCount };
}

function nameOf({ h, r }: WireItem): string {
  return `${String(h?.S)}/${String(r?.S)}`;
}

function expectComplete({ items, scannedCount }: Found): void {
  const names = items.map(nameOf);
  const found = new Set(names);
  expect(
    BASE_KEYS.map(nameOf).filter((name) => !found.has(name)),
    'missing',
  ).to.deep.equal([]);
  expect(
    names.filter((name, at) => names.indexOf(name) !== at),
    'found twice',
  ).to.deep.equal([]);
  // The index has the keys alone: a row of it has no text.
  expect(items.filter(({ text }) => text === undefined)).to.deep.equal([]);
  expect(scannedCount).to.equal(items.length);
}

/** Reads all rows from all replicas, which so become the same: a scan asks one replica, which may be behind. */
async function settle(cluster: SharedCluster): Promise<void> {
  const client = new CassandraClient({
    contactPoints: cluster.contactPoints.map((address) => `${address}:${cluster.port}`),
    localDataCenter: cluster.localDataCenter,
  });
  try {
    const { rows } = await client.execute('SELECT keyspace_name, table_name FROM system_schema.tables');
    const tables = rows
      .map((row) => ({ keyspace: String(row.keyspace_name), table: String(row.table_name) }))
      .filter(({ keyspace, table }) => /^scans_[ph]_/.test(keyspace) && table.startsWith('t_'));
    for (const { keyspace, table } of tables) {
      const query = `SELECT v FROM ${keyspace}.${table}`;
      const options = { consistency: types.consistencies.all, fetchSize: 500, isIdempotent: true };
      let { pageState } = await client.execute(query, [], options);
      // There is none after the last page.
      while (pageState) ({ pageState } = await client.execute(query, [], { ...options, pageState }));
    }
  } finally {
    await client.shutdown();
  }
}

describe('scans over a cluster', function () {
  this.timeout(120_000);
  const cluster = useCluster();
  const services: ServiceProcess[] = [];
  let clients: Client[];

  before(async () => {
    const settings = onCluster(cluster(), PREFIX);
    services.push(await startService(settings), await startService(settings));
    clients = services.map(({ url }) => new Client(url, 'project'));
    await createTable(clients[0]!, TABLE, {
      attributes: { h: 'S', r: 'S', a: 'S' },
      indexes: { by_a: { range: 'a', projection: { projection_type: 'KEYS_ONLY' } } },
    });
    const lines = BASE_KEYS.map((key) => JSON.stringify({ ...key, a: { S: 'a' }, text: { S: 'text' } }));
    const loaded = await clients[0]!.post(`/tables/${TABLE}/bulk_load`, lines.join('\n'));
    expect(loaded.body).to.include({ processed: BASE_KEYS.length });
    await settle(cluster());
  });
  afterEach(function () {
    if (this.currentTest?.state === 'failed') process.stderr.write(`${logTails(services)}\n`);
  });
  after(async () => {
    for (const service of services) await service.stop();
  });

  it('find every item once, and no row of an index, while others are written and a node dies', async () => {
    const writer = beginWriting(clients, TABLE, 2);
    try {
      await writer.progress(20);
      for (const found of await Promise.all([byPages(clients), bySegments(clients), atOnce(clients)])) {
        expectComplete(found);
      }
      const [, node] = cluster().nodes;
      let pages = 0;
      const scans = [
        byPages(clients, {}, async () => {
          if ((pages += 1) === 5) await node.kill();
        }),
        bySegments(clients),
        atOnce(clients),
      ];
      for (const found of await Promise.all(scans)) expectComplete(found);
      expect(node.isRunning).to.equal(false);
      for (const found of await Promise.all([byPages(clients), bySegments(clients), atOnce(clients)])) {
        expectComplete(found);
      }
    } finally {
      await writer.stop();
    }
    expect(writer.undocumented).to.deep.equal([]);
  });
});
