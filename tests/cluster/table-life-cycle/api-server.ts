/** The program magnetodb-api-server in processes of its own, configured by its environment. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { packageRoot } from '../../../magnetodb/config/package-root.js';

/** From its source, so that a build that is missing or old does no harm. */
const PROGRAM = path.join(packageRoot, 'magnetodb', 'cmd', 'api-server.ts');

function run(env: Readonly<Record<string, string>>): ChildProcess {
  const own = Object.entries(process.env).filter(([name]) => !name.startsWith('MAGNETODB_'));
  return spawn(process.execPath, ['--import', 'tsx/esm', PROGRAM, '--port', '0'], {
    cwd: packageRoot,
    env: { ...Object.fromEntries(own), ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

/** What a process printed that has ended by itself. */
export interface Refusal {
  readonly exitCode: number | null;
  readonly output: string;
}

/** Starts the program and waits for its end. Where it serves instead, it is ended, and `exitCode` is null. */
export async function refusedStart(env: Readonly<Record<string, string>>): Promise<Refusal> {
  const child = run(env);
  let output = '';
  for (const stream of [child.stdout, child.stderr]) {
    stream?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      if (output.includes('MagnetoDB is at')) child.kill('SIGKILL');
    });
  }
  const [exitCode] = (await once(child, 'close')) as [number | null];
  return { exitCode, output };
}

/** A process that serves. */
export interface ApiServer {
  readonly url: string;
  /** What it has logged so far. */
  log(): string;
  stop(): Promise<void>;
}

/** Starts the program. Resolves when it listens. @throws an error with all that it printed, where it ends instead. */
export async function startApiServer(env: Readonly<Record<string, string>>): Promise<ApiServer> {
  const child = run(env);
  const ended = once(child, 'exit');
  let log = '';
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (log += text));
  const url = await new Promise<string>((resolve, reject) => {
    let output = '';
    child.stdout?.setEncoding('utf8').on('data', (text: string) => {
      output += text;
      const found = /MagnetoDB is at (\S+)/.exec(output)?.[1];
      if (found !== undefined) resolve(found);
    });
    child.once('close', () => {
      reject(new Error(`magnetodb-api-server has ended: ${log}`));
    });
  });
  return {
    url,
    log: () => log,
    stop: async () => {
      child.kill('SIGTERM');
      await ended;
    },
  };
}
