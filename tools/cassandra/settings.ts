/**
 * How a Cassandra node for tests and developers is set up: its cassandra.yaml, its JVM's arguments and its log. All of
 * it is modest, since three nodes and their clients share a laptop or two cores of a CI machine.
 */
import path from 'node:path';

/** How many tokens each node has: Cassandra 5.0's own default. */
const TOKENS_PER_NODE = 16;
/** The names of the files in a node's folder. */
export const NODE_FILES = {
  yaml: 'cassandra.yaml',
  logback: 'logback.xml',
  /** What Cassandra logs; rolled. */
  log: 'system.log',
  /** What the JVM itself prints. */
  console: 'console.log',
  pid: 'pid',
} as const;

/** A keystore with the server's key. */
export interface Keystore {
  readonly file: string;
  readonly password: string;
}

/** What distinguishes a node. */
export interface NodeSettings {
  readonly clusterName: string;
  /** Where configuration, data and logs of this node live. */
  readonly folder: string;
  readonly address: string;
  /** Its position among `nodes`, from 0. */
  readonly index: number;
  /** All nodes' addresses. */
  readonly addresses: readonly string[];
  readonly port: number;
  readonly storagePort: number;
  /** Clients must give a name and a password. */
  readonly auth: boolean;
  /** With it clients must speak TLS. */
  readonly keystore?: Keystore;
  /** The data goes when the cluster is stopped: nothing is kept of dropped tables. */
  readonly isThrowAway: boolean;
  /** True: a write is on disk before it is acknowledged. */
  readonly isDurable?: boolean;
}

/**
 * The tokens of one of several nodes, spread evenly over the ring. With tokens that are given, nodes need not ask each
 * other for free ones, so all can start at the same time.
 */
export function tokensOf(index: number, nodes: number): bigint[] {
  const all = BigInt(TOKENS_PER_NODE * nodes);
  const step = 2n ** 64n / all;
  // The ring's least token belongs to no key, so the first of all starts one step above it.
  return Array.from(
    { length: TOKENS_PER_NODE },
    (_, turn) => -(2n ** 63n) + step * BigInt(turn * nodes + index + 1) - 1n,
  );
}

/** cassandra.yaml. JSON is YAML, so texts are quoted as JSON does. */
export function cassandraYaml(node: NodeSettings): string {
  const text = (value: string): string => JSON.stringify(value);
  const folderOf = (name: string): string => text(path.join(node.folder, name));
  const seeds = node.addresses.map((address) => `${address}:${node.storagePort}`).join(',');
  const lines = [
    `cluster_name: ${text(node.clusterName)}`,
    `num_tokens: ${TOKENS_PER_NODE}`,
    `initial_token: ${text(tokensOf(node.index, node.addresses.length).join(','))}`,
    // A new cluster has no data that a node would have to fetch from others first.
    'auto_bootstrap: false',
    'partitioner: org.apache.cassandra.dht.Murmur3Partitioner',
    'endpoint_snitch: SimpleSnitch',
    'seed_provider:',
    '  - class_name: org.apache.cassandra.locator.SimpleSeedProvider',
    '    parameters:',
    `      - seeds: ${text(seeds)}`,
    `listen_address: ${node.address}`,
    `rpc_address: ${node.address}`,
    `storage_port: ${node.storagePort}`,
    'start_native_transport: true',
    `native_transport_port: ${node.port}`,
    `data_file_directories: [${folderOf('data')}]`,
    `commitlog_directory: ${folderOf('commitlog')}`,
    `hints_directory: ${folderOf('hints')}`,
    `saved_caches_directory: ${folderOf('saved_caches')}`,
    `cdc_raw_directory: ${folderOf('cdc_raw')}`,
    ...(node.isDurable === true
      ? ['commitlog_sync: batch']
      : ['commitlog_sync: periodic', 'commitlog_sync_period: 10000ms']),
    'commitlog_total_space: 256MiB',
    'disk_failure_policy: stop',
    // What MagnetoDB is made for: doc/configuration.rst.
    'paxos_variant: v2',
    `auto_snapshot: ${!node.isThrowAway}`,
    'memtable_heap_space: 96MiB',
    'memtable_offheap_space: 64MiB',
    'key_cache_size: 8MiB',
    'file_cache_size: 32MiB',
    'networking_cache_size: 32MiB',
    'prepared_statements_cache_size: 32MiB',
    'concurrent_reads: 16',
    'concurrent_writes: 16',
    'concurrent_counter_writes: 2',
    'concurrent_materialized_view_writes: 2',
    'concurrent_compactors: 1',
    'memtable_flush_writers: 1',
    'native_transport_max_threads: 32',
  ];
  if (node.auth) {
    lines.push(
      'authenticator: PasswordAuthenticator',
      'authorizer: CassandraAuthorizer',
      'role_manager: CassandraRoleManager',
    );
  }
  if (node.keystore !== undefined) {
    lines.push(
      'client_encryption_options:',
      '  enabled: true',
      '  optional: false',
      `  keystore: ${text(node.keystore.file)}`,
      `  keystore_password: ${text(node.keystore.password)}`,
      '  store_type: PKCS12',
      '  require_client_auth: false',
    );
  }
  return `${lines.join('\n')}\n`;
}

