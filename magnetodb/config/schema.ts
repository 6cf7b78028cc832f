/**
 * Every option of the service, declared once: what it means, its form, its default, its environment variable. The
 * sample file (sample.ts), the checks at start (load.ts) and the type `Config` all come from here.
 *
 * A new option is one entry, under its section. `doc` says what it does, its unit, and when to change it.
 */
import convict from 'convict';
import { malformedException, WRITE_ISOLATIONS, type WriteIsolation } from '../engine/write-isolation.js';
import type { LogLevel } from '../logging/logger.js';

/** The forms of a value beside a closed choice of words. */
export type FormatName = 'text' | 'config_file' | 'path' | 'switch' | 'whole_number' | 'decimal_number';

/** What a text must be beyond one line of text. */
export interface Grammar {
  /** As messages say it: `comma-separated names`. */
  readonly expectation: string;
  /** The part of a text that does not fit; undefined: all does. */
  readonly misfit: (text: string) => string | undefined;
}

/** One option. `T` is the type that the program gets. */
export interface Option<T> extends convict.SchemaObj<T> {
  readonly doc: string;
  /** A form's name, or the words that are allowed. */
  readonly format: FormatName | readonly T[];
  readonly default: T;
  /** The environment variable that overrides the files. */
  readonly env: string;
  /** The command line flag that overrides the environment, where there is one. */
  readonly flag?: string;
  /** Bounds of numbers, inclusive. */
  readonly min?: number;
  readonly max?: number;
  /** For texts that have a form of their own. */
  readonly grammar?: Grammar;
  /** True: the value never appears in a message, and no other option may refer to it. */
  readonly sensitive?: boolean;
}

export type Section = Readonly<
  Record<string, Option<never> | Option<string> | Option<number> | Option<boolean>>
>;
export type Schema = Readonly<Record<string, Section>>;

type Rest<T> = Pick<Option<T>, 'doc' | 'env' | 'flag' | 'sensitive'> & { readonly default: T };
type Bounded = Rest<number> & { readonly min: number; readonly max: number };

/** One line of text, which may have a form of its own. */
export function text(option: Rest<string> & { readonly grammar?: Grammar }): Option<string> {
  return { ...option, format: 'text' };
}

/** A file that the service reads. A relative path in a configuration file starts at that file's folder. */
export function configFile(option: Rest<string>): Option<string> {
  return { ...option, format: 'config_file' };
}

/** A file or folder that the service writes to. A relative path starts at the working directory; empty stays empty. */
export function path(option: Rest<string>): Option<string> {
  return { ...option, format: 'path' };
}

/** True or false. */
export function onOff(option: Rest<boolean>): Option<boolean> {
  return { ...option, format: 'switch' };
}

/** An integer from `min` to `max`. */
export function wholeNumber(option: Bounded): Option<number> {
  return { ...option, format: 'whole_number' };
}

/** A number from `min` to `max`, fractions allowed. */
export function decimalNumber(option: Bounded): Option<number> {
  return { ...option, format: 'decimal_number' };
}

/** One of a few words. */
export function choice<T extends string>(option: Rest<T> & { readonly choices: readonly T[] }): Option<T> {
  const { choices, ...rest } = option;
  return { ...rest, format: choices };
}

/** A secret: one line of text that no message and no sample shows. */
export function secret(option: Omit<Rest<string>, 'sensitive'>): Option<string> {
  return { ...option, format: 'text', sensitive: true };
}

const DAY_SECONDS = 86_400;

