import { expect } from 'chai';
import { factory } from '../../../magnetodb/middleware/request-id.js';
import type { Served } from '../pipeline/serve.js';
import { make, serveFilters } from './run.js';

const ID = /^req-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

describe('magnetodb:request_id', () => {
  let served: Served;
  afterEach(() => served.close());

  // An operator finds a user's request in the log by what the user was told.
  it('gives each request an id of its own, in the context and the answer', async () => {
    served = await serveFilters([await make(factory)]);
    const [one, two] = [await served.request('/'), await served.request('/')];
    expect(one.headers['x-openstack-request-id']).to.match(ID);
    expect(one.body).to.deep.include({ requestId: one.headers['x-openstack-request-id'] });
    expect(one.headers).not.to.have.property('x-compute-request-id');
    expect(two.headers['x-openstack-request-id']).not.to.equal(one.headers['x-openstack-request-id']);
  });

  // oslo.middleware: a caller's id goes beside our own, never in its place.
  it("keeps a caller's valid id", async () => {
    served = await serveFilters([await make(factory)]);
    const id = 'req-8a5e1c35-fe4f-4f0e-b6a5-5dbb0a9e9b55';
    const answer = await served.request('/', { headers: { 'X-OpenStack-Request-ID': id } });
    expect(answer.body).to.deep.include({ globalRequestId: id });
    expect(answer.headers['x-openstack-request-id']).to.match(ID).and.not.to.equal(id);
  });

  // What lands in logs must not be what a caller likes.
  it("ignores a caller's malformed id", async () => {
    served = await serveFilters([await make(factory)]);
    for (const id of [
      'req-1',
      '8a5e1c35-fe4f-4f0e-b6a5-5dbb0a9e9b55',
      'req-8a5e1c35-fe4f-4f0e-b6a5-5dbb0a9e9b55 x',
      'REQ-8A5E1C35-FE4F-4F0E-B6A5-5DBB0A9E9B55',
    ]) {
      const answer = await served.request('/', { headers: { 'X-OpenStack-Request-ID': id } });
      expect(answer.body).not.to.have.property('globalRequestId');
    }
  });

  // The original's client notes x-compute-request-id (data API, 17.3).
  it('repeats the id in the headers that the option names', async () => {
    served = await serveFilters([await make(factory, { compat_headers: 'X-Compute-Request-Id, X-Other' })]);
    const { headers } = await served.request('/');
    expect(headers['x-compute-request-id']).to.match(ID).and.to.equal(headers['x-openstack-request-id']);
    expect(headers['x-other']).to.equal(headers['x-openstack-request-id']);
  });
});
