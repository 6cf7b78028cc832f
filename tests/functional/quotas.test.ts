import { expect } from 'chai';
import { tableBody } from '../support/client.js';
import { expectFault } from '../support/faults.js';
import { startTestService } from '../support/service.js';

const SHAPE = { attributes: { id: 'S' } };

describe('quotas of tables', () => {
  // decisions: 403, type OverQuota; the message names the limit, so that the client knows whom to ask for what.
  it('are told as 403 OverQuota', async () => {
    const service = await startTestService({
      config: { limits: { tables_per_project: 2, tables_total: 3 }, tables: { table_cache_time: 0 } },
    });
    try {
      const [one, other] = [service.client(), service.client()];
      await one.createTable('table-1', SHAPE);
      await one.createTable('table-2', SHAPE);
      const refused = await one.post('/tables', tableBody('table-3', SHAPE));
      expectFault(refused, 403, 'OverQuota', /tables_per_project is 2/);
      expect(refused.body.title).to.equal('Forbidden');
      await other.createTable('table-1', SHAPE);
      expectFault(
        await other.post('/tables', tableBody('table-2', SHAPE)),
        403,
        'OverQuota',
        /tables_total is 3/,
      );
      await one.send('DELETE', '/tables/table-1');
      await one.waitUntilGone('table-1');
      await one.createTable('table-3', SHAPE);
    } finally {
      await service.close();
    }
  });
});
