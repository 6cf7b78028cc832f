import { expect } from 'chai';
import {
  OutcomeUnknownError,
  TableNotExistsError,
  ValidationError,
} from '../../../../../magnetodb/engine/errors.js';
import type { Engine, PutItemRequest, TableDescription } from '../../../../../magnetodb/engine/requests.js';
import type { Item } from '../../../../../magnetodb/engine/values.js';
import { silentLogger, type LogFields } from '../../../../../magnetodb/logging/logger.js';
import type { HttpServer } from '../../../../../magnetodb/server/http-server.js';
import { serveApp } from '../../serve-app.js';

interface Report {
  readonly read: number;
  readonly processed: number;
  readonly unprocessed: number;
  readonly failed: number;
  readonly failed_items: Record<string, string>;
  readonly failed_items_truncated?: boolean;
}

/** A put that the test ends. */
interface PendingPut {
  readonly item: Item;
  resolve(): void;
  reject(error: Error): void;
}

describe('bulk_load over an engine', () => {
  let server: HttpServer | undefined;
  afterEach(async () => {
    await server?.close();
    server = undefined;
  });

  const describeTable: Engine['describeTable'] = () =>
    Promise.resolve({ hashKey: 'h' } as unknown as TableDescription);
  const line = (h: string, v = ''): string => `{"h":{"S":"${h}"},"v":{"S":"${v}"}}\n`;
  const lines = (n: number): string => Array.from({ length: n }, (_, i) => line(`k${i}`)).join('');
  const load = async (body: string, query = ''): Promise<Report> => {
    const answer = await fetch(`${server!.url}/p1/tables/table/bulk_load${query}`, { method: 'POST', body });
    expect(answer.status).to.equal(200);
    return (await answer.json()) as Report;
  };
  const text = (item: Item, name: string): unknown => {
    const value = item.get(name);
    return value?.type === 'S' ? value.value : undefined;
  };

  /** An engine whose puts wait; `next` gives them in the order of their calls. */
  function slowEngine(): { engine: Partial<Engine>; pending: PendingPut[]; called: () => Promise<void> } {
    const pending: PendingPut[] = [];
    let wake: (() => void) | undefined;
    const putItem = (_project: unknown, _table: unknown, { item }: PutItemRequest): Promise<undefined> =>
      new Promise((resolve, reject) => {
        pending.push({
          item,
          resolve: () => {
            resolve(undefined);
          },
          reject,
        });
        wake?.();
      });
    const called = (): Promise<void> => new Promise((resolve) => (wake = resolve));
    return { engine: { describeTable, putItem }, pending, called };
  }
  const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 30));

  // A bound on what is under way: and one put alone first, so that a missing table is one failure.
  it('begins with one put and then has no more under way than allowed', async () => {
    const { engine, pending, called } = slowEngine();
    server = await serveApp(engine, { bulk_concurrency: 3 });
    const first = called();
    const report = load(lines(10));
    await first;
    await settle();
    expect(pending).to.have.lengthOf(1);
    pending.shift()!.resolve();
    await settle();
    expect(pending).to.have.lengthOf(3);
    for (let done = 1; done < 10; done++) {
      while (pending.length === 0) await settle();
      expect(pending.length).to.be.at.most(3);
      pending.shift()!.resolve();
    }
    expect(await report).to.include({ read: 10, processed: 10, failed: 0 });
  });

  // The later of two lines with one key must stay, however long the earlier put takes.
  it('puts lines of one key one after the other', async () => {
    const { engine, pending, called } = slowEngine();
    server = await serveApp(engine, { bulk_concurrency: 10 });
    const first = called();
    const report = load(line('first') + line('a', '1') + line('b', '1') + line('a', '2') + line('a', '3'));
    await first;
    pending.shift()!.resolve();
    await settle();
    expect(pending.map(({ item }) => text(item, 'h'))).to.deep.equal(['a', 'b']);
    const order: unknown[] = [];
    while (order.length < 4) {
      const put = pending.shift();
      if (put === undefined) {
        await settle();
        continue;
      }
      order.push([text(put.item, 'h'), text(put.item, 'v')]);
      put.resolve();
    }
    expect(order).to.deep.equal([
      ['a', '1'],
      ['b', '1'],
      ['a', '2'],
      ['a', '3'],
    ]);
    expect((await report).processed).to.equal(5);
  });

  // Section 12: writes already handed over are finished and counted.
  it('finishes what is under way when a put fails', async () => {
    const { engine, pending, called } = slowEngine();
    server = await serveApp(engine, { bulk_concurrency: 3 });
    const first = called();
    const report = load(lines(10));
    await first;
    pending.shift()!.resolve();
    await settle();
    pending[1]!.reject(new OutcomeUnknownError('nobody knows'));
    await settle();
    pending[0]!.resolve();
    pending[2]!.resolve();
    const { failed_items, ...counts } = await report;
    expect(counts).to.include({ read: 10, processed: 3, unprocessed: 6, failed: 1 });
    expect(Object.values(failed_items)).to.deep.equal(['OutcomeUnknown(nobody knows)']);
  });

  // Where the table can't be looked up, there is one failure and no flood.
  it('fails once for a table that is not there', async () => {
    let puts = 0;
    server = await serveApp({
      describeTable: () => Promise.reject(new TableNotExistsError('table')),
      putItem: () => {
        puts++;
        return Promise.reject(new TableNotExistsError('table'));
      },
    });
    expect(await load(lines(500))).to.include({ read: 500, processed: 0, unprocessed: 499, failed: 1 });
    expect(puts).to.equal(1);
  });

  // An internal error is told without detail and logged once, not for every line.
  it('tells nothing of an internal error', async () => {
    const logged: (LogFields | undefined)[] = [];
    const logger = { ...silentLogger, error: (_event: string, fields?: LogFields) => logged.push(fields) };
    server = await serveApp(
      { describeTable, putItem: () => Promise.reject(new Error('secret')) },
      {},
      undefined,
      logger,
    );
    const report = await load(lines(20), '?on_error=continue');
    expect(report).to.include({ read: 20, failed: 20 });
    expect(JSON.stringify(report)).to.include('InternalError(').and.not.include('secret');
    expect(logged).to.have.lengthOf(1);
  });

  // Both bounds of the report: how many, and how many bytes.
  it('bounds what it tells of failures', async () => {
    const putItem = (): Promise<never> => Promise.reject(new ValidationError('no'));
    server = await serveApp({ describeTable, putItem }, { max_failed_items: 3 });
    const few = await load(lines(5), '?on_error=continue');
    expect(Object.keys(few.failed_items)).to.have.lengthOf(3);
    expect(few.failed_items_truncated).to.equal(true);
    await server.close();
    server = await serveApp({ describeTable, putItem }, { max_failed_size: 100 });
    const short = await load(lines(5), '?on_error=continue');
    expect(Object.keys(short.failed_items)).to.have.lengthOf(2);
    expect(short).to.include({ failed: 5, failed_items_truncated: true });
  });
});
