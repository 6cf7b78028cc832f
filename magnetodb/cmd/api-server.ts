#!/usr/bin/env node
/** The API server: reads its configuration, serves until it is told to stop. */
import { existsSync } from 'node:fs';
import path from 'node:path';
import { Command } from 'commander';
import { loadConfig, packageVersion, shippedConfigFolder, type Config } from '../config/index.js';
import { createLogger, type OwnedLogger } from '../logging/index.js';
import { startService, type RunningService } from '../server/service.js';

const NAME = 'magnetodb-api-server';
const SYSTEM_CONFIG_FILE = '/etc/magnetodb/magnetodb.conf';

interface Flags {
  readonly configFile?: readonly string[];
  readonly pasteConfig?: string;
  readonly host?: string;
  readonly port?: string;
  readonly dataDir?: string;
}

const program = new Command(NAME)
  .description('Serves the MagnetoDB APIs: key-value tables over HTTP.')
  .version(packageVersion())
  .option(
    '--config-file <file>',
    `configuration file; may be repeated, later ones win (default: ${SYSTEM_CONFIG_FILE} where it exists, else quickstart.conf of the package)`,
    (file: string, files: readonly string[] | undefined) => [...(files ?? []), file],
  )
  .option('--paste-config <file>', 'file that composes the pipelines (api_paste_config)')
  .option('--host <address>', 'address to listen on (bind_host)')
  .option('--port <number>', 'TCP port to listen on, 0 for any free one (bind_port)')
  .option('--data-dir <folder>', "folder for the embedded store's files (data_dir)")
  .addHelpText(
    'after',
    '\nFlags win over MAGNETODB_… environment variables, and those over configuration files.\n' +
      'etc/magnetodb/magnetodb.conf.sample explains every option.',
  )
  .allowExcessArguments(false)
  .parse();

try {
  await run(program.opts<Flags>());
} catch (error) {
  console.error(`${NAME}: ${oneLine(error)}`);
  process.exit(1);
}

async function run(flags: Flags): Promise<void> {
  const config = configure(flags);
  const { log_level, log_format, log_file } = config.DEFAULT;
  const logger = createLogger({ level: log_level, format: log_format, file: log_file });
  endOnFaults(logger);
  let service: RunningService;
  try {
    service = await startService(config, { logger });
  } catch (error) {
    await logger.close();
    throw error;
  }
  stopOnSignals(service, logger);
  if (log_file !== '') reopenOnHangUp(logger);
  const { storage_driver } = config.DEFAULT;
  const where = whereDataIs(config);
  logger.info('listening', { url: service.url, storage_driver, ...where, pid: process.pid });
  const place = Object.values(where).map((value) => `, data: ${value}`);
  console.log(`MagnetoDB is at ${service.url} (storage: ${storage_driver}${place.join('')})`);
  // Tells pm2 (wait_ready) that it may stop the process that this one replaces.
  process.send?.('ready');
}

function configure(flags: Flags): Config {
  const configFiles = flags.configFile ?? [defaultConfigFile()];
  return loadConfig({
    configFiles,
    env: process.env,
    overrides: {
      DEFAULT: {
        bind_host: flags.host,
        bind_port: flags.port,
        api_paste_config: flags.pasteConfig,
        data_dir: flags.dataDir,
      },
    },
  });
}

/** What tells an operator which store this is. */
function whereDataIs({ DEFAULT, cassandra }: Config): Readonly<Record<string, string>> {
  switch (DEFAULT.storage_driver) {
    case 'lmdb':
      return { data_dir: DEFAULT.data_dir };
    case 'cassandra':
      return { contact_points: cassandra.contact_points };
    default:
      return {};
  }
}

function defaultConfigFile(): string {
  return existsSync(SYSTEM_CONFIG_FILE)
    ? SYSTEM_CONFIG_FILE
    : path.join(shippedConfigFolder, 'quickstart.conf');
}

function stopOnSignals(service: RunningService, logger: OwnedLogger): void {
  let isStopping = false;
  const stop = (signal: NodeJS.Signals): void => {
    if (isStopping) {
      logger.warn('stopped at once', { signal });
      process.exit(1);
    }
    isStopping = true;
    logger.info('stopping', { signal });
    void service
      .close()
      .then(() => {
        logger.info('stopped');
        process.exitCode = 0;
      })
      .catch((error: unknown) => {
        logger.error('stopping failed', { error });
        process.exitCode = 1;
      })
      .then(() => logger.close())
      .finally(() => process.exit());
  };
  process.on('SIGTERM', stop);
  process.on('SIGINT', stop);
}

/** For log rotation. Without a log file SIGHUP keeps its meaning: the terminal is gone, and the process ends. */
function reopenOnHangUp(logger: OwnedLogger): void {
  process.on('SIGHUP', () => {
    try {
      logger.reopen();
    } catch (error) {
      logger.error('log file not reopened', { error });
    }
  });
}

/** A fault that nobody has caught leaves the process in an unknown state: it is logged, and the process ends. */
function endOnFaults(logger: OwnedLogger): void {
  process.on('uncaughtException', (error) => {
    logger.error('uncaught exception', { error });
    process.exit(1);
  });
}

/** An error's message and those of its causes, on one line. */
function oneLine(error: unknown): string {
  const messages: string[] = [];
  for (let next = error; next instanceof Error && messages.length < 5; next = next.cause) {
    const { message, code } = next as NodeJS.ErrnoException;
    // A message that holds the system's code has said it all.
    const isTold = messages.some((earlier) => earlier.includes(code ?? message) || earlier.includes(message));
    if (!isTold) messages.push(message);
  }
  if (messages.length === 0) messages.push('failed for an unknown reason');
  return messages.join(': ').replaceAll(/\s*\n\s*/g, '; ');
}
