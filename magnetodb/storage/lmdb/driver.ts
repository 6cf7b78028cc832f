/**
 * The storage driver over LMDB, an embedded store: the processes of one node share a directory, and nothing else
 * runs. rows.ts and schema.ts say what lies in the database; doc/writing-a-driver.rst says what is promised.
 *
 * Reads are synchronous in LMDB and take microseconds, so they run on the event loop, a bounded piece of work at a
 * time. Writes go through the group writer, which answers after the flush.
 */
import type { Logger } from '../../logging/logger.js';
import { checkLimit, checkWrite } from '../checks.js';
import type {
  Consistency,
  Container,
  Guard,
  Mutation,
  Page,
  RangeRequest,
  Row,
  RowRef,
  ScanRequest,
  StorageDriver,
  WriteRequest,
} from '../driver.js';
import { ContainerNotFoundError, StorageUnavailableError } from '../errors.js';
import { readFailure } from './errors.js';
import { GroupWriter } from './group-writer.js';
import { TurnBudget } from './turn-budget.js';
import {
  PartitionKeys,
  containerSpans,
  expiryKey,
  expiryOf,
  hasVersion,
  idBytes,
  isExpired,
  isOf,
  rowOf,
  rowValue,
  scanSpan,
  type Span,
} from './rows.js';
import {
  checkFormat,
  containerState,
  openDatabase,
  peek,
  setContainerState,
  type Database,
  type Snapshot,
} from './schema.js';
import { Sweeper } from './sweeper.js';

export interface LmdbDriverOptions {
  /** The store's directory; made, for the owner alone, where it does not exist. */
  readonly dataDir: string;
  readonly logger: Logger;
  /** The clock that expiry goes by, in milliseconds since 1970. */
  readonly now?: () => number;
  /** The pause between two rounds in which expired rows are removed, in milliseconds. */
  readonly sweepIntervalMs?: number;
  /** How long a write may take before it is answered as unknown, in milliseconds. */
  readonly writeTimeoutMs?: number;
}

const DEFAULT_SWEEP_INTERVAL_MS = 5_000;
const DEFAULT_WRITE_TIMEOUT_MS = 10_000;

/** A page's bounds: a range or scan answers `more` once it has reached one of them. */
const PAGE_ROWS = 1_000;
const PAGE_BYTES = 1024 * 1024;
/** What a row costs besides its value, for PAGE_BYTES. */
const ROW_OVERHEAD_BYTES = 256;
/** What a page counts for in the turn's budget before it is read; a longer one counts as it grows. */
const ROWS_CHARGED_AT_ONCE = 100;
/** Rows that are deleted in one transaction when a container is dropped. */
const DROP_ROWS = 128;
const DROP_BYTES = 4 * 1024 * 1024;

/**
 * Opens the store in a directory. Any number of processes of one machine may have it open.
 * @throws {StorageConfigurationError} the directory can't be used: not writable, of another program or version.
 * @throws {StorageUnavailableError} the store can't serve now.
 */
export async function openLmdbDriver(options: LmdbDriverOptions): Promise<StorageDriver> {
  const db = openDatabase(options.dataDir);
  const writer = new GroupWriter(db, options.logger, options.writeTimeoutMs ?? DEFAULT_WRITE_TIMEOUT_MS);
  try {
    await checkFormat(db, writer, options.dataDir);
  } catch (error) {
    await writer.idle();
    if (!writer.hasStalled()) await db.close();
    throw error;
  }
  const now = options.now ?? Date.now;
  const sweepIntervalMs = options.sweepIntervalMs ?? DEFAULT_SWEEP_INTERVAL_MS;
  const sweeper = new Sweeper(db, writer, options.logger, now, sweepIntervalMs);
  return new LmdbDriver(db, writer, sweeper, now);
}

/** A mutation made ready outside of the transaction. */
interface Change {
  readonly key: Buffer;
  /** What to store; undefined: delete. */
  readonly stored: Buffer | undefined;
  /** 0: the row stays. */
  readonly expiresAtMs: number;
}

