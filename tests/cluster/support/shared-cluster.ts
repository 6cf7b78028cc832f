/**
 * One Cassandra cluster of three nodes for all test files that ask for it: a start takes longer than most tests. It
 * starts before the first suite that uses it, and stops after the last one.
 *
 *     describe('…', () => {
 *       const cluster = useCluster();
 *       it('…', () => cluster().nodes[0].kill());
 *
 * Each suite finds all nodes running, and takes a keyspace prefix of its own.
 */
import { startCluster, type Cluster, type ClusterNode } from '../../../tools/cassandra/cluster.js';

/** How long a start, or a repair, may take on a busy machine, in milliseconds. */
const START_MS = 300_000;

export interface SharedCluster extends Pick<Cluster, 'contactPoints' | 'port' | 'localDataCenter'> {
  readonly nodes: readonly [ClusterNode, ClusterNode, ClusterNode];
  /** Starts, or resumes, what does not run. Resolves when all nodes see each other. */
  repair(): Promise<void>;
}

/** Suites that have not ended. */
let users = 0;
let starting: Promise<Cluster> | undefined;

/** To be called where a suite is described. @returns what gives the cluster, once a test or a hook runs. */
export function useCluster(): () => SharedCluster {
  let shared: SharedCluster | undefined;
  users += 1;

  before(async function () {
    this.timeout(START_MS);
    starting ??= startCluster({
      nodes: 3,
      // What is acknowledged must outlive killed nodes, however soon they are killed.
      durable: true,
      log: () => {
        // What goes on is of no interest here.
      },
    });
    shared = share(await starting);
    await shared.repair();
  });
  after(async function () {
    this.timeout(START_MS);
    users -= 1;
    if (users === 0) await (await starting)?.stop();
  });

  return () => {
    if (shared === undefined) throw new Error('the cluster is there once the hooks before have run');
    return shared;
  };
}

function share(cluster: Cluster): SharedCluster {
  const { nodes, contactPoints, port, localDataCenter } = cluster;
  const [first, second, third] = nodes;
  if (first === undefined || second === undefined || third === undefined) throw new Error('no three nodes');
  return {
    nodes: [first, second, third],
    contactPoints,
    port,
    localDataCenter,
    repair: async () => {
      for (const node of nodes) node.resume();
      await Promise.all(nodes.filter(({ isRunning }) => !isRunning).map((node) => node.start()));
      await cluster.waitUntilHealthy();
    },
  };
}
