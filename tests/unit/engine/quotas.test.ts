import { expect } from 'chai';
import { parseProjectId, parseTableName } from '../../../magnetodb/engine/names.js';
import type { EngineOptions } from '../../../magnetodb/engine/options.js';
import type { Engine, ProjectId, TableDefinition } from '../../../magnetodb/engine/requests.js';
import type { StorageDriver } from '../../../magnetodb/storage/driver.js';
import { eventually } from '../../support/eventually.js';
import { overriding } from '../../support/overriding.js';
import { TestEngines } from '../../support/test-engines.js';

const ALPHA = parseProjectId('alpha')!;
const BETA = parseProjectId('beta')!;

function definition(name: string): TableDefinition {
  return { name: parseTableName(name), attributes: new Map([['id', 'S']]), hashKey: 'id', indexes: [] };
}

describe('quotas of tables', () => {
  let driver: StorageDriver;
  const engines = new TestEngines({ jobPollMs: 10, tableCacheMs: 0 });

  beforeEach(async () => {
    driver = await engines.begin();
  });

  afterEach(() => engines.end());

  function open(options: Partial<EngineOptions> = {}, over = driver): Promise<Engine> {
    return engines.open(options, over);
  }

  /** What became of a creation: `made`, or the code and the message of the refusal. */
  async function create(engine: Engine, project: ProjectId, name: string): Promise<string> {
    return await engine.createTable(project, definition(name)).then(
      () => 'made',
      (error: unknown) => `${(error as { code: string }).code}: ${(error as Error).message}`,
    );
  }

  async function tablesOf(engine: Engine, project: ProjectId): Promise<readonly string[]> {
    return (await engine.listTables(project, {})).names;
  }

  it('bound the tables of each project, and tell the limit', async () => {
    const engine = await open({ tablesPerProject: 2 });
    expect(await create(engine, ALPHA, 'one')).to.equal('made');
    expect(await create(engine, ALPHA, 'two')).to.equal('made');
    expect(await create(engine, ALPHA, 'three')).to.match(/^OverQuota: .*tables_per_project is 2$/);
    // The name that is taken is told before the quota that is full.
    expect(await create(engine, ALPHA, 'one')).to.match(/^TableAlreadyExists/);
    expect(await create(engine, BETA, 'one')).to.equal('made');
    expect(await tablesOf(engine, ALPHA)).to.deep.equal(['one', 'two']);
  });

  // A table in DELETING still lies in the store: it counts until it is gone.
  it('count a table until it is gone', async () => {
    let release: () => void = () => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const slow = overriding(driver, {
      dropContainer: async (container) => {
        await gate;
        await driver.dropContainer(container);
      },
    });
    const engine = await open({ tablesPerProject: 1 }, slow);
    await create(engine, ALPHA, 'one');
    await eventually(async () => {
      const { status } = await engine.describeTable(ALPHA, parseTableName('one'));
      expect(status).to.equal('ACTIVE');
    });
    await engine.deleteTable(ALPHA, parseTableName('one'));
    expect(await create(engine, ALPHA, 'two')).to.match(/^OverQuota/);
    release();
    await eventually(async () => expect(await create(engine, ALPHA, 'two')).to.equal('made'));
  });

  // The bound must hold between processes, which share nothing but the store.
  it('are exact when many processes create at the same time', async () => {
    const several = await Promise.all(Array.from({ length: 6 }, () => open({ tablesPerProject: 10 })));
    const answers = await Promise.all(
      Array.from({ length: 60 }, (_, at) => create(several[at % 6]!, ALPHA, `table-${at}`)),
    );
    expect(answers.filter((answer) => answer === 'made').length).to.equal(10);
    for (const answer of answers) expect(answer).to.match(/^(made|OverQuota.*)$/);
    expect((await tablesOf(several[0]!, ALPHA)).length).to.equal(10);
  });

  it('bound the tables of all projects together', async () => {
    const engine = await open({ tablesTotal: 3 });
    await create(engine, ALPHA, 'one');
    await create(engine, ALPHA, 'two');
    expect(await create(engine, BETA, 'one')).to.equal('made');
    expect(await create(engine, BETA, 'two')).to.match(/^OverQuota: .*tables_total is 3$/);
    expect(await create(engine, ALPHA, 'three')).to.match(/^OverQuota/);
  });

  // The driver bounds a page by bytes, so that counting goes on from page to page.
  it('count all tables over pages, however short', async () => {
    const short = overriding(driver, {
      scan: (container, request) => driver.scan(container, { ...request, limit: Math.min(2, request.limit) }),
    });
    const engine = await open({ tablesTotal: 7 }, short);
    for (let at = 0; at < 7; at += 1) {
      expect(await create(engine, parseProjectId(`project-${at % 3}`)!, `table-${at}`)).to.equal('made');
    }
    expect(await create(engine, ALPHA, 'another')).to.match(/^OverQuota/);
  });

  it('are none where the limits are 0', async () => {
    const engine = await open({ tablesPerProject: 0, tablesTotal: 0 });
    const answers = await Promise.all(
      Array.from({ length: 120 }, (_, at) => create(engine, ALPHA, `table-${at}`)),
    );
    expect(new Set(answers)).to.deep.equal(new Set(['made']));
  });

  // A store that was filled before there were quotas has rows of tables, but none of projects.
  it('hold on a store that has no record of its projects', async () => {
    const older = overriding(driver, {
      write: (container, request) => {
        const mutations = request.mutations.filter((mutation) => mutation.key.index === '');
        return driver.write(container, { ...request, mutations, guard: { kind: 'any' } });
      },
    });
    const before = await open({ taskExecutor: false }, older);
    await create(before, ALPHA, 'one');
    await create(before, ALPHA, 'two');
    const engine = await open({ tablesPerProject: 3 });
    expect(await create(engine, ALPHA, 'one')).to.match(/^TableAlreadyExists/);
    expect(await create(engine, ALPHA, 'three')).to.equal('made');
    expect(await create(engine, ALPHA, 'four')).to.match(/^OverQuota/);
    expect(await tablesOf(engine, ALPHA)).to.deep.equal(['one', 'three', 'two']);
  });
});
