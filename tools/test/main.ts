/**
 * `npm test`: runs the tests on every store that this machine can have, and says loudly what it had to leave out. The
 * exit code is 1 where anything failed; with REQUIRE_SERVERS=all also where something was left out.
 */
import path from 'node:path';
import { Command, Option } from 'commander';
import { startCluster, type Cluster } from '../cassandra/cluster.js';
import { CassandraToolError } from '../cassandra/errors.js';
import { INSTALL_COMMAND, missingPrerequisites } from '../cassandra/prerequisites.js';
import { runMocha } from './mocha.js';
import { planPhases, testFilesAt, type PhaseName, type Plan, type Storage } from './phases.js';
import { describeSummary, ONE_FAILURE, sum, type Summary } from './summary.js';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const TITLES: Readonly<Record<PhaseName, string>> = {
  lmdb: 'units, the storage contract and the service, on LMDB',
  cassandra: 'the storage contract and the service, on one Cassandra node',
  cluster: 'what takes Cassandra clusters of its own',
};
/** One node for a whole run, in which some hundred tables come and go. */
const HEAP = '1G';
/** A table of Cassandra takes a second to make where one of LMDB takes a millisecond. */
const CASSANDRA_TIMEOUT_MS = 60_000;
const RULE = '='.repeat(100);

interface Flags {
  readonly storage?: Storage;
  readonly grep?: string;
  readonly bail?: true;
}

interface Result {
  readonly phase: PhaseName;
  readonly summary: Summary;
  /** Why nothing of it ran. */
  readonly leftOut?: string;
}

const program = new Command('npm test --')
  .description(
    'Runs the tests: all of them, or those of some files and folders. What runs on a store runs on each:\n' +
      'first on LMDB, then on a Cassandra node that is started for it; then what starts clusters of its own.',
  )
  .argument('[files...]', 'test files or folders, such as tests/functional/get-item.test.ts')
  .addOption(new Option('--storage <name>', 'run on this store only').choices(['lmdb', 'cassandra']))
  .option('-g, --grep <pattern>', 'run only tests whose name matches')
  .option('-b, --bail', 'stop each part at its first failure')
  .parse();

/** Aborted by the first signal: the part that runs ends, as the signal goes to it too, and none is begun. */
const interruption = new AbortController();
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    interruption.abort();
  });
}

const flags = program.opts<Flags>();
const plan = makePlan();
const results: Result[] = [];
const lack = await missingPrerequisites();
for (const { phase, files } of plan) {
  if (interruption.signal.aborted) break;
  if (phase !== 'lmdb' && lack.length > 0) {
    results.push(leaveOut(phase, lack.map(({ detail }) => detail).join(' ')));
    continue;
  }
  console.log(`\n${RULE}\n${TITLES[phase]}\n${RULE}`);
  results.push({ phase, summary: await run(phase, files) });
}
report();

function makePlan(): Plan {
  try {
    return planPhases(testFilesAt(ROOT, 'tests'), {
      files: program.args.flatMap((name) => testFilesAt(ROOT, name)),
      ...(flags.storage === undefined ? {} : { storage: flags.storage }),
    });
  } catch (error) {
    return program.error(`error: ${(error as Error).message}`);
  }
}

function leaveOut(phase: PhaseName, reason: string): Result {
  const isFailure = process.env.REQUIRE_SERVERS === 'all';
  return { phase, leftOut: reason, summary: isFailure ? ONE_FAILURE : sum([]) };
}

async function run(phase: PhaseName, files: readonly string[]): Promise<Summary> {
  const args = [
    ...(flags.grep === undefined ? [] : ['--grep', flags.grep]),
    ...(flags.bail === undefined ? [] : ['--bail']),
  ];
  if (phase !== 'cassandra') return await runMocha({ files, args, env: storageEnv('lmdb') });
  let cluster: Cluster;
  try {
    cluster = await startCluster({ nodes: 1, heap: HEAP, log: console.log });
  } catch (error) {
    if (!(error instanceof CassandraToolError)) throw error;
    console.error(error.message);
    return ONE_FAILURE;
  }
  try {
    return await runMocha({
      files,
      args: [...args, '--timeout', String(CASSANDRA_TIMEOUT_MS)],
      env: storageEnv('cassandra', cluster),
    });
  } finally {
    await cluster.stop();
  }
}

/** How tests learn what to run on: tests/support/storage.ts reads it. */
function storageEnv(storage: Storage, cluster?: Cluster): Record<string, string | undefined> {
  return {
    MAGNETODB_TEST_STORAGE: storage,
    MAGNETODB_TEST_CASSANDRA:
      cluster === undefined
        ? undefined
        : JSON.stringify({
            contactPoints: cluster.contactPoints,
            port: cluster.port,
            localDataCenter: cluster.localDataCenter,
            clusterName: cluster.name,
          }),
  };
}

function report(): void {
  console.log(`\n${RULE}`);
  for (const { phase, summary, leftOut } of results) {
    console.log(`${leftOut === undefined ? describeSummary(summary) : 'NOT RUN'}: ${TITLES[phase]}`);
  }
  const left = results.filter(({ leftOut }) => leftOut !== undefined);
  if (left.length > 0) {
    console.log(`\n${left.length === 1 ? 'ONE PART' : `${left.length} PARTS`} OF THE TESTS DID NOT RUN`);
    for (const reason of new Set(left.map(({ leftOut }) => leftOut))) console.log(reason);
    console.log(`To change that: ${INSTALL_COMMAND}`);
  }
  const total = sum(results.map(({ summary }) => summary));
  // .ci/run reads this line.
  console.log(`All parts: ${describeSummary(total)}`);
  console.log(RULE);
  const { aborted } = interruption.signal;
  if (aborted) console.error('Interrupted.');
  if (total.passing === 0) console.error('No test has run.');
  process.exitCode = total.failing > 0 || total.passing === 0 || aborted ? 1 : 0;
}
