/**
 * `npm run bench`: how many requests a second the built service answers, beside what Express alone, dynalite and lmdb
 * alone do on the same machine in the same minutes; or, on Cassandra, cassandra-driver alone. doc/performance.rst
 * explains the figures.
 */
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { cpus, tmpdir, totalmem } from 'node:os';
import path from 'node:path';
import { Command, InvalidArgumentError, Option } from 'commander';
import { cassandraConfig, cassandraDriverItself, startBenchCluster, type BenchCluster } from './cassandra.js';
import { loadGenerator } from './load.js';
import { BenchError } from './processes.js';
import { aimsOf, rowsOf, tableOf, TARGETS, type Sample } from './report.js';
import {
  lmdbItself,
  PROGRAM,
  startDynalite,
  startExpress,
  startService,
  type ServiceTarget,
  type Surroundings,
  type Target,
} from './targets.js';
import {
  ITEM_BYTES,
  OPERATION_NAMES,
  PLAIN_TABLE,
  READINGS,
  STATIONS,
  TABLE,
  cassandraOperations,
  operations,
  type Operation,
  type OperationName,
} from './workload.js';

interface Flags {
  readonly storage: 'lmdb' | 'cassandra';
  readonly nodes: 1 | 3;
  readonly duration: number;
  readonly rounds: number;
  readonly connections: number;
  readonly only?: readonly OperationName[];
  readonly accessLog: 'on' | 'off' | 'both';
  readonly alone?: true;
  readonly against?: string;
  readonly json?: true;
}

/** How often each operation is measured in vain before it counts, on nodes that Java has not compiled yet. */
const WARM_UP_ROUNDS = 2;
const WARM_UP_SECONDS = 3;
const MAX_START_MS = 1_000;
const MAX_IDLE_BYTES = 120 * 1024 * 1024;

const flags = new Command('npm run bench --')
  .description(
    'Measures the built service beside Express alone, dynalite and lmdb alone, or, with --storage cassandra, beside\n' +
      `cassandra-driver alone: requests a second and latencies, with items of ${ITEM_BYTES} bytes. Use an idle machine.`,
  )
  .addOption(
    new Option('--storage <driver>', 'the store behind the service; Cassandra is started for the purpose')
      .choices(['lmdb', 'cassandra'])
      .default('lmdb'),
  )
  .addOption(
    new Option('--nodes <number>', 'nodes of the Cassandra cluster, all on this machine')
      .choices(['1', '3'])
      .default(1)
      .argParser((raw) => (raw === '3' ? 3 : 1)),
  )
  .option('--duration <seconds>', 'how long each measurement takes', wholeNumber(1, 3600), 5)
  .option('--rounds <number>', 'how often each is repeated; medians are shown', wholeNumber(1, 1000), 3)
  .option(
    '--connections <number>',
    'connections, each with one request under way',
    wholeNumber(1, 10_000),
    64,
  )
  .option('--only <operations>', `some of ${OPERATION_NAMES.join(',')}`, operationNames)
  .addOption(
    new Option('--access-log <which>', 'with the access log as shipped, without it, or both')
      .choices(['on', 'off', 'both'])
      .default('both'),
  )
  .option('--alone', 'measure the service only')
  .option('--against <program>', 'another build of the service (its cmd/api-server.js) to compare with')
  .option('--json', 'print all samples and medians as JSON instead of a table')
  .allowExcessArguments(false)
  .parse()
  .opts<Flags>();

const folder = await mkdtemp(path.join(tmpdir(), 'magnetodb-bench-'));
/** What is running, to be stopped in the end. */
const started: Target[] = [];
let cluster: BenchCluster | undefined;
const cleaning = { hasBegun: false };

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
  process.once(signal, () => {
    void cleanUp().finally(() => process.exit(1));
  });
}
try {
  await bench();
} catch (error) {
  // What is stopped by a signal fails in all sorts of ways.
  if (!cleaning.hasBegun) {
    if (!(error instanceof BenchError)) throw error;
    console.error(`bench: ${error.message}`);
    process.exitCode = 1;
  }
} finally {
  await cleanUp();
}

async function cleanUp(): Promise<void> {
  if (cleaning.hasBegun) return;
  cleaning.hasBegun = true;
  await Promise.allSettled(started.map((target) => target.stop()));
  await cluster?.stop().catch((error: unknown) => {
    console.error('bench: the cluster did not stop', error);
  });
  await rm(folder, { recursive: true, force: true });
}

