/**
 * Merges what configures the service, each source over the ones before it: defaults, configuration files in the order
 * given, environment variables, command line flags. Anything unknown or ill-formed refuses the start, naming where it
 * stands.
 *
 * Files are oslo style: an option that is repeated counts once, the last one wins; a value in quotes is what stands
 * between them; `$name` and `${name}` stand for another option of the same section or of [DEFAULT], whichever source
 * that one's value came from; `$$` is a dollar. Flags and environment variables are taken literally.
 */
import { existsSync, readFileSync } from 'node:fs';
import path from 'node:path';
import convict from 'convict';
import { parseIni, type IniEntry } from './ini.js';
import { packageRoot } from './package-root.js';
import {
  expectation,
  readValue,
  schema,
  type Config,
  type Schema,
  type Section,
  type Values,
} from './schema.js';

/** The configuration is wrong. The message names the option, its section and where it was set; never a secret. */
export class ConfigError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'ConfigError';
  }
}

/** Values that win over all others, as texts or as the options' own types. */
export type Overrides<S extends Schema = typeof schema> = {
  readonly [Name in keyof S]?: {
    readonly [Key in keyof S[Name]]?: Values<S>[Name][Key] | string | undefined;
  };
};

export interface ConfigSources<S extends Schema = typeof schema> {
  /** Paths of INI files; later ones win. */
  readonly configFiles: readonly string[];
  readonly overrides?: Overrides<S>;
  readonly env?: Readonly<Record<string, string | undefined>>;
}

/** The shipped configuration files. */
export const shippedConfigFolder = path.join(packageRoot, 'etc', 'magnetodb');

/** @throws {ConfigError} {IniError} for anything that refuses the start. */
export function loadConfig(sources: ConfigSources): Config {
  const values = loadValues(schema, sources);
  const { api_paste_config, ...rest } = values.DEFAULT;
  return {
    ...values,
    DEFAULT: { ...rest, api_paste_config: findFile(api_paste_config, sources.configFiles) },
  };
}

/** As loadConfig, for any schema. Paths come out absolute, except for `config_file` defaults. */
export function loadValues<S extends Schema>(options: S, sources: ConfigSources<S>): Values<S> {
  const merged = new Merger(options);
  for (const file of sources.configFiles) merged.addFile(file);
  merged.addEnvironment(sources.env ?? {});
  merged.addOverrides(sources.overrides ?? {});
  return merged.values() as Values<S>;
}

// oslo.config looks for files that are only named in the folders of the configuration files; so do we.
function findFile(name: string, configFiles: readonly string[]): string {
  if (path.isAbsolute(name)) return name;
  const folders = [
    ...configFiles.map((file) => path.dirname(path.resolve(file))).reverse(),
    shippedConfigFolder,
  ];
  const candidates = folders.map((folder) => path.join(folder, name));
  return candidates.find((candidate) => existsSync(candidate)) ?? path.join(shippedConfigFolder, name);
}

/** What one source says of one option. */
interface Setting {
  readonly value: unknown;
  /** Where it was set, as messages name it. */
  readonly origin: string;
  /** The folder at which its relative paths start, where that is not the working directory. */
  readonly folder?: string;
  /** True: `$name` in it is replaced. */
  readonly isTemplate: boolean;
}

class Merger {
  readonly #schema: Schema;
  /** By `section.option`. */
  readonly #settings = new Map<string, Setting>();

  constructor(options: Schema) {
    this.#schema = options;
  }

  addFile(file: string): void {
    const folder = path.dirname(path.resolve(file));
    for (const { name, line, entries } of parseIni(readText(file), file).sections) {
      const section = this.#sectionName(name);
      if (section === undefined) {
        const known = Object.keys(this.#schema).join(', ');
        const held = entries[0] === undefined ? '' : ` (of option ${shown(entries[0].key)})`;
        throw new ConfigError(
          `${file}:${line}: unknown section [${shown(name)}]${held}; there are: ${known}`,
        );
      }
      for (const entry of entries) {
        const setting = {
          value: unquoted(entry.value),
          origin: `${file}:${entry.line}`,
          folder,
          isTemplate: true,
        };
        this.#add(section, entry, setting);
      }
    }
  }

  #add(section: string, entry: IniEntry, setting: Setting): void {
    const option = this.#option(section, entry.key);
    if (option === undefined) {
      throw new ConfigError(`${setting.origin}: unknown option ${shown(entry.key)} in section [${section}]`);
    }
    this.#settings.set(`${section}.${entry.key}`, setting);
    // Checked here too, so that a bad value is told even where a later source replaces it.
    this.#resolve(section, entry.key, []);
  }

