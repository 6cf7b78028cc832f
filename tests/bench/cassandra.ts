/** What the benchmark needs for the service on Apache Cassandra: a cluster, the service's options, and the measure. */
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { containerId, type ContainerKind } from '../../magnetodb/storage/driver.js';
import { keyspaceName, tableName } from '../../magnetodb/storage/cassandra/schema.js';
import { startCluster, type Cluster } from '../../tools/cassandra/cluster.js';
import { checked } from './load.js';
import { run } from './processes.js';
import { dataUrl, type ServiceTarget, type Surroundings, type Target } from './targets.js';
import { PLAIN_TABLE, PROJECT, TABLE, scatteredKeys } from './workload.js';

const KEYSPACE_PREFIX = 'bench';
const WARM_UP_SECONDS = 2;
/** batch_write is many statements, so it has no counterpart. */
const MEASURED = ['get_item', 'put_item', 'put_item_plain', 'update_item', 'query'];

/** Where the cluster is. */
export interface BenchCluster {
  readonly contactPoints: readonly string[];
  readonly localDataCenter: string;
  readonly replicationFactor: number;
  stop(): Promise<void>;
}

/**
 * Starts a cluster of so many nodes on this machine, for the benchmark alone.
 * @param folder for its data. Without one the nodes would be a test's, which Java compiles in a hurry.
 */
export async function startBenchCluster(
  nodes: 1 | 3,
  folder: string,
  log: (line: string) => void,
): Promise<BenchCluster> {
  const cluster: Cluster = await startCluster({ nodes, folder, heap: '1G', log });
  return {
    contactPoints: cluster.contactPoints.map((address) => `${address}:${cluster.port}`),
    localDataCenter: cluster.localDataCenter,
    replicationFactor: nodes,
    stop: () => cluster.stop(),
  };
}

/** A configuration file for the service on the cluster. Each service has keyspaces of its own. */
export function cassandraConfig(cluster: BenchCluster, service: number): string {
  return `
[DEFAULT]
storage_driver = cassandra

[tables]
write_isolation_exceptions = ${PROJECT}/${PLAIN_TABLE}:forbid

[cassandra]
contact_points = ${cluster.contactPoints.join(', ')}
local_data_center = ${cluster.localDataCenter}
replication_factor = ${cluster.replicationFactor}
keyspace_prefix = ${KEYSPACE_PREFIX}${service}
connect_timeout = 30
`;
}

/** cassandra-driver without anything around it, on the tables of the first service. */
export async function cassandraDriverItself(
  name: string,
  service: ServiceTarget,
  cluster: BenchCluster,
  around: Surroundings,
): Promise<Target> {
  const program = path.join(import.meta.dirname, 'cassandra-baseline.mjs');
  const setupFile = path.join(around.folder, 'cassandra-setup.json');
  const table = async (called: string, kind: ContainerKind): Promise<string> => {
    const response = await fetch(`${dataUrl(service.process.url)}/tables/${called}`);
    const body = (await response.json()) as { readonly table: { readonly table_id: string } };
    const container = { id: containerId(body.table.table_id), project: PROJECT, kind };
    return `${keyspaceName(`${KEYSPACE_PREFIX}0`, PROJECT)}.${tableName(container)}`;
  };
  await writeFile(
    setupFile,
    JSON.stringify({
      contactPoints: cluster.contactPoints,
      localDataCenter: cluster.localDataCenter,
      guarded: await table(TABLE, 'guarded'),
      plain: await table(PLAIN_TABLE, 'plain'),
      keys: scatteredKeys(),
    }),
  );
  return {
    name,
    has: (operation) => MEASURED.includes(operation.name),
    measure: async (operation, seconds) => {
      const { connections } = around;
      const args = [operation.name, setupFile, connections, WARM_UP_SECONDS, seconds].map(String);
      const output = await run(process.execPath, [program, ...args]);
      return checked(output, { connections, seconds, leastAnswerBytes: 0 });
    },
    stop: () => Promise.resolve(),
  };
}
