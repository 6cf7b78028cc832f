/**
 * Which test runs where. Every file runs on the embedded store, on one Cassandra node, on both of them one after the
 * other, or starts a cluster of its own.
 */
import { readdirSync, statSync } from 'node:fs';
import path from 'node:path';

/** The stores that the service's tests run on. */
export type Storage = 'lmdb' | 'cassandra';

/** A part of a test run. */
export type PhaseName = Storage | 'cluster';

/** What a developer asks for. */
export interface Selection {
  /** Paths below the project, with `/`; empty: all there are. */
  readonly files: readonly string[];
  /** Absent: each. */
  readonly storage?: Storage;
}

/** Test files by phase, in the order in which phases run. */
export type Plan = readonly { readonly phase: PhaseName; readonly files: readonly string[] }[];

const PHASES: readonly PhaseName[] = ['lmdb', 'cassandra', 'cluster'];

/** The phases that a file belongs to. Others that it can run in, if asked to, are not among them. */
export function phasesOf(file: string): readonly PhaseName[] {
  if (file.startsWith('tests/cluster/')) return ['cluster'];
  if (/^tests\/conformance\/cassandra[^/]*$/.test(file)) return ['cassandra'];
  if (isBoundToLmdb(file)) return ['lmdb'];
  return file.startsWith('tests/functional/') ? ['lmdb', 'cassandra'] : ['lmdb'];
}

/**
 * What to run.
 * @param all every test file of the project.
 */
export function planPhases(all: readonly string[], { files, storage }: Selection): Plan {
  return PHASES.map((phase) => ({
    phase,
    files: (files.length > 0 ? files : all).filter((file) => {
      if (storage === undefined) return phasesOf(file).includes(phase);
      // Named with a storage, a file runs on it wherever it can: unit tests of the engine take any store.
      const isAskedFor = files.length > 0 && !isBoundTo(file);
      return phase === storage && (phasesOf(file).includes(phase) || isAskedFor);
    }),
  })).filter((part) => part.files.length > 0);
}

/** All test files at a path below `root`: itself, or those in a folder. Ascending, with `/`. */
export function testFilesAt(root: string, relative: string): string[] {
  const absolute = path.resolve(root, relative);
  const found = statSync(absolute).isDirectory()
    ? readdirSync(absolute, { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.test.ts'))
        .map((name) => path.join(absolute, name))
    : [absolute];
  return found.map((file) => path.relative(root, file).split(path.sep).join('/')).sort();
}

/** Whether a file makes sense in its own phase alone. */
function isBoundTo(file: string): boolean {
  return isBoundToLmdb(file) || file.startsWith('tests/conformance/') || file.startsWith('tests/cluster/');
}

/** What a new user meets first, the README's session and the demo, is the quick start: it has the embedded store. */
function isBoundToLmdb(file: string): boolean {
  return file.startsWith('tests/functional/embedded/');
}
