import { expect } from 'chai';
import { keyspaceName, tableId } from '../../../../magnetodb/storage/cassandra/schema.js';
import { containerId, type Container } from '../../../../magnetodb/storage/driver.js';

const CATALOGUE: Container = {
  id: containerId('00000000-0000-1000-8000-000000000001'),
  project: '',
  kind: 'guarded',
};
const OTHER: Container = { ...CATALOGUE, id: containerId('00000000-0000-1000-8000-000000000002') };

describe("a Cassandra table's id", () => {
  // Cassandra takes each id once in a cluster. A second deployment, with a prefix of its own, got 503 for ever.
  it('differs between deployments that share a cluster', () => {
    const ids = [CATALOGUE, OTHER].flatMap((container) =>
      ['one', 'two'].map((prefix) => tableId(keyspaceName(prefix, container.project), container)),
    );
    expect(new Set(ids).size).to.equal(4);
    for (const id of ids) expect(id).to.match(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  });

  // A repeated CREATE TABLE must mean the same table, whichever process sends it.
  it('is the same each time', () => {
    expect(tableId('one_system', CATALOGUE)).to.equal(tableId('one_system', CATALOGUE));
  });
});
