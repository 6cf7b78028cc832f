/** What only the LMDB driver does; tests/conformance has what every driver does. */
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { open } from 'lmdb';
import { silentLogger } from '../../../../magnetodb/logging/logger.js';
import {
  containerId,
  type Container,
  type Mutation,
  type StorageDriver,
  type WriteRequest,
} from '../../../../magnetodb/storage/driver.js';
import { ContainerNotFoundError, StorageConfigurationError } from '../../../../magnetodb/storage/errors.js';
import { openLmdbDriver, type LmdbDriverOptions } from '../../../../magnetodb/storage/lmdb/driver.js';
import { idBytes } from '../../../../magnetodb/storage/lmdb/rows.js';
import { openDatabase, setContainerState } from '../../../../magnetodb/storage/lmdb/schema.js';
import { newVersion } from '../../../../magnetodb/storage/versions.js';
import { eventually } from '../../../support/eventually.js';

const NOTHING = new Uint8Array(0);
const PARTITION = Buffer.from('partition');

function put(sortKey: string, expiresAtMs?: number, index = ''): Mutation {
  return {
    kind: 'put',
    key: { index, indexKey: NOTHING, sortKey: Buffer.from(sortKey) },
    value: Buffer.from('value'),
    ...(expiresAtMs === undefined ? {} : { expiresAtMs }),
  };
}

