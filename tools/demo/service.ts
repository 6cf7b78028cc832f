import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import path from 'node:path';
import { createInterface } from 'node:readline';
import { DemoError } from './client.js';

const ROOT = path.resolve(import.meta.dirname, '..', '..');
const PROGRAM = path.join(ROOT, 'build', 'cmd', 'api-server.js');
const CONFIG_FILE = path.join(ROOT, 'etc', 'magnetodb', 'quickstart.conf');

/** How long the service may take to listen, and to stop, in milliseconds. */
const START_MS = 30_000;
const STOP_MS = 40_000;
/** How much of its log is kept for the case that it ends. */
const MAX_LOG_LINES = 20;

/** A service that the demo has started, and stops. */
export interface StartedService {
  /** `http://host:port`. */
  readonly url: string;
  /** Resolves when the process ends by itself, with what it logged last. */
  readonly ended: Promise<string>;
  /** Lets it end what is under way. Safe to call twice. */
  stop(): Promise<void>;
}

/**
 * Starts the built API server with the quick-start configuration.
 * @param port 0: any free one.
 * @param env environment variables beside ours, which win over the quick start's configuration.
 * @throws {DemoError}
 */
export async function startService(
  dataDir: string,
  port: number,
  env: Readonly<Record<string, string>> = {},
): Promise<StartedService> {
  if (!existsSync(PROGRAM)) throw new DemoError(`${PROGRAM} is missing: run \`npm run build\` first`);
  const flags = [
    '--config-file',
    CONFIG_FILE,
    '--host',
    '127.0.0.1',
    '--port',
    String(port),
    '--data-dir',
    dataDir,
  ];
  const child = spawn(process.execPath, [PROGRAM, ...flags], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...env },
    // A Ctrl-C goes to a terminal's whole process group; the service shall hear of it from the demo alone.
    detached: true,
  });
  const log: string[] = [];
  createInterface({ input: child.stderr }).on('line', (line) => {
    log.push(line);
    if (log.length > MAX_LOG_LINES) log.shift();
  });
  const ended = once(child, 'close').then(() => log.join('\n'));
  const url = await listening(child, ended);
  return {
    url,
    ended,
    stop: async () => {
      if (child.exitCode !== null || child.signalCode !== null) return;
      const hurry = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      child.kill('SIGTERM');
      await ended;
      clearTimeout(hurry);
    },
  };
}

/** Waits for the line in which the service tells its address. */
async function listening(
  child: ChildProcess & { stdout: NodeJS.ReadableStream },
  ended: Promise<string>,
): Promise<string> {
  const told = new Promise<string>((resolve) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      const url = /^MagnetoDB is at (\S+)/.exec(line)?.[1];
      if (url !== undefined) resolve(url);
    });
  });
  const failed = ended.then((log): never => {
    throw new DemoError(`the service ended before it listened:\n${log}`);
  });
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      child.kill('SIGKILL');
      reject(new DemoError(`the service did not listen within ${START_MS / 1000} s`));
    }, START_MS);
  });
  try {
    return await Promise.race([told, failed, late]);
  } finally {
    clearTimeout(timer);
    // After the start, an end of the process is the caller's to notice.
    failed.catch(() => undefined);
  }
}