export const schema = {
  DEFAULT: {
    bind_host: text({
      doc: 'The address to listen on. 0.0.0.0 (or ::) listens on every interface of the machine: only behind a pipeline that checks tokens.',
      default: '127.0.0.1',
      env: 'MAGNETODB_BIND_HOST',
      flag: '--host',
    }),
    bind_port: wholeNumber({
      doc: 'The TCP port to listen on. 0 takes any free port, which the log then names.',
      default: 8480,
      min: 0,
      max: 65535,
      env: 'MAGNETODB_BIND_PORT',
      flag: '--port',
    }),
    api_paste_config: configFile({
      doc: "The file that composes the service's pipelines: which APIs are served, behind which filters. A relative path starts at the folder of the file that sets it. The default is looked for beside the configuration files, the last one first, then among the files that came with the service.",
      default: 'api-paste.ini',
      env: 'MAGNETODB_API_PASTE_CONFIG',
      flag: '--paste-config',
    }),
    storage_driver: text({
      doc: 'The store that keeps the tables. cassandra: an Apache Cassandra cluster, see [cassandra]. lmdb: embedded, for one machine.',
      default: 'cassandra',
      env: 'MAGNETODB_STORAGE_DRIVER',
    }),
    data_dir: path({
      doc: "The folder for the embedded store's files; made when it is missing. Processes of one machine may share it. A relative path starts at the working directory.",
      default: 'data',
      env: 'MAGNETODB_DATA_DIR',
      flag: '--data-dir',
    }),
    log_level: choice<LogLevel>({
      doc: 'The least severe records to log. info has a line for each request where the pipeline holds the access_log filter; debug is for finding faults.',
      choices: ['error', 'warn', 'info', 'debug'],
      default: 'info',
      env: 'MAGNETODB_LOG_LEVEL',
    }),
    log_file: path({
      doc: 'The file to append log records to; SIGHUP opens it anew, for log rotation. Empty: standard error. A relative path starts at the working directory.',
      default: '',
      env: 'MAGNETODB_LOG_FILE',
    }),
    log_format: choice<'text' | 'json'>({
      doc: 'How a log record is written, always on one line. text: time, level, event, then key=value pairs. json: an object, for log collectors.',
      choices: ['text', 'json'],
      default: 'text',
      env: 'MAGNETODB_LOG_FORMAT',
    }),
    shutdown_timeout: decimalNumber({
      doc: 'Seconds that requests under way get to end after SIGTERM or SIGINT; then their connections are cut. Raise it where bulk loads should survive a restart, together with the time-out of whatever stops the process. 0 cuts at once.',
      default: 30,
      min: 0,
      max: 3600,
      env: 'MAGNETODB_SHUTDOWN_TIMEOUT',
    }),
    keep_alive_timeout: decimalNumber({
      doc: "Seconds that an idle connection stays open for a next request. Keep it above the load balancer's, or the balancer meets connections that were just closed. 0 keeps them open for ever.",
      default: 75,
      min: 0,
      max: 3600,
      env: 'MAGNETODB_KEEP_ALIVE_TIMEOUT',
    }),
    headers_timeout: decimalNumber({
      doc: "Seconds that a request's headers may take to arrive. Lower it against clients that dawdle on purpose.",
      default: 60,
      min: 1,
      max: 3600,
      env: 'MAGNETODB_HEADERS_TIMEOUT',
    }),
    send_timeout: decimalNumber({
      doc: 'Seconds for which a client may take nothing of an answer before its connection is cut. However slowly it takes it, it gets the whole.',
      default: 60,
      min: 1,
      max: 86400,
      env: 'MAGNETODB_SEND_TIMEOUT',
    }),
    max_header_size: wholeNumber({
      doc: "The longest request line and headers together, in bytes. Long tokens and service catalogues travel in headers, so raise it where Keystone's are longer still.",
      default: 65536,
      min: 4096,
      max: 1048576,
      env: 'MAGNETODB_MAX_HEADER_SIZE',
    }),
  },
  limits: {
    max_item_size: wholeNumber({
      doc: 'The longest item, in bytes of its attribute names and values. Items stored before it was lowered stay readable.',
      default: 409600,
      min: 1024,
      max: 409600,
      env: 'MAGNETODB_LIMITS_MAX_ITEM_SIZE',
    }),
    max_time_to_live: wholeNumber({
      doc: "The longest time_to_live that an item may be given, in seconds; ten years by default. Cassandra's own limit is 20 years.",
      default: 3650 * DAY_SECONDS,
      min: 1,
      max: 20 * 365 * DAY_SECONDS,
      env: 'MAGNETODB_LIMITS_MAX_TIME_TO_LIVE',
    }),
    tables_per_project: wholeNumber({
      doc: 'How many tables a project may have, in whatever state; one more is refused with 403. Exact, however many are created at once. 0: any number.',
      default: 100,
      min: 0,
      max: 1_000_000,
      env: 'MAGNETODB_LIMITS_TABLES_PER_PROJECT',
    }),
    tables_total: wholeNumber({
      doc: 'How many tables all projects may have together; one more is refused with 403. They are counted when a table is created, so the limit may be passed by as many as are created at the same moment. Each table is a table of Cassandra, too, a cluster of which bears hundreds. 0: any number.',
      default: 500,
      min: 0,
      max: 1_000_000,
      env: 'MAGNETODB_LIMITS_TABLES_TOTAL',
    }),
    request_timeout: decimalNumber({
      doc: 'Seconds after which a request begins nothing new with the store: a write that still waits for its turn, or is to be tried again, gets 503, and what is left of a batch is unprocessed. Queries, scans and bulk loads go on for as long as they get somewhere.',
      default: 20,
      min: 0.1,
      max: 3600,
      env: 'MAGNETODB_LIMITS_REQUEST_TIMEOUT',
    }),
  },
  tables: {
    table_cache_time: decimalNumber({
      doc: "Seconds that a process trusts what it knows of a table, fractions allowed. A deleted table's storage is dropped only after that time, so all processes need the same value. Lower it where a table created or deleted elsewhere must be noticed sooner; 0 asks the store each time.",
      default: 2,
      min: 0,
      max: 60,
      env: 'MAGNETODB_TABLES_TABLE_CACHE_TIME',
    }),
    degraded_cache_time: decimalNumber({
      doc: 'Seconds for which reads that are not consistent go on with what a process knows of a table while the store does not answer for the catalogue, as when it has lost its quorum; after that, with what a single replica says. Writes and consistent reads get 503 then.',
      default: 60,
      min: 0,
      max: 3600,
      env: 'MAGNETODB_TABLES_DEGRADED_CACHE_TIME',
    }),
    write_attempts: wholeNumber({
      doc: 'How often a write that depends on the old item is tried while other writers keep changing that item; then the client gets 503 and may try again.',
      default: 20,
      min: 1,
      max: 1000,
      env: 'MAGNETODB_TABLES_WRITE_ATTEMPTS',
    }),
    task_executor: onOff({
      doc: 'Whether this process carries out table jobs (creating and dropping). At least one process of a deployment must.',
      default: true,
      env: 'MAGNETODB_TABLES_TASK_EXECUTOR',
    }),
    job_lease_time: decimalNumber({
      doc: "Seconds that a process holds a table job before others may take it over. It bounds how long a job waits when its process dies; raise it where the store's schema changes are slow.",
      default: 30,
      min: 0.1,
      max: 3600,
      env: 'MAGNETODB_TABLES_JOB_LEASE_TIME',
    }),
    job_poll_interval: decimalNumber({
      doc: 'Seconds between looks for table jobs that other processes left, fractions allowed. Jobs of the process itself start at once.',
      default: 1,
      min: 0.01,
      max: 3600,
      env: 'MAGNETODB_TABLES_JOB_POLL_INTERVAL',
    }),
    job_attempts: wholeNumber({
      doc: 'How often a table job is tried before the table becomes CREATE_FAILED or DELETE_FAILED.',
      default: 5,
      min: 1,
      max: 100,
      env: 'MAGNETODB_TABLES_JOB_ATTEMPTS',
    }),
    write_isolation: choice<WriteIsolation>({
      doc: 'What a new table is: always takes every operation; forbid takes no update_item, conditions, return values or indexes, and writes without compare-and-set, which a distributed store does much faster. A table keeps what it was created with.',
      choices: WRITE_ISOLATIONS,
      default: 'always',
      env: 'MAGNETODB_TABLES_WRITE_ISOLATION',
    }),
    write_isolation_exceptions: text({
      doc: 'New tables for which write_isolation is another: comma-separated project/table:kind, where kind is always or forbid and * in a name stands for any characters, as in staging/*:forbid. The first that matches counts.',
      grammar: {
        expectation:
          'comma-separated project/table:kind, with names of A-Z a-z 0-9 _ - (in table also .) and *, and always or forbid for kind',
        misfit: malformedException,
      },
      default: '',
      env: 'MAGNETODB_TABLES_WRITE_ISOLATION_EXCEPTIONS',
    }),
  },
  cassandra: {
    contact_points: text({
      doc: 'Nodes of the cluster to begin with, separated by commas, each as host or host:port ([address]:port for IPv6). The others are found through them; name several, so that one may be down.',
      default: '127.0.0.1',
      env: 'MAGNETODB_CASSANDRA_CONTACT_POINTS',
    }),
    port: wholeNumber({
      doc: "The nodes' native_transport_port.",
      default: 9042,
      min: 1,
      max: 65535,
      env: 'MAGNETODB_CASSANDRA_PORT',
    }),
    local_data_center: text({
      doc: 'The data centre that this process talks to, as nodetool status names it. datacenter1 is what a cluster with SimpleSnitch calls its only one.',
      default: 'datacenter1',
      env: 'MAGNETODB_CASSANDRA_LOCAL_DATA_CENTER',
    }),
    username: text({
      doc: "The role to log in as, where Cassandra's authenticator asks for one. It must be allowed to create keyspaces. Empty: none.",
      default: '',
      env: 'MAGNETODB_CASSANDRA_USERNAME',
    }),
    password: secret({
      doc: "The role's password.",
      default: '',
      env: 'MAGNETODB_CASSANDRA_PASSWORD',
    }),
    tls: onOff({
      doc: 'Whether to speak TLS with the nodes (client_encryption_options).',
      default: false,
      env: 'MAGNETODB_CASSANDRA_TLS',
    }),
    tls_ca_file: path({
      doc: "The certificate authorities, in PEM, that vouch for the nodes. Empty: the system's.",
      default: '',
      env: 'MAGNETODB_CASSANDRA_TLS_CA_FILE',
    }),
    tls_cert_file: path({
      doc: "This process's certificate, in PEM, where the nodes ask for one (require_client_auth). Empty: none.",
      default: '',
      env: 'MAGNETODB_CASSANDRA_TLS_CERT_FILE',
    }),
    tls_key_file: path({
      doc: "The certificate's private key, in PEM.",
      default: '',
      env: 'MAGNETODB_CASSANDRA_TLS_KEY_FILE',
    }),
    tls_verify_host_name: onOff({
      doc: "Whether a node's certificate must name the address that it is reached by. Turn it off only where certificates name none.",
      default: true,
      env: 'MAGNETODB_CASSANDRA_TLS_VERIFY_HOST_NAME',
    }),
    keyspace_prefix: text({
      doc: 'What the names of our keyspaces begin with: 1 to 13 of a-z, 0-9 and _, a letter first. Deployments that share a cluster need different ones. Never change it: the tables of before would not be found.',
      default: 'magnetodb',
      env: 'MAGNETODB_CASSANDRA_KEYSPACE_PREFIX',
    }),
    replication_strategy: choice<'SimpleStrategy' | 'NetworkTopologyStrategy'>({
      doc: 'How keyspaces made from now on are replicated. SimpleStrategy: replication_factor copies, wherever. NetworkTopologyStrategy: as data_center_replication says; take it for racks and data centres. Those that exist are changed by ALTER KEYSPACE.',
      choices: ['SimpleStrategy', 'NetworkTopologyStrategy'],
      default: 'SimpleStrategy',
      env: 'MAGNETODB_CASSANDRA_REPLICATION_STRATEGY',
    }),
    replication_factor: wholeNumber({
      doc: 'Copies of each row under SimpleStrategy. 3 outlives one lost node; a cluster of one node needs 1.',
      default: 3,
      min: 1,
      max: 100,
      env: 'MAGNETODB_CASSANDRA_REPLICATION_FACTOR',
    }),
    data_center_replication: text({
      doc: 'Copies of each row in each data centre under NetworkTopologyStrategy: name:copies, separated by commas, as dc1:3, dc2:3.',
      default: '',
      env: 'MAGNETODB_CASSANDRA_DATA_CENTER_REPLICATION',
    }),
    serial_consistency: choice<'LOCAL_SERIAL' | 'SERIAL'>({
      doc: 'Which replicas decide about compare-and-sets. LOCAL_SERIAL: those of the local data centre, right where one data centre takes all writes. SERIAL: those of all; needed where several take writes, slower by the way between them. It is written down in the cluster at the first start; a process that is told another one refuses to start.',
      choices: ['LOCAL_SERIAL', 'SERIAL'],
      default: 'LOCAL_SERIAL',
      env: 'MAGNETODB_CASSANDRA_SERIAL_CONSISTENCY',
    }),
    connect_timeout: decimalNumber({
      doc: 'Seconds that the start waits for the cluster. Without an answer the service starts all the same, answers 503, and goes on trying.',
      default: 5,
      min: 0.1,
      max: 300,
      env: 'MAGNETODB_CASSANDRA_CONNECT_TIMEOUT',
    }),
    server_timeout: decimalNumber({
      doc: "Seconds that one node may take to answer one statement. Keep it above the nodes' own read_request_timeout (5) and cas_contention_timeout (1.8), or answers are given up that are about to come.",
      default: 5.5,
      min: 0.1,
      max: 300,
      env: 'MAGNETODB_CASSANDRA_SERVER_TIMEOUT',
    }),
    request_timeout: decimalNumber({
      doc: 'Seconds that one step of a request may take with all that is tried again, such as the search for the outcome of a write that no node has answered; then the client gets 503.',
      default: 12,
      min: 0.1,
      max: 600,
      env: 'MAGNETODB_CASSANDRA_REQUEST_TIMEOUT',
    }),
    connections_per_host: wholeNumber({
      doc: 'Connections from each process to each local node. One carries thousands of statements at a time, and is cheapest, since what is sent together takes one system call; raise it where large items fill it.',
      default: 1,
      min: 1,
      max: 64,
      env: 'MAGNETODB_CASSANDRA_CONNECTIONS_PER_HOST',
    }),
    max_requests: wholeNumber({
      doc: 'Statements that a process has under way at a time; what comes beyond is answered with 503 at once, before it takes memory. Lower it where overloaded nodes time out.',
      default: 1024,
      min: 1,
      max: 32768,
      env: 'MAGNETODB_CASSANDRA_MAX_REQUESTS',
    }),
    max_bytes: wholeNumber({
      doc: 'Bytes that a process may be writing, or expects back, at a time; what comes beyond is answered with 503 at once.',
      default: 268435456,
      min: 16777216,
      max: 17179869184,
      env: 'MAGNETODB_CASSANDRA_MAX_BYTES',
    }),
    max_prepared: wholeNumber({
      doc: "Prepared statements that a process keeps, about ten for each table in use. Raise the nodes' prepared_statements_cache_size with it.",
      default: 10000,
      min: 100,
      max: 1000000,
      env: 'MAGNETODB_CASSANDRA_MAX_PREPARED',
    }),
    speculative_delay: decimalNumber({
      doc: 'Seconds after which a read that is not answered is asked of a second replica, too. 0: never.',
      default: 0.5,
      min: 0,
      max: 60,
      env: 'MAGNETODB_CASSANDRA_SPECULATIVE_DELAY',
    }),
    gc_grace_seconds: wholeNumber({
      doc: 'Seconds for which tables made from now on keep the traces of deleted rows. Every replica must be repaired within that time, or deleted items may come back; index entries that change often make reads slow until it is over. Not below the max_hint_window of the nodes (three hours).',
      default: 864000,
      min: 0,
      max: 31536000,
      env: 'MAGNETODB_CASSANDRA_GC_GRACE_SECONDS',
    }),
  },
} satisfies Schema;

