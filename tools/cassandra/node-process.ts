/**
 * The process of one node. One that an earlier program has started is known by its pid and by its folder, which stands in
 * its command line: so a pid that the system has given to somebody else is never taken for a node's, nor signalled.
 */
import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import path from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { CassandraToolError } from './errors.js';
import { NODE_FILES } from './settings.js';

/** How long a node may take to end after SIGTERM, which lets it flush, and after SIGKILL, in milliseconds. */
const STOP_MS = 20_000;
const KILL_MS = 10_000;
const PAUSE_MS = 10_000;
const POLL_MS = 20;
/** How many lines of each log an error message shows. */
const LOG_LINES = 25;
/** Where its lines are cut: Cassandra logs its whole configuration in one. */
const LOG_LINE_LENGTH = 300;

/** A process that runs a node, or has run it. */
export interface NodeProcess {
  readonly pid: number;
  /** Whether it exists; a paused one does. */
  readonly isAlive: boolean;
  readonly isPaused: boolean;
  /** SIGTERM, and SIGKILL where that takes too long. Resolves when the process is gone. */
  stop(): Promise<void>;
  /** SIGKILL. Resolves when the process is gone. */
  kill(): Promise<void>;
  /** SIGKILL, without waiting: for the end of this process. */
  killNow(): void;
  /** SIGSTOP. Resolves when it stands still. */
  pause(): Promise<void>;
  /** SIGCONT. */
  resume(): void;
}

/**
 * Starts a node's Java.
 * @param isDetached true: it outlives this process. False: the kernel kills it when this process ends, however it ends.
 * @throws {CassandraToolError} the program could not be started.
 */
export async function spawnNode(
  folder: string,
  java: string,
  args: readonly string[],
  isDetached: boolean,
): Promise<NodeProcess> {
  const console = openSync(path.join(folder, NODE_FILES.console), 'a');
  const [command, allArgs] = isDetached
    ? [java, args]
    : ['setpriv', ['--pdeathsig', 'KILL', '--', java, ...args]];
  try {
    const child = spawn(command, [...allArgs], {
      cwd: folder,
      detached: isDetached,
      stdio: ['ignore', console, console],
    });
    await once(child, 'spawn');
    // A test that forgets its cluster must not hang for ever: when nothing else is left to do, this process ends.
    child.unref();
    const pid = child.pid ?? 0;
    writeFileSync(path.join(folder, NODE_FILES.pid), `${pid}\n`);
    return new FolderProcess(pid, folder, child);
  } catch (error) {
    throw new CassandraToolError(`could not start ${command}: ${(error as Error).message}`, { cause: error });
  } finally {
    closeSync(console);
  }
}

/** The process of a node that some earlier program has started; undefined: none is alive. */
export function nodeProcessIn(folder: string): NodeProcess | undefined {
  const pid = Number(readOrEmpty(path.join(folder, NODE_FILES.pid)).trim());
  if (!Number.isSafeInteger(pid) || pid <= 1) return undefined;
  const found = new FolderProcess(pid, folder);
  return found.isOurs ? found : undefined;
}

/** The end of a node's logs, for error messages. */
export function logTail(folder: string): string {
  return [NODE_FILES.console, NODE_FILES.log]
    .map((name) => path.join(folder, name))
    .map((file) => {
      const lines = readOrEmpty(file).trimEnd().split('\n').slice(-LOG_LINES);
      const cut = lines.map((line) =>
        line.length > LOG_LINE_LENGTH ? `${line.slice(0, LOG_LINE_LENGTH)}…` : line,
      );
      return `--- the end of ${file}\n${cut.join('\n')}`;
    })
    .join('\n');
}

class FolderProcess implements NodeProcess {
  /** @param child given where this program has started it: a child's pid is its own until we hear of its end. */
  constructor(
    readonly pid: number,
    private readonly folder: string,
    private readonly child?: ChildProcess,
  ) {}

  /** Whether it runs this very node. */
  get isOurs(): boolean {
    // While a program replaces another (setpriv, then java), its command line is there in part or not at all.
    if (this.child !== undefined) return this.child.exitCode === null && this.child.signalCode === null;
    return this.commandLine.includes(`-Dcassandra.storagedir=${this.folder}\0`);
  }

  get isAlive(): boolean {
    if (this.child !== undefined) return this.isOurs;
    const { state, threads } = this.status;
    // The kernel reaps one that nobody has waited for at its leisure.
    if (state === undefined || (state === 'Z' && threads <= 1)) return false;
    // One that is ending has no command line any more, but holds its ports until its last thread has ended.
    return this.commandLine === '' || this.isOurs;
  }

  get isPaused(): boolean {
    return this.isOurs && this.status.state === 'T';
  }

  private get commandLine(): string {
    return readOrEmpty(`/proc/${this.pid}/cmdline`);
  }

  private get status(): { readonly state: string | undefined; readonly threads: number } {
    // "pid (name) state …": the name may itself have brackets. The number of threads is the 18th after it.
    const fields = readOrEmpty(`/proc/${this.pid}/stat`)
      .replace(/^.*\) /s, '')
      .split(' ');
    return { state: fields[0] === '' ? undefined : fields[0], threads: Number(fields[17]) };
  }

  async stop(): Promise<void> {
    this.signal('SIGTERM');
    // A paused process would never see it.
    this.signal('SIGCONT');
    if (!(await this.until(() => !this.isAlive, STOP_MS))) await this.kill();
  }

  async kill(): Promise<void> {
    this.killNow();
    if (await this.until(() => !this.isAlive, KILL_MS)) return;
    throw new CassandraToolError(`process ${this.pid} does not end`);
  }

  killNow(): void {
    this.signal('SIGKILL');
  }

  async pause(): Promise<void> {
    this.signal('SIGSTOP');
    if (await this.until(() => this.isPaused, PAUSE_MS)) return;
    throw new CassandraToolError(`process ${this.pid} can't be paused`);
  }

  resume(): void {
    this.signal('SIGCONT');
  }

  private signal(signal: NodeJS.Signals): void {
    if (!this.isOurs) return;
    try {
      process.kill(this.pid, signal);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error;
    }
  }

  private async until(condition: () => boolean, deadlineMs: number): Promise<boolean> {
    const endMs = performance.now() + deadlineMs;
    while (!condition()) {
      if (performance.now() > endMs) return false;
      await delay(POLL_MS);
    }
    return true;
  }
}

function readOrEmpty(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}