class LmdbDriver implements StorageDriver {
  private callsUnderWay = 0;
  private onQuiet: (() => void) | undefined;
  private closing: Promise<void> | undefined;
  private readonly turn = new TurnBudget();
  /** The id's bytes, kept for as long as the caller keeps the container's object. */
  private readonly ids = new WeakMap<Container, Buffer>();

  constructor(
    private readonly db: Database,
    private readonly writer: GroupWriter,
    private readonly sweeper: Sweeper,
    private readonly now: () => number,
  ) {}

  createContainer(container: Container): Promise<void> {
    return this.call(() => {
      const id = this.idOf(container);
      return this.writer.submit(0, () => {
        const state = containerState(this.db, id);
        if (state === 'dropping') throw notFound(container);
        if (state === 'absent') setContainerState(this.db, id, 'live');
      });
    });
  }

  dropContainer(container: Container): Promise<void> {
    return this.call(async () => {
      const id = this.idOf(container);
      // From this transaction on, reads and writes find the container gone. Its rows go piece by piece; whoever
      // drops it again after a crash goes on where the rows end now. The record goes with the last of them.
      const exists = await this.writer.submit(0, () => {
        if (containerState(this.db, id) === 'absent') return false;
        setContainerState(this.db, id, 'dropping');
        return true;
      });
      let isGone = !exists;
      while (!isGone) {
        if (this.closing !== undefined) {
          throw new StorageUnavailableError('the LMDB store was closed before all rows were dropped');
        }
        isGone = await this.writer.submit(0, () => this.dropRows(id));
      }
    });
  }

  /** Deletes some rows of a container that is being dropped. @returns whether it is gone. */
  private dropRows(id: Buffer): boolean {
    if (containerState(this.db, id) !== 'dropping') return true; // another process came to the end first
    for (const { from, to } of containerSpans(id)) {
      const keys = [...this.db.getKeys({ start: from, end: to, limit: DROP_ROWS })];
      let bytes = 0;
      for (const key of keys) {
        const stored = peek(this.db, key);
        if (stored === undefined) continue;
        bytes += stored.length;
        this.removeRow(key, expiryOf(stored));
        if (bytes > DROP_BYTES) return false;
      }
      if (keys.length === DROP_ROWS) return false;
    }
    setContainerState(this.db, id, 'absent');
    return true;
  }

  get(container: Container, ref: RowRef, consistency: Consistency): Promise<Row | undefined> {
    return this.call(async () => {
      const id = this.idOf(container);
      const key = new PartitionKeys(id, ref.partition).rowKey(ref.key);
      await this.turn.enter(1);
      this.refresh(consistency);
      this.requireContainer(container, id);
      const stored = this.db.get(key);
      this.turn.spend(0, stored?.length ?? 0);
      return this.present(ref, key, stored, this.now());
    });
  }

  getMany(
    container: Container,
    refs: readonly RowRef[],
    consistency: Consistency,
  ): Promise<(Row | undefined)[]> {
    return this.call(async () => {
      const id = this.idOf(container);
      await this.turn.enter(1);
      const nowMs = this.now();
      return this.inSnapshot(consistency, async (transaction) => {
        this.requireContainer(container, id, transaction);
        const rows: (Row | undefined)[] = [];
        for (const ref of refs) {
          if (this.turn.isSpent()) await this.turn.enter(1);
          const key = new PartitionKeys(id, ref.partition).rowKey(ref.key);
          const stored = this.db.get(key, { transaction });
          this.turn.spend(1, stored?.length ?? 0);
          rows.push(this.present(ref, key, stored, nowMs));
        }
        return rows;
      });
    });
  }

  range(container: Container, request: RangeRequest): Promise<Page> {
    return this.call(() => {
      const id = this.idOf(container);
      const { partition, index } = request;
      const span = new PartitionKeys(id, partition).rangeSpan(request);
      return this.page(container, id, request, span, request.reverse, index, (stored) =>
        isOf(stored, partition),
      );
    });
  }

