/**
 * Reads a Paste Deploy file: which sections there are, what each inherits, and what its values are once `%(name)s`
 * is filled in. It knows nothing of filters and apps; loader.ts makes those.
 *
 * ```ini
 * # Inherited by every filter and app that knows the option.
 * [DEFAULT]
 * level = info
 *
 * [composite:main]
 * use = magnetodb:urlmap
 * /v1/data = data_api
 *
 * # Filters, outermost first, then an app.
 * [pipeline:data_api]
 * pipeline = limits data_app
 *
 * # A built-in filter, and an app of the operator's own; `here` is the folder of this file.
 * [filter:limits]
 * use = magnetodb:sizelimit
 * max_request_body_size = 1048576
 *
 * [app:data_app]
 * use = %(here)s/my-app.js
 * ```
 *
 * Differences from Paste Deploy, all on the side of telling the operator: a section or an option that is there twice
 * is refused (Paste takes the last one); an option of a section wins over an inherited one of the same name (Paste
 * drops it in silence, unless written `set name = value`, which works here too); `egg:`, `config:` and Python
 * factories are refused. `[server:…]` sections are for other programs, and skipped.
 */
import path from 'node:path';
import { IniError, parseIni, type IniEntry, type IniSection } from '../config/ini.js';

/** What a section can be. Apps, pipelines and composites share their names; filters have names of their own. */
export type PasteKind = 'filter' | 'app' | 'pipeline' | 'composite';
const KINDS: readonly PasteKind[] = ['filter', 'app', 'pipeline', 'composite'];

/** The paste file can't be composed. The message names the file, the line, the section and the option. */
export class PasteError extends Error {
  constructor(
    readonly file: string,
    /** The first line is 1; undefined where no line is to blame. */
    readonly line: number | undefined,
    /** As it stands between the brackets. */
    readonly section: string | undefined,
    readonly option: string | undefined,
    reason: string,
    options?: ErrorOptions,
  ) {
    const place = line === undefined ? file : `${file}:${line}`;
    const inSection = section === undefined ? '' : ` [${section}]`;
    const atOption = option === undefined ? '' : ` option '${option}':`;
    super(`${place}:${inSection}${atOption} ${reason}`, options);
    this.name = 'PasteError';
  }
}

/** An option as it counts for one section: interpolated, with the place where it was written. */
export interface PasteOption {
  readonly name: string;
  readonly value: string;
  readonly line: number;
  /** The section that holds the line: the one asked about, the one that it uses, or DEFAULT. */
  readonly section: string;
}

/** One section that is a filter, an app, a pipeline or a composite. */
export interface PasteSection {
  readonly kind: PasteKind;
  /** What stands behind the colon. */
  readonly name: string;
  /** What stands between the brackets. */
  readonly title: string;
  readonly line: number;
  /** In the file's order, interpolated, without `set` lines. */
  readonly options: readonly PasteOption[];
  /** The `set name = value` lines. */
  readonly settings: readonly PasteOption[];
}

/** A parsed paste file. */
export class PasteFile {
  readonly path: string;
  /** The folder that relative modules are looked up in. */
  readonly folder: string;
  /** What `[DEFAULT]` says, interpolated. */
  readonly defaults: readonly PasteOption[];
  readonly #sections = new Map<string, PasteSection>();

