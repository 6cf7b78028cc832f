/** How LMDB's failures become the errors of the storage contract. */
import type { RootDatabase } from 'lmdb';
import { OutcomeUnknownError, StorageError, StorageUnavailableError } from '../errors.js';

/** An error of the contract, or of the caller's making, as it is; any other as "can't serve, nothing was changed". */
export function readFailure(error: unknown): Error {
  if (error instanceof StorageError || error instanceof RangeError || error instanceof TypeError)
    return error;
  return new StorageUnavailableError('the LMDB store can not be read', { cause: error });
}

/**
 * What became of a transaction that LMDB refused to commit. When a page can't be written (no space left, too big a
 * map), LMDB gives up before it writes the page that makes the transaction visible: nothing was changed. When the
 * flush fails, the transaction is visible already, and may or may not outlive the machine. The two are told apart by
 * the newest visible transaction: if it is older than ours, ours never came to be. (If it is not, it may also be
 * another one that took the number over; nobody can tell.)
 * @param transactionId what the transaction was given; 0: it never ran.
 */
export async function commitFailure(db: RootDatabase, error: unknown, transactionId: number): Promise<Error> {
  const cause = await commitError(error);
  if (transactionId === 0 || newestTransaction(db) < transactionId) {
    return new StorageUnavailableError('the LMDB store refused a transaction; nothing was changed', {
      cause,
    });
  }
  return new OutcomeUnknownError('the LMDB store failed while it made a transaction durable', { cause });
}

/** LMDB's own reason: lmdb's error carries it as a rejected promise, which somebody has to await. */
async function commitError(error: unknown): Promise<unknown> {
  if (!(error instanceof Error) || !('commitError' in error)) return error;
  try {
    await error.commitError;
    return error;
  } catch (reason) {
    return reason;
  }
}

function newestTransaction(db: RootDatabase): number {
  try {
    db.resetReadTxn();
    return (db.getStats() as { lastTxnId: number }).lastTxnId;
  } catch {
    return Number.POSITIVE_INFINITY; // the store can't even be read: assume the worse
  }
}
