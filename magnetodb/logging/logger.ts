/**
 * The service's log: events with fields, not sentences. Never a token, a key or an item's value. `error` means that
 * somebody must act.
 */
export interface Logger {
  error(event: string, fields?: LogFields): void;
  warn(event: string, fields?: LogFields): void;
  info(event: string, fields?: LogFields): void;
  debug(event: string, fields?: LogFields): void;
  /** Whether a line of this level would be written: ask before preparing costly fields. */
  isEnabled(level: LogLevel): boolean;
}

export type LogLevel = 'error' | 'warn' | 'info' | 'debug';
/** An Error is written with its message, its causes and, at level error, its stack. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Writes nothing: for tests, and for code that may go without a log. */
export const silentLogger: Logger = {
  error: () => undefined,
  warn: () => undefined,
  info: () => undefined,
  debug: () => undefined,
  isEnabled: () => false,
};
