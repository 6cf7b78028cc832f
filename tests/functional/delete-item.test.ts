import { expect } from 'chai';
import type { Client } from '../support/client.js';
import { expectFault, expectInvalid, expectNoTable, type Message } from '../support/faults.js';
import { startTestService, type TestService } from '../support/service.js';

describe('delete_item', () => {
  let service: TestService;
  let client: Client;
  const key = { h: { S: 'a' }, r: { N: '1' } };
  const item = { ...key, v: { S: 'x' } };
  const remove = (body: object): ReturnType<Client['call']> => client.call('table', 'delete_item', body);

  before(async () => {
    service = await startTestService();
    client = service.client();
    await client.createTable('table', { attributes: { h: 'S', r: 'N' } });
  });
  after(() => service.close());
  beforeEach(() => client.put('table', item));

  // 9.5, [T]: deleting twice is no error.
  it('removes an item, which need not exist', async () => {
    for (let i = 0; i < 2; i++) {
      const answer = await remove({ key });
      expect(answer.status).to.equal(200);
      expect(answer.body).to.deep.equal({});
      expect(await client.getItem('table', key)).to.equal(undefined);
    }
  });

  // The real old item, and {} where there was none.
  it('answers the old item', async () => {
    expect((await remove({ key, return_values: 'ALL_OLD' })).body).to.deep.equal({ attributes: item });
    expect((await remove({ key, return_values: 'ALL_OLD' })).body).to.deep.equal({});
    expect((await remove({ key, return_values: 'NONE' })).body).to.deep.equal({});
  });

  // 8.1: every empty value is none here.
  it('takes no conditions in any spelling', async () => {
    for (const expected of [undefined, null, {}, [], '', 0, false]) {
      const answer = await remove({ key, expected });
      expect(answer.status, answer.text).to.equal(200);
    }
  });

  it('removes only where the conditions hold', async () => {
    for (const expected of [
      { v: { value: { S: 'y' } } },
      { v: { exists: false } },
      { w: { exists: true } },
    ]) {
      const answer = await remove({ key, expected });
      expectFault(answer, 400, 'ConditionalCheckFailedException', 'The conditional request failed');
    }
    expect(await client.getItem('table', key)).to.deep.equal(item);
    // Q19: a condition on a key attribute is one as any other.
    expect(
      (await remove({ key, expected: { v: { value: { S: 'x' } }, r: { exists: true } } })).status,
    ).to.equal(200);
    expectFault(
      await remove({ key, expected: { v: { exists: true } } }),
      400,
      'ConditionalCheckFailedException',
    );
    expect((await remove({ key, expected: { v: { exists: false } } })).status).to.equal(200);
  });

  const refused: [string, object, Message][] = [
    ['no key', {}, "Required property 'key' wasn't found or it's value is null"],
    ['a list for expected', { key, expected: [1] }, /^Wrong 'expected' type. Object is expected/],
    ['half a key', { key: { h: { S: 'a' } } }, /^Specified key/],
    ['more than a key', { key: item }, /^Specified key/],
    ['ALL_NEW', { key, return_values: 'ALL_NEW' }, "Return values type 'ALL_NEW' isn't allowed"],
    ['more in the body', { key, returnValues: 'NONE' }, /^Unexpected properties were found for 'body'/],
  ];
  for (const [what, body, message] of refused) {
    it(`refuses ${what}`, async () => {
      expectInvalid(await remove(body), message);
      expect(await client.getItem('table', key)).to.deep.equal(item);
    });
  }

  it('answers 404 for a table that is not there', async () => {
    expectNoTable(await client.call('missing', 'delete_item', { key }), 'missing');
  });
});
