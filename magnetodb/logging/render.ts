/**
 * Makes a log record's one line: as text,
 *
 *     2026-03-01T12:00:00.123Z INFO  table created table=readings took_ms=12
 *
 * or as a JSON object with `timestamp`, `level`, `event` and the fields. Whatever the fields hold, a line has no line
 * breaks and no control characters, so that nobody can forge a record or steer the terminal of who reads it.
 */
import type { LogFields, LogLevel } from './logger.js';

export type LogFormat = 'text' | 'json';

/** Makes one line, with its line break. Never throws. */
export type Renderer = (timestamp: string, level: LogLevel, event: string, fields?: LogFields) => string;

/** The renderer of a format. */
export function renderer(format: LogFormat): Renderer {
  return format === 'json' ? jsonLine : textLine;
}

/** What a field's value is cut to, in UTF-16 code units, so that no record grows without bound. */
const MAX_VALUE_LENGTH = 16_384;
/** How many causes, and how many errors of an AggregateError, are told. */
const MAX_CAUSES = 8;

const OWN_MEMBERS: ReadonlySet<string> = new Set(['timestamp', 'level', 'event']);

function jsonLine(timestamp: string, level: LogLevel, event: string, fields?: LogFields): string {
  let line = `{"timestamp":"${timestamp}","level":"${level}","event":${quotedText(event)}`;
  if (fields !== undefined) {
    for (const name of Object.keys(fields)) {
      const value = fields[name];
      if (value === undefined) continue;
      const key = OWN_MEMBERS.has(name) ? `field_${name}` : name;
      line += `,${quotedText(key)}:${jsonValue(value, level)}`;
    }
  }
  return `${line}}\n`;
}

const LEVEL_TEXT: Readonly<Record<LogLevel, string>> = {
  error: 'ERROR',
  warn: 'WARN ',
  info: 'INFO ',
  debug: 'DEBUG',
};

function textLine(timestamp: string, level: LogLevel, event: string, fields?: LogFields): string {
  let line = `${timestamp} ${LEVEL_TEXT[level]} ${isPlainEvent(event) ? event : quotedText(event)}`;
  if (fields !== undefined) {
    for (const name of Object.keys(fields)) {
      const value = fields[name];
      if (value === undefined) continue;
      line += ` ${isPlainWord(name) ? name : quotedText(name)}=${textValue(value, level)}`;
    }
  }
  return `${line}\n`;
}

function isPlainEvent(event: string): boolean {
  return /^[\w ./:,'()-]+$/.test(event);
}

function isPlainWord(value: string): boolean {
  return /^[\w./:@+,?&%~;()[\]*-]+$/.test(value);
}

function textValue(value: unknown, level: LogLevel): string {
  if (typeof value === 'string') {
    return value.length <= MAX_VALUE_LENGTH && isPlainWord(value) ? value : quotedText(value);
  }
  if (typeof value === 'number') return String(value);
  if (value instanceof Error) return textError(value, level);
  const json = jsonValue(value, level);
  return /[\s"]/.test(json) ? quotedText(json) : json;
}

function textError(error: Error, level: LogLevel): string {
  const told = describeError(error, level);
  const parts = [told, ...(told.causes ?? [])].map(({ type, message, code }) => {
    const named = code === undefined ? type : `${type} [${code}]`;
    return message === '' ? named : `${named}: ${message}`;
  });
  const text = quotedText(parts.join('; caused by '));
  return told.stack === undefined ? text : `${text} stack=${quotedText(told.stack)}`;
}

function jsonValue(value: unknown, level: LogLevel): string {
  switch (typeof value) {
    case 'string':
      return quotedText(value);
    case 'number':
      return Number.isFinite(value) ? String(value) : `"${value}"`;
    case 'boolean':
      return value ? 'true' : 'false';
    case 'bigint':
      return `"${value}"`;
    case 'object':
      return value === null ? 'null' : jsonObject(value, level);
    default:
      return quotedText(typeof value);
  }
}

function jsonObject(value: object, level: LogLevel): string {
  try {
    const json = JSON.stringify(
      value instanceof Error ? describeError(value, level) : value,
      (_name, member) => {
        if (member instanceof Error) return describeError(member, level);
        return typeof member === 'bigint' ? String(member) : (member as unknown);
      },
    ) as string | undefined;
    if (json === undefined) return '"object"';
    return json.length <= MAX_VALUE_LENGTH * 2 ? withoutControls(json) : quotedText(json);
  } catch {
    return '"(not serializable)"'; // a cycle, or a toJSON that throws
  }
}

function quotedText(value: string): string {
  // Nearly all texts need no escapes, and to see that costs half of what JSON.stringify does.
  if (value.length <= MAX_VALUE_LENGTH && /^[ !#-[\]-~]*$/.test(value)) return `"${value}"`;
  const cut = value.length <= MAX_VALUE_LENGTH ? value : `${value.slice(0, MAX_VALUE_LENGTH)}…`;
  return withoutControls(JSON.stringify(cut));
}

// JSON.stringify escapes those below U+0020; these may steer a terminal or count as line breaks too.
function withoutControls(json: string): string {
  return /[\u007f-\u009f\u2028\u2029]/.test(json)
    ? json.replace(
        /[\u007f-\u009f\u2028\u2029]/g,
        (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
      )
    : json;
}

interface ErrorDescription {
  readonly type: string;
  readonly message: string;
  readonly code?: string;
  readonly causes?: readonly ErrorDescription[];
  readonly stack?: string;
}

function describeError(error: Error, level: LogLevel): ErrorDescription {
  const causes = causesOf(error);
  return {
    ...describeOne(error),
    ...(causes.length === 0 ? {} : { causes: causes.map(describeOne) }),
    // A stack tells where to look: for who must act, and for nobody else.
    ...(level === 'error' && typeof error.stack === 'string' ? { stack: error.stack } : {}),
  };
}

function describeOne(error: unknown): ErrorDescription {
  if (!(error instanceof Error))
    return { type: typeof error, message: String(error).slice(0, MAX_VALUE_LENGTH) };
  const { code } = error as { readonly code?: unknown };
  return {
    type: error.name,
    message: error.message.slice(0, MAX_VALUE_LENGTH),
    ...(typeof code === 'string' ? { code } : {}),
  };
}

/** The errors behind an error, nearest first: its causes, and what an AggregateError gathers. */
function causesOf(error: Error): unknown[] {
  const found: unknown[] = [];
  const queue: unknown[] = [error];
  while (queue.length > 0 && found.length < MAX_CAUSES) {
    const next = queue.shift();
    if (next !== error) found.push(next);
    if (!(next instanceof Error)) continue;
    const behind: unknown[] = next instanceof AggregateError ? next.errors.slice(0, MAX_CAUSES) : [];
    if (next.cause !== undefined && next.cause !== null) behind.push(next.cause);
    queue.push(...behind.filter((candidate) => candidate !== error && !found.includes(candidate)));
  }
  return found;
}
