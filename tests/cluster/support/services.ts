/**
 * Real processes of the API server on a Cassandra cluster, as an operator runs them: from the built program, with a
 * configuration file.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { shippedConfigFolder } from '../../../magnetodb/config/index.js';
import { tableBody, type Client, type TableShape } from '../../support/client.js';
import { eventually } from '../../support/eventually.js';
import type { SharedCluster } from './shared-cluster.js';

const ROOT = path.resolve(import.meta.dirname, '..', '..', '..');
const PROGRAM = path.join(ROOT, 'build', 'cmd', 'api-server.js');

/** How long a process may take to listen, and to stop, in milliseconds. */
const START_MS = 60_000;
const STOP_MS = 40_000;
/** How long a table may take to be made, in milliseconds: its nodes may just have been started. */
const TABLE_MS = 60_000;
/** Of each process's log. */
const MAX_LOG_LINES = 2_000;

/** Options of a configuration file by section and name. */
export type Settings = Readonly<Record<string, Readonly<Record<string, string | number | boolean>>>>;

/** A record of a process's log, of level warn or error. */
export interface LogRecord {
  readonly level: string;
  readonly event: string;
  readonly [field: string]: unknown;
}

export interface ServiceProcess {
  /** `http://127.0.0.1:port`. */
  readonly url: string;
  /** What it has logged so far. */
  readonly log: readonly LogRecord[];
  readonly isRunning: boolean;
  /** The memory that it has now, and the most that it ever had, in bytes. */
  residentBytes(): { readonly now: number; readonly peak: number };
  /** Lets it end what is under way. Safe to call twice. */
  stop(): Promise<void>;
}

/** The settings of a service on a cluster, with a keyspace prefix of its own. */
export function onCluster(cluster: SharedCluster, prefix: string, settings: Settings = {}): Settings {
  return {
    ...settings,
    cassandra: {
      contact_points: cluster.contactPoints.map((address) => `${address}:${cluster.port}`).join(', '),
      local_data_center: cluster.localDataCenter,
      replication_factor: 3,
      keyspace_prefix: prefix,
      ...settings.cassandra,
    },
  };
}

/** Starts a process. Resolves when it listens. It never outlives this one. */
export async function startService(settings: Settings): Promise<ServiceProcess> {
  if (!existsSync(PROGRAM)) throw new Error(`${PROGRAM} is missing: run \`npm run build\` first`);
  const folder = await mkdtemp(path.join(tmpdir(), 'magnetodb-service-'));
  const file = path.join(folder, 'magnetodb.conf');
  await writeFile(
    file,
    iniOf({
      ...settings,
      DEFAULT: {
        bind_host: '127.0.0.1',
        bind_port: 0,
        api_paste_config: path.join(shippedConfigFolder, 'api-paste.ini'),
        storage_driver: 'cassandra',
        log_level: 'warn',
        log_format: 'json',
        ...settings.DEFAULT,
      },
    }),
  );
  const command = ['--pdeathsig', 'KILL', '--', process.execPath, PROGRAM, '--config-file', file];
  const child = spawn('setpriv', command, { stdio: ['ignore', 'pipe', 'pipe'], env: {} });
  const log: LogRecord[] = [];
  /** What is no record: the last words of a process that could not start. */
  const words: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    const record = recordOf(line);
    if (record === undefined) words.push(line);
    else log.push(record);
    if (log.length > MAX_LOG_LINES) log.shift();
  });
  const ended = once(child, 'close');
  const told = new Promise<string>((resolve, reject) => {
    const timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new Error(`the service did not listen within ${START_MS} ms`));
    }, START_MS);
    createInterface({ input: child.stdout }).on('line', (line) => {
      const url = /^MagnetoDB is at (\S+)/.exec(line)?.[1];
      if (url === undefined) return;
      clearTimeout(timer);
      resolve(url);
    });
    child.once('close', () => {
      clearTimeout(timer);
      reject(new Error(`the service ended before it listened:\n${words.join('\n')}`));
    });
  });
  try {
    const url = await told;
    const isRunning = (): boolean => child.exitCode === null && child.signalCode === null;
    return {
      url,
      log,
      get isRunning() {
        return isRunning();
      },
      residentBytes: () => residentBytes(child.pid ?? 0),
      stop: async () => {
        if (!isRunning()) return;
        const hurry = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
        child.kill('SIGTERM');
        await ended;
        clearTimeout(hurry);
        await rm(folder, { recursive: true, force: true });
      },
    };
  } catch (error) {
    await rm(folder, { recursive: true, force: true });
    throw error;
  }
}

/** Makes a table and waits until it is ACTIVE, as a client does that is patient with a busy cluster. */
export async function createTable(client: Client, name: string, shape: TableShape): Promise<void> {
  await eventually(async () => {
    const answer = await client.post('/tables', tableBody(name, shape));
    if (answer.status === 200 || answer.body.error?.type === 'TableAlreadyExistsException') return;
    throw new Error(`create_table: ${answer.status} ${answer.text}`);
  }, TABLE_MS);
  await eventually(async () => {
    const { body } = await client.get(`/tables/${name}`);
    if (body.table?.table_status !== 'ACTIVE')
      throw new Error(`table is ${body.table?.table_status ?? 'unknown'}`);
  }, TABLE_MS);
}

/** The last records of some processes' logs, for a test that fails. */
export function logTails(services: readonly ServiceProcess[], count = 8): string {
  return services
    .map(({ url, log }) => [url, ...log.slice(-count).map((record) => JSON.stringify(record).slice(0, 400))])
    .flat()
    .join('\n');
}

function iniOf(settings: Settings): string {
  return Object.entries(settings)
    .map(([section, options]) =>
      [`[${section}]`, ...Object.entries(options).map(([name, value]) => `${name} = ${value}`), ''].join(
        '\n',
      ),
    )
    .join('\n');
}

function recordOf(line: string): LogRecord | undefined {
  try {
    const value: unknown = JSON.parse(line);
    return typeof value === 'object' && value !== null ? (value as LogRecord) : undefined;
  } catch {
    return undefined;
  }
}

function residentBytes(pid: number): { now: number; peak: number } {
  const status = readFileSync(`/proc/${pid}/status`, 'utf8');
  const bytesOf = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB$`, 'm').exec(status)?.[1]) * 1024;
  return { now: bytesOf('VmRSS'), peak: bytesOf('VmHWM') };
}
