import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Catalogue } from '../../../magnetodb/engine/catalogue.js';
import { createEngine } from '../../../magnetodb/engine/engine.js';
import { parseProjectId, parseTableName } from '../../../magnetodb/engine/names.js';
import type { EngineOptions } from '../../../magnetodb/engine/options.js';
import type { Engine, TableDefinition } from '../../../magnetodb/engine/requests.js';
import { silentLogger } from '../../../magnetodb/logging/logger.js';
import { containerId, type StorageDriver, type WriteRequest } from '../../../magnetodb/storage/driver.js';
import {
  ContainerNotFoundError,
  OutcomeUnknownError,
  StorageUnavailableError,
} from '../../../magnetodb/storage/errors.js';
import { eventually } from '../../support/eventually.js';
import { overriding } from '../../support/overriding.js';
import { openTemporaryDriver } from '../../support/temporary-driver.js';

const PROJECT = parseProjectId('alpha')!;
const NAME = parseTableName('readings');
const DEFINITION: TableDefinition = {
  name: NAME,
  attributes: new Map([['id', 'S']]),
  hashKey: 'id',
  indexes: [],
};
const PAST_GRACE_MS = 61_000;

/** What becomes of a write that fails: nothing; nothing, or all, and nobody is told which. */
type Fault = 'unavailable' | 'unknown, not applied' | 'unknown, applied';

/** A write that was answered as unknown and has not been carried out yet. */
interface HeldWrite {
  /** Carries it out, as a store may do at any time. */
  release(): Promise<'applied' | 'conflict'>;
}

