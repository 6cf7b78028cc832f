import { expect } from 'chai';
import { Catalogue } from '../../../magnetodb/engine/catalogue.js';
import { parseProjectId, parseTableName } from '../../../magnetodb/engine/names.js';
import type { EngineOptions } from '../../../magnetodb/engine/options.js';
import type { Engine, TableDefinition, TableName } from '../../../magnetodb/engine/requests.js';
import type { DecimalText } from '../../../magnetodb/engine/numbers.js';
import type { Item } from '../../../magnetodb/engine/values.js';
import type { Container, StorageDriver } from '../../../magnetodb/storage/driver.js';
import { StorageUnavailableError } from '../../../magnetodb/storage/errors.js';
import { eventually } from '../../support/eventually.js';
import { overriding } from '../../support/overriding.js';
import { TestEngines } from '../../support/test-engines.js';

const PROJECT = parseProjectId('alpha')!;
const NAME = parseTableName('readings');

function definition(name: TableName = NAME): TableDefinition {
  return { name, attributes: new Map([['id', 'S']]), hashKey: 'id', indexes: [] };
}

function item(id: string, count: string): Item {
  return new Map([
    ['id', { type: 'S', value: id }],
    ['count', { type: 'N', value: count as DecimalText }],
  ]);
}

async function statusOf(engine: Engine, name = NAME): Promise<string> {
  try {
    return (await engine.describeTable(PROJECT, name)).status;
  } catch (error) {
    return (error as { code: string }).code;
  }
}

async function put(engine: Engine, count: string): Promise<void> {
  await engine.putItem(PROJECT, NAME, {
    item: item('a', count),
    expected: new Map(),
    returnValues: 'NONE',
  });
}

async function read(engine: Engine): Promise<string | undefined> {
  const stored = await engine.getItem(PROJECT, NAME, {
    key: new Map([['id', { type: 'S', value: 'a' }]]),
    consistentRead: true,
  });
  return stored && Buffer.from(stored.json).toString();
}

