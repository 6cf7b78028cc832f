/**
 * Writes, and what became of one that nobody answered.
 *
 * A write is one statement or one batch of a single partition, so its rows change in one step. On a guarded container
 * one of the statements carries the condition, which decides for all of them.
 *
 * A compare-and-set that times out may have been carried out, may still be, or never. What is done then:
 *
 * - A guarded write (`absent`, `version`) is sent again, unchanged, to another replica. Applied, it is applied; refused
 *   by a row that has its version, or that says it replaced that version, it was applied before. A row that says it
 *   replaced the version which this write was guarded by has taken its place: a version has one successor. Anything
 *   else proves nothing.
 * - A write guarded by nothing would be applied a second time over what others have written meanwhile. So it is looked
 *   for, by a serial read: a row that has its version proves that it was applied, anything else proves nothing.
 * - A plain write leaves nothing to look for.
 *
 * Where nothing is proved, the caller is told that the outcome is unknown.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { types } from 'cassandra-driver';
import type { Logger } from '../../logging/logger.js';
import type { Container, Guard, Mutation, RowKey, WriteRequest } from '../driver.js';
import { StorageUnavailableError } from '../errors.js';
import { rowName } from '../checks.js';
import { sameVersion } from '../versions.js';
import { isUnavailable, nothingWasDone, outcomeUnknown } from './errors.js';
import {
  NEVER,
  buffer,
  expiryColumn,
  expiryOf,
  guardedItem,
  guardedRowOf,
  plainItem,
  ttlSeconds,
  uuid,
  type GuardedRow,
  type ResultRow,
} from './rows.js';
import type { Session, Statement } from './session.js';
import type { Condition, Statements } from './statements.js';

const RETRY_PAUSE_MS = 50;
/** Below this there is no point in asking again, in milliseconds. */
const SHORTEST_TIMEOUT_MS = 100;

export interface WriterOptions {
  /** Whether the nodes run Paxos v2, where a node that refuses for lack of replicas has not begun. */
  readonly isPaxosV2: () => boolean;
}

/** A write on its way. */
export interface Order {
  readonly statements: Statements;
  readonly request: WriteRequest;
  readonly bytes: number;
  /** When its caller gives up, by `performance.now()`. */
  readonly deadlineMs: number;
}

/** What a node answered to a compare-and-set. */
interface Verdict {
  readonly isApplied: boolean;
  /** The guarded row, where there is one and it was shown: its version, and its `x`. */
  readonly row: ResultRow;
}

/** The condition of a compare-and-set, and the row that it looks at. */
interface Test {
  readonly condition: Condition;
  readonly key: RowKey;
  readonly params: readonly unknown[];
}

export class Writer {
  constructor(
    private readonly session: Session,
    private readonly logger: Logger,
    private readonly options: WriterOptions,
  ) {}

  /** Writes to a plain container. @throws what the client library throws, where nothing was done; OutcomeUnknownError */
  async writePlain(order: Order): Promise<void> {
    const { partition, mutations, version } = order.request;
    const nowMs = Date.now();
    const h = buffer(partition);
    const statements = mutations.map((mutation): Statement => {
      const place = [h, ...placeOf(mutation.key)];
      if (!isPut(mutation, nowMs)) return { query: order.statements.delete(), params: place };
      const { value, expiresAtMs } = mutation;
      const item = plainItem(value, version, expiresAtMs);
      return { query: order.statements.put(), params: [ttlSeconds(expiresAtMs, nowMs), item, ...place] };
    });
    try {
      await this.session.write(statements, order.bytes, 0, this.timeLeft(order));
    } catch (error) {
      throw isCertain(error) ? error : outcomeUnknown(error);
    }
  }