// A store may fail any single write of a table's life. Whatever it does, the table must come to its end.
describe('the life of a table whose storage fails', () => {
  let driver: StorageDriver;
  let close: () => Promise<void>;
  const engines: Engine[] = [];
  let clockMs = 0;
  const now = (): number => Date.now() + clockMs;

  beforeEach(async () => {
    clockMs = 0;
    ({ driver, close } = await openTemporaryDriver());
  });

  afterEach(async () => {
    await Promise.all(engines.splice(0).map((engine) => engine.close()));
    await close();
  });

  async function open(over = driver, options: Partial<EngineOptions> = {}): Promise<Engine> {
    const engine = await createEngine({
      driver: over,
      logger: silentLogger,
      now,
      options: { jobPollMs: 5, tableCacheMs: 0, leaseMs: 60, ...options },
    });
    engines.push(engine);
    return engine;
  }

  async function statusOf(engine: Engine): Promise<string> {
    try {
      return (await engine.describeTable(PROJECT, NAME)).status;
    } catch (error) {
      return (error as { code: string }).code;
    }
  }

  /** What a client gets to hear. */
  async function codeOf(promise: Promise<unknown>): Promise<string> {
    return await promise.then(
      () => 'done',
      (error: unknown) => (error as { code?: string }).code ?? String(error),
    );
  }

  async function expectUsable(engine: Engine): Promise<void> {
    const item = new Map([['id', { type: 'S', value: 'a' } as const]]);
    await engine.putItem(PROJECT, NAME, { item, expected: new Map(), returnValues: 'NONE' });
  }

  async function expectNoJobs(): Promise<void> {
    await eventually(async () => expect(await new Catalogue(driver).listJobs()).to.be.empty);
  }

  /** Fails the nth write to the service's own containers. */
  function failingAt(position: number, fault: Fault): { over: StorageDriver; hasFailed: () => boolean } {
    let writes = 0;
    const over = overriding(driver, {
      write: async (container, request) => {
        writes += container.project === '' ? 1 : 0;
        if (container.project !== '' || writes !== position) return await driver.write(container, request);
        if (fault === 'unavailable') throw new StorageUnavailableError('planted');
        if (fault === 'unknown, applied') await driver.write(container, request);
        throw new OutcomeUnknownError('planted');
      },
    });
    return { over, hasFailed: () => writes >= position };
  }

  /** A client that asks again while the table is not as it wants it, but not while a job is under way. */
  async function reach(
    engine: Engine,
    wanted: string,
    from: string,
    ask: () => Promise<unknown>,
  ): Promise<void> {
    await eventually(async () => {
      const status = await statusOf(engine);
      if (status === from) {
        expect(await codeOf(ask())).to.be.oneOf(['done', 'ServiceUnavailable', 'OutcomeUnknown']);
      }
      expect(status).to.equal(wanted);
    }, 3000);
  }

  for (const fault of ['unavailable', 'unknown, not applied', 'unknown, applied'] as const) {
    it(`goes on to its end, whichever of its writes is ${fault}`, async function () {
      this.timeout(60_000);
      let position = 1;
      for (; ; position += 1) {
        clockMs += PAST_GRACE_MS;
        const { over, hasFailed } = failingAt(position, fault);
        const [engine, other] = await Promise.all([open(over), open()]);
        await reach(engine, 'ACTIVE', 'TableNotExists', () => engine.createTable(PROJECT, DEFINITION));
        await expectUsable(engine);
        await reach(engine, 'TableNotExists', 'ACTIVE', () => engine.deleteTable(PROJECT, NAME));
        await Promise.all([engine.close(), other.close()]);
        if (!hasFailed()) break;
        clockMs += PAST_GRACE_MS;
        const cleaning = await open();
        await expectNoJobs();
        await cleaning.close();
      }
      expect(position).to.be.greaterThan(6);
    });
  }

  /** Answers the first write that `isMeant` as unknown, and keeps it. */
  function holding(isMeant: (request: WriteRequest) => boolean): { over: StorageDriver; held: HeldWrite[] } {
    const held: HeldWrite[] = [];
    const over = overriding(driver, {
      write: async (container, request) => {
        if (container.project !== '' || held.length > 0 || !isMeant(request)) {
          return await driver.write(container, request);
        }
        held.push({ release: () => driver.write(container, request) });
        throw new OutcomeUnknownError('planted');
      },
    });
    return { over, held };
  }

  function putsStatus(request: WriteRequest, status: string): boolean {
    return request.mutations.some(
      (mutation) => mutation.kind === 'put' && Buffer.from(mutation.value).includes(`"status":"${status}"`),
    );
  }

  // A write of unknown outcome may still be carried out when its job has been dropped as one for nothing: then
  // nobody would ever make the table's container, and nobody may delete what is CREATING.
  it('does not begin when its job has been dropped', async () => {
    const { over, held } = holding((request) => putsStatus(request, 'CREATING'));
    const asking = await open(over, { taskExecutor: false });
    expect(await codeOf(asking.createTable(PROJECT, DEFINITION))).to.equal('OutcomeUnknown');
    expect((await new Catalogue(driver).listJobs()).length).to.equal(1);
    clockMs += PAST_GRACE_MS;
    const engine = await open();
    await expectNoJobs();
    expect(await held[0]?.release()).to.equal('conflict');
    expect(await statusOf(engine)).to.equal('TableNotExists');
  });

  it('begins late when its job is still there', async () => {
    const { over, held } = holding((request) => putsStatus(request, 'CREATING'));
    const engine = await open(over);
    expect(await codeOf(engine.createTable(PROJECT, DEFINITION))).to.equal('OutcomeUnknown');
    await sleep(50);
    expect(await held[0]?.release()).to.equal('applied');
    await eventually(async () => expect(await statusOf(engine)).to.equal('ACTIVE'));
  });

  it('does not end when the job for that has been dropped', async () => {
    const { over, held } = holding((request) => putsStatus(request, 'DELETING'));
    const engine = await open(over);
    await engine.createTable(PROJECT, DEFINITION);
    await eventually(async () => expect(await statusOf(engine)).to.equal('ACTIVE'));
    expect(await codeOf(engine.deleteTable(PROJECT, NAME))).to.equal('OutcomeUnknown');
    clockMs += PAST_GRACE_MS;
    await expectNoJobs();
    expect(await held[0]?.release()).to.equal('conflict');
    expect(await statusOf(engine)).to.equal('ACTIVE');
    await expectUsable(engine);
  });

  // What is only a job is nothing that a client could see: it is told to try again, not that it may have happened.
  it('has not begun where only its job is unknown', async () => {
    const { over } = holding(() => true);
    const engine = await open(over);
    expect(await codeOf(engine.createTable(PROJECT, DEFINITION))).to.equal('ServiceUnavailable');
    expect(await codeOf(engine.createTable(PROJECT, DEFINITION))).to.equal('done');
  });

  // A process whose clock is ahead takes a new job for an old one.
  it('begins although a process with a fast clock drops its job again and again', async () => {
    const fast = await createEngine({
      driver,
      logger: silentLogger,
      now: () => Date.now() + PAST_GRACE_MS,
      options: { jobPollMs: 40, leaseMs: 60 },
    });
    engines.push(fast);
    const slow = overriding(driver, {
      write: async (container, request) => {
        await sleep(Math.random() * 20);
        return await driver.write(container, request);
      },
    });
    const engine = await open(slow, { taskExecutor: false });
    for (let round = 0; round < 5; round += 1) {
      await reach(engine, 'ACTIVE', 'TableNotExists', () => engine.createTable(PROJECT, DEFINITION));
      await reach(engine, 'TableNotExists', 'ACTIVE', () => engine.deleteTable(PROJECT, NAME));
    }
  });

  // A job that stalls is done by another, and the table may be gone when the first one goes on.
  it('leaves no container behind that a stalled process has made', async () => {
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    let stalledId: string | undefined;
    const stalling = overriding(driver, {
      createContainer: async (container) => {
        if (container.project !== '') {
          stalledId = container.id;
          await gate;
        }
        await driver.createContainer(container);
      },
      // Nor can it renew its lease.
      write: (container, request) =>
        stalledId === undefined
          ? driver.write(container, request)
          : Promise.reject(new StorageUnavailableError('planted')),
    });
    const stalled = await open(stalling, { leaseMs: 30 });
    await stalled.createTable(PROJECT, DEFINITION);
    await eventually(() => expect(stalledId).to.be.a('string'));
    const other = await open();
    await eventually(async () => expect(await statusOf(other)).to.equal('ACTIVE'));
    await other.deleteTable(PROJECT, NAME);
    await eventually(async () => expect(await statusOf(other)).to.equal('TableNotExists'));
    release();
    const container = { id: containerId(stalledId!), project: PROJECT, kind: 'guarded' } as const;
    await stalled.close();
    await eventually(async () => {
      const scan = driver.scan(container, {
        segment: { index: 0, total: 1 },
        limit: 1,
        consistency: 'strong',
      });
      const error = await scan.then(
        () => undefined,
        (reason: unknown) => reason,
      );
      expect(error).to.be.instanceOf(ContainerNotFoundError);
    });
  });

  // One table's part of the store may be out of reach: the jobs of the others must not wait for it.
  it('does not hold up the jobs of other tables', async () => {
    const names = Array.from({ length: 10 }, (_, at) => parseTableName(`broken-${at}`));
    const asking = await open(driver, { taskExecutor: false });
    for (const name of names) await asking.createTable(PROJECT, { ...DEFINITION, name });
    await asking.createTable(PROJECT, DEFINITION);
    const broken = overriding(driver, {
      get: (container, ref, consistency) =>
        Buffer.from(ref.key.sortKey).includes('broken-')
          ? Promise.reject(new StorageUnavailableError('planted'))
          : driver.get(container, ref, consistency),
    });
    const engine = await open(broken);
    await eventually(async () => expect(await statusOf(engine)).to.equal('ACTIVE'));
  });
});
