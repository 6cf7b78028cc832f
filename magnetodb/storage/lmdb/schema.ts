/**
 * What the database holds besides rows: the format record, which says who wrote this directory, and a record for
 * each container.
 *
 *     format      00                     → "magnetodb-lmdb 1"
 *     container   01 | container (16)    → one byte: 1 live, 2 being dropped
 */
import {
  accessSync,
  closeSync,
  constants,
  existsSync,
  mkdirSync,
  openSync,
  readSync,
  statSync,
} from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { open, type RootDatabase } from 'lmdb';
import { StorageConfigurationError } from '../errors.js';
import type { GroupWriter } from './group-writer.js';

/** Keys and values are bytes. */
export type Database = RootDatabase<Buffer, Buffer>;

/** A state of the database that a read keeps to. */
export type Snapshot = ReturnType<Database['useReadTransaction']>;

const FORMAT_KEY = Buffer.from([0]);
const FORMAT = 'magnetodb-lmdb 1';

const CONTAINER = 1;
const LIVE = Buffer.from([1]);
const DROPPING = Buffer.from([2]);

/** Pages of 8 KiB let a key have 4,026 bytes; the longest that rows.ts makes has 3,372. */
const PAGE_BYTES = 8192;
/** Read transactions of all processes together; each costs 64 bytes of the lock file. */
const MAX_READERS = 1024;

/** Where LMDB's data file has its mark, and the mark (MDB_MAGIC). */
const MAGIC_OFFSET = 24;
const MAGIC = 0xbeefc0de;

/**
 * Opens the directory's database, and makes both where they do not exist. Files are for the owner alone.
 * @throws {StorageConfigurationError} the directory can't be used.
 */
export function openDatabase(dataDir: string): Database {
  try {
    makeFolder(resolve(dataDir));
    accessSync(dataDir, constants.R_OK | constants.W_OK | constants.X_OK);
    checkDataFile(join(dataDir, 'data.mdb'));
    const options = {
      path: dataDir,
      noSubdir: false, // lmdb would take a directory with a dot in its name for a file
      encoding: 'binary' as const,
      keyEncoding: 'binary' as const,
      pageSize: PAGE_BYTES,
      // The group writer makes the batches. lmdb's own would also make a promise that nobody can get at, and whose
      // rejection, when a commit fails, would end the process.
      eventTurnBatching: false,
      maxReaders: MAX_READERS,
      permissionsMode: 0o600, // lmdb reads it, though its types do not have it
    };
    const db: Database = open(options);
    // A process that was killed leaves its place among the readers, which would keep old pages from being reused.
    db.readerCheck();
    return db;
  } catch (error) {
    if (error instanceof StorageConfigurationError) throw error;
    const reason = error instanceof Error ? error.message : 'unknown reason';
    throw new StorageConfigurationError(`the data directory ${dataDir} can not be used: ${reason}`, {
      cause: error,
    });
  }
}

/**
 * Makes a folder and those above it. Not Node's recursive mkdir: below /proc, where nothing can be made, that one
 * never returns.
 */
function makeFolder(path: string): void {
  if (existsSync(path)) {
    if (statSync(path).isDirectory()) return;
    throw new Error(`${path} is not a directory`);
  }
  makeFolder(dirname(path));
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    const wasFaster = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    if (!wasFaster) throw error;
  }
}

/** LMDB crashes the process when it opens a file that is not its own, so that is looked at first. */
function checkDataFile(path: string): void {
  let file: number;
  try {
    file = openSync(path, 'r+');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return;
    throw error;
  }
  try {
    const head = Buffer.alloc(MAGIC_OFFSET + 4);
    const length = readSync(file, head, 0, head.length, 0);
    if (length > 0 && (length < head.length || head.readUInt32LE(MAGIC_OFFSET) !== MAGIC)) {
      throw new StorageConfigurationError(`${path} is not an LMDB data file`);
    }
  } finally {
    closeSync(file);
  }
}

/**
 * Makes sure that the database is one of ours and of a format that this version knows; marks an empty one.
 * @throws {StorageConfigurationError} it is another program's, or another version's.
 */
export async function checkFormat(db: Database, writer: GroupWriter, dataDir: string): Promise<void> {
  if (readFormat(db) === FORMAT) return;
  const found = await writer.submit(0, () => {
    const format = readFormat(db);
    if (format !== undefined) return format;
    if (db.getKeysCount({ limit: 1 }) > 0) return undefined;
    db.putSync(FORMAT_KEY, Buffer.from(FORMAT));
    return FORMAT;
  });
  if (found === FORMAT) return;
  throw new StorageConfigurationError(
    found === undefined
      ? `the data directory ${dataDir} holds a database of another program`
      : `the data directory ${dataDir} is of the format ${JSON.stringify(found.slice(0, 64))}, not ${FORMAT}`,
  );
}

function readFormat(db: Database): string | undefined {
  return db.get(FORMAT_KEY)?.toString();
}

/**
 * A stored value to look at before the next call of lmdb, which may overwrite it. Costs less than a copy. A value of
 * many megabytes comes as a plain array over LMDB's own memory.
 */
export function peek(db: Database, key: Buffer): Buffer | undefined {
  const bytes: Uint8Array | undefined = db.getBinaryFast(key);
  if (bytes === undefined || bytes instanceof Buffer) return bytes;
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

export type ContainerState = 'absent' | 'live' | 'dropping';

/** A container's state in a snapshot, or else in the transaction under way. */
export function containerState(db: Database, id: Buffer, transaction?: Snapshot): ContainerState {
  const key = containerKey(id);
  const record = transaction === undefined ? db.getBinaryFast(key) : db.get(key, { transaction });
  if (record === undefined) return 'absent';
  return record[0] === LIVE[0] ? 'live' : 'dropping';
}

/** Records a container's state; inside a write transaction only. */
export function setContainerState(db: Database, id: Buffer, state: ContainerState): void {
  if (state === 'absent') db.removeSync(containerKey(id));
  else db.putSync(containerKey(id), state === 'live' ? LIVE : DROPPING);
}

function containerKey(id: Buffer): Buffer {
  const key = Buffer.allocUnsafe(1 + id.length);
  key[0] = CONTAINER;
  id.copy(key, 1);
  return key;
}
