/** What tests of the pipeline and of filters share: a paste file in a temporary folder, served over real HTTP. */
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import http, { type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import os from 'node:os';
import path from 'node:path';
import type { Request, Response } from 'express';
import type { Engine } from '../../../magnetodb/engine/requests.js';
import type { LogFields, Logger, LogLevel } from '../../../magnetodb/logging/logger.js';
import { loadPipeline, type Pipeline } from '../../../magnetodb/pipeline/loader.js';
import { RequestContext } from '../../../magnetodb/pipeline/request-context.js';
import type { Service } from '../../../magnetodb/pipeline/types.js';

export interface LogLine {
  readonly level: LogLevel;
  readonly event: string;
  readonly fields: LogFields;
}

/** A logger that keeps its lines; `waitFor` resolves with the first line of that event, past or to come. */
export class KeepingLogger implements Logger {
  readonly lines: LogLine[] = [];
  readonly #waiting: { event: string; resolve: (line: LogLine) => void }[] = [];
  constructor(readonly levels: readonly LogLevel[] = ['error', 'warn', 'info', 'debug']) {}

  error = (event: string, fields?: LogFields): void => {
    this.#keep('error', event, fields);
  };
  warn = (event: string, fields?: LogFields): void => {
    this.#keep('warn', event, fields);
  };
  info = (event: string, fields?: LogFields): void => {
    this.#keep('info', event, fields);
  };
  debug = (event: string, fields?: LogFields): void => {
    this.#keep('debug', event, fields);
  };
  isEnabled = (level: LogLevel): boolean => this.levels.includes(level);

  waitFor(event: string): Promise<LogLine> {
    const line = this.lines.find((each) => each.event === event);
    if (line !== undefined) return Promise.resolve(line);
    return new Promise((resolve) => this.#waiting.push({ event, resolve }));
  }

  #keep(level: LogLevel, event: string, fields: LogFields = {}): void {
    const line = { level, event, fields };
    this.lines.push(line);
    for (const each of this.#waiting) if (each.event === event) each.resolve(line);
  }
}

/** A service that listens on a loopback address and whose engine must not be needed. */
export function fakeService(changes: Partial<Service> = {}): Service {
  return {
    logger: new KeepingLogger(),
    engine: { close: () => Promise.resolve() } as Engine,
    bind: { host: '127.0.0.1', port: 8480 },
    ...changes,
  };
}

/** Writes files into a new folder. @returns the folder; the caller removes it by `removeFolders`. */
export async function folderWith(files: Readonly<Record<string, string>>): Promise<string> {
  const folder = await mkdtemp(path.join(os.tmpdir(), 'magnetodb-paste-'));
  folders.push(folder);
  for (const [name, text] of Object.entries(files)) await writeFile(path.join(folder, name), text);
  return folder;
}
const folders: string[] = [];

/** For `afterEach`. */
export async function removeFolders(): Promise<void> {
  for (const folder of folders.splice(0)) await rm(folder, { recursive: true });
}

/** Composes a paste file from its text; `files` lie beside it. */
export async function compose(
  paste: string,
  service: Service = fakeService(),
  files: Readonly<Record<string, string>> = {},
): Promise<Pipeline> {
  const folder = await folderWith({ ...files, 'api-paste.ini': paste });
  return loadPipeline(path.join(folder, 'api-paste.ini'), service);
}

class ServedRequest extends http.IncomingMessage {
  context = new RequestContext();
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly text: string;
  /** The text as JSON. */
  readonly body: unknown;
}

export interface Served {
  readonly port: number;
  readonly request: (target: string, options?: http.RequestOptions, body?: string) => Promise<Answer>;
  readonly close: () => Promise<void>;
}

/** Serves a handler on a free port of 127.0.0.1. */
export async function serve(handle: (req: Request, res: Response) => void): Promise<Served> {
  const server = http.createServer({ IncomingMessage: ServedRequest }, (req, res) => {
    handle(req as unknown as Request, res as unknown as Response);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    port,
    request: (target, options = {}, body) => request(port, target, options, body),
    close: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

async function request(
  port: number,
  target: string,
  options: http.RequestOptions,
  body?: string,
): Promise<Answer> {
  const sent = http.request({ host: '127.0.0.1', port, path: target, agent: false, ...options });
  sent.end(body);
  const [res] = (await once(sent, 'response')) as [http.IncomingMessage];
  res.setEncoding('utf8');
  let text = '';
  for await (const piece of res) text += piece as string;
  const isJson = res.headers['content-type']?.startsWith('application/json') === true && text !== '';
  return {
    status: res.statusCode ?? 0,
    headers: res.headers,
    text,
    body: isJson ? (JSON.parse(text) as unknown) : undefined,
  };
}
