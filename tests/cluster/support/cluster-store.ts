/** What tests of the Cassandra driver on a cluster share: its options, a log to look into, keys by their replicas. */
import { randomBytes } from 'node:crypto';
import { Client } from 'cassandra-driver';
import type { Logger } from '../../../magnetodb/logging/logger.js';
import type { CassandraOptions } from '../../../magnetodb/storage/cassandra/options.js';
import type { Row } from '../../../magnetodb/storage/driver.js';
import type { Cluster } from '../../../tools/cassandra/cluster.js';

/** The service's own keyspace, where the containers of these tests are. */
export const PREFIX = 'magnetodb';
export const KEYSPACE = `${PREFIX}_system`;

/** The options of a driver on a cluster, with the configuration's defaults otherwise. */
export function optionsOn(cluster: Cluster, changed: Partial<CassandraOptions> = {}): CassandraOptions {
  return {
    contactPoints: cluster.contactPoints,
    port: cluster.port,
    localDataCenter: cluster.localDataCenter,
    keyspacePrefix: PREFIX,
    replication: { strategy: 'SimpleStrategy', factor: 3 },
    serialConsistency: 'LOCAL_SERIAL',
    connectTimeoutMs: 20_000,
    serverTimeoutMs: 5_500,
    requestTimeoutMs: 12_000,
    connectionsPerHost: 2,
    maxRequests: 1_024,
    maxBytes: 256 * 1024 * 1024,
    maxPrepared: 10_000,
    speculativeDelayMs: 500,
    gcGraceSeconds: 864_000,
    ...changed,
  };
}

/** A client that asks the nodes directly. Who gets it shuts it down. */
export async function observe(cluster: Cluster): Promise<Client> {
  const client = new Client({
    contactPoints: cluster.contactPoints.map((address) => `${address}:${cluster.port}`),
    localDataCenter: cluster.localDataCenter,
    encoding: { useBigIntAsLong: true },
  });
  await client.connect();
  return client;
}

/** The addresses of a partition's replicas, in the order in which writers ask them. */
export function replicasOf(client: Client, partition: Buffer): string[] {
  return client.getReplicas(KEYSPACE, partition).map(({ address }) => address.replace(/:\d+$/, ''));
}

/** A new partition whose first replica is the node. */
export function partitionOn(client: Client, node: string): Buffer {
  for (;;) {
    const partition = randomBytes(16);
    if (replicasOf(client, partition)[0] === node) return partition;
  }
}

/** A logger that keeps what it is told. */
export interface Recorder extends Logger {
  readonly records: readonly { readonly event: string; readonly fields: Readonly<Record<string, unknown>> }[];
}

export function recorder(): Recorder {
  const records: { event: string; fields: Readonly<Record<string, unknown>> }[] = [];
  const record = (event: string, fields: Readonly<Record<string, unknown>> = {}): void => {
    records.push({ event, fields });
  };
  return { records, error: record, warn: record, info: record, debug: record, isEnabled: () => true };
}

export function text(row: Row | undefined): string | undefined {
  return row === undefined ? undefined : Buffer.from(row.value).toString();
}
