import { expect } from 'chai';
import type { AnswerBody, Client } from '../support/client.js';
import { expectInvalid, expectNoTable, type Message } from '../support/faults.js';
import { startTestService, type TestService } from '../support/service.js';

describe('batch_get_item', () => {
  let service: TestService;
  let client: Client;
  const get = (request_items: unknown): ReturnType<Client['post']> =>
    client.post('/batch_get_item', { request_items });
  const ok = async (request_items: unknown): Promise<AnswerBody> => {
    const answer = await get(request_items);
    expect(answer.status, answer.text).to.equal(200);
    return answer.body;
  };
  const key = (number: number): object => ({ h: { S: 'a' }, r: { N: `${number}` } });

  before(async () => {
    service = await startTestService();
    client = service.client();
    await client.createTable('table', { attributes: { h: 'S', r: 'N' } });
    await client.createTable('other', { attributes: { h: 'S' } });
    for (let i = 0; i < 10; i++) await client.put('table', { ...key(i), v: { N: `${i}` } });
    await client.put('other', { h: { S: 'x' } });
  });
  after(() => service.close());

  // 11.1: missing items, and tables without any, are left out.
  it('answers the items of several tables', async () => {
    const body = await ok({
      table: { keys: [key(1), key(2), key(100)], attributes_to_get: ['r', 'v'], consistent_read: true },
      other: { keys: [{ h: { S: 'x' } }] },
    });
    expect(body.responses).to.have.all.keys('table', 'other');
    expect(body.responses!.table).to.have.deep.members([
      { r: { N: '1' }, v: { N: '1' } },
      { r: { N: '2' }, v: { N: '2' } },
    ]);
    expect(body.responses!.other).to.deep.equal([{ h: { S: 'x' } }]);
    expect(body.unprocessed_keys).to.deep.equal({});
    expect(await ok({ other: { keys: [{ h: { S: 'y' } }] } })).to.deep.equal({
      responses: {},
      unprocessed_keys: {},
    });
  });

  // Q31: nothing to read is an empty answer.
  it('answers empty batches', async () => {
    for (const batch of [{}, { table: { keys: [] } }]) {
      expect(await ok(batch)).to.deep.equal({ responses: {}, unprocessed_keys: {} });
    }
  });

  // [T]: a hundred keys; repeated ones come twice.
  it('answers as many items as there are keys', async () => {
    const keys = Array.from({ length: 100 }, (_, i) => key(i % 10));
    expect((await ok({ table: { keys, attributes_to_get: null } })).responses!.table).to.have.lengthOf(100);
  });

  // Beyond 16 MiB the rest comes back, with its options, and can be sent as it is.
  it('hands back what would be too much for one answer', async () => {
    const items = Array.from({ length: 50 }, (_, i) => ({
      h: { S: `big${i}` },
      v: { S: 'x'.repeat(400_000) },
    }));
    await client.put('other', ...items);
    let batch: unknown = {
      other: { keys: items.map(({ h }) => ({ h })), attributes_to_get: ['h', 'v'], consistent_read: true },
    };
    let seen = 0;
    let rounds = 0;
    while (Object.keys(batch as object).length > 0) {
      const body: AnswerBody = await ok(batch);
      seen += body.responses!.other!.length;
      batch = body.unprocessed_keys;
      rounds++;
      const { other } = batch as { other?: object };
      if (other !== undefined) {
        expect(other).to.deep.include({ attributes_to_get: ['h', 'v'], consistent_read: true });
      }
    }
    expect(seen).to.equal(50);
    expect(rounds).to.equal(2);
  });

  const refused: [string, unknown, Message][] = [
    ['no request_items', undefined, /^Required property 'request_items'/],
    ['a list of tables', [], /^Wrong 'request_items' type. Object is expected/],
    ['a table name too short', { ab: { keys: [] } }, "Wrong table name 'ab' found"],
    ['a table that is a list', { table: [] }, /^Wrong 'table' type. Object is expected/],
    ['no keys', { table: {} }, "Required property 'keys' wasn't found or it's value is null"],
    ['keys that are no list', { table: { keys: {} } }, /^Wrong 'keys' type. List of Objects is expected/],
    ['a key that is text', { table: { keys: ['a'] } }, /^Wrong 'keys' type. List of Objects is expected/],
    [
      'a repeated name',
      { table: { keys: [], attributes_to_get: ['v', 'v'] } },
      /List of unique values is expected/,
    ],
    [
      'null for consistent_read',
      { table: { keys: [], consistent_read: null } },
      /^Required property 'consistent_read'/,
    ],
    ['more for a table', { table: { keys: [], limit: 1 } }, /^Unexpected properties were found for 'table'/],
    ['half a key', { table: { keys: [{ h: { S: 'a' } }] } }, /^Specified key/],
    [
      'a key of another type',
      { table: { keys: [{ h: { S: 'a' }, r: { S: '1' } }] } },
      /^Attribute: 'r' of type/,
    ],
  ];
  for (const [what, batch, message] of refused) {
    it(`refuses ${what}`, async () => {
      expectInvalid(await get(batch), message);
    });
  }
  it('refuses more in the body', async () => {
    const answer = await client.post('/batch_get_item', { request_items: {}, x: 1 });
    expectInvalid(answer, /^Unexpected properties were found for 'body'/);
  });

  // The whole batch is checked before any read.
  it('answers 404 when one of the tables is not there', async () => {
    expectNoTable(await get({ table: { keys: [key(1)] }, missing: { keys: [] } }), 'missing');
  });
});
