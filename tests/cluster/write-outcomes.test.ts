/**
 * What becomes of a write that nobody answered, by the protocol that magnetodb/storage/cassandra/write.ts describes:
 * each of its branches, on real nodes. Nodes are paused where a request or a round has to wait; where an answer has to
 * be lost after the node has done what was asked, a proxy keeps it back.
 */
import { expect } from 'chai';
import type { Client } from 'cassandra-driver';
import { startCluster, type Cluster, type ClusterNode } from '../../tools/cassandra/cluster.js';
import { silentLogger } from '../../magnetodb/logging/logger.js';
import type { CassandraOptions } from '../../magnetodb/storage/cassandra/options.js';
import type { Guard, Mutation, RowKey, StorageDriver, Version } from '../../magnetodb/storage/driver.js';
import {
  ContainerNotFoundError,
  OutcomeUnknownError,
  StorageUnavailableError,
} from '../../magnetodb/storage/errors.js';
import { openDriver } from '../../magnetodb/storage/registry.js';
import { newVersion, sameVersion } from '../../magnetodb/storage/versions.js';
import { baseKey, indexKey, newContainer, put } from '../conformance/storage-driver-suite.js';
import { eventually } from '../support/eventually.js';
import {
  KEYSPACE,
  observe,
  optionsOn,
  partitionOn,
  recorder,
  replicasOf,
  text,
  type Recorder,
} from './support/cluster-store.js';
import { CqlProxies } from './support/cql-proxy.js';

const START_MS = 300_000;
const ANY: Guard = { kind: 'any' };
const ITEM = baseKey('item');
/** The item's row in an index, which changes in one step with it. */
const ENTRY = indexKey('index', 'key', 'item');
/** What carries the tests' writes, and nothing else that the driver asks. */
const WRITES = /^(UPDATE|DELETE).*\.t_/;

/** How a write that may have been lost ended. */
type Ending = 'applied' | 'conflict' | 'unknown' | Error;

function ending(write: Promise<'applied' | 'conflict'>): Promise<Ending> {
  return write.catch((error: unknown): Ending => {
    if (error instanceof OutcomeUnknownError) return 'unknown';
    return error instanceof Error ? error : new Error(String(error));
  });
}

function item(value: string): Mutation[] {
  return [put(ITEM, value), put(ENTRY, value)];
}

const NO_ITEM: Mutation[] = [ITEM, ENTRY].map((key) => ({ kind: 'delete', key }));

function absent(key: RowKey = ITEM): Guard {
  return { kind: 'absent', key };
}

function versionIs(version: Version, key: RowKey = ITEM): Guard {
  return { kind: 'version', key, version };
}

