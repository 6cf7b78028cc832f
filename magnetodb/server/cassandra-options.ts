/** What the section [cassandra] of the configuration means for the driver. */
import { ConfigError, type Config } from '../config/index.js';
import type { CassandraOptions, Replication } from '../storage/cassandra/options.js';

type CassandraSection = Config['cassandra'];

/** @throws {ConfigError} a text among the options has not the form that it needs. */
export function cassandraOptions(section: CassandraSection): CassandraOptions {
  const { username, password } = section;
  return {
    contactPoints: listOf('contact_points', section.contact_points, /^[^\s,]+$/, 'host or host:port'),
    port: section.port,
    localDataCenter: section.local_data_center,
    ...(username === '' ? {} : { credentials: { username, password } }),
    ...(section.tls ? { tls: tlsOptions(section) } : {}),
    keyspacePrefix: prefixOf(section.keyspace_prefix),
    replication: replicationOf(section),
    serialConsistency: section.serial_consistency,
    connectTimeoutMs: milliseconds(section.connect_timeout),
    serverTimeoutMs: milliseconds(section.server_timeout),
    requestTimeoutMs: milliseconds(section.request_timeout),
    connectionsPerHost: section.connections_per_host,
    maxRequests: section.max_requests,
    maxBytes: section.max_bytes,
    maxPrepared: section.max_prepared,
    speculativeDelayMs: milliseconds(section.speculative_delay),
    gcGraceSeconds: section.gc_grace_seconds,
  };
}

function tlsOptions(section: CassandraSection): NonNullable<CassandraOptions['tls']> {
  const file = (name: 'caFile' | 'certFile' | 'keyFile', value: string): object =>
    value === '' ? {} : { [name]: value };
  return {
    verifyHostName: section.tls_verify_host_name,
    ...file('caFile', section.tls_ca_file),
    ...file('certFile', section.tls_cert_file),
    ...file('keyFile', section.tls_key_file),
  };
}

function prefixOf(value: string): string {
  if (/^[a-z][a-z0-9_]{0,12}$/.test(value)) return value;
  throw new ConfigError('[cassandra] keyspace_prefix: 1 to 13 of a-z 0-9 _ are allowed, a letter first');
}

function replicationOf(section: CassandraSection): Replication {
  if (section.replication_strategy === 'SimpleStrategy') {
    return { strategy: 'SimpleStrategy', factor: section.replication_factor };
  }
  const entries = listOf(
    'data_center_replication',
    section.data_center_replication,
    /^[A-Za-z0-9_.-]+\s*:\s*[1-9]\d{0,2}$/,
    'data centre:copies',
  );
  const factors = new Map(
    entries.map((entry): [string, number] => {
      const [name = '', copies = ''] = entry.split(':');
      return [name.trim(), Number(copies)];
    }),
  );
  if (!factors.has(section.local_data_center)) {
    throw new ConfigError('[cassandra] data_center_replication: the local_data_center has no copies in it');
  }
  return { strategy: 'NetworkTopologyStrategy', factors };
}

/** The parts between commas. */
function listOf(name: string, value: string, form: RegExp, expected: string): string[] {
  const parts = value.split(',').map((part) => part.trim());
  if (parts.some((part) => !form.test(part))) {
    throw new ConfigError(`[cassandra] ${name}: a list of ${expected}, separated by commas, is expected`);
  }
  return parts;
}

function milliseconds(seconds: number): number {
  return Math.round(seconds * 1000);
}
