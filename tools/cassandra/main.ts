/** `npm run cassandra -- start|stop|status`: a real Cassandra for a developer, without Docker or root. */
import path from 'node:path';
import { Command, InvalidArgumentError } from 'commander';
import { PORT } from './cluster.js';
import { DeveloperCluster, type Size } from './developer-cluster.js';
import { CassandraToolError } from './errors.js';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const cluster = new DeveloperCluster(path.join(ROOT, '.cassandra'));
/** Set by the first signal. */
let stopping: Promise<unknown> | undefined;

const program = new Command('npm run cassandra --')
  .description('A real Apache Cassandra for a developer. Its data stays in .cassandra/ of the project.')
  .allowExcessArguments(false);

program
  .command('start')
  .description('start it, wait until it answers, and say how to configure MagnetoDB for it')
  .option('--nodes <number>', 'how many nodes: 1, or 3 on 127.0.0.1, .2 and .3', parseSize, 1 as Size)
  .option('--heap <size>', "each node's heap, as Java writes it", '1G')
  .action(async ({ nodes, heap }: { nodes: Size; heap: string }) => {
    // What was begun must not go on behind the back of who has interrupted it.
    for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
      process.once(signal, () => {
        console.error('Interrupted: stopping what was started.');
        stopping = cluster.stop();
      });
    }
    const outcome = await cluster.start(nodes, { heap, log: console.error });
    if (outcome === 'running') console.error('It runs already.');
    console.log(`\nFor MagnetoDB, in magnetodb.conf:\n\n${cluster.configuration(nodes)}`);
    console.log('To end it: npm run cassandra -- stop');
  });

program
  .command('stop')
  .description('end it; the data stays')
  .action(async () => {
    const count = await cluster.stop();
    console.log(count === 0 ? 'Nothing runs.' : `Stopped ${count === 1 ? 'one node' : `${count} nodes`}.`);
  });

program
  .command('status')
  .description('list the nodes that run; the exit code is 1 where none does, or one does not answer')
  .action(async () => {
    const nodes = await cluster.running();
    for (const { address, pid, answers, folder } of nodes) {
      console.log(
        `${address}:${PORT}  pid ${pid}  ${answers ? 'answers' : 'does not answer'}  ${path.relative(ROOT, folder)}`,
      );
    }
    if (nodes.length === 0) console.log('Nothing runs.');
    if (nodes.length === 0 || nodes.some(({ answers }) => !answers)) process.exitCode = 1;
  });

try {
  await program.parseAsync();
} catch (error) {
  if (!(error instanceof CassandraToolError)) throw error;
  // That nodes end which somebody has asked to end is no news.
  if (stopping === undefined) console.error(`cassandra: ${error.message}`);
  process.exitCode = 1;
}
await stopping;

function parseSize(text: string): Size {
  if (text === '1') return 1;
  if (text === '3') return 3;
  throw new InvalidArgumentError('It must be 1 or 3.');
}