describe('writes to Cassandra that nobody answers', function () {
  this.timeout(60_000);
  let cluster: Cluster;
  let proxies: CqlProxies;
  let client: Client;
  /** Reaches the nodes directly. */
  let other: StorageDriver;
  const guarded = newContainer();
  const plain = newContainer('', 'plain');

  /** The driver that is tested, and what it logs: it reaches the nodes through the proxies. */
  let driver: StorageDriver;
  let log: Recorder;
  /** A partition of the test's own, and its replicas in the order of the ring. */
  let partition: Buffer;
  let nodes: [ClusterNode, ClusterNode, ClusterNode];

  before(async function () {
    this.timeout(START_MS);
    cluster = await startCluster({ nodes: 3, log: () => undefined });
    proxies = await CqlProxies.open(cluster);
    client = await observe(cluster);
    other = await openDriver('cassandra', { cassandra: optionsOn(cluster) }, silentLogger);
    await other.createContainer(guarded);
    await other.createContainer(plain);
    // Every node knows the statements, so that one that wakes up carries out what it finds waiting.
    for (const { address } of cluster.nodes) await useAll(other, () => partitionOn(client, address));
  });
  after(async function () {
    this.timeout(START_MS);
    for (const node of cluster.nodes) node.resume();
    await other.close();
    await client.shutdown();
    await proxies.close();
    await cluster.stop();
  });
  afterEach(async function () {
    this.timeout(START_MS);
    for (const node of cluster.nodes) node.resume();
    await cluster.waitUntilHealthy();
    await driver.close();
  });

  /** Sends each of the statements that the tests use, so that their moment comes without a preparation. */
  async function useAll(by: StorageDriver, newPartition: () => Buffer): Promise<void> {
    const at = newPartition();
    const [first, second, third] = [newVersion(), newVersion(), newVersion()];
    const write = (mutations: Mutation[], guard: Guard, version: Version): Promise<unknown> =>
      by.write(guarded, { partition: at, mutations, guard, version });
    await write(item('1'), absent(), first);
    await write(item('2'), versionIs(first), second);
    await write(item('3'), ANY, third);
    await write(NO_ITEM, versionIs(third), newVersion());
    await write([{ kind: 'delete', key: ITEM }], ANY, newVersion());
    await by.get(guarded, { partition: at, key: ITEM }, 'strong');
    const plainWrite = { partition: at, guard: ANY };
    await by.write(plain, { ...plainWrite, mutations: [put(ITEM)], version: newVersion() });
    await by.write(plain, {
      ...plainWrite,
      mutations: [{ kind: 'delete', key: ITEM }],
      version: newVersion(),
    });
    await by.get(plain, { partition: at, key: ITEM }, 'strong');
  }

  /** Opens the driver anew, so that it holds nothing against any node, and finds the test a partition. */
  async function begin(changed: Partial<CassandraOptions> = {}): Promise<void> {
    log = recorder();
    const options = optionsOn(cluster, { port: proxies.port, ...changed });
    driver = await openDriver('cassandra', { cassandra: options }, log);
    const [anyNode] = cluster.nodes as [ClusterNode];
    await useAll(driver, () => partitionOn(client, anyNode.address));
    partition = partitionOn(client, anyNode.address);
    const inOrder = replicasOf(client, partition).map((address) =>
      cluster.nodes.find((node) => node.address === address),
    );
    nodes = inOrder as typeof nodes;
    proxies.requests.length = 0;
  }

  function write(
    mutations: Mutation[],
    guard: Guard,
    version: Version,
    by: StorageDriver = driver,
  ): Promise<'applied' | 'conflict'> {
    return by.write(guarded, { partition, mutations, guard, version });
  }

  /** Puts the item's first version. */
  async function given(): Promise<Version> {
    const version = newVersion();
    expect(await write(item('old'), absent(), version, other)).to.equal('applied');
    return version;
  }

  /** The item as it is for everybody, with its entry in the index: never half of a write. */
  async function valueNow(): Promise<string | undefined> {
    const refs = [ITEM, ENTRY].map((key) => ({ partition, key }));
    const [row, entry] = await other.getMany(guarded, refs, 'strong');
    expect(text(entry)).to.equal(text(row));
    if (row !== undefined && entry !== undefined)
      expect(sameVersion(row.version, entry.version)).to.equal(true);
    return text(row);
  }

  /** How the driver found out what became of writes. */
  function outcomes(): unknown[] {
    return log.records
      .filter(({ event }) => event === 'the outcome of an unanswered write was found')
      .map(({ fields }) => fields.outcome);
  }

  function timesSent(): number {
    return proxies.sent(WRITES).length;
  }

  describe('guarded by a version', () => {
    // A repeat is what makes one hung node a delay instead of an error; it must not make one write two.
    it('is sent to another replica, and is applied once, where its coordinator hangs', async () => {
      await begin({ serverTimeoutMs: 1_000 });
      const old = await given();
      await nodes[0].pause();
      const mine = newVersion();
      expect(await write(item('mine'), versionIs(old), mine)).to.equal('applied');
      expect(outcomes()).to.deep.equal(['repeated']);
      expect(await write(item('next'), versionIs(mine), newVersion(), other)).to.equal('applied');

      // The first copy is carried out after all, and finds that it has been overtaken.
      const [first] = proxies.sent(WRITES);
      expect(first).to.include({ node: nodes[0].address, isAnswered: false });
      nodes[0].resume();
      await eventually(() => {
        expect(first?.isAnswered).to.equal(true);
      }, 30_000);
      expect(await valueNow()).to.equal('next');
      expect(timesSent()).to.equal(2);
    });

    it('is applied where it was, the answer was lost, and the row refuses the repeat', async () => {
      await begin();
      const old = await given();
      const answer = proxies.hold('answer', { statement: WRITES });
      const result = ending(write(item('mine'), versionIs(old), newVersion()));
      await answer.caught;
      answer.cut();
      expect(await result).to.equal('applied');
      expect(outcomes()).to.deep.equal(['applied before']);
      expect(await valueNow()).to.equal('mine');
      expect(timesSent()).to.equal(2);
    });

    it('is applied where another writer has built on it before the repeat', async () => {
      await begin();
      const old = await given();
      const mine = newVersion();
      const answer = proxies.hold('answer', { statement: WRITES });
      const result = ending(write(item('mine'), versionIs(old), mine));
      await answer.caught;
      expect(await write(item('next'), versionIs(mine), newVersion(), other)).to.equal('applied');
      answer.cut();
      expect(await result).to.equal('applied');
      expect(outcomes()).to.deep.equal(['applied before']);
      expect(await valueNow()).to.equal('next');
    });

    it('is a conflict where the request was lost, and another writer replaced the same version', async () => {
      await begin();
      const old = await given();
      const request = proxies.hold('request', { statement: WRITES });
      const result = ending(write(item('mine'), versionIs(old), newVersion()));
      await request.caught;
      expect(await write(item('theirs'), versionIs(old), newVersion(), other)).to.equal('applied');
      request.cut();
      expect(await result).to.equal('conflict');
      expect(outcomes()).to.deep.equal(['another in its place']);
      expect(await valueNow()).to.equal('theirs');
    });

    // The other writer may have overwritten this one's row or the one before it.
    it('is unknown where another writer has put a row that says nothing about it', async () => {
      await begin();
      for (const isDone of [false, true]) {
        const old = await given();
        const hold = proxies.hold(isDone ? 'answer' : 'request', { statement: WRITES });
        const result = ending(write(item('mine'), versionIs(old), newVersion()));
        await hold.caught;
        expect(await write(item('theirs'), ANY, newVersion(), other)).to.equal('applied');
        hold.cut();
        expect(await result).to.equal('unknown');
        expect(await valueNow()).to.equal('theirs');
        expect(await write(NO_ITEM, ANY, newVersion(), other)).to.equal('applied');
      }
      expect(outcomes()).to.deep.equal([]);
    });

    // Two paused replicas: the coordinator gets no round together, and neither do those that are asked next.
    it('is applied once when the replicas wake up, whichever attempt it is', async () => {
      await begin({ serverTimeoutMs: 1_000 });
      const old = await given();
      await Promise.all([nodes[1].pause(), nodes[2].pause()]);
      const mine = newVersion();
      const result = ending(write(item('mine'), versionIs(old), mine));
      await eventually(() => {
        expect(timesSent()).to.equal(2);
      });
      nodes[1].resume();
      nodes[2].resume();
      expect(await result).to.equal('applied');
      expect(await write(item('next'), versionIs(mine), newVersion(), other)).to.equal('applied');
      await eventually(() => {
        expect(proxies.sent(WRITES).filter(({ isAnswered }) => !isAnswered)).to.deep.equal([]);
      }, 30_000);
      expect(await valueNow()).to.equal('next');
    });
  });

  describe('guarded by absence', () => {
    // A repeat would be a second copy: with the first still waiting at its node, the row could be put, deleted by who
    // saw it, and put again by the copy that nobody waits for any more.
    it('is not sent again where its coordinator hangs, so that no copy brings back what was deleted', async () => {
      await begin({ serverTimeoutMs: 1_000 });
      await nodes[0].pause();
      expect(await ending(write(item('mine'), absent(), newVersion()))).to.equal('unknown');
      expect(await valueNow()).to.equal(undefined);

      // It may still land, as "unknown" says.
      const [first] = proxies.sent(WRITES);
      nodes[0].resume();
      await eventually(() => {
        expect(first?.isAnswered).to.equal(true);
      }, 30_000);
      expect(timesSent()).to.equal(1);
      expect(await valueNow()).to.equal('mine');
    });

    // Who has answered has nothing left to do: there is no other copy.
    it('is sent again where its coordinator has given up, and is applied once', async () => {
      await begin();
      await Promise.all([nodes[1].pause(), nodes[2].pause()]);
      const mine = newVersion();
      const result = ending(write(item('mine'), absent(), mine));
      await eventually(() => {
        expect(timesSent()).to.equal(2);
      });
      nodes[1].resume();
      nodes[2].resume();
      expect(await result).to.equal('applied');
      expect(proxies.sent(WRITES)[0]).to.include({ node: nodes[0].address, isAnswered: true });
      expect(await write(NO_ITEM, versionIs(mine), newVersion(), other)).to.equal('applied');
      await eventually(() => {
        expect(proxies.sent(WRITES).filter(({ isAnswered }) => !isAnswered)).to.deep.equal([]);
      }, 30_000);
      expect(await valueNow()).to.equal(undefined);
    });

    it('is applied where its row is there, or has been built upon, though the answer was lost', async () => {
      await begin();
      for (const isBuiltUpon of [false, true]) {
        const mine = newVersion();
        const answer = proxies.hold('answer', { statement: WRITES });
        const result = ending(write(item('mine'), absent(), mine));
        await answer.caught;
        if (isBuiltUpon) {
          expect(await write(item('next'), versionIs(mine), newVersion(), other)).to.equal('applied');
        }
        answer.cut();
        expect(await result).to.equal('applied');
        expect(await valueNow()).to.equal(isBuiltUpon ? 'next' : 'mine');
        expect(await write(NO_ITEM, ANY, newVersion(), other)).to.equal('applied');
      }
      expect(outcomes()).to.deep.equal(['found', 'found']);
      expect(timesSent()).to.equal(2);
    });
  });

  describe('guarded by nothing', () => {
    it('is applied where its row is there, or has been built upon, though the answer was lost', async () => {
      await begin();
      await given();
      for (const isBuiltUpon of [false, true]) {
        const mine = newVersion();
        const answer = proxies.hold('answer', { statement: WRITES });
        const result = ending(write(item('mine'), ANY, mine));
        await answer.caught;
        if (isBuiltUpon) {
          expect(await write(item('next'), versionIs(mine), newVersion(), other)).to.equal('applied');
        }
        answer.cut();
        expect(await result).to.equal('applied');
        expect(await valueNow()).to.equal(isBuiltUpon ? 'next' : 'mine');
      }
      expect(outcomes()).to.deep.equal(['found', 'found']);
      expect(timesSent()).to.equal(2);
    });

    it('is unknown, and is not sent again, where the request was lost', async () => {
      await begin();
      await given();
      const request = proxies.hold('request', { statement: WRITES });
      const result = ending(write(item('mine'), ANY, newVersion()));
      await request.caught;
      request.cut();
      expect(await result).to.equal('unknown');
      expect(timesSent()).to.equal(1);
      expect(await valueNow()).to.equal('old');
    });

    // Sent again, it would undo what another writer was told is done.
    it('is unknown, and is not sent again, where another writer has put the row since', async () => {
      await begin();
      const answer = proxies.hold('answer', { statement: WRITES });
      const result = ending(write(item('mine'), ANY, newVersion()));
      await answer.caught;
      expect(await write(item('theirs'), ANY, newVersion(), other)).to.equal('applied');
      answer.cut();
      expect(await result).to.equal('unknown');
      expect(timesSent()).to.equal(1);
      expect(await valueNow()).to.equal('theirs');
    });

    // That the row is not there proves nothing: the coordinator has the request, and wakes up.
    it('is unknown where its coordinator hangs, and may land when nobody waits any more', async () => {
      await begin({ serverTimeoutMs: 1_000 });
      await given();
      await nodes[0].pause();
      expect(await ending(write(item('mine'), ANY, newVersion()))).to.equal('unknown');
      expect(await valueNow()).to.equal('old');
      nodes[0].resume();
      await eventually(async () => {
        expect(await valueNow()).to.equal('mine');
      }, 30_000);
      expect(timesSent()).to.equal(1);
    });

    it('is unknown, and is not sent again, where it deletes', async () => {
      await begin();
      await given();
      const answer = proxies.hold('answer', { statement: WRITES });
      const result = ending(write(NO_ITEM, ANY, newVersion()));
      await answer.caught;
      answer.cut();
      expect(await result).to.equal('unknown');
      expect(timesSent()).to.equal(1);
      expect(await valueNow()).to.equal(undefined);
    });
  });

  describe('deleting, guarded by a version', () => {
    it('is sent again, and is applied, where the request was lost', async () => {
      await begin();
      const old = await given();
      const request = proxies.hold('request', { statement: WRITES });
      const result = ending(write(NO_ITEM, versionIs(old), newVersion()));
      await request.caught;
      request.cut();
      expect(await result).to.equal('applied');
      expect(outcomes()).to.deep.equal(['repeated']);
      expect(await valueNow()).to.equal(undefined);
    });

    // A row that is gone does not say who deleted it.
    it('is unknown where the row is gone and the answer was lost', async () => {
      await begin();
      const old = await given();
      const answer = proxies.hold('answer', { statement: WRITES });
      const result = ending(write(NO_ITEM, versionIs(old), newVersion()));
      await answer.caught;
      answer.cut();
      expect(await result).to.equal('unknown');
      expect(await valueNow()).to.equal(undefined);
    });

    it('is a conflict where the request was lost, and another writer replaced the same version', async () => {
      await begin();
      const old = await given();
      const request = proxies.hold('request', { statement: WRITES });
      const result = ending(write(NO_ITEM, versionIs(old), newVersion()));
      await request.caught;
      expect(await write(item('theirs'), versionIs(old), newVersion(), other)).to.equal('applied');
      request.cut();
      expect(await result).to.equal('conflict');
      expect(await valueNow()).to.equal('theirs');
    });
  });

  describe('to plain containers', () => {
    it('are unknown, and are not sent again, whether they were carried out or not', async () => {
      await begin();
      for (const what of ['request', 'answer'] as const) {
        const hold = proxies.hold(what, { statement: WRITES });
        const mutations = [put(ITEM, what)];
        const request = { partition, mutations, guard: ANY, version: newVersion() };
        const result = ending(driver.write(plain, request));
        await hold.caught;
        hold.cut();
        expect(await result).to.equal('unknown');
      }
      expect(timesSent()).to.equal(2);
      expect(text(await other.get(plain, { partition, key: ITEM }, 'strong'))).to.equal('answer');
    });

    it('are unknown where too few replicas answer', async () => {
      await begin();
      await Promise.all([nodes[1].pause(), nodes[2].pause()]);
      const mutations = [put(ITEM, 'mine')];
      expect(
        await ending(driver.write(plain, { partition, mutations, guard: ANY, version: newVersion() })),
      ).to.equal('unknown');
      expect(timesSent()).to.equal(1);
    });
  });

  // Else a client library that is still preparing, or a look for the outcome, holds a request for ever.
  it('end soon after their deadline, and leave no half of themselves behind', async () => {
    const requestTimeoutMs = 2_000;
    await begin({ serverTimeoutMs: 1_500, requestTimeoutMs });
    const partitions = Array.from({ length: 12 }, () => partitionOn(client, nodes[0].address));
    const old = newVersion();
    for (const at of partitions) {
      await other.write(guarded, { partition: at, mutations: item('old'), guard: absent(), version: old });
    }
    // Its statements have never been prepared, here or at any node.
    const unused = newContainer();
    await other.createContainer(unused);
    await Promise.all([nodes[1].pause(), nodes[2].pause()]);
    const guards = [versionIs(old), ANY, absent(), versionIs(old)];
    const startMs = performance.now();
    const endings = await Promise.all(
      partitions.map(async (at, n): Promise<{ result: Ending; tookMs: number }> => {
        const request = {
          partition: at,
          mutations: n % 4 === 3 ? NO_ITEM : item('new'),
          guard: guards[n % 4] ?? ANY,
          version: newVersion(),
        };
        const result = await ending(driver.write(n < 8 ? guarded : unused, request));
        return { result, tookMs: performance.now() - startMs };
      }),
    );
    for (const { result, tookMs } of endings) {
      expect(result === 'unknown' || result instanceof StorageUnavailableError).to.equal(true);
      expect(tookMs).to.be.lessThan(requestTimeoutMs + 700);
    }
    nodes[1].resume();
    nodes[2].resume();
    await cluster.waitUntilHealthy();
    for (const at of partitions) {
      partition = at;
      const value = await valueNow();
      expect(value === 'old' || value === 'new' || value === undefined).to.equal(true);
      // What one replica took while the others slept is settled by now: the store does not change its mind.
      for (let read = 0; read < 3; read += 1) expect(await valueNow()).to.equal(value);
    }
  });

  // "Unknown" until the deadline would make clients wait for a table that nobody has any more.
  it('end with ContainerNotFoundError, and at once, where the container is dropped meanwhile', async () => {
    await begin();
    for (const guard of ['version', 'any'] as const) {
      const container = newContainer();
      await other.createContainer(container);
      const old = newVersion();
      const first = { partition, mutations: item('old'), guard: absent(), version: old };
      expect(await driver.write(container, first)).to.equal('applied');
      const hold = proxies.hold('request', { statement: WRITES });
      const result = ending(
        driver.write(container, {
          partition,
          mutations: item('mine'),
          guard: guard === 'any' ? ANY : versionIs(old),
          version: newVersion(),
        }),
      );
      await hold.caught;
      await other.dropContainer(container);
      const startMs = performance.now();
      hold.cut();
      expect(await result).to.be.instanceOf(ContainerNotFoundError);
      expect(performance.now() - startMs).to.be.lessThan(5_000);
    }
  });

  // Cassandra forgets an expired row by itself: between the look that found it and the write over it, too.
  it('take the place of an expired row that goes at that very moment', async () => {
    await begin();
    const expiresAtMs = Date.now() + 1_000;
    const mutations = [put(ITEM, 'old', expiresAtMs), put(ENTRY, 'old', expiresAtMs)];
    expect(await write(mutations, absent(), newVersion(), other)).to.equal('applied');
    await eventually(async () => {
      expect(await valueNow()).to.equal(undefined);
    });
    const overExpired = proxies.hold('request', { statement: /IF v = \?$/ });
    const result = ending(write(item('mine'), absent(), newVersion()));
    await overExpired.caught;
    await eventually(async () => {
      const { rows } = await client.execute(
        `SELECT v FROM ${KEYSPACE}.t_${guarded.id.replaceAll('-', '')} WHERE h = ?`,
        [partition],
        { prepare: true },
      );
      expect(rows.length).to.equal(0);
    });
    overExpired.release();
    expect(await result).to.equal('applied');
    expect(await valueNow()).to.equal('mine');
  });
});
