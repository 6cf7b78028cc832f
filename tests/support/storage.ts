/**
 * The store that tests run on: the embedded one, or the Cassandra that the test command (tools/test/main.ts) has started
 * and tells of in the environment.
 */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Client } from 'cassandra-driver';
import { loadConfig } from '../../magnetodb/config/index.js';
import { silentLogger, type Logger } from '../../magnetodb/logging/logger.js';
import { openStorage } from '../../magnetodb/server/storage.js';
import type { StorageDriver } from '../../magnetodb/storage/driver.js';

/** The stores that tests can run on. */
export type TestStorage = 'lmdb' | 'cassandra';

/** How long a keyspace may take to be dropped, in milliseconds: on a busy machine longer than the client library waits. */
const DROP_MS = 50_000;

/** An empty store of a test's own. */
export interface TestStore {
  /** What configures the service for it, as environment variables. */
  readonly env: Readonly<Record<string, string>>;
  /** Removes it with all that is in it; what uses it must be closed before. */
  remove(): Promise<void>;
}

/** What the test command tells of its Cassandra. */
interface TestCassandra {
  readonly contactPoints: readonly string[];
  readonly port: number;
  readonly localDataCenter: string;
  readonly clusterName: string;
}

/** Which store this run is about. */
export function testStorage(): TestStorage {
  const name = process.env.MAGNETODB_TEST_STORAGE ?? 'lmdb';
  if (name === 'lmdb' || name === 'cassandra') return name;
  throw new Error(`MAGNETODB_TEST_STORAGE must be lmdb or cassandra, not ${name}`);
}

/** Makes a store that nobody else uses. */
export function newTestStore(): Promise<TestStore> {
  switch (testStorage()) {
    case 'lmdb':
      return newFolder();
    case 'cassandra':
      return Promise.resolve(newKeyspaces(testCassandra()));
  }
}

/** Opens the driver on a store. Who opens it closes it. */
export function openTestStore(store: TestStore, logger: Logger = silentLogger): Promise<StorageDriver> {
  return openStorage(loadConfig({ configFiles: [], env: store.env }), logger);
}

async function newFolder(): Promise<TestStore> {
  const dataDir = await mkdtemp(join(tmpdir(), 'magnetodb-test-'));
  return {
    env: { MAGNETODB_STORAGE_DRIVER: 'lmdb', MAGNETODB_DATA_DIR: dataDir },
    remove: () => rm(dataDir, { recursive: true }),
  };
}

/** The keyspaces that begin with a prefix of the store's own. The driver makes them as it needs them. */
function newKeyspaces(cassandra: TestCassandra): TestStore {
  const prefix = `t${randomBytes(4).toString('hex')}`;
  return {
    env: {
      MAGNETODB_STORAGE_DRIVER: 'cassandra',
      MAGNETODB_CASSANDRA_CONTACT_POINTS: cassandra.contactPoints.join(','),
      MAGNETODB_CASSANDRA_PORT: String(cassandra.port),
      MAGNETODB_CASSANDRA_LOCAL_DATA_CENTER: cassandra.localDataCenter,
      MAGNETODB_CASSANDRA_KEYSPACE_PREFIX: prefix,
      MAGNETODB_CASSANDRA_REPLICATION_FACTOR: String(cassandra.contactPoints.length),
    },
    remove: () => dropKeyspaces(cassandra, prefix),
  };
}

// The cluster goes after the tests, but each table takes memory until then.
async function dropKeyspaces(cassandra: TestCassandra, prefix: string): Promise<void> {
  const client = new Client({
    contactPoints: [...cassandra.contactPoints],
    protocolOptions: { port: cassandra.port },
    localDataCenter: cassandra.localDataCenter,
    socketOptions: { readTimeout: DROP_MS },
  });
  try {
    const local = await client.execute('SELECT cluster_name FROM system.local');
    if (local.first().cluster_name !== cassandra.clusterName) {
      throw new Error(`the Cassandra at ${cassandra.contactPoints.join()} is not the one of this test run`);
    }
    const { rows } = await client.execute('SELECT keyspace_name FROM system_schema.keyspaces');
    for (const name of rows.map((row) => String(row.keyspace_name))) {
      if (name.startsWith(prefix)) await client.execute(`DROP KEYSPACE IF EXISTS "${name}"`);
    }
  } finally {
    await client.shutdown();
  }
}

function testCassandra(): TestCassandra {
  const text = process.env.MAGNETODB_TEST_CASSANDRA;
  if (text === undefined) {
    throw new Error('these tests need a Cassandra: run them by npm test -- --storage cassandra FILE');
  }
  // Our own test command has written it.
  return JSON.parse(text) as TestCassandra;
}
