/** Asks a node over CQL who it is and how many others it can reach. */
import { readFileSync } from 'node:fs';
import { auth, Client, policies, types, type ClientOptions } from 'cassandra-driver';
import { CassandraToolError } from './errors.js';

/** The data centre of every node that runs without a topology of its own (SimpleSnitch). */
export const LOCAL_DATA_CENTER = 'datacenter1';
/** The superuser that Cassandra makes in a new cluster with passwords. */
export const SUPERUSER = { username: 'cassandra', password: 'cassandra' } as const;

const CONNECT_MS = 5_000;
const READ_MS = 6_000;

/** How a node is reached. */
export interface ProbeTarget {
  readonly address: string;
  readonly port: number;
  readonly clusterName: string;
  readonly auth: boolean;
  /** The certificate to trust; with it TLS is spoken. */
  readonly tlsCaFile?: string;
}

/** What a healthy node has answered. */
export interface ProbeAnswer {
  readonly schemaVersion: string;
  /** The other nodes that it knows, dead ones too. */
  readonly peers: readonly string[];
}

/** The node that answers is not the one that was started. */
export class WrongClusterError extends CassandraToolError {}

/**
 * Asks one node, and no other.
 * @param replicas how many nodes, itself counted, must answer a read that it coordinates: proof that it sees so many up.
 * @throws {WrongClusterError} another cluster answers there.
 * @throws whatever the client library throws while the node isn't ready.
 */
export async function probe(target: ProbeTarget, replicas: number): Promise<ProbeAnswer> {
  const client = new Client(probeOptions(target));
  try {
    await client.connect();
    const local = (
      await client.execute('SELECT cluster_name, listen_address, schema_version FROM system.local')
    ).first();
    const name = String(local.cluster_name);
    const address = String(local.listen_address);
    if (name !== target.clusterName || address !== target.address) {
      throw new WrongClusterError(
        `${target.address}:${target.port} is answered by node ${address} of cluster ${JSON.stringify(name)}, ` +
          `not by ${JSON.stringify(target.clusterName)}`,
      );
    }
    const peers = await client.execute('SELECT peer FROM system.peers');
    // Every node has a copy of this keyspace (settings.ts), so each consistency level counts nodes.
    await client.execute(
      'SELECT parent_id FROM system_distributed.parent_repair_history WHERE parent_id = 00000000-0000-1000-8000-000000000000',
      [],
      { consistency: consistencyOf(replicas) },
    );
    return {
      schemaVersion: String(local.schema_version),
      peers: peers.rows.map((row) => String(row.peer)),
    };
  } finally {
    await client.shutdown();
  }
}

function probeOptions(target: ProbeTarget): ClientOptions {
  const endpoint = `${target.address}:${target.port}`;
  return {
    contactPoints: [endpoint],
    localDataCenter: LOCAL_DATA_CENTER,
    policies: {
      loadBalancing: new policies.loadBalancing.AllowListPolicy(
        new policies.loadBalancing.RoundRobinPolicy(),
        [endpoint],
      ),
      retry: new policies.retry.FallthroughRetryPolicy(),
    },
    pooling: { coreConnectionsPerHost: { [types.distance.local]: 1 } },
    socketOptions: { connectTimeout: CONNECT_MS, readTimeout: READ_MS },
    isMetadataSyncEnabled: false,
    ...(target.auth
      ? { authProvider: new auth.PlainTextAuthProvider(SUPERUSER.username, SUPERUSER.password) }
      : {}),
    ...(target.tlsCaFile === undefined
      ? {}
      : { sslOptions: { ca: [readFileSync(target.tlsCaFile)], rejectUnauthorized: true } }),
  };
}

function consistencyOf(replicas: number): types.consistencies {
  switch (replicas) {
    case 1:
      return types.consistencies.one;
    case 2:
      return types.consistencies.two;
    case 3:
      return types.consistencies.three;
    default:
      throw new CassandraToolError(`no consistency level stands for ${replicas} nodes`);
  }
}