  scan(container: Container, request: ScanRequest): Promise<Page> {
    return this.call(() => {
      const id = this.idOf(container);
      return this.page(container, id, request, scanSpan(id, request), false, '', () => true);
    });
  }

  write(container: Container, request: WriteRequest): Promise<'applied' | 'conflict'> {
    return this.call(() => {
      checkWrite(container, request);
      const id = this.idOf(container);
      const keys = new PartitionKeys(id, request.partition);
      const changes = request.mutations.map((mutation) => changeOf(keys, request, mutation));
      const guardedKey = request.guard.kind === 'any' ? undefined : keys.rowKey(request.guard.key);
      const bytes = changes.reduce(
        (sum, change) => sum + change.key.length + (change.stored?.length ?? 0),
        0,
      );
      return this.writer.submit(bytes, () => {
        this.requireContainer(container, id);
        const nowMs = this.now();
        const oldExpiries = changes.map(({ key }) => this.oldExpiry(key, request.partition));
        if (guardedKey !== undefined && !this.holds(request.guard, guardedKey, request.partition, nowMs)) {
          return 'conflict';
        }
        changes.forEach((change, position) => {
          this.apply(change, oldExpiries[position], nowMs);
        });
        return 'applied';
      });
    });
  }

  close(): Promise<void> {
    this.closing ??= this.closeOnce();
    return this.closing;
  }

  private async closeOnce(): Promise<void> {
    await this.sweeper.stop();
    if (this.callsUnderWay > 0) {
      await new Promise<void>((resolve) => {
        this.onQuiet = resolve;
      });
    }
    await this.writer.idle();
    // An environment with a transaction that never ends can't be closed without crashing; the process's end frees it.
    if (this.writer.hasStalled()) return;
    // After a refused commit lmdb waits for a flush that never comes, unless a later transaction takes its place.
    await this.writer.submit(0, () => undefined).catch(() => undefined);
    if (!this.writer.hasStalled()) await this.db.close();
  }

  private idOf(container: Container): Buffer {
    let id = this.ids.get(container);
    if (id === undefined) {
      id = idBytes(container.id);
      this.ids.set(container, id);
    }
    return id;
  }

  /** Every method's frame: refuses after `close`, counts what is under way, turns LMDB's errors into ours. */
  private async call<Result>(action: () => Result | Promise<Result>): Promise<Result> {
    if (this.closing !== undefined) throw new StorageUnavailableError('the LMDB store is closed');
    this.callsUnderWay += 1;
    try {
      return await action();
    } catch (error) {
      throw readFailure(error);
    } finally {
      this.callsUnderWay -= 1;
      if (this.callsUnderWay === 0) this.onQuiet?.();
    }
  }

  /** Makes the next reads see what is committed now; lmdb would go on with a snapshot a few milliseconds old. */
  private refresh(consistency: Consistency): void {
    if (consistency === 'strong') this.db.resetReadTxn();
  }

  /** Runs a read that may take several turns on one state of the database. */
  private async inSnapshot<Result>(
    consistency: Consistency,
    action: (transaction: Snapshot) => Promise<Result>,
  ): Promise<Result> {
    this.refresh(consistency);
    const transaction = this.db.useReadTransaction();
    try {
      return await action(transaction);
    } finally {
      transaction.done();
    }
  }

  /** @throws {ContainerNotFoundError} unless the container is there, in the same state of the database. */
  private requireContainer(container: Container, id: Buffer, transaction?: Snapshot): void {
    if (containerState(this.db, id, transaction) !== 'live') throw notFound(container);
  }

  private present(ref: RowRef, key: Buffer, stored: Buffer | undefined, nowMs: number): Row | undefined {
    if (stored === undefined || isExpired(stored, nowMs) || !isOf(stored, ref.partition)) return undefined;
    return rowOf(ref.key.index, key, stored);
  }

