/**
 * The CQL of one container. Names in it are made of the container's id and the project's (schema.ts); all that comes
 * from a caller is bound. The texts of a container differ from those of all others, so each counts in the caches of
 * prepared statements, here and on the nodes: there are few, and each of them serves many shapes of a request.
 */
import type { ContainerKind } from '../driver.js';

/** How a write is guarded, as the condition of one of its statements. */
export type Condition =
  /** Holds for a row of any other version, and for none. */
  | 'not-mine'
  | 'exists'
  | 'absent'
  /** Has this version, and has not expired. */
  | 'version'
  /** Has this version, expired or not. */
  | 'expired';

const CONDITIONS: Readonly<Record<Condition, string>> = {
  'not-mine': ' IF v != ?',
  exists: ' IF EXISTS',
  // Both columns, so that a refusal shows the instant of the row that is there.
  absent: ' IF v = null AND x = null',
  version: ' IF v = ? AND x > ?',
  expired: ' IF v = ?',
};

const KEY = 'h = ? AND ix = ? AND ik = ? AND r = ?';

export class Statements {
  /** h, ix, ik, r */
  readonly get: string;
  /** h, [(ix, ik, r) …] */
  readonly many: string;
  /** h, ix, from ik, from r, [to ik, to r,] limit */
  readonly range: Readonly<Record<'up' | 'upTo' | 'down' | 'downTo', string>>;
  /** first token, last token, limit: base rows only. */
  readonly scan: string;
  /** token: the partitions that have it. */
  readonly siblings: string;
  readonly #table: string;
  readonly #isGuarded: boolean;
  readonly #writes = new Map<string, string>();

  /** @param table the keyspace's and the table's names, as CQL wants them. */
  constructor(table: string, kind: ContainerKind) {
    this.#table = table;
    this.#isGuarded = kind === 'guarded';
    const row = this.#isGuarded ? 'v, x, item' : 'item';
    this.get = `SELECT ${row} FROM ${table} WHERE ${KEY}`;
    this.many = `SELECT ix, ik, r, ${row} FROM ${table} WHERE h = ? AND (ix, ik, r) IN ?`;
    const range = `SELECT ik, r, ${row} FROM ${table} WHERE h = ? AND ix = ? AND (ik, r) >= (?, ?)`;
    const to = ' AND (ik, r) < (?, ?)';
    const down = ' ORDER BY ix DESC, ik DESC, r DESC';
    this.range = {
      up: `${range} LIMIT ?`,
      upTo: `${range}${to} LIMIT ?`,
      down: `${range}${down} LIMIT ?`,
      downTo: `${range}${to}${down} LIMIT ?`,
    };
    // Cassandra makes a clustering slice of `ix = ''`: it reads base rows alone, though it wants to be told to filter.
    this.scan = `SELECT h, r, ${row} FROM ${table} WHERE token(h) >= ? AND token(h) <= ? AND ix = '' LIMIT ? ALLOW FILTERING`;
    this.siblings = `SELECT DISTINCT h FROM ${table} WHERE token(h) = ?`;
  }

  /** ttl, [v, x,] item, h, ix, ik, r, and what the condition binds. */
  put(condition?: Condition): string {
    const set = this.#isGuarded ? 'v = ?, x = ?, item = ?' : 'item = ?';
    return this.#write('put', condition, `UPDATE ${this.#table} USING TTL ? SET ${set} WHERE ${KEY}`);
  }

  /** h, ix, ik, r, and what the condition binds. */
  delete(condition?: Condition): string {
    return this.#write('delete', condition, `DELETE FROM ${this.#table} WHERE ${KEY}`);
  }

  /** Changes nothing, and decides whether the rest of a batch is applied. h, ix, ik, r, what the condition binds. */
  guard(condition: Condition): string {
    return this.#write('guard', condition, `DELETE g FROM ${this.#table} WHERE ${KEY}`);
  }

  #write(what: string, condition: Condition | undefined, text: string): string {
    const name = `${what} ${condition ?? ''}`;
    let statement = this.#writes.get(name);
    if (statement === undefined) {
      statement = condition === undefined ? text : text + CONDITIONS[condition];
      this.#writes.set(name, statement);
    }
    return statement;
  }
}
