/**
 * The storage driver over Apache Cassandra. rows.ts and schema.ts say what lies in the cluster, write.ts how it is
 * written; doc/cassandra.rst tells operators what that means for them.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { types, type Client } from 'cassandra-driver';
import pMap from 'p-map';
import type { Logger } from '../../logging/logger.js';
import {
  checkIndexName,
  checkKeyPart,
  checkLimit,
  checkPartition,
  checkRowKey,
  checkWrite,
  rowName,
} from '../checks.js';
import {
  writeSizeBytes,
  type Consistency,
  type Container,
  type Page,
  type RangeRequest,
  type Row,
  type RowKey,
  type RowRef,
  type ScanRequest,
  type StorageDriver,
  type WriteRequest,
} from '../driver.js';
import { StorageError, StorageUnavailableError } from '../errors.js';
import {
  containerNotFound,
  isBeingDropped,
  mayBeDropped,
  nothingWasDone,
  outcomeUnknown,
  readFailure,
} from './errors.js';
import type { CassandraOptions } from './options.js';
import { PartitionLines } from './partition-lines.js';
import { ContainerHandle } from './container-handle.js';
import { buffer, keyToken, rowOf, sliceOf, tokenSpan, type ResultRow } from './rows.js';
import { Schema, prepareService } from './schema.js';
import { Session, firstOf, type Statement } from './session.js';
import { Writer, type Order } from './write.js';

/** Containers whose statements and page sizes a process keeps. */
const MAX_KNOWN_CONTAINERS = 10_000;
/** Partitions that one getMany reads at a time. */
const PARTITIONS_IN_FLIGHT = 32;
/** Compare-and-sets that may wait for one partition in this process. */
const MAX_WAITING_PER_PARTITION = 2_000;
/**
 * How often it is looked whether a table is being dropped right now, and the first pause between, in milliseconds. Each
 * is twice as long as the one before: nodes that are busy take seconds to hear of a drop from each other.
 */
const DROP_LOOKS = 8;
const DROP_LOOK_PAUSE_MS = 50;

const NO_BYTES = Buffer.alloc(0);

/**
 * Opens the cluster's store. A cluster that does not answer now is no error: calls are refused as unavailable until it
 * does.
 * @throws {StorageConfigurationError} the cluster can't be used as it is configured.
 */
export async function openCassandraDriver(options: CassandraOptions, logger: Logger): Promise<StorageDriver> {
  const paxos = { isV2: false };
  const session = await Session.open(options, logger, async (client) => {
    await prepareService(client, options);
    paxos.isV2 = await looksAtPaxos(client, logger);
  });
  return new CassandraDriver(session, options, logger, () => paxos.isV2);
}

