import { expect } from 'chai';
import createError from 'http-errors';
import { factory } from '../../../magnetodb/middleware/helmet.js';
import type { Served } from '../pipeline/serve.js';
import { make, serveFilters } from './run.js';

describe('magnetodb:helmet', () => {
  let served: Served;
  afterEach(() => served.close());

  // An answer that a browser is tricked into showing must run and load nothing.
  it('sets the headers that matter for an API', async () => {
    served = await serveFilters([await make(factory)]);
    const { headers } = await served.request('/');
    expect(headers).to.include({
      'content-security-policy': "default-src 'none';frame-ancestors 'none'",
      'x-content-type-options': 'nosniff',
      'x-frame-options': 'DENY',
      'referrer-policy': 'no-referrer',
      'cross-origin-resource-policy': 'same-origin',
    });
    expect(headers).not.to.have.property('strict-transport-security');
  });

  // A service behind plain http that announced https would lock browsers out.
  it('announces https only where it is told to', async () => {
    const texts = {
      hsts_max_age: '31536000',
      hsts_include_subdomains: 'yes',
      resource_policy: 'cross-origin',
    };
    served = await serveFilters([await make(factory, texts)]);
    expect((await served.request('/')).headers).to.include({
      'strict-transport-security': 'max-age=31536000; includeSubDomains',
      'cross-origin-resource-policy': 'cross-origin',
    });
  });

  it('has its headers on errors too', async () => {
    served = await serveFilters([await make(factory)], () => {
      throw createError(404);
    });
    const answer = await served.request('/');
    expect(answer.status).to.equal(404);
    expect(answer.headers).to.include({ 'x-content-type-options': 'nosniff' });
  });
});