  /**
   * Writes to a guarded container.
   * @throws what the client library throws, where nothing was done; OutcomeUnknownError
   */
  async writeGuarded(container: Container, order: Order): Promise<'applied' | 'conflict'> {
    let test = testOf(order.request);
    /** The first failure after which the write may have been applied. */
    let doubt: unknown;
    for (let attempt = 0; ; attempt += 1) {
      let verdict: Verdict;
      try {
        verdict = await this.compareAndSet(order, test, attempt);
      } catch (error) {
        if (this.isCertain(error)) {
          // That this attempt did nothing says nothing about an earlier one.
          if (doubt === undefined) throw error;
        } else {
          doubt ??= error;
        }
        if (order.request.guard.kind === 'any') return await this.look(container, order, doubt);
        if (this.timeLeft(order) <= 2 * RETRY_PAUSE_MS) throw outcomeUnknown(doubt);
        await sleep(RETRY_PAUSE_MS * (0.5 + Math.random()));
        continue;
      }
      // Deleting what is not there is a success; no other write without a guard is ever refused.
      if (verdict.isApplied || order.request.guard.kind === 'any') {
        if (doubt !== undefined) this.tell(container, 'repeated');
        return 'applied';
      }
      if (doubt !== undefined) return await this.judge(container, order, verdict, doubt);
      const expired = expiredVersion(order.request.guard, verdict.row);
      if (expired === undefined) return 'conflict';
      // The row is absent for everybody, though Cassandra still has it: what it has is taken for nothing.
      test = { ...test, condition: 'expired', params: [uuid(expired)] };
    }
  }

  private async compareAndSet(order: Order, test: Test, attempt: number): Promise<Verdict> {
    const statements = statementsOf(order, test);
    const result = await this.session.write(statements, order.bytes, attempt, this.timeLeft(order));
    return verdictOf(result);
  }

  /** Looks whether a write without a guard, which nobody answered, has been applied. */
  private async look(container: Container, order: Order, doubt: unknown): Promise<'applied'> {
    const key = witnessOf(order.request);
    if (key === undefined) throw outcomeUnknown(doubt);
    const row = await this.serialRead(order, key, doubt);
    if (row === undefined || !sameVersion(row.version, order.request.version)) throw outcomeUnknown(doubt);
    this.tell(container, 'found');
    return 'applied';
  }

  /** A guarded write was sent again and refused: whether it was applied the first time. */
  private async judge(
    container: Container,
    order: Order,
    verdict: Verdict,
    doubt: unknown,
  ): Promise<'applied' | 'conflict'> {
    const { guard, version } = order.request;
    const key = witnessOf(order.request);
    if (key === undefined || guard.kind === 'any') throw outcomeUnknown(doubt);
    const isGuarded = isSameRow(key, guard.key);
    const shown = isGuarded ? verdict.row.v?.getBuffer() : undefined;
    if (shown !== undefined && sameVersion(shown, version)) {
      this.tell(container, 'applied before');
      return 'applied';
    }
    const row = await this.serialRead(order, key, doubt);
    if (row !== undefined && (sameVersion(row.version, version) || isSame(row.replaced, version))) {
      this.tell(container, 'applied before');
      return 'applied';
    }
    if (isGuarded && guard.kind === 'version' && isSame(row?.replaced, guard.version)) {
      this.tell(container, 'another in its place');
      return 'conflict';
    }
    throw outcomeUnknown(doubt);
  }

  /** A row as all compare-and-sets under way have left it; asked for until the deadline. */
  private async serialRead(order: Order, key: RowKey, doubt: unknown): Promise<GuardedRow | undefined> {
    const statement = {
      query: order.statements.get,
      params: [buffer(order.request.partition), ...placeOf(key)],
    };
    for (;;) {
      try {
        const timeoutMs = this.timeLeft(order);
        const result = await this.session.read(statement, 'serial', order.bytes, undefined, timeoutMs);
        return guardedRowOf(result.first() as ResultRow | null);
      } catch {
        if (this.timeLeft(order) <= 2 * RETRY_PAUSE_MS) throw outcomeUnknown(doubt);
        await sleep(RETRY_PAUSE_MS * (0.5 + Math.random()));
      }
    }
  }

  /** What is left of the caller's time, for one attempt. */
  private timeLeft({ deadlineMs }: Order): number {
    return Math.max(SHORTEST_TIMEOUT_MS, Math.floor(deadlineMs - performance.now()));
  }

  /** Whether a compare-and-set has certainly not begun. */
  private isCertain(error: unknown): boolean {
    return isCertain(error) && (this.options.isPaxosV2() || !isUnavailable(error));
  }

