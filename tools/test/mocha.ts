/** Runs mocha on some files, in a process of its own. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { parseSummary, verdict, type Summary } from './summary.js';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const MOCHA = path.join(ROOT, 'node_modules', 'mocha', 'bin', 'mocha.js');
const REPORTER = path.join(import.meta.dirname, 'summary-reporter.cjs');
/** How long one run may take, in milliseconds. Tests have limits of their own; this one is for a run that never ends. */
const RUN_MS = 20 * 60_000;

/** How mocha is called. */
export interface MochaRun {
  readonly files: readonly string[];
  /** Its other arguments, such as `--grep`. */
  readonly args: readonly string[];
  /** Environment variables beside ours; undefined takes one away. */
  readonly env: Readonly<Record<string, string | undefined>>;
  /** Absent: output goes where ours does. */
  readonly output?: 'inherit' | 'ignore';
}

/** Runs to the end, whatever happens. A run that crashed, was ended or told no counts comes back as failed. */
export async function runMocha({ files, args, env, output = 'inherit' }: MochaRun): Promise<Summary> {
  const folder = await mkdtemp(path.join(tmpdir(), 'magnetodb-tests-'));
  const summaryFile = path.join(folder, 'summary.json');
  try {
    const child = spawn(
      process.execPath,
      [MOCHA, '--reporter', REPORTER, '--reporter-option', `summary=${summaryFile}`, ...args, ...files],
      { cwd: ROOT, env: { ...process.env, ...env }, stdio: output },
    );
    const limit = setTimeout(() => {
      console.error(`The tests did not end within ${RUN_MS / 60_000} minutes.`);
      // Mocha hands this one on to the process that runs the tests.
      child.kill('SIGINT');
    }, RUN_MS);
    const [exitCode] = (await once(child, 'exit')) as [number | null];
    clearTimeout(limit);
    return verdict(parseSummary(await readFile(summaryFile, 'utf8').catch(() => '')), exitCode);
  } finally {
    await rm(folder, { recursive: true });
  }
}
