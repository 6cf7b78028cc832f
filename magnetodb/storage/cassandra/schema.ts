/**
 * Keyspaces and tables, and what the driver writes down about itself.
 *
 *     <prefix>_p_<project id>             a project's keyspace, where the id is 32 lower-case hexadecimal digits
 *     <prefix>_h_<hash of the id>         a project's keyspace otherwise
 *     <prefix>_system                     the service's own keyspace
 *     <prefix>_system.settings            name text PRIMARY KEY, value text
 *     <keyspace>.t_<container id>         a container: rows.ts has its columns
 *
 * A table is made with an id of our own (WITH id), so that a repeat can't make a second one, and is named by the
 * container's id, which is never used again: a statement prepared for one that is gone can't hit another. The table's
 * id is made of the container's and the keyspace: no two tables of a cluster may have one, and every deployment has a
 * catalogue with the same container ids.
 */
import { createHash } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { types, type Client } from 'cassandra-driver';
import { v5 as uuidV5 } from 'uuid';
import type { Container } from '../driver.js';
import { OutcomeUnknownError, StorageConfigurationError } from '../errors.js';
import { isUnknownName } from './errors.js';
import type { CassandraOptions, Replication } from './options.js';
import { firstOf, schemaChangeOptions, type Session } from './session.js';

const { consistencies } = types;

/** The layout of rows.ts. A store of another one is refused. */
const FORMAT = 'magnetodb-cassandra 1';

/** What the ids of tables are derived in: any UUID that is always the same. */
const TABLE_ID_NAMESPACE = '4a3f5d0e-6c1b-4c8e-9f27-8d1b7e0c5a42';

/** How long all nodes may take to agree about a schema, in milliseconds, and how often they are asked. */
const AGREEMENT_MS = 15_000;
const AGREEMENT_POLL_MS = 50;
const AGREEMENT_LOOK_MS = 3_000;
/** How often a table is made again whose keyspace the node that was asked doesn't know yet. */
const CREATE_ATTEMPTS = 3;

/** The keyspace's name of a project; of the service itself for the empty text. It needs no quotes in CQL. */
export function keyspaceName(prefix: string, project: string): string {
  if (project === '') return `${prefix}_system`;
  if (/^[0-9a-f]{32}$/.test(project)) return `${prefix}_p_${project}`;
  return `${prefix}_h_${createHash('sha256').update(project).digest('hex').slice(0, 32)}`;
}

/** The table's name of a container, without its keyspace. */
export function tableName(container: Container): string {
  return `t_${container.id.replaceAll('-', '')}`;
}

/**
 * The id of a table, by its keyspace and name. The container's id would not do: a cluster wants ids that are unique among
 * all keyspaces, and the service's own containers have the same ids in every deployment that shares the cluster.
 */
export function tableId(table: string): string {
  return uuidV5(table, TABLE_ID_NAMESPACE);
}

export class Schema {
  readonly #prefix: string;
  readonly #replication: string;
  readonly #gcGraceSeconds: number;
  readonly #localDataCenter: string;
  /** Schema changes of this process go one after the other: nodes take them so anyway. */
  #changes: Promise<unknown> = Promise.resolve();

  constructor(
    private readonly session: Session,
    options: CassandraOptions,
  ) {
    this.#prefix = options.keyspacePrefix;
    this.#replication = replicationMap(options.replication);
    this.#gcGraceSeconds = options.gcGraceSeconds;
    this.#localDataCenter = options.localDataCenter;
  }

  /** A container's table, as statements name it. */
  tableOf(container: Container): string {
    return `${keyspaceName(this.#prefix, container.project)}.${tableName(container)}`;
  }

