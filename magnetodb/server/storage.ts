/** The store that the configuration names, opened. */
import type { Config } from '../config/index.js';
import type { Logger } from '../logging/logger.js';
import type { StorageDriver } from '../storage/driver.js';
import { openDriver } from '../storage/registry.js';
import { cassandraOptions } from './cassandra-options.js';

/** Opens it. Who opens it closes it. @throws {ConfigError} an option has not the form that it needs, or as `openDriver`. */
export function openStorage({ DEFAULT: main, cassandra }: Config, logger: Logger): Promise<StorageDriver> {
  return openDriver(
    main.storage_driver,
    { dataDir: main.data_dir, cassandra: cassandraOptions(cassandra) },
    logger,
  );
}
