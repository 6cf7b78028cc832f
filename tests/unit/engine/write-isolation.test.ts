import { expect } from 'chai';
import { parseProjectId, parseTableName } from '../../../magnetodb/engine/names.js';
import type { EngineOptions } from '../../../magnetodb/engine/options.js';
import type { Engine, TableDefinition, TableName } from '../../../magnetodb/engine/requests.js';
import {
  chooseWriteIsolation,
  malformedException,
  parseWriteIsolationExceptions,
} from '../../../magnetodb/engine/write-isolation.js';
import type { StorageDriver } from '../../../magnetodb/storage/driver.js';
import { eventually } from '../../support/eventually.js';
import { overriding } from '../../support/overriding.js';
import { TestEngines } from '../../support/test-engines.js';

const PROJECT = parseProjectId('alpha')!;
const NAME = parseTableName('events');

function chosen(exceptions: string, project: string, table: string): string {
  const rules = {
    writeIsolation: 'always' as const,
    writeIsolationExceptions: parseWriteIsolationExceptions(exceptions),
  };
  return chooseWriteIsolation(rules, parseProjectId(project)!, table);
}

describe('the choice of write isolation', () => {
  it('is the default where no exception matches', () => {
    expect(chosen('', 'alpha', 'events')).to.equal('always');
    expect(chosen('beta/events:forbid', 'alpha', 'events')).to.equal('always');
    expect(chosen('alpha/event:forbid', 'alpha', 'events')).to.equal('always');
  });

  it('is what the first exception that matches says', () => {
    const exceptions = 'alpha/log-kept:always, alpha/log-*:forbid ,*/log-kept:forbid';
    expect(chosen(exceptions, 'alpha', 'log-kept')).to.equal('always');
    expect(chosen(exceptions, 'alpha', 'log-other')).to.equal('forbid');
    expect(chosen(exceptions, 'beta', 'log-kept')).to.equal('forbid');
    expect(chosen(exceptions, 'beta', 'log-other')).to.equal('always');
  });

  // `*`: any characters or none, anywhere; the rest must be there, in this order, without overlap.
  it('takes a star for any characters', () => {
    const cases: [string, string, boolean][] = [
      ['*', 'abc', true],
      ['abc*', 'abc', true],
      ['*abc', 'xabc', true],
      ['a*c', 'abbc', true],
      ['a*c', 'abcd', false],
      ['a*b*c', 'aXbYbZc', true],
      ['*b*', 'abc', true],
      ['*x*', 'abc', false],
      ['ab*ba', 'aba', false],
      ['a**c', 'abc', true],
      ['a.c', 'abc', false],
    ];
    for (const [pattern, table, isMatch] of cases) {
      expect(chosen(`alpha/${pattern}:forbid`, 'alpha', table), pattern).to.equal(
        isMatch ? 'forbid' : 'always',
      );
    }
  });

  // A project's id has two spellings; the engine knows one.
  it('knows a project by either spelling of its id', () => {
    const id = '00112233445566778899aabbccddeeff';
    expect(chosen('00112233-4455-6677-8899-aabbccddeeff/*:forbid', id, 'events')).to.equal('forbid');
  });

  it('names the first malformed exception', () => {
    expect(malformedException('')).to.equal(undefined);
    expect(malformedException('a/b:forbid, */*:always')).to.equal(undefined);
    for (const bad of [
      '',
      'a',
      'a/b',
      'a/b:sometimes',
      '/b:forbid',
      'a/:forbid',
      'a/b/c:forbid',
      'a b/c:always',
    ]) {
      expect(malformedException(`a/b:forbid, ${bad}`), bad).to.equal(bad);
    }
  });
});

describe('a table with write_isolation forbid', () => {
  let driver: StorageDriver;
  const engines = new TestEngines({ jobPollMs: 10, tableCacheMs: 10 });

  beforeEach(async () => {
    driver = await engines.begin();
  });

  afterEach(() => engines.end());

  function open(options: Partial<EngineOptions> = {}, over = driver): Promise<Engine> {
    return engines.open(options, over);
  }

  async function create(engine: Engine, name: TableName = NAME): Promise<void> {
    const definition: TableDefinition = {
      name,
      attributes: new Map([['id', 'S']]),
      hashKey: 'id',
      indexes: [],
    };
    await engine.createTable(PROJECT, definition);
    await eventually(async () =>
      expect((await engine.describeTable(PROJECT, name)).status).to.equal('ACTIVE'),
    );
  }

  async function isUpdatable(engine: Engine, name: TableName = NAME): Promise<boolean> {
    const update = engine.updateItem(PROJECT, name, {
      key: new Map([['id', { type: 'S', value: 'a' }]]),
      updates: new Map(),
      expected: new Map(),
      returnValues: 'NONE',
    });
    return await update.then(
      () => true,
      (error: unknown) => {
        expect((error as Error).message).to.contain('write_isolation');
        return false;
      },
    );
  }

  // decisions: a changed configuration touches new tables only.
  it('keeps what it was created with', async () => {
    const forbidding = await open({ writeIsolation: 'forbid' });
    await create(forbidding);
    const allowing = await open();
    expect(await isUpdatable(allowing)).to.equal(false);
    const other = parseTableName('other');
    await create(allowing, other);
    expect(await isUpdatable(forbidding, other)).to.equal(true);
  });

  // The contract: a container is named with the kind that it was created with, by every call.
  it('has a plain container from its creation to its end, and any guard', async () => {
    const seen = new Set<string>();
    const watching = overriding(driver, {
      createContainer: (container) => {
        if (container.project !== '') seen.add(`create ${container.kind}`);
        return driver.createContainer(container);
      },
      write: (container, request) => {
        if (container.project !== '') seen.add(`write ${container.kind} ${request.guard.kind}`);
        return driver.write(container, request);
      },
      dropContainer: (container) => {
        seen.add(`drop ${container.kind}`);
        return driver.dropContainer(container);
      },
    });
    const engine = await open({ writeIsolation: 'forbid' }, watching);
    await create(engine);
    const key = new Map([['id', { type: 'S', value: 'a' } as const]]);
    const plain = { expected: new Map(), returnValues: 'NONE' } as const;
    await engine.putItem(PROJECT, NAME, { item: key, timeToLiveSeconds: 60, ...plain });
    await engine.deleteItem(PROJECT, NAME, { key, ...plain });
    await engine.deleteTable(PROJECT, NAME);
    await eventually(() =>
      expect([...seen].sort()).to.deep.equal(['create plain', 'drop plain', 'write plain any']),
    );
  });

  // Records of tables that were created before there was a choice have no such member.
  it('is none that the catalogue has no word about', async () => {
    const engine = await open({ writeIsolation: 'forbid', taskExecutor: false });
    const older = overriding(driver, {
      write: (container, request) =>
        driver.write(container, {
          ...request,
          mutations: request.mutations.map((mutation) => {
            if (mutation.kind === 'delete') return mutation;
            const record = JSON.parse(Buffer.from(mutation.value).toString()) as Record<string, unknown>;
            delete record.writeIsolation;
            return { ...mutation, value: Buffer.from(JSON.stringify(record)) };
          }),
        }),
    });
    const before = await open({ writeIsolation: 'forbid' }, older);
    await create(before);
    expect((await engine.describeTable(PROJECT, NAME)).writeIsolation).to.equal('always');
    expect(await isUpdatable(engine)).to.equal(true);
  });
});