  /**
   * @param file is where the text came from; made absolute for `%(here)s` and `%(__file__)s`.
   * @throws {PasteError} for text that is no INI, a section or option that is there twice, a section of an unknown
   * kind, a name that is both an app and a pipeline, and interpolation of what isn't there.
   */
  constructor(text: string, file: string) {
    this.path = file;
    const absolute = path.resolve(file);
    this.folder = path.dirname(absolute);
    const sections = this.#parse(text);

    const seen = new Map<string, IniSection>();
    for (const section of sections) {
      const earlier = seen.get(section.name);
      if (earlier !== undefined) {
        throw this.error(
          section.line,
          section.name,
          undefined,
          `is defined twice, first on line ${earlier.line}`,
        );
      }
      seen.set(section.name, section);
    }

    const builtIn = new Map<string, IniEntry>([
      ['here', { key: 'here', value: this.folder.replaceAll('%', '%%'), line: 0 }],
      ['__file__', { key: '__file__', value: absolute.replaceAll('%', '%%'), line: 0 }],
    ]);
    const inherited = seen.get('DEFAULT');
    const defaults = this.#entries(inherited);
    const defaultScope = new Map([...builtIn, ...defaults]);
    this.defaults = [...defaults.values()].map((entry) => this.#option(entry, 'DEFAULT', defaultScope));

    for (const section of sections) {
      if (section.name !== 'DEFAULT') this.#add(section, defaultScope);
    }
  }

  /** The section of that name among apps, pipelines and composites. */
  app(name: string): PasteSection | undefined {
    return this.#sections.get(`app:${name}`);
  }

  /** The filter section of that name. */
  filter(name: string): PasteSection | undefined {
    return this.#sections.get(`filter:${name}`);
  }

  /** A PasteError about this file. */
  error(
    line: number | undefined,
    section: string | undefined,
    option: string | undefined,
    reason: string,
    options?: ErrorOptions,
  ): PasteError {
    return new PasteError(this.path, line, section, option, reason, options);
  }

  #parse(text: string): readonly IniSection[] {
    try {
      return parseIni(text, this.path).sections;
    } catch (error) {
      if (!(error instanceof IniError)) throw error;
      const reason = error.message.slice(`${error.file}:${error.line}: `.length);
      throw this.error(error.line, undefined, undefined, reason, { cause: error });
    }
  }

  #add(section: IniSection, defaultScope: ReadonlyMap<string, IniEntry>): void {
    const [prefix = '', ...rest] = section.name.split(':');
    const name = rest.join(':').trim();
    if (prefix === 'server') return;
    const kind = KINDS.find((known) => known === prefix.trim());
    if (kind === undefined || name === '') {
      const known = KINDS.map((each) => `[${each}:name]`).join(', ');
      throw this.error(section.line, section.name, undefined, `is none of [DEFAULT], ${known}`);
    }
    const key = kind === 'filter' ? `filter:${name}` : `app:${name}`;
    const other = this.#sections.get(key);
    if (other !== undefined) {
      const reason = `has the name of [${other.title}] on line ${other.line}: apps, pipelines and composites share their names`;
      throw this.error(section.line, section.name, undefined, reason);
    }
    const entries = this.#entries(section);
    const scope = new Map([...defaultScope, ...entries]);
    const options = [...entries.values()].map((entry) => this.#option(entry, section.name, scope));
    const isSetting = (option: PasteOption): boolean => /^set\s/.test(option.name);
    this.#sections.set(key, {
      kind,
      name,
      title: section.name,
      line: section.line,
      options: options.filter((option) => !isSetting(option)),
      settings: options
        .filter(isSetting)
        .map((option) => ({ ...option, name: option.name.replace(/^set\s+/, '') })),
    });
  }

  #entries(section: IniSection | undefined): Map<string, IniEntry> {
    const entries = new Map<string, IniEntry>();
    for (const entry of section?.entries ?? []) {
      const earlier = entries.get(entry.key);
      if (earlier !== undefined) {
        throw this.error(
          entry.line,
          section?.name,
          entry.key,
          `is there twice, first on line ${earlier.line}`,
        );
      }
      entries.set(entry.key, entry);
    }
    return entries;
  }

  #option(entry: IniEntry, section: string, scope: ReadonlyMap<string, IniEntry>): PasteOption {
    const fail = (reason: string): PasteError => this.error(entry.line, section, entry.key, reason);
    const value = interpolate(entry.value, scope, [entry.key], fail);
    return { name: entry.key, value, line: entry.line, section };
  }
}

/**
 * Fills in `%(name)s` as Python's ConfigParser does: with the same section's option or an inherited one, themselves
 * interpolated; `%%` is a percent sign; a lone one is an error.
 */
function interpolate(
  value: string,
  scope: ReadonlyMap<string, IniEntry>,
  path: readonly string[],
  fail: (reason: string) => PasteError,
): string {
  return value.replace(/%(?:%|\(([^)]*)\)s)?/g, (found, name: string | undefined) => {
    if (found === '%%') return '%';
    if (name === undefined) throw fail(`a percent sign is written %%, an option's value %(name)s`);
    if (path.includes(name)) throw fail(`%(${name})s leads back to itself: ${[...path, name].join(' → ')}`);
    const entry = scope.get(name);
    if (entry === undefined) throw fail(`%(${name})s names an option that is neither here nor in [DEFAULT]`);
    return interpolate(entry.value, scope, [...path, name], fail);
  });
}
