/** What only the Cassandra driver does, on a cluster of three nodes; what every driver does is in tests/conformance/. */
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { Client } from 'cassandra-driver';
import sinon from 'sinon';
import { startCluster, type Cluster } from '../../tools/cassandra/cluster.js';
import { silentLogger } from '../../magnetodb/logging/logger.js';
import type {
  Container,
  ContainerKind,
  Guard,
  Mutation,
  Row,
  ScanRequest,
  StorageDriver,
} from '../../magnetodb/storage/driver.js';
import { ContainerNotFoundError, StorageUnavailableError } from '../../magnetodb/storage/errors.js';
import { openDriver } from '../../magnetodb/storage/registry.js';
import { newVersion } from '../../magnetodb/storage/versions.js';
import { baseKey, indexKey, newContainer, put } from '../conformance/storage-driver-suite.js';
import { KEYSPACE, observe, optionsOn, text } from './support/cluster-store.js';
import { CqlProxies } from './support/cql-proxy.js';
import { partitionWithToken } from './support/tokens.js';

const START_MS = 300_000;
const ANY: Guard = { kind: 'any' };
const KINDS: readonly ContainerKind[] = ['guarded', 'plain'];
const YEAR_MS = 365 * 24 * 3_600_000;

function tableOf({ id }: Container): string {
  return `t_${id.replaceAll('-', '')}`;
}

/** An item's base row and its rows in two indexes. */
function item(value: string, expiresAtMs?: number, sortKey = 'item'): Mutation[] {
  const keys = [baseKey(sortKey), indexKey('first', 'key', sortKey), indexKey('second', 'key', sortKey)];
  return keys.map((key) => put(key, value, expiresAtMs));
}

/** Asks again, as a client would, while the nodes have not noticed that one of them is gone. */
async function untilServed<Result>(call: () => Promise<Result>): Promise<Result> {
  const endMs = performance.now() + 45_000;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      if (!(error instanceof StorageUnavailableError) || performance.now() > endMs) throw error;
      await sleep(100);
    }
  }
}

