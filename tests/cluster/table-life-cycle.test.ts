/**
 * The life of tables over a real Cassandra node and several processes, any of which may be killed at any moment.
 */
import type { Client } from 'cassandra-driver';
import { expect } from 'chai';
import { Catalogue } from '../../magnetodb/engine/catalogue.js';
import { createEngine } from '../../magnetodb/engine/engine.js';
import type { EngineOptions } from '../../magnetodb/engine/options.js';
import type { Engine } from '../../magnetodb/engine/requests.js';
import { silentLogger } from '../../magnetodb/logging/logger.js';
import type { StorageDriver } from '../../magnetodb/storage/driver.js';
import { startCluster, type Cluster } from '../../tools/cassandra/cluster.js';
import { Client as ApiClient, tableBody } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { expectFault } from '../support/faults.js';
import { overriding } from '../support/overriding.js';
import { refusedStart, startApiServer, type ApiServer } from './table-life-cycle/api-server.js';
import {
  connect,
  containersOf,
  newDeployment,
  openDeployment,
  schemaRows,
  type Deployment,
} from './table-life-cycle/deployment.js';
import type { Death } from './table-life-cycle/dying-driver.js';
import type { ChildSettings } from './table-life-cycle/engine-child.js';
import { EngineProcess, RemoteError, type Fate } from './table-life-cycle/engine-process.js';
import { answer, definitionOf, projectOf, textOf, type Place } from './table-life-cycle/questions.js';
import { itemName, type KeyType, type LoadRecord } from './table-life-cycle/stale-load.js';

const CLUSTER_START_MS = 300_000;
const TEST_MS = 120_000;
/** How long a table's job may take on a machine that does a lot besides, in milliseconds. */
const JOB_MS = 60_000;
/** For how long a process that is killed has claimed its job, in milliseconds. */
const SHORT_LEASE_MS = 1_500;
/** More than a job that does not fit its table is left alone for, in milliseconds. */
const ORPHAN_MS = 61_000;

function silent(): void {
  // What goes on is of no interest here.
}

