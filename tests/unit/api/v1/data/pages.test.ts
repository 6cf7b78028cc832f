import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { expect } from 'chai';
import { sendPages } from '../../../../../magnetodb/api/v1/data/pages.js';
import type { ItemPage } from '../../../../../magnetodb/engine/requests.js';
import { StoredItem } from '../../../../../magnetodb/engine/stored-item.js';
import type { HttpServer } from '../../../../../magnetodb/server/http-server.js';
import { serve } from '../../serve-app.js';

const SCAN = { showItems: true, showScannedCount: true };

function page(items: readonly string[], more: Partial<ItemPage> = {}): ItemPage {
  return {
    items: items.map((item) => new StoredItem(Buffer.from(`{"v":{"S":"${item}"}}`))),
    count: items.length,
    scannedCount: items.length,
    ...more,
  };
}

describe('sendPages', () => {
  let server: HttpServer | undefined;

  async function answer(pages: AsyncIterable<ItemPage>, options = SCAN): Promise<HttpServer> {
    server = await serve(async (_req, res) => {
      await sendPages(res, pages, options);
    });
    return server;
  }
  async function* of(...pages: ItemPage[]): AsyncGenerator<ItemPage> {
    for (const each of pages) {
      await Promise.resolve();
      yield each;
    }
  }

  afterEach(async () => {
    await server?.close();
    server = undefined;
  });

  // Most answers are one page; with a length, a client can use its connection best.
  it('sends a single page in one piece', async () => {
    const { url } = await answer(of(page(['a', 'ü'])));
    const response = await fetch(url);
    expect(response.headers.get('content-length')).to.not.equal(null);
    expect(response.headers.get('content-type')).to.equal('application/json; charset=UTF-8');
    expect(await response.text()).to.equal(
      '{"items":[{"v":{"S":"a"}},{"v":{"S":"ü"}}],"count":2,"scanned_count":2}',
    );
  });

  // Pages may be empty, at any place; commas must be right, and sums go over all pages.
  it('joins pages, empty ones too', async () => {
    const empty = page([], { scannedCount: 10 });
    const lastEvaluatedKey = new Map([['h', { type: 'S', value: 'k' }]] as const);
    const { url } = await answer(
      of(empty, page(['a']), empty, page(['b', 'c']), empty, page(['d'], { lastEvaluatedKey })),
    );
    const response = await fetch(url);
    expect(response.headers.get('content-length')).to.equal(null);
    expect(await response.json()).to.deep.equal({
      items: ['a', 'b', 'c', 'd'].map((v) => ({ v: { S: v } })),
      count: 4,
      scanned_count: 34,
      last_evaluated_key: { h: { S: 'k' } },
    });
  });

  it('sends an empty list where nothing was found', async () => {
    const { url } = await answer(of(page([]), page([])));
    expect(await (await fetch(url)).text()).to.equal('{"items":[],"count":0,"scanned_count":0}');
  });

  // 10.3: a count alone has no items.
  it('sends a count without items', async () => {
    const count = page([], { count: 5 });
    const { url } = await answer(of(count, count), { ...SCAN, showItems: false, showScannedCount: false });
    expect(await (await fetch(url)).text()).to.equal('{"count":10}');
  });

  // Before the first byte, an error is a fault as any other.
  it('answers an error that comes before the first page is out', async () => {
    // eslint-disable-next-line require-yield -- fails before it could
    const failing = (async function* (): AsyncGenerator<ItemPage> {
      await Promise.resolve();
      throw new Error('broken');
    })();
    const { url } = await answer(failing);
    expect((await fetch(url)).status).to.equal(500);
  });

  // After it, the client must not take a part for the whole.
  it('cuts the connection on an error that comes later', async () => {
    const failing = (async function* () {
      yield page(['a']);
      yield page(['b']);
      await Promise.resolve();
      throw new Error('broken');
    })();
    const { url } = await answer(failing);
    const whole = await fetch(url)
      .then((response) => response.text())
      .catch(() => undefined);
    expect(whole).to.equal(undefined);
  });

  /** Pages without end; tells how many were asked for, and when nobody wants more. */
  function endless(): { pages: AsyncIterable<ItemPage>; asked: () => number; ended: Promise<void> } {
    let asked = 0;
    let end = (): void => undefined;
    const ended = new Promise<void>((resolve) => (end = resolve));
    const big = page([Array.from({ length: 100_000 }, () => 'x').join('')]);
    const pages = (async function* () {
      try {
        for (;;) {
          asked++;
          await new Promise(setImmediate);
          yield big;
        }
      } finally {
        end();
      }
    })();
    return { pages, asked: () => asked, ended };
  }

  async function request({ host, port }: HttpServer): Promise<Socket> {
    const socket = connect({ host, port });
    socket.on('error', () => undefined);
    socket.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n');
    await once(socket, 'readable');
    return socket;
  }

  // The point of pages: memory doesn't grow with the answer when the client is slow.
  it('asks for no more pages than the client takes', async () => {
    const { pages, asked, ended } = endless();
    const socket = await request(await answer(pages));
    let before = -1;
    // Until the buffers of both sockets are full.
    while (before !== asked()) {
      before = asked();
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
    expect(before).to.be.below(1000);
    socket.resume();
    while (asked() <= before) await new Promise(setImmediate);
    socket.destroy();
    await ended;
  });

  it('stops asking for pages when the client goes away', async () => {
    const { pages, ended } = endless();
    (await request(await answer(pages))).destroy();
    await ended;
  });
});
