/**
 * The service's logger. It makes each record's line once and gathers lines into batches; a batch, not a line, goes
 * through winston to the log's destination, since a record's way through winston's streams costs more than all else
 * that is done for it. A batch leaves when it is full, a few milliseconds after its first line, with the first line of
 * level error, and when the process ends.
 */
import type { Writable } from 'node:stream';
import winston from 'winston';
import { LogFile } from './log-file.js';
import type { LogFields, Logger, LogLevel } from './logger.js';
import { renderer, type LogFormat } from './render.js';

export { silentLogger, type LogFields, type Logger, type LogLevel } from './logger.js';
export type { LogFormat } from './render.js';

export interface LogOptions {
  /** Records less severe than this cost nothing and are not written. */
  readonly level: LogLevel;
  readonly format: LogFormat;
  /** Where lines are appended; empty: standard error. */
  readonly file: string;
  /** Instead of `file`: where lines go. It stays open. */
  readonly stream?: Writable;
}

/** A logger that owns its destination. */
export interface OwnedLogger extends Logger {
  /** Hands what is gathered to the destination. */
  flush(): void;
  /** Opens the log file anew, after rotation has moved it away. Without a file it does nothing. */
  reopen(): void;
  /** Writes everything and frees the file. Records that come later are dropped. Safe to call twice. */
  close(): Promise<void>;
}

/** A batch leaves when it has this many UTF-16 code units, or its first line is this old. */
const MAX_BATCH_LENGTH = 65_536;
const MAX_BATCH_AGE_MS = 5;
/** What may wait for a slow destination; further records are counted and dropped. */
const MAX_BACKLOG_BYTES = 8 * 1024 * 1024;

const SEVERITY: Readonly<Record<LogLevel, number>> = { error: 0, warn: 1, info: 2, debug: 3 };

// winston's transports write what stands under this key, as it is.
const MESSAGE = Symbol.for('message');
const LEVEL = Symbol.for('level');

/** Makes a logger. @throws where the log file can't be opened. */
export function createLogger(options: LogOptions): OwnedLogger {
  return new BatchingLogger(options);
}

class BatchingLogger implements OwnedLogger {
  readonly #severity: number;
  readonly #render;
  readonly #file: LogFile | undefined;
  readonly #stream: Writable;
  readonly #winston: winston.Logger;
  #batch = '';
  #batchLines = 0;
  #lostRecords = 0;
  #timer: NodeJS.Timeout | undefined;
  #closing: Promise<void> | undefined;
  #lastMs = 0;
  #lastTimestamp = '';

  constructor(options: LogOptions) {
    this.#severity = SEVERITY[options.level];
    this.#render = renderer(options.format);
    this.#file = options.stream === undefined && options.file !== '' ? new LogFile(options.file) : undefined;
    this.#stream = options.stream ?? this.#file ?? process.stderr;
    // Whoever read the log is gone, or the disk is. The service goes on without.
    this.#stream.on('error', ignore);
    this.#winston = winston.createLogger({
      levels: { ...SEVERITY },
      level: 'debug',
      // The default would make JSON of what is text already.
      format: winston.format((info) => info)(),
      // eslint-disable-next-line @typescript-eslint/no-unsafe-class-instance-assignment -- winston declares its transports as interfaces
      transports: [new winston.transports.Stream({ stream: this.#stream, eol: '' })],
    });
    process.on('exit', this.#finish);
  }

  error(event: string, fields?: LogFields): void {
    this.#log('error', event, fields);
    this.flush();
  }

  warn(event: string, fields?: LogFields): void {
    if (this.#severity >= SEVERITY.warn) this.#log('warn', event, fields);
  }

  info(event: string, fields?: LogFields): void {
    if (this.#severity >= SEVERITY.info) this.#log('info', event, fields);
  }

  debug(event: string, fields?: LogFields): void {
    if (this.#severity >= SEVERITY.debug) this.#log('debug', event, fields);
  }

  isEnabled(level: LogLevel): boolean {
    return this.#severity >= SEVERITY[level];
  }

  flush(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#batch === '') return;
    const batch = this.#batch;
    const lines = this.#batchLines;
    this.#batch = '';
    this.#batchLines = 0;
    if (this.#backlogBytes() > MAX_BACKLOG_BYTES) {
      this.#lostRecords += lines;
      return;
    }
    this.#send(batch);
    this.#tellLosses();
  }

  reopen(): void {
    if (this.#closing !== undefined) return;
    this.flush();
    this.#file?.reopen();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.flush();
    process.off('exit', this.#finish);
    this.#winston.close();
    const file = this.#file;
    if (file !== undefined) {
      await new Promise<void>((resolve) => {
        file.once('close', resolve);
        file.end();
      });
    } else if (this.#stream.writableLength > 0 && !this.#stream.errored) {
      await new Promise<void>((resolve) => {
        this.#stream.write('', () => {
          resolve();
        });
      });
    }
    this.#stream.off('error', ignore);
  }

  #log(level: LogLevel, event: string, fields: LogFields | undefined): void {
    if (this.#closing !== undefined) return;
    this.#batch += this.#render(this.#timestamp(), level, event, fields);
    this.#batchLines += 1;
    if (this.#batch.length >= MAX_BATCH_LENGTH) this.flush();
    else this.#timer ??= setTimeout(this.#flushLater, MAX_BATCH_AGE_MS).unref();
  }

  readonly #flushLater = (): void => {
    this.flush();
  };

  /** The process ends: what isn't written now never will be. */
  readonly #finish = (): void => {
    this.#file?.becomeSync();
    this.flush();
  };

  #send(text: string): void {
    // The level is winston's wish; it filters nothing here.
    this.#winston.write({ level: 'error', message: '', [LEVEL]: 'error', [MESSAGE]: text });
  }

  #tellLosses(): void {
    const writes = this.#file?.takeLostWrites() ?? 0;
    if (this.#lostRecords === 0 && writes === 0) return;
    const fields = { records: this.#lostRecords, writes };
    this.#lostRecords = 0;
    this.#send(this.#render(this.#timestamp(), 'warn', 'log records lost', fields));
  }

  #backlogBytes(): number {
    return this.#file?.backlogBytes ?? this.#stream.writableLength;
  }

  // Several requests share a millisecond, and making the text costs as much as the rest of the line.
  #timestamp(): string {
    const now = Date.now();
    if (now !== this.#lastMs) {
      this.#lastMs = now;
      this.#lastTimestamp = new Date(now).toISOString();
    }
    return this.#lastTimestamp;
  }
}

function ignore(): void {
  // Nobody is left to tell.
}