describe('the life cycle of tables on Cassandra', function () {
  this.timeout(TEST_MS);
  let cluster: Cluster;
  let cassandra: Client;
  let deployment: Deployment;
  /** Opened on the deployment, in this process. */
  let driver: StorageDriver;
  const engines: Engine[] = [];
  const processes: EngineProcess[] = [];
  const servers: ApiServer[] = [];
  let projects = 0;

  before(async function () {
    this.timeout(CLUSTER_START_MS);
    cluster = await startCluster({ nodes: 1, log: silent });
    cassandra = await connect(cluster);
  });

  after(async () => {
    await cassandra.shutdown();
    await cluster.stop();
  });

  beforeEach(async () => {
    deployment = newDeployment(cluster);
    driver = await openDeployment(deployment);
  });

  afterEach(async () => {
    await Promise.all(processes.splice(0).map((one) => one.stop()));
    await Promise.all(servers.splice(0).map((one) => one.stop()));
    await Promise.all(engines.splice(0).map((engine) => engine.close()));
    await driver.close();
    // Each table takes memory of the node until it goes.
    const { rows } = await cassandra.execute('SELECT keyspace_name FROM system_schema.keyspaces');
    for (const name of rows.map((row) => String(row.keyspace_name))) {
      if (name.startsWith(deployment.prefix)) await cassandra.execute(`DROP KEYSPACE ${name}`);
    }
  });

  /** An engine in this process. */
  async function open(options: Partial<EngineOptions> = {}, over = driver): Promise<Engine> {
    const engine = await createEngine({
      driver: over,
      logger: silentLogger,
      options: { jobPollMs: 20, tableCacheMs: 100, ...options },
    });
    engines.push(engine);
    return engine;
  }

  /** An engine in another process. */
  async function launch(
    engine: Partial<EngineOptions> = {},
    settings: Omit<ChildSettings, 'engine'> = {},
  ): Promise<EngineProcess> {
    const options = { jobPollMs: 20, tableCacheMs: 100, ...engine };
    const child = new EngineProcess(deployment.env, { engine: options, ...settings });
    processes.push(child);
    return await child.ready();
  }

  function newProject(): string {
    projects += 1;
    return `project-${projects}`;
  }

  function newPlaces(count: number, project = newProject()): Place[] {
    return Array.from({ length: count }, (_, index) => ({ project, table: `table-${index}` }));
  }

  async function waitForStatus(status: string, engine: Engine, places: readonly Place[]): Promise<void> {
    for (const place of places) {
      await eventually(async () => {
        expect(await answer(engine, { ...place, ask: 'status' }), place.table).to.equal(status);
      }, JOB_MS);
    }
  }

  async function waitForNoJobs(): Promise<void> {
    const catalogue = new Catalogue(driver);
    await eventually(async () => expect(await catalogue.listJobs()).to.be.empty, JOB_MS);
  }

  async function create(engine: Engine, place: Place): Promise<string> {
    const made = await answer(engine, { ...place, ask: 'create' });
    return (made as { id: string }).id;
  }

  /** An engine that makes and drops no tables itself, and has some whose jobs are there to be done. */
  async function withJobs(
    kind: 'create' | 'delete',
    places: readonly Place[],
  ): Promise<{ engine: Engine; ids: string[] }> {
    const engine = await open({ taskExecutor: false, tableCacheMs: 0 });
    const ids: string[] = [];
    for (const place of places) ids.push(await create(engine, place));
    if (kind === 'delete') {
      const executing = await open();
      await waitForStatus('ACTIVE', engine, places);
      await waitForNoJobs();
      await executing.close();
      for (const place of places) await answer(engine, { ...place, ask: 'delete' });
    }
    return { engine, ids };
  }

  describe('of one process', () => {
    // DESIGN: create and delete write the intent and return; a client waits for the end by asking.
    it('answers create and delete before the schema is changed', async () => {
      const calls: string[] = [];
      let open1: () => void = () => undefined;
      const closed = (): Promise<void> => new Promise((resolve) => (open1 = resolve));
      let gate = closed();
      const gated = overriding(driver, {
        createContainer: async (container) => {
          if (container.project !== '') {
            calls.push('create');
            await gate;
          }
          await driver.createContainer(container);
        },
        dropContainer: async (container) => {
          calls.push('drop');
          await gate;
          await driver.dropContainer(container);
        },
      });
      const engine = await open({}, gated);
      const place = newPlaces(1)[0]!;

      expect(await answer(engine, { ...place, ask: 'create' })).to.include({ status: 'CREATING' });
      await eventually(() => expect(calls).to.deep.equal(['create']));
      expect(await answer(engine, { ...place, ask: 'status' })).to.equal('CREATING');
      expect(await containersOf(cassandra, deployment)).to.deep.equal([]);
      open1();
      await waitForStatus('ACTIVE', engine, [place]);
      expect(await containersOf(cassandra, deployment)).to.have.lengthOf(1);

      gate = closed();
      expect(await answer(engine, { ...place, ask: 'delete' })).to.include({ status: 'DELETING' });
      await eventually(() => expect(calls).to.deep.equal(['create', 'drop']));
      expect(await answer(engine, { ...place, ask: 'status' })).to.equal('DELETING');
      expect(await containersOf(cassandra, deployment)).to.have.lengthOf(1);
      open1();
      await waitForStatus('TableNotExists', engine, [place]);
      expect(await containersOf(cassandra, deployment)).to.deep.equal([]);
      await waitForNoJobs();
    });
  });

  describe('whose process is killed', () => {
    /** Starts a process that does one table's job, and dies on the way. */
    async function fateOf(death: Death): Promise<Fate> {
      const options = { leaseMs: SHORT_LEASE_MS, jobPollMs: 20, tableCacheMs: 0 };
      const child = new EngineProcess(deployment.env, { engine: options, death });
      processes.push(child);
      const fate = await child.fate();
      await child.stop();
      return fate;
    }

    /**
     * Lets processes do a job each and die at the first of their driver's calls, the second, and so on, two of them at
     * a time, until one lives.
     * @returns the calls of that one.
     */
    async function dieAtEachCall(
      moment: 'before' | 'after',
      ids: readonly string[],
    ): Promise<readonly string[]> {
      let through: readonly string[] | undefined;
      let call = 0;
      const work = async (): Promise<void> => {
        while (through === undefined) {
          call += 1;
          const onlyJobsOf = ids[call - 1];
          if (onlyJobsOf === undefined) throw new Error('a job takes more calls than there are tables');
          const fate = await fateOf({ call, moment, onlyJobsOf });
          if (!fate.isDead) through = fate.calls;
        }
      };
      await Promise.all([work(), work()]);
      return through ?? [];
    }

    /** Lets another process finish, and checks that all is as if nobody had died. */
    async function expectRecovery(
      kind: 'create' | 'delete',
      engine: Engine,
      places: readonly Place[],
      ids: readonly string[],
    ): Promise<void> {
      const survivor = await launch({ leaseMs: 10_000 });
      await waitForStatus(kind === 'create' ? 'ACTIVE' : 'TableNotExists', engine, places);
      await waitForNoJobs();
      expect(await containersOf(cassandra, deployment)).to.deep.equal(
        kind === 'create' ? [...ids].sort() : [],
      );
      if (kind === 'delete') return;
      for (const place of places) {
        await survivor.ask({ ...place, ask: 'put', id: 'a', value: place.table });
        expect(await answer(engine, { ...place, ask: 'get', id: 'a' })).to.equal(place.table);
      }
    }

    const TABLES = 9;

    for (const kind of ['create', 'delete'] as const) {
      for (const moment of ['before', 'after'] as const) {
        // A lease that has run out is all that is left of a dead process; each of its steps can be repeated.
        it(`goes on where it died, ${moment} any step of a ${kind} job`, async () => {
          const places = newPlaces(TABLES);
          const { engine, ids } = await withJobs(kind, places);
          const calls = await dieAtEachCall(moment, ids);
          expect(calls).to.include.members([
            'range',
            'get',
            kind === 'create' ? 'createContainer' : 'dropContainer',
            'write',
          ]);
          await expectRecovery(kind, engine, places, ids);
        });
      }

      // A change of the schema takes a while: keyspace, table, the wait for the nodes to agree.
      it(`goes on where it died in the middle of a ${kind} job's change of the schema`, async () => {
        const laters = [1, 20, 60, 150];
        // New projects, so that keyspaces are made, too.
        const places = laters.map(() => newPlaces(1)[0]!);
        const { engine, ids } = await withJobs(kind, places);
        const from = kind === 'create' ? 'createContainer' : 'dropContainer';
        const deaths = laters.map((laterMs, index) =>
          fateOf({ call: 1, from, moment: { laterMs }, onlyJobsOf: ids[index]! }),
        );
        await Promise.all(deaths);
        await expectRecovery(kind, engine, places, ids);
      });
    }

    /**
     * Lets processes die while they answer a request each, after the first of their driver's calls, the second, and so
     * on, two at a time, until one answers.
     * @returns how many have died.
     */
    async function dieWhileAnswering(ask: 'create' | 'delete', places: readonly Place[]): Promise<number> {
      let died = 0;
      let isAnswered = false;
      let call = 0;
      const work = async (): Promise<void> => {
        while (!isAnswered) {
          call += 1;
          const place = places[call - 1];
          if (place === undefined) throw new Error(`${ask} takes more calls than there are tables`);
          const death: Death = { call, moment: 'after' };
          const child = await launch({ taskExecutor: false, tableCacheMs: 0 }, { death });
          await child.ask({ ...place, ask }).then(
            () => {
              isAnswered = true;
            },
            (error: unknown) => {
              if (error instanceof RemoteError) throw error;
              died += 1;
            },
          );
        }
      };
      await Promise.all([work(), work()]);
      return died;
    }

    // The request writes the job before the table's record: neither may stay without the other.
    it('leaves nothing behind where it died while it answered create or delete', async () => {
      const engine = await open({ taskExecutor: false, tableCacheMs: 0 });
      const created = newPlaces(TABLES);
      expect(await dieWhileAnswering('create', created)).to.be.at.least(3);
      const deleted = newPlaces(5);
      for (const place of deleted) await create(engine, place);
      const executing = await open();
      await waitForStatus('ACTIVE', engine, deleted);
      await executing.close();
      expect(await dieWhileAnswering('delete', deleted)).to.be.at.least(2);

      await launch({}, { clockAheadMs: ORPHAN_MS });
      await waitForNoJobs();
      const ids: string[] = [];
      for (const { project, table } of [...created, ...deleted]) {
        const description = await engine
          .describeTable(projectOf(project), definitionOf(table).name)
          .catch(() => undefined);
        if (description === undefined) continue;
        expect(description.status, table).to.equal('ACTIVE');
        ids.push(description.id);
      }
      expect(await containersOf(cassandra, deployment)).to.deep.equal(ids.sort());
      // Whatever became of them, they can be deleted, and names that are free can be used.
      for (const place of [...created.slice(-3), ...deleted.slice(-3)]) {
        const status = await answer(engine, { ...place, ask: 'status' });
        if (status === 'ACTIVE') await answer(engine, { ...place, ask: 'delete' });
        else await create(engine, place);
      }
      await waitForNoJobs();
    });
  });

  describe('shared by four processes', () => {
    // Leases keep two processes from doing one job; keyspaces and tables made at the same moment must not collide.
    it('makes and drops each of twenty tables once, and lets every process use them', async () => {
      // All start on an empty cluster, so they make the service's own keyspace at once, too.
      const four = await Promise.all(Array.from({ length: 4 }, () => launch({ tableCacheMs: 200 })));
      const places = [...newPlaces(8), ...Array.from({ length: 6 }, () => newPlaces(2)).flat()];
      const asked = await Promise.all(
        places.map((place, index) => four[index % 4]!.ask({ ...place, ask: 'create' })),
      );
      const ids = asked.map((made) => (made as { id: string; status: string }).id).sort();
      const looking = await open({ taskExecutor: false });
      await waitForStatus('ACTIVE', looking, places);
      await waitForNoJobs();
      expect(four.flatMap(({ created }) => created).sort()).to.deep.equal(ids);
      expect(await containersOf(cassandra, deployment)).to.deep.equal(ids);

      await Promise.all(
        places.map(async (place, index) => {
          const name = `${place.project}/${place.table}`;
          for (let turn = 0; turn < 4; turn += 1) {
            const writer = four[(index + turn) % 4]!;
            const reader = four[(index + turn + 1) % 4]!;
            const value = `${name} ${turn}`;
            await writer.ask({ ...place, ask: 'put', id: 'a', value });
            expect(await reader.ask({ ...place, ask: 'get', id: 'a' })).to.equal(value);
          }
        }),
      );

      await Promise.all(
        places.map((place, index) => four[(index + 1) % 4]!.ask({ ...place, ask: 'delete' })),
      );
      await waitForStatus('TableNotExists', looking, places);
      await waitForNoJobs();
      expect(four.flatMap(({ dropped }) => dropped).sort()).to.deep.equal(ids);
      expect(await containersOf(cassandra, deployment)).to.deep.equal([]);
    });
  });

  describe('dropped and created again elsewhere', () => {
    const TABLE_CACHE_MS = 500;
    const GENERATIONS = 3;
    /** What a client may be told while a table goes and comes. */
    const DOCUMENTED = new Set([
      'ok',
      'TableNotExists',
      'Validation',
      'ServiceUnavailable',
      'OutcomeUnknown',
    ]);
    /** A refusal of what fits the table is wrong, one for these reasons is not. */
    const UNDECIDED = new Set(['ServiceUnavailable', 'OutcomeUnknown']);

    /** One life of the table, between the moments at which it was surely there. */
    interface Generation {
      readonly keyType: KeyType;
      readonly createAskedMs: number;
      readonly activeMs: number;
      readonly scannedMs: number;
      readonly deleteAskedMs: number;
      readonly items: ReadonlySet<string>;
    }

    async function itemsOf(engine: Engine, { project, table }: Place): Promise<Set<string>> {
      const names = new Set<string>();
      const request = { filter: new Map(), segment: 0, totalSegments: 1 };
      for await (const { items } of engine.scan(projectOf(project), table, request)) {
        for (const { item } of items) {
          const { type = '' } = item.get('id') ?? {};
          names.add(`${type}:${textOf(item, 'id') ?? ''}`);
        }
      }
      return names;
    }

    function checkLife(records: readonly LoadRecord[], generation: Generation): void {
      const { keyType, createAskedMs, activeMs, scannedMs, deleteAskedMs, items } = generation;
      const writtenBefore = new Set(
        records
          .filter(
            ({ kind, outcome, endedMs }) => kind === 'write' && outcome === 'ok' && endedMs < createAskedMs,
          )
          .map(({ item }) => item!),
      );
      const during = records.filter(({ beganMs, endedMs }) => beganMs > activeMs && endedMs < deleteAskedMs);
      const fitting = during.filter((record) => record.keyType === keyType);
      expect(fitting.filter(({ outcome }) => outcome === 'ok').length).to.be.greaterThan(10);

      // What fits the new table is carried out on it, whatever this process knew of the old one.
      expect(fitting.filter(({ outcome }) => outcome !== 'ok' && !UNDECIDED.has(outcome))).to.deep.equal([]);
      // What fits the old one is refused.
      const strangers = during.filter(
        (record) => record.keyType !== keyType && record.operation !== 'scan' && record.outcome === 'ok',
      );
      expect(strangers).to.deep.equal([]);

      const isOld = (name: string): boolean =>
        !name.startsWith(itemName(keyType, '')) || writtenBefore.has(name);
      expect(during.filter(({ seen }) => seen.some(isOld))).to.deep.equal([]);
      expect([...items].filter(isOld)).to.deep.equal([]);

      const acknowledged = fitting.filter(({ kind, outcome }) => kind === 'write' && outcome === 'ok');
      const lost = acknowledged.filter(({ item, endedMs }) => endedMs < scannedMs && !items.has(item!));
      expect(lost).to.deep.equal([]);
      const written = new Map(acknowledged.map(({ item, endedMs }) => [item, endedMs]));
      const unseen = fitting.filter(
        ({ kind, operation, item, seen, beganMs, outcome }) =>
          kind === 'read' &&
          operation !== 'scan' &&
          outcome === 'ok' &&
          (written.get(item) ?? Infinity) < beganMs &&
          !seen.includes(item!),
      );
      expect(unseen).to.deep.equal([]);
    }

    // decisions: a table in DELETING is dropped only when no process takes it for ACTIVE any more, and its container is
    // never used again.
    it('is never served from what another process remembers of it', async () => {
      const engine = await open({ tableCacheMs: TABLE_CACHE_MS });
      const other = await launch({ tableCacheMs: TABLE_CACHE_MS });
      const place = newPlaces(1)[0]!;
      await other.startLoad(place);
      const generations: Generation[] = [];
      for (let count = 0; count < GENERATIONS; count += 1) {
        const keyType = count % 2 === 0 ? 'S' : 'N';
        const createAskedMs = Date.now();
        await answer(engine, { ...place, ask: 'create', keyType });
        await waitForStatus('ACTIVE', engine, [place]);
        const activeMs = Date.now();
        // The other process has looked the table up, and maybe looked it up again.
        await eventually(() => expect(Date.now() - activeMs).to.be.greaterThan(3 * TABLE_CACHE_MS));
        const scannedMs = Date.now();
        const items = await itemsOf(engine, place);
        const deleteAskedMs = Date.now();
        await answer(engine, { ...place, ask: 'delete' });
        await waitForStatus('TableNotExists', engine, [place]);
        generations.push({ keyType, createAskedMs, activeMs, scannedMs, deleteAskedMs, items });
      }
      const records = await other.stopLoad();

      expect(records.filter(({ outcome }) => !DOCUMENTED.has(outcome))).to.deep.equal([]);
      const refusals = new Set(
        records.filter(({ outcome }) => outcome === 'Validation').map(({ message }) => message),
      );
      for (const message of refusals) expect(message).to.match(/isn't ACTIVE$|match table schema/);
      for (const generation of generations) checkLife(records, generation);
    });
  });

  describe('of any name', () => {
    const LONGEST = 255;
    const TABLES = [
      ...['abc', 'ABC', 'Abc', 'abd', 'ab.', 'ab-', 'ab_', '...', '---', '___', '000'],
      ...['x', 'y', 'X', '.', '-'].map((last) => 'a'.repeat(LONGEST - 1) + last),
      // What CQL would read, or what the service itself calls its tables.
      ...['select', 'SELECT', 'table', 'null', 't.drop-table', 'system_schema.tables', 'settings'],
      ...['t_00000000000010008000000000000001', '--select', '..catalogue'],
    ];
    const HEXADECIMAL = '0123456789abcdef0123456789abcdef';
    const PROJECTS = [
      ...['alpha', 'Alpha', 'ALPHA', 'al-pha', 'al_pha', '-alpha', 'alpha-', 'select', 'system', '-', '_'],
      ...[HEXADECIMAL, HEXADECIMAL.toUpperCase(), `${HEXADECIMAL.slice(1)}-`, `${HEXADECIMAL}0`],
      ...[`${HEXADECIMAL}${HEXADECIMAL}`, `${HEXADECIMAL}${HEXADECIMAL.slice(1)}f`.slice(0, 63) + 'e'],
    ];
    const TABLE = 'kept-by-project';

    /** Puts an item into each of the tables, and expects to find each in its own and no other. */
    async function expectOwnData(engine: Engine, places: readonly Place[]): Promise<void> {
      await Promise.all(places.map((place) => create(engine, place)));
      await waitForStatus('ACTIVE', engine, places);
      const nameOf = ({ project, table }: Place): string => `${project}/${table}`;
      for (const place of places) {
        await answer(engine, { ...place, ask: 'put', id: 'a', value: nameOf(place) });
        await answer(engine, { ...place, ask: 'put', id: nameOf(place), value: '' });
      }
      for (const place of places) {
        expect(await answer(engine, { ...place, ask: 'get', id: 'a' })).to.equal(nameOf(place));
        const found: (string | undefined)[] = [];
        const request = { filter: new Map(), segment: 0, totalSegments: 1 };
        for await (const { items } of engine.scan(projectOf(place.project), place.table, request)) {
          found.push(...items.map(({ item }) => textOf(item, 'id')));
        }
        expect(found).to.have.members(['a', nameOf(place)]);
      }
    }

    /** Looks whether Cassandra's description of the deployment holds nothing but the service's own names. */
    async function expectOwnNames(): Promise<void> {
      const keyspace = new RegExp(`^${deployment.prefix}_(system|p_${HEXADECIMAL}|h_[0-9a-f]{32})$`);
      const rows = await schemaRows(cassandra, deployment);
      expect(rows).not.to.be.empty;
      for (const row of rows) {
        const { keyspace_name, table_name, column_name, ...others } = row;
        expect(keyspace_name).to.match(keyspace);
        if (table_name !== undefined) expect(table_name).to.match(/^(t_[0-9a-f]{32}|settings)$/);
        if (column_name !== undefined) {
          expect(column_name).to.be.oneOf(['h', 'ix', 'ik', 'r', 'v', 'x', 'g', 'item', 'name', 'value']);
        }
        const rest = JSON.stringify(others);
        for (const name of [...TABLES, ...PROJECTS, TABLE]) {
          if (name.length >= 30) expect(rest).not.to.include(name);
        }
        if ('comment' in others) expect(others.comment).to.equal('');
      }
    }

    // DESIGN: what something is called never reaches CQL text; keyspaces and tables are named by ids and hashes.
    it('has its own data in one project, whatever its name looks like', async () => {
      const project = newProject();
      const engine = await open();
      await expectOwnData(
        engine,
        TABLES.map((table) => ({ project, table })),
      );
      const listed = await engine.listTables(projectOf(project), {});
      expect(listed.names).to.have.members(TABLES);
      await expectOwnNames();
    });

    it('has its own data in each project, however alike their ids are', async () => {
      const engine = await open();
      await expectOwnData(
        engine,
        PROJECTS.map((project) => ({ project, table: TABLE })),
      );
      // decisions: dashes are ignored where 32 hexadecimal digits remain, as Keystone shows an id in both spellings.
      const dashed = HEXADECIMAL.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-');
      const value = await answer(engine, { project: dashed, table: TABLE, ask: 'get', id: 'a' });
      expect(value).to.equal(`${HEXADECIMAL}/${TABLE}`);
      await expectOwnNames();
    });

    it('keeps indexes and attributes apart whose names are alike, or longest, or words of CQL', async () => {
      const engine = await open();
      const project = projectOf(newProject());
      const longest = (last: string): string => 'i'.repeat(LONGEST - 1) + last;
      const attributes = ['id', 'ID', 'iD', 'h', 'ix', 'item', 'v', 'select', 'a.b-c', 'a.b_c', '-', '.'];
      const [hashKey, rangeKey, ...ranges] = [...attributes, longest('x'), longest('y')] as [string, string];
      const indexNames = ['abc', 'ABC', 'Abc', 'select', longest('x'), longest('y'), longest('X')];
      const all = [hashKey, rangeKey, ...ranges];
      const indexes = indexNames.map((name, index) => ({
        name,
        hashKey,
        rangeKey: (ranges as string[]).at(-1 - index)!,
        projection: { type: 'ALL' } as const,
      }));
      const { name } = definitionOf('of-many-indexes');
      await engine.createTable(project, {
        name,
        attributes: new Map(all.map((attribute) => [attribute, 'S'])),
        hashKey,
        rangeKey,
        indexes,
      });
      await waitForStatus('ACTIVE', engine, [{ project, table: name }]);
      // Each attribute's value is its name, and each index finds the item by its own attribute's.
      const item = new Map(all.map((attribute) => [attribute, { type: 'S', value: attribute } as const]));
      await engine.putItem(project, name, { item, expected: new Map(), returnValues: 'NONE' });
      for (const index of indexes) {
        for (const attribute of all.slice(2)) {
          const equals = (value: string) => ({ operator: 'EQ', values: [{ type: 'S', value }] }) as const;
          const pages = engine.query(project, name, {
            indexName: index.name,
            keyConditions: new Map([
              [hashKey, equals(hashKey)],
              [index.rangeKey, equals(attribute)],
            ]),
            consistentRead: true,
            forward: true,
          });
          const found: Map<string, unknown>[] = [];
          for await (const { items } of pages) found.push(...items.map((one) => new Map(one.item)));
          if (attribute === index.rangeKey) expect(found).to.deep.equal([item]);
          else expect(found).to.deep.equal([]);
        }
      }
      await expectOwnNames();
      const rows = JSON.stringify(await schemaRows(cassandra, deployment));
      expect(rows).not.to.match(/of-many-indexes|iiii|a\.b/);
    });
  });

  describe('over HTTP', () => {
    const SHAPE = { attributes: { id: 'S' } };
    const SERVERS = 4;

    async function serve(count: number, env: Record<string, string>): Promise<ApiServer[]> {
      const started = await Promise.all(
        Array.from({ length: count }, async () => {
          const server = await startApiServer({ ...deployment.env, ...env });
          servers.push(server);
          return server;
        }),
      );
      return started;
    }

    // decisions: 403, type OverQuota. Exact for a project; of the whole deployment the limit may be passed by what is
    // created at the same moment, so that one is asked when it has been reached.
    it('is refused to a project, and to all, beyond their quotas, by four processes at once', async () => {
      const [perProject, total] = [5, 8];
      const four = await serve(SERVERS, {
        MAGNETODB_LIMITS_TABLES_PER_PROJECT: String(perProject),
        MAGNETODB_LIMITS_TABLES_TOTAL: String(total),
        MAGNETODB_TABLES_JOB_POLL_INTERVAL: '0.05',
        MAGNETODB_TABLES_TABLE_CACHE_TIME: '0.1',
      });
      const project = newProject();
      const createAtOnce = (count: number, projectOfIndex: (index: number) => string) =>
        Promise.all(
          Array.from({ length: count }, (_, index) =>
            new ApiClient(four[index % SERVERS]!.url, projectOfIndex(index)).post(
              '/tables',
              tableBody(`table-${index}`, SHAPE),
            ),
          ),
        );

      const answers = await createAtOnce(3 * SERVERS, () => project);
      const made = answers.filter(({ status }) => status === 200);
      expect(made.length).to.equal(perProject);
      for (const refused of answers.filter(({ status }) => status !== 200)) {
        expectFault(refused, 403, 'OverQuota', /tables_per_project is 5/);
      }
      const client = new ApiClient(four[0]!.url, project);
      const { tables = [] } = (await client.get('/tables')).body;
      expect(tables.length).to.equal(perProject);
      for (const { body } of made) await client.waitUntilActive(body.table_description!.table_name);

      for (let count = perProject; count < total; count += 1) {
        await new ApiClient(four[count % SERVERS]!.url, `${project}-${count}`).createTable('one', SHAPE);
      }
      for (const refused of await createAtOnce(2 * SERVERS, (index) => `${project}-new-${index}`)) {
        expectFault(refused, 403, 'OverQuota', /tables_total is 8/);
      }
      const name = made[0]!.body.table_description!.table_name;
      await client.send('DELETE', `/tables/${name}`);
      await client.waitUntilGone(name);
      await new ApiClient(four[1]!.url, project).createTable('another', SHAPE);
      expectFault(await client.post('/tables', tableBody('beyond', SHAPE)), 403, 'OverQuota');
      expect(await containersOf(cassandra, deployment)).to.have.lengthOf(total);
    });

    // Processes of both settings would not exclude each other: their compare-and-sets could both be applied.
    it('refuses to start with another serial consistency than the deployment has', async () => {
      await open();
      const { exitCode, output } = await refusedStart({
        ...deployment.env,
        MAGNETODB_CASSANDRA_SERIAL_CONSISTENCY: 'SERIAL',
      });
      expect(output).to.match(/^magnetodb-api-server: .*serial_consistency LOCAL_SERIAL.* SERIAL$/m);
      expect(exitCode).to.equal(1);
    });

    it('refuses to start for a data centre that the cluster does not have', async () => {
      const { exitCode, output } = await refusedStart({
        ...deployment.env,
        MAGNETODB_CASSANDRA_LOCAL_DATA_CENTER: 'elsewhere',
      });
      expect(output).to.match(/^magnetodb-api-server: .*localDataCenter .*'elsewhere'.*\[datacenter1\]$/m);
      expect(exitCode).to.equal(1);
    });
  });
});

describe('a Cassandra cluster with passwords and TLS', function () {
  this.timeout(TEST_MS);
  let cluster: Cluster;
  let deployment: Deployment;

  before(async function () {
    this.timeout(CLUSTER_START_MS);
    cluster = await startCluster({ nodes: 1, auth: true, tls: true, log: silent });
    deployment = newDeployment(cluster);
  });

  after(async () => {
    await cluster.stop();
  });

  it('serves a process that has the options for it', async () => {
    const server = await startApiServer(deployment.env);
    try {
      const client = new ApiClient(server.url, 'project');
      await client.createTable('readings', { attributes: { id: 'S' } });
      await client.put('readings', { id: { S: 'a' } });
      expect(await client.getItem('readings', { id: { S: 'a' } })).to.deep.equal({ id: { S: 'a' } });
    } finally {
      await server.stop();
    }
  });

  // An operator reads why; nobody reads the password.
  it('refuses a wrong password, and does not tell it', async () => {
    const secret = 'not-the-password';
    const { exitCode, output } = await refusedStart({
      ...deployment.env,
      MAGNETODB_CASSANDRA_PASSWORD: secret,
    });
    expect(output).to.match(
      /^magnetodb-api-server: Cassandra refuses \[cassandra\] username and password: .*incorrect$/m,
    );
    expect(output).not.to.contain(secret);
    expect(exitCode).to.equal(1);
  });

  // The password goes to no server that nobody vouches for; what does not answer may do so later.
  it('answers 503 where it does not trust the nodes', async () => {
    const server = await startApiServer({
      ...deployment.env,
      MAGNETODB_CASSANDRA_TLS_CA_FILE: '',
      MAGNETODB_CASSANDRA_CONNECT_TIMEOUT: '5',
    });
    try {
      const answered = await new ApiClient(server.url, 'project').get('/tables');
      expectFault(answered, 503, 'ServiceUnavailable');
      expect(server.log()).to.match(/Cassandra does not answer.*self-signed certificate/);
    } finally {
      await server.stop();
    }
  });
});
