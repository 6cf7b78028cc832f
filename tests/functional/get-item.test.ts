import { expect } from 'chai';
import type { Client } from '../support/client.js';
import { expectInvalid, expectNoTable, type Message } from '../support/faults.js';
import { startTestService, type TestService } from '../support/service.js';

describe('get_item', () => {
  let service: TestService;
  let client: Client;
  const key = { h: { S: 'a' }, r: { N: '1' } };
  const item = { ...key, v: { S: 'x' }, w: { SS: ['a', 'b'] }, __proto__x: { N: '0' } };
  const get = (body: object): ReturnType<Client['call']> => client.call('table', 'get_item', body);

  before(async () => {
    service = await startTestService();
    client = service.client();
    await client.createTable('table', { attributes: { h: 'S', r: 'N' } });
    await client.createTable('hash_only', { attributes: { h: 'N' } });
    await client.put('table', item);
  });
  after(() => service.close());

  // 9.3
  it('answers the whole item', async () => {
    for (const attributes of [{}, { attributes_to_get: null }, { attributes_to_get: [] }]) {
      for (const consistent of [{}, { consistent_read: true }, { consistent_read: false }]) {
        const answer = await get({ key, ...attributes, ...consistent });
        expect(answer.status).to.equal(200);
        expect(answer.body).to.deep.equal({ item });
      }
    }
  });

  // [T]: no such item is a success, and differs from an item without the wanted attributes.
  it('answers what is there of the wanted attributes', async () => {
    expect((await get({ key: { ...key, r: { N: '2' } } })).body).to.deep.equal({});
    expect((await get({ key, attributes_to_get: ['nothing'] })).body).to.deep.equal({ item: {} });
    expect((await get({ key, attributes_to_get: ['w', 'nothing'] })).body).to.deep.equal({
      item: { w: item.w },
    });
    expect((await get({ key, attributes_to_get: ['r', 'h'] })).body).to.deep.equal({ item: key });
  });

  // Q35: equal numbers are one key, however they are written; and Q13: 0 is a key as any other.
  it('finds an item by any spelling of its number', async () => {
    for (const n of ['1', 1, '1.0', '01', '1e0']) {
      expect((await get({ key: { ...key, r: { N: n } } })).body).to.deep.equal({ item });
    }
    await client.put('hash_only', { h: { N: '0' } });
    expect(await client.getItem('hash_only', { h: { N: '-0.0' } })).to.deep.equal({ h: { N: '0' } });
  });

  // An item as long as it may be comes back in one piece.
  it('answers a long item', async () => {
    const long = { h: { S: 'long' }, r: { N: '1' }, v: { S: 'ü'.repeat(200_000) } };
    await client.put('table', long);
    const answer = await get({ key: { h: long.h, r: long.r } });
    expect(answer.body).to.deep.equal({ item: long });
    expect(Number(answer.headers.get('content-length'))).to.equal(Buffer.byteLength(answer.text));
  });

  const refused: [string, object, Message][] = [
    ['no key', {}, "Required property 'key' wasn't found or it's value is null"],
    ['a key that is text', { key: 'a' }, `Wrong 'key' type. Object is expected, but "a" found`],
    [
      'a repeated name',
      { key, attributes_to_get: ['v', 'v'] },
      /^Wrong 'attributes_to_get' type. List of unique values is expected, but \["v", ?"v"\] found$/,
    ],
    ['a name before the key', { attributes_to_get: [''] }, "Wrong attribute name '' found"],
    ['a name that is a number', { key, attributes_to_get: [5] }, /'attribute name' type. String is expected/],
    ['a name instead of a list', { key, attributes_to_get: 'v' }, /^Wrong 'attributes_to_get' type/],
    ['null for consistent_read', { key, consistent_read: null }, /^Required property 'consistent_read'/],
    [
      '"" for consistent_read',
      { key, consistent_read: '' },
      /^Wrong 'consistent_read' type. Boolean is expected/,
    ],
    [
      '0 for consistent_read',
      { key, consistent_read: 0 },
      /^Wrong 'consistent_read' type. Boolean is expected/,
    ],
    ['more in the body', { key, Key: {} }, /^Unexpected properties were found for 'body': \{"Key": ?\{\}\}$/],
    ['the body before the key', { key: { h: {} }, x: 1 }, /^Unexpected properties/],
    ['a wrong key value', { key: { ...key, r: { N: 'x' } } }, /of type \{"type": "N"\}/],
    [
      'half a key',
      { key: { h: { S: 'a' } } },
      /^Specified key: .* doesn't match expected key attributes set/,
    ],
    ['more than a key', { key: { ...key, v: { S: 'x' } } }, /^Specified key: .* doesn't match/],
    ['an empty key', { key: {} }, /^Specified key: \{\} doesn't match expected key attributes set/],
    [
      'another attribute',
      { key: { h: { S: 'a' }, x: { N: '1' } } },
      /^Couldn't find expected key attributes/,
    ],
    [
      'a key of another type',
      { key: { ...key, r: { S: '1' } } },
      "Attribute: 'r' of type: 'S' doesn't match table schema expected attribute type: 'N'",
    ],
  ];
  for (const [what, body, message] of refused) {
    it(`refuses ${what}`, async () => {
      expectInvalid(await get(body), message);
    });
  }

  it('answers 404 for a table that is not there', async () => {
    expectNoTable(await client.call('missing', 'get_item', { key }), 'missing');
  });

  // One project must not see another's items.
  it('keeps projects apart', async () => {
    expectNoTable(await service.client().call('table', 'get_item', { key }), 'table');
  });
});
