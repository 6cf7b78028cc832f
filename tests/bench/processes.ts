/** Starts the processes that are measured, waits until they answer, and ends them. */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync } from 'node:fs';
import { createServer, type AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** How long a process may take to answer, and to end, in milliseconds. */
const START_MS = 30_000;
const STOP_MS = 20_000;
const POLL_MS = 5;
/** How much of a log an error message shows, in characters. */
const LOG_END_LENGTH = 2_000;

/** What goes wrong outside of the benchmark's own code: it is told without a stack. */
export class BenchError extends Error {}

/** A server in a process of its own. */
export interface ServerProcess {
  readonly url: string;
  readonly pid: number;
  /** From its creation to its first answer with status 200, in milliseconds. */
  readonly startMs: number;
  stop(): Promise<void>;
}

/** A TCP port of 127.0.0.1 that was free a moment ago. */
export async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

/**
 * Starts Node on a program and waits for it.
 * @param logFile takes all that the process prints, as under a service manager that writes files.
 * @param isUp says whether the process answers as it should.
 * @throws {BenchError} it ended, or didn't answer in time; the message has the end of its log.
 */
export async function startServer(
  args: readonly string[],
  url: string,
  logFile: string,
  isUp: (url: string) => Promise<boolean>,
): Promise<ServerProcess> {
  const log = openSync(logFile, 'a');
  const startedAtMs = performance.now();
  const child = spawn(process.execPath, [...args], { stdio: ['ignore', log, log] });
  closeSync(log);
  const fail = (what: string): never => {
    throw new BenchError(
      `${args.join(' ')} ${what}:\n${readFileSync(logFile, 'utf8').slice(-LOG_END_LENGTH)}`,
    );
  };
  while (!(await isUp(url).catch(() => false))) {
    if (hasEnded(child)) fail('ended');
    if (performance.now() - startedAtMs > START_MS) {
      child.kill('SIGKILL');
      fail(`did not answer within ${START_MS} ms`);
    }
    await delay(POLL_MS);
  }
  return {
    url,
    pid: child.pid ?? 0,
    startMs: performance.now() - startedAtMs,
    stop: () => stop(child),
  };
}

function hasEnded(child: ChildProcess): boolean {
  return child.exitCode !== null || child.signalCode !== null;
}

async function stop(child: ChildProcess): Promise<void> {
  if (hasEnded(child)) return;
  const hurry = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
  const ended = once(child, 'exit');
  child.kill('SIGTERM');
  await ended;
  clearTimeout(hurry);
}

/** Runs a program to its end. @returns what it wrote to its standard output. @throws {BenchError} it failed. */
export async function run(command: string, args: readonly string[]): Promise<string> {
  const child = spawn(command, [...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  let output = '';
  let errors = '';
  child.stdout.setEncoding('utf8').on('data', (text: string) => (output += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const [code] = (await once(child, 'close')) as [number | null];
  if (code !== 0)
    throw new BenchError(`${command} ${args.join(' ')} failed (${String(code)}):\n${output}${errors}`);
  return output;
}

/** A process's resident memory in bytes; undefined where the system doesn't tell. */
export function residentBytes(pid: number): number | undefined {
  try {
    const kilobytes = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1];
    return kilobytes === undefined ? undefined : Number(kilobytes) * 1024;
  } catch {
    return undefined;
  }
}

/** What a process has used of processors so far, all threads together, in microseconds; undefined as above. */
export function processorMicros(pid: number): number | undefined {
  try {
    // The second field is the program's name in brackets; user and system time are fields 14 and 15, in 1/100 s.
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /s, '')
      .split(' ');
    return (Number(fields[11]) + Number(fields[12])) * 10_000;
  } catch {
    return undefined;
  }
}
