/** Finds a Java that runs Cassandra 5.0. */
import { execFile } from 'node:child_process';
import { readdir } from 'node:fs/promises';
import path from 'node:path';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** The versions that Cassandra 5.0 runs on, the better one first. */
export const USABLE_JAVA_VERSIONS: readonly number[] = [17, 11];

/** Where Linux distributions put their Javas. */
const JVM_FOLDER = '/usr/lib/jvm';
/** How long a Java may take to tell its version, in milliseconds. */
const VERSION_MS = 20_000;

/** A Java installation. */
export interface Java {
  /** The program `java`, or the bare name where PATH leads to it. */
  readonly command: string;
  /** 17 for 17.0.15, 8 for 1.8.0. */
  readonly majorVersion: number;
}

/** What the search has found. */
export interface JavaSearch {
  /** The best one that Cassandra runs on; undefined: there is none. */
  readonly usable: Java | undefined;
  /** All that were looked at, for messages. */
  readonly seen: readonly Java[];
}

/** The major version in what `java -version` prints; undefined where it says none. */
export function parseJavaVersion(text: string): number | undefined {
  // "17.0.15", "11", "21-ea"; before Java 9 the first number was always 1: "1.8.0_392".
  const found = /version "(?:1\.)?(\d+)/.exec(text)?.[1];
  return found === undefined ? undefined : Number(found);
}

/** The first Java of the version that Cassandra likes best; of equal ones, the one that was named first. */
export function bestJava(seen: readonly Java[]): Java | undefined {
  for (const version of USABLE_JAVA_VERSIONS) {
    const found = seen.find(({ majorVersion }) => majorVersion === version);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** Looks at JAVA_HOME, at PATH and at the distribution's folder. */
export async function findJava(env: NodeJS.ProcessEnv = process.env): Promise<JavaSearch> {
  const home = env.JAVA_HOME ?? '';
  const commands = [
    ...(home === '' ? [] : [path.join(home, 'bin', 'java')]),
    'java',
    ...(await installedJavas()),
  ];
  const seen: Java[] = [];
  for (const command of commands) {
    const majorVersion = await versionOf(command);
    if (majorVersion === undefined) continue;
    seen.push({ command, majorVersion });
    // Asking a Java costs some 0.1 s: the best one ends the search.
    if (majorVersion === USABLE_JAVA_VERSIONS[0]) break;
  }
  return { usable: bestJava(seen), seen };
}

async function installedJavas(): Promise<string[]> {
  const names = await readdir(JVM_FOLDER).catch((): string[] => []);
  return names
    .filter((name) => USABLE_JAVA_VERSIONS.some((version) => name.includes(String(version))))
    .sort()
    .map((name) => path.join(JVM_FOLDER, name, 'bin', 'java'));
}

async function versionOf(command: string): Promise<number | undefined> {
  try {
    return parseJavaVersion((await run(command, ['-version'], { timeout: VERSION_MS })).stderr);
  } catch {
    // Not there, or no Java: the folder of Javas holds other files too.
    return undefined;
  }
}
