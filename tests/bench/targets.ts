/** The servers that are measured: the built service, and what it is compared with. */
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { checked, type LoadGenerator, type Measurement } from './load.js';
import {
  BenchError,
  freePort,
  processorMicros,
  residentBytes,
  run,
  startServer,
  type ServerProcess,
} from './processes.js';
import {
  allItems,
  batchesOf,
  DYNAMODB_TABLE,
  dynamodbHeaders,
  MAGNETODB_TABLE,
  PROJECT,
  TABLE,
  type Operation,
  type Requests,
} from './workload.js';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
export const PROGRAM = path.join(ROOT, 'build', 'cmd', 'api-server.js');

/** How long a table may take to become ACTIVE, in milliseconds. */
const TABLE_MS = 30_000;
const POLL_MS = 20;
/** How long a process is left alone before its memory is looked at, in milliseconds. */
const SETTLE_MS = 1_000;
/** wrk counts whole seconds. */
const WARM_UP_SECONDS = 1;

/** Something that is measured. */
export interface Target {
  readonly name: string;
  /** False where the target has no such operation. */
  has(operation: Operation): boolean;
  /**
   * Asks once and looks at the answer, warms up, and measures.
   * @throws {BenchError} where an answer is wrong.
   */
  measure(operation: Operation, seconds: number): Promise<Measurement>;
  stop(): Promise<void>;
}

/** What the benchmark's servers share. */
export interface Surroundings {
  /** For all files. */
  readonly folder: string;
  readonly load: LoadGenerator;
  readonly connections: number;
}

/** Sends the first request of an operation. @returns the answer's text. @throws {BenchError} unless it is right. */
async function ask(url: string, operation: Operation, requests: Requests): Promise<string> {
  const response = await fetch(url + requests.path, {
    method: 'POST',
    headers: requests.headers,
    body: requests.bodies[0] ?? '',
  });
  const text = await response.text();
  if (response.status !== 200 || !operation.isRight(JSON.parse(text))) {
    throw new BenchError(`${operation.name} at ${url}: ${response.status} ${text.slice(0, 500)}`);
  }
  return text;
}

interface HttpTarget extends Target {
  readonly process: ServerProcess;
}

function httpTarget(
  name: string,
  server: ServerProcess,
  requestsOf: (operation: Operation) => Requests,
  { load, connections }: Surroundings,
): HttpTarget {
  return {
    name,
    process: server,
    has: () => true,
    measure: async (operation, seconds) => {
      const requests = requestsOf(operation);
      const answer = await ask(server.url, operation, requests);
      // Answers differ by a digit here or there.
      const options = { connections, seconds, leastAnswerBytes: Buffer.byteLength(answer) };
      const files = `${operation.name}-${name.replaceAll(/\W+/g, '-')}`;
      await load.measure(server.url, files, requests, { ...options, seconds: WARM_UP_SECONDS });
      const before = processorMicros(server.pid);
      const measurement = await load.measure(server.url, files, requests, options);
      const after = processorMicros(server.pid);
      return before === undefined || after === undefined
        ? measurement
        : { ...measurement, processorMicros: (after - before) / measurement.requests };
    },
    stop: () => server.stop(),
  };
}

async function post(url: string, body: object, headers: Record<string, string> = {}): Promise<unknown> {
  const response = await fetch(url, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify(body),
  });
  const text = await response.text();
  if (response.status !== 200) throw new BenchError(`${url}: ${response.status} ${text.slice(0, 500)}`);
  return JSON.parse(text);
}

async function isUp(url: string): Promise<boolean> {
  return (await fetch(url)).status === 200;
}

/** The service, with what its process needed. */
export interface ServiceTarget extends HttpTarget {
  /** Of the process before its first item; undefined where the system doesn't tell. */
  readonly idleBytes: number | undefined;
}

export interface ServiceOptions {
  readonly name: string;
  /** The built program. */
  readonly program: string;
  /** Whether it writes a line for each request, as it does when nobody changes etc/magnetodb. */
  readonly accessLog: boolean;
  /** A configuration file's text, over that of the quick start. */
  readonly config?: string;
  /** The tables to make and fill. */
  readonly tables?: readonly string[];
}

/** Starts the service on a new store, with the quick start's configuration, and loads all items over HTTP. */
export async function startService(options: ServiceOptions, around: Surroundings): Promise<ServiceTarget> {
  const folder = path.join(around.folder, options.name.replaceAll(/\W+/g, '-'));
  await mkdir(folder);
  const pasteFile = path.join(folder, 'api-paste.ini');
  await writeFile(pasteFile, pasteText(await shippedPasteText(), options.accessLog));
  const configFile = path.join(folder, 'magnetodb.conf');
  await writeFile(configFile, options.config ?? '');
  const port = await freePort();
  const server = await startServer(
    [
      options.program,
      ...['--config-file', path.join(ROOT, 'etc', 'magnetodb', 'quickstart.conf')],
      ...['--config-file', configFile],
      ...['--paste-config', pasteFile, '--data-dir', path.join(folder, 'data')],
      ...['--host', '127.0.0.1', '--port', String(port)],
    ],
    `http://127.0.0.1:${port}`,
    path.join(folder, 'log'),
    isUp,
  );
  await delay(SETTLE_MS);
  const idleBytes = residentBytes(server.pid);
  for (const table of options.tables ?? [TABLE]) await loadService(server.url, table);
  return { ...httpTarget(options.name, server, (operation) => operation.magnetodb, around), idleBytes };
}

