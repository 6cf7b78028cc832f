/**
 * The storage contract over one partition's rows in memory, as plainly as it can be said: what a driver's answers are
 * compared with. It knows no expiry.
 */
import type {
  Guard,
  Mutation,
  Page,
  RangeRequest,
  Row,
  RowKey,
  Version,
} from '../../magnetodb/storage/driver.js';

export class PartitionModel {
  private rows: Row[] = [];

  get(key: RowKey): Row | undefined {
    return this.rows.find((row) => compareKeys(row.key, key) === 0);
  }

  write(mutations: readonly Mutation[], guard: Guard, version: Version): 'applied' | 'conflict' {
    if (guard.kind === 'absent' && this.get(guard.key) !== undefined) return 'conflict';
    if (guard.kind === 'version') {
      const row = this.get(guard.key);
      if (row === undefined || Buffer.compare(row.version, guard.version) !== 0) return 'conflict';
    }
    for (const mutation of mutations) {
      this.rows = this.rows.filter((row) => compareKeys(row.key, mutation.key) !== 0);
      if (mutation.kind === 'put') this.rows.push({ key: mutation.key, version, value: mutation.value });
    }
    this.rows.sort((a, b) => compareKeys(a.key, b.key));
    return 'applied';
  }

  /** What a range selects, without its limit. */
  range(request: Omit<RangeRequest, 'partition' | 'limit' | 'consistency'>): Row[] {
    const { index, lower, upper, after, reverse } = request;
    const rows = this.rows.filter((row) => {
      if (row.key.index !== index) return false;
      const bounded = index === '' ? row.key.sortKey : row.key.indexKey;
      if (lower !== undefined) {
        const order = Buffer.compare(bounded, lower.key);
        if (order < 0 || (order === 0 && !lower.inclusive)) return false;
      }
      if (upper !== undefined) {
        const order = Buffer.compare(bounded, upper.key);
        if (order > 0 || (order === 0 && !upper.inclusive)) return false;
      }
      if (after === undefined) return true;
      const order = compareKeys(row.key, { index, ...after });
      return reverse ? order < 0 : order > 0;
    });
    return reverse ? rows.reverse() : rows;
  }

  /** The base rows, ascending. */
  baseRows(): Row[] {
    return this.rows.filter((row) => row.key.index === '');
  }
}

function compareKeys(a: RowKey, b: RowKey): number {
  return (
    Buffer.compare(Buffer.from(a.index), Buffer.from(b.index)) ||
    Buffer.compare(a.indexKey, b.indexKey) ||
    Buffer.compare(a.sortKey, b.sortKey)
  );
}

/** Reads pages one after the other until nothing follows; fails for a page that breaks the contract's word on pages. */
export async function allPages(
  page: (after: Row | undefined) => Promise<Page>,
  limit: number,
): Promise<Row[]> {
  const rows: Row[] = [];
  for (;;) {
    const { rows: some, more } = await page(rows.at(-1));
    if (some.length > limit) throw new Error(`a page of ${some.length} rows for a limit of ${limit}`);
    if (more && some.length === 0) throw new Error('a page without a row says that more follows');
    rows.push(...some);
    if (!more) return rows;
  }
}