/** The log goes into a file of bounded size. */
export function logbackXml(folder: string): string {
  const file = path.join(folder, NODE_FILES.log);
  return `<configuration>
  <appender name="FILE" class="ch.qos.logback.core.rolling.RollingFileAppender">
    <file>${file}</file>
    <rollingPolicy class="ch.qos.logback.core.rolling.FixedWindowRollingPolicy">
      <fileNamePattern>${file}.%i</fileNamePattern>
      <minIndex>1</minIndex>
      <maxIndex>2</maxIndex>
    </rollingPolicy>
    <triggeringPolicy class="ch.qos.logback.core.rolling.SizeBasedTriggeringPolicy">
      <maxFileSize>20MB</maxFileSize>
    </triggeringPolicy>
    <encoder><pattern>%-5level [%thread] %date{ISO8601} %F:%L - %msg%n</pattern></encoder>
  </appender>
  <root level="INFO"><appender-ref ref="FILE" /></root>
</configuration>
`;
}

/** Packages that Java keeps to itself, and that Cassandra uses: its conf/jvm17-server.options. */
const EXPORTS = [
  'java.base/jdk.internal.misc',
  'java.base/jdk.internal.ref',
  'java.base/sun.nio.ch',
  'java.management.rmi/com.sun.jmx.remote.internal.rmi',
  'java.rmi/sun.rmi.registry',
  'java.rmi/sun.rmi.server',
  'java.rmi/sun.rmi.transport.tcp',
  'java.sql/java.sql',
  'jdk.unsupported/sun.misc',
  'jdk.attach/sun.tools.attach',
  'jdk.compiler/com.sun.tools.javac.api',
];
const OPENS = [
  'java.base/java.lang.module',
  'java.base/jdk.internal.loader',
  'java.base/jdk.internal.ref',
  'java.base/jdk.internal.reflect',
  'java.base/jdk.internal.math',
  'java.base/jdk.internal.module',
  'java.base/jdk.internal.util.jar',
  'java.base/sun.nio.ch',
  'java.base/java.io',
  'java.base/java.nio',
  'java.base/java.util',
  'java.base/java.util.concurrent',
  'java.base/java.util.concurrent.atomic',
  'java.base/java.lang',
  'jdk.management/com.sun.management.internal',
];

/** What Java is called with. `heap` is its size as Java writes it: `512M`. */
export function jvmArguments(
  node: Pick<NodeSettings, 'folder' | 'addresses' | 'isThrowAway'>,
  options: { readonly jars: string; readonly agent: string; readonly heap: string },
): string[] {
  const nodes = node.addresses.length;
  return [
    '-ea',
    `-Xmx${options.heap}`,
    '-Xss256k',
    '-XX:MaxDirectMemorySize=256M',
    // No threads of its own beside those that work: three nodes on two cores have too many as it is.
    '-XX:+UseSerialGC',
    // A test's cluster lives for a minute or two, in which the second compiler costs more than it brings.
    ...(node.isThrowAway ? ['-XX:TieredStopAtLevel=1'] : []),
    '-XX:+PerfDisableSharedMem',
    '-XX:+ExitOnOutOfMemoryError',
    '-Djava.awt.headless=true',
    '-Djava.net.preferIPv4Stack=true',
    '-Djdk.attach.allowAttachSelf=true',
    `-javaagent:${path.join(options.jars, options.agent)}`,
    ...EXPORTS.flatMap((name) => ['--add-exports', `${name}=ALL-UNNAMED`]),
    ...OPENS.flatMap((name) => ['--add-opens', `${name}=ALL-UNNAMED`]),
    `-Dlogback.configurationFile=${path.join(node.folder, NODE_FILES.logback)}`,
    `-Dcassandra.config=file://${path.join(node.folder, NODE_FILES.yaml)}`,
    `-Dcassandra.storagedir=${node.folder}`,
    `-Dcassandra.logdir=${node.folder}`,
    '-Dcassandra-foreground=yes',
    // Nodes that know each other's addresses and tokens have nothing to wait for.
    '-Dcassandra.ring_delay_ms=2000',
    '-Dcassandra.skip_wait_for_gossip_to_settle=0',
    '-Dcassandra.consistent.rangemovement=false',
    '-Dcassandra.superuser_setup_delay_ms=0',
    '-Dcassandra.shutdown_announce_in_ms=500',
    // Cassandra's own tables on every node, so that logins work when one is killed, and each read of them can count nodes.
    `-Dcassandra.system_auth.default_rf=${nodes}`,
    `-Dcassandra.system_distributed.default_rf=${nodes}`,
    '-cp',
    path.join(options.jars, '*'),
    'org.apache.cassandra.service.CassandraDaemon',
  ];
}
