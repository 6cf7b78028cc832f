import { expect } from 'chai';
import { factory } from '../../../magnetodb/middleware/cors.js';
import type { Served } from '../pipeline/serve.js';
import { make, serveFilters } from './run.js';

const ORIGIN = 'https://console.example.org';

describe('magnetodb:cors', () => {
  let served: Served | undefined;
  afterEach(async () => {
    await served?.close();
    served = undefined;
  });

  const start = async (texts: Record<string, string>): Promise<Served> => {
    served = await serveFilters([await make(factory, texts)], (_req, res) => {
      res.end('app');
    });
    return served;
  };

  // oslo.middleware: without an allowed origin nothing is said to browsers, which then forbid.
  it('does nothing without allowed origins', async () => {
    const { request } = await start({});
    const answer = await request('/', { headers: { Origin: ORIGIN } });
    expect(answer.text).to.equal('app');
    expect(Object.keys(answer.headers).filter((name) => /^access-control|^vary/.test(name))).to.deep.equal(
      [],
    );
  });

  it('lets the pages of allowed origins read answers', async () => {
    const { request } = await start({ allowed_origin: `https://other.example.org, ${ORIGIN}` });
    const { headers, text } = await request('/', { headers: { Origin: ORIGIN } });
    expect(text).to.equal('app');
    expect(headers).to.include({
      'access-control-allow-origin': ORIGIN,
      'access-control-allow-credentials': 'true',
      'access-control-expose-headers': 'X-OpenStack-Request-ID,Retry-After',
      vary: 'Origin',
    });
  });

  it('lets no other pages', async () => {
    const { request } = await start({ allowed_origin: ORIGIN });
    const { headers } = await request('/', { headers: { Origin: 'https://evil.example.org' } });
    expect(headers).not.to.have.property('access-control-allow-origin');
  });

  // Browsers send no token with a preflight: it must be answered before authentication.
  it('answers preflight requests itself', async () => {
    const { request } = await start({
      allowed_origin: ORIGIN,
      max_age: '60',
      allow_methods: 'GET,POST',
      allow_headers: 'X-Auth-Token',
    });
    const answer = await request('/', {
      method: 'OPTIONS',
      headers: { Origin: ORIGIN, 'Access-Control-Request-Method': 'POST' },
    });
    expect(answer).to.deep.include({ status: 204, text: '' });
    expect(answer.headers).to.include({
      'access-control-allow-origin': ORIGIN,
      'access-control-allow-methods': 'GET,POST',
      'access-control-allow-headers': 'X-Auth-Token',
      'access-control-max-age': '60',
    });
  });

  // oslo.middleware: only Access-Control-Request-Method makes a preflight.
  it('leaves an ordinary OPTIONS to the app', async () => {
    const { request } = await start({ allowed_origin: ORIGIN });
    expect((await request('/', { method: 'OPTIONS', headers: { Origin: ORIGIN } })).text).to.equal('app');
  });

  // Fetch standard: credentials with * are refused by browsers.
  it('allows any origin, then without credentials', async () => {
    const { request } = await start({ allowed_origin: '*' });
    const { headers } = await request('/', { headers: { Origin: ORIGIN } });
    expect(headers).to.include({ 'access-control-allow-origin': '*' });
    expect(headers).not.to.have.property('access-control-allow-credentials');
  });

  it('refuses what browsers would: credentials for any origin, and origins with a path', async () => {
    for (const texts of [
      { allowed_origin: '*', allow_credentials: 'true' },
      { allowed_origin: 'https://console.example.org/' },
      { allowed_origin: 'console.example.org' },
    ]) {
      await make(factory, texts as Record<string, string>).then(
        () => expect.fail('was taken'),
        (error: unknown) => expect(String(error)).to.match(/allow_credentials|allowed_origin/),
      );
    }
  });
});
