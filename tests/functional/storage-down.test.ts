import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import type { EngineOptions } from '../../magnetodb/engine/options.js';
import { silentLogger, type LogFields, type Logger } from '../../magnetodb/logging/logger.js';
import type { StorageDriver } from '../../magnetodb/storage/driver.js';
import { failingDriver } from '../conformance/failing-driver.js';
import { Client, tableBody, type Answer } from '../support/client.js';
import { expectFault } from '../support/faults.js';
import { overriding } from '../support/overriding.js';
import { serveDriver } from '../support/serve-driver.js';
import { openTemporaryDriver } from '../support/temporary-driver.js';

const KEY = { id: { S: 'a' } };
const QUERY = { key_conditions: { id: { comparison_operator: 'EQ', attribute_value_list: [{ S: 'a' }] } } };
const SHAPE = { attributes: { id: 'S' } };

/** Every operation, by its name; bulk_load, which answers 200 in any case, has a test of its own. */
const READS: Record<string, (client: Client) => Promise<Answer>> = {
  list_tables: (client) => client.get('/tables'),
  describe_table: (client) => client.get('/tables/table'),
  get_item: (client) => client.post('/tables/table/get_item', { key: KEY }),
  query: (client) => client.post('/tables/table/query', QUERY),
  scan: (client) => client.post('/tables/table/scan', {}),
  batch_get_item: (client) => client.post('/batch_get_item', { request_items: { table: { keys: [KEY] } } }),
};
const ITEM_WRITES: Record<string, (client: Client) => Promise<Answer>> = {
  put_item: (client) => client.post('/tables/table/put_item', { item: KEY }),
  update_item: (client) =>
    client.post('/tables/table/update_item', {
      key: KEY,
      attribute_updates: { n: { action: 'ADD', value: { N: '1' } } },
    }),
  delete_item: (client) => client.post('/tables/table/delete_item', { key: KEY }),
  batch_write_item: (client) =>
    client.post('/batch_write_item', { request_items: { table: [{ put_request: { item: KEY } }] } }),
};
const TABLE_WRITES: Record<string, (client: Client) => Promise<Answer>> = {
  create_table: (client) => client.post('/tables', tableBody('another', SHAPE)),
  delete_table: (client) => client.send('DELETE', '/tables/table'),
};

