/**
 * The storage drivers by the names that the configuration uses. A driver's module, and with it the client library
 * that it needs, is loaded only when it is named.
 */
import type { Logger } from '../logging/logger.js';
import type { CassandraOptions } from './cassandra/options.js';
import type { StorageDriver } from './driver.js';
import { StorageConfigurationError } from './errors.js';

/** What drivers need to open their stores, each its own. */
export interface DriverOptions {
  /** The directory for a driver that keeps its data on this machine. Made where it does not exist. */
  readonly dataDir?: string;
  readonly cassandra?: CassandraOptions;
}

type DriverOpener = (options: DriverOptions, logger: Logger) => Promise<StorageDriver>;

const DRIVERS: ReadonlyMap<string, DriverOpener> = new Map<string, DriverOpener>([
  [
    'cassandra',
    async (options, logger) => {
      const { openCassandraDriver } = await import('./cassandra/driver.js');
      return openCassandraDriver(needed('cassandra', options.cassandra), logger);
    },
  ],
  [
    'lmdb',
    async (options, logger) => {
      const { openLmdbDriver } = await import('./lmdb/driver.js');
      return openLmdbDriver({ dataDir: needed('dataDir', options.dataDir), logger });
    },
  ],
]);

function needed<Value>(name: string, value: Value | undefined): Value {
  if (value === undefined) throw new StorageConfigurationError(`the storage driver needs the option ${name}`);
  return value;
}

/** The names that `openDriver` takes, ascending. */
export function driverNames(): readonly string[] {
  return [...DRIVERS.keys()].sort();
}

/**
 * Opens the store of the driver called `name`. Who opens it closes it.
 * @throws {StorageConfigurationError} for a name that is not one of `driverNames()`, or a store that can't be used.
 * @throws {StorageUnavailableError} the store can't serve now.
 */
export async function openDriver(
  name: string,
  options: DriverOptions,
  logger: Logger,
): Promise<StorageDriver> {
  const open = DRIVERS.get(name);
  if (open === undefined) {
    throw new StorageConfigurationError(
      `no storage driver is called ${JSON.stringify(name)}; known: ${driverNames().join(', ')}`,
    );
  }
  return open(options, logger);
}
