/**
 * Finds what a `use` line of a paste file names outside of the file: a built-in, a file beside the paste file, or an
 * npm package, each with the export after the `#`, or the default export.
 *
 * ```ini
 * use = magnetodb:cors
 * use = ./my-filter.js#factory
 * use = our-filters/audit#factory
 * ```
 */
import { existsSync, readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import path from 'node:path';
import { pathToFileURL } from 'node:url';
import type { TSchema } from '@sinclair/typebox';
import { BUILT_INS, type Factory } from './built-ins.js';

/** What a `use` line names can't be had. The message says why, for the operator. */
export class UseError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'UseError';
  }
}

/** Whether the text can only name a module: not a section of the same file. */
export function isModuleUse(use: string): boolean {
  return use.includes(':') || use.includes('#') || isPath(use);
}

/**
 * Loads the factory that a `use` line names.
 * @param folder is the paste file's: relative paths start there, and packages are looked for there first, then
 * among our own.
 * @throws {UseError} for an unknown built-in, a module that isn't there or fails to load, one without that export,
 * and an export that is no factory.
 */
export async function loadFactory(use: string, folder: string): Promise<Factory> {
  const prefix = 'magnetodb:';
  if (use.startsWith(prefix)) {
    const name = use.slice(prefix.length);
    const load = BUILT_INS.get(name);
    if (load === undefined) {
      const known = ['urlmap', ...BUILT_INS.keys()].sort().join(', ');
      throw new UseError(`'${use}' is not built in; built in are ${known}`);
    }
    return await load();
  }
  const scheme = /^(?:egg|config|call):/.exec(use)?.[0];
  if (scheme !== undefined) {
    throw new UseError(
      `'${scheme}' is Python's; write magnetodb:NAME, ./file.js#factory or npm-package#factory`,
    );
  }
  const [specifier = '', exported = 'default'] = use.split('#');
  return factoryOf(await importFrom(specifier, folder), exported, specifier);
}

function isPath(specifier: string): boolean {
  return specifier.startsWith('.') || path.isAbsolute(specifier);
}

async function importFrom(specifier: string, folder: string): Promise<object> {
  const file = isPath(specifier) ? path.resolve(folder, specifier) : fileOfPackage(specifier, folder);
  try {
    // A package that isn't in the paste file's folders is looked for from here, by Node's own rules.
    return (await import(file === undefined ? specifier : pathToFileURL(file).href)) as object;
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new UseError(`module '${specifier}' can't be loaded: ${reason}`, { cause: error });
  }
}

/**
 * The file that a package's name means, in the `node_modules` of the paste file's folder or of one above it. Node's
 * resolver serves `require` only when it starts from another file than its own, so packages for `import` alone need
 * a look into their `exports`.
 */
function fileOfPackage(specifier: string, folder: string): string | undefined {
  const [, name = specifier, subpath = ''] = /^((?:@[^/]+\/)?[^/]+)(\/.*)?$/.exec(specifier) ?? [];
  for (let at = folder; ; at = path.dirname(at)) {
    const home = path.join(at, 'node_modules', name);
    const description = path.join(home, 'package.json');
    if (existsSync(description)) {
      const { exports } = JSON.parse(readFileSync(description, 'utf8')) as { exports?: unknown };
      const target = importTarget(exports, `.${subpath}`);
      if (target !== undefined) return path.join(home, target);
      try {
        return createRequire(description).resolve(path.join(home, subpath));
      } catch {
        return home; // whose import then fails with Node's own words
      }
    }
    if (at === path.dirname(at)) return undefined;
  }
}

/** What `exports` of a package.json says for `import` of a subpath; patterns (`./*`) are not looked at. */
function importTarget(exports: unknown, subpath: string): string | undefined {
  if (typeof exports === 'string') return subpath === '.' ? exports : undefined;
  if (typeof exports !== 'object' || exports === null) return undefined;
  for (const [key, target] of Object.entries(exports) as [string, unknown][]) {
    if (key.startsWith('.') ? key === subpath : ['import', 'node', 'default'].includes(key)) {
      const found = importTarget(target, key.startsWith('.') ? '.' : subpath);
      if (found !== undefined) return found;
    }
  }
  return undefined;
}

/** The named export; also one of a CommonJS module, whose exports are `default`. */
function factoryOf(module: object, name: string, specifier: string): Factory {
  const found = property(module, name) ?? property(property(module, 'default'), name);
  if (found === undefined) {
    const what = name === 'default' ? 'default export' : `export '${name}'`;
    throw new UseError(`module '${specifier}' has no ${what}`);
  }
  const kind = property(found, 'kind');
  const isFactory =
    (kind === 'filter' || kind === 'app') &&
    typeof property(found, 'create') === 'function' &&
    isSchema(property(found, 'options'));
  if (!isFactory) {
    const shape = `{ kind: 'filter' or 'app', options: a JSON schema of an object, create(options, service) }`;
    throw new UseError(`export '${name}' of module '${specifier}' is no factory: ${shape}`);
  }
  return found as Factory;
}

function isSchema(value: unknown): value is TSchema {
  return property(value, 'type') === 'object';
}

function property(value: unknown, name: string): unknown {
  if (typeof value !== 'object' || value === null || !(name in value)) return undefined;
  return (value as Record<string, unknown>)[name];
}
