import { expect } from 'chai';
import {
  cassandraYaml,
  jvmArguments,
  tokensOf,
  type NodeSettings,
} from '../../../../tools/cassandra/settings.js';

const NODE: NodeSettings = {
  clusterName: 'a "name"',
  folder: '/data/node2',
  address: '127.1.2.2',
  index: 1,
  addresses: ['127.1.2.1', '127.1.2.2', '127.1.2.3'],
  port: 9042,
  storagePort: 7000,
  auth: false,
  isThrowAway: true,
};

describe("a node's settings", () => {
  // Nodes that start at the same time can't ask each other: two with one token would be refused.
  it('give each of three nodes tokens of its own, all in the range of the partitioner', () => {
    const tokens = [0, 1, 2].flatMap((index) => tokensOf(index, 3));
    expect(new Set(tokens).size).to.equal(48);
    for (const token of tokens) {
      expect(token > -(2n ** 63n) && token < 2n ** 63n, String(token)).to.equal(true);
    }
  });

  // Else one node of three would have most of the data, and another's death would show nothing.
  it('spread the tokens evenly', () => {
    const tokens = [0, 1, 2].flatMap((index) => tokensOf(index, 3)).sort((a, b) => (a < b ? -1 : 1));
    const gaps = new Set(tokens.slice(1).map((token, index) => token - tokens[index]!));
    expect(gaps.size).to.equal(1);
    expect(tokensOf(0, 1)).to.have.length(16);
  });

  it('name the cluster, the node and where to find the others', () => {
    const lines = cassandraYaml(NODE).split('\n');
    expect(lines).to.include.members([
      'cluster_name: "a \\"name\\""',
      'listen_address: 127.1.2.2',
      'rpc_address: 127.1.2.2',
      '      - seeds: "127.1.2.1:7000,127.1.2.2:7000,127.1.2.3:7000"',
      'data_file_directories: ["/data/node2/data"]',
      'paxos_variant: v2',
      'auto_snapshot: false',
    ]);
    expect(lines.join('\n')).to.not.match(/authenticator|client_encryption_options/);
  });

  // Dropping a table by mistake is what snapshots are for.
  it('keep snapshots of dropped tables where the data stays', () => {
    expect(cassandraYaml({ ...NODE, isThrowAway: false })).to.match(/^auto_snapshot: true$/m);
  });

  // Cassandra's own default forgets the last 100 ms of a killed node.
  it('sync the commit log before a write is acknowledged where they are told to', () => {
    expect(cassandraYaml(NODE)).to.match(/^commitlog_sync: periodic$/m);
    const yaml = cassandraYaml({ ...NODE, isDurable: true });
    expect(yaml)
      .to.match(/^commitlog_sync: batch$/m)
      .and.not.match(/commitlog_sync_period/);
  });

  it('ask for passwords and TLS where they are told to', () => {
    const yaml = cassandraYaml({
      ...NODE,
      auth: true,
      keystore: { file: '/data/k.p12', password: 'secret' },
    });
    expect(yaml).to.match(/^authenticator: PasswordAuthenticator$/m);
    expect(yaml).to.match(
      /^client_encryption_options:\n {2}enabled: true\n {2}optional: false\n {2}keystore: "\/data\/k.p12"$/m,
    );
  });

  // A node is known by its folder in its command line: node-process.ts.
  it('are all that Java needs to be told of', () => {
    const args = jvmArguments(NODE, { jars: '/jars', agent: 'jamm-1.jar', heap: '512M' });
    expect(args).to.include.members([
      '-Xmx512M',
      '-javaagent:/jars/jamm-1.jar',
      '-Dcassandra.config=file:///data/node2/cassandra.yaml',
      '-Dcassandra.storagedir=/data/node2',
      '-Dcassandra.system_auth.default_rf=3',
    ]);
    expect(args.slice(-3)).to.deep.equal(['-cp', '/jars/*', 'org.apache.cassandra.service.CassandraDaemon']);
  });
});
