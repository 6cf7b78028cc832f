/** One deployment on a cluster for tests: how processes are configured for it, and what of it lies in the cluster. */
import { randomBytes } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { auth, Client } from 'cassandra-driver';
import { loadConfig } from '../../../magnetodb/config/index.js';
import { silentLogger } from '../../../magnetodb/logging/logger.js';
import { cassandraOptions } from '../../../magnetodb/server/cassandra-options.js';
import type { StorageDriver } from '../../../magnetodb/storage/driver.js';
import { openDriver } from '../../../magnetodb/storage/registry.js';
import type { Cluster } from '../../../tools/cassandra/cluster.js';

export interface Deployment {
  /** What its keyspaces' names begin with. */
  readonly prefix: string;
  /** What configures a process for it. */
  readonly env: Readonly<Record<string, string>>;
}

/** A deployment of its own: nobody else has its keyspaces, which are made as they are needed. */
export function newDeployment(cluster: Cluster): Deployment {
  const prefix = `t${randomBytes(4).toString('hex')}`;
  const { username, password, tlsCaFile } = cluster;
  const env: Record<string, string> = {
    MAGNETODB_STORAGE_DRIVER: 'cassandra',
    MAGNETODB_CASSANDRA_CONTACT_POINTS: cluster.contactPoints.join(','),
    MAGNETODB_CASSANDRA_PORT: String(cluster.port),
    MAGNETODB_CASSANDRA_LOCAL_DATA_CENTER: cluster.localDataCenter,
    MAGNETODB_CASSANDRA_KEYSPACE_PREFIX: prefix,
    MAGNETODB_CASSANDRA_REPLICATION_FACTOR: String(cluster.nodes.length),
    // The machine may be busy with processes that all start at once.
    MAGNETODB_CASSANDRA_CONNECT_TIMEOUT: '60',
  };
  if (username !== undefined) env.MAGNETODB_CASSANDRA_USERNAME = username;
  if (password !== undefined) env.MAGNETODB_CASSANDRA_PASSWORD = password;
  if (tlsCaFile !== undefined) {
    env.MAGNETODB_CASSANDRA_TLS = 'true';
    env.MAGNETODB_CASSANDRA_TLS_CA_FILE = tlsCaFile;
  }
  return { prefix, env };
}

/** Opens the driver on a deployment, in this process. Who opens it closes it. */
export function openDeployment({ env }: Deployment): Promise<StorageDriver> {
  const { cassandra } = loadConfig({ configFiles: [], env });
  return openDriver('cassandra', { cassandra: cassandraOptions(cassandra) }, silentLogger);
}

/** A client that looks at what lies in the cluster. Who connects shuts it down. */
export async function connect(cluster: Cluster): Promise<Client> {
  const { username, password, tlsCaFile } = cluster;
  const client = new Client({
    contactPoints: [...cluster.contactPoints],
    protocolOptions: { port: cluster.port },
    localDataCenter: cluster.localDataCenter,
    ...(username === undefined || password === undefined
      ? {}
      : { authProvider: new auth.PlainTextAuthProvider(username, password) }),
    ...(tlsCaFile === undefined ? {} : { sslOptions: { ca: [readFileSync(tlsCaFile)] } }),
  });
  await client.connect();
  return client;
}

/** The ids of the containers that have a Cassandra table, without those of the service itself; ascending. */
export async function containersOf(client: Client, { prefix }: Deployment): Promise<string[]> {
  const { rows } = await client.execute('SELECT keyspace_name, table_name FROM system_schema.tables');
  return rows
    .filter((row) => {
      const keyspace = String(row.keyspace_name);
      return keyspace.startsWith(`${prefix}_`) && keyspace !== `${prefix}_system`;
    })
    .map((row) => String(row.table_name).replace(/^t_(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'))
    .sort();
}

/** All that a deployment's keyspaces have in Cassandra's description of them: rows of `system_schema`. */
export async function schemaRows(client: Client, { prefix }: Deployment): Promise<Record<string, unknown>[]> {
  const found: Record<string, unknown>[] = [];
  for (const table of ['keyspaces', 'tables', 'columns', 'indexes', 'views', 'types', 'functions']) {
    const { rows } = await client.execute(`SELECT * FROM system_schema.${table}`);
    found.push(
      ...rows.filter((row) => String(row.keyspace_name).startsWith(`${prefix}_`)).map((row) => ({ ...row })),
    );
  }
  return found;
}