/** The values of a schema's options, by section and name; numbers are in the unit that `doc` names. */
export type Values<S extends Schema> = {
  readonly [Name in keyof S]: {
    readonly [Key in keyof S[Name]]: S[Name][Key] extends Option<infer T> ? T : never;
  };
};

/** The service's configuration: `config.DEFAULT.bind_port`, `config.limits.max_item_size`. */
export type Config = Values<typeof schema>;

/** What a value must be, as messages say it: `a whole number from 0 to 65535`. */
export function expectation(option: Section[string]): string {
  switch (option.format) {
    case 'text':
      return option.grammar?.expectation ?? 'one line of text';
    case 'config_file':
      return 'the path of a file';
    case 'path':
      return 'a path';
    case 'switch':
      return 'true or false';
    case 'whole_number':
      return `a whole number from ${String(option.min)} to ${String(option.max)}`;
    case 'decimal_number':
      return `a number from ${String(option.min)} to ${String(option.max)}`;
    default:
      return `one of ${option.format.join(', ')}`;
  }
}

const SWITCH_WORDS: ReadonlyMap<string, boolean> = new Map([
  ...['true', 'yes', 'on', '1'].map((word): [string, boolean] => [word, true]),
  ...['false', 'no', 'off', '0'].map((word): [string, boolean] => [word, false]),
]);

