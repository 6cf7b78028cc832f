/** Starts, asks and ends processes that run an engine over Cassandra: engine-child.ts. */
import { fork, type ChildProcess } from 'node:child_process';
import { EventEmitter, once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { ChildSettings, Order, Report } from './engine-child.js';
import type { Place, Question, Reply } from './questions.js';
import type { LoadRecord } from './stale-load.js';

const CHILD = fileURLToPath(new URL('engine-child.ts', import.meta.url));

/** An error that an engine in another process has thrown. */
export class RemoteError extends Error {
  constructor(
    readonly code: string,
    message: string,
  ) {
    super(message);
  }
}

/** What a process did that was to die: it did, or it came to the end of its job first. */
export type Fate = { readonly isDead: true } | { readonly isDead: false; readonly calls: readonly string[] };

type Envelope = Order extends infer One ? (One extends Order ? Omit<One, 'number'> : never) : never;

export class EngineProcess {
  /** Which containers it was to make and to drop, in this order. */
  readonly created: string[] = [];
  readonly dropped: string[] = [];
  readonly #child: ChildProcess;
  readonly #events = new EventEmitter();
  readonly #ended: Promise<unknown>;
  #number = 0;

  /** @param env where Cassandra is, and all else that the process is to find in its environment. */
  constructor(env: Readonly<Record<string, string>>, settings: ChildSettings) {
    this.#child = fork(CHILD, [JSON.stringify(settings)], {
      execArgv: ['--import', 'tsx/esm'],
      env: { ...process.env, ...env },
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    this.#events.setMaxListeners(0);
    this.#ended = once(this.#child, 'exit');
    this.#child.on('message', (report: Report) => {
      if (report.kind === 'schema')
        this[report.call === 'create' ? 'created' : 'dropped'].push(report.container);
      if (report.kind === 'answer' || report.kind === 'error')
        this.#events.emit(String(report.number), report);
      else this.#events.emit(report.kind, report);
    });
  }

  /** Resolves when it has begun with its work. */
  async ready(): Promise<this> {
    await this.#reported('ready');
    return this;
  }

  /** @throws {RemoteError} what the engine has thrown. */
  async ask(question: Question): Promise<Reply> {
    return (await this.#send({ kind: 'question', question })) as Reply;
  }

  /** Begins with constant reads and writes. */
  async startLoad(place: Place): Promise<void> {
    await this.#send({ kind: 'start load', ...place });
  }

  /** Ends them. @returns what was asked and answered. */
  async stopLoad(): Promise<readonly LoadRecord[]> {
    return (await this.#send({ kind: 'stop load' })) as readonly LoadRecord[];
  }

  /** Waits for its death, or for the end of its job. */
  async fate(): Promise<Fate> {
    const through = once(this.#events, 'through') as Promise<[Extract<Report, { kind: 'through' }>]>;
    const first = await Promise.race([through, this.#ended.then(() => undefined)]);
    return first === undefined ? { isDead: true } : { isDead: false, calls: first[0].calls };
  }

  /** Resolves when the process has ended: at once where it has ended before. */
  async ended(): Promise<void> {
    await this.#ended;
  }

  /** Ends it in good order. */
  async stop(): Promise<void> {
    if (this.#child.connected) this.#child.disconnect();
    await this.#ended;
  }

  async #send(order: Envelope): Promise<unknown> {
    this.#number += 1;
    const number = this.#number;
    const reported = this.#reported(String(number));
    this.#child.send({ ...order, number });
    const report = await reported;
    if (report.kind === 'error') throw new RemoteError(report.code, report.message);
    return report.kind === 'answer' ? report.value : undefined;
  }

  /** @throws an error where the process ends first. */
  async #reported(event: string): Promise<Report> {
    const ended = this.#ended.then((): never => {
      throw new Error('the process has ended');
    });
    ended.catch(() => undefined);
    const [report] = (await Promise.race([once(this.#events, event), ended])) as [Report];
    return report;
  }
}
