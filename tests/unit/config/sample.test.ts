import { readFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { loadConfig, shippedConfigFolder } from '../../../magnetodb/config/load.js';
import { sampleConfig } from '../../../magnetodb/config/sample.js';
import { choice, schema, text } from '../../../magnetodb/config/schema.js';

describe('sampleConfig', () => {
  // Operators read the file, not the schema: it is made from it, with
  // `npx tsx magnetodb/cmd/config-generator.ts --output-file etc/magnetodb/magnetodb.conf.sample`.
  it('equals the shipped magnetodb.conf.sample', () => {
    const shipped = readFileSync(path.join(shippedConfigFolder, 'magnetodb.conf.sample'), 'utf8');
    expect(sampleConfig(schema)).to.equal(shipped);
  });

  // An operator takes the marks off line by line.
  it('loads, as it is and with every option uncommented, to the defaults', () => {
    const folder = mkdtempSync(path.join(tmpdir(), 'magnetodb-sample-'));
    try {
      const asIs = path.join(folder, 'a.conf');
      const uncommented = path.join(folder, 'b.conf');
      const sample = sampleConfig(schema);
      writeFileSync(asIs, sample);
      writeFileSync(uncommented, sample.replaceAll(/^#(?! )/gm, ''));
      const defaults = loadConfig({ configFiles: [] });
      expect(loadConfig({ configFiles: [asIs] })).to.deep.equal(defaults);
      const { DEFAULT, ...others } = loadConfig({ configFiles: [uncommented] });
      expect({ ...DEFAULT, api_paste_config: defaults.DEFAULT.api_paste_config, ...others }).to.deep.equal({
        ...defaults.DEFAULT,
        limits: defaults.limits,
        tables: defaults.tables,
        cassandra: { ...defaults.cassandra, password: '<secret>' },
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('shows choices and dollars, and no secret', () => {
    const options = {
      DEFAULT: {
        colour: choice({ doc: 'A colour.', choices: ['red', 'blue'], default: 'red', env: 'T_COLOUR' }),
        price: text({ doc: 'A price.', default: '5$', env: 'T_PRICE', flag: '--price' }),
        password: text({ doc: 'A secret.', default: 'hunter2', env: 'T_PASSWORD', sensitive: true }),
      },
    };
    expect(sampleConfig(options)).to.equal(
      [
        '[DEFAULT]',
        '',
        '# A colour. (string value)',
        '# Possible values: red, blue',
        '# Environment: T_COLOUR',
        '#colour = red',
        '',
        '# A price. (string value)',
        '# Environment: T_PRICE; command line: --price',
        '#price = 5$$',
        '',
        '# A secret. (string value)',
        '# Environment: T_PASSWORD',
        '#password = <secret>',
        '',
      ].join('\n'),
    );
  });

  // Lines are read in terminals of 80 columns.
  it('keeps lines short', () => {
    for (const line of sampleConfig(schema).split('\n')) expect(line.length, line).to.be.at.most(79);
  });
});

describe('shipped configuration files', () => {
  // A newcomer's first start.
  it('quickstart.conf listens on this machine only, on the documented port', () => {
    const { DEFAULT } = loadConfig({ configFiles: [path.join(shippedConfigFolder, 'quickstart.conf')] });
    expect(DEFAULT).to.include({
      bind_host: '127.0.0.1',
      bind_port: 8480,
      storage_driver: 'lmdb',
      data_dir: path.resolve('data'),
      api_paste_config: path.join(shippedConfigFolder, 'api-paste.ini'),
    });
  });

  it('magnetodb.conf loads', () => {
    const { DEFAULT } = loadConfig({ configFiles: [path.join(shippedConfigFolder, 'magnetodb.conf')] });
    expect(DEFAULT).to.include({ storage_driver: 'cassandra', log_format: 'json' });
  });
});
