import { expect } from 'chai';
import { factory } from '../../../magnetodb/middleware/sizelimit.js';
import type { Served } from '../pipeline/serve.js';
import { make, serveFilters } from './run.js';

describe('magnetodb:sizelimit', () => {
  let served: Served | undefined;
  afterEach(async () => {
    await served?.close();
    served = undefined;
  });

  // Decision: 16 MiB; the readers of bodies enforce what the context says.
  it('sets 16 MiB and a minute where nothing is said', async () => {
    served = await serveFilters([await make(factory)]);
    expect((await served.request('/')).body).to.deep.include({
      maxBodyBytes: 16_777_216,
      bodyTimeoutMs: 60_000,
    });
  });

  it('sets what the options say', async () => {
    served = await serveFilters([await make(factory, { max_request_body_size: '10', body_timeout: '0.5' })]);
    expect((await served.request('/')).body).to.deep.include({ maxBodyBytes: 10, bodyTimeoutMs: 500 });
  });

  // A limit of nothing would refuse every write; a time-out of nothing too.
  it('refuses limits that let nothing through', async () => {
    for (const texts of [{ max_request_body_size: '0' }, { body_timeout: '0' }, { body_timeout: '-1' }]) {
      await make(factory, texts as Record<string, string>).then(
        () => expect.fail('was taken'),
        (error: unknown) => expect(error).to.have.property('option', Object.keys(texts)[0]),
      );
    }
  });
});
