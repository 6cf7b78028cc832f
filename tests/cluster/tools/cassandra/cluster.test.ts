/**
 * The clusters that other tests rest on: that they are what they say, break as they are told, and leave nothing behind.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { auth, Client, policies, types, type ClientOptions } from 'cassandra-driver';
import { expect } from 'chai';
import { startCluster, type Cluster, type ClusterNode } from '../../../../tools/cassandra/cluster.js';
import { CassandraToolError } from '../../../../tools/cassandra/errors.js';
import { spawnNode } from '../../../../tools/cassandra/node-process.js';
import { eventually } from '../../../support/eventually.js';

const CHILD = fileURLToPath(new URL('cluster-child.ts', import.meta.url));
const START_MS = 300_000;

function silent(): void {
  // What goes on is of no interest here.
}

/** Connects to one node and no other. */
function clientOf(cluster: Cluster, node: ClusterNode, options: ClientOptions = {}): Client {
  const endpoint = `${node.address}:${cluster.port}`;
  return new Client({
    contactPoints: [endpoint],
    localDataCenter: cluster.localDataCenter,
    policies: {
      loadBalancing: new policies.loadBalancing.AllowListPolicy(
        new policies.loadBalancing.RoundRobinPolicy(),
        [endpoint],
      ),
    },
    ...options,
  });
}

function fullOptions(cluster: Cluster): ClientOptions {
  return {
    authProvider: new auth.PlainTextAuthProvider(cluster.username!, cluster.password!),
    sslOptions: { ca: [readFileSync(cluster.tlsCaFile!)], rejectUnauthorized: true },
  };
}

/** The error of a client that tries to connect; undefined: it could. */
async function connectionError(client: Client): Promise<unknown> {
  try {
    await client.connect();
    return undefined;
  } catch (error) {
    return error;
  } finally {
    await client.shutdown();
  }
}

/** Whether a process exists that is no mere entry of one that has ended. */
function isAlive(pid: number): boolean {
  try {
    return !/^.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'));
  } catch {
    return false;
  }
}

describe('a Cassandra cluster of three nodes, with passwords and TLS', function () {
  this.timeout(START_MS);
  let cluster: Cluster;
  let first: ClusterNode;
  let second: ClusterNode;
  let third: ClusterNode;
  let client: Client;

  before(async () => {
    cluster = await startCluster({ nodes: 3, auth: true, tls: true, log: silent });
    [first, second, third] = cluster.nodes as [ClusterNode, ClusterNode, ClusterNode];
    client = clientOf(cluster, first, fullOptions(cluster));
    await client.connect();
    await client.execute(
      "CREATE KEYSPACE k WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 3}",
    );
    await client.execute('CREATE TABLE k.t (id int PRIMARY KEY, v text)');
  });
  after(async () => {
    await client.shutdown();
    await cluster.stop();
    expect(cluster.nodes.some(({ pid }) => isAlive(pid))).to.equal(false);
    expect(existsSync(path.dirname(cluster.tlsCaFile!))).to.equal(false);
  });

  async function count(consistency: types.consistencies): Promise<number> {
    const { rows } = await client.execute('SELECT id FROM k.t', [], { consistency });
    return rows.length;
  }

  // Tests of Paxos are worth nothing on another version of it than the one that is recommended.
  it('runs the pinned Cassandra with Paxos v2', async () => {
    const { release_version } = (await client.execute('SELECT release_version FROM system.local')).first();
    expect(release_version).to.equal('5.0.9');
    const setting = await client.execute(
      "SELECT value FROM system_views.settings WHERE name = 'paxos_variant'",
    );
    expect(setting.first().value).to.equal('v2');
  });

  // Else a test of logins or of TLS would pass without either.
  it('refuses clients without TLS, without trust, and without the password', async () => {
    const { authProvider, sslOptions } = fullOptions(cluster);
    const refused = [
      { authProvider: authProvider! },
      { authProvider: authProvider!, sslOptions: { rejectUnauthorized: true } },
      { sslOptions: sslOptions!, authProvider: new auth.PlainTextAuthProvider('cassandra', 'wrong') },
    ];
    for (const options of refused) {
      expect(await connectionError(clientOf(cluster, second, options))).to.be.instanceOf(Error);
    }
    for (const node of cluster.nodes) {
      expect(await connectionError(clientOf(cluster, node, fullOptions(cluster)))).to.equal(undefined);
    }
  });

  /** Two nodes of three are enough; but the others believe in one that is gone for a while, and wait for its answer. */
  async function expectQuorum(): Promise<void> {
    await eventually(async () => {
      expect(await count(types.consistencies.quorum)).to.equal(1);
    }, 60_000);
  }

  // What tests of failures do all the time.
  it('goes on without a node that was killed, and gets it back with its data', async () => {
    await client.execute("INSERT INTO k.t (id, v) VALUES (1, 'a')", [], {
      consistency: types.consistencies.all,
    });
    const { pid } = third;
    await third.kill();
    expect(third.isRunning).to.equal(false);
    expect(isAlive(pid)).to.equal(false);
    await expectQuorum();
    await cluster.waitUntilHealthy();

    await third.start();
    expect(third.isRunning).to.equal(true);
    expect(third.pid).to.not.equal(pid);
    expect(await count(types.consistencies.all)).to.equal(1);
  });

  // A paused node is the nasty one: it still takes connections.
  it('holds a paused node still until it is resumed', async () => {
    await second.pause();
    expect(second.isRunning).to.equal(true);
    await expectQuorum();
    const whole = await count(types.consistencies.all).catch((error: unknown) => error);
    expect(whole).to.be.instanceOf(Error);
    second.resume();
    await cluster.waitUntilHealthy();
    expect(await count(types.consistencies.all)).to.equal(1);
  });

  // An acknowledged write outlives the death of every process: what tests of durability build on.
  it('keeps its data when all nodes are killed at once', async () => {
    await client.shutdown();
    await Promise.all(cluster.nodes.map((node) => node.kill()));
    expect(cluster.nodes.map(({ isRunning }) => isRunning)).to.deep.equal([false, false, false]);
    await Promise.all(cluster.nodes.map((node) => node.start()));
    await cluster.waitUntilHealthy();
    client = clientOf(cluster, first, fullOptions(cluster));
    await client.connect();
    expect(await count(types.consistencies.all)).to.equal(1);
  });
});

