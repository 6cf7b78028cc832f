/**
 * Constant reads and writes of one table by one process, of which nothing is known: is the table there, is it ACTIVE, is
 * its key a text or a number. Every operation goes on record, with what came of it.
 */
import type { Engine } from '../../../magnetodb/engine/requests.js';
import { parseTableName } from '../../../magnetodb/engine/names.js';
import type { StoredItem } from '../../../magnetodb/engine/stored-item.js';
import { codeOf, keyOf, projectOf, type Place } from './questions.js';

export type KeyType = 'S' | 'N';

/** One operation, and its answer. */
export interface LoadRecord {
  readonly kind: 'write' | 'read';
  readonly operation: string;
  readonly keyType: KeyType;
  /** The item that was written, or asked for; absent: any. */
  readonly item?: string;
  /** By the machine's clock, in milliseconds: just before, and just after. */
  readonly beganMs: number;
  readonly endedMs: number;
  /** `ok`, or the error's code. */
  readonly outcome: string;
  readonly message?: string;
  /** The items that a read has shown. */
  readonly seen: readonly string[];
}

const WORKERS = 2;
/** Every so many rounds of a worker there is a scan, too. */
const ROUNDS_PER_SCAN = 20;

/** An item's name in records: its key, with its type. */
export function itemName(keyType: KeyType, id: string): string {
  return `${keyType}:${id}`;
}

/** Begins. @returns what ends it. */
export function startLoad(engine: Engine, place: Place): () => Promise<readonly LoadRecord[]> {
  const load = new Load(engine, place);
  const workers = Array.from({ length: WORKERS }, (_, index) => load.work(index + 1));
  return async () => {
    load.isStopped = true;
    await Promise.all(workers);
    return load.records;
  };
}

class Load {
  readonly records: LoadRecord[] = [];
  isStopped = false;

  constructor(
    private readonly engine: Engine,
    private readonly place: Place,
  ) {}

  async work(worker: number): Promise<void> {
    for (let round = 0; !this.isStopped; round += 1) {
      const id = String(worker * 10_000_000 + round);
      for (const keyType of ['S', 'N'] as const) {
        await this.write(keyType, id, round);
        await this.read(keyType, id, round);
        if (round % ROUNDS_PER_SCAN === 0) await this.scan(keyType);
      }
    }
  }

  private async write(keyType: KeyType, id: string, round: number): Promise<void> {
    const { engine } = this;
    const project = projectOf(this.place.project);
    const { table } = this.place;
    const item = keyOf(id, keyType);
    const fields = { kind: 'write', keyType, item: itemName(keyType, id) } as const;
    switch (round % 3) {
      case 0:
        await this.note({ ...fields, operation: 'put_item' }, async () => {
          await engine.putItem(project, table, { item, expected: new Map(), returnValues: 'NONE' });
          return [];
        });
        return;
      case 1:
        await this.note({ ...fields, operation: 'update_item' }, async () => {
          const updates = new Map([['n', { action: 'PUT', value: { type: 'S', value: 'x' } } as const]]);
          const rest = { expected: new Map(), returnValues: 'NONE' } as const;
          await engine.updateItem(project, table, { key: item, updates, ...rest });
          return [];
        });
        return;
      default:
        await this.note({ ...fields, operation: 'batch_write_item' }, async () => {
          const requests = new Map([[parseTableName(table), [{ kind: 'put', item } as const]]]);
          const { unprocessed } = await engine.batchWriteItem(project, requests);
          return unprocessed.size > 0 ? 'unprocessed' : [];
        });
    }
  }

  private async read(keyType: KeyType, id: string, round: number): Promise<void> {
    const { engine } = this;
    const project = projectOf(this.place.project);
    const { table } = this.place;
    const key = keyOf(id, keyType);
    const fields = { kind: 'read', keyType, item: itemName(keyType, id) } as const;
    switch (round % 3) {
      case 0:
        await this.note({ ...fields, operation: 'get_item' }, async () => {
          const stored = await engine.getItem(project, table, { key, consistentRead: true });
          return stored === undefined ? [] : [stored];
        });
        return;
      case 1:
        await this.note({ ...fields, operation: 'query' }, async () => {
          const value = key.get('id')!;
          const pages = engine.query(project, table, {
            keyConditions: new Map([['id', { operator: 'EQ', values: [value] }]]),
            consistentRead: true,
            forward: true,
          });
          const found: StoredItem[] = [];
          for await (const { items } of pages) found.push(...items);
          return found;
        });
        return;
      default:
        await this.note({ ...fields, operation: 'batch_get_item' }, async () => {
          const requests = new Map([[parseTableName(table), { keys: [key], consistentRead: true }]]);
          const { responses, unprocessed } = await engine.batchGetItem(project, requests);
          return unprocessed.size > 0 ? 'unprocessed' : [...responses.values()].flat();
        });
    }
  }

  private async scan(keyType: KeyType): Promise<void> {
    await this.note({ kind: 'read', operation: 'scan', keyType }, async () => {
      const { project, table } = this.place;
      const request = { filter: new Map(), segment: 0, totalSegments: 1, limit: 50 };
      const found: StoredItem[] = [];
      for await (const { items } of this.engine.scan(projectOf(project), table, request))
        found.push(...items);
      return found;
    });
  }

  private async note(
    fields: Pick<LoadRecord, 'kind' | 'operation' | 'keyType' | 'item'>,
    operation: () => Promise<readonly StoredItem[] | 'unprocessed'>,
  ): Promise<void> {
    const beganMs = Date.now();
    let result: Pick<LoadRecord, 'outcome' | 'message' | 'seen'>;
    try {
      const found = await operation();
      result =
        found === 'unprocessed'
          ? { outcome: 'ServiceUnavailable', message: 'unprocessed', seen: [] }
          : { outcome: 'ok', seen: found.map(nameOf) };
    } catch (error) {
      result = { outcome: codeOf(error), message: (error as Error).message, seen: [] };
    }
    this.records.push({ ...fields, ...result, beganMs, endedMs: Date.now() });
  }
}

function nameOf(stored: StoredItem): string {
  const id = stored.item.get('id');
  return id?.type === 'S' || id?.type === 'N' ? itemName(id.type, id.value) : 'no key';
}