  private tell(container: Container, outcome: string): void {
    this.logger.info('the outcome of an unanswered write was found', { container: container.id, outcome });
  }
}

/** Whether a failed statement has certainly not been carried out, and won't be. */
function isCertain(error: unknown): boolean {
  return error instanceof StorageUnavailableError || nothingWasDone(error);
}

function isSame(a: Uint8Array | undefined, b: Uint8Array): boolean {
  return a !== undefined && sameVersion(a, b);
}

function placeOf({ index, indexKey, sortKey }: RowKey): [string, Buffer, Buffer] {
  return [index, buffer(indexKey), buffer(sortKey)];
}

/** A put whose instant has passed acts as a delete. */
function isPut(mutation: Mutation, nowMs: number): mutation is Mutation & { kind: 'put' } {
  return mutation.kind === 'put' && (mutation.expiresAtMs === undefined || mutation.expiresAtMs > nowMs);
}

/** The row that shows what became of a write: the guarded one if it is put, else any that is. */
function witnessOf({ mutations, guard }: WriteRequest): RowKey | undefined {
  const nowMs = Date.now();
  const puts = mutations.filter((mutation) => isPut(mutation, nowMs)).map(({ key }) => key);
  if (guard.kind === 'any') return puts[0];
  return puts.find((key) => isSameRow(key, guard.key)) ?? puts[0];
}

function testOf({ mutations, guard, version }: WriteRequest): Test {
  switch (guard.kind) {
    case 'absent':
      return { condition: 'absent', key: guard.key, params: [] };
    case 'version':
      return {
        condition: 'version',
        key: guard.key,
        params: [uuid(guard.version), BigInt(Date.now())],
      };
    case 'any': {
      // Every write is a compare-and-set, so one without a guard has a condition that always holds.
      const [first, ...others] = mutations;
      if (first === undefined) throw new RangeError('a write has at least one mutation');
      const isOneDelete = others.length === 0 && !isPut(first, Date.now());
      return isOneDelete
        ? { condition: 'exists', key: first.key, params: [] } // no tombstone where nothing is
        : { condition: 'not-mine', key: first.key, params: [uuid(version)] };
    }
  }
}

function statementsOf({ statements, request }: Order, test: Test): Statement[] {
  const { partition, mutations, guard, version } = request;
  const nowMs = Date.now();
  const h = buffer(partition);
  const tested = mutations.findIndex(({ key }) => isSameRow(key, test.key));
  const all = mutations.map((mutation, position): Statement => {
    const isTested = position === tested;
    const condition = isTested ? test.condition : undefined;
    const place = [h, ...placeOf(mutation.key), ...(isTested ? test.params : [])];
    if (!isPut(mutation, nowMs)) return { query: statements.delete(condition), params: place };
    const { value, expiresAtMs } = mutation;
    const replaced = isTested && guard.kind === 'version' ? guard.version : undefined;
    return {
      query: statements.put(condition),
      params: [
        ttlSeconds(expiresAtMs, nowMs),
        uuid(version),
        expiryColumn(expiresAtMs),
        guardedItem(value, replaced),
        ...place,
      ],
    };
  });
  if (tested < 0) {
    all.push({ query: statements.guard(test.condition), params: [h, ...placeOf(test.key), ...test.params] });
  }
  return all;
}

function isSameRow(a: RowKey, b: RowKey): boolean {
  return a === b || rowName(a) === rowName(b);
}

function verdictOf(result: types.ResultSet): Verdict {
  const row = result.first() as (ResultRow & { readonly '[applied]'?: boolean }) | null;
  return { isApplied: row?.['[applied]'] === true, row: row ?? {} };
}

/** The version of the row that refused a write guarded by absence, where that row has expired. */
function expiredVersion(guard: Guard, { v, x }: ResultRow): Buffer | undefined {
  if (guard.kind !== 'absent' || v === undefined || v === null || x === NEVER) return undefined;
  const expiresAtMs = expiryOf(x);
  return expiresAtMs !== undefined && expiresAtMs <= Date.now() ? v.getBuffer() : undefined;
}
