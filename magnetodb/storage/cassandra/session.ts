/**
 * The connection to the cluster: the client library's Client, made anew until it has connected once, and what goes for
 * every statement: who is asked, how long it may take, how many may be under way.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ConnectionOptions } from 'node:tls';
import {
  Client,
  ExecutionProfile,
  auth,
  policies,
  types,
  type ClientOptions,
  type QueryOptions,
} from 'cassandra-driver';
import type { Logger } from '../../logging/logger.js';
import type { Consistency } from '../driver.js';
import { StorageConfigurationError, StorageUnavailableError } from '../errors.js';
import { GivenUpError, configurationFault, isLostAnswer, silentNodes } from './errors.js';
import type { CassandraOptions, TlsOptions } from './options.js';
import { ReadRetryPolicy, ReplicaOrderPolicy, SilentNodes } from './replica-order.js';

const { consistencies, distance } = types;

/** The pauses between attempts to connect, and to connect again to a node that was lost, in milliseconds. */
const FIRST_PAUSE_MS = 500;
const LONGEST_PAUSE_MS = 5_000;
/** How long a schema change may take, in milliseconds: longer than any other statement. */
const SCHEMA_TIMEOUT_MS = 30_000;
/** After how many statements without an answer a connection is given up and made anew. */
const UNANSWERED_LIMIT = 32;

/** How many replicas a write may be sent to, one after the other, before it begins with the first again. */
const WRITE_ORDERS = 3;

/** One statement of a write. */
export interface Statement {
  readonly query: string;
  readonly params: unknown[];
}

export class Session {
  readonly #options: CassandraOptions;
  readonly #logger: Logger;
  readonly #silent = new SilentNodes();
  readonly #clientOptions: () => ClientOptions;
  readonly #serialConsistency: types.consistencies;
  readonly #readOptions: Readonly<Record<Consistency | 'serial', QueryOptions>>;
  #client: Client | undefined;
  #failure: unknown;
  #requests = 0;
  #bytes = 0;
  #turn: Promise<void> | undefined;
  #isClosed = false;
  #connecting: Promise<void> | undefined;
  readonly #closing = new AbortController();

  private constructor(
    options: CassandraOptions,
    logger: Logger,
    private readonly prepare: (client: Client) => Promise<void>,
  ) {
    this.#options = options;
    this.#logger = logger;
    this.#serialConsistency =
      consistencies[options.serialConsistency === 'SERIAL' ? 'serial' : 'localSerial'];
    const reads: QueryOptions = { prepare: true, isIdempotent: true, executionProfile: 'read' };
    this.#readOptions = {
      eventual: { ...reads, consistency: consistencies.localOne },
      strong: { ...reads, consistency: consistencies.localQuorum },
      // Where the writers are, so that a round of theirs is met and finished.
      serial: { ...reads, consistency: this.#serialConsistency, executionProfile: 'write0' },
    };
    const tls = options.tls === undefined ? undefined : readTls(options.tls);
    this.#clientOptions = () => makeClientOptions(options, tls, this.#silent);
  }

  /**
   * Connects. Where the cluster does not answer in time, goes on trying, and the session refuses statements until then.
   * @param prepare is run on a new connection before any statement; it may refuse the cluster.
   * @throws {StorageConfigurationError} somebody must change something before trying again helps.
   */
  static async open(
    options: CassandraOptions,
    logger: Logger,
    prepare: (client: Client) => Promise<void>,
  ): Promise<Session> {
    const session = new Session(options, logger, prepare);
    const first = session.#connectOnce();
    const patience = new AbortController();
    const late = sleep(options.connectTimeoutMs, 'late' as const, { signal: patience.signal }).catch(
      () => 'late' as const,
    );
    const outcome = await Promise.race([first, late]);
    patience.abort();
    if (outcome instanceof StorageConfigurationError) throw outcome;
    if (session.#client === undefined) {
      logger.error('Cassandra does not answer; requests get 503 until it does', {
        contact_points: options.contactPoints.join(', '),
        error: session.#failure,
      });
      session.#connecting = session.#connectUntilThere(first);
    }
    return session;
  }