async function shippedPasteText(): Promise<string> {
  return await readFile(path.join(ROOT, 'etc', 'magnetodb', 'api-paste.ini'), 'utf8');
}

/** The shipped pipelines, or the same with the access log at a level that is off, as the file itself proposes. */
export function pasteText(shipped: string, accessLog: boolean): string {
  if (accessLog) return shipped;
  const off = shipped.replace(/^(use = magnetodb:access_log\nlevel = )info$/m, '$1debug');
  if (off === shipped) throw new BenchError('api-paste.ini has no access_log filter at the level info');
  return off;
}

/** The service's address of a project's data. */
export function dataUrl(url: string): string {
  return `${url}/v1/data/${PROJECT}`;
}

async function loadService(url: string, table: string): Promise<void> {
  const data = dataUrl(url);
  await post(`${data}/tables`, { ...MAGNETODB_TABLE, table_name: table });
  const endMs = Date.now() + TABLE_MS;
  for (;;) {
    const answer = (await (await fetch(`${data}/tables/${table}`)).json()) as {
      readonly table?: { readonly table_status?: string };
    };
    if (answer.table?.table_status === 'ACTIVE') break;
    if (Date.now() > endMs) throw new BenchError(`the table did not become ACTIVE within ${TABLE_MS} ms`);
    await delay(POLL_MS);
  }
  for (const batch of batchesOf(allItems())) {
    await post(`${data}/batch_write_item`, {
      request_items: { [table]: batch.map((item) => ({ put_request: { item } })) },
    });
  }
}

/** Starts Express's Router with the answers that the service gives. */
export async function startExpress(
  name: string,
  service: HttpTarget,
  operations: readonly Operation[],
  around: Surroundings,
): Promise<Target> {
  const answers: { route: string; answer: string }[] = [];
  for (const operation of operations) {
    answers.push({
      route: operation.route,
      answer: await ask(service.process.url, operation, operation.magnetodb),
    });
  }
  const file = path.join(around.folder, 'answers.json');
  await writeFile(file, JSON.stringify(answers));
  const port = await freePort();
  const server = await startServer(
    [path.join(import.meta.dirname, 'express-baseline.mjs'), String(port), file],
    `http://127.0.0.1:${port}`,
    path.join(around.folder, 'express.log'),
    isUp,
  );
  return httpTarget(name, server, (operation) => operation.magnetodb, around);
}

/** Starts dynalite, an imitation of DynamoDB that keeps its items in memory, and loads the same items. */
export async function startDynalite(name: string, around: Surroundings): Promise<Target> {
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const call = (target: string, body: object): Promise<unknown> => post(url, body, dynamodbHeaders(target));
  const server = await startServer(
    [
      path.join(ROOT, 'node_modules', 'dynalite', 'cli.js'),
      ...['--host', '127.0.0.1', '--port', String(port), '--createTableMs', '0'],
    ],
    url,
    path.join(around.folder, 'dynalite.log'),
    async () => (await call('ListTables', {})) !== undefined,
  );
  await call('CreateTable', DYNAMODB_TABLE);
  const isActive = async (): Promise<boolean> => {
    const answer = (await call('DescribeTable', { TableName: TABLE })) as {
      readonly Table: { readonly TableStatus: string };
    };
    return answer.Table.TableStatus === 'ACTIVE';
  };
  while (!(await isActive())) await delay(POLL_MS);
  for (const batch of batchesOf(allItems())) {
    await call('BatchWriteItem', {
      RequestItems: { [TABLE]: batch.map((item) => ({ PutRequest: { Item: item } })) },
    });
  }
  return httpTarget(name, server, (operation) => operation.dynamodb, around);
}

/** npm's lmdb without anything around it; it only knows how to put. */
export function lmdbItself(name: string, around: Surroundings): Target {
  const program = path.join(import.meta.dirname, 'lmdb-baseline.mjs');
  return {
    name,
    has: (operation) => operation.name === 'put_item',
    measure: async (operation, seconds) => {
      const folder = path.join(around.folder, 'lmdb');
      await mkdir(folder, { recursive: true });
      const body = operation.magnetodb.bodies[0] ?? '';
      const args = [folder, body.length, around.connections, WARM_UP_SECONDS, seconds].map(String);
      const output = await run(process.execPath, [program, ...args]);
      return checked(output, { connections: around.connections, seconds, leastAnswerBytes: 0 });
    },
    stop: () => Promise.resolve(),
  };
}
