import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import type { Client } from '../support/client.js';
import { expectFault, expectInvalid } from '../support/faults.js';
import { startTestService, type TestService } from '../support/service.js';

/** What no well-meaning client sends: clear refusals, nothing changed, and the service goes on. */
describe('hostile input', () => {
  let service: TestService;
  let client: Client;
  const put = (body: string | Uint8Array): ReturnType<Client['post']> =>
    client.post('/tables/table/put_item', body);
  const putValue = (value: string): ReturnType<Client['post']> =>
    put(`{"item":{"h":{"S":"hostile"},"v":${value}}}`);
  const stored = async (): Promise<unknown> => (await client.ok('table', 'scan', {})).items;

  before(async () => {
    service = await startTestService();
    client = service.client();
  });
  after(() => service.close());
  beforeEach(async () => {
    client = service.client();
    await client.createTable('table', { attributes: { h: 'S' } });
  });
  // After each of them, the service answers, and the table holds what the test says it holds.
  afterEach(async () => {
    expect((await client.get('/tables')).status).to.equal(200);
  });

  // Names that a plain object used as a dictionary would lose or take for something else.
  for (const name of [
    '__proto__',
    'constructor',
    'toString',
    'hasOwnProperty',
    'prototype',
    '10',
    'length',
    '-',
    '.',
  ]) {
    it(`keeps an attribute called ${name}`, async () => {
      const item = `{"h":{"S":"x"},"${name}":{"SSM":{"${name}":"y"}}}`;
      expect((await put(`{"item":${item}}`)).status).to.equal(200);
      const answer = await client.call('table', 'get_item', { key: { h: { S: 'x' } } });
      expect(JSON.stringify(JSON.parse(answer.text))).to.equal(
        JSON.stringify(JSON.parse(`{"item":${item}}`)),
      );
      const some = await client.call('table', 'get_item', {
        key: { h: { S: 'x' } },
        attributes_to_get: [name],
      });
      expect(some.text).to.equal(`{"item":{"${name}":{"SSM":{"${name}":"y"}}}}`);
      const expected = `{"expected":{"${name}":{"exists":true}},"item":${item},"return_values":"ALL_OLD"}`;
      expect((await put(expected)).status).to.equal(200);
      const updated = await client.post(
        '/tables/table/update_item',
        `{"key":{"h":{"S":"x"}},"attribute_updates":{"${name}":{"action":"PUT","value":{"S":"z"}}}}`,
      );
      expect(updated.status).to.equal(200);
      const found = await client.post(
        '/tables/table/scan',
        `{"scan_filter":{"${name}":{"comparison_operator":"EQ","attribute_value_list":[{"S":"z"}]}}}`,
      );
      expect(found.body.count).to.equal(1);
    });
  }

  // Such names as fields must be refused like any other unknown one, and say so.
  it('refuses __proto__ as a field', async () => {
    expectInvalid(
      await put('{"item":{"h":{"S":"x"}},"__proto__":{"return_values":"ALL_OLD"}}'),
      /^Unexpected properties were found for 'body': \{"__proto__"/,
    );
    expectInvalid(await put('{"__proto__":{"item":{"h":{"S":"x"}}}}'), /^Required property 'item'/);
    expectInvalid(await putValue('{"__proto__":"x"}'), "Attribute type '__proto__' is not recognized");
    // As a table's name it is legal, and there is no such table.
    const batch = await client.post('/batch_get_item', '{"request_items":{"__proto__":{"keys":[]}}}');
    expectFault(batch, 404, 'TableNotExistsException', "Table '__proto__' does not exist");
    expect(await stored()).to.deep.equal([]);
  });

  it('refuses unpaired surrogates', async () => {
    for (const half of ['\\ud800', '\\udfff', '\\ude00\\ud83d', 'x\\uD83Dx']) {
      expectInvalid(await putValue(`{"S":"${half}"}`), /unpaired surrogate/);
      expectInvalid(await putValue(`{"SSM":{"${half}":"x"}}`), /unpaired surrogate/);
      expectInvalid(await put(`{"item":{"h":{"S":"${half}"}}}`), /unpaired surrogate/);
    }
    expect(await stored()).to.deep.equal([]);
    expect((await putValue('{"S":"\\ud83d\\ude00"}')).status).to.equal(200);
    expect(await stored()).to.deep.equal([{ h: { S: 'hostile' }, v: { S: '😀' } }]);
  });

  it('takes the last of duplicate members', async () => {
    expect(
      (await put('{"item":{"h":{"S":"a"}},"item":{"h":{"S":"b"},"v":{"N":1},"v":{"N":2}}}')).status,
    ).to.equal(200);
    expect(await stored()).to.deep.equal([{ h: { S: 'b' }, v: { N: '2' } }]);
  });

  // Beyond 2^53 a double loses digits; from 39 digits on nothing may be rounded.
  it('keeps every digit of integers, and refuses too many', async () => {
    const digits = '12345678901234567890123456789012345678';
    for (const number of ['9007199254740993', '-9007199254740993', digits, `"${digits}"`]) {
      expect((await putValue(`{"N":${number}}`)).status).to.equal(200);
      expect(await stored()).to.deep.equal([{ h: { S: 'hostile' }, v: { N: number.replaceAll('"', '') } }]);
      expect((await putValue(`{"NS":[${number},1]}`)).status).to.equal(200);
    }
    for (const number of [`${digits}9`, `"${digits}9"`, `"1${'0'.repeat(126)}"`, `"0.${'0'.repeat(130)}1"`]) {
      expectInvalid(await putValue(`{"N":${number}}`), /of type \{"type": "N"\}$/);
    }
    expect((await putValue(`{"N":"1${'0'.repeat(100_000)}e-100000"}`)).status).to.equal(200);
    expectInvalid(await putValue(`{"N":"${'9'.repeat(100_000)}"}`));
    expectInvalid(await putValue(`{"N":"1e${'9'.repeat(100_000)}"}`));
    expectInvalid(
      await client.call('table', 'scan', `{"limit":-${'9'.repeat(1000)}}`),
      /is less then min_value/,
    );
    expect((await client.call('table', 'scan', `{"limit":${'9'.repeat(400)}}`)).status).to.equal(200);
  });

  it('refuses deep nesting', async () => {
    const lists = '['.repeat(100_000) + ']'.repeat(100_000);
    const objects = '{"S":'.repeat(50_000) + '1' + '}'.repeat(50_000);
    // Short enough to be parsed, whatever it nests.
    const short = '['.repeat(30_000) + ']'.repeat(30_000);
    expectInvalid(await putValue(short));
    expectInvalid(await putValue(`{"SS":[1.5,${short}]}`));
    expectInvalid(await put(`{"s":"\\ud800","deep":${short}}`), /unpaired surrogate/);
    expectInvalid(await put(short.slice(0, short.length / 2)), /not valid JSON/);
    for (const deep of [lists, objects]) {
      expectInvalid(await putValue(deep));
      expectInvalid(await putValue(`{"SS":${deep}}`));
      expectInvalid(await put(`{"n":1.5,"deep":${deep}}`));
      expectInvalid(await putValue(`{"SS":[1.5,${deep}]}`));
      expectInvalid(await put(`{"s":"\\ud800","deep":${deep}}`), /nested too deeply/);
      expectInvalid(await put(deep));
      expectInvalid(await put(deep.slice(0, deep.length / 2)), /nested too deeply/);
    }
    expect(await stored()).to.deep.equal([]);
  });

  it('refuses bytes that are no JSON text', async () => {
    const whole = Buffer.from('{"item":{"h":{"S":"x"}}}');
    for (const bytes of [
      Buffer.from([0xef, 0xbb, 0xbf, ...whole]), // byte order mark
      Buffer.from(whole.toString(), 'utf16le'),
      Buffer.from([...whole, 0]),
      Buffer.concat([whole.subarray(0, 18), Buffer.from([0xff]), whole.subarray(18)]),
      Buffer.concat([whole.subarray(0, 18), Buffer.from([0xc0, 0x80]), whole.subarray(18)]), // overlong NUL
      Buffer.alloc(0),
      Buffer.from('item=x'),
    ]) {
      expectInvalid(await put(bytes), /not valid JSON/);
    }
    expectInvalid(await putValue('{"S":"a\0b"}'), /not valid JSON/); // a raw control character
    expect(await stored()).to.deep.equal([]);
  });

  it('takes NUL characters where text may be', async () => {
    expect((await put('{"item":{"h":{"S":"\\u0000"},"v":{"SS":["\\u0000","a\\u0000"]}}}')).status).to.equal(
      200,
    );
    expect(await client.getItem('table', { h: { S: '\0' } })).to.deep.equal({
      h: { S: '\0' },
      v: { SS: ['\0', 'a\0'] },
    });
  });

  // Messages quote what is wrong, but no more than 256 characters of it.
  it('cuts what it quotes', async () => {
    const long = 'x'.repeat(1_000_000);
    for (const body of [
      { item: { [long]: { S: 'x' } } },
      { item: { h: { [long]: 'x' } } },
      { item: { h: { S: [long] } } },
      { item: { h: long } },
      { item: { h: { N: long } } },
      { item: {}, [long]: long },
      { item: {}, return_values: long },
      { item: {}, time_to_live: long },
      { item: {}, expected: { v: { [long]: 1 } } },
      {
        item: {},
        expected: {
          v: Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`m${i}`, long.slice(0, 9)])),
        },
      },
    ]) {
      const answer = await client.post('/tables/table/put_item', body);
      expectInvalid(answer);
      expect(answer.body.error!.message).to.have.lengthOf.below(450);
    }
    const unknown = await client.call('n'.repeat(10_000), 'get_item', { key: { h: { S: 'x' } } });
    expectFault(unknown, 404, 'TableNotExistsException');
    expect(unknown.text).to.have.lengthOf.below(1000);
    expectInvalid(await client.get(`/tables/${'n'.repeat(10_000)}`));
    expectInvalid(await client.get(`/tables?limit=${'9'.repeat(10_000)}x`));
  });

  function open(head: string): Socket {
    const socket = connect({ host: service.host, port: service.port, allowHalfOpen: true });
    socket.on('error', () => undefined);
    socket.write(`POST /v1/data/${client.project}/tables/table/put_item HTTP/1.1\r\nHost: x\r\n${head}\r\n`);
    return socket;
  }

  // A body without a stated length is counted as it comes.
  it('refuses a chunked body over the limit, and ends the connection', async () => {
    const socket = open('Transfer-Encoding: chunked\r\n');
    const chunk = `100000\r\n${' '.repeat(0x100000)}\r\n`;
    for (let i = 0; i < 18; i++) socket.write(chunk);
    const answer = await text(socket);
    expect(answer).to.match(/^HTTP\/1\.1 413 /);
    expect(answer).to.match(/"type":"RequestEntityTooLarge"/);
    socket.destroy();
  });

  // Nothing of a body that ends too early may be carried out.
  it('does nothing for a client that goes away in its body', async () => {
    const whole = '{"item":{"h":{"S":"x"}}}';
    for (const head of [`Content-Length: ${whole.length + 1}\r\n`, 'Transfer-Encoding: chunked\r\n']) {
      const socket = open(head);
      const closed = new Promise((resolve) => socket.once('close', resolve));
      socket.write(head.startsWith('C') ? whole : `${whole.length.toString(16)}\r\n${whole}\r\n`, () => {
        socket.resetAndDestroy();
      });
      await closed;
    }
    expect(await stored()).to.deep.equal([]);
  });

  it('refuses two lengths, and other smuggling', async () => {
    for (const head of [
      'Content-Length: 5\r\nContent-Length: 6\r\n',
      'Content-Length: 5\r\nTransfer-Encoding: chunked\r\n',
      'Content-Length: -1\r\n',
      'Content-Length: 0x10\r\n',
    ]) {
      const socket = open(head);
      socket.write('0\r\n\r\n');
      expect(await text(socket)).to.match(/^HTTP\/1\.1 400 /);
      socket.destroy();
    }
    expect(await stored()).to.deep.equal([]);
  });

  // A client may be slow, as long as its body is there in time.
  it('waits for a slow body, up to its time-out', async () => {
    const slow = await startTestService({
      paste: `
[pipeline:main]
pipeline = fault context sizelimit map
[filter:fault]
use = magnetodb:faultwrapper
[filter:context]
use = magnetodb:noauth_context
[filter:sizelimit]
use = magnetodb:sizelimit
body_timeout = 1
[composite:map]
use = magnetodb:urlmap
/v1/data = data
[app:data]
use = magnetodb:data_api_v1
`,
    });
    try {
      const other = slow.client();
      await other.createTable('table', { attributes: { h: 'S' } });
      const send = (pieces: readonly string[], pauseMs: number): Promise<string> => {
        const socket = connect({ host: slow.host, port: slow.port, allowHalfOpen: true });
        const body = '{"item":{"h":{"S":"slow"}}}';
        socket.write(
          `POST /v1/data/${other.project}/tables/table/put_item HTTP/1.1\r\nHost: x\r\nConnection: close\r\n`,
        );
        socket.write(`Content-Length: ${body.length}\r\n\r\n`);
        pieces.forEach((piece, i) => setTimeout(() => socket.write(piece), pauseMs * i));
        return text(socket).finally(() => socket.destroy());
      };
      expect(await send(['{"item":{"h":', '{"S":"slow"}}}'], 100)).to.match(/^HTTP\/1\.1 200 /);
      expect(await send(['{"item":{"h":'], 0)).to.match(/^HTTP\/1\.1 408 /);
      expect((await other.ok('table', 'scan', {})).count).to.equal(1);
    } finally {
      await slow.close();
    }
  });
});