  private async page(
    container: Container,
    id: Buffer,
    request: { readonly limit: number; readonly consistency: Consistency },
    span: Span,
    reverse: boolean,
    index: string,
    isWanted: (stored: Buffer) => boolean,
  ): Promise<Page> {
    checkLimit(request.limit);
    const limit = Math.min(request.limit, PAGE_ROWS);
    await this.turn.enter(Math.min(limit, ROWS_CHARGED_AT_ONCE));
    const nowMs = this.now();
    return this.inSnapshot(request.consistency, async (transaction) => {
      this.requireContainer(container, id, transaction);
      const rows: Row[] = [];
      if (Buffer.compare(span.from, span.to) >= 0) return { rows, more: false };
      let bytes = 0;
      const ends = reverse
        ? { start: span.to, end: span.from, reverse, exclusiveStart: true, inclusiveEnd: true }
        : { start: span.from, end: span.to };
      for (const { key, value } of this.db.getRange({ ...ends, transaction })) {
        this.turn.spend(rows.length < ROWS_CHARGED_AT_ONCE ? 0 : 1, value.length);
        if (isExpired(value, nowMs) || !isWanted(value)) {
          this.turn.spend(1, 0);
          if (this.turn.isSpent()) await this.turn.enter(1);
          continue;
        }
        if (rows.length >= limit || bytes >= PAGE_BYTES) return { rows, more: true };
        bytes += value.length + ROW_OVERHEAD_BYTES;
        rows.push(rowOf(index, key, value));
      }
      return { rows, more: false };
    });
  }

  // What follows runs inside a write transaction. Each callback of `submit` first does all that may throw, then
  // changes rows: LMDB does not undo what was done before an exception.

  /** When a row of this partition expires, 0 for never; undefined where there is no row. */
  private oldExpiry(key: Buffer, partition: Uint8Array): number | undefined {
    const stored = peek(this.db, key);
    if (stored === undefined) return undefined;
    if (!isOf(stored, partition)) throw new StorageUnavailableError('two partitions have the same hash');
    return expiryOf(stored);
  }

  private holds(guard: Guard, key: Buffer, partition: Uint8Array, nowMs: number): boolean {
    const stored = peek(this.db, key);
    const isThere = stored !== undefined && isOf(stored, partition) && !isExpired(stored, nowMs);
    switch (guard.kind) {
      case 'any':
        return true;
      case 'absent':
        return !isThere;
      case 'version':
        return isThere && hasVersion(stored, guard.version);
    }
  }

  private apply(change: Change, oldExpiresAtMs: number | undefined, nowMs: number): void {
    const { key, stored, expiresAtMs } = change;
    if (stored === undefined || (expiresAtMs !== 0 && expiresAtMs <= nowMs)) {
      if (oldExpiresAtMs !== undefined) this.removeRow(key, oldExpiresAtMs);
      return;
    }
    if (oldExpiresAtMs !== expiresAtMs) {
      if (oldExpiresAtMs) this.db.removeSync(expiryKey(oldExpiresAtMs, key));
      if (expiresAtMs !== 0) this.db.putSync(expiryKey(expiresAtMs, key), NOTHING);
    }
    this.db.putSync(key, stored);
  }

  private removeRow(key: Buffer, expiresAtMs: number): void {
    if (expiresAtMs !== 0) this.db.removeSync(expiryKey(expiresAtMs, key));
    this.db.removeSync(key);
  }
}

const NOTHING = Buffer.alloc(0);

function changeOf(keys: PartitionKeys, request: WriteRequest, mutation: Mutation): Change {
  const key = keys.rowKey(mutation.key);
  if (mutation.kind === 'delete') return { key, stored: undefined, expiresAtMs: 0 };
  const { expiresAtMs, value } = mutation;
  // The stored 0 means "never", so what expired before 1970 does not get that far.
  if (expiresAtMs !== undefined && expiresAtMs <= 0) return { key, stored: undefined, expiresAtMs: 0 };
  const stored = rowValue(request.partition, request.version, value, expiresAtMs);
  return { key, stored, expiresAtMs: expiresAtMs ?? 0 };
}

function notFound(container: Container): ContainerNotFoundError {
  return new ContainerNotFoundError(`there is no container ${container.id}`);
}
