import { expect } from 'chai';
import type { Client, WireItem } from '../support/client.js';
import { expectFault, expectInvalid, expectNoTable, type Message } from '../support/faults.js';
import { startTestService, type TestService } from '../support/service.js';

describe('update_item', () => {
  let service: TestService;
  let client: Client;
  let key: WireItem;
  let keys = 0;
  const stored = {
    text: { S: 'x' },
    number: { N: '1.5' },
    bytes: { B: 'AA==' },
    set: { SS: ['a', 'b'] },
    numbers: { NS: ['1', '2'] },
    map: { SNM: { a: '1', b: '2' } },
  };
  const update = (body: object): ReturnType<Client['call']> =>
    client.call('table', 'update_item', { key, ...body });
  /** The item's attributes besides its key, after one update. */
  const after1 = async (updates: object): Promise<object | undefined> => {
    const answer = await update({ attribute_updates: updates });
    expect(answer.status, answer.text).to.equal(200);
    expect(answer.body).to.deep.equal({});
    const item = await client.getItem('table', key);
    if (item === undefined) return undefined;
    const { h: _h, r: _r, ...rest } = item;
    return rest;
  };

  before(async () => {
    service = await startTestService();
    client = service.client();
    await client.createTable('table', {
      attributes: { h: 'S', r: 'N', i: 'S', declared: 'N' },
      indexes: { by_i: { range: 'i' } },
    });
  });
  after(() => service.close());
  beforeEach(() => {
    key = { h: { S: 'update' }, r: { N: `${++keys}` } };
  });

  // 9.4's table of actions, its first two columns.
  const { text: _t, ...withoutText } = stored;
  const changes: [string, object, object][] = [
    ['PUT replaces', { text: { action: 'PUT', value: { N: '5.0' } } }, { ...stored, text: { N: '5' } }],
    ['PUT sets', { fresh: { action: 'PUT', value: { S: '' } } }, { ...stored, fresh: { S: '' } }],
    ['PUT without a value removes', { text: { action: 'PUT' } }, withoutText],
    ['PUT with null removes', { text: { action: 'PUT', value: null } }, withoutText],
    ['PUT with {} removes', { text: { action: 'PUT', value: {} } }, withoutText],
    ['PUT without a value of what is not there does nothing', { fresh: { action: 'PUT' } }, stored],
    ['ADD sums', { number: { action: 'ADD', value: { N: '-0.25' } } }, { ...stored, number: { N: '1.25' } }],
    [
      'ADD keeps 38 digits',
      { number: { action: 'ADD', value: { N: '1234567890123456789012345678901234567' } } },
      { ...stored, number: { N: '1234567890123456789012345678901234568.5' } },
    ],
    ['ADD sets a number', { fresh: { action: 'ADD', value: { N: '1' } } }, { ...stored, fresh: { N: '1' } }],
    [
      'ADD unites sets',
      { set: { action: 'ADD', value: { SS: ['c', 'a'] } } },
      { ...stored, set: { SS: ['a', 'b', 'c'] } },
    ],
    [
      'ADD sets a set',
      { fresh: { action: 'ADD', value: { NS: ['1'] } } },
      { ...stored, fresh: { NS: ['1'] } },
    ],
    [
      'ADD merges maps, the new entries winning',
      { map: { action: 'ADD', value: { SNM: { b: 3, c: 4 } } } },
      { ...stored, map: { SNM: { a: '1', b: '3', c: '4' } } },
    ],
    ['DELETE removes', { text: { action: 'DELETE' } }, withoutText],
    ['DELETE of what is not there does nothing', { fresh: { action: 'DELETE' } }, stored],
    [
      'DELETE of a value from nothing does nothing',
      { fresh: { action: 'DELETE', value: { SS: ['a'] } } },
      stored,
    ],
    [
      'DELETE takes members out',
      { set: { action: 'DELETE', value: { SS: ['a', 'z'] } } },
      { ...stored, set: { SS: ['b'] } },
    ],
    [
      'DELETE takes entries out by their keys',
      { map: { action: 'DELETE', value: { SS: ['a'] } } },
      { ...stored, map: { SNM: { b: '2' } } },
    ],
    [
      'DELETE with any value removes a scalar',
      { text: { action: 'DELETE', value: { N: '7' } } },
      withoutText,
    ],
  ];
  for (const [what, updates, wanted] of changes) {
    it(what, async () => {
      await client.put('table', { ...key, ...stored });
      expect(await after1(updates)).to.deep.equal(wanted);
    });
  }

  // A set that an update empties is removed.
  it('removes a set that it empties', async () => {
    await client.put('table', { ...key, ...stored });
    const { set: _set, ...rest } = stored;
    expect(await after1({ set: { action: 'DELETE', value: { SS: ['a', 'b'] } } })).to.deep.equal(rest);
  });

  // The last column, [T]: created from key, PUTs and ADDs; by DELETEs alone nothing is.
  it('creates an item that is not there, but not by removing', async () => {
    expect(await after1({})).to.equal(undefined);
    expect(await after1({ a: { action: 'DELETE' }, b: { action: 'DELETE', value: { S: 'x' } } })).to.equal(
      undefined,
    );
    expect(
      await after1({
        a: { action: 'PUT', value: { S: 'x' } },
        b: { action: 'ADD', value: { SS: ['y'] } },
        c: { action: 'ADD', value: { N: '1' } },
        d: { action: 'DELETE' },
      }),
    ).to.deep.equal({ a: { S: 'x' }, b: { SS: ['y'] }, c: { N: '1' } });
  });

  // Q25: nothing to do is no error.
  it('takes no updates', async () => {
    await client.put('table', { ...key, ...stored });
    expect(await after1({})).to.deep.equal(stored);
  });

  const misfits: [string, object, Message][] = [
    ['ADD of text', { text: { action: 'ADD', value: { S: 'y' } } }, 'ADD allows collections or numbers only'],
    [
      'ADD of bytes',
      { bytes: { action: 'ADD', value: { B: 'AA==' } } },
      'ADD allows collections or numbers only',
    ],
    [
      'ADD of text to nothing',
      { fresh: { action: 'ADD', value: { S: 'y' } } },
      'ADD allows collections or numbers only',
    ],
    ['ADD of another type', { number: { action: 'ADD', value: { NS: ['1'] } } }, 'Wrong type for number'],
    ['ADD of another set', { set: { action: 'ADD', value: { NS: ['1'] } } }, 'Wrong type for set'],
    ['DELETE of another set', { set: { action: 'DELETE', value: { NS: ['1'] } } }, 'Wrong type for set'],
    ['DELETE of a scalar from a set', { set: { action: 'DELETE', value: { S: 'a' } } }, 'Wrong type for set'],
    [
      'DELETE of other keys from a map',
      { map: { action: 'DELETE', value: { NS: ['1'] } } },
      'Wrong type for map',
    ],
  ];
  for (const [what, updates, message] of misfits) {
    it(`refuses ${what}`, async () => {
      await client.put('table', { ...key, ...stored });
      expectFault(await update({ attribute_updates: updates }), 400, 'InvalidQueryParameter', message);
      expect(await client.getItem('table', key)).to.deep.equal({ ...key, ...stored });
    });
  }

  const put = (value: object): object => ({ a: { action: 'PUT', value } });
  const refused: [string, object, Message][] = [
    ['no updates', {}, /^Required property 'attribute_updates'/],
    ['null updates', { attribute_updates: null }, /^Required property 'attribute_updates'/],
    [
      'a list of updates',
      { attribute_updates: [] },
      /^Wrong 'attribute_updates' type. Object is expected, but \[\] found/,
    ],
    ['an update that is text', { attribute_updates: { a: 'x' } }, /^Wrong 'a' type. Object is expected/],
    ['no action', { attribute_updates: { a: { value: { S: 'x' } } } }, /^Required property 'action'/],
    [
      'an unknown action',
      { attribute_updates: { a: { action: 'SET' } } },
      "Update action 'SET' isn't allowed",
    ],
    ['ADD without a value', { attribute_updates: { a: { action: 'ADD' } } }, /^Required property 'value'/],
    [
      'more in an update',
      { attribute_updates: { a: { action: 'PUT', x: 1 } } },
      /^Unexpected properties were found for 'a'/,
    ],
    ['a wrong value', { attribute_updates: put({ S: 5 }) }, /of type \{"type": "S"\}/],
    ['an empty name', { attribute_updates: { '': { action: 'PUT' } } }, "Wrong attribute name '' found"],
    ['an empty set', { attribute_updates: put({ SS: [] }) }, /"SS"/],
    ['a list for expected', { attribute_updates: {}, expected: [] }, /^Wrong 'expected' type/],
    ['no key', { key: undefined, attribute_updates: {} }, /^Required property 'key'/],
    ['half a key', { key: { h: { S: 'x' } }, attribute_updates: {} }, /^Specified key/],
    [
      'unknown return_values',
      { attribute_updates: {}, return_values: 'OLD' },
      "Return values type 'OLD' isn't allowed",
    ],
    [
      'a time to live',
      { attribute_updates: {}, time_to_live: 5 },
      /^Unexpected properties were found for 'body'/,
    ],
    [
      'a change of the HASH attribute',
      { attribute_updates: { h: { action: 'PUT', value: { S: 'y' } } } },
      undefined,
    ],
    ['a removal of the RANGE attribute', { attribute_updates: { r: { action: 'DELETE' } } }, undefined],
    [
      'a declared attribute of another type',
      { attribute_updates: { declared: { action: 'PUT', value: { S: 'x' } } } },
      "Attribute: 'declared' of type: 'S' doesn't match table schema expected attribute type: 'N'",
    ],
    ['an empty index key', { attribute_updates: { i: { action: 'PUT', value: { S: '' } } } }, undefined],
    ['an item that grows too large', { attribute_updates: put({ S: 'x'.repeat(409_600) }) }, undefined],
  ];
  for (const [what, body, message] of refused) {
    it(`refuses ${what}`, async () => {
      expectInvalid(await update(body), message);
      expect(await client.getItem('table', key)).to.equal(undefined);
    });
  }

  // 8.1, where update_item differs from put_item: null is none.
  it('takes no conditions in three spellings', async () => {
    for (const expected of [undefined, null, {}]) {
      expect((await update({ attribute_updates: {}, expected })).status).to.equal(200);
    }
  });

  it('updates only where the conditions hold', async () => {
    await client.put('table', { ...key, n: { N: '1' } });
    const attribute_updates = { n: { action: 'ADD', value: { N: '1' } } };
    const failed = await update({ attribute_updates, expected: { n: { value: { N: '2' } } } });
    expectFault(failed, 400, 'ConditionalCheckFailedException', 'The conditional request failed');
    const done = await update({
      attribute_updates,
      expected: { n: { value: { N: '1.0' } }, x: { exists: false } },
    });
    expect(done.status).to.equal(200);
    expect((await client.getItem('table', key))?.n).to.deep.equal({ N: '2' });
  });

  // 9.6 with Q24: real old and new values; UPDATED_* only the attributes named.
  it('answers old and new values', async () => {
    await client.put('table', { ...key, n: { N: '1' }, gone: { S: 'x' }, other: { S: 'y' } });
    const attribute_updates = {
      n: { action: 'ADD', value: { N: '1' } },
      gone: { action: 'DELETE' },
      fresh: { action: 'PUT', value: { S: 'z' } },
    };
    const answers: object[] = [];
    for (const return_values of ['NONE', 'ALL_OLD', 'ALL_NEW', 'UPDATED_OLD', 'UPDATED_NEW']) {
      await client.put('table', { ...key, n: { N: '1' }, gone: { S: 'x' }, other: { S: 'y' } });
      answers.push((await update({ attribute_updates, return_values })).body);
    }
    expect(answers).to.deep.equal([
      {},
      { attributes: { ...key, n: { N: '1' }, gone: { S: 'x' }, other: { S: 'y' } } },
      { attributes: { ...key, n: { N: '2' }, fresh: { S: 'z' }, other: { S: 'y' } } },
      { attributes: { n: { N: '1' }, gone: { S: 'x' } } },
      { attributes: { n: { N: '2' }, fresh: { S: 'z' } } },
    ]);
  });

  // [T]: an item that was not there has no attributes.
  it('answers empty attributes where there was no item', async () => {
    const attribute_updates = { a: { action: 'PUT', value: { S: 'x' } } };
    expect((await update({ attribute_updates, return_values: 'ALL_OLD' })).body).to.deep.equal({
      attributes: {},
    });
  });

  // Section 13: linearizable per item.
  it('loses no concurrent addition', async () => {
    const answers = await Promise.all(
      Array.from({ length: 20 }, () =>
        update({ attribute_updates: { n: { action: 'ADD', value: { N: '1' } } } }),
      ),
    );
    expect(answers.map(({ status }) => status)).to.deep.equal(Array.from({ length: 20 }, () => 200));
    expect((await client.getItem('table', key))?.n).to.deep.equal({ N: '20' });
  });

  it('answers 404 for a table that is not there', async () => {
    expectNoTable(await client.call('missing', 'update_item', { key, attribute_updates: {} }), 'missing');
  });
});
