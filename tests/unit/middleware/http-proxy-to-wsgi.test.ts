import { expect } from 'chai';
import { factory } from '../../../magnetodb/middleware/http-proxy-to-wsgi.js';
import type { Served } from '../pipeline/serve.js';
import { make, serveFilters } from './run.js';

describe('magnetodb:http_proxy_to_wsgi', () => {
  let served: Served;
  afterEach(() => served.close());

  const seen = async (headers: Record<string, string>, enabled = 'true'): Promise<object> => {
    served = await serveFilters([await make(factory, { enable_proxy_headers_parsing: enabled })]);
    const { scheme, host, scriptName, remoteAddress } = (await served.request('/', { headers }))
      .body as Record<string, unknown>;
    return { scheme, host, scriptName, remoteAddress };
  };
  const nothing = { scheme: undefined, host: undefined, scriptName: '', remoteAddress: undefined };

  // oslo.middleware: off by default, since anybody can send these headers.
  it('believes nothing unless it is told to', async () => {
    served = await serveFilters([await make(factory)]);
    const headers = { 'X-Forwarded-Proto': 'https', Forwarded: 'host=evil' };
    expect((await served.request('/', { headers })).body).not.to.have.any.keys('scheme', 'host');
  });

  it('reads the older headers', async () => {
    expect(
      await seen({
        'X-Forwarded-Proto': 'https',
        'X-Forwarded-Host': 'kv.example.org',
        'X-Forwarded-Port': '8443',
        'X-Forwarded-For': '192.0.2.7, 10.0.0.1',
        'X-Forwarded-Prefix': '/kv/',
      }),
    ).to.deep.equal({
      scheme: 'https',
      host: 'kv.example.org:8443',
      scriptName: '/kv',
      remoteAddress: '192.0.2.7',
    });
  });

  // RFC 7239: pairs separated by semicolons, proxies by commas, names in any case, values quoted or not.
  it('reads Forwarded, of the proxy next to the client', async () => {
    expect(
      await seen({
        Forwarded:
          'For="[2001:db8::1]:4711";PROTO=https; host="kv.example.org:8443", for=10.0.0.1;host=inner',
      }),
    ).to.deep.equal({
      ...nothing,
      scheme: 'https',
      host: 'kv.example.org:8443',
      remoteAddress: '2001:db8::1',
    });
  });

  it('prefers Forwarded to the older headers', async () => {
    expect(await seen({ Forwarded: 'proto=https', 'X-Forwarded-Host': 'other' })).to.deep.equal({
      ...nothing,
      scheme: 'https',
    });
  });

  // Data API, Q4: in the original a port on its own had no effect.
  it('gives a port on its own to the host that was asked for', async () => {
    expect(await seen({ Host: 'kv:8480', 'X-Forwarded-Port': '80' })).to.deep.equal({
      ...nothing,
      host: 'kv:80',
    });
    await served.close();
    expect(await seen({ 'X-Forwarded-Host': 'kv:1', 'X-Forwarded-Port': 'x' })).to.deep.equal({
      ...nothing,
      host: 'kv:1',
    });
  });

  // oslo.middleware has a test for an attacker who sends nonsense.
  for (const headers of [
    { Forwarded: 'iam=anattacker;metoo, I will crash you!!P;m,xx' },
    { Forwarded: 'host="unclosed' },
    { Forwarded: 'host=' },
    { Forwarded: '=;,;=' },
    { Forwarded: 'for=unknown;proto=gopher;host="a b"' },
    { 'X-Forwarded-Host': 'a"><script>', 'X-Forwarded-Proto': 'javascript', 'X-Forwarded-For': 'me' },
    { 'X-Forwarded-Prefix': '//evil.example.org' },
    { 'X-Forwarded-Prefix': 'no-slash' },
    { 'X-Forwarded-Prefix': '/a?b' },
  ]) {
    it(`believes nothing of ${JSON.stringify(headers)}`, async () => {
      expect(await seen(headers)).to.deep.equal(nothing);
    });
  }
});
