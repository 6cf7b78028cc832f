import { expect } from 'chai';
import { loadConfig, type Config, type Overrides } from '../../../magnetodb/config/index.js';
import { cassandraOptions } from '../../../magnetodb/server/cassandra-options.js';

type Section = Partial<Record<keyof Config['cassandra'], string>>;

function optionsOf(section: Section): ReturnType<typeof cassandraOptions> {
  const overrides: Overrides = { cassandra: section };
  return cassandraOptions(loadConfig({ configFiles: [], env: {}, overrides }).cassandra);
}

describe('cassandraOptions', () => {
  it('makes milliseconds of seconds, and leaves out what is empty', () => {
    const options = optionsOf({ request_timeout: '2.5', speculative_delay: '0' });
    expect(options).to.include({ requestTimeoutMs: 2500, speculativeDelayMs: 0, port: 9042 });
    expect(options).not.to.have.any.keys('credentials', 'tls');
  });

  it('splits contact points at commas', () => {
    expect(optionsOf({ contact_points: ' one , two:9043,[::1]:9042' }).contactPoints).to.deep.equal([
      'one',
      'two:9043',
      '[::1]:9042',
    ]);
  });

  it('takes a role with its password, and TLS with its files', () => {
    const options = optionsOf({ username: 'mdb', password: 'hush', tls: 'true', tls_ca_file: '/ca.pem' });
    expect(options.credentials).to.deep.equal({ username: 'mdb', password: 'hush' });
    expect(options.tls).to.deep.equal({ verifyHostName: true, caFile: '/ca.pem' });
  });

  it('reads the copies of each data centre', () => {
    const options = optionsOf({
      replication_strategy: 'NetworkTopologyStrategy',
      data_center_replication: 'east:3, west : 2',
      local_data_center: 'east',
    });
    expect(options.replication).to.deep.equal({
      strategy: 'NetworkTopologyStrategy',
      factors: new Map([
        ['east', 3],
        ['west', 2],
      ]),
    });
  });

  // Each of these goes into names or statements of Cassandra, or would only fail much later.
  const REFUSED: readonly (readonly [string, Section, RegExp])[] = [
    ['no contact point', { contact_points: '' }, /contact_points/],
    ['a gap among contact points', { contact_points: 'one,,two' }, /contact_points/],
    ['a prefix with a quote', { keyspace_prefix: 'a"b' }, /keyspace_prefix/],
    ['a prefix in capitals', { keyspace_prefix: 'Magneto' }, /keyspace_prefix/],
    ['a prefix too long for the name of a keyspace', { keyspace_prefix: 'a'.repeat(14) }, /keyspace_prefix/],
    [
      'a data centre without a number',
      { replication_strategy: 'NetworkTopologyStrategy', data_center_replication: 'datacenter1' },
      /data_center_replication/,
    ],
    [
      'no copies in the data centre of its own',
      { replication_strategy: 'NetworkTopologyStrategy', data_center_replication: 'west:3' },
      /local_data_center/,
    ],
  ];
  for (const [what, section, message] of REFUSED) {
    it(`refuses ${what}, by the option's name`, () => {
      expect(() => optionsOf(section)).to.throw(message);
    });
  }
});
