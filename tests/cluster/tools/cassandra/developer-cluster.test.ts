import { randomInt } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { Client } from 'cassandra-driver';
import { expect } from 'chai';
import { DeveloperCluster } from '../../../../tools/cassandra/developer-cluster.js';
import { CassandraToolError } from '../../../../tools/cassandra/errors.js';

const OPTIONS = {
  heap: '512M',
  log: () => {
    // What goes on is of no interest here.
  },
};

describe("a developer's Cassandra", function () {
  this.timeout(300_000);
  // Not 127.0.0.1, where the developer who runs this may have one of their own.
  const network = `127.${randomInt(1, 255)}.${randomInt(0, 256)}`;
  let folder: string;
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'magnetodb-developer-'));
  });
  after(async () => {
    await new DeveloperCluster(folder, network).stop();
    await rm(folder, { recursive: true });
  });

  async function query(text: string): Promise<unknown[]> {
    const client = new Client({ contactPoints: [`${network}.1`], localDataCenter: 'datacenter1' });
    try {
      return (await client.execute(text)).rows;
    } finally {
      await client.shutdown();
    }
  }

  // Each command is a program of its own: what one has started the next must find, and nothing may be lost.
  it('is found, stopped and started again, with its data, by one program after another', async () => {
    expect(await new DeveloperCluster(folder, network).running()).to.deep.equal([]);
    expect(await new DeveloperCluster(folder, network).start(1, OPTIONS)).to.equal('started');
    expect(await new DeveloperCluster(folder, network).start(1, OPTIONS)).to.equal('running');
    const [node, ...others] = await new DeveloperCluster(folder, network).running();
    expect(others).to.deep.equal([]);
    expect(node).to.include({ size: 1, address: `${network}.1`, answers: true });

    await query(
      "CREATE KEYSPACE kept WITH replication = {'class': 'SimpleStrategy', 'replication_factor': 1}",
    );
    // Three nodes would need the address of the one that runs.
    const error = await new DeveloperCluster(folder, network)
      .start(3, OPTIONS)
      .catch((reason: unknown) => reason);
    expect(error).to.be.instanceOf(CassandraToolError);
    expect((error as Error).message).to.match(/stop it first/);

    expect(await new DeveloperCluster(folder, network).stop()).to.equal(1);
    expect(await new DeveloperCluster(folder, network).running()).to.deep.equal([]);
    expect(await new DeveloperCluster(folder, network).start(1, OPTIONS)).to.equal('started');
    const kept = await query(
      "SELECT keyspace_name FROM system_schema.keyspaces WHERE keyspace_name = 'kept'",
    );
    expect(kept).to.have.length(1);
  });
});
