import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, renameSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Writable } from 'node:stream';
import { expect } from 'chai';
import sinon from 'sinon';
import { createLogger, type OwnedLogger } from '../../../magnetodb/logging/index.js';
import { packageRoot } from '../../../magnetodb/config/package-root.js';

/** Gathers the chunks that it gets. */
class Sink extends Writable {
  readonly chunks: string[] = [];
  #isStuck = false;
  #waiting: (() => void) | undefined;

  constructor() {
    super({ decodeStrings: false });
  }

  override _write(chunk: string, _encoding: string, callback: () => void): void {
    this.chunks.push(chunk);
    if (this.#isStuck) this.#waiting = callback;
    else callback();
  }

  /** From here on nothing is taken. */
  stick(): void {
    this.#isStuck = true;
  }

  /** Takes what waits. */
  async release(): Promise<void> {
    this.#isStuck = false;
    this.#waiting?.();
    if (this.writableNeedDrain) await once(this, 'drain');
  }

  get lines(): string[] {
    return this.chunks.join('').split('\n').slice(0, -1);
  }
}

describe('createLogger', () => {
  let sink: Sink;
  let folder: string;
  const loggers: OwnedLogger[] = [];

  beforeEach(() => {
    sink = new Sink();
    folder = mkdtempSync(path.join(tmpdir(), 'magnetodb-log-'));
  });

  afterEach(async () => {
    sinon.restore();
    await Promise.all(loggers.splice(0).map((logger) => logger.close()));
    rmSync(folder, { recursive: true });
  });

  function open(options: Partial<Parameters<typeof createLogger>[0]> = {}): OwnedLogger {
    const logger = createLogger({ level: 'info', format: 'json', file: '', stream: sink, ...options });
    loggers.push(logger);
    return logger;
  }

  function toFile(file: string): OwnedLogger {
    const logger = createLogger({ level: 'info', format: 'json', file });
    loggers.push(logger);
    return logger;
  }

  const eventsOf = (lines: readonly string[]): unknown[] =>
    lines.map((line) => (JSON.parse(line) as { event: unknown }).event);

  // An info line costs; debug lines stand in the hot path and must not.
  it('writes records of its level and of more severe ones only', () => {
    const logger = open({ level: 'warn' });
    logger.debug('d');
    logger.info('i');
    logger.warn('w');
    logger.error('e');
    expect(eventsOf(sink.lines)).to.deep.equal(['w', 'e']);
    expect(
      ['error', 'warn', 'info', 'debug'].map((level) => logger.isEnabled(level as 'info')),
    ).to.deep.equal([true, true, false, false]);
  });

  // Fields of a level that is off may be costly to render.
  it('does not look at the fields of a level that is off', () => {
    const fields = {
      get costly(): string {
        throw new Error('looked at');
      },
    };
    expect(() => {
      open().debug('d', fields);
    }).not.to.throw();
  });

  // A write for each line is what makes loggers slow.
  it('gathers lines into one write, which leaves a few milliseconds later', () => {
    const clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
    const logger = open();
    for (let i = 0; i < 100; i += 1) logger.info('request', { i });
    expect(sink.chunks).to.have.lengthOf(0);
    clock.tick(10);
    expect(sink.chunks).to.have.lengthOf(1);
    expect(sink.lines).to.have.lengthOf(100);
    clock.tick(1000);
    expect(sink.chunks).to.have.lengthOf(1);
  });

  // Memory stays bounded while the event loop is busy.
  it('writes at once when a batch is full', () => {
    const logger = open();
    for (let i = 0; i < 100; i += 1) logger.info('request', { text: 'x'.repeat(1000) });
    expect(sink.lines.length).to.be.within(50, 99);
  });

  // The last words before a crash are the ones that are needed.
  it('writes at once at level error, after what came before', () => {
    const logger = open();
    logger.info('first');
    logger.error('second');
    expect(eventsOf(sink.lines)).to.deep.equal(['first', 'second']);
  });

  it('marks each record with the time it was made', () => {
    const clock = sinon.useFakeTimers({ now: Date.UTC(2026, 2, 1, 12), toFake: ['Date', 'setTimeout'] });
    const logger = open();
    logger.info('a');
    logger.info('b');
    clock.tick(1);
    logger.error('c');
    const times = sink.lines.map((line) => (JSON.parse(line) as { timestamp: unknown }).timestamp);
    expect(times).to.deep.equal([
      '2026-03-01T12:00:00.000Z',
      '2026-03-01T12:00:00.000Z',
      '2026-03-01T12:00:00.001Z',
    ]);
  });

  it('writes everything when it is closed, and nothing afterwards', async () => {
    const logger = open();
    logger.info('last');
    await logger.close();
    logger.error('too late');
    await logger.close();
    expect(eventsOf(sink.lines)).to.deep.equal(['last']);
  });

  // A reader that hangs must not take the service's memory with it; that something is missing must show.
  it('drops records while too much waits, and says how many', async () => {
    const logger = open();
    sink.stick();
    const text = 'x'.repeat(10_000);
    for (let i = 0; i < 2000; i += 1) logger.info('request', { text });
    logger.flush();
    expect(sink.writableLength).to.be.within(8 * 2 ** 20, 9 * 2 ** 20);
    await sink.release();
    logger.error('after');
    const records = sink.lines.map((line) => JSON.parse(line) as { event: string; records?: number });
    const written = records.filter(({ event }) => event === 'request').length;
    expect(written).to.be.lessThan(1000);
    expect(records.find(({ event }) => event === 'log records lost')?.records).to.equal(2000 - written);
  });

  // Whoever reads the log may go away; the service stays.
  it('survives a destination that fails', () => {
    const logger = open();
    sink.destroy(new Error('gone'));
    logger.error('after');
    logger.error('and again');
  });

  it('appends to a file that it makes, readable for nobody else', async () => {
    const file = path.join(folder, 'service.log');
    const first = toFile(file);
    first.info('one');
    await first.close();
    const second = toFile(file);
    second.info('two');
    await second.close();
    expect(eventsOf(readFileSync(file, 'utf8').split('\n').slice(0, -1))).to.deep.equal(['one', 'two']);
  });

  it('names a file that cannot be opened', () => {
    expect(() => toFile(path.join(folder, 'missing', 'service.log'))).to.throw(/ENOENT.*service\.log/);
  });

  // logrotate moves the file away and sends SIGHUP; no record may be lost or written to the wrong file.
  it('goes on in a new file after the old one was moved away', async () => {
    const file = path.join(folder, 'service.log');
    const logger = toFile(file);
    const events = (at: string): unknown[] => eventsOf(readFileSync(at, 'utf8').split('\n').slice(0, -1));
    for (let i = 0; i < 1000; i += 1) logger.info('old');
    logger.flush();
    renameSync(file, `${file}.1`);
    logger.reopen();
    for (let i = 0; i < 1000; i += 1) logger.info('new');
    await logger.close();
    const all = [...events(`${file}.1`), ...events(file)];
    expect(all).to.have.lengthOf(2000);
    expect(events(file).at(-1)).to.equal('new');
    expect(events(file).filter((event) => event === 'new')).to.have.lengthOf(1000);
  });

  // A full disk is an operator's problem, not the clients'.
  it('survives a full disk', async () => {
    const logger = toFile('/dev/full');
    logger.error('lost');
    logger.error('lost too');
    await logger.close();
  });

  // `process.exit` gives no time: what was logged must be out by then. A pipe takes 64 KiB without its reader's doing;
  // beyond that it depends on the reader, so the test stays below.
  for (const destination of ['a file', 'standard error']) {
    it(`writes to ${destination} what was logged right before the process ends`, () => {
      const file = destination === 'a file' ? path.join(folder, 'exit.log') : '';
      const script = `
        import { createLogger } from './magnetodb/logging/index.js';
        const logger = createLogger({ level: 'info', format: 'json', file: ${JSON.stringify(file)} });
        for (let i = 0; i < 500; i += 1) logger.info('many', { i });
        logger.error('failed');
        logger.info('last');
        process.exit(3);`;
      const run = spawnSync(process.execPath, ['--import', 'tsx', '--input-type=module', '--eval', script], {
        cwd: packageRoot,
        encoding: 'utf8',
      });
      expect(run.status, run.stderr.slice(0, 1000)).to.equal(3);
      const output = file === '' ? run.stderr : readFileSync(file, 'utf8');
      const events = eventsOf(output.split('\n').slice(0, -1));
      expect(events).to.have.lengthOf(502);
      expect(events.slice(-2)).to.deep.equal(['failed', 'last']);
    });
  }
});
