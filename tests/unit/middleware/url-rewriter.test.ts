import { once } from 'node:events';
import net from 'node:net';
import { expect } from 'chai';
import { factory } from '../../../magnetodb/middleware/url-rewriter.js';
import type { Served } from '../pipeline/serve.js';
import { make, serveFilters } from './run.js';

describe('magnetodb:url_rewriter', () => {
  let served: Served | undefined;
  afterEach(async () => {
    await served?.close();
    served = undefined;
  });

  const seen = async (texts: Record<string, string>, headers: Record<string, string>): Promise<object> => {
    served = await serveFilters([await make(factory, texts)]);
    const { scheme, host } = (await served.request('/', { headers })).body as Record<string, unknown>;
    return { scheme, host };
  };
  const proxied = {
    Host: 'inner:8480',
    'X-Forwarded-Proto': 'https',
    'X-Forwarded-Host': 'kv.example.org',
    'X-Forwarded-Port': '8443',
  };

  // Data API 1.3, each part: option, else header, else the request's own.
  const cases: [string, Record<string, string>, Record<string, string>, object][] = [
    ['keeps what the request says', {}, { Host: 'kv:8480' }, { scheme: undefined, host: 'kv:8480' }],
    ['believes the usual headers', {}, proxied, { scheme: 'https', host: 'kv.example.org:8443' }],
    [
      'prefers fixed values to headers',
      {
        url_rewrite_protocol_override: 'http',
        url_rewrite_host_override: 'fixed.example.org',
        url_rewrite_port_override: '81',
      },
      proxied,
      { scheme: 'http', host: 'fixed.example.org:81' },
    ],
    [
      'keeps the port inside a fixed host against a header',
      { url_rewrite_host_override: 'fixed.example.org:1' },
      proxied,
      { scheme: 'https', host: 'fixed.example.org:1' },
    ],
    // Data API, Q4: the forwarded port had no effect.
    [
      "puts a forwarded port in the place of the host's",
      {},
      { Host: 'kv:8480', 'X-Forwarded-Port': '443' },
      { scheme: undefined, host: 'kv:443' },
    ],
    [
      'reads the headers that the options name',
      {
        url_rewrite_protocol_header: 'X-My-Proto',
        url_rewrite_host_header: 'X-My-Host',
        url_rewrite_port_header: 'X-My-Port',
      },
      { ...proxied, 'X-My-Proto': 'http', 'X-My-Host': 'my', 'X-My-Port': '2' },
      { scheme: 'http', host: 'my:2' },
    ],
    [
      'ignores malformed headers',
      {},
      { Host: 'kv', 'X-Forwarded-Proto': 'x', 'X-Forwarded-Host': 'a b', 'X-Forwarded-Port': '0' },
      { scheme: undefined, host: 'kv' },
    ],
  ];
  for (const [what, texts, headers, expected] of cases) {
    it(what, async () => {
      expect(await seen(texts, headers)).to.deep.equal(expected);
    });
  }

  // Data API, Q4: the original crashed.
  it('takes a request without Host', async () => {
    served = await serveFilters([await make(factory, { url_rewrite_port_override: '81' })]);
    const socket = net.connect(served.port, '127.0.0.1');
    socket.end('GET / HTTP/1.0\r\n\r\n');
    const [piece] = (await once(socket, 'data')) as [Buffer];
    expect(piece.toString()).to.match(/^HTTP\/1.1 200/);
    expect(piece.toString()).not.to.contain('"host"');
  });

  it('refuses fixed values that can not be', async () => {
    for (const texts of [
      { url_rewrite_protocol_override: 'gopher' },
      { url_rewrite_host_override: 'http://kv' },
      { url_rewrite_port_override: '99999' },
    ]) {
      await make(factory, texts as Record<string, string>).then(
        () => expect.fail('was taken'),
        (error: unknown) => expect(String(error)).to.contain(Object.keys(texts)[0]),
      );
    }
  });
});