  /**
   * Makes a container's table, and its keyspace where that is missing. When it resolves, all nodes that are up know it.
   * @throws {OutcomeUnknownError} made, or not, or not known everywhere: a repeat finds out.
   */
  async create(container: Container): Promise<void> {
    await this.#change(async () => {
      const keyspace = keyspaceName(this.#prefix, container.project);
      const columns = container.kind === 'guarded' ? 'v timeuuid, x bigint, g blob, item blob' : 'item blob';
      const table = this.tableOf(container);
      const statement =
        `CREATE TABLE IF NOT EXISTS ${table} (h blob, ix text, ik blob, r blob, ${columns}, ` +
        `PRIMARY KEY ((h), ix, ik, r)) WITH id = ${tableId(table)} AND gc_grace_seconds = ${this.#gcGraceSeconds}`;
      for (let attempt = 1; ; attempt += 1) {
        await this.#ensureKeyspace(keyspace);
        try {
          await this.session.changeSchema(statement);
          break;
        } catch (error) {
          // The node that was asked has not heard of the keyspace yet.
          if (attempt === CREATE_ATTEMPTS || !isUnknownName(error)) throw error;
          await this.#agree();
        }
      }
      await this.#agree();
    });
  }

  /** Drops a container's table. @throws {OutcomeUnknownError} dropped or not, or not everywhere: a repeat goes on. */
  async drop(container: Container): Promise<void> {
    await this.#change(async () => {
      try {
        await this.session.changeSchema(`DROP TABLE IF EXISTS ${this.tableOf(container)}`);
      } catch (error) {
        // Without its keyspace there is no table.
        if (!isUnknownName(error) || (await this.exists(container))) throw error;
      }
      await this.#agree();
    });
  }

  /** Whether the node that happens to be asked knows the container's table. */
  async exists(container: Container): Promise<boolean> {
    const { rowLength } = await this.session.readSchema(
      'SELECT id FROM system_schema.tables WHERE keyspace_name = ? AND table_name = ?',
      [keyspaceName(this.#prefix, container.project), tableName(container)],
    );
    return rowLength > 0;
  }

  async #ensureKeyspace(name: string): Promise<void> {
    const { client } = this.session;
    if (name in keyspacesOf(client)) return;
    await this.session.changeSchema(createKeyspace(name, this.#replication));
    await this.#agree();
    // Without its metadata, statements go to any node instead of the replicas.
    await client.metadata.refreshKeyspace(name);
  }

  async #change(action: () => Promise<void>): Promise<void> {
    const turn = this.#changes.then(action);
    this.#changes = turn.catch(() => undefined);
    await turn;
  }

  async #agree(): Promise<void> {
    await awaitAgreement(this.session.client, this.#localDataCenter);
  }
}

/** What is kept in the settings, to be the same for all processes of a deployment. */
interface Settings {
  readonly format: string;
  readonly serial_consistency: string;
}

/**
 * Makes the service's keyspace and its settings where they are missing, and compares what they say with what this
 * process was told. To be run on a new connection, before anything else.
 * @throws {StorageConfigurationError} the store is of another format, or of another serial consistency: processes
 * of both kinds would not exclude each other.
 */
export async function prepareService(client: Client, options: CassandraOptions): Promise<void> {
  const partitioner = await client.execute('SELECT partitioner FROM system.local', [], {
    isIdempotent: true,
  });
  const name = (firstOf(partitioner) as { readonly partitioner: string } | undefined)?.partitioner ?? '';
  if (!name.endsWith('.Murmur3Partitioner')) {
    throw new StorageConfigurationError(`the Cassandra cluster has ${name}; scans need Murmur3Partitioner`);
  }
  const keyspace = keyspaceName(options.keyspacePrefix, '');
  if (!(keyspace in keyspacesOf(client))) {
    await client.execute(
      createKeyspace(keyspace, replicationMap(options.replication)),
      [],
      schemaChangeOptions,
    );
    await awaitAgreement(client, options.localDataCenter);
    await client.metadata.refreshKeyspace(keyspace);
  }
  const table = `${keyspace}.settings`;
  const known = await client.execute(
    "SELECT table_name FROM system_schema.tables WHERE keyspace_name = ? AND table_name = 'settings'",
    [keyspace],
    { prepare: true, isIdempotent: true, consistency: consistencies.localOne },
  );
  if (known.rowLength === 0) {
    await client.execute(
      `CREATE TABLE IF NOT EXISTS ${table} (name text PRIMARY KEY, value text)`,
      [],
      schemaChangeOptions,
    );
    await awaitAgreement(client, options.localDataCenter);
  }
  const wanted: Settings = { format: FORMAT, serial_consistency: options.serialConsistency };
  for (const [name, value] of Object.entries(wanted)) await keepSetting(client, table, name, value as string);
}

/**
 * Writes a setting down, unless it is there already. It never changes, so any replica that has it will do: a process
 * that starts where a quorum is lost can serve the reads that need none.
 * @throws {StorageConfigurationError} it is there, and another.
 */
async function keepSetting(client: Client, table: string, name: string, value: string): Promise<void> {
  const reading = { prepare: true, isIdempotent: true, consistency: consistencies.localOne };
  const known = firstOf(await client.execute(`SELECT value FROM ${table} WHERE name = ?`, [name], reading));
  let found = (known as { readonly value: string } | undefined)?.value;
  if (found === undefined) {
    // SERIAL whatever is configured: the question is which of the two it is.
    const made = await client.execute(
      `INSERT INTO ${table} (name, value) VALUES (?, ?) IF NOT EXISTS`,
      [name, value],
      { prepare: true, consistency: consistencies.localQuorum, serialConsistency: consistencies.serial },
    );
    const verdict = firstOf(made) as { readonly '[applied]': boolean; readonly value?: string } | undefined;
    found = verdict?.['[applied]'] === true ? value : verdict?.value;
  }
  if (found !== value) {
    throw new StorageConfigurationError(
      `the keyspaces of this deployment were made with ${name} ${String(found)}, and this process has ${value}`,
    );
  }
}

/**
 * Waits until all nodes that are up have the same schema. Those that are down get it when they come back.
 * @throws {OutcomeUnknownError} they did not agree in time.
 */
async function awaitAgreement(client: Client, localDataCenter: string): Promise<void> {
  const endMs = Date.now() + AGREEMENT_MS;
  for (;;) {
    // A look fails where a node has just gone: without it, the next one may do.
    const versions = await schemaVersions(client, localDataCenter).catch(() => undefined);
    if (versions?.size === 1) return;
    if (Date.now() > endMs) break;
    await sleep(AGREEMENT_POLL_MS);
  }
  throw new OutcomeUnknownError(
    `the Cassandra nodes did not agree about the schema within ${AGREEMENT_MS} ms`,
  );
}

interface SchemaVersion {
  readonly schema_version: types.Uuid;
}

/** The schema versions of the nodes that are up: local ones are asked, others as the local ones know them. */
async function schemaVersions(client: Client, localDataCenter: string): Promise<Set<string>> {
  const options = {
    prepare: false,
    isIdempotent: true,
    consistency: consistencies.one,
    readTimeout: AGREEMENT_LOOK_MS,
  };
  const up = client.hosts.values().filter((host) => host.isUp());
  const local = up.filter((host) => host.datacenter === localDataCenter);
  const own = local.map(async (host) => {
    const result = await client.execute('SELECT schema_version FROM system.local', [], { ...options, host });
    return String((firstOf(result) as SchemaVersion | undefined)?.schema_version);
  });
  if (local.length === up.length) return new Set(await Promise.all(own));
  const remote = new Set(
    up.filter((host) => !local.includes(host)).map(({ address }) => address.replace(/:\d+$/, '')),
  );
  const peers = await client.execute('SELECT rpc_address, schema_version FROM system.peers', [], options);
  const theirs = peers.rows
    .filter((row) => remote.has(String(row.rpc_address)))
    .map((row) => String(row.schema_version));
  return new Set([...(await Promise.all(own)), ...theirs]);
}

function createKeyspace(name: string, replication: string): string {
  return `CREATE KEYSPACE IF NOT EXISTS ${name} WITH replication = ${replication}`;
}

/** The names have been checked where they were configured. */
function replicationMap(replication: Replication): string {
  if (replication.strategy === 'SimpleStrategy') {
    return `{'class': 'SimpleStrategy', 'replication_factor': ${replication.factor}}`;
  }
  const factors = [...replication.factors].map(
    ([name, factor]) => `, '${name.replaceAll("'", "''")}': ${factor}`,
  );
  return `{'class': 'NetworkTopologyStrategy'${factors.join('')}}`;
}

/** The keyspaces that the client library has heard of. */
function keyspacesOf(client: Client): Readonly<Record<string, unknown>> {
  return client.metadata.keyspaces;
}