describe('the life cycle of tables', () => {
  let driver: StorageDriver;
  let clockMs = 0;
  const now = (): number => Date.now() + clockMs;
  const engines = new TestEngines({ jobPollMs: 10, tableCacheMs: 50 }, now);

  beforeEach(async () => {
    clockMs = 0;
    driver = await engines.begin();
  });

  afterEach(() => engines.end());

  function open(options: Partial<EngineOptions> = {}, over = driver): Promise<Engine> {
    return engines.open(options, over);
  }

  // DESIGN: create and delete write the intent and return; the executor does the work.
  it('goes from CREATING over ACTIVE and DELETING to nothing', async () => {
    const engine = await open();
    expect((await engine.createTable(PROJECT, definition())).status).to.equal('CREATING');
    await eventually(async () => expect(await statusOf(engine)).to.equal('ACTIVE'));
    expect((await engine.deleteTable(PROJECT, NAME)).status).to.equal('DELETING');
    await eventually(async () => expect(await statusOf(engine)).to.equal('TableNotExists'));
  });

  // A process without an executor leaves its jobs to others.
  it('is carried on by another process', async () => {
    const asking = await open({ taskExecutor: false });
    await asking.createTable(PROJECT, definition());
    expect(await statusOf(asking)).to.equal('CREATING');
    await open();
    await eventually(async () => expect(await statusOf(asking)).to.equal('ACTIVE'));
  });

  // A lease keeps two processes from doing one job, and runs out when its owner has died.
  it('waits for a lease to run out before another process takes the job', async () => {
    const asking = await open({ taskExecutor: false });
    await asking.createTable(PROJECT, definition());
    const catalogue = new Catalogue(driver);
    const [job] = await catalogue.listJobs();
    await catalogue.updateJob(job!, { leasedUntilMs: now() + 60_000 });
    let looks = 0;
    const counting = overriding(driver, {
      range: (container, request) => {
        looks += 1;
        return driver.range(container, request);
      },
    });
    await open({}, counting);
    await eventually(() => expect(looks).to.be.greaterThan(3));
    expect(await statusOf(asking)).to.equal('CREATING');
    clockMs = 61_000;
    await eventually(async () => expect(await statusOf(asking)).to.equal('ACTIVE'));
  });

  it('makes each container once while several processes look for jobs', async () => {
    const made: Container[] = [];
    const counting = overriding(driver, {
      createContainer: (container) => {
        if (container.project !== '') made.push(container);
        return driver.createContainer(container);
      },
    });
    const several = await Promise.all([open({}, counting), open({}, counting), open({}, counting)]);
    const names = Array.from({ length: 20 }, (_, index) => parseTableName(`table-${index}`));
    await Promise.all(names.map((name, index) => several[index % 3]!.createTable(PROJECT, definition(name))));
    for (const name of names) {
      await eventually(async () => expect(await statusOf(several[0], name)).to.equal('ACTIVE'));
    }
    expect(made.length).to.equal(20);
  });

  // Of several requests for one name, one wins; the others leave no trace.
  it('gives a name to one of several creators', async () => {
    const several = await Promise.all([open(), open()]);
    const answers = await Promise.allSettled(
      Array.from({ length: 8 }, (_, index) => several[index % 2]!.createTable(PROJECT, definition())),
    );
    expect(answers.filter((answer) => answer.status === 'fulfilled').length).to.equal(1);
    for (const answer of answers) {
      if (answer.status === 'rejected') {
        expect((answer.reason as { code: string }).code).to.equal('TableAlreadyExists');
      }
    }
    await eventually(async () => expect(await new Catalogue(driver).listJobs()).to.be.empty);
  });

  it('ends in CREATE_FAILED after its attempts, and can be deleted then', async () => {
    let attempts = 0;
    const failing = overriding(driver, {
      createContainer: (container) => {
        if (container.project === '') return driver.createContainer(container);
        attempts += 1;
        return Promise.reject(new StorageUnavailableError('planted'));
      },
    });
    const engine = await open({ jobAttempts: 2, leaseMs: 30 }, failing);
    await engine.createTable(PROJECT, definition());
    await eventually(async () => expect(await statusOf(engine)).to.equal('CREATE_FAILED'));
    expect(attempts).to.equal(2);
    await engine.deleteTable(PROJECT, NAME);
    await eventually(async () => expect(await statusOf(engine)).to.equal('TableNotExists'));
  });

  // The executor gives up and records DELETE_FAILED; before it takes its job away, a client deletes again.
  it('loses no second delete to the end of the first one', async () => {
    let isBroken = true;
    let isAsked = false;
    const racing: StorageDriver = overriding(driver, {
      dropContainer: (container) =>
        isBroken ? Promise.reject(new StorageUnavailableError('planted')) : driver.dropContainer(container),
      write: async (container, request) => {
        const [mutation] = request.mutations;
        if (
          isBroken &&
          mutation?.kind === 'delete' &&
          Buffer.from(mutation.key.sortKey).includes('/delete')
        ) {
          isBroken = false;
          isAsked = true;
          await engine.deleteTable(PROJECT, NAME);
        }
        return await driver.write(container, request);
      },
    });
    const engine = await open({ jobAttempts: 1 }, racing);
    await engine.createTable(PROJECT, definition());
    await eventually(async () => expect(await statusOf(engine)).to.equal('ACTIVE'));
    await engine.deleteTable(PROJECT, NAME);
    await eventually(async () => expect(await statusOf(engine)).to.equal('TableNotExists'));
    expect(isAsked).to.equal(true);
  });

  // However a job got lost, a table must not stay in DELETING for ever.
  it('takes a delete of a DELETING table for a wish to go on', async () => {
    const asking = await open({ taskExecutor: false });
    await asking.createTable(PROJECT, definition());
    const catalogue = new Catalogue(driver);
    const record = await catalogue.findTable(PROJECT, NAME);
    await catalogue.setStatus(record!, 'DELETING');
    for (const job of await catalogue.listJobs()) await catalogue.removeJob(job);
    const working = await open();
    expect((await working.deleteTable(PROJECT, NAME)).status).to.equal('DELETING');
    await eventually(async () => expect(await statusOf(working)).to.equal('TableNotExists'));
  });

  // What a look-up saw before delete_table was answered must not come back into the cache after it.
  it('accepts no item after its answer to delete_table', async () => {
    const other = await open();
    await other.createTable(PROJECT, definition());
    await eventually(async () => expect(await statusOf(other)).to.equal('ACTIVE'));
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    let isFirst = true;
    const slow = overriding(driver, {
      get: async (container, ref, consistency) => {
        const row = await driver.get(container, ref, consistency);
        if (isFirst && container.project === '') {
          isFirst = false;
          await gate;
        }
        return row;
      },
    });
    const engine = await open({ tableCacheMs: 60_000, taskExecutor: false }, slow);
    const early = read(engine);
    await engine.deleteTable(PROJECT, NAME);
    release();
    await early;
    const code = await put(engine, '1').then(
      () => 'accepted',
      (error: unknown) => (error as { code: string }).code,
    );
    expect(code).to.equal('Validation');
  });

  // A drop of many rows must not keep a process from ending; the lease runs out, and another goes on.
  it('waits only a moment for a job when it closes', async () => {
    const endless = overriding(driver, {
      dropContainer: () => new Promise(() => undefined),
    });
    const engine = await open({}, endless);
    await engine.createTable(PROJECT, definition());
    await eventually(async () => expect(await statusOf(engine)).to.equal('ACTIVE'));
    await engine.deleteTable(PROJECT, NAME);
    const catalogue = new Catalogue(driver);
    await eventually(async () => {
      const [job] = await catalogue.listJobs();
      expect(job?.job.leasedUntilMs).to.be.greaterThan(0);
    });
    await engine.close();
  });

  // Q34: a cached description must not bring back a table that was dropped and created again elsewhere.
  it('never serves a table created again from a stale cache', async () => {
    const [one, other] = [await open({ tableCacheMs: 300 }), await open({ tableCacheMs: 300 })];
    await one.createTable(PROJECT, definition());
    await eventually(async () => expect(await statusOf(one)).to.equal('ACTIVE'));
    await put(one, '1');
    expect(await read(other)).to.contain('"1"');
    await one.deleteTable(PROJECT, NAME);
    await eventually(async () => expect(await statusOf(one)).to.equal('TableNotExists'));
    await one.createTable(PROJECT, definition());
    await eventually(async () => expect(await statusOf(one)).to.equal('ACTIVE'));
    expect(await read(other)).to.equal(undefined);
    await put(other, '2');
    expect(await read(one)).to.contain('"2"');
  });

  // decisions: a table in DELETING is dropped only when no process takes it for ACTIVE any more. How long the write of
  // DELETING takes must not count.
  it('drops a table only when all have had to look it up again, however slow its end is written', async () => {
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    let isHeld = false;
    let droppedAtMs = 0;
    const slow = overriding(driver, {
      write: async (container, request) => {
        const [mutation] = request.mutations;
        if (mutation?.kind === 'put' && Buffer.from(mutation.value).includes('"DELETING"')) {
          isHeld = true;
          await gate;
        }
        return await driver.write(container, request);
      },
      dropContainer: (container) => {
        droppedAtMs = now();
        return driver.dropContainer(container);
      },
    });
    const tableCacheMs = 300;
    const one = await open({ tableCacheMs }, slow);
    const other = await open({ tableCacheMs, taskExecutor: false });
    await one.createTable(PROJECT, definition());
    await eventually(async () => expect(await statusOf(one)).to.equal('ACTIVE'));
    const deleting = one.deleteTable(PROJECT, NAME);
    await eventually(() => expect(isHeld).to.equal(true));
    const askedAtMs = now();
    await eventually(() => expect(now()).to.be.greaterThan(askedAtMs + tableCacheMs));
    const rememberedAtMs = now();
    await read(other);
    release();
    await deleting;
    await eventually(async () => expect(await statusOf(one)).to.equal('TableNotExists'));
    expect(droppedAtMs).to.be.at.least(rememberedAtMs + tableCacheMs);
  });

  // The same with a cache that never runs out: the missing container alone tells.
  it('notices by the missing container that its description is stale', async () => {
    const stale = await open({ tableCacheMs: 60_000, taskExecutor: false });
    const other = await open({ tableCacheMs: 10 });
    await other.createTable(PROJECT, definition());
    await eventually(async () => expect(await statusOf(other)).to.equal('ACTIVE'));
    await put(stale, '1');
    await other.deleteTable(PROJECT, NAME);
    await eventually(async () => expect(await statusOf(other)).to.equal('TableNotExists'));
    let code: unknown;
    await put(stale, '2').catch((error: unknown) => (code = (error as { code: string }).code));
    expect(code).to.equal('TableNotExists');
  });

  // A process that dies after recording the end of a job leaves the job; nobody has to wait until it is called lost.
  it('removes at once a job whose end is recorded', async () => {
    const keeping = overriding(driver, {
      write: (container, request) => {
        const [mutation] = request.mutations;
        const isJob = mutation !== undefined && /\/(create|delete)$/.test(String(mutation.key.sortKey));
        return isJob && mutation.kind === 'delete'
          ? Promise.reject(new StorageUnavailableError('planted'))
          : driver.write(container, request);
      },
    });
    const catalogue = new Catalogue(driver);
    for (const end of ['ACTIVE', 'TableNotExists']) {
      const dying = await open({ leaseMs: 30 }, keeping);
      if (end === 'ACTIVE') await dying.createTable(PROJECT, definition());
      else await dying.deleteTable(PROJECT, NAME);
      await eventually(async () => expect(await statusOf(dying)).to.equal(end));
      expect(await catalogue.listJobs()).not.to.be.empty;
      await dying.close();
      const living = await open();
      await eventually(async () => expect(await catalogue.listJobs()).to.be.empty);
      await living.close();
    }
  });

  // A process that dies between writing the job and writing the table leaves a job for nothing.
  it('drops a job whose table was never written', async () => {
    const catalogue = new Catalogue(driver);
    await catalogue.putJob({
      kind: 'create',
      project: PROJECT,
      tableName: NAME,
      tableId: '9f0c3f5e-d0a1-11e4-8830-0800200c9a66',
      createdAtMs: now(),
      notBeforeMs: now(),
      attempts: 0,
      leasedUntilMs: 0,
    });
    clockMs = 61_000;
    await open();
    await eventually(async () => expect(await catalogue.listJobs()).to.be.empty);
  });

  it('starts while the storage is down, and serves once it is back', async () => {
    let isDown = true;
    const flaky = overriding(driver, {
      createContainer: (container) =>
        isDown ? Promise.reject(new StorageUnavailableError('planted')) : driver.createContainer(container),
    });
    const engine = await open({}, flaky);
    expect(await statusOf(engine)).to.equal('ServiceUnavailable');
    isDown = false;
    expect(await statusOf(engine)).to.equal('TableNotExists');
  });
});