class CassandraDriver implements StorageDriver {
  readonly #schema: Schema;
  readonly #writer: Writer;
  readonly #lines = new PartitionLines(MAX_WAITING_PER_PARTITION);
  readonly #known = new Map<string, ContainerHandle>();
  /** Containers whose drop has begun here. They are gone for this process, whatever the nodes still say. */
  readonly #dropped = new Set<string>();
  #callsUnderWay = 0;
  #onQuiet: (() => void) | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    private readonly session: Session,
    private readonly options: CassandraOptions,
    logger: Logger,
    isPaxosV2: () => boolean,
  ) {
    this.#schema = new Schema(session, options);
    this.#writer = new Writer(session, logger, { isPaxosV2 });
  }

  createContainer(container: Container): Promise<void> {
    return this.#call(async () => {
      this.#dropped.delete(container.id);
      await this.#changeSchema(() => this.#schema.create(container));
    });
  }

  dropContainer(container: Container): Promise<void> {
    return this.#call(async () => {
      remember(this.#dropped, container.id);
      this.#known.delete(container.id);
      await this.#changeSchema(() => this.#schema.drop(container));
    });
  }

  get(container: Container, ref: RowRef, consistency: Consistency): Promise<Row | undefined> {
    return this.#use(container, async (handle) => {
      checkPartition(ref.partition);
      checkRowKey(ref.key);
      return await this.#getOne(handle, ref, consistency);
    });
  }

  async #getOne(handle: ContainerHandle, ref: RowRef, consistency: Consistency): Promise<Row | undefined> {
    const { index, indexKey, sortKey } = ref.key;
    const params = [buffer(ref.partition), index, buffer(indexKey), buffer(sortKey)];
    const result = await this.session.read(
      { query: handle.statements.get, params },
      consistency,
      handle.rowBytes,
    );
    const found = result.rows[0] as ResultRow | undefined;
    return found === undefined ? undefined : rowOf(found, ownKey(ref.key), Date.now());
  }

  getMany(
    container: Container,
    refs: readonly RowRef[],
    consistency: Consistency,
  ): Promise<(Row | undefined)[]> {
    return this.#use(container, async (handle) => {
      const partitions = new Map<string, { readonly ref: RowRef; readonly position: number }[]>();
      refs.forEach((ref, position) => {
        checkPartition(ref.partition);
        checkRowKey(ref.key);
        const name = buffer(ref.partition).toString('latin1');
        const others = partitions.get(name);
        if (others === undefined) partitions.set(name, [{ ref, position }]);
        else others.push({ ref, position });
      });
      const answers = new Array<Row | undefined>(refs.length).fill(undefined);
      await pMap(
        partitions.values(),
        async (places) => {
          const rows = await this.#getOfPartition(
            handle,
            places.map(({ ref }) => ref),
            consistency,
          );
          places.forEach(({ position }, at) => {
            answers[position] = rows[at];
          });
        },
        { concurrency: PARTITIONS_IN_FLIGHT },
      );
      return answers;
    });
  }

  /** Rows of one partition, by one statement, so that none is of another instant than the rest. */
  async #getOfPartition(
    handle: ContainerHandle,
    refs: readonly RowRef[],
    consistency: Consistency,
  ): Promise<(Row | undefined)[]> {
    const [first] = refs;
    if (first === undefined) return [];
    if (refs.length === 1) return [await this.#getOne(handle, first, consistency)];
    const wanted = new Map(refs.map(({ key }) => [rowName(key), key]));
    const tuples = [...wanted.values()].map(
      ({ index, indexKey, sortKey }) => new types.Tuple(index, buffer(indexKey), buffer(sortKey)),
    );
    const statement = { query: handle.statements.many, params: [buffer(first.partition), tuples] };
    const result = await this.session.read(statement, consistency, tuples.length * handle.rowBytes);
    const nowMs = Date.now();
    const found = new Map<string, Row>();
    for (const raw of result.rows as unknown as ResultRow[]) {
      const key = { index: raw.ix ?? '', indexKey: raw.ik ?? NO_BYTES, sortKey: raw.r ?? NO_BYTES };
      const row = rowOf(raw, key, nowMs);
      if (row !== undefined) found.set(rowName(key), row);
    }
    // Whoever asked twice gets two rows: each is the caller's to change.
    const given = new Set<Row>();
    return refs.map(({ key }) => {
      const row = found.get(rowName(key));
      if (row === undefined || !given.has(row)) {
        if (row !== undefined) given.add(row);
        return row;
      }
      return copyOf(row);
    });
  }

  range(container: Container, request: RangeRequest): Promise<Page> {
    return this.#use(container, async (handle) => {
      checkPartition(request.partition);
      checkIndexName(request.index);
      checkLimit(request.limit);
      for (const bound of [request.lower, request.upper]) if (bound !== undefined) checkKeyPart(bound.key);
      if (request.after !== undefined) checkRowKey({ index: request.index, ...request.after });
      return await this.#livePage(
        request.limit,
        handle,
        request.after,
        (after, limit) =>
          this.#rangeOnce(handle, { ...request, ...(after === undefined ? {} : { after }) }, limit),
        (raw) => ({ indexKey: raw.ik ?? NO_BYTES, sortKey: raw.r ?? NO_BYTES }),
        (raw) => ({ index: request.index, indexKey: raw.ik ?? NO_BYTES, sortKey: raw.r ?? NO_BYTES }),
      );
    });
  }

  async #rangeOnce(
    handle: ContainerHandle,
    request: Omit<RangeRequest, 'limit'>,
    limit: number,
  ): Promise<RawPage> {
    const { from, to } = sliceOf(request);
    const params = [buffer(request.partition), request.index, ...from, ...(to ?? []), limit];
    const { range } = handle.statements;
    const up = to === undefined ? range.up : range.upTo;
    const down = to === undefined ? range.down : range.downTo;
    return await this.#rawPage(
      handle,
      { query: request.reverse ? down : up, params },
      request.consistency,
      limit,
    );
  }

  scan(container: Container, request: ScanRequest): Promise<Page> {
    return this.#use(container, async (handle) => {
      checkLimit(request.limit);
      const span = tokenSpan(request.segment);
      return await this.#livePage(
        request.limit,
        handle,
        request.after,
        (after, limit) => this.#scanOnce(handle, span, after, limit, request.consistency),
        (raw) => ({ partition: raw.h ?? NO_BYTES, sortKey: raw.r ?? NO_BYTES }),
        (raw) => ({ index: '', indexKey: NO_BYTES, sortKey: raw.r ?? NO_BYTES }),
      );
    });
  }

  /**
   * Base rows in the ring's order: by token, then by partition, then by sortKey. Partitions may share a token, so a scan
   * goes on at the token of the last row, not after it, and passes over what has been.
   */
  async #scanOnce(
    handle: ContainerHandle,
    { first, last }: { readonly first: bigint; readonly last: bigint },
    after: ScanRequest['after'],
    limit: number,
    consistency: Consistency,
  ): Promise<RawPage> {
    const ring = (from: bigint, count: number, near?: Buffer): Promise<RawPage> =>
      from > last
        ? Promise.resolve({ rows: [], isFull: false })
        : this.#rawPage(
            handle,
            { query: handle.statements.scan, params: [from, last, count] },
            consistency,
            count,
            near,
          );
    if (after === undefined) return await ring(first, limit);
    const partition = buffer(after.partition);
    const token = this.#tokenOf(partition);
    if (token < first) return await ring(first, limit);
    const page = await ring(token, limit, partition);
    const rows = page.rows.slice(this.#countDone(page.rows, partition, buffer(after.sortKey), token));
    if (rows.length > 0 || !page.isFull) return { rows, isFull: page.isFull };
    // The rows of that token up to the cursor fill a page: they are passed by their keys.
    return await this.#scanOn(handle, after, token, limit, consistency, ring);
  }

  /** What #scanOnce does where the cursor is deep inside of a partition. */
  async #scanOn(
    handle: ContainerHandle,
    after: NonNullable<ScanRequest['after']>,
    token: bigint,
    limit: number,
    consistency: Consistency,
    ring: (from: bigint, count: number, near?: Buffer) => Promise<RawPage>,
  ): Promise<RawPage> {
    const partition = buffer(after.partition);
    const inPartition = async (h: Buffer, cursor: RangeRequest['after'], count: number): Promise<RawPage> => {
      const request = {
        partition: h,
        index: '',
        reverse: false,
        consistency,
        ...(cursor === undefined ? {} : { after: cursor }),
      };
      const page = await this.#rangeOnce(handle, request, count);
      return { rows: page.rows.map((raw) => ({ ...columnsOf(raw), h })), isFull: page.isFull };
    };
    const rest = await inPartition(partition, { indexKey: NO_BYTES, sortKey: after.sortKey }, limit);
    if (rest.isFull) return rest;
    const rows = [...rest.rows];
    const statement = { query: handle.statements.siblings, params: [token] };
    const result = await this.session.read(statement, consistency, handle.rowBytes, partition);
    const siblings = (result.rows as unknown as ResultRow[])
      .map((raw) => raw.h ?? NO_BYTES)
      .filter((h) => Buffer.compare(h, partition) > 0)
      .sort((a, b) => Buffer.compare(a, b));
    for (const sibling of siblings) {
      const page = await inPartition(sibling, undefined, limit - rows.length);
      rows.push(...page.rows);
      if (page.isFull) return { rows, isFull: true };
    }
    const next = await ring(token + 1n, limit - rows.length, partition);
    return { rows: [...rows, ...next.rows], isFull: next.isFull };
  }

  /** How many rows at the beginning are not after the cursor, in the ring's order. */
  #countDone(rows: readonly ResultRow[], partition: Buffer, sortKey: Buffer, token: bigint): number {
    const next = rows.findIndex(({ h = NO_BYTES, r = NO_BYTES }) => {
      const order = Buffer.compare(h, partition);
      if (order === 0) return Buffer.compare(r, sortKey) > 0;
      return order > 0 ? true : this.#tokenOf(h) !== token;
    });
    return next < 0 ? rows.length : next;
  }

  #tokenOf(partition: Buffer): bigint {
    return keyToken(BigInt(String(this.session.client.metadata.newToken(partition).getValue())));
  }

  /** Reads pages until one has a row that has not expired, or nothing follows. */
  async #livePage<Cursor>(
    limit: number,
    handle: ContainerHandle,
    start: Cursor | undefined,
    read: (after: Cursor | undefined, limit: number) => Promise<RawPage>,
    cursorOf: (raw: ResultRow) => Cursor,
    keyOf: (raw: ResultRow) => RowKey,
  ): Promise<Page> {
    let after = start;
    for (;;) {
      const { rows: raws, isFull } = await read(after, handle.pageRows(limit));
      const nowMs = Date.now();
      const rows: Row[] = [];
      for (const raw of raws) {
        const row = rowOf(raw, keyOf(raw), nowMs);
        if (row !== undefined) rows.push(row);
      }
      const last = raws.at(-1);
      if (rows.length > 0 || !isFull || last === undefined) return { rows, more: isFull };
      after = cursorOf(last);
    }
  }

  async #rawPage(
    handle: ContainerHandle,
    statement: Statement,
    consistency: Consistency,
    limit: number,
    near?: Buffer,
  ): Promise<RawPage> {
    const result = await this.session.read(statement, consistency, limit * handle.rowBytes, near);
    const rows = result.rows as unknown as ResultRow[];
    handle.learn(rows);
    return { rows, isFull: rows.length >= limit };
  }

  write(container: Container, request: WriteRequest): Promise<'applied' | 'conflict'> {
    return this.#use(container, async (handle) => {
      checkWrite(container, request);
      const order: Order = {
        statements: handle.statements,
        request,
        bytes: writeSizeBytes(request.partition, request.mutations),
        deadlineMs: performance.now() + this.options.requestTimeoutMs,
      };
      if (container.kind === 'plain') {
        await this.#writer.writePlain(order);
        return 'applied';
      }
      const line = container.id + buffer(request.partition).toString('latin1');
      // Whose turn comes later has no time left for a node's answer: nothing is done rather than nobody knows what.
      const { requestTimeoutMs, serverTimeoutMs } = this.options;
      const patienceMs = Math.max(requestTimeoutMs - serverTimeoutMs, requestTimeoutMs / 2);
      return await this.#lines.run(line, patienceMs, () => this.#writer.writeGuarded(container, order));
    });
  }

  close(): Promise<void> {
    this.#closing ??= this.#closeOnce();
    return this.#closing;
  }

  async #closeOnce(): Promise<void> {
    if (this.#callsUnderWay > 0) {
      await new Promise<void>((resolve) => {
        this.#onQuiet = resolve;
      });
    }
    await this.session.close();
  }

  /** Every method's frame: refuses after `close`, counts what is under way, turns the client library's errors into ours. */
  async #call<Result>(action: () => Promise<Result>): Promise<Result> {
    if (this.#closing !== undefined) throw new StorageUnavailableError('the Cassandra driver is closed');
    this.#callsUnderWay += 1;
    try {
      return await action();
    } catch (error) {
      throw readFailure(error);
    } finally {
      this.#callsUnderWay -= 1;
      if (this.#callsUnderWay === 0) this.#onQuiet?.();
    }
  }

  /** A call on a container: finds out whether it is gone where an error may mean that. */
  #use<Result>(container: Container, action: (handle: ContainerHandle) => Promise<Result>): Promise<Result> {
    return this.#call(async () => {
      if (this.#dropped.has(container.id)) throw containerNotFound(container.id);
      try {
        return await action(this.#handleOf(container));
      } catch (error) {
        if (error instanceof RangeError) throw error;
        const cause = error instanceof StorageError ? error.cause : error;
        // Where nobody can say whether the table is gone, the first error is what is known.
        const isGone = mayBeDropped(cause) && (await this.#isGone(container, cause).catch(() => false));
        if (!isGone) throw error;
        throw containerNotFound(container.id, cause);
      }
    });
  }

  /** Asks whether a container's table is gone; again for a moment where it may be going right now. */
  async #isGone(container: Container, error: unknown): Promise<boolean> {
    for (let look = 1; ; look += 1) {
      if (this.#dropped.has(container.id)) return true;
      if (!(await this.#schema.exists(container))) {
        this.#known.delete(container.id);
        return true;
      }
      if (look === DROP_LOOKS || !isBeingDropped(error)) return false;
      await sleep(DROP_LOOK_PAUSE_MS * 2 ** (look - 1));
    }
  }

  async #changeSchema(action: () => Promise<void>): Promise<void> {
    try {
      await action();
    } catch (error) {
      throw error instanceof StorageError || nothingWasDone(error) ? error : outcomeUnknown(error);
    }
  }

  #handleOf(container: Container): ContainerHandle {
    const known = this.#known.get(container.id);
    if (known !== undefined) return known;
    const handle = new ContainerHandle(this.#schema.tableOf(container), container.kind);
    if (this.#known.size >= MAX_KNOWN_CONTAINERS) {
      const oldest = this.#known.keys().next();
      if (oldest.done !== true) this.#known.delete(oldest.value);
    }
    this.#known.set(container.id, handle);
    return handle;
  }
}

