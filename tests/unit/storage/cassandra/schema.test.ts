import { expect } from 'chai';
import { containerId, type Container } from '../../../../magnetodb/storage/driver.js';
import { keyspaceName, tableId, tableName } from '../../../../magnetodb/storage/cassandra/schema.js';

const CATALOGUE: Container = {
  id: containerId('00000000-0000-1000-8000-000000000001'),
  project: '',
  kind: 'guarded',
};
const OTHER: Container = { ...CATALOGUE, id: containerId('00000000-0000-1000-8000-000000000002') };

describe("a Cassandra keyspace's name", () => {
  // Keystone's ids are readable in the cluster; whatever else a project is called can't break a statement.
  it("is made of Keystone's ids as they are, and of a hash of all others", () => {
    const id = '0123456789abcdef0123456789abcdef';
    expect(keyspaceName('magnetodb', id)).to.equal(`magnetodb_p_${id}`);
    expect(keyspaceName('magnetodb', '')).to.equal('magnetodb_system');
    for (const other of ['a', 'A', id.toUpperCase(), 'x'.repeat(64), '_-_']) {
      expect(keyspaceName('magnetodb', other)).to.match(/^magnetodb_h_[0-9a-f]{32}$/);
    }
  });

  it('differs for projects that differ, and fits the 48 characters that Cassandra allows', () => {
    const names = ['a', 'A', 'a-', 'system', '0'.repeat(32)].map((id) => keyspaceName('p234567890123', id));
    expect(new Set(names).size).to.equal(names.length);
    for (const name of names) expect(name.length).to.be.at.most(48);
  });
});

describe("a Cassandra table's id", () => {
  // Cassandra takes each id once in a cluster. A second deployment, with a prefix of its own, got 503 for ever.
  it('differs between deployments that share a cluster', () => {
    const ids = [CATALOGUE, OTHER].flatMap((container) =>
      ['one', 'two'].map((prefix) => tableId(`${keyspaceName(prefix, '')}.${tableName(container)}`)),
    );
    expect(new Set(ids).size).to.equal(4);
    for (const id of ids) expect(id).to.match(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/);
  });

  // A repeated CREATE TABLE must mean the same table, whichever process sends it.
  it('is the same each time', () => {
    expect(tableId('one_system.t_1')).to.equal(tableId('one_system.t_1'));
  });
});