  addEnvironment(env: Readonly<Record<string, string | undefined>>): void {
    for (const [section, options] of Object.entries(this.#schema)) {
      for (const [name, option] of Object.entries(options)) {
        const value = env[option.env];
        if (value === undefined) continue;
        const origin = `environment variable ${option.env}`;
        this.#settings.set(`${section}.${name}`, { value, origin, isTemplate: false });
      }
    }
  }

  addOverrides(overrides: Readonly<Record<string, unknown>>): void {
    for (const [section, values] of Object.entries(overrides)) {
      for (const [name, value] of Object.entries((values ?? {}) as Readonly<Record<string, unknown>>)) {
        if (value === undefined) continue;
        const option = this.#option(section, name);
        if (option === undefined)
          throw new ConfigError(`override: unknown option ${name} in section [${section}]`);
        const origin = option.flag ?? 'override';
        this.#settings.set(`${section}.${name}`, { value, origin, isTemplate: false });
      }
    }
  }

  /** Every option's value, checked. */
  values(): unknown {
    const values = Object.fromEntries(
      Object.entries(this.#schema).map(([section, options]) => [
        section,
        Object.fromEntries(Object.keys(options).map((name) => [name, this.#resolve(section, name, [])])),
      ]),
    );
    // The environment and the arguments have been merged above, where a message can still name them.
    const config = convict<unknown>(this.#schema, { env: {}, args: [] });
    return config.load(values).validate({ allowed: 'strict' }).getProperties();
  }

  /** An option's value after substitution, read and checked. `within`: the options whose texts led here. */
  #resolve(section: string, name: string, within: readonly string[]): unknown {
    const id = `${section}.${name}`;
    const option = this.#option(section, name);
    if (option === undefined) throw new TypeError(`no option ${id}`);
    const setting = this.#settings.get(id);
    if (setting === undefined)
      return option.format === 'path' ? absolute(option.default, undefined) : option.default;
    const where = `${setting.origin}: option ${name} in section [${section}]`;
    if (within.includes(id)) throw new ConfigError(`${where} refers to itself`);
    const raw =
      setting.isTemplate && typeof setting.value === 'string'
        ? this.#substitute(setting.value, section, where, option.sensitive === true, [...within, id])
        : setting.value;
    const value = readValue(option, raw);
    if (value === undefined) {
      const misfit = option.grammar?.misfit(String(raw)) ?? String(raw);
      const given = option.sensitive === true ? '' : `, not ${JSON.stringify(shown(misfit))}`;
      throw new ConfigError(`${where} must be ${expectation(option)}${given}`);
    }
    const isPath = option.format === 'path' || option.format === 'config_file';
    return isPath ? absolute(value, setting.folder, option) : value;
  }

  #substitute(
    template: string,
    section: string,
    where: string,
    isSecret: boolean,
    within: readonly string[],
  ): string {
    const reference = /\$(?:(\$)|([A-Za-z_]\w*)|\{([A-Za-z_]\w*)\}|)/g;
    return template.replace(reference, (_all, dollar?: string, bare?: string, braced?: string) => {
      if (dollar !== undefined) return '$';
      const name = bare ?? braced;
      const sections = [...new Set([section, 'DEFAULT'])];
      const owner = sections.find((candidate) => this.#option(candidate, name ?? '') !== undefined);
      if (name === undefined || owner === undefined) {
        // What follows the dollar may be a part of a secret.
        const given = isSecret || name === undefined ? 'a $' : `$${shown(name)}`;
        throw new ConfigError(
          `${where} holds ${given} that names no option of [${sections.join('] or [')}]; a dollar is written $$`,
        );
      }
      if (this.#option(owner, name)?.sensitive === true) {
        throw new ConfigError(`${where} refers to $${name}, which is a secret`);
      }
      return String(this.#resolve(owner, name, within));
    });
  }

  #option(section: string, name: string): Section[string] | undefined {
    const options = ownValue(this.#schema, section);
    return options === undefined ? undefined : ownValue(options, name);
  }

  /** A section's name as the schema spells it: files may spell it in any case. */
  #sectionName(name: string): string | undefined {
    return Object.keys(this.#schema).find((known) => known.toLowerCase() === name.toLowerCase());
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error);
    throw new ConfigError(`cannot read the configuration file ${file}: ${reason}`, { cause: error });
  }
}

function absolute(value: unknown, folder: string | undefined, option?: Section[string]): unknown {
  if (typeof value !== 'string' || value === '') return value;
  const base = option?.format === 'config_file' && folder !== undefined ? folder : process.cwd();
  return path.resolve(base, value);
}

function unquoted(value: string): string {
  const quote = value.charAt(0);
  const isQuoted = value.length >= 2 && (quote === '"' || quote === "'") && value.endsWith(quote);
  return isQuoted ? value.slice(1, -1) : value;
}

function ownValue<T>(record: Readonly<Record<string, T>>, key: string): T | undefined {
  return Object.hasOwn(record, key) ? record[key] : undefined;
}

const MAX_SHOWN_LENGTH = 256;

function shown(value: string): string {
  return value.length <= MAX_SHOWN_LENGTH ? value : `${value.slice(0, MAX_SHOWN_LENGTH)}…`;
}
