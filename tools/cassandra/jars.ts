/**
 * Fetches Apache Cassandra: the jars that pom.xml pins, by Maven, into a cache of the user. They come there once for
 * all clones of the project, and under a name with the pom's hash, so that another version never mixes with this one.
 */
import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdir, mkdtemp, readdir, readFile, rename, rm, stat, writeFile } from 'node:fs/promises';
import { homedir } from 'node:os';
import path from 'node:path';
import { CassandraToolError } from './errors.js';

const POM = path.join(import.meta.dirname, 'pom.xml');
/** The list of the jars and their sizes in bytes, beside them. It is written last: without it a folder is not whole. */
const MANIFEST = 'manifest.json';
/** How long Maven may take: 67 MB over a slow line. */
const FETCH_MS = 15 * 60_000;
const MAX_OUTPUT_BYTES = 4 * 1024 * 1024;

/** Where the jars belong, whether they are there or not. */
export async function jarsFolder(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const pom = await readFile(POM, 'utf8');
  const cache = env.XDG_CACHE_HOME ?? '';
  return path.join(
    path.isAbsolute(cache) ? cache : path.join(homedir(), '.cache'),
    'magnetodb',
    jarsFolderName(pom),
  );
}

/** `cassandra-5.0.9-1a2b3c4d`: Cassandra's version and the beginning of the pom's hash. */
export function jarsFolderName(pom: string): string {
  const version = /<artifactId>cassandra-all<\/artifactId>\s*<version>([\w.-]+)<\/version>/.exec(pom)?.[1];
  if (version === undefined) throw new CassandraToolError(`${POM} names no version of cassandra-all`);
  return `cassandra-${version}-${createHash('sha256').update(pom).digest('hex').slice(0, 8)}`;
}

/** Whether a whole copy is in the cache. */
export async function areJarsHere(): Promise<boolean> {
  return isWhole(await jarsFolder());
}

/**
 * The folder with Cassandra's jars; fetches them where they are not there yet.
 * @throws {CassandraToolError} Maven failed; the message has what it said.
 */
export async function fetchJars(log: (line: string) => void): Promise<string> {
  const folder = await jarsFolder();
  if (await isWhole(folder)) return folder;
  log(`Fetching ${path.basename(folder)} into ${path.dirname(folder)} …`);
  await mkdir(path.dirname(folder), { recursive: true });
  // Built aside and renamed: what stands under the final name is whole, whoever is killed or runs at the same time.
  const building = await mkdtemp(`${folder}.building-`);
  try {
    await runMaven(building);
    await writeFile(path.join(building, MANIFEST), JSON.stringify(await sizesOfJars(building), null, 2));
    await rename(building, folder).catch(async (error: unknown) => {
      // Somebody else was faster, or a damaged copy is in the way.
      if (await isWhole(folder)) return;
      if (!isNotEmpty(error)) throw error;
      await rm(folder, { recursive: true });
      await rename(building, folder);
    });
  } finally {
    await rm(building, { recursive: true, force: true });
  }
  return folder;
}

function runMaven(outputFolder: string): Promise<void> {
  const args = [
    ...['-q', '-B', '-f', POM, 'dependency:copy-dependencies'],
    ...['-DincludeScope=runtime', `-DoutputDirectory=${outputFolder}`],
  ];
  return new Promise((resolve, reject) => {
    execFile('mvn', args, { timeout: FETCH_MS, maxBuffer: MAX_OUTPUT_BYTES }, (error, stdout, stderr) => {
      if (error === null) resolve();
      else {
        const said = `${stdout}${stderr}`.trim();
        reject(
          new CassandraToolError(`Maven could not fetch Cassandra: ${said === '' ? error.message : said}`),
        );
      }
    });
  });
}

async function sizesOfJars(folder: string): Promise<Record<string, number>> {
  const names = (await readdir(folder)).filter((name) => name.endsWith('.jar')).sort();
  if (!names.some((name) => name.startsWith('cassandra-all-'))) {
    throw new CassandraToolError('Maven ended well, but copied no Cassandra');
  }
  const sizes = await Promise.all(
    names.map(async (name) => [name, (await stat(path.join(folder, name))).size] as const),
  );
  return Object.fromEntries(sizes);
}

/** Whether every jar of the list is there in its full size. */
async function isWhole(folder: string): Promise<boolean> {
  try {
    const manifest = JSON.parse(await readFile(path.join(folder, MANIFEST), 'utf8')) as Record<
      string,
      number
    >;
    const sizes = await sizesOfJars(folder);
    return Object.entries(manifest).every(([name, size]) => sizes[name] === size);
  } catch {
    // No folder, no list or no jars: all of them mean that it has to be fetched.
    return false;
  }
}

function isNotEmpty(error: unknown): boolean {
  const { code } = error as NodeJS.ErrnoException;
  return code === 'ENOTEMPTY' || code === 'EEXIST';
}