// A text that is none of the form stays a text, which `fits` then refuses: convict's own readers would make 12 of "12x".
function read(format: FormatName, raw: unknown): unknown {
  if (typeof raw !== 'string') return raw;
  switch (format) {
    case 'switch':
      return SWITCH_WORDS.get(raw.toLowerCase()) ?? raw;
    case 'whole_number':
      return /^[+-]?\d{1,15}$/.test(raw) ? Number(raw) : raw;
    case 'decimal_number':
      return /^[+-]?(\d{1,15}(\.\d*)?|\.\d+)$/.test(raw) ? Number(raw) : raw;
    default:
      return raw;
  }
}

function fits(format: FormatName, value: unknown, bounds: convict.SchemaObj): boolean {
  switch (format) {
    case 'text':
    case 'path':
      return typeof value === 'string' && !hasControlCharacter(value);
    case 'config_file':
      return typeof value === 'string' && value !== '' && !hasControlCharacter(value);
    case 'switch':
      return typeof value === 'boolean';
    case 'whole_number':
      return Number.isSafeInteger(value) && isWithin(value as number, bounds);
    case 'decimal_number':
      return Number.isFinite(value) && isWithin(value as number, bounds);
  }
}

function hasControlCharacter(value: string): boolean {
  // eslint-disable-next-line no-control-regex -- these are what it looks for
  return /[\u0000-\u001f\u007f]/.test(value);
}

function isWithin(value: number, bounds: convict.SchemaObj): boolean {
  return value >= Number(bounds.min) && value <= Number(bounds.max);
}

const FORMATS: readonly FormatName[] = [
  'text',
  'config_file',
  'path',
  'switch',
  'whole_number',
  'decimal_number',
];

for (const format of FORMATS) {
  convict.addFormat({
    name: format,
    coerce: (raw: unknown) => read(format, raw),
    validate: (value: unknown, option: convict.SchemaObj) => {
      if (!fits(format, value, option)) throw new Error('has another form');
    },
  });
}

/** Reads one value of an option from text, or takes it as it is. @returns undefined where it does not fit. */
export function readValue(option: Section[string], raw: unknown): string | number | boolean | undefined {
  if (typeof option.format !== 'string') {
    const words: readonly unknown[] = option.format;
    return words.includes(raw) ? (raw as string) : undefined;
  }
  const value = read(option.format, raw);
  if (typeof value === 'string' && option.grammar?.misfit(value) !== undefined) return undefined;
  return fits(option.format, value, option) ? (value as string | number | boolean) : undefined;
}
