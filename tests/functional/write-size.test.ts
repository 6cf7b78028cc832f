import { expect } from 'chai';
import type { Client, WireItem } from '../support/client.js';
import { expectInvalid } from '../support/faults.js';
import { startTestService, type TestService } from '../support/service.js';

const INDEXES = 39;
const TOO_MUCH = /exceeds the maximum of 15728640 bytes for one write/;

// An item and its index entries are one atomic write, which has a bound on every store: 40 copies of 400 KB pass it.
describe('an item whose copies in indexes pass the bound of one write', () => {
  let service: TestService;
  let client: Client;
  const key = (r: string): WireItem => ({ h: { S: 'a' }, r: { S: r } });
  const keys = Array.from({ length: INDEXES }, (_, at) => `k${at}`);
  const inAllIndexes = (r: string): WireItem => ({
    ...key(r),
    ...Object.fromEntries(keys.map((name) => [name, { S: 'x' }])),
  });
  const large = { S: 'x'.repeat(395_000) };

  before(async () => {
    service = await startTestService();
    client = service.client();
    await client.createTable('table', {
      attributes: { h: 'S', r: 'S', ...Object.fromEntries(keys.map((name) => [name, 'S'])) },
      indexes: Object.fromEntries(keys.map((name) => [`by_${name}`, { range: name }])),
    });
  });
  after(() => service.close());

  it('is refused by put_item, which stores nothing', async () => {
    const answer = await client.call('table', 'put_item', { item: { ...inAllIndexes('put'), large } });
    expectInvalid(answer, TOO_MUCH);
    expect(await client.getItem('table', key('put'))).to.equal(undefined);
  });

  it('is refused by update_item, which changes nothing', async () => {
    await client.put('table', inAllIndexes('update'));
    const answer = await client.call('table', 'update_item', {
      key: key('update'),
      attribute_updates: { large: { action: 'PUT', value: large } },
    });
    expectInvalid(answer, TOO_MUCH);
    expect(await client.getItem('table', key('update'))).to.deep.equal(inAllIndexes('update'));
  });

  it('is refused by batch_write_item before anything is written', async () => {
    const answer = await client.post('/batch_write_item', {
      request_items: {
        table: [
          { put_request: { item: key('batch-small') } },
          { put_request: { item: { ...inAllIndexes('batch-large'), large } } },
        ],
      },
    });
    expectInvalid(answer, TOO_MUCH);
    expect(await client.getItem('table', key('batch-small'))).to.equal(undefined);
  });

  it('is taken where it is in few of them, or its copies are small', async () => {
    await client.put('table', { ...key('few'), k1: { S: 'x' }, large });
    await client.put('table', { ...inAllIndexes('small'), small: { S: 'x'.repeat(300_000) } });
  });

  // Whether an item fits must not depend on what is stored: an entry that goes needs room in the write, too.
  it('is taken whatever item it replaces, and can be deleted', async () => {
    const long = (letter: string): WireItem => ({
      ...key('r'.repeat(1024)),
      ...Object.fromEntries(keys.map((name) => [name, { S: letter.repeat(1024) }])),
    });
    await client.put('table', { ...long('x'), most: { S: 'x'.repeat(300_000) } });
    await client.put('table', { ...long('y'), most: { S: 'x'.repeat(300_000) } });
    await client.ok('table', 'delete_item', { key: key('r'.repeat(1024)) });
  });
});
