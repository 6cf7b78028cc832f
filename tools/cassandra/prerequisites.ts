/** What a machine must have before Cassandra can be started on it. */
import { execFile } from 'node:child_process';
import { areJarsHere } from './jars.js';
import { findJava, USABLE_JAVA_VERSIONS } from './java.js';

/** The command that installs what is missing. */
export const INSTALL_COMMAND = 'sudo tools/install-servers';
const ANSWER_MS = 20_000;

/** Something that is not here. */
export interface MissingPrerequisite {
  /** What to look for, in a few words: `Java 17`. */
  readonly name: string;
  /** A sentence: what was looked for and what was found. */
  readonly detail: string;
}

/** All that is missing for starting Cassandra here; empty: it can be started. */
export async function missingPrerequisites(): Promise<MissingPrerequisite[]> {
  const missing: MissingPrerequisite[] = [];
  if (process.platform !== 'linux') {
    missing.push({
      name: 'Linux',
      detail: `Test servers need Linux, for addresses such as 127.0.0.2; this is ${process.platform}.`,
    });
  }
  const { usable, seen } = await findJava();
  if (usable === undefined) {
    const versions = seen.map(({ command, majorVersion }) => `${command} is version ${majorVersion}`);
    missing.push({
      name: 'Java 17',
      detail:
        `Cassandra 5.0 runs on Java ${USABLE_JAVA_VERSIONS.join(' or ')}. ` +
        (versions.length === 0
          ? 'No Java is in JAVA_HOME, PATH or /usr/lib/jvm.'
          : `Found only: ${versions.join(', ')}.`),
    });
  }
  // Maven only fetches; once that is done it isn't needed any more.
  if (!(await areJarsHere()) && !(await answers('mvn', '-v'))) {
    missing.push({ name: 'Maven', detail: 'mvn, which fetches Cassandra, is not in PATH.' });
  }
  if (process.platform === 'linux' && !(await answers('setpriv', '--version'))) {
    missing.push({
      name: 'setpriv',
      detail:
        'setpriv (of util-linux), which ends a server with the program that started it, is not in PATH.',
    });
  }
  return missing;
}

/** The same as one message for a person; undefined: nothing is missing. */
export function missingMessage(missing: readonly MissingPrerequisite[]): string | undefined {
  if (missing.length === 0) return undefined;
  return (
    `Cassandra can't be started here. ${missing.map(({ detail }) => detail).join(' ')} ` +
    `To install what is missing: ${INSTALL_COMMAND}`
  );
}

function answers(command: string, ...args: string[]): Promise<boolean> {
  return new Promise((resolve) => {
    execFile(command, args, { timeout: ANSWER_MS }, (error) => {
      resolve(error === null);
    });
  });
}