  /** The client. @throws {StorageUnavailableError} while the cluster has not been reached, and after `close`. */
  get client(): Client {
    if (this.#client === undefined || this.#isClosed) {
      throw new StorageUnavailableError(
        this.#isClosed ? 'the Cassandra session is closed' : 'Cassandra has not been reached yet',
        { cause: this.#failure },
      );
    }
    return this.#client;
  }

  /**
   * Reads by a prepared statement, from one replica (`eventual`), from most of the local ones (`strong`), or in a round
   * of Paxos, which brings compare-and-sets under way to their end (`serial`).
   * @param bytes roughly what may come back.
   * @param routingKey a partition near which to ask, for a statement that names none.
   * @param timeoutMs how long to wait for an answer, whichever nodes are asked for it.
   */
  async read(
    statement: Statement,
    consistency: Consistency | 'serial',
    bytes: number,
    routingKey?: Buffer,
    timeoutMs = this.#options.requestTimeoutMs,
  ): Promise<types.ResultSet> {
    const shared = this.#readOptions[consistency];
    const options = routingKey === undefined ? shared : { ...shared, routingKey };
    const once = (leftMs: number): Promise<types.ResultSet> =>
      this.#run(bytes, leftMs, (client) => client.execute(statement.query, statement.params, options));
    if (consistency !== 'eventual') return await once(timeoutMs);
    const endMs = performance.now() + timeoutMs;
    try {
      return await once(timeoutMs);
    } catch (error) {
      // A node that is up may have asked a replica that had just died, and the client library other dead ones after
      // it. By now that is known, and one live replica is enough.
      const leftMs = Math.floor(endMs - performance.now());
      if (leftMs <= 0 || !isLostAnswer(error)) throw error;
      return await once(leftMs);
    }
  }

  /**
   * Writes by prepared statements of one partition, in one step.
   * @param attempt 0 asks the partition's first live replica, 1 the second, and so on.
   * @param timeoutMs how long to wait for an answer, with all that has to be done before the node can be asked.
   */
  async write(
    statements: readonly Statement[],
    bytes: number,
    attempt: number,
    timeoutMs: number,
  ): Promise<types.ResultSet> {
    const options: QueryOptions = {
      prepare: true,
      logged: false,
      isIdempotent: false,
      executionProfile: `write${attempt % WRITE_ORDERS}`,
      consistency: consistencies.localQuorum,
      serialConsistency: this.#serialConsistency,
      readTimeout: Math.min(timeoutMs, this.#options.serverTimeoutMs),
    };
    const [first] = statements;
    if (first === undefined) throw new RangeError('a write has at least one statement');
    return this.#run(bytes, timeoutMs, (client) =>
      statements.length === 1
        ? client.execute(first.query, first.params, options)
        : client.batch([...statements], options),
    );
  }

  /** Reads what the nodes know of the schema, from any node. */
  async readSchema(query: string, params: unknown[]): Promise<types.ResultSet> {
    const call = this.#watched(this.client.execute(query, params, this.#readOptions.eventual));
    return await inTime(call, this.#options.requestTimeoutMs);
  }

  /** Changes the schema. Whether all nodes know of it by then, schema.ts finds out. */
  async changeSchema(query: string): Promise<types.ResultSet> {
    return this.#watched(this.client.execute(query, [], schemaChangeOptions));
  }

  /** Ends the attempts to connect, and closes all connections. */
  async close(): Promise<void> {
    this.#isClosed = true;
    this.#closing.abort();
    await this.#connecting;
    await this.#client?.shutdown();
  }

  /**
   * Runs one statement, unless too much is under way already.
   * @throws {GivenUpError} the time is up. The client library counts for each node anew, and for preparing apart.
   */
  async #run(
    bytes: number,
    timeoutMs: number,
    action: (client: Client) => Promise<types.ResultSet>,
  ): Promise<types.ResultSet> {
    const { client } = this;
    const { maxRequests, maxBytes } = this.#options;
    // What is more than Cassandra keeps up with waits at the caller, not in this process's memory.
    if (this.#requests >= maxRequests || (this.#requests > 0 && this.#bytes + bytes > maxBytes)) {
      throw new StorageUnavailableError(
        'too many statements wait for Cassandra ([cassandra] max_requests, max_bytes)',
      );
    }
    this.#requests += 1;
    this.#bytes += bytes;
    // What is given up still takes memory until the client library is done with it.
    const call = this.#turnsEnd()
      .then(() => this.#watched(action(client)))
      .finally(() => {
        this.#requests -= 1;
        this.#bytes -= bytes;
      });
    return await inTime(call, timeoutMs);
  }

  /**
   * The end of the event loop's turn. The client library writes to a node's socket once for all statements that it is
   * given in one go; those of requests that arrived in one turn would else take a system call each.
   */
  #turnsEnd(): Promise<void> {
    this.#turn ??= new Promise((resolve) => {
      setImmediate(() => {
        this.#turn = undefined;
        resolve();
      });
    });
    return this.#turn;
  }

  async #watched(call: Promise<types.ResultSet>): Promise<types.ResultSet> {
    try {
      return await call;
    } catch (error) {
      for (const address of silentNodes(error)) this.#silent.add(address);
      throw error;
    }
  }

  /** @returns what makes further attempts useless; undefined where it has connected, or may do so later. */
  async #connectOnce(): Promise<StorageConfigurationError | undefined> {
    let client: Client | undefined;
    try {
      client = new Client(this.#clientOptions());
      this.#listen(client);
      await client.connect();
      await this.prepare(client);
      this.#client = client;
      return undefined;
    } catch (error) {
      this.#failure = error;
      await client?.shutdown().catch(() => undefined);
      return configurationFault(error);
    }
  }

  /** Never throws. */
  async #connectUntilThere(underWay: Promise<StorageConfigurationError | undefined>): Promise<void> {
    let fault = await underWay;
    for (let pauseMs = FIRST_PAUSE_MS; this.#client === undefined;) {
      if (fault !== undefined) {
        this.#logger.error('Cassandra can not be used as it is configured; correct it and start again', {
          error: fault,
        });
      }
      await sleep(pauseMs, undefined, { signal: this.#closing.signal, ref: false }).catch(() => undefined);
      if (this.#closing.signal.aborted) return;
      pauseMs = Math.min(LONGEST_PAUSE_MS, pauseMs * 2);
      fault = await this.#connectOnce();
    }
    if (!this.#closing.signal.aborted) this.#logger.info('Cassandra answers; requests are served again');
  }

  /**
   * What an operator should know of nodes. The client library's own log is not passed on: it quotes the nodes'
   * warnings, and those quote keys.
   */
  #listen(client: Client): void {
    client.on('hostDown', (host: { address: string }) => {
      this.#logger.warn('a Cassandra node is down', { node: host.address });
    });
    client.on('hostUp', (host: { address: string }) => {
      this.#logger.info('a Cassandra node is up', { node: host.address });
    });
  }
}

