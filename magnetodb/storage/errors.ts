/**
 * What drivers throw. A driver turns its client library's errors into these and keeps the original as `cause`;
 * messages are for the operator's log and hold neither keys nor values.
 */
export abstract class StorageError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** The container does not exist, or is being dropped. The driver has made sure. */
export class ContainerNotFoundError extends StorageError {}

/** The store can't serve now: it is down, short of nodes, full, or overloaded. Nothing was changed. */
export class StorageUnavailableError extends StorageError {}

/** A write may have been applied or not, and may still be applied later. */
export class OutcomeUnknownError extends StorageError {}

/**
 * The store can't be opened as it is configured: no such driver, a directory that can't be written, data of another
 * format. Thrown while opening only; somebody must change something before a retry helps.
 */
export class StorageConfigurationError extends StorageError {}
