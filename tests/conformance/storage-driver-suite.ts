/**
 * The storage contract (magnetodb/storage/driver.ts) in executable form: every driver, and every wrapper around one,
 * runs all of it.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { setImmediate as nextTurn, setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import fc from 'fast-check';
import {
  MAX_INDEX_NAME_LENGTH,
  MAX_KEY_BYTES,
  MAX_PARTITION_BYTES,
  MAX_WRITE_BYTES,
  containerId,
  writeSizeBytes,
  type Container,
  type ContainerKind,
  type Guard,
  type Mutation,
  type RangeRequest,
  type Row,
  type RowKey,
  type ScanRequest,
  type StorageDriver,
  type WriteRequest,
} from '../../magnetodb/storage/driver.js';
import { ContainerNotFoundError } from '../../magnetodb/storage/errors.js';
import { newVersion } from '../../magnetodb/storage/versions.js';
import { PartitionModel, allPages } from './rows-model.js';

const NOTHING = new Uint8Array(0);
const ANY: Guard = { kind: 'any' };

/** A text as bytes, or bytes as they are. */
function bytes(from: string | readonly number[]): Buffer {
  return typeof from === 'string' ? Buffer.from(from) : Buffer.from(from);
}

/** A base row's key. */
export function baseKey(sortKey: string | Uint8Array): RowKey {
  return { index: '', indexKey: NOTHING, sortKey: typeof sortKey === 'string' ? bytes(sortKey) : sortKey };
}

/** An index row's key. */
export function indexKey(
  index: string,
  ofIndex: string | Uint8Array,
  sortKey: string | Uint8Array = NOTHING,
): RowKey {
  return {
    index,
    indexKey: typeof ofIndex === 'string' ? bytes(ofIndex) : ofIndex,
    sortKey: typeof sortKey === 'string' ? bytes(sortKey) : sortKey,
  };
}

/** A mutation that puts a text. */
export function put(key: RowKey, value: string | Uint8Array = 'value', expiresAtMs?: number): Mutation {
  const stored = typeof value === 'string' ? bytes(value) : value;
  return { kind: 'put', key, value: stored, ...(expiresAtMs === undefined ? {} : { expiresAtMs }) };
}

/** A new container's id, its owner and its kind. */
export function newContainer(project = '', kind: ContainerKind = 'guarded'): Container {
  return { id: containerId(randomUUID()), project, kind };
}

function newPartition(): Buffer {
  return randomBytes(16);
}

function texts(rows: readonly Row[]): string[] {
  return rows.map((row) => Buffer.from(row.key.sortKey).toString('latin1'));
}

/** A row with its bytes as hexadecimal texts, so that chai compares and shows them well. */
function plain(row: Row | undefined): unknown {
  if (row === undefined) return undefined;
  const hex = (part: Uint8Array): string => Buffer.from(part).toString('hex');
  const { key, version, value, ...rest } = row;
  return {
    index: key.index,
    indexKey: hex(key.indexKey),
    sortKey: hex(key.sortKey),
    version: hex(version),
    value: value.length > 64 ? `${value.length} bytes` : hex(value),
    ...rest,
  };
}

async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => undefined,
    (error: unknown) => error,
  );
}

/**
 * Defines the tests. @param open opens the driver on a store that other drivers opened by it may share; the suite
 * closes what it opens.
 */
