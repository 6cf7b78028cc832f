/** What the Cassandra driver must be told. The section [cassandra] of the configuration has the same options. */
export interface CassandraOptions {
  /** Nodes to begin with, as `host` or `host:port`. At least one. */
  readonly contactPoints: readonly string[];
  /** The port of contact points that name none. */
  readonly port: number;
  /** The data centre that this process talks to; no request leaves it but those that SERIAL takes elsewhere. */
  readonly localDataCenter: string;
  /** Absent: Cassandra lets everybody in. */
  readonly credentials?: { readonly username: string; readonly password: string };
  readonly tls?: TlsOptions;
  /** What our keyspaces' names begin with: 1 to 13 of `a-z 0-9 _`, a letter first. */
  readonly keyspacePrefix: string;
  readonly replication: Replication;
  readonly serialConsistency: SerialConsistency;
  /** How long `openCassandraDriver` waits for the first connection, in milliseconds. */
  readonly connectTimeoutMs: number;
  /** How long one request to one node may take, in milliseconds. */
  readonly serverTimeoutMs: number;
  /** How long one call of the driver may take, with all that is tried again, in milliseconds. */
  readonly requestTimeoutMs: number;
  readonly connectionsPerHost: number;
  /** Statements under way at a time; one more is refused. */
  readonly maxRequests: number;
  /** Bytes that are being written, or may come back, at a time; more are refused. */
  readonly maxBytes: number;
  /** Prepared statements that the client keeps. */
  readonly maxPrepared: number;
  /** After how many milliseconds a read is asked of a second replica; 0: never. */
  readonly speculativeDelayMs: number;
  /** Of tables made from now on, in seconds. */
  readonly gcGraceSeconds: number;
}

export interface TlsOptions {
  /** PEM files; absent: the system's certificate authorities, and no certificate of our own. */
  readonly caFile?: string;
  readonly certFile?: string;
  readonly keyFile?: string;
  /** Whether a node's certificate must name the address that it was reached by. */
  readonly verifyHostName: boolean;
}

export type Replication =
  | { readonly strategy: 'SimpleStrategy'; readonly factor: number }
  /** Replicas by data centre. */
  | { readonly strategy: 'NetworkTopologyStrategy'; readonly factors: ReadonlyMap<string, number> };

/** Which replicas a compare-and-set's round must have: a majority of the local data centre, or of all. */
export type SerialConsistency = 'LOCAL_SERIAL' | 'SERIAL';
