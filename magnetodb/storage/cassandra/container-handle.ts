/**
 * What a process knows of a container: its statements, and roughly how large its rows are. Cassandra bounds a page by
 * rows, the contract wants bytes; so a page's rows are chosen by the size of those that came lately. Begins carefully,
 * believes a large page at once and small ones by and by.
 */
import type { ContainerKind } from '../driver.js';
import type { ResultRow } from './rows.js';
import { Statements } from './statements.js';

/** What a page should hold, in bytes. */
const PAGE_BYTES = 4 * 1024 * 1024;
/** However large rows are, and at most: an item has 400 KB, so the least is some megabytes. */
const MIN_PAGE_ROWS = 16;
const MAX_PAGE_ROWS = 1_000;
/** What a row is feared to take before one has been seen, what it is expected to, and what it takes besides its value. */
const FEARED_ROW_BYTES = 64 * 1024;
const EXPECTED_ROW_BYTES = 4 * 1024;
const ROW_OVERHEAD_BYTES = 256;

export class ContainerHandle {
  readonly statements: Statements;
  /** For the number of rows in a page: follows large rows at once, small ones slowly. */
  #fearedBytes = FEARED_ROW_BYTES;
  /** For what a page counts as while it is under way: the mean of late. */
  #expectedBytes = EXPECTED_ROW_BYTES;

  /** @param table the keyspace's and the table's names. */
  constructor(table: string, kind: ContainerKind) {
    this.statements = new Statements(table, kind);
  }

  /** What a row is expected to take, in bytes. */
  get rowBytes(): number {
    return this.#expectedBytes;
  }

  /** How many rows to ask for, where `limit` are wanted. */
  pageRows(limit: number): number {
    const fitting = Math.floor(PAGE_BYTES / this.#fearedBytes);
    return Math.min(limit, Math.max(MIN_PAGE_ROWS, Math.min(MAX_PAGE_ROWS, fitting)));
  }

  learn(rows: readonly ResultRow[]): void {
    if (rows.length === 0) return;
    let bytes = 0;
    for (const { item } of rows) bytes += ROW_OVERHEAD_BYTES + (item?.length ?? 0);
    const meanBytes = bytes / rows.length;
    this.#fearedBytes = Math.max(meanBytes, this.#fearedBytes / 2);
    this.#expectedBytes = (this.#expectedBytes + meanBytes) / 2;
  }
}
