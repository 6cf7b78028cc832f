/** A whole service in this process, for tests that speak HTTP to it. */
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { inspect } from 'node:util';
import { loadConfig, shippedConfigFolder, type Overrides } from '../../magnetodb/config/index.js';
import { silentLogger, type Logger } from '../../magnetodb/logging/logger.js';
import { startService } from '../../magnetodb/server/service.js';
import { Client } from './client.js';
import { newTestStore } from './storage.js';

export interface ServiceOptions {
  /** A paste file's text; absent: the shipped api-paste.ini. */
  readonly paste?: string;
  /** Options that win over the defaults. */
  readonly config?: Overrides;
  /** Absent: errors go to stderr. */
  readonly logger?: Logger;
}

export interface TestService {
  readonly url: string;
  readonly host: string;
  readonly port: number;
  /** A client for a project of its own; tests that share a service so share no tables. */
  client(project?: string): Client;
  /** Stops the service and removes its data. */
  close(): Promise<void>;
}

let projects = 0;

/** Errors that the service logs explain a failing test, so they are shown; the rest would only be in the way. */
const errorsOnly: Logger = {
  ...silentLogger,
  error: (event, fields) => {
    process.stderr.write(`${inspect({ event, ...fields })}\n`);
  },
};

/** Starts a service on the store that this run is about, an empty one of its own, and on a free port. */
export async function startTestService(options: ServiceOptions = {}): Promise<TestService> {
  const store = await newTestStore();
  const folder = await mkdtemp(join(tmpdir(), 'magnetodb-functional-'));
  let paste = join(shippedConfigFolder, 'api-paste.ini');
  if (options.paste !== undefined) {
    paste = join(folder, 'api-paste.ini');
    await writeFile(paste, options.paste);
  }
  const config = loadConfig({
    configFiles: [],
    env: store.env,
    overrides: {
      ...options.config,
      DEFAULT: {
        bind_host: '127.0.0.1',
        bind_port: 0,
        api_paste_config: paste,
        ...options.config?.DEFAULT,
      },
    },
  });
  const service = await startService(config, { logger: options.logger ?? errorsOnly });
  return {
    url: service.url,
    host: service.host,
    port: service.port,
    client: (project = `project${++projects}`) => new Client(service.url, project),
    close: async () => {
      await service.close();
      await store.remove();
      await rm(folder, { recursive: true });
    },
  };
}
