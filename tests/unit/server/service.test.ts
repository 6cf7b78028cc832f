import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import net from 'node:net';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { loadConfig, type Config } from '../../../magnetodb/config/index.js';
import { startService, type RunningService } from '../../../magnetodb/server/service.js';

/** A filter of an operator's own, which notes what happens to it. */
const FILTER = `
import { appendFileSync } from 'node:fs';
const note = (text) => appendFileSync(new URL('./notes', import.meta.url), text + '\\n');
export const factory = {
  kind: 'app',
  options: { type: 'object', properties: {} },
  create: (_options, service) => {
    note('opened');
    return {
      handle: (req, res) => res.json({ bind: service.bind, engine: typeof service.engine.getItem }),
      close: () => note('closed'),
    };
  },
};
`;

describe('startService', () => {
  let folder: string;
  const services: RunningService[] = [];

  beforeEach(() => {
    folder = mkdtempSync(path.join(tmpdir(), 'magnetodb-service-'));
    writeFileSync(path.join(folder, 'app.js'), FILTER);
    writeFileSync(path.join(folder, 'package.json'), '{"type":"module"}');
    writeFileSync(path.join(folder, 'paste.ini'), '[app:main]\nuse = ./app.js#factory\n');
  });

  afterEach(async () => {
    await Promise.all(services.splice(0).map((service) => service.close()));
    rmSync(folder, { recursive: true });
  });

  function configure(main: Partial<Config['DEFAULT']> = {}): Config {
    return loadConfig({
      configFiles: [],
      overrides: {
        DEFAULT: {
          bind_port: 0,
          shutdown_timeout: 1,
          data_dir: path.join(folder, 'data'),
          api_paste_config: path.join(folder, 'paste.ini'),
          ...main,
        },
        tables: { job_poll_interval: 0.05 },
      },
    });
  }

  async function start(config: Config): Promise<RunningService> {
    const service = await startService(config);
    services.push(service);
    return service;
  }

  async function failureOf(config: Config): Promise<string> {
    try {
      await start(config);
    } catch (error) {
      return (error as Error).message;
    }
    throw new Error('started');
  }

  const notes = (): string => readFileSync(path.join(folder, 'notes'), 'utf8');

  // Filters must know the port that clients use, also when the system has chosen it.
  it('serves the configured pipeline, over the engine, and tells it where it listens', async () => {
    const service = await start(configure());
    const answer = await fetch(`${service.url}/x`);
    expect(await answer.json()).to.deep.equal({
      bind: { host: '127.0.0.1', port: service.port },
      engine: 'function',
    });
    expect(service).to.include({ host: '127.0.0.1', url: `http://127.0.0.1:${service.port}` });
  });

  it('closes every part, once', async () => {
    const service = await start(configure());
    await service.close();
    await service.close();
    expect(notes()).to.equal('opened\nclosed\n');
    const error = await fetch(service.url).catch((failure: unknown) => failure);
    expect(error).to.be.instanceOf(TypeError);
  });

  // Whoever embeds the service may try again in the same process; nothing may be left open.
  it('closes what it has opened when it cannot listen', async () => {
    const blocker = net.createServer().listen(0, '127.0.0.1');
    await once(blocker, 'listening');
    const { port } = blocker.address() as net.AddressInfo;
    try {
      expect(await failureOf(configure({ bind_port: port }))).to.contain(
        `cannot listen on 127.0.0.1:${port}`,
      );
      expect(notes()).to.equal('opened\nclosed\n');
      await start(configure());
    } finally {
      blocker.close();
    }
  });

  it('refuses a paste file that is missing, and starts once it is there', async () => {
    const missing = path.join(folder, 'missing.ini');
    expect(await failureOf(configure({ api_paste_config: missing }))).to.contain(missing);
    await start(configure());
  });

  it('refuses an unknown storage driver by name', async () => {
    expect(await failureOf(configure({ storage_driver: 'papyrus' }))).to.match(/papyrus.*lmdb/s);
  });
});