describe('starting a Cassandra cluster', function () {
  this.timeout(START_MS);

  // Somebody else's server on that address would get the test's statements.
  it('refuses an address whose port is in use', async () => {
    const server = createServer().listen(9042, '127.77.77.1');
    await once(server, 'listening');
    try {
      const error = await startCluster({ nodes: 1, addresses: ['127.77.77.1'], log: silent }).catch(
        (reason: unknown) => reason,
      );
      expect(error).to.be.instanceOf(CassandraToolError);
      expect((error as Error).message).to.match(/^127\.77\.77\.1:9042 is in use/);
    } finally {
      server.close();
      await once(server, 'close');
    }
  });

  // Without its log nobody could tell why.
  it('says what a node logged that does not come up', async () => {
    const error = await startCluster({ nodes: 1, heap: '1M', log: silent }).catch(
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(CassandraToolError);
    expect((error as Error).message)
      .to.match(/^Cassandra on 127\.[\d.]+ ended\.\n/)
      .and.match(/heap|Too small|OutOfMemory/i);
  });

  // Its command line is there in part or not at all while setpriv becomes Java: a node in ten was once given up for it.
  it('takes no node for ended that is only just starting', async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'magnetodb-cluster-'));
    try {
      for (let round = 0; round < 30; round += 1) {
        const idle = ['-e', 'setInterval(() => {}, 1000)', '--', `-Dcassandra.storagedir=${folder}`];
        const node = await spawnNode(folder, process.execPath, idle, false);
        const endMs = performance.now() + 20;
        while (performance.now() < endMs) {
          expect(node.isAlive).to.equal(true);
          await nextTurn();
        }
        await node.kill();
        expect(node.isAlive).to.equal(false);
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  // CI and impatient developers kill test runs: no server may stay behind and eat the machine.
  it('kills its nodes when the process that started them is killed', async () => {
    // Who is killed can't tidy up: its temporary folder is made where this test can.
    const folder = await mkdtemp(path.join(tmpdir(), 'magnetodb-cluster-'));
    try {
      const child = fork(CHILD, {
        execArgv: ['--import', 'tsx/esm'],
        env: { ...process.env, TMPDIR: folder },
      });
      const [pids] = (await once(child, 'message')) as [number[]];
      expect(pids.map(isAlive)).to.deep.equal([true]);
      child.kill('SIGKILL');
      await eventually(() => {
        expect(pids.map(isAlive)).to.deep.equal([false]);
      });
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