describe('LMDB driver', () => {
  let folder: string;
  let dataDir: string;
  let container: Container;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'magnetodb-lmdb-'));
    dataDir = join(folder, 'data.d'); // the dot makes lmdb take a path for a file, if it is let
    container = { id: containerId(randomUUID()), project: '', kind: 'guarded' };
  });
  afterEach(async () => {
    await rm(folder, { recursive: true });
  });

  /** Opens a driver with one container, and closes it whatever happens. */
  async function withDriver(
    options: Partial<LmdbDriverOptions>,
    action: (driver: StorageDriver) => Promise<void>,
  ): Promise<void> {
    const driver = await openLmdbDriver({ dataDir, logger: silentLogger, ...options });
    try {
      await driver.createContainer(container);
      await action(driver);
    } finally {
      await driver.close();
    }
  }

  function write(...mutations: Mutation[]): WriteRequest {
    return { partition: PARTITION, mutations, guard: { kind: 'any' }, version: newVersion() };
  }

  async function isThere(driver: StorageDriver, sortKey: string, index = ''): Promise<boolean> {
    const key = { index, indexKey: NOTHING, sortKey: Buffer.from(sortKey) };
    return (await driver.get(container, { partition: PARTITION, key }, 'strong')) !== undefined;
  }

  async function openingError(): Promise<Error> {
    const error: unknown = await openLmdbDriver({ dataDir, logger: silentLogger }).catch(
      (reason: unknown) => reason,
    );
    expect(error).to.be.instanceOf(StorageConfigurationError);
    return error as Error;
  }

  describe('opening', () => {
    // Items are nobody else's business on this machine.
    it('makes the directory and its files for the owner alone', async () => {
      await withDriver({}, () => Promise.resolve());
      expect((await stat(dataDir)).mode & 0o777).to.equal(0o700);
      for (const file of ['data.mdb', 'lock.mdb']) {
        expect((await stat(join(dataDir, file))).mode & 0o077, file).to.equal(0);
      }
    });

    it('finds what was there when the directory was last open', async () => {
      await withDriver({}, async (driver) => {
        await driver.write(container, write(put('a')));
      });
      await withDriver({}, async (driver) => {
        expect(await isThere(driver, 'a')).to.equal(true);
      });
    });

    // LMDB itself crashes the process on such a file.
    for (const content of [Buffer.alloc(100_000, 7), Buffer.from('short')]) {
      it(`refuses a data file of ${content.length} bytes that is not LMDB's`, async () => {
        await mkdir(dataDir);
        await writeFile(join(dataDir, 'data.mdb'), content);
        expect((await openingError()).message).to.contain('is not an LMDB data file');
      });
    }

    it("refuses another program's database", async () => {
      const db = open({ path: dataDir, noSubdir: false });
      await db.put('key', 'value');
      await db.close();
      expect((await openingError()).message).to.contain('another program');
    });

    // A later version may store rows in another way; an older one must not touch them.
    it('refuses a database of another format, and names both', async () => {
      await withDriver({}, () => Promise.resolve());
      const db = openDatabase(dataDir);
      await db.put(Buffer.from([0]), Buffer.from('magnetodb-lmdb 99'));
      await db.close();
      const { message } = await openingError();
      expect(message).to.contain('magnetodb-lmdb 99').and.to.contain('magnetodb-lmdb 1');
    });

    it('refuses a path that is a file, and says which', async () => {
      await writeFile(dataDir, 'a file');
      expect((await openingError()).message).to.contain(`${dataDir} is not a directory`);
    });

    // Node's own recursive mkdir goes round for ever there.
    it('refuses a directory where the system lets nobody make one', async () => {
      dataDir = '/proc/magnetodb/data';
      expect((await openingError()).message).to.contain(dataDir);
    });

    it('refuses a directory that can not be made', async () => {
      await writeFile(dataDir, 'a file');
      dataDir = join(dataDir, 'below');
      expect((await openingError()).message).to.contain(dataDir);
    });

    // A refusal must not keep the store open: the next attempt may be right.
    it('can be tried again after a refusal', async () => {
      await writeFile(dataDir, 'a file');
      await openingError();
      await rm(dataDir);
      await withDriver({}, async (driver) => {
        expect(await isThere(driver, 'a')).to.equal(false);
      });
    });
  });

  describe('expiry', () => {
    it('goes by the clock that it is given', async () => {
      let nowMs = 1000;
      await withDriver({ now: () => nowMs, sweepIntervalMs: 3_600_000 }, async (driver) => {
        await driver.write(container, write(put('a', 2000), put('a', 2000, 'i')));
        nowMs = 1999;
        expect(await isThere(driver, 'a')).to.equal(true);
        nowMs = 2000;
        expect(await isThere(driver, 'a')).to.equal(false);
        expect(await isThere(driver, 'a', 'i')).to.equal(false);
      });
    });

    // Expired rows are absent at once, so only a clock that goes back shows whether they are gone.
    it('removes expired rows from the disk, and no others', async () => {
      let nowMs = 1000;
      await withDriver({ now: () => nowMs, sweepIntervalMs: 1 }, async (driver) => {
        const many = Array.from({ length: 300 }, (_, index) => put(`row ${index}`, 1500));
        await driver.write(container, write(...many));
        await driver.write(container, write(put('later', 9000), put('stays'), put('due', 2000)));
        await driver.write(container, write(put('due', 2000, 'i')));
        // Written again, these expire later or never: their old entries must not take them along.
        await driver.write(container, write(put('prolonged', 2000), put('kept', 2000)));
        await driver.write(container, write(put('prolonged', 9000), put('kept')));
        nowMs = 2000;
        await eventually(async () => {
          nowMs = 1000;
          try {
            expect(await isThere(driver, 'due')).to.equal(false);
            expect(await isThere(driver, 'due', 'i')).to.equal(false);
            expect(await isThere(driver, 'row 299')).to.equal(false);
          } finally {
            nowMs = 2000;
          }
        });
        nowMs = 1000;
        for (const key of ['later', 'stays', 'prolonged', 'kept']) {
          expect(await isThere(driver, key), key).to.equal(true);
        }
      });
    });

    // Overwriting a row with another instant again and again must not leave entries behind for years.
    it('keeps one entry for each row that expires, however often it was written', async () => {
      await withDriver({ sweepIntervalMs: 3_600_000 }, async (driver) => {
        const later = Date.now() + 3_600_000;
        for (let round = 0; round < 10; round += 1)
          await driver.write(container, write(put('a', later + round)));
        await driver.write(container, write(put('b', later)));
        await driver.write(container, write({ kind: 'delete', key: put('b').key }));
        await driver.write(container, write(put('c', later)));
        await driver.write(container, write(put('c')));
      });
      const db = openDatabase(dataDir);
      const entries = db.getKeysCount({ start: Buffer.from([4]), end: Buffer.from([5]) });
      await db.close();
      expect(entries).to.equal(1);
    });

    it('takes the expiry entries along when a container is dropped', async () => {
      await withDriver({ sweepIntervalMs: 3_600_000 }, async (driver) => {
        const many = Array.from({ length: 300 }, (_, index) =>
          put(`row ${index}`, Date.now() + 3_600_000, 'i'),
        );
        await driver.write(container, write(...many));
        await driver.dropContainer(container);
      });
      const db = openDatabase(dataDir);
      const keys = [...db.getKeys()].map((key) => key[0]);
      await db.close();
      expect(keys).to.deep.equal([0]); // the format record alone
    });

    // Many expired rows in front of one that lives: a page must come to it, without a page of nothing before.
    it('passes over thousands of expired rows to the next live one', async () => {
      let nowMs = 1000;
      await withDriver({ now: () => nowMs, sweepIntervalMs: 3_600_000 }, async (driver) => {
        for (let start = 0; start < 3000; start += 500) {
          const many = Array.from({ length: 500 }, (_, index) => put(`row ${start + index}`, 2000));
          await driver.write(container, write(...many));
        }
        await driver.write(container, write(put('z')));
        nowMs = 2000;
        const page = await driver.range(container, {
          partition: PARTITION,
          index: '',
          reverse: false,
          limit: 10,
          consistency: 'strong',
        });
        expect(page.rows.map((row) => Buffer.from(row.key.sortKey).toString())).to.deep.equal(['z']);
        expect(page.more).to.equal(false);
      });
    });
  });

  describe('dropping', () => {
    // The process that drops may die after the first step; another repeats the call.
    it('goes on with a container that was left half dropped, and serves nothing of it until then', async () => {
      await withDriver({}, async (driver) => {
        const many = Array.from({ length: 300 }, (_, index) => put(`row ${index}`));
        await driver.write(container, write(...many));
        const db = openDatabase(dataDir);
        await db.transaction(() => {
          setContainerState(db, idBytes(container.id), 'dropping');
        });
        for (const call of [
          () => isThere(driver, 'row 1'),
          () => driver.write(container, write(put('new'))),
          () => driver.createContainer(container),
        ]) {
          const error: unknown = await call().then(
            () => undefined,
            (reason: unknown) => reason,
          );
          expect(error).to.be.instanceOf(ContainerNotFoundError);
        }
        await driver.dropContainer(container);
        await driver.createContainer(container);
        expect(await isThere(driver, 'row 1')).to.equal(false);
        await db.close();
      });
    });
  });

  describe('the event loop', () => {
    // LMDB answers at once: without a bound, a handler that reads page after page would stop the whole process.
    it('gives timers their turn while somebody reads without end', async () => {
      await withDriver({}, async (driver) => {
        await driver.write(container, write(put('a')));
        const timer = { isDue: false };
        setTimeout(() => {
          timer.isDue = true;
        }, 5);
        let reads = 0;
        while (!timer.isDue) {
          reads += 1;
          if (reads > 1_000_000) throw new Error('the timer never had its turn');
          await isThere(driver, 'a');
        }
      });
    });

    // Readers that go round and round must not keep a writer waiting for ever.
    it('answers writes while others read without end', async () => {
      await withDriver({}, async (driver) => {
        await driver.write(container, write(put('a')));
        const writes = { areDone: false };
        const readers = Array.from({ length: 3 }, async () => {
          while (!writes.areDone) await isThere(driver, 'a');
        });
        try {
          for (let round = 0; round < 5; round += 1) await driver.write(container, write(put('b')));
        } finally {
          writes.areDone = true;
        }
        await Promise.all(readers);
      });
    });
  });

  describe('writes', () => {
    // LMDB has one writer: what arrives together must not take a flush each, nor may a large group stop the process.
    it('answers thousands of writes that arrive at once', async () => {
      await withDriver({}, async (driver) => {
        const answers = await Promise.all(
          Array.from({ length: 3000 }, (_, index) => driver.write(container, write(put(`row ${index}`)))),
        );
        expect(answers.every((answer) => answer === 'applied')).to.equal(true);
        expect(await isThere(driver, 'row 2999')).to.equal(true);
      });
    });

    // A queue without a bound would end the process instead of the request.
    it('refuses writes beyond what may wait, and goes on', async () => {
      await withDriver({}, async (driver) => {
        const value = Buffer.alloc(14 * 1024 * 1024);
        const large: Mutation = { ...put('large'), value } as Mutation;
        const answers = await Promise.allSettled(
          Array.from({ length: 24 }, () => driver.write(container, write(large))),
        );
        const refused = answers.filter((answer) => answer.status === 'rejected');
        expect(refused.length).to.be.within(1, 23);
        for (const { reason } of refused) expect((reason as Error).name).to.equal('StorageUnavailableError');
        expect(await driver.write(container, write(put('a')))).to.equal('applied');
      });
    }).timeout(60_000);
  });
});
