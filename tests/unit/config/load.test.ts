import { mkdtempSync, mkdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { ConfigError, loadConfig, loadValues, shippedConfigFolder } from '../../../magnetodb/config/load.js';
import {
  configFile,
  onOff,
  schema,
  text,
  wholeNumber,
  type Section,
} from '../../../magnetodb/config/schema.js';

describe('loadConfig', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'magnetodb-config-'));
  });

  afterEach(() => {
    rmSync(folder, { recursive: true });
  });

  function file(content: string, name = 'magnetodb.conf'): string {
    const at = path.join(folder, name);
    mkdirSync(path.dirname(at), { recursive: true });
    writeFileSync(at, content);
    return at;
  }

  /** The message with which the start is refused. */
  function refusalOf(content: string): string {
    const configFile = file(content);
    try {
      loadConfig({ configFiles: [configFile] });
    } catch (error) {
      return (error as Error).message.replace(configFile, 'FILE');
    }
    throw new Error('not refused');
  }

  // What an operator gets without any file must be what the sample says.
  it('gives every option its default', () => {
    const config = loadConfig({ configFiles: [] });
    for (const [section, options] of Object.entries<Section>(schema)) {
      for (const [name, option] of Object.entries(options)) {
        if (option.format === 'path' || option.format === 'config_file') continue;
        const values = config[section as keyof typeof config] as Readonly<Record<string, unknown>>;
        expect(values[name], `${section}.${name}`).to.equal(option.default);
      }
    }
    expect(config.DEFAULT.data_dir).to.equal(path.resolve('data'));
    expect(config.DEFAULT.log_file).to.equal('');
    expect(config.DEFAULT.api_paste_config).to.equal(path.join(shippedConfigFolder, 'api-paste.ini'));
  });

  // A default outside its own bounds would refuse every start.
  it('has defaults that fit, and that can be written into a file', () => {
    for (const [section, options] of Object.entries<Section>(schema)) {
      for (const [name, option] of Object.entries(options)) {
        const configFiles = [file(`[${section}]\n${name} = ${String(option.default)}\n`)];
        expect(() => loadConfig({ configFiles }), name).not.to.throw();
      }
    }
  });

  // One rule to remember: nobody should have to look a variable's name up.
  it('names environment variables after section and option', () => {
    for (const [section, options] of Object.entries<Section>(schema)) {
      for (const [name, option] of Object.entries(options)) {
        const prefix = section === 'DEFAULT' ? 'MAGNETODB' : `MAGNETODB_${section.toUpperCase()}`;
        expect(option.env).to.equal(`${prefix}_${name.toUpperCase()}`);
      }
    }
  });

  // A deployment keeps secrets and local changes in a second file.
  it('lets a later file win, option by option', () => {
    const first = file('[DEFAULT]\nbind_host = ::1\nbind_port = 1\n', 'a.conf');
    const second = file('[DEFAULT]\nbind_port = 2\n', 'b.conf');
    const config = loadConfig({ configFiles: [first, second] });
    expect(config.DEFAULT).to.include({ bind_host: '::1', bind_port: 2 });
  });

  // Precedence: defaults < files < environment < flags.
  it('lets the environment win over files, and overrides over the environment', () => {
    const configFiles = [file('[DEFAULT]\nbind_host = h1\nbind_port = 1\n[limits]\nmax_item_size = 2000\n')];
    const env = { MAGNETODB_BIND_PORT: '2', MAGNETODB_LIMITS_MAX_ITEM_SIZE: '3000' };
    expect(loadConfig({ configFiles, env }).DEFAULT).to.include({ bind_host: 'h1', bind_port: 2 });
    const config = loadConfig({
      configFiles,
      env,
      overrides: { DEFAULT: { bind_port: '3', bind_host: undefined } },
    });
    expect(config.DEFAULT).to.include({ bind_host: 'h1', bind_port: 3 });
    expect(config.limits.max_item_size).to.equal(3000);
  });

  // oslo.config ignores the case of section names, and existing files make use of it.
  it('takes section names in any case, and sections that repeat', () => {
    const configFiles = [
      file('[default]\nbind_port = 1\n[Limits]\nmax_item_size=4096\n[DEFAULT]\nbind_host: h\n'),
    ];
    const config = loadConfig({ configFiles });
    expect(config.DEFAULT).to.include({ bind_host: 'h', bind_port: 1 });
    expect(config.limits.max_item_size).to.equal(4096);
  });

  // As oslo.config does for options that take one value.
  it('takes the last of repeated keys', () => {
    const configFiles = [file('[DEFAULT]\nbind_port = 1\nbind_port = 2\n')];
    expect(loadConfig({ configFiles }).DEFAULT.bind_port).to.equal(2);
  });

  // oslo.config's rule; else `""` would be a text of two quotes.
  it('takes off quotes around a value', () => {
    const configFiles = [file(`[DEFAULT]\nbind_host = "h"\nlog_level = 'debug'\nlog_file = ""\n`)];
    expect(loadConfig({ configFiles }).DEFAULT).to.include({
      bind_host: 'h',
      log_level: 'debug',
      log_file: '',
    });
  });

  // oslo.config's words, in any case: "False" must never be true.
  it('reads booleans strictly', () => {
    const read = (word: string): boolean =>
      loadConfig({ configFiles: [file(`[tables]\ntask_executor = ${word}\n`)] }).tables.task_executor;
    for (const word of ['true', 'True', 'yes', 'ON', '1']) expect(read(word), word).to.equal(true);
    for (const word of ['false', 'False', 'no', 'Off', '0']) expect(read(word), word).to.equal(false);
    expect(() => read('falsch')).to.throw(ConfigError, 'true or false');
  });

  // Tables appear and vanish within fractions of a second in tests and on small nodes.
  it('takes fractions where the option allows them', () => {
    const configFiles = [file('[tables]\ntable_cache_time = 0.25\njob_poll_interval = .5\n')];
    expect(loadConfig({ configFiles }).tables).to.include({ table_cache_time: 0.25, job_poll_interval: 0.5 });
  });

  describe('substitution', () => {
    // oslo.config's `$name` and `${name}`.
    it('replaces names of the same section and of DEFAULT', () => {
      const configFiles = [
        file(
          '[DEFAULT]\nbind_port = 7\ndata_dir = /d/$bind_port/${storage_driver}x\n[tables]\njob_attempts = $bind_port\n',
        ),
      ];
      const config = loadConfig({ configFiles });
      expect(config.DEFAULT.data_dir).to.equal('/d/7/cassandrax');
      expect(config.tables.job_attempts).to.equal(7);
    });

    // Else a flag would change an option, but not what was made from it.
    it('takes the value that won, from whichever source', () => {
      const configFiles = [file('[DEFAULT]\ndata_dir = /d/$bind_port\nbind_port = 7\n')];
      const config = loadConfig({ configFiles, overrides: { DEFAULT: { bind_port: 9 } } });
      expect(config.DEFAULT.data_dir).to.equal('/d/9');
    });

    // A dollar must be writable, and a shell has already replaced what it wanted in flags and variables.
    it('makes $$ a dollar, and leaves dollars of the environment alone', () => {
      const configFiles = [file('[DEFAULT]\ndata_dir = /d/$$x$$$$\n')];
      expect(loadConfig({ configFiles }).DEFAULT.data_dir).to.equal('/d/$x$$');
      const env = { MAGNETODB_DATA_DIR: '/e/$x$$' };
      expect(loadConfig({ configFiles, env }).DEFAULT.data_dir).to.equal('/e/$x$$');
    });

    it('refuses names that are no options, lone dollars and circles', () => {
      expect(refusalOf('[DEFAULT]\ndata_dir = $nope\n')).to.equal(
        'FILE:2: option data_dir in section [DEFAULT] holds $nope that names no option of [DEFAULT]; a dollar is written $$',
      );
      expect(refusalOf('[tables]\njob_attempts = ${nope}\n')).to.contain('of [tables] or [DEFAULT];');
      expect(refusalOf('[DEFAULT]\ndata_dir = a$\n')).to.contain(
        'FILE:2: option data_dir in section [DEFAULT]',
      );
      expect(refusalOf('[DEFAULT]\ndata_dir = $log_file\nlog_file = $data_dir\n')).to.match(
        /^FILE:\d: option \w+ in section \[DEFAULT\] refers to itself$/,
      );
    });

    // `$constructor` and the like are no options, whatever JavaScript's objects inherit.
    it('knows no option that the schema does not declare itself', () => {
      expect(refusalOf('[DEFAULT]\nconstructor = 1\n')).to.contain('unknown option constructor');
      expect(refusalOf('[DEFAULT]\ndata_dir = $toString\n')).to.contain('$toString');
      expect(refusalOf('[constructor]\na = 1\n')).to.contain('unknown section [constructor]');
    });
  });

  describe('paths', () => {
    // A deployment's paste file lies beside its configuration, wherever the process is started.
    it('starts api_paste_config at the folder of the file that sets it', () => {
      const configFiles = [file('[DEFAULT]\napi_paste_config = p.ini\n', 'sub/a.conf')];
      expect(loadConfig({ configFiles }).DEFAULT.api_paste_config).to.equal(
        path.join(folder, 'sub', 'p.ini'),
      );
    });

    // What an operator types, or a unit file sets, is relative to where the process runs.
    it('starts data_dir, and paths from the environment and from flags, at the working directory', () => {
      const configFiles = [file('[DEFAULT]\ndata_dir = d\nlog_file = l\n')];
      const env = { MAGNETODB_API_PASTE_CONFIG: 'p.ini' };
      expect(loadConfig({ configFiles, env }).DEFAULT).to.include({
        data_dir: path.resolve('d'),
        log_file: path.resolve('l'),
        api_paste_config: path.resolve('p.ini'),
      });
    });

    // oslo.config's search: a folder copied from etc/ works without naming the paste file.
    it('finds the default paste file beside the configuration files, the last one first', () => {
      const a = file('[DEFAULT]\n', 'a/a.conf');
      const b = file('[DEFAULT]\n', 'b/b.conf');
      const inA = file('', 'a/api-paste.ini');
      expect(loadConfig({ configFiles: [a, b] }).DEFAULT.api_paste_config).to.equal(inA);
      const inB = file('', 'b/api-paste.ini');
      expect(loadConfig({ configFiles: [a, b] }).DEFAULT.api_paste_config).to.equal(inB);
    });
  });

  describe('refusals', () => {
    // A typing error in an option's name must not become a silent default.
    it('names an unknown option, its section, file and line', () => {
      expect(refusalOf('[DEFAULT]\n\n# a comment\nbind_prot = 1\n')).to.equal(
        'FILE:4: unknown option bind_prot in section [DEFAULT]',
      );
      expect(refusalOf('[DEFAULT]\nbind_port = 1\n[tables]\nbind_port = 1\n')).to.equal(
        'FILE:4: unknown option bind_port in section [tables]',
      );
    });

    it('names an unknown section, its first option, file and line', () => {
      expect(refusalOf('[DEFAULT]\n[tabels]\njob_attempts = 1\n')).to.equal(
        'FILE:2: unknown section [tabels] (of option job_attempts); there are: DEFAULT, limits, tables, cassandra',
      );
    });

    it('names an ill-typed value, its option, section, file and line', () => {
      expect(refusalOf('[DEFAULT]\nbind_host = h\nbind_port = http\n')).to.equal(
        'FILE:3: option bind_port in section [DEFAULT] must be a whole number from 0 to 65535, not "http"',
      );
      expect(refusalOf('[DEFAULT]\nlog_level = loud\n')).to.equal(
        'FILE:2: option log_level in section [DEFAULT] must be one of error, warn, info, debug, not "loud"',
      );
      expect(refusalOf('[DEFAULT]\nbind_host = a\n  b\n')).to.contain('must be one line of text');
      // A long list is of no use in a message: the part that is wrong is.
      expect(refusalOf('[tables]\nwrite_isolation_exceptions = a/b:forbid, c:forbid\n')).to.match(
        /^FILE:2: option write_isolation_exceptions in section \[tables\] must be comma-.*, not "c:forbid"$/,
      );
    });

    // convict's own readers take 12x as 12, and every word but "false" as true.
    it('takes no number with anything around it', () => {
      for (const bad of ['', '12x', '1.5', '0x10', '1e2', '--1', 'NaN', '99999999999999999999']) {
        expect(refusalOf(`[DEFAULT]\nbind_port = ${bad}\n`), bad).to.contain('a whole number');
      }
      for (const bad of ['', '1.5s', '.', '1e2', 'Infinity', '1,5']) {
        expect(refusalOf(`[DEFAULT]\nshutdown_timeout = ${bad}\n`), bad).to.contain(
          'a number from 0 to 3600',
        );
      }
    });

    // Bounds are inclusive: the edge is in, one over is out.
    it('refuses what is out of range, by one', () => {
      for (const [section, options] of Object.entries<Section>(schema)) {
        for (const [name, option] of Object.entries(options)) {
          const { min, max } = option;
          if (min === undefined || max === undefined) continue;
          for (const good of [min, max]) {
            const configFiles = [file(`[${section}]\n${name} = ${good}\n`)];
            expect(() => loadConfig({ configFiles }), `${name} ${good}`).not.to.throw();
          }
          for (const bad of [min - 1, max + 1]) {
            expect(refusalOf(`[${section}]\n${name} = ${bad}\n`), `${name} ${bad}`).to.contain(
              `FILE:2: option ${name} in section [${section}] must be a`,
            );
          }
        }
      }
    });

    // Else the mistake shows up on the day on which the overriding file goes away.
    it('refuses a bad value that a later file replaces', () => {
      const configFiles = [file('[DEFAULT]\nbind_port = x\n', 'a'), file('[DEFAULT]\nbind_port = 1\n', 'b')];
      expect(() => loadConfig({ configFiles })).to.throw(
        ConfigError,
        `${configFiles[0]!}:2: option bind_port`,
      );
    });

    it('names the environment variable or the flag that holds a bad value', () => {
      expect(() => loadConfig({ configFiles: [], env: { MAGNETODB_BIND_PORT: 'x' } })).to.throw(
        ConfigError,
        'environment variable MAGNETODB_BIND_PORT: option bind_port in section [DEFAULT] must be',
      );
      expect(() => loadConfig({ configFiles: [], overrides: { DEFAULT: { bind_port: 'x' } } })).to.throw(
        ConfigError,
        '--port: option bind_port in section [DEFAULT] must be',
      );
    });

    it('names a file that cannot be read, and a line that is no entry', () => {
      const missing = path.join(folder, 'missing.conf');
      expect(() => loadConfig({ configFiles: [missing] })).to.throw(
        ConfigError,
        `cannot read the configuration file ${missing}: ENOENT`,
      );
      expect(refusalOf('[DEFAULT]\nbind_port\n')).to.match(/^FILE:2: /);
    });

    // A value may be a file that was given by mistake.
    it('cuts long values in messages', () => {
      expect(refusalOf(`[DEFAULT]\nbind_port = ${'9'.repeat(10_000)}\n`)).to.have.lengthOf.below(500);
    });
  });

  describe('secrets', () => {
    const options = {
      DEFAULT: {
        password: text({ doc: 'A secret.', default: 'd3fault', env: 'T_PASSWORD', sensitive: true }),
        pin: wholeNumber({
          doc: 'A secret number.',
          default: 1,
          min: 1,
          max: 9,
          env: 'T_PIN',
          sensitive: true,
        }),
        url: text({ doc: 'A text.', default: '', env: 'T_URL' }),
        flag: onOff({ doc: 'A switch.', default: false, env: 'T_FLAG' }),
        file: configFile({ doc: 'A file.', default: 'f', env: 'T_FILE' }),
      },
    };

    // An error message ends up in logs and tickets.
    it('never appear in a message', () => {
      const attempts: [string, Record<string, string>][] = [
        ['password = hun$ter2', {}],
        ['password = hun$$t${er2}', {}],
        ['pin = hunter2', {}],
        ['password = a', { T_PIN: 'hunter2' }],
        ['password = hunter2\n flag', {}],
      ];
      for (const [line, env] of attempts) {
        const configFiles = [file(`[DEFAULT]\n${line}\n`)];
        expect(() => loadValues(options, { configFiles, env }), line)
          .to.throw(ConfigError)
          .with.property('message')
          .that.does.not.match(/hun|er2/);
      }
    });

    // Else a secret would leave through the message about another option.
    it('cannot be referred to', () => {
      const configFiles = [file('[DEFAULT]\nurl = amqp://$password@host\n')];
      expect(() => loadValues(options, { configFiles })).to.throw(
        ConfigError,
        'refers to $password, which is a secret',
      );
    });

    it('are read like other options', () => {
      const configFiles = [file('[DEFAULT]\npassword = hun$$ter2\npin = 3\n')];
      expect(loadValues(options, { configFiles }).DEFAULT).to.deep.include({ password: 'hun$ter2', pin: 3 });
    });
  });

  // A configuration file is written by hand: whatever it holds, the refusal is a message and not a crash.
  it('either loads or refuses any file with a named error', () => {
    const names = ['bind_port', 'data_dir', 'log_level', 'toString', '__proto__', 'x'];
    const entry = fc.tuple(fc.constantFrom(...names), fc.string()).map(([key, value]) => `${key} = ${value}`);
    const section = fc.constantFrom('[DEFAULT]', '[limits]', '[__proto__]', '[hasOwnProperty]');
    fc.assert(
      fc.property(section, fc.array(entry, { maxLength: 4 }), (header, entries) => {
        const configFiles = [file([header, ...entries].join('\n'))];
        try {
          loadConfig({ configFiles });
        } catch (error) {
          expect((error as Error).name).to.be.oneOf(['ConfigError', 'IniError']);
          expect((error as Error).message).to.contain(configFiles[0]);
        }
      }),
      { numRuns: 200 },
    );
  });
});