/** @throws {GivenUpError} the call has not ended in time; what it still does, nobody waits for. */
function inTime<Result>(call: Promise<Result>, timeoutMs: number): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new GivenUpError(timeoutMs));
    }, timeoutMs);
  });
  return Promise.race([call, late]).finally(() => {
    clearTimeout(timer);
  });
}

/** A result's first row, for who knows its columns. */
export function firstOf(result: types.ResultSet): unknown {
  return result.rows[0];
}

/** For statements that change the schema. */
export const schemaChangeOptions: QueryOptions = {
  prepare: false,
  isIdempotent: false,
  executionProfile: 'write0',
  readTimeout: SCHEMA_TIMEOUT_MS,
};

function makeClientOptions(
  options: CassandraOptions,
  tls: ConnectionOptions | undefined,
  silent: SilentNodes,
): ClientOptions {
  const { localDataCenter } = options;
  const shared = { localDataCenter, fallbackKeyspace: `${options.keyspacePrefix}_system`, silent };
  const reads = new ReplicaOrderPolicy({ ...shared, order: 'random' });
  const { reconnection, retry, speculativeExecution } = policies;
  return {
    contactPoints: options.contactPoints.map((point) =>
      point.includes(':') ? point : `${point}:${options.port}`,
    ),
    localDataCenter,
    protocolOptions: {
      port: options.port,
      // schema.ts waits itself, and looks more often.
      maxSchemaAgreementWaitSeconds: 0,
    },
    ...(options.credentials === undefined
      ? {}
      : {
          authProvider: new auth.PlainTextAuthProvider(
            options.credentials.username,
            options.credentials.password,
          ),
        }),
    ...(tls === undefined ? {} : { sslOptions: tls }),
    encoding: { useBigIntAsLong: true, copyBuffer: false },
    maxPrepared: options.maxPrepared,
    // A statement is prepared where it is used: else one node that does not answer holds up the rest.
    prepareOnAllHosts: false,
    rePrepareOnUp: false,
    policies: {
      loadBalancing: reads,
      reconnection: new reconnection.ExponentialReconnectionPolicy(FIRST_PAUSE_MS, LONGEST_PAUSE_MS, false),
      retry: new ReadRetryPolicy(),
      speculativeExecution:
        options.speculativeDelayMs === 0
          ? new speculativeExecution.NoSpeculativeExecutionPolicy()
          : new speculativeExecution.ConstantSpeculativeExecutionPolicy(options.speculativeDelayMs, 1),
      // The nodes' clocks order plain writes: a client's generator gives two processes the same instants.
      timestampGeneration: null as unknown as policies.timestampGeneration.TimestampGenerator,
    },
    profiles: [
      new ExecutionProfile('read', { loadBalancing: reads }),
      ...Array.from(
        { length: WRITE_ORDERS },
        (_, skip) =>
          new ExecutionProfile(`write${skip}`, {
            loadBalancing: new ReplicaOrderPolicy({ ...shared, order: 'ring', skip }),
            retry: new retry.FallthroughRetryPolicy(),
          }),
      ),
    ],
    pooling: {
      coreConnectionsPerHost: {
        [distance.local]: options.connectionsPerHost,
        [distance.remote]: 0,
        [distance.ignored]: 0,
      },
      maxRequestsPerConnection: Math.max(64, Math.ceil(options.maxRequests / options.connectionsPerHost)),
      heartBeatInterval: 5_000,
      warmup: true,
    },
    queryOptions: { fetchSize: 0, consistency: consistencies.localQuorum },
    socketOptions: {
      connectTimeout: Math.min(options.connectTimeoutMs, options.serverTimeoutMs),
      readTimeout: options.serverTimeoutMs,
      defunctReadTimeoutThreshold: UNANSWERED_LIMIT,
      keepAlive: true,
      tcpNoDelay: true,
    },
  };
}

/** @throws {StorageConfigurationError} a file can't be read. */
function readTls(tls: TlsOptions): ConnectionOptions {
  const read = (name: string, file: string | undefined): Buffer | undefined => {
    if (file === undefined) return undefined;
    try {
      return readFileSync(file);
    } catch (error) {
      throw new StorageConfigurationError(`[cassandra] ${name}: ${file} can't be read`, { cause: error });
    }
  };
  const ca = read('tls_ca_file', tls.caFile);
  const cert = read('tls_cert_file', tls.certFile);
  const key = read('tls_key_file', tls.keyFile);
  return {
    rejectUnauthorized: true,
    ...(ca === undefined ? {} : { ca }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(tls.verifyHostName ? {} : { checkServerIdentity: () => undefined }),
  };
}
