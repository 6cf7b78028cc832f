/**
 * Reads the INI dialect that oslo.config and Paste Deploy share, into sections and entries with their line numbers.
 * What a value means (quotes, interpolation, `[DEFAULT]`'s inheritance, types) is left to who reads the sections.
 *
 * ```ini
 * # A comment stands on a line of its own; so does this one with a semicolon:
 * ; another
 * [filter:cors]
 * allowed_origin = https://one.example
 *                  https://two.example
 * allow_credentials: true
 * ```
 *
 * An indented line continues the value above it; comments between do not end the value (so that one filter of a list
 * can be commented out), a blank line does. `#` and `;` after a value belong to the value, as in oslo.config.
 */

/** One `key = value`. A key may be there several times. */
export interface IniEntry {
  readonly key: string;
  /** Trimmed; continuation lines, trimmed too, are joined by newlines. Quotes are kept. */
  readonly value: string;
  /** Where the key stands; the first line is 1. */
  readonly line: number;
}

/** One `[name]` with what follows it. A name may be there several times. */
export interface IniSection {
  /** Trimmed. */
  readonly name: string;
  readonly line: number;
  readonly entries: readonly IniEntry[];
}

/** A file's sections, in its order. */
export interface IniFile {
  readonly path: string;
  readonly sections: readonly IniSection[];
}

/** The text is not INI. The message names the file and the line. */
export class IniError extends Error {
  constructor(
    readonly file: string,
    readonly line: number,
    reason: string,
  ) {
    super(`${file}:${line}: ${reason}`);
    this.name = 'IniError';
  }
}

/**
 * Parses a file's text.
 * @param path is used in messages and handed on; nothing is read.
 * @throws {IniError} for entries before the first section, a line that is no `key = value`, an empty key, a broken
 * section header, or an indented line that continues nothing.
 */
export function parseIni(text: string, path: string): IniFile {
  const sections: { name: string; line: number; entries: IniEntry[] }[] = [];
  let entries: IniEntry[] | undefined;
  let open: { key: string; line: number; parts: string[] } | undefined;

  const endEntry = (): void => {
    if (open === undefined || entries === undefined) return;
    entries.push({ key: open.key, value: open.parts.join('\n').trim(), line: open.line });
    open = undefined;
  };

  let line = 0;
  for (const raw of text.replace(/^\uFEFF/, '').split(/\r\n|\n|\r/)) {
    line += 1;
    const content = raw.trim();
    if (content === '') {
      endEntry();
      continue;
    }
    if (content.startsWith('#') || content.startsWith(';')) continue;
    if (/^\s/.test(raw)) {
      if (open === undefined) throw new IniError(path, line, 'an indented line that continues no value');
      open.parts.push(content);
      continue;
    }
    endEntry();
    if (content.startsWith('[')) {
      const name = sectionName(content);
      if (name === undefined) {
        throw new IniError(path, line, 'a section is written as [name], on a line of its own');
      }
      entries = [];
      sections.push({ name, line, entries });
      continue;
    }
    if (entries === undefined) throw new IniError(path, line, 'an entry before the first [section]');
    const delimiter = content.search(/[=:]/);
    if (delimiter < 0) throw new IniError(path, line, `neither '=' nor ':' on this line`);
    const key = content.slice(0, delimiter).trim();
    if (key === '') throw new IniError(path, line, `nothing stands before the '${content.charAt(0)}'`);
    open = { key, line, parts: [content.slice(delimiter + 1).trim()] };
  }
  endEntry();
  return { path, sections };
}

/** The name in `[name]`, which only a comment may follow; undefined for anything else. */
function sectionName(content: string): string | undefined {
  const name = /^\[([^\]]+)\]\s*(?:[#;].*)?$/.exec(content)?.[1]?.trim();
  return name === '' ? undefined : name;
}