export function storageDriverSuite(name: string, open: () => Promise<StorageDriver>): void {
  describe(`StorageDriver: ${name}`, function () {
    this.timeout(60_000);
    let driver: StorageDriver;
    let container: Container;
    let partition: Buffer;

    before(async () => {
      driver = await open();
      container = newContainer();
      await driver.createContainer(container);
    });
    // One partition for each test, so that order never matters.
    beforeEach(() => {
      partition = newPartition();
    });
    after(async () => {
      await driver.dropContainer(container);
      await driver.close();
    });

    async function write(
      mutations: readonly Mutation[],
      guard: Guard = ANY,
      version = newVersion(),
    ): Promise<'applied' | 'conflict'> {
      return driver.write(container, { partition, mutations, guard, version });
    }
    async function get(key: RowKey): Promise<Row | undefined> {
      return driver.get(container, { partition, key }, 'strong');
    }
    async function valueOf(key: RowKey): Promise<string | undefined> {
      const row = await get(key);
      return row === undefined ? undefined : Buffer.from(row.value).toString();
    }
    function rangeRequest(request: Partial<RangeRequest>): RangeRequest {
      return { partition, index: '', reverse: false, limit: 100, consistency: 'strong', ...request };
    }
    async function range(request: Partial<RangeRequest> = {}): Promise<readonly Row[]> {
      return (await driver.range(container, rangeRequest(request))).rows;
    }
    /** All rows of a range, whatever the size of the driver's pages. */
    async function wholeRange(request: Partial<RangeRequest> = {}): Promise<Row[]> {
      const limit = request.limit ?? 100;
      return allPages(
        (last) =>
          driver.range(
            container,
            rangeRequest({ ...request, ...(last === undefined ? {} : { after: last.key }) }),
          ),
        limit,
      );
    }
    function scanRequest(request: Partial<ScanRequest>): ScanRequest {
      return { segment: { index: 0, total: 1 }, limit: 100, consistency: 'strong', ...request };
    }
    /** All base rows of a segment. Their values must be their partitions, since a row does not say where it lies. */
    async function wholeScan(of: Container, request: Partial<ScanRequest> = {}): Promise<Row[]> {
      return allPages(
        (last) =>
          driver.scan(
            of,
            scanRequest({
              ...request,
              ...(last === undefined ? {} : { after: { partition: last.value, sortKey: last.key.sortKey } }),
            }),
          ),
        request.limit ?? 100,
      );
    }
    async function withContainer(action: (own: Container) => Promise<void>): Promise<void> {
      const own = newContainer();
      await driver.createContainer(own);
      await action(own);
      await driver.dropContainer(own);
    }

    describe('rows', () => {
      // The simplest promise of all: what was written is read, as it was.
      it('gives back a row with its key, version and value', async () => {
        const version = newVersion();
        const key = baseKey('a');
        expect(await write([put(key, 'first')], ANY, version)).to.equal('applied');
        expect(plain(await get(key))).to.deep.equal(plain({ key, version, value: bytes('first') }));
      });

      // An index row is found by all three parts of its key.
      it('gives back an index row with its whole key', async () => {
        const version = newVersion();
        const key = indexKey('by_sensor', bytes([0, 0xff, 0]), bytes([0, 1]));
        await write([put(key, 'entry')], ANY, version);
        expect(plain(await get(key))).to.deep.equal(plain({ key, version, value: bytes('entry') }));
      });

      // `undefined` is the answer, not an error: get_item of what is not there is a success.
      it('gives back nothing for a row that is not there', async () => {
        expect(await get(baseKey('absent'))).to.equal(undefined);
        await write([put(baseKey('there'))]);
        expect(await get(baseKey('absent'))).to.equal(undefined);
        expect(await get(baseKey('ther'))).to.equal(undefined);
        expect(await get(indexKey('there', NOTHING))).to.equal(undefined);
      });

      // put_item replaces the whole item, however long the old one was.
      it('replaces a row by a put', async () => {
        await write([put(baseKey('a'), 'a long first value')]);
        const version = newVersion();
        await write([put(baseKey('a'), 'second')], ANY, version);
        const row = await get(baseKey('a'));
        expect(Buffer.from(row?.value ?? []).toString()).to.equal('second');
        expect(Buffer.from(row?.version ?? []).equals(version)).to.equal(true);
      });

      // A deleted row is gone for every way of reading.
      it('removes a row by a delete', async () => {
        await write([put(baseKey('a')), put(baseKey('b'))]);
        expect(await write([{ kind: 'delete', key: baseKey('a') }])).to.equal('applied');
        expect(await get(baseKey('a'))).to.equal(undefined);
        expect(texts(await range())).to.deep.equal(['b']);
      });

      // delete_item of what is not there is a success.
      it('applies a delete of what is not there', async () => {
        expect(await write([{ kind: 'delete', key: baseKey('absent') }])).to.equal('applied');
      });

      // Hash-only tables have the empty sort key; an index key may be empty bytes as far as a driver is concerned.
      it('takes empty keys and empty values', async () => {
        await write([put(baseKey(NOTHING), NOTHING), put(indexKey('i', NOTHING), 'entry')]);
        expect((await get(baseKey(NOTHING)))?.value.length).to.equal(0);
        expect(await valueOf(indexKey('i', NOTHING))).to.equal('entry');
        expect(texts(await range())).to.deep.equal(['']);
      });

      // MAX_PARTITION_BYTES, MAX_KEY_BYTES and MAX_INDEX_NAME_LENGTH hold together, in the worst bytes for an escape.
      it('takes the longest keys, together', async () => {
        partition = randomBytes(MAX_PARTITION_BYTES);
        const longest = indexKey(
          'n'.repeat(MAX_INDEX_NAME_LENGTH),
          Buffer.alloc(MAX_KEY_BYTES, 0),
          Buffer.alloc(MAX_KEY_BYTES, 0xff),
        );
        const soon = Date.now() + 3_600_000;
        await write([
          put(baseKey(Buffer.alloc(MAX_KEY_BYTES, 0)), 'base', soon),
          put(longest, 'entry', soon),
        ]);
        expect(await valueOf(baseKey(Buffer.alloc(MAX_KEY_BYTES, 0)))).to.equal('base');
        expect(await valueOf(longest)).to.equal('entry');
        const [row] = await range({ index: longest.index });
        expect(plain(row)).to.deep.equal(plain(await get(longest)));
      });

      // Keys that differ in the last byte only are different rows, however long they are.
      it('tells the longest keys apart', async () => {
        const one = Buffer.alloc(MAX_KEY_BYTES, 7);
        const other = Buffer.alloc(MAX_KEY_BYTES, 7);
        other[MAX_KEY_BYTES - 1] = 8;
        await write([put(baseKey(one), 'one'), put(baseKey(other), 'other')]);
        expect(await valueOf(baseKey(one))).to.equal('one');
        expect(await valueOf(baseKey(other))).to.equal('other');
      });

      // An item has up to 400 KB, a write up to 16 MiB with all index copies.
      it('takes values of several megabytes', async () => {
        const value = randomBytes(4 * 1024 * 1024);
        await write([put(baseKey('large'), value), put(indexKey('i', 'large'), value)]);
        expect(Buffer.from((await get(baseKey('large')))?.value ?? []).equals(value)).to.equal(true);
        const [row] = await range({ index: 'i' });
        expect(Buffer.from(row?.value ?? []).equals(value)).to.equal(true);
      });

      // A caller may use its arrays again once the call has settled.
      it('keeps no part of what a caller passed in', async () => {
        const at = Buffer.from(partition);
        const value = bytes('value');
        const key = bytes('key');
        const version = newVersion();
        const kept = Buffer.from(version);
        const mutations = [put(baseKey(key), value)];
        await driver.write(container, { partition: at, mutations, guard: ANY, version });
        for (const array of [at, value, key, version]) array.fill(0);
        const row = await get(baseKey('key'));
        expect(Buffer.from(row?.value ?? []).toString()).to.equal('value');
        expect(Buffer.from(row?.version ?? []).equals(kept)).to.equal(true);
      });

      // The engine patches and slices what it gets; another reader must not see that.
      it('gives arrays away: changing them changes nothing else', async () => {
        await write([put(baseKey('a'), 'first'), put(baseKey('b'), 'second')]);
        const ref = { partition, key: baseKey('a') };
        const rows = await driver.getMany(container, [ref, ref, { partition, key: baseKey('b') }], 'strong');
        const ranged = await range();
        rows[0]?.value.fill(0);
        rows[0]?.version.fill(0);
        ranged[0]?.value.fill(0);
        ranged[0]?.key.sortKey.fill(0);
        expect(Buffer.from(rows[1]?.value ?? []).toString()).to.equal('first');
        expect(rows[1]?.version.some((byte) => byte !== 0)).to.equal(true);
        expect(Buffer.from(rows[2]?.value ?? []).toString()).to.equal('second');
        expect(Buffer.from(ranged[1]?.value ?? []).toString()).to.equal('second');
        expect(Buffer.from(ranged[1]?.key.sortKey ?? []).toString()).to.equal('b');
        expect(await valueOf(baseKey('a'))).to.equal('first');
        expect(ref.key.sortKey.toString()).to.equal('a');
      });

      // Partitions are apart, also where one's bytes begin another's.
      it('keeps partitions apart', async () => {
        const other = Buffer.concat([partition, bytes('x')]);
        await write([put(baseKey('a'), 'mine')]);
        const mutations = [put(baseKey('a'), 'other'), put(baseKey('b'), 'other')];
        await driver.write(container, { partition: other, mutations, guard: ANY, version: newVersion() });
        expect(await valueOf(baseKey('a'))).to.equal('mine');
        expect(texts(await range())).to.deep.equal(['a']);
        expect(texts(await range({ partition: other }))).to.deep.equal(['a', 'b']);
      });

      // Two tables may hold the same keys.
      it('keeps containers apart', async () => {
        await withContainer(async (own) => {
          await write([put(baseKey('a'), 'mine')]);
          expect(await driver.get(own, { partition, key: baseKey('a') }, 'strong')).to.equal(undefined);
          expect((await driver.range(own, rangeRequest({}))).rows).to.deep.equal([]);
          expect((await driver.scan(own, scanRequest({}))).rows).to.deep.equal([]);
        });
        expect(await valueOf(baseKey('a'))).to.equal('mine');
      });

      // An eventual read may miss the newest write, but never makes things up.
      it('answers eventual reads with some state that was written', async () => {
        await write([put(baseKey('a'), 'only')]);
        const row = await driver.get(container, { partition, key: baseKey('a') }, 'eventual');
        if (row !== undefined) expect(Buffer.from(row.value).toString()).to.equal('only');
        const page = await driver.range(container, rangeRequest({ consistency: 'eventual' }));
        expect(page.rows.length).to.be.at.most(1);
      });
    });

    describe('getMany', () => {
      // batch_get_item asks for repeated keys and wants them repeated.
      it('answers each ref in its place: repeated ones again, missing ones with nothing', async () => {
        const other = newPartition();
        await write([put(baseKey('a'), 'A'), put(baseKey('b'), 'B')]);
        const mutations = [put(baseKey('a'), 'other A')];
        await driver.write(container, { partition: other, mutations, guard: ANY, version: newVersion() });
        const refs = [
          { partition, key: baseKey('b') },
          { partition: other, key: baseKey('a') },
          { partition, key: baseKey('none') },
          { partition, key: baseKey('a') },
          { partition, key: baseKey('b') },
        ];
        const rows = await driver.getMany(container, refs, 'strong');
        const values = rows.map((row) => row && Buffer.from(row.value).toString());
        expect(values).to.deep.equal(['B', 'other A', undefined, 'A', 'B']);
      });

      // An empty batch is not an error (data API, Q31).
      it('answers no refs with no rows', async () => {
        expect(await driver.getMany(container, [], 'strong')).to.deep.equal([]);
      });

      // Index queries fetch whole pages of items at once.
      it('answers thousands of refs', async () => {
        const count = 3000;
        const keys = Array.from({ length: 100 }, (_, index) => baseKey(`key ${index}`));
        await write(keys.map((key, index) => put(key, `value ${index}`)));
        const refs = Array.from({ length: count }, (_, index) => ({ partition, key: keys[index % 100]! }));
        const rows = await driver.getMany(container, refs, 'strong');
        expect(rows.length).to.equal(count);
        rows.forEach((row, index) => {
          expect(Buffer.from(row?.value ?? []).toString()).to.equal(`value ${index % 100}`);
        });
      });
    });

    describe('guards', () => {
      // put_item with "only if no such item" rests on this.
      it('applies a write guarded by absence only where the row is absent', async () => {
        const guard: Guard = { kind: 'absent', key: baseKey('a') };
        expect(await write([put(baseKey('a'), 'first')], guard)).to.equal('applied');
        expect(await write([put(baseKey('a'), 'second')], guard)).to.equal('conflict');
        expect(await valueOf(baseKey('a'))).to.equal('first');
        await write([{ kind: 'delete', key: baseKey('a') }]);
        expect(await write([put(baseKey('a'), 'third')], guard)).to.equal('applied');
      });

      // Conditional requests rest on this: who loses the race must leave no trace.
      it('writes nothing when the guarded version is stale', async () => {
        const [v1, v2] = [newVersion(), newVersion()];
        await write([put(baseKey('a'), 'first')], ANY, v1);
        const guard: Guard = { kind: 'version', key: baseKey('a'), version: v1 };
        expect(await write([put(baseKey('a'), 'second')], guard, v2)).to.equal('applied');
        const loser = [put(baseKey('a'), 'third'), put(baseKey('b')), put(indexKey('i', 'x'))];
        expect(await write(loser, guard)).to.equal('conflict');
        expect(await valueOf(baseKey('a'))).to.equal('second');
        expect(await get(baseKey('b'))).to.equal(undefined);
        expect(await range({ index: 'i' })).to.deep.equal([]);
        expect(Buffer.from((await get(baseKey('a')))?.version ?? []).equals(v2)).to.equal(true);
      });

      // A row that is gone has no version.
      it('answers conflict when the guarded row is not there', async () => {
        const guard: Guard = { kind: 'version', key: baseKey('a'), version: newVersion() };
        expect(await write([put(baseKey('a'))], guard)).to.equal('conflict');
        expect(await get(baseKey('a'))).to.equal(undefined);
      });

      // The guarded row may be another one than those that the write changes.
      it('guards a write by a row that it does not change', async () => {
        const version = newVersion();
        await write([put(baseKey('guarded'))], ANY, version);
        const right: Guard = { kind: 'version', key: baseKey('guarded'), version };
        const wrong: Guard = { kind: 'absent', key: baseKey('guarded') };
        expect(await write([put(baseKey('a'), 'yes')], right)).to.equal('applied');
        expect(await write([put(baseKey('a'), 'no')], wrong)).to.equal('conflict');
        expect(await valueOf(baseKey('a'))).to.equal('yes');
      });

      // Quotas rest on this: a table's record is added together with, and guarded by, a row beside the base rows.
      it('guards a write of base rows by a row of an index', async () => {
        const key: RowKey = { index: 'record', indexKey: Buffer.alloc(0), sortKey: Buffer.alloc(0) };
        const absent: Guard = { kind: 'absent', key };
        const version = newVersion();
        expect(await write([put(key), put(baseKey('a'))], absent, version)).to.equal('applied');
        expect(await write([put(key), put(baseKey('b'))], absent)).to.equal('conflict');
        const right: Guard = { kind: 'version', key, version };
        expect(await write([put(key), put(baseKey('c'))], right)).to.equal('applied');
        expect(await write([put(key), put(baseKey('d'))], right)).to.equal('conflict');
        expect(texts(await range())).to.deep.equal(['a', 'c']);
      });

      // delete_item with a condition.
      it('guards deletes, too', async () => {
        const version = newVersion();
        await write([put(baseKey('a'))], ANY, version);
        const stale: Guard = { kind: 'version', key: baseKey('a'), version: newVersion() };
        const fresh: Guard = { kind: 'version', key: baseKey('a'), version };
        const remove: Mutation[] = [{ kind: 'delete', key: baseKey('a') }];
        expect(await write(remove, stale)).to.equal('conflict');
        expect(await get(baseKey('a'))).not.to.equal(undefined);
        expect(await write(remove, fresh)).to.equal('applied');
        expect(await get(baseKey('a'))).to.equal(undefined);
      });

      // A failed write must not be taken for the row's version.
      it('gives a row the version of the write that made it what it is', async () => {
        const [v1, v2] = [newVersion(), newVersion()];
        await write([put(baseKey('a')), put(baseKey('b'))], ANY, v1);
        await write([put(baseKey('a'))], ANY, v2);
        await write([put(baseKey('a'))], { kind: 'absent', key: baseKey('a') }, newVersion());
        expect(Buffer.from((await get(baseKey('a')))?.version ?? []).equals(v2)).to.equal(true);
        expect(Buffer.from((await get(baseKey('b')))?.version ?? []).equals(v1)).to.equal(true);
      });

      // Lost updates would show here: each increment reads, and writes guarded by what it read.
      it('counts exactly under concurrent guarded increments', async () => {
        const workers = 8;
        const each = 12;
        const increment = async (): Promise<void> => {
          for (;;) {
            const row = await get(baseKey('counter'));
            const count = row === undefined ? 0 : Number(Buffer.from(row.value).toString());
            const guard: Guard =
              row === undefined
                ? { kind: 'absent', key: baseKey('counter') }
                : { kind: 'version', key: baseKey('counter'), version: row.version };
            const answer = await write([put(baseKey('counter'), String(count + 1))], guard);
            if (answer === 'applied') return;
          }
        };
        await Promise.all(
          Array.from({ length: workers }, async () => {
            for (let done = 0; done < each; done += 1) await increment();
          }),
        );
        expect(await valueOf(baseKey('counter'))).to.equal(String(workers * each));
      });

      // Of two puts that exclude each other, exactly one wins.
      it('lets one of many concurrent writes guarded by absence win', async () => {
        const guard: Guard = { kind: 'absent', key: baseKey('a') };
        const answers = await Promise.all(
          Array.from({ length: 20 }, (_, index) => write([put(baseKey('a'), `writer ${index}`)], guard)),
        );
        expect(answers.filter((answer) => answer === 'applied').length).to.equal(1);
        expect(await valueOf(baseKey('a'))).to.equal(`writer ${answers.indexOf('applied')}`);
      });
    });

    describe('what a caller may ask', () => {
      // The caller's mistake is not the store's: it must not look like something that a retry may help.
      it('refuses a write that the contract does not allow, without touching the store', async () => {
        const version = newVersion();
        const allowed: WriteRequest = { partition, mutations: [put(baseKey('a'))], guard: ANY, version };
        const large = put(baseKey('large'), Buffer.alloc(MAX_WRITE_BYTES));
        const requests: Record<string, WriteRequest> = {
          'no mutation': { ...allowed, mutations: [] },
          'a row twice': { ...allowed, mutations: [put(baseKey('twice')), put(baseKey('twice'))] },
          'no version': { ...allowed, version: NOTHING },
          'no partition': { ...allowed, partition: NOTHING },
          'a partition that is too long': { ...allowed, partition: Buffer.alloc(MAX_PARTITION_BYTES + 1) },
          'a key that is too long': {
            ...allowed,
            mutations: [put(baseKey(Buffer.alloc(MAX_KEY_BYTES + 1)))],
          },
          'a base row with an index key': {
            ...allowed,
            mutations: [put({ ...baseKey('a'), indexKey: version })],
          },
          'an index name with a blank': { ...allowed, mutations: [put(indexKey('a b', 'a'))] },
          'too many bytes': { ...allowed, mutations: [large] },
        };
        for (const [what, request] of Object.entries(requests)) {
          const error = await rejection(driver.write(container, request));
          expect(error, what).to.be.instanceOf(RangeError);
        }
        expect(await range()).to.deep.equal([]);
      });

      // The most that one item with its index copies may be.
      it('takes a write of as many bytes as the contract allows', async () => {
        const keys = ['a', 'b', 'c', 'd', 'e', 'f'].map((key) => baseKey(key));
        const empty = keys.map((key) => put(key, NOTHING));
        const each = Math.floor((MAX_WRITE_BYTES - writeSizeBytes(partition, empty)) / keys.length);
        expect(await write(keys.map((key) => put(key, Buffer.alloc(each, 1))))).to.equal('applied');
        for (const key of keys) expect((await get(key))?.value.length).to.equal(each);
      });

      it('refuses a page of no rows', async () => {
        expect(await rejection(driver.range(container, rangeRequest({ limit: 0 })))).to.be.instanceOf(
          RangeError,
        );
        expect(await rejection(driver.scan(container, scanRequest({ limit: 0 })))).to.be.instanceOf(
          RangeError,
        );
      });
    });

    describe('plain containers', () => {
      let plainOne: Container;
      before(async () => {
        plainOne = newContainer('', 'plain');
        await driver.createContainer(plainOne);
      });
      after(() => driver.dropContainer(plainOne));

      const writePlain = (mutations: readonly Mutation[], version = newVersion()): Promise<string> =>
        driver.write(plainOne, { partition, mutations, guard: ANY, version });
      const plainValue = async (key: string): Promise<string | undefined> => {
        const row = await driver.get(plainOne, { partition, key: baseKey(key) }, 'strong');
        return row && Buffer.from(row.value).toString();
      };

      // Kinds never mix on one container, so a guard can't be meant.
      it('take no guard', async () => {
        const key = baseKey('a');
        const guards: Guard[] = [
          { kind: 'absent', key },
          { kind: 'version', key, version: newVersion() },
        ];
        for (const guard of guards) {
          const request = { partition, mutations: [put(key)], guard, version: newVersion() };
          expect(await rejection(driver.write(plainOne, request))).to.be.instanceOf(RangeError);
        }
        expect(await plainValue('a')).to.equal(undefined);
      });

      it('keep rows with their keys, versions and values', async () => {
        const version = newVersion();
        const entry = indexKey('i', bytes([0, 1]), 'x');
        expect(await writePlain([put(baseKey('a'), 'first'), put(entry, 'entry')], version)).to.equal(
          'applied',
        );
        const expected = [
          { key: baseKey('a'), version, value: bytes('first') },
          { key: entry, version, value: bytes('entry') },
        ].map(plain);
        const refs = [baseKey('a'), entry].map((key) => ({ partition, key }));
        expect((await driver.getMany(plainOne, refs, 'strong')).map(plain)).to.deep.equal(expected);
        expect(plain(await driver.get(plainOne, refs[0]!, 'strong'))).to.deep.equal(expected[0]);
        const page = await driver.range(plainOne, rangeRequest({ index: 'i' }));
        expect(page.rows.map(plain)).to.deep.equal([expected[1]]);
      });

      // Clocks order plain writes: two of one client must not be taken for simultaneous, or in the wrong order.
      it('keep the order of writes that follow each other', async () => {
        for (let round = 0; round < 50; round += 1) {
          await writePlain([put(baseKey('a'), `first ${round}`)]);
          await writePlain([{ kind: 'delete', key: baseKey('a') }]);
          expect(await plainValue('a')).to.equal(undefined);
          await writePlain([put(baseKey('a'), `second ${round}`)]);
          expect(await plainValue('a')).to.equal(`second ${round}`);
        }
      });

      // Of two that overlap either may remain, but whole: with the version of the one whose value it has.
      it('never mix two writes that overlap', async () => {
        for (let round = 0; round < 20; round += 1) {
          const versions = Array.from({ length: 8 }, () => newVersion());
          const nameOf = (version: Uint8Array): string => Buffer.from(version).toString('hex');
          await Promise.all(
            versions.map((version) => writePlain([put(baseKey('a'), nameOf(version))], version)),
          );
          const row = await driver.get(plainOne, { partition, key: baseKey('a') }, 'strong');
          expect(Buffer.from(row?.value ?? []).toString()).to.equal(nameOf(row?.version ?? NOTHING));
        }
      });

      it('are scanned, and forget what has expired', async () => {
        const expiresAtMs = Date.now() + 1200;
        await writePlain([
          put(baseKey('soon'), partition, expiresAtMs),
          put(baseKey('stays'), partition),
          put(baseKey('gone'), partition, 1),
          put(indexKey('i', 'entry'), 'entry'),
        ]);
        const mine = async (): Promise<string[]> =>
          texts((await wholeScan(plainOne)).filter((row) => partition.equals(row.value)));
        const before = await mine();
        if (Date.now() < expiresAtMs) expect(before).to.deep.equal(['soon', 'stays']);
        await sleep(Math.max(0, expiresAtMs - Date.now()) + 1); // the clock itself is what is waited for
        expect(await mine()).to.deep.equal(['stays']);
        expect(await plainValue('soon')).to.equal(undefined);
      });
    });

    describe('atomicity', () => {
      // An item and its index entries change in one write; a reader never sees half of it.
      it('shows readers all rows of a write or none', async () => {
        const writes = 60;
        const mutationsOf = (round: number): Mutation[] => [
          put(baseKey('item 1'), String(round)),
          put(baseKey('item 2'), String(round)),
          put(indexKey('i', 'entry'), String(round)),
        ];
        await write(mutationsOf(0));
        let isDone = false;
        const refs = [baseKey('item 1'), baseKey('item 2'), indexKey('i', 'entry')].map((key) => ({
          partition,
          key,
        }));
        const reader = async (): Promise<void> => {
          while (!isDone) {
            const rows = [...(await driver.getMany(container, refs, 'strong')).map((row) => row?.value)].map(
              (value) => value && Buffer.from(value).toString(),
            );
            expect(new Set(rows).size, rows.join()).to.equal(1);
            const ranged = (await range()).map((row) => Buffer.from(row.value).toString());
            expect(ranged.length).to.equal(2);
            expect(new Set(ranged).size, ranged.join()).to.equal(1);
            await nextTurn();
          }
        };
        const readers = [reader(), reader(), reader()];
        try {
          for (let round = 1; round <= writes; round += 1) await write(mutationsOf(round));
        } finally {
          isDone = true; // a failure must not leave the readers running for ever
        }
        await Promise.all(readers);
      });

      // An index entry moves when its attribute changes: the old one goes as the new one comes.
      it('moves an index entry in one step', async () => {
        await write([put(baseKey('item')), put(indexKey('i', 'old', 'item'))]);
        await write([
          put(baseKey('item')),
          { kind: 'delete', key: indexKey('i', 'old', 'item') },
          put(indexKey('i', 'new', 'item')),
        ]);
        const rows = await range({ index: 'i' });
        expect(rows.map((row) => Buffer.from(row.key.indexKey).toString())).to.deep.equal(['new']);
      });

      // Freshness: a strong read sees what was answered before it was called.
      it('shows an answered write to the strong read that follows', async () => {
        for (let round = 0; round < 50; round += 1) {
          await write([put(baseKey('a'), String(round))]);
          expect(await valueOf(baseKey('a'))).to.equal(String(round));
          expect(Buffer.from((await range())[0]?.value ?? []).toString()).to.equal(String(round));
        }
      });
    });

    describe('range', () => {
      // The worst bytes for every way to build an ordered key.
      const KEYS = [
        '',
        '\x00',
        '\x00\x00',
        '\x00\x01',
        '\x00\xff',
        '\x01',
        'a',
        'a\x00',
        'ab',
        'b',
        '\xff',
        '\xff\xff',
      ];
      const latin = (text: string): Buffer => Buffer.from(text, 'latin1');

      // The order of key-codec's bytes is the order of numbers, texts and binaries: it must hold here.
      it('ascends by the sort key as unsigned bytes, shorter before longer', async () => {
        await write([...KEYS].reverse().map((key) => put(baseKey(latin(key)))));
        expect(texts(await range())).to.deep.equal(KEYS);
      });

      it('descends when asked to', async () => {
        await write(KEYS.map((key) => put(baseKey(latin(key)))));
        expect(texts(await range({ reverse: true }))).to.deep.equal([...KEYS].reverse());
      });

      // An index query orders by index range, then by table range (data API, 10.2).
      it('orders index rows by indexKey, then sortKey', async () => {
        const mutations = KEYS.flatMap((key) => [
          put(indexKey('i', latin(key), 'x')),
          put(indexKey('i', latin(key), 'w')),
        ]);
        await write(mutations.reverse());
        const found = await wholeRange({ index: 'i' });
        const expected = KEYS.flatMap((key) => [`${key}|w`, `${key}|x`]);
        const shown = found.map(
          (row) => `${Buffer.from(row.key.indexKey).toString('latin1')}|${texts([row])[0]}`,
        );
        expect(shown).to.deep.equal(expected);
      });

      // Names that begin each other must not leak into each other's ranges.
      it('holds rows of the asked index only', async () => {
        await write([
          put(baseKey('base')),
          put(indexKey('by', 'k', 'by')),
          put(indexKey('by_name', 'k', 'by_name')),
          put(indexKey('by.', 'k', 'by.')),
        ]);
        expect(texts(await range())).to.deep.equal(['base']);
        expect(texts(await range({ index: 'by' }))).to.deep.equal(['by']);
        expect(texts(await range({ index: 'by_name' }))).to.deep.equal(['by_name']);
        expect(texts(await range({ index: 'b' }))).to.deep.equal([]);
      });

      for (const reverse of [false, true]) {
        // BETWEEN, LT, LE, GT, GE and BEGINS_WITH are bounds.
        it(`honours bounds ${reverse ? 'descending' : 'ascending'}`, async () => {
          await write(['a', 'b', 'c', 'd'].map((key) => put(baseKey(key))));
          const between = async (
            lower: [string, boolean] | undefined,
            upper: [string, boolean] | undefined,
          ): Promise<string[]> => {
            const rows = await range({
              reverse,
              ...(lower === undefined ? {} : { lower: { key: bytes(lower[0]), inclusive: lower[1] } }),
              ...(upper === undefined ? {} : { upper: { key: bytes(upper[0]), inclusive: upper[1] } }),
            });
            return texts(rows).sort();
          };
          expect(await between(['b', true], ['c', true])).to.deep.equal(['b', 'c']);
          expect(await between(['b', false], ['d', false])).to.deep.equal(['c']);
          expect(await between(['b', true], undefined)).to.deep.equal(['b', 'c', 'd']);
          expect(await between(undefined, ['b', false])).to.deep.equal(['a']);
          expect(await between(['aa', true], ['cc', true])).to.deep.equal(['b', 'c']);
          expect(await between(['b', true], ['b', true])).to.deep.equal(['b']);
          expect(await between(['b', true], ['b', false])).to.deep.equal([]);
          expect(await between(['', true], ['', true])).to.deep.equal([]);
        });

        // BETWEEN with its ends reversed gives nothing (data API, 10.2).
        it(`selects nothing between bounds that cross ${reverse ? 'descending' : 'ascending'}`, async () => {
          await write(['a', 'b', 'c'].map((key) => put(baseKey(key))));
          const page = await driver.range(
            container,
            rangeRequest({
              reverse,
              lower: { key: bytes('c'), inclusive: true },
              upper: { key: bytes('a'), inclusive: true },
            }),
          );
          expect(page).to.deep.equal({ rows: [], more: false });
        });

        // The client's exclusive_start_key may name an item that is gone by now, or never was.
        it(`goes on strictly after a cursor that need not exist ${reverse ? 'descending' : 'ascending'}`, async () => {
          await write(['b', 'd', 'f'].map((key) => put(baseKey(key))));
          const after = async (key: string): Promise<string[]> =>
            texts(await range({ reverse, after: { indexKey: NOTHING, sortKey: bytes(key) } }));
          expect(await after('d')).to.deep.equal(reverse ? ['b'] : ['f']);
          expect(await after('c')).to.deep.equal(reverse ? ['b'] : ['d', 'f']);
          expect(await after('')).to.deep.equal(reverse ? [] : ['b', 'd', 'f']);
          expect(await after('z')).to.deep.equal(reverse ? ['f', 'd', 'b'] : []);
        });

        // A cursor may lie outside of the bounds, on either side.
        it(`keeps to its bounds whatever the cursor says ${reverse ? 'descending' : 'ascending'}`, async () => {
          await write(['a', 'b', 'c', 'd'].map((key) => put(baseKey(key))));
          const after = async (key: string): Promise<string[]> =>
            texts(
              await range({
                reverse,
                lower: { key: bytes('b'), inclusive: true },
                upper: { key: bytes('c'), inclusive: true },
                after: { indexKey: NOTHING, sortKey: bytes(key) },
              }),
            );
          expect(await after('a')).to.deep.equal(reverse ? [] : ['b', 'c']);
          expect(await after('d')).to.deep.equal(reverse ? ['c', 'b'] : []);
        });

        // Rows with the same indexKey lie on both sides of a page's end.
        it(`goes on inside rows of one indexKey ${reverse ? 'descending' : 'ascending'}`, async () => {
          const keys = ['1', '2', '3', '4', '5'];
          await write(keys.map((key) => put(indexKey('i', 'same', key))));
          for (const limit of [1, 2, 3]) {
            const rows = await wholeRange({ index: 'i', reverse, limit });
            expect(texts(rows)).to.deep.equal(reverse ? [...keys].reverse() : keys);
          }
        });

        // Paging is how everything is read: nothing twice, nothing left out.
        it(`pages over everything exactly once ${reverse ? 'descending' : 'ascending'}`, async () => {
          const keys = Array.from({ length: 23 }, (_, index) => String(index).padStart(3, '0'));
          await write(keys.map((key) => put(baseKey(key))));
          for (const limit of [1, 2, 7, 22, 23, 24]) {
            const rows = await wholeRange({ reverse, limit });
            expect(texts(rows)).to.deep.equal(reverse ? [...keys].reverse() : keys);
          }
        });
      }

      // last_evaluated_key depends on the driver's `more` only for what it promises: false means the end.
      it('gives at most the limit, and says that more follows where it does', async () => {
        await write(['a', 'b', 'c'].map((key) => put(baseKey(key))));
        const page = await driver.range(container, rangeRequest({ limit: 2 }));
        expect(texts(page.rows)).to.deep.equal(['a', 'b']);
        expect(page.more).to.equal(true);
      });

      // A page of large rows is cut by its bytes, yet paging comes to the end.
      it('pages over more bytes than fit in one page', async () => {
        const value = Buffer.alloc(300 * 1024, 1);
        const keys = ['a', 'b', 'c', 'd', 'e', 'f', 'g', 'h'];
        for (const key of keys) await write([put(baseKey(key), value)]);
        for (const reverse of [false, true]) {
          const rows = await wholeRange({ reverse });
          expect(texts(rows)).to.deep.equal(reverse ? [...keys].reverse() : keys);
          for (const row of rows) expect(row.value.length).to.equal(value.length);
        }
      });

      // A query of a HASH value that nobody has written.
      it('finds nothing in an empty partition', async () => {
        expect(await driver.range(container, rangeRequest({}))).to.deep.equal({ rows: [], more: false });
        const reverse = await driver.range(container, rangeRequest({ reverse: true, index: 'i' }));
        expect(reverse).to.deep.equal({ rows: [], more: false });
      });
    });

    describe('scan', () => {
      /** Fills a container with partitions whose rows have the partition as value. */
      async function fill(own: Container, partitions: number, rowsEach: number): Promise<Set<string>> {
        const expected = new Set<string>();
        for (let index = 0; index < partitions; index += 1) {
          const at = bytes(`partition ${index}`);
          const mutations: Mutation[] = [];
          for (let row = 0; row < rowsEach; row += 1) {
            mutations.push(
              put(baseKey(`row ${row}`), at),
              put(indexKey('i', `row ${row}`), 'an index entry'),
            );
            expected.add(`${at.toString()}/row ${row}`);
          }
          await driver.write(own, { partition: at, mutations, guard: ANY, version: newVersion() });
        }
        return expected;
      }
      const places = (rows: readonly Row[]): string[] =>
        rows.map((row) => `${Buffer.from(row.value).toString()}/${Buffer.from(row.key.sortKey).toString()}`);

      // An item's index entries are not items.
      it('holds every base row once, and no index row', async () => {
        await withContainer(async (own) => {
          const expected = await fill(own, 20, 3);
          for (const limit of [1, 3, 7, 60, 1000]) {
            const found = places(await wholeScan(own, { limit }));
            expect(found.length).to.equal(expected.size);
            expect(new Set(found)).to.deep.equal(expected);
          }
        });
      });

      // scan's order: by partition in an order of the driver's, then by RANGE ascending (data API, 10.4).
      it("keeps a partition's rows together, ascending, in an order that stays the same", async () => {
        await withContainer(async (own) => {
          await fill(own, 10, 4);
          const found = places(await wholeScan(own));
          expect(places(await wholeScan(own, { limit: 3 }))).to.deep.equal(found);
          for (let start = 0; start < found.length; start += 4) {
            const group = found.slice(start, start + 4);
            expect(new Set(group.map((place) => place.split('/')[0])).size).to.equal(1);
            expect(group.map((place) => place.split('/')[1])).to.deep.equal([
              'row 0',
              'row 1',
              'row 2',
              'row 3',
            ]);
          }
        });
      });

      // Workers of a parallel scan share the work: nothing twice, nothing left out.
      it('splits a container into segments that hold each partition exactly once', async () => {
        await withContainer(async (own) => {
          const expected = await fill(own, 40, 2);
          for (const total of [1, 2, 3, 7, 16]) {
            const found: string[] = [];
            for (let index = 0; index < total; index += 1) {
              found.push(...places(await wholeScan(own, { segment: { index, total }, limit: 5 })));
            }
            expect(found.length, `${total} segments`).to.equal(expected.size);
            expect(new Set(found)).to.deep.equal(expected);
          }
        });
      });

      // total_segments goes up to 4096.
      it('splits a container into 4096 segments', async () => {
        await withContainer(async (own) => {
          const expected = await fill(own, 30, 1);
          const found: string[] = [];
          await Promise.all(
            Array.from({ length: 16 }, async (_, worker) => {
              for (let index = worker; index < 4096; index += 16) {
                found.push(...places(await wholeScan(own, { segment: { index, total: 4096 } })));
              }
            }),
          );
          expect(found.length).to.equal(expected.size);
          expect(new Set(found)).to.deep.equal(expected);
        });
      });

      // The item that a page ended on may be deleted before the next page is asked for.
      it('goes on after a row that is gone', async () => {
        await withContainer(async (own) => {
          await fill(own, 12, 2);
          const all = await wholeScan(own);
          const gone = all[7]!;
          const after = { partition: gone.value, sortKey: gone.key.sortKey };
          const mutations: Mutation[] = [{ kind: 'delete', key: gone.key }];
          await driver.write(own, { partition: gone.value, mutations, guard: ANY, version: newVersion() });
          const rest = await driver.scan(own, scanRequest({ after }));
          expect(places(rest.rows)).to.deep.equal(places(all.slice(8)));
          const never = { partition: gone.value, sortKey: bytes('zzz') };
          const afterNever = places((await driver.scan(own, scanRequest({ after: never }))).rows);
          const next = all.findIndex((row, at) => at > 7 && Buffer.compare(row.value, gone.value) !== 0);
          expect(afterNever).to.deep.equal(next < 0 ? [] : places(all.slice(next)));
        });
      });

      // Writers go on during a scan; rows that are there all the time come exactly once.
      it('holds rows that stay exactly once while others come and go', async () => {
        await withContainer(async (own) => {
          const expected = await fill(own, 30, 1);
          const scanning = { isDone: false };
          const writer = (async () => {
            for (let round = 0; !scanning.isDone; round += 1) {
              const at = bytes(`guest ${round % 10}`);
              const mutation: Mutation =
                round % 20 < 10 ? put(baseKey('row'), at) : { kind: 'delete', key: baseKey('row') };
              await driver.write(own, {
                partition: at,
                mutations: [mutation],
                guard: ANY,
                version: newVersion(),
              });
            }
          })();
          try {
            for (let round = 0; round < 5; round += 1) {
              const found = places(await wholeScan(own, { limit: 2 })).filter((place) =>
                place.startsWith('p'),
              );
              expect(found.length).to.equal(expected.size);
              expect(new Set(found)).to.deep.equal(expected);
            }
          } finally {
            scanning.isDone = true;
          }
          await writer;
        });
      });

      it('pages over more bytes than fit in one page', async () => {
        await withContainer(async (own) => {
          const large = Buffer.alloc(MAX_PARTITION_BYTES, 'x');
          for (let index = 0; index < 4; index += 1) {
            large.writeUInt32BE(index);
            const mutations = Array.from({ length: 300 }, (_, row) =>
              put(baseKey(`row ${row}`), Buffer.from(large)),
            );
            await driver.write(own, { partition: large, mutations, guard: ANY, version: newVersion() });
          }
          const found = await wholeScan(own, { limit: 100_000 });
          expect(found.length).to.equal(1200);
          expect(
            new Set(found.map((row) => `${Buffer.from(row.value).readUInt32BE()}/${texts([row])[0]}`)).size,
          ).to.equal(1200);
        });
      });

      it('finds nothing in an empty container', async () => {
        await withContainer(async (own) => {
          expect(await driver.scan(own, scanRequest({}))).to.deep.equal({ rows: [], more: false });
        });
      });
    });

    describe('expiry', () => {
      // time_to_live: an expired item is absent for reads, gone from the store or not.
      it('makes a row absent from its instant on, and not before', async () => {
        const expiresAtMs = Date.now() + 1500;
        await write([
          put(baseKey('soon'), 'value', expiresAtMs),
          put(indexKey('i', 'soon'), 'value', expiresAtMs),
          put(baseKey('stays')),
        ]);
        const row = await get(baseKey('soon'));
        const rows = await range();
        if (Date.now() < expiresAtMs) {
          expect(row?.expiresAtMs).to.equal(expiresAtMs);
          expect(texts(rows)).to.deep.equal(['soon', 'stays']);
        }
        await sleep(Math.max(0, expiresAtMs - Date.now()) + 1); // the clock itself is what is waited for
        expect(await get(baseKey('soon'))).to.equal(undefined);
        expect(texts(await range())).to.deep.equal(['stays']);
        expect(await range({ index: 'i' })).to.deep.equal([]);
        const refs = [baseKey('soon'), baseKey('stays')].map((key) => ({ partition, key }));
        const many = await driver.getMany(container, refs, 'strong');
        expect(many.map((found) => found !== undefined)).to.deep.equal([false, true]);
        const guard: Guard = { kind: 'version', key: baseKey('soon'), version: row?.version ?? newVersion() };
        expect(await write([put(baseKey('soon'))], guard)).to.equal('conflict');
        expect(await write([put(baseKey('soon'))], { kind: 'absent', key: baseKey('soon') })).to.equal(
          'applied',
        );
      });

      it('leaves expired rows out of scans', async () => {
        await withContainer(async (own) => {
          const expiresAtMs = Date.now() + 1200;
          const mutations = [put(baseKey('soon'), partition, expiresAtMs), put(baseKey('stays'), partition)];
          await driver.write(own, { partition, mutations, guard: ANY, version: newVersion() });
          await sleep(Math.max(0, expiresAtMs - Date.now()) + 1); // the clock itself is what is waited for
          expect(texts(await wholeScan(own, { limit: 1 }))).to.deep.equal(['stays']);
        });
      });

      // A put whose instant has passed acts as a delete, also of a row that was there.
      it('takes a put with an instant in the past for a delete', async () => {
        await write([put(baseKey('a'), 'old')]);
        expect(await write([put(baseKey('a'), 'new', Date.now() - 1)])).to.equal('applied');
        expect(await get(baseKey('a'))).to.equal(undefined);
        expect(await write([put(baseKey('a'), 'new', 1)])).to.equal('applied');
        expect(await get(baseKey('a'))).to.equal(undefined);
      });

      // A put replaces the instant, too: the item then stays, or stays longer.
      it('forgets an instant when the row is put again', async () => {
        const expiresAtMs = Date.now() + 1200;
        await write([put(baseKey('stays'), 'old', expiresAtMs), put(baseKey('longer'), 'old', expiresAtMs)]);
        const later = Date.now() + 3_600_000;
        await write([put(baseKey('stays'), 'new'), put(baseKey('longer'), 'new', later)]);
        await sleep(Math.max(0, expiresAtMs - Date.now()) + 1); // the clock itself is what is waited for
        const stays = await get(baseKey('stays'));
        expect(stays).not.to.equal(undefined);
        expect(stays).not.to.have.property('expiresAtMs');
        expect((await get(baseKey('longer')))?.expiresAtMs).to.equal(later);
      });

      // max_time_to_live is ten years by default.
      it('takes an instant ten years ahead', async () => {
        const expiresAtMs = Date.now() + 315_360_000_000;
        await write([put(baseKey('a'), 'value', expiresAtMs)]);
        expect((await get(baseKey('a')))?.expiresAtMs).to.equal(expiresAtMs);
        expect((await range())[0]?.expiresAtMs).to.equal(expiresAtMs);
      });
    });

    describe('containers', () => {
      // A table executor that died is followed by one that repeats what it did.
      it('creates a container that exists without harm', async () => {
        await withContainer(async (own) => {
          await driver.write(own, {
            partition,
            mutations: [put(baseKey('a'))],
            guard: ANY,
            version: newVersion(),
          });
          await driver.createContainer(own);
          expect(await driver.get(own, { partition, key: baseKey('a') }, 'strong')).not.to.equal(undefined);
        });
      });

      it('drops a container that does not exist, or no longer does, without harm', async () => {
        const own = newContainer('f00d');
        await driver.dropContainer(own);
        await driver.createContainer(own);
        await driver.dropContainer(own);
        await driver.dropContainer(own);
      });

      // Several executors may drop one table at once, when a lease has expired.
      it('lets several drops of one container go on at once', async () => {
        const own = newContainer();
        await driver.createContainer(own);
        for (let index = 0; index < 300; index += 50) {
          const mutations = Array.from({ length: 50 }, (_, row) => put(baseKey(`row ${index + row}`)));
          await driver.write(own, { partition, mutations, guard: ANY, version: newVersion() });
        }
        await Promise.all([driver.dropContainer(own), driver.dropContainer(own), driver.dropContainer(own)]);
        expect(await rejection(driver.scan(own, scanRequest({})))).to.be.instanceOf(ContainerNotFoundError);
      });

      it('creates many containers at once', async () => {
        const many = Array.from({ length: 10 }, () => newContainer());
        await Promise.all(many.map((own) => driver.createContainer(own)));
        const pages = await Promise.all(many.map((own) => driver.scan(own, scanRequest({}))));
        expect(pages.every((page) => page.rows.length === 0)).to.equal(true);
        await Promise.all(many.map((own) => driver.dropContainer(own)));
      });

      for (const state of ['was never created', 'was dropped'] as const) {
        // The engine looks a table up again on this error; anything else would serve a stale cache.
        it(`answers every call with ContainerNotFoundError where the container ${state}`, async () => {
          const own = newContainer();
          if (state === 'was dropped') {
            await driver.createContainer(own);
            const mutations = [put(baseKey('a'))];
            await driver.write(own, { partition, mutations, guard: ANY, version: newVersion() });
            await driver.dropContainer(own);
          }
          const ref = { partition, key: baseKey('a') };
          const mutations = [put(baseKey('a'))];
          const absent: Guard = { kind: 'absent', key: baseKey('a') };
          const calls: Record<string, () => Promise<unknown>> = {
            get: () => driver.get(own, ref, 'strong'),
            getMany: () => driver.getMany(own, [ref], 'strong'),
            range: () => driver.range(own, rangeRequest({})),
            scan: () => driver.scan(own, scanRequest({})),
            write: () => driver.write(own, { partition, mutations, guard: ANY, version: newVersion() }),
            guarded: () => driver.write(own, { partition, mutations, guard: absent, version: newVersion() }),
          };
          for (const [call, run] of Object.entries(calls)) {
            expect(await rejection(run()), call).to.be.instanceOf(ContainerNotFoundError);
          }
        });
      }

      // From the first step of a drop on, nothing is served, and nothing new is kept.
      it('serves nothing of a container while it is being dropped', async () => {
        const own = newContainer();
        await driver.createContainer(own);
        for (let index = 0; index < 10; index += 1) {
          const mutations = Array.from({ length: 100 }, (_, row) => put(baseKey(`row ${row}`)));
          await driver.write(own, {
            partition: bytes(`${index}`),
            mutations,
            guard: ANY,
            version: newVersion(),
          });
        }
        const drop = { isDone: false };
        const dropped = driver.dropContainer(own).then(() => {
          drop.isDone = true;
        });
        let wasRefused = false;
        while (!drop.isDone) {
          const page = await driver.scan(own, scanRequest({ limit: 1000 })).catch((error: unknown) => {
            expect(error).to.be.instanceOf(ContainerNotFoundError);
            wasRefused = true;
          });
          // Either all is there, or the container is gone: never a part of it.
          if (page !== undefined) {
            expect(wasRefused).to.equal(false);
            expect(page.rows.length === 1000 || page.more).to.equal(true);
          }
          // A driver may answer without leaving the turn: the drop must get its own.
          await nextTurn();
        }
        await dropped;
        const mutations = [put(baseKey('late'))];
        const late = driver.write(own, { partition, mutations, guard: ANY, version: newVersion() });
        expect(await rejection(late)).to.be.instanceOf(ContainerNotFoundError);
      });
    });

    describe('close', () => {
      it('waits for calls under way, and may be called twice', async () => {
        const own = await open();
        const place = newContainer();
        await own.createContainer(place);
        const answers = Array.from({ length: 20 }, (_, index) =>
          own.write(place, {
            partition,
            mutations: [put(baseKey(String(index)))],
            guard: ANY,
            version: newVersion(),
          }),
        );
        const closed = own.close();
        expect(await Promise.all(answers)).to.deep.equal(Array.from({ length: 20 }, () => 'applied'));
        await closed;
        await own.close();
      });

      it('refuses calls that come afterwards', async () => {
        const own = await open();
        const place = newContainer();
        await own.createContainer(place);
        await own.close();
        const ref = { partition, key: baseKey('a') };
        const mutations = [put(baseKey('a'))];
        const calls: Record<string, () => Promise<unknown>> = {
          createContainer: () => own.createContainer(newContainer()),
          dropContainer: () => own.dropContainer(place),
          get: () => own.get(place, ref, 'strong'),
          getMany: () => own.getMany(place, [ref], 'strong'),
          range: () => own.range(place, rangeRequest({})),
          scan: () => own.scan(place, scanRequest({})),
          write: () => own.write(place, { partition, mutations, guard: ANY, version: newVersion() }),
        };
        for (const [call, run] of Object.entries(calls)) {
          expect(await rejection(run()), call).to.be.instanceOf(Error);
        }
      });
    });

    describe('compared with a model', () => {
      // Few, nasty bytes, so that keys meet, begin each other and need every escape.
      const keyBytes = fc
        .array(fc.constantFrom(0x00, 0x01, 0x02, 0x61, 0xfe, 0xff), { maxLength: 3 })
        .map((array) => Buffer.from(array));
      const index = fc.constantFrom('', 'i', 'i.', 'ix');
      const rowKey: fc.Arbitrary<RowKey> = fc
        .record({ index, indexKey: keyBytes, sortKey: keyBytes })
        .map((key) => (key.index === '' ? { ...key, indexKey: Buffer.alloc(0) } : key));
      const mutation: fc.Arbitrary<Mutation> = fc.oneof(
        {
          weight: 4,
          arbitrary: fc.record({
            kind: fc.constant('put' as const),
            key: rowKey,
            value: fc.uint8Array({ maxLength: 8 }),
          }),
        },
        { weight: 1, arbitrary: fc.record({ kind: fc.constant('delete' as const), key: rowKey }) },
      );
      const mutations = fc.uniqueArray(mutation, {
        minLength: 1,
        maxLength: 6,
        selector: ({ key }) =>
          `${key.index}|${Buffer.from(key.indexKey).toString('hex')}|${Buffer.from(key.sortKey).toString('hex')}`,
      });
      const guard = fc.constantFrom('any' as const, 'absent' as const, 'version' as const, 'stale' as const);
      const bound = fc.option(fc.record({ key: keyBytes, inclusive: fc.boolean() }), { nil: undefined });
      const place = fc.constantFrom(0, 1, 2);
      const step = fc.oneof(
        {
          weight: 3,
          arbitrary: fc.record({
            kind: fc.constant('write' as const),
            place,
            mutations,
            guard,
            guarded: rowKey,
          }),
        },
        {
          weight: 1,
          arbitrary: fc.record({
            kind: fc.constant('get' as const),
            place,
            keys: fc.array(rowKey, { maxLength: 4 }),
          }),
        },
        {
          weight: 3,
          arbitrary: fc.record({
            kind: fc.constant('range' as const),
            place,
            index,
            lower: bound,
            upper: bound,
            after: fc.option(fc.record({ indexKey: keyBytes, sortKey: keyBytes }), { nil: undefined }),
            reverse: fc.boolean(),
            limit: fc.integer({ min: 1, max: 5 }),
          }),
        },
      );

      // Examples show what was thought of; this shows the rest.
      it('answers as the model does, whatever is asked', async () => {
        await fc.assert(
          fc.asyncProperty(fc.array(step, { minLength: 1, maxLength: 40 }), async (steps) => {
            const partitions = [newPartition(), newPartition(), newPartition()];
            const models = [new PartitionModel(), new PartitionModel(), new PartitionModel()];
            for (const one of steps) {
              const at = partitions[one.place]!;
              const model = models[one.place]!;
              if (one.kind === 'write') {
                const version = newVersion();
                const held = model.get(one.guarded)?.version ?? newVersion();
                const by: Guard =
                  one.guard === 'any'
                    ? ANY
                    : one.guard === 'absent'
                      ? { kind: 'absent', key: one.guarded }
                      : {
                          kind: 'version',
                          key: one.guarded,
                          version: one.guard === 'stale' ? newVersion() : held,
                        };
                const answer = await driver.write(container, {
                  partition: at,
                  mutations: one.mutations,
                  guard: by,
                  version,
                });
                expect(answer).to.equal(model.write(one.mutations, by, version));
              } else if (one.kind === 'get') {
                const refs = one.keys.map((key) => ({ partition: at, key }));
                const rows = await driver.getMany(container, refs, 'strong');
                expect(rows.map(plain)).to.deep.equal(one.keys.map((key) => plain(model.get(key))));
              } else {
                const asked = {
                  index: one.index,
                  reverse: one.reverse,
                  ...(one.lower === undefined ? {} : { lower: one.lower }),
                  ...(one.upper === undefined ? {} : { upper: one.upper }),
                  ...(one.after === undefined
                    ? {}
                    : { after: one.index === '' ? { ...one.after, indexKey: NOTHING } : one.after }),
                };
                const rows = await wholeRange({ ...asked, partition: at, limit: one.limit });
                expect(rows.map(plain)).to.deep.equal(model.range(asked).map(plain));
              }
            }
          }),
          { numRuns: 150 },
        );
      });
    });
  });
}