async function bench(): Promise<void> {
  if (!existsSync(PROGRAM)) throw new BenchError(`${PROGRAM} is missing: run \`npm run build\` first`);
  const chosen = operationsToMeasure().filter(({ name }) => flags.only?.includes(name) ?? true);
  const load = loadGenerator(folder);
  if (load.name !== 'wrk') {
    tell(
      'wrk is not installed (Debian: tools/install-servers as root, or apt-get install wrk). autocannon takes its',
    );
    tell(
      'place, and is slower than what it measures: take the figures for autocannon’s own, and no ratio for true.',
    );
  }
  const around: Surroundings = { folder, load, connections: flags.connections };

  if (flags.storage === 'cassandra') {
    cluster = await startBenchCluster(flags.nodes, path.join(folder, 'cassandra'), tell);
  }
  const services = await startServices(around);
  const [service] = services;
  if (service === undefined) throw new Error('there is no service to measure');
  if (cluster !== undefined) {
    if (flags.alone !== true) {
      started.push(await cassandraDriverItself(TARGETS.cassandraDriver, service, cluster, around));
    }
  } else if (flags.alone !== true) {
    started.push(await startExpress(TARGETS.express, service, operations(), around));
    started.push(await startDynalite(TARGETS.dynalite, around));
    started.push(lmdbItself(TARGETS.lmdb, around));
  }

  if (cluster !== undefined) {
    tell('warming the nodes up, a minute or two');
    for (let round = 0; round < WARM_UP_ROUNDS; round += 1) {
      for (const operation of chosen) {
        for (const target of started.filter((one) => one.has(operation))) {
          await target.measure(operation, WARM_UP_SECONDS);
        }
      }
    }
  }
  const samples: Sample[] = [];
  for (let round = 0; round < flags.rounds; round += 1) {
    for (const operation of chosen) {
      for (const target of started.filter((candidate) => candidate.has(operation))) {
        const measurement = await target.measure(operation, flags.duration);
        samples.push({ operation: operation.name, target: target.name, round, ...measurement });
        const perSecond = Math.round(measurement.requestsPerSecond);
        tell(`round ${round + 1} of ${flags.rounds}: ${operation.name}, ${target.name}: ${perSecond}/s`);
      }
    }
  }
  report(samples, services);
}

function operationsToMeasure(): Operation[] {
  return flags.storage === 'cassandra' ? cassandraOperations() : operations();
}

async function startServices(around: Surroundings): Promise<ServiceTarget[]> {
  const services: ServiceTarget[] = [];
  const start = async (name: string, program: string, accessLog: boolean): Promise<void> => {
    const storage =
      cluster === undefined
        ? {}
        : { config: cassandraConfig(cluster, services.length), tables: [TABLE, PLAIN_TABLE] };
    const service = await startService({ name, program, accessLog, ...storage }, around);
    services.push(service);
    started.push(service);
  };
  const kinds = [
    ...(flags.accessLog === 'on' ? [] : [{ name: TARGETS.quiet, accessLog: false }]),
    ...(flags.accessLog === 'off' ? [] : [{ name: TARGETS.logging, accessLog: true }]),
  ];
  for (const { name, accessLog } of kinds) {
    await start(name, PROGRAM, accessLog);
    if (flags.against !== undefined) await start(`${name} (other)`, path.resolve(flags.against), accessLog);
  }
  return services;
}

function report(samples: readonly Sample[], services: readonly ServiceTarget[]): void {
  const rows = rowsOf(samples);
  const machine = {
    processors: `${cpus().length} × ${cpus()[0]?.model ?? 'unknown'}`,
    memoryBytes: totalmem(),
    node: process.version,
    load: `${flags.connections} connections, ${flags.rounds} rounds of ${flags.duration} s, medians`,
  };
  const processes = services.map(({ name, process: { startMs }, idleBytes }) => ({
    name,
    startMs,
    idleBytes,
  }));
  const aims = [...aimsOf(rows), ...processes.flatMap(processAims)];
  if (flags.json === true) {
    console.log(JSON.stringify({ machine, processes, rows, aims, samples }, undefined, 2));
    return;
  }
  console.log(`${machine.processors}, Node ${machine.node}, ${machine.load}`);
  console.log(
    `${(STATIONS * READINGS).toLocaleString('en-US')} items of ${ITEM_BYTES} bytes; closed loop: the latencies hide stalls; CPU: of the server, a request`,
  );
  const labels = Object.fromEntries(operationsToMeasure().map(({ name, label }) => [name, label]));
  console.log(
    tableOf(
      rows,
      labels,
      services.map(({ name }) => name),
    ),
  );
  for (const { text, found, isReached } of aims) {
    console.log(`${isReached ? 'reached' : 'missed '}  ${text}: ${found}`);
  }
}

function processAims({
  name,
  startMs,
  idleBytes,
}: {
  name: string;
  startMs: number;
  idleBytes: number | undefined;
}) {
  const start = {
    text: `${name}: start to first answer below ${MAX_START_MS} ms`,
    found: `${Math.round(startMs)} ms`,
    isReached: startMs < MAX_START_MS,
  };
  if (idleBytes === undefined) return [start];
  const megabytes = (bytes: number): number => Math.round(bytes / 1024 / 1024);
  const memory = {
    text: `${name}: idle memory (RSS) below ${megabytes(MAX_IDLE_BYTES)} MiB`,
    found: `${megabytes(idleBytes)} MiB`,
    isReached: idleBytes < MAX_IDLE_BYTES,
  };
  return [start, memory];
}

/** Progress, kept apart from the result. */
function tell(line: string): void {
  console.error(line);
}

function wholeNumber(min: number, max: number): (raw: string) => number {
  return (raw) => {
    const value = Number(raw);
    if (!/^\d+$/.test(raw) || value < min || value > max) {
      throw new InvalidArgumentError(`A whole number from ${min} to ${max} is wanted.`);
    }
    return value;
  };
}

function operationNames(raw: string): OperationName[] {
  return raw.split(',').map((name) => {
    const found = OPERATION_NAMES.find((known) => known === name.trim());
    if (found === undefined)
      throw new InvalidArgumentError(`'${name}' is none of ${OPERATION_NAMES.join(', ')}.`);
    return found;
  });
}
