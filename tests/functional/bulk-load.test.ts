import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';
import type { Answer, AnswerBody, Client } from '../support/client.js';
import { eventually } from '../support/eventually.js';
import { expectFault, expectInvalid } from '../support/faults.js';
import { startTestService, type TestService } from '../support/service.js';
import { testStorage } from '../support/storage.js';

describe('bulk_load', () => {
  let service: TestService;
  let client: Client;
  let table = 'table';
  let tables = 0;

  const item = (number: number, value = 'x'): string =>
    JSON.stringify({ h: { S: 'bulk' }, r: { N: `${number}` }, v: { S: value } });
  const lines = (from: number, to: number): string =>
    Array.from({ length: to - from }, (_, i) => `${item(from + i)}\n`).join('');
  const load = (body: string | Uint8Array, query = ''): Promise<Answer> =>
    client.post(`/tables/${table}/bulk_load${query}`, body);
  const count = async (): Promise<number> => (await client.ok(table, 'scan', { select: 'COUNT' })).count!;
  const balance = ({ read, processed, unprocessed, failed }: AnswerBody): void => {
    expect(processed! + unprocessed! + failed!).to.equal(read);
  };

  before(async () => {
    service = await startTestService();
    client = service.client();
  });
  after(() => service.close());
  beforeEach(async () => {
    table = `table${++tables}`;
    await client.createTable(table, { attributes: { h: 'S', r: 'N' } });
  });

  // [T]: a hundred good lines; section 12's answer, whole.
  it('puts every line', async () => {
    const answer = await load(lines(0, 100));
    expect(answer.status).to.equal(200);
    expect(answer.headers.get('content-type')).to.equal('application/json; charset=UTF-8');
    expect(answer.body).to.deep.equal({
      read: 100,
      processed: 100,
      unprocessed: 0,
      failed: 0,
      last_item: `${item(99)}\n`,
      failed_items: {},
    });
    expect(await count()).to.equal(100);
  });

  // [T]: the last newline is optional; and an empty body is zeros.
  it('needs no newline at the end, and no lines', async () => {
    expect((await load(lines(0, 2) + item(2))).body).to.include({
      read: 3,
      processed: 3,
      last_item: item(2),
    });
    expect((await load('')).body).to.deep.equal({
      read: 0,
      processed: 0,
      unprocessed: 0,
      failed: 0,
      last_item: null,
      failed_items: {},
    });
  });

  // [T]: at the first error writing stops, what came before is there, the rest is counted.
  for (const [what, bad, error] of [
    ['that is no JSON', '{', /^ValidationError\(The line is not valid JSON\)$/],
    ['that is blank', '', /^ValidationError\(The line is not valid JSON\)$/],
    ['that is no object', '[]', /^ValidationError\(Wrong 'item' type/],
    ['with a wrong value', '{"h":{"S":5}}', /^ValidationError\(Can't recognize attribute value '5'of type/],
    ['without a key', '{"h":{"S":"x"}}', /^ValidationError\(Couldn't find expected key attributes/],
    [
      'with a key of another type',
      '{"h":{"S":"x"},"r":{"S":"1"}}',
      /^ValidationError\(Attribute: 'r' of type/,
    ],
    [
      'with a 39-digit number',
      `{"h":{"S":"x"},"r":{"N":${'1'.repeat(39)}}}`,
      /^ValidationError\(Can't recognize/,
    ],
  ] as const) {
    it(`stops at a line ${what}`, async () => {
      const { status, body } = await load(`${lines(0, 10)}${bad}\n${lines(10, 200)}`);
      expect(status).to.equal(200);
      balance(body);
      expect(body.read).to.equal(201);
      expect(body.failed).to.equal(1);
      expect(body.processed).to.be.within(10, 10 + 64);
      expect(Object.keys(body.failed_items!)).to.deep.equal([`${bad}\n`]);
      expect(body.failed_items![`${bad}\n`]).to.match(error);
      expect(await count()).to.equal(body.processed);
      for (let i = 0; i < 10; i++) {
        expect(await client.getItem(table, { h: { S: 'bulk' }, r: { N: `${i}` } })).to.not.equal(undefined);
      }
    });
  }

  // The one new parameter: go on after errors.
  it('goes on after errors where it is asked to', async () => {
    const { body } = await load(
      `${lines(0, 10)}bad\n${lines(10, 20)}{}\n${lines(20, 30)}`,
      '?on_error=continue',
    );
    expect(body).to.include({
      read: 32,
      processed: 30,
      unprocessed: 0,
      failed: 2,
      last_item: `${item(29)}\n`,
    });
    expect(body.failed_items).to.have.all.keys('bad\n', '{}\n');
    expect(await count()).to.equal(30);
  });

  it('refuses other values of on_error', async () => {
    expectInvalid(await load(lines(0, 1), '?on_error=ignore'), /'on_error'/);
    expect(await count()).to.equal(0);
    expect((await load(lines(0, 1), '?on_error=stop')).body.processed).to.equal(1);
  });

  // The report must not grow with the number of failures.
  it('tells the first thousand failures', async () => {
    const bad = Array.from({ length: 1500 }, (_, i) => `bad ${i}\n`).join('');
    const { body } = await load(bad, '?on_error=continue');
    expect(body.failed).to.equal(1500);
    expect(body.failed_items_truncated).to.equal(true);
    expect(Object.keys(body.failed_items!)).to.have.lengthOf(1000);
    expect(body.failed_items).to.have.property('bad 999\n');
  });

  // Q33: the answer stays 200, with one failure and counts.
  it('reports a table that is not there as the failure of its first line', async () => {
    table = 'missing';
    const { status, body } = await load(lines(0, 100));
    expect(status).to.equal(200);
    expect(body).to.deep.include({
      read: 100,
      processed: 0,
      unprocessed: 99,
      failed: 1,
      last_item: `${item(0)}\n`,
    });
    expect(body.failed_items).to.deep.equal({
      [`${item(0)}\n`]: "TableNotExistsException(Table 'missing' does not exist)",
    });
  });

  // Q33, 17.2: any table name, and the path of the original's client.
  it('takes any table name, under both paths', async () => {
    await client.createTable('with-dash.and.dot', { attributes: { h: 'S', r: 'N' } });
    table = 'with-dash.and.dot';
    expect((await load(lines(0, 3))).body.processed).to.equal(3);
    const answer = await client.post(`/data/tables/${table}/bulk_load`, lines(3, 5));
    expect(answer.body.processed).to.equal(2);
    expect(await count()).to.equal(5);
  });

  // Lines are put concurrently; those of one key must not overtake each other.
  it('lets the later of two lines with one key win', async () => {
    let body = '';
    for (let i = 0; i < 500; i++) body += `${item(i % 3, `${i}`)}\n`;
    expect((await load(body)).body.processed).to.equal(500);
    for (let i = 0; i < 3; i++) {
      const stored = await client.getItem(table, { h: { S: 'bulk' }, r: { N: `${i}` } });
      expect(stored?.v).to.deep.equal({ S: `${i === 2 ? 497 : 498 + i}` });
    }
  });

  function open(head: string, path = `/v1/data/${client.project}/tables/${table}/bulk_load`): Socket {
    const socket = connect({ host: service.host, port: service.port, allowHalfOpen: true });
    socket.on('error', () => undefined);
    socket.write(`POST ${path} HTTP/1.1\r\nHost: x\r\n${head}\r\n`);
    return socket;
  }
  const bodyOf = (answer: string): AnswerBody =>
    JSON.parse(answer.slice(answer.indexOf('\r\n\r\n') + 4)) as AnswerBody;

  // [T]: a stream cut in the middle of a line is answered; sums agree, the first item is there.
  for (const [what, head] of [
    ['chunked', 'Transfer-Encoding: chunked\r\n'],
    ['of a known length', 'Content-Length: 100000\r\n'],
  ] as const) {
    it(`answers a ${what} body that is cut in the middle of a line`, async () => {
      const socket = open(head);
      const sent = lines(0, 3) + item(3).slice(0, 20);
      socket.end(what === 'chunked' ? `${Buffer.byteLength(sent).toString(16)}\r\n${sent}\r\n` : sent);
      const answer = await text(socket);
      expect(answer).to.match(/^HTTP\/1\.1 200 /);
      const body = bodyOf(answer);
      balance(body);
      expect(body).to.include({ read: 4, processed: 3, failed: 1 });
      expect(Object.keys(body.failed_items!)).to.deep.equal([item(3).slice(0, 20)]);
      expect(await count()).to.equal(3);
    });
  }

  // A client may close its side as soon as all is sent, as `nc -N` does.
  it('answers a whole body whose sender has closed its side', async () => {
    const body = lines(0, 300);
    const socket = open(`Content-Length: ${Buffer.byteLength(body)}\r\n`);
    socket.end(body);
    expect(bodyOf(await text(socket)).processed).to.equal(300);
  });

  // What a client has sent before it went away is written; nothing is answered, nothing breaks.
  it('writes whole lines of a client that goes away', async () => {
    const socket = open('Transfer-Encoding: chunked\r\n');
    const sent = lines(0, 5) + item(5).slice(0, 20);
    socket.write(`${Buffer.byteLength(sent).toString(16)}\r\n${sent}\r\n`);
    await eventually(async () => {
      expect(await count()).to.equal(5);
    });
    socket.resetAndDestroy();
    expect((await load(lines(10, 12))).body.processed).to.equal(2);
    expect(await count()).to.equal(7);
  });

  // The connection can be used again, and half-closing it works for the next request as ever.
  it('leaves the connection in order', async () => {
    const body = lines(0, 2);
    const path = `/v1/data/${client.project}/tables/${table}/bulk_load`;
    const socket = open(`Content-Length: ${Buffer.byteLength(body)}\r\n`);
    socket.write(body);
    await once(socket, 'data');
    socket.write(
      `POST ${path} HTTP/1.1\r\nHost: x\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`,
    );
    const [second] = (await once(socket, 'data')) as [Buffer];
    expect(bodyOf(second.toString()).processed).to.equal(2);
    const closed = once(socket, 'close');
    socket.end();
    socket.resume();
    await closed;
  });

  // The body is a stream: its parts may come in any pieces, one byte each.
  it('joins lines that come in pieces', async () => {
    const bytes = Buffer.from(`{"h":{"S":"Zürich 😀"},"r":{"N":"1"}}\n${item(2)}\n`);
    const pieces = new ReadableStream({
      start(controller) {
        for (const byte of bytes) controller.enqueue(Buffer.of(byte));
        controller.close();
      },
    });
    const answer = await fetch(`${client.url}/tables/${table}/bulk_load`, {
      method: 'POST',
      body: pieces,
      duplex: 'half',
    });
    expect(((await answer.json()) as AnswerBody).processed).to.equal(2);
    expect(await client.getItem(table, { h: { S: 'Zürich 😀' }, r: { N: '1' } })).to.not.equal(undefined);
  });

  it('refuses bytes that are not UTF-8 as a line', async () => {
    const { body } = await load(
      Buffer.concat([Buffer.from(lines(0, 1)), Buffer.from([0x22, 0xff, 0x22, 0x0a])]),
    );
    expect(body).to.include({ read: 2, processed: 1, failed: 1 });
    expect(Object.values(body.failed_items!)[0]).to.match(/UTF-8/);
  });

  describe('with small limits', () => {
    let small: TestService;
    let other: Client;
    before(async () => {
      small = await startTestService({
        paste: `
[pipeline:main]
pipeline = fault context sizelimit prefix
[filter:fault]
use = magnetodb:faultwrapper
[filter:context]
use = magnetodb:noauth_context
[filter:sizelimit]
use = magnetodb:sizelimit
max_request_body_size = 1000
[composite:prefix]
use = magnetodb:urlmap
/v1/data = data
[app:data]
use = magnetodb:data_api_v1
max_line_size = 1024
idle_timeout = 0.2
bulk_concurrency = 2
max_failed_items = 2
`,
      });
      other = small.client();
      await other.createTable('table', { attributes: { h: 'S', r: 'N' } });
    });
    after(() => small.close());

    // The limit on bodies is for other operations; lines and failures have theirs.
    it('bounds lines and failures, not the body', async () => {
      const long = item(1, 'x'.repeat(2000));
      const body = `${lines(0, 50)}${long}\n${lines(50, 100)}bad\nworse\nworst\n`;
      const answer = await other.post('/tables/table/bulk_load?on_error=continue', body);
      expect(answer.body).to.include({ read: 104, processed: 100, failed: 4, failed_items_truncated: true });
      const [[shown, error]] = Object.entries(answer.body.failed_items!) as [[string, string]];
      expect(shown).to.have.lengthOf.below(300);
      expect(long).to.include(shown.slice(0, -1));
      expect(error).to.equal('ValidationError(The line is longer than 1024 bytes)');
      expectFault(await other.call('table', 'scan', { scan_filter: { v: 'x'.repeat(2000) } }), 413);
    });

    // No limit on the whole, but on silence: 408, which says how far the load got.
    it('ends a load that falls silent', async () => {
      const socket = connect({ host: small.host, port: small.port, allowHalfOpen: true });
      socket.write(`POST /v1/data/${other.project}/tables/table/bulk_load HTTP/1.1\r\nHost: x\r\n`);
      socket.write(`Content-Length: 1000\r\n\r\n${lines(0, 2)}`);
      const answer = await text(socket);
      socket.end();
      expect(answer).to.match(/^HTTP\/1\.1 408 /);
      expect(bodyOf(answer).error?.message).to.match(/2 lines were read, 2 items written, 0 failed/);
    });
  });

  // The point of streaming: a load of any size in a memory of one size, and a sender held to our pace.
  it('loads very many lines in little memory', async function () {
    this.timeout(120_000);
    // The more the better, within a minute or so: a small Cassandra writes a thousand a second.
    const total = testStorage() === 'lmdb' ? 100_000 : 20_000;
    let sent = 0;
    let mostKept = 0;
    const baseline = process.memoryUsage();
    const body = new ReadableStream({
      pull(controller) {
        if (sent >= total) {
          controller.close();
          return;
        }
        const to = Math.min(sent + 500, total);
        controller.enqueue(Buffer.from(lines(sent, to)));
        sent = to;
        const { heapUsed, arrayBuffers } = process.memoryUsage();
        mostKept = Math.max(mostKept, heapUsed + arrayBuffers - baseline.heapUsed - baseline.arrayBuffers);
      },
    });
    const answer = await fetch(`${client.url}/tables/${table}/bulk_load`, {
      method: 'POST',
      body,
      duplex: 'half',
    });
    const report = (await answer.json()) as AnswerBody;
    expect(report).to.include({ read: total, processed: total, failed: 0 });
    expect(mostKept).to.be.below(150_000_000);
    expect(await count()).to.equal(total);
  });
});
