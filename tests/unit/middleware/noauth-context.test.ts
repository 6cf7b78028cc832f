import { expect } from 'chai';
import { factory } from '../../../magnetodb/middleware/noauth-context.js';
import { fakeService, KeepingLogger } from '../pipeline/serve.js';
import { make, serveFilters } from './run.js';

describe('magnetodb:noauth_context', () => {
  it('trusts the project in the URL, for a user without name or roles', async () => {
    const served = await serveFilters([await make(factory)]);
    const headers = { 'X-Auth-Token': 't', 'X-User-Id': 'admin', 'X-Roles': 'admin', 'X-Project-Id': 'p' };
    const { body } = await served.request('/', { headers });
    expect(body).to.deep.include({ trustUrlProject: true, userId: 'anonymous', roles: [] });
    expect(body).not.to.have.property('projectId');
    await served.close();
  });

  // Nobody must find out from an intruder that there is no authentication.
  it('warns at the start', async () => {
    const logger = new KeepingLogger();
    await make(factory, {}, fakeService({ logger }));
    expect(logger.lines).to.have.length(1);
    expect(logger.lines[0]).to.include({ level: 'warn' });
    expect(logger.lines[0]?.event).to.contain('NO AUTHENTICATION');
  });

  for (const host of [
    '127.0.0.1',
    '127.255.0.9',
    'localhost',
    'LocalHost',
    '::1',
    '[::1]',
    '::ffff:127.0.0.1',
  ]) {
    it(`starts where the service listens on ${host}`, async () => {
      await make(factory, {}, fakeService({ bind: { host, port: 1 } }));
    });
  }

  for (const host of [
    '0.0.0.0',
    '::',
    '',
    '10.0.0.1',
    'kv.example.org',
    '127.evil.example.org',
    '::ffff:10.0.0.1',
  ]) {
    // A copy of the shipped file on a public address would open every table to everybody.
    it(`refuses to start where the service listens on "${host}"`, async () => {
      await make(factory, {}, fakeService({ bind: { host, port: 1 } })).then(
        () => expect.fail('was taken'),
        (error: unknown) =>
          expect(String(error)).to.contain('no authentication').and.to.contain('allow_remote'),
      );
    });
  }

  it('starts anywhere when the operator insists', async () => {
    const logger = new KeepingLogger();
    await make(
      factory,
      { allow_remote: 'true' },
      fakeService({ logger, bind: { host: '0.0.0.0', port: 1 } }),
    );
    expect(logger.lines[0]?.fields).to.include({ host: '0.0.0.0' });
  });
});