// A broken dependency gets 503 and a log line that tells the operator what to do; the client learns no more than that.
describe('a storage that fails', () => {
  const warnings: { event: string; fields: LogFields }[] = [];
  const logger: Logger = {
    ...silentLogger,
    warn: (event, fields = {}) => {
      warnings.push({ event, fields });
    },
  };
  const closing: (() => Promise<void>)[] = [];

  afterEach(async () => {
    warnings.length = 0;
    for (const close of closing.splice(0).reverse()) await close();
  });

  async function serve(driver: StorageDriver, options: Partial<EngineOptions> = {}): Promise<Client> {
    const server = await serveDriver(driver, logger, options);
    closing.push(() => server.close());
    return new Client(server.url, 'project');
  }

  /** A table on a sound store, then the same store through `broken`. */
  async function serveBroken(
    broken: (sound: StorageDriver) => StorageDriver,
    options: Partial<EngineOptions> = {},
  ): Promise<Client> {
    const { driver, close } = await openTemporaryDriver();
    closing.push(close);
    await (await serve(driver)).createTable('table', SHAPE);
    warnings.length = 0;
    return await serve(broken(driver), options);
  }

  function expectUnavailable(answer: Answer): void {
    expectFault(answer, 503, 'ServiceUnavailable');
    expect(answer.headers.get('retry-after')).to.match(/^\d+$/);
    const trouble = warnings.filter(({ event }) => event === 'storage trouble');
    expect(trouble.length).to.equal(1);
    expect(trouble[0]?.fields.advice).to.be.a('string');
  }

  for (const [operation, call] of Object.entries({ ...READS, ...ITEM_WRITES, ...TABLE_WRITES })) {
    it(`is told as 503 by ${operation}`, async () => {
      expectUnavailable(await call(await serve(failingDriver())));
    });
  }

  // The catalogue answers, a table's own rows don't: as when some replicas are down.
  for (const [operation, call] of Object.entries({ ...READS, ...ITEM_WRITES })) {
    if (operation === 'list_tables' || operation === 'describe_table') continue;
    it(`is told as 503 by ${operation} where the table is known`, async () => {
      const down = failingDriver();
      const client = await serveBroken((sound) =>
        overriding(sound, {
          get: (container, ...rest) => (container.project === '' ? sound : down).get(container, ...rest),
          getMany: (...call) => down.getMany(...call),
          range: (container, ...rest) => (container.project === '' ? sound : down).range(container, ...rest),
          scan: (...call) => down.scan(...call),
          write: (container, ...rest) => (container.project === '' ? sound : down).write(container, ...rest),
        }),
      );
      expectUnavailable(await call(client));
    });
  }

  // decisions: without a quorum, reads that need none go on; all else gets 503, and all is well when it is back.
  it('of which a quorum is lost serves the reads that need none', async () => {
    let isDown = false;
    const down = failingDriver();
    const client = await serveBroken(
      (sound) =>
        overriding(sound, {
          get: (container, ref, consistency) =>
            (isDown && consistency === 'strong' ? down : sound).get(container, ref, consistency),
          getMany: (container, refs, consistency) =>
            (isDown && consistency === 'strong' ? down : sound).getMany(container, refs, consistency),
          range: (container, request) =>
            (isDown && request.consistency === 'strong' ? down : sound).range(container, request),
          write: (...call) => (isDown ? down : sound).write(...call),
        }),
      { tableCacheMs: 20 },
    );
    await client.put('table', KEY);
    isDown = true;
    await sleep(30);
    for (const name of ['get_item', 'query', 'scan', 'batch_get_item']) {
      const answer = await READS[name]!(client);
      expect(answer.status, name).to.equal(200);
      expect(answer.text, name).to.contain('"S":"a"');
    }
    const refused: Answer[] = [
      await client.call('table', 'get_item', { key: KEY, consistent_read: true }),
      await client.call('table', 'query', { ...QUERY, consistent_read: true }),
      await client.post('/batch_get_item', {
        request_items: { table: { keys: [KEY], consistent_read: true } },
      }),
    ];
    for (const call of Object.values(ITEM_WRITES)) refused.push(await call(client));
    for (const answer of refused) expectFault(answer, 503, 'ServiceUnavailable');
    isDown = false;
    await client.put('table', KEY);
    expect(await client.getItem('table', KEY)).to.deep.equal(KEY);
  });

  // Whoever repeats a write of unknown outcome may do it twice: no Retry-After, and a type of its own.
  for (const [operation, call] of Object.entries(ITEM_WRITES)) {
    it(`that leaves a write unknown is told as such by ${operation}`, async () => {
      const lost = failingDriver('writes-unknown');
      const client = await serveBroken((sound) =>
        overriding(sound, {
          write: (container, ...rest) => (container.project === '' ? sound : lost).write(container, ...rest),
        }),
      );
      const answer = await call(client);
      expectFault(answer, 503, 'OutcomeUnknown');
      expect(answer.headers.get('retry-after')).to.equal(null);
    });
  }

  // A slow store must not make requests hang, however many of them want the same item.
  it('by its slowness is told as 503 once the time of a request is up', async () => {
    const client = await serveBroken(
      (sound) =>
        overriding(sound, {
          get: async (container, ...rest) => {
            if (container.project !== '') await sleep(400);
            return await sound.get(container, ...rest);
          },
        }),
      { requestTimeoutMs: 200 },
    );
    const update = ITEM_WRITES.update_item!;
    const startMs = performance.now();
    const answers = await Promise.all(Array.from({ length: 10 }, () => update(client)));
    expect(performance.now() - startMs).to.be.below(1000);
    for (const answer of answers) expectFault(answer, 503, 'ServiceUnavailable');
    expect((await client.post('/tables/table/get_item', { key: KEY })).text).to.equal('{}');
  });

  it('is counted by bulk_load, which answers 200', async () => {
    const client = await serve(failingDriver());
    const answer = await client.post('/tables/table/bulk_load', '{"id":{"S":"a"}}\n{"id":{"S":"b"}}\n');
    expect(answer.status).to.equal(200);
    expect(answer.body).to.include({ read: 2, processed: 0, failed: 1, unprocessed: 1 });
  });
});
