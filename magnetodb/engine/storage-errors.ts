import {
  OutcomeUnknownError as StorageOutcomeUnknownError,
  StorageUnavailableError,
} from '../storage/errors.js';
import { OutcomeUnknownError, ServiceUnavailableError } from './errors.js';

/** That the storage can't serve now, and nothing was changed. */
export function unavailable(cause: unknown): ServiceUnavailableError {
  return new ServiceUnavailableError('The storage is not available now, please try again', { cause });
}

/** What a driver threw, as callers of the engine know it; anything else as it is. The original stays as `cause`. */
export function fromStorage(error: unknown): unknown {
  if (error instanceof StorageUnavailableError) return unavailable(error);
  if (error instanceof StorageOutcomeUnknownError) {
    return new OutcomeUnknownError('The outcome of the write is unknown: it may have been carried out', {
      cause: error,
    });
  }
  return error;
}

/** Awaits a call that ends in the driver, and translates what it throws. */
export async function translated<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw fromStorage(error);
  }
}