/** Rows as they came, expired ones too. */
interface RawPage {
  readonly rows: readonly ResultRow[];
  /** As many as were asked for: more may follow. */
  readonly isFull: boolean;
}

/** The columns of a row; the client library's own row class has its methods beside them. */
function columnsOf({ ik, r, v, x, item }: ResultRow): ResultRow {
  return {
    ...(ik === undefined ? {} : { ik }),
    ...(r === undefined ? {} : { r }),
    ...(v === undefined ? {} : { v }),
    ...(x === undefined ? {} : { x }),
    ...(item === undefined ? {} : { item }),
  };
}

/** A key whose bytes are the receiver's own. */
function ownKey({ index, indexKey, sortKey }: RowKey): RowKey {
  return { index, indexKey: Buffer.from(indexKey), sortKey: Buffer.from(sortKey) };
}

function copyOf(row: Row): Row {
  return { ...row, key: ownKey(row.key), version: Buffer.from(row.version), value: Buffer.from(row.value) };
}

/** Adds to a set that forgets its oldest members. */
function remember(set: Set<string>, member: string): void {
  set.add(member);
  if (set.size <= MAX_KNOWN_CONTAINERS) return;
  const oldest = set.values().next();
  if (oldest.done !== true) set.delete(oldest.value);
}

/** Whether the nodes run Paxos v2; says so in the log where they don't. */
async function looksAtPaxos(client: Client, logger: Logger): Promise<boolean> {
  const options = { prepare: true, isIdempotent: true, consistency: types.consistencies.localOne };
  const query = "SELECT value FROM system_views.settings WHERE name = 'paxos_variant'";
  // Releases before 4.1 don't know the setting.
  const value = await client.execute(query, [], options).then(
    (result) => (firstOf(result) as { readonly value: string } | undefined)?.value,
    () => undefined,
  );
  if (value === 'v2') return true;
  logger.warn(
    'Cassandra runs Paxos v1: writes cost a round trip more, and much more where they meet; set paxos_variant: v2',
    {
      paxos_variant: value ?? 'unknown',
    },
  );
  return false;
}