describe('the Cassandra driver on three nodes', function () {
  this.timeout(60_000);
  let cluster: Cluster;
  let client: Client;
  let driver: StorageDriver;
  /** Another process's, as far as the nodes can tell. */
  let other: StorageDriver;

  before(async function () {
    this.timeout(START_MS);
    cluster = await startCluster({ nodes: 3, log: () => undefined });
    client = await observe(cluster);
    const options = { cassandra: optionsOn(cluster) };
    driver = await openDriver('cassandra', options, silentLogger);
    other = await openDriver('cassandra', options, silentLogger);
  });
  after(async function () {
    this.timeout(START_MS);
    await Promise.all([driver.close(), other.close(), client.shutdown()]);
    await cluster.stop();
  });

  async function created(kind: ContainerKind = 'guarded'): Promise<Container> {
    const container = newContainer('', kind);
    await driver.createContainer(container);
    return container;
  }

  async function write(
    container: Container,
    partition: Buffer,
    mutations: Mutation[],
    guard: Guard = ANY,
    by = driver,
  ): Promise<Uint8Array> {
    const version = newVersion();
    expect(await by.write(container, { partition, mutations, guard, version })).to.equal('applied');
    return version;
  }

  /** A row as its place, and the cursor that goes on after it. */
  interface Place {
    readonly partition: Buffer;
    readonly row: Row;
  }

  describe('tombstones', () => {
    /** Items of one partition: what each of them left would add up in a read of them all. */
    const sortKeys = Array.from({ length: 6 }, (_, n) => `item ${n}`);

    /** The most that one read of a container has met, at any node, and how many reads were counted. */
    async function met(container: Container): Promise<{ tombstones: number; reads: number }> {
      let [tombstones, reads] = [0, 0];
      for (const host of client.hosts.values()) {
        const { rows } = await client.execute(
          'SELECT count, max FROM system_views.tombstones_per_read WHERE keyspace_name = ? AND table_name = ?',
          [KEYSPACE, tableOf(container)],
          { prepare: true, host },
        );
        for (const { count, max } of rows as unknown as { count: bigint; max: bigint }[]) {
          // The nodes count a read that met none as one that met one.
          tombstones = Math.max(tombstones, Number(max) - 1);
          reads += Number(count);
        }
      }
      return { tombstones, reads };
    }

    async function readAll(container: Container, partition: Buffer): Promise<void> {
      await driver.get(container, { partition, key: baseKey('item 0') }, 'strong');
      for (const index of ['', 'first', 'second']) {
        for (const reverse of [false, true]) {
          await driver.range(container, { partition, index, reverse, limit: 100, consistency: 'strong' });
        }
      }
      await driver.scan(container, { segment: { index: 0, total: 1 }, limit: 100, consistency: 'strong' });
    }

    for (const kind of KINDS) {
      // A thousand of them slow a read down, a hundred thousand fail it, for the ten days that they stay.
      it(`are not left in ${kind} containers by puts, updates and reads, with expiry or without`, async () => {
        const container = await created(kind);
        const partition = randomBytes(16);
        const later = Date.now() + 3_600_000;
        for (const expiresAtMs of [undefined, later, undefined, later + 60_000, later]) {
          for (let turn = 0; turn < 3; turn += 1) {
            for (const sortKey of sortKeys) {
              await write(container, partition, item(`value ${turn}`, expiresAtMs, sortKey));
            }
            await readAll(container, partition);
          }
        }
        const { tombstones, reads } = await met(container);
        expect(reads).to.be.greaterThan(25);
        expect(tombstones).to.equal(0);
        // Else the counter would count nothing.
        for (const sortKey of sortKeys) {
          await write(container, partition, [{ kind: 'delete', key: baseKey(sortKey) }]);
        }
        await readAll(container, partition);
        expect((await met(container)).tombstones).to.be.greaterThan(0);
      });
    }

    it('are not left in guarded containers by guarded writes, nor by deletes of what is not there', async () => {
      const container = await created();
      const partition = randomBytes(16);
      for (const sortKey of sortKeys) {
        const key = baseKey(sortKey);
        let version = await write(container, partition, item('0', undefined, sortKey), {
          kind: 'absent',
          key,
        });
        for (let turn = 1; turn < 4; turn += 1) {
          const guard: Guard = { kind: 'version', key, version };
          const mutations = item(String(turn), undefined, sortKey);
          version = await write(container, partition, mutations, guard);
          const late = { partition, mutations, guard, version: newVersion() };
          expect(await driver.write(container, late)).to.equal('conflict');
          const removal: Mutation[] = [{ kind: 'delete', key: baseKey(`no ${sortKey} ${turn}`) }];
          await write(container, partition, removal);
        }
      }
      await readAll(container, partition);
      expect((await met(container)).tombstones).to.equal(0);
    });
  });

  describe('round trips', () => {
    let proxies: CqlProxies;
    let counted: StorageDriver;
    const partition = randomBytes(16);

    before(async () => {
      proxies = await CqlProxies.open(cluster);
      // No second question after a delay, which a busy machine would count.
      const options = optionsOn(cluster, { port: proxies.port, speculativeDelayMs: 0 });
      counted = await openDriver('cassandra', { cassandra: options }, silentLogger);
    });
    after(async () => {
      await counted.close();
      await proxies.close();
    });

    /** What is asked of the nodes by an action, once the statements that it needs are prepared everywhere. */
    async function requestsOf(container: Container, action: () => Promise<unknown>): Promise<string[]> {
      // Each replica asks for the text the first time.
      for (let turn = 0; turn < 12; turn += 1) await action();
      proxies.requests.length = 0;
      await action();
      return proxies
        .sent(new RegExp(tableOf(container)))
        .map(({ kind, statements }) =>
          [kind, ...statements.map((statement) => shortened(statement))].join(': '),
        );
    }

    function shortened(statement: string): string {
      const [verb = ''] = statement.split(' ');
      return statement.includes(' IF ') ? `${verb} IF` : verb;
    }

    for (const kind of KINDS) {
      it(`are one for a get, a query's page and a scan's page of a ${kind} container`, async () => {
        const container = await created(kind);
        await write(container, partition, item('value'));
        const consistency = 'strong';
        const reads: (() => Promise<unknown>)[] = [
          () => counted.get(container, { partition, key: baseKey('item') }, consistency),
          () =>
            counted.range(container, { partition, index: 'first', reverse: true, limit: 10, consistency }),
          () =>
            counted.range(container, {
              partition,
              index: '',
              lower: { key: Buffer.from('a'), inclusive: false },
              upper: { key: Buffer.from('z'), inclusive: true },
              after: { indexKey: Buffer.alloc(0), sortKey: Buffer.from('b') },
              reverse: false,
              limit: 1,
              consistency,
            }),
          () =>
            counted.getMany(
              container,
              ['item', 'none', 'nor this'].map((key) => ({ partition, key: baseKey(key) })),
              consistency,
            ),
          () => counted.scan(container, { segment: { index: 0, total: 1 }, limit: 10, consistency }),
        ];
        for (const read of reads) expect(await requestsOf(container, read)).to.deep.equal(['plain: SELECT']);
      });
    }

    it('are one for a put without a guard, and a put of an item with its index rows is one batch', async () => {
      const [guarded, plain] = [await created('guarded'), await created('plain')];
      const one = [put(baseKey('item'))];
      const putOf = (container: Container, mutations: Mutation[]) => () =>
        write(container, partition, mutations, ANY, counted);
      expect(await requestsOf(guarded, putOf(guarded, one))).to.deep.equal(['plain: UPDATE IF']);
      expect(await requestsOf(plain, putOf(plain, one))).to.deep.equal(['plain: UPDATE']);
      expect(await requestsOf(guarded, putOf(guarded, item('value')))).to.deep.equal([
        'unlogged batch: UPDATE IF: UPDATE: UPDATE',
      ]);
      expect(await requestsOf(plain, putOf(plain, item('value')))).to.deep.equal([
        'unlogged batch: UPDATE: UPDATE: UPDATE',
      ]);
    });

    it('are one for a put guarded by a version', async () => {
      const container = await created();
      let version = await write(container, partition, item('first'));
      const update = async (): Promise<void> => {
        const guard: Guard = { kind: 'version', key: baseKey('item'), version };
        version = await write(container, partition, item('next'), guard, counted);
      };
      expect(await requestsOf(container, update)).to.deep.equal([
        'unlogged batch: UPDATE IF: UPDATE: UPDATE',
      ]);
    });
  });

  describe('expiry', () => {
    // Cassandra counts whole seconds, from the beginning of the one in which a row is written.
    it('comes at the instant, not when the second ends in which the row was written', async () => {
      for (const kind of KINDS) {
        const container = await created(kind);
        const ref = { partition: randomBytes(16), key: baseKey('item') };
        await sleep(1_850 - (Date.now() % 1_000));
        const expiresAtMs = Date.now() + 950;
        await write(container, ref.partition, [put(ref.key, 'value', expiresAtMs)]);
        while (Date.now() < expiresAtMs - 300) {
          const row = await driver.get(container, ref, 'strong');
          if (Date.now() < expiresAtMs) expect(text(row)).to.equal('value');
          await sleep(20);
        }
      }
    });

    // Cassandra refuses these (0x2200): the year 2038 in its default mode, more than 20 years in any.
    it('is kept where it is later than Cassandra can count, and holds from its instant on', async () => {
      const instants = [
        Date.UTC(2038, 0, 19, 3, 14, 8),
        Date.now() + 20 * YEAR_MS + YEAR_MS,
        Date.UTC(2200, 0),
      ];
      for (const kind of KINDS) {
        const container = await created(kind);
        for (const expiresAtMs of instants) {
          const partition = randomBytes(16);
          const ref = { partition, key: baseKey('item') };
          await write(container, partition, item('value', expiresAtMs));
          const range = {
            partition,
            index: 'first',
            reverse: false,
            limit: 10,
            consistency: 'strong',
          } as const;
          const clock = sinon.useFakeTimers({ now: expiresAtMs - 1, toFake: ['Date'] });
          try {
            const row = await driver.get(container, ref, 'strong');
            expect(row?.expiresAtMs).to.equal(expiresAtMs);
            expect((await driver.range(container, range)).rows.length).to.equal(1);
            clock.setSystemTime(expiresAtMs);
            expect(await driver.get(container, ref, 'strong')).to.equal(undefined);
            expect((await driver.range(container, range)).rows).to.deep.equal([]);
            const scan = { segment: { index: 0, total: 1 }, limit: 100, consistency: 'strong' } as const;
            const scanned = await driver.scan(container, scan);
            expect(scanned.rows.filter((found) => found.expiresAtMs === expiresAtMs)).to.deep.equal([]);
            if (kind === 'guarded') {
              const version = row?.version ?? newVersion();
              const request = { partition, mutations: item('next'), version: newVersion() };
              const stale: Guard = { kind: 'version', key: ref.key, version };
              expect(await driver.write(container, { ...request, guard: stale })).to.equal('conflict');
              await write(container, partition, item('next'), { kind: 'absent', key: ref.key });
              expect(text(await driver.get(container, ref, 'strong'))).to.equal('next');
            }
          } finally {
            clock.restore();
          }
        }
      }
    });
  });

  // Timestamps of two processes' own are equal or the wrong way round within a millisecond: the nodes give them.
  it('keeps the last of plain writes that two processes make one after the other', async () => {
    const container = await created('plain');
    const ref = { partition: randomBytes(16), key: baseKey('item') };
    for (let turn = 0; turn < 150; turn += 1) {
      const [first, second] = turn % 2 === 0 ? [driver, other] : [other, driver];
      await write(container, ref.partition, [put(ref.key, `first ${turn}`)], ANY, first);
      if (turn % 3 === 0) {
        await write(container, ref.partition, [{ kind: 'delete', key: ref.key }], ANY, second);
        expect(await first.get(container, ref, 'strong')).to.equal(undefined);
      } else {
        await write(container, ref.partition, [put(ref.key, `second ${turn}`)], ANY, second);
        expect(text(await first.get(container, ref, 'strong'))).to.equal(`second ${turn}`);
      }
    }
  });

  // A page is bounded by rows before the driver knows how large they are, and by bytes afterwards.
  it('gives pages of few rows where rows are large', async () => {
    const container = await created('plain');
    const partition = randomBytes(16);
    const value = randomBytes(400 * 1024);
    for (let row = 0; row < 90; row += 10) {
      await Promise.all(
        Array.from({ length: 10 }, (_, n) =>
          write(container, partition, [put(baseKey(String(row + n).padStart(3, '0')), value)]),
        ),
      );
    }
    const fresh = await openDriver('cassandra', { cassandra: optionsOn(cluster) }, silentLogger);
    try {
      const request = { partition, index: '', reverse: false, limit: 1_000, consistency: 'strong' } as const;
      const first = await fresh.range(container, request);
      expect(first.rows.length).to.be.within(1, 64);
      expect(first.more).to.equal(true);
      const last = first.rows.at(-1);
      const after = { indexKey: Buffer.alloc(0), sortKey: last?.key.sortKey ?? Buffer.alloc(0) };
      const second = await fresh.range(container, { ...request, after });
      expect(second.rows.length).to.be.within(1, 16);
    } finally {
      await fresh.close();
    }
  });

  for (const kind of KINDS) {
    // Users of a table that somebody deletes are told so, whatever the nodes' errors of that moment look like.
    it(`answers with ContainerNotFoundError alone when a ${kind} container is dropped while in use`, async () => {
      const third = await openDriver('cassandra', { cassandra: optionsOn(cluster) }, silentLogger);
      try {
        const container = await created(kind);
        let calls = 0;
        const uses: ((by: StorageDriver, partition: Buffer) => Promise<unknown>)[] = [
          (by, partition) => by.get(container, { partition, key: baseKey('item') }, 'strong'),
          (by, partition) => by.get(container, { partition, key: baseKey('item') }, 'eventual'),
          (by, partition) =>
            by.getMany(
              container,
              ['item', 'none'].map((key) => ({ partition, key: baseKey(key) })),
              'strong',
            ),
          (by, partition) =>
            by.range(container, {
              partition,
              index: 'first',
              reverse: false,
              limit: 9,
              consistency: 'strong',
            }),
          (by) => by.scan(container, { segment: { index: 0, total: 1 }, limit: 9, consistency: 'strong' }),
          (by, partition) => write(container, partition, item('value'), ANY, by),
          (by, partition) => write(container, partition, [{ kind: 'delete', key: baseKey('none') }], ANY, by),
        ];
        const endings = [driver, other, third].flatMap((by) =>
          uses.map(async (use): Promise<unknown> => {
            const partition = randomBytes(16);
            try {
              for (;;) {
                await use(by, partition);
                calls += 1;
              }
            } catch (error) {
              return error;
            }
          }),
        );
        while (calls < 100) await sleep(10);
        await other.dropContainer(container);
        for (const error of await Promise.all(endings))
          expect(error).to.be.instanceOf(ContainerNotFoundError);
      } finally {
        await third.close();
      }
    });
  }

  describe('scans', () => {
    /** Every page of a segment. */
    async function pagesOf(
      container: Container,
      request: Omit<ScanRequest, 'after'> & { readonly after?: ScanRequest['after'] },
      partitionOf: (row: Row) => Buffer,
    ): Promise<Place[]> {
      const places: Place[] = [];
      let after = request.after;
      for (;;) {
        const { after: _first, ...rest } = request;
        const page = await untilServed(() =>
          driver.scan(container, after === undefined ? rest : { ...rest, after }),
        );
        expect(page.rows.length).to.be.at.most(request.limit);
        for (const row of page.rows) places.push({ partition: partitionOf(row), row });
        const last = places.at(-1);
        if (!page.more || last === undefined) return places;
        after = { partition: last.partition, sortKey: last.row.key.sortKey };
        if (places.length > 10_000) throw new Error('the scan goes round in circles');
      }
    }

    function names(places: readonly Place[]): string[] {
      return places.map(({ partition, row }) =>
        [partition.toString('hex'), Buffer.from(row.key.sortKey).toString()].join('/'),
      );
    }

    /** Rows hold their partition as their value, since a scan does not name it. */
    const partitionIn = (row: Row): Buffer => Buffer.from(Buffer.from(row.value).toString(), 'hex');

    async function fill(container: Container, partition: Buffer, rows: number): Promise<string[]> {
      const value = partition.toString('hex');
      const sortKeys = Array.from({ length: rows }, (_, row) => `row ${row}`);
      await write(container, partition, [
        ...sortKeys.map((sortKey) => put(baseKey(sortKey), value)),
        put(indexKey('index', 'key', 'sort'), 'an index row'),
      ]);
      return sortKeys.map((sortKey) => [value, sortKey].join('/'));
    }

    // Whoever can choose keys can choose their tokens: a page that ends among equal ones must not lose the rest.
    it('hold each row once where partitions share a token, page by page and from the middle', async () => {
      const container = await created();
      const tokens = [-(2n ** 63n), -(2n ** 63n) + 1n, 0n, 2n ** 62n - 1n, 2n ** 62n, 2n ** 63n - 1n];
      const expected: string[] = [];
      for (const token of tokens) {
        for (const rows of [1, 4, 1, 7]) {
          const partition = partitionWithToken(token);
          expected.push(...(await fill(container, partition, rows)));
        }
      }
      const stored = await client.execute(
        `SELECT DISTINCT h, token(h) AS t FROM ${KEYSPACE}.${tableOf(container)}`,
      );
      const counts = new Map<string, number>();
      for (const { t } of stored.rows) counts.set(String(t), (counts.get(String(t)) ?? 0) + 1);
      // The least token belongs to no key: its four partitions have the greatest.
      expect(Object.fromEntries(counts)).to.deep.equal({
        [String(-(2n ** 63n) + 1n)]: 4,
        0: 4,
        [String(2n ** 62n - 1n)]: 4,
        [String(2n ** 62n)]: 4,
        [String(2n ** 63n - 1n)]: 8,
      });

      const whole = { segment: { index: 0, total: 1 }, consistency: 'strong' } as const;
      const order = await pagesOf(container, { ...whole, limit: 1_000 }, partitionIn);
      expect(names(order).sort()).to.deep.equal(expected.sort());
      for (const limit of [1, 2, 3]) {
        const places = await pagesOf(container, { ...whole, limit }, partitionIn);
        expect(names(places), `limit ${limit}`).to.deep.equal(names(order));
        const segments: string[] = [];
        for (let index = 0; index < 4; index += 1) {
          const segment = { index, total: 4 };
          segments.push(...names(await pagesOf(container, { ...whole, segment, limit }, partitionIn)));
        }
        expect(segments, `segments, limit ${limit}`).to.deep.equal(names(order));
      }
      for (const [position, { partition, row }] of order.entries()) {
        const after = { partition, sortKey: row.key.sortKey };
        const page = await driver.scan(container, { ...whole, limit: 3, after });
        const found = page.rows.map((found) => ({ partition: partitionIn(found), row: found }));
        const rest = names(order.slice(position + 1));
        expect(names(found)).to.deep.equal(rest.slice(0, found.length));
        expect(page.more || found.length === rest.length).to.equal(true);
      }
    });

    /** Scans in parallel segments while rows come and go; afterwards looks whether those that stay were there once. */
    async function expectAllOnce(
      container: Container,
      staying: readonly string[],
      passing: readonly Buffer[],
    ): Promise<void> {
      const state = { isOver: false };
      const commotion = (async () => {
        for (let turn = 0; !state.isOver; turn += 1) {
          const partition = passing[turn % passing.length] ?? randomBytes(16);
          const change =
            turn % 2 === 0
              ? fill(container, partition, 3)
              : write(container, partition, [{ kind: 'delete', key: baseKey('row 1') }]);
          // What became of these is of no interest.
          await change.catch(() => sleep(20));
        }
      })();
      try {
        const total = 6;
        const segments = await Promise.all(
          Array.from({ length: total }, (_, index) =>
            pagesOf(container, { segment: { index, total }, limit: 7, consistency: 'strong' }, partitionIn),
          ),
        );
        const found = segments.flat();
        for (const { row } of found) {
          expect(row.key.index).to.equal('');
          expect(text(row)).not.to.equal('an index row');
        }
        const foundNames = names(found);
        expect(new Set(foundNames).size).to.equal(foundNames.length);
        const stayed = new Set(staying);
        expect(foundNames.filter((name) => stayed.has(name)).sort()).to.deep.equal([...staying].sort());
      } finally {
        state.isOver = true;
        await commotion;
      }
    }

    // The node's end comes with this test: those that follow, if any, have two.
    it('hold each row once in parallel segments, while others write and after a node is killed', async () => {
      const container = await created();
      const partitions = Array.from({ length: 60 }, () => randomBytes(16));
      const staying = (
        await Promise.all(partitions.map((partition) => fill(container, partition, 4)))
      ).flat();
      const passing = Array.from({ length: 10 }, () => randomBytes(16));
      await expectAllOnce(container, staying, passing);
      await cluster.nodes[2]?.kill();
      await expectAllOnce(container, staying, passing);
    });
  });
});
