/**
 * How the client library's errors become those of the contract. What decides is whether a statement may have been
 * carried out: a client that is told "nothing was changed" tries again.
 */
import { errors, types } from 'cassandra-driver';
import {
  ContainerNotFoundError,
  OutcomeUnknownError,
  StorageConfigurationError,
  StorageError,
  StorageUnavailableError,
} from '../errors.js';

/** The protocol's error codes, as plain numbers: those of an error are. */
const responseErrorCodes: Readonly<Record<keyof typeof types.responseErrorCodes, number>> =
  types.responseErrorCodes;

/** A node answered that it has not begun with the statement. */
const REFUSALS: ReadonlySet<number> = new Set([
  responseErrorCodes.badCredentials,
  responseErrorCodes.unavailableException,
  responseErrorCodes.overloaded,
  responseErrorCodes.isBootstrapping,
  responseErrorCodes.syntaxError,
  responseErrorCodes.unauthorized,
  responseErrorCodes.invalid,
  responseErrorCodes.configError,
  responseErrorCodes.alreadyExists,
  responseErrorCodes.unprepared,
]);

/** What comes back while a table is being dropped, or after that, among other reasons. */
const DROPPED_TABLE_HINTS: ReadonlySet<number> = new Set([
  responseErrorCodes.serverError,
  responseErrorCodes.readFailure,
  responseErrorCodes.writeFailure,
  responseErrorCodes.invalid,
  responseErrorCodes.unprepared,
]);

/** A statement was given up before the client library was done with it: its outcome is open. */
export class GivenUpError extends Error {
  constructor(timeoutMs: number) {
    super(`no answer within ${timeoutMs} ms, whichever nodes were asked`);
    this.name = 'GivenUpError';
  }
}

/** Why a single node did not do what it was asked; the client gives a text where it did not even ask. */
type NodeError = string | Error | null | undefined;

function nodeErrors(error: unknown): NodeError[] {
  if (error instanceof errors.NoHostAvailableError) {
    return Object.values((error.innerErrors ?? {}) as Record<string, NodeError>);
  }
  return [error instanceof Error ? error : String(error)];
}

function isRefusal(error: NodeError): boolean {
  // A text ("considered as DOWN"), or nothing: this node was not asked.
  if (typeof error === 'string' || error === null || error === undefined) return true;
  if (error instanceof errors.ResponseError) return REFUSALS.has(error.code);
  if (error instanceof errors.BusyConnectionError) return true;
  if (error instanceof errors.OperationTimedOutError) return false;
  if ('isSocketError' in error) return 'requestNotWritten' in error && error.requestNotWritten === true;
  // What the pool throws when it has no connection to give; all other kinds have a class of their own.
  return error.constructor === Error && error.message === 'No connection available';
}

/** Whether it is certain that no node has begun with the statement. */
export function nothingWasDone(error: unknown): boolean {
  return nodeErrors(error).every(isRefusal);
}

/**
 * Whether whoever was asked has said how it ended, so that nobody is still at work on the statement. A node that has not
 * answered may have it before it, and carry it out much later.
 */
export function hasEnded(error: unknown): boolean {
  return nodeErrors(error).every((one) => isRefusal(one) || one instanceof errors.ResponseError);
}

/**
 * Whether a node refused for lack of live replicas, or because too much waits for those that are down. Under Paxos v1
 * both may come after a proposal was accepted.
 */
export function isUnavailable(error: unknown): boolean {
  return nodeErrors(error).some(
    (one) =>
      one instanceof errors.ResponseError &&
      (one.code === responseErrorCodes.unavailableException || one.code === responseErrorCodes.overloaded),
  );
}

/** What comes back in the moment in which nodes forget a table. */
const BEING_DROPPED_HINTS: ReadonlySet<number> = new Set(
  [...DROPPED_TABLE_HINTS].filter((code) => code !== responseErrorCodes.invalid),
);

/** Replicas that have forgotten a table do not answer those that have not. */
const TIMEOUTS: ReadonlySet<number> = new Set([
  responseErrorCodes.readTimeout,
  responseErrorCodes.writeTimeout,
]);

function someAnswered(error: unknown, codes: ReadonlySet<number>): boolean {
  return nodeErrors(error).some((one) => one instanceof errors.ResponseError && codes.has(one.code));
}

/** Whether the statement's table may be gone: somebody has to look. */
export function mayBeDropped(error: unknown): boolean {
  return someAnswered(error, DROPPED_TABLE_HINTS) || someAnswered(error, TIMEOUTS);
}

/** Whether the error looks like one of the moment in which a node forgets the table. */
export function isBeingDropped(error: unknown): boolean {
  return someAnswered(error, BEING_DROPPED_HINTS);
}

/** Whether the statement names a keyspace or a table that the node does not know (yet). */
export function isUnknownName(error: unknown): boolean {
  return nodeErrors(error).some(
    (one) => one instanceof errors.ResponseError && one.code === responseErrorCodes.invalid,
  );
}

/** Whether some node, or a replica behind it, was lost on the way to an answer: asked again, others may have it. */
export function isLostAnswer(error: unknown): boolean {
  return nodeErrors(error).some((one) => {
    if (!(one instanceof Error)) return false;
    if (one instanceof errors.ResponseError) return one.code === responseErrorCodes.readTimeout;
    return one instanceof errors.OperationTimedOutError || 'isSocketError' in one;
  });
}

/** The nodes that did not answer in time. */
export function silentNodes(error: unknown): string[] {
  if (error instanceof errors.OperationTimedOutError) return error.host === undefined ? [] : [error.host];
  if (!(error instanceof errors.NoHostAvailableError)) return [];
  return Object.entries((error.innerErrors ?? {}) as Record<string, NodeError>)
    .filter(([, one]) => one instanceof errors.OperationTimedOutError)
    .map(([address]) => address);
}

/** An error of the contract, or of the caller's making, as it is; any other as "can't serve, nothing was changed". */
export function readFailure(error: unknown): Error {
  if (error instanceof StorageError || error instanceof RangeError) return error;
  return new StorageUnavailableError(`Cassandra does not serve: ${reason(error)}`, { cause: error });
}

/** For a write whose outcome can't be found out. */
export function outcomeUnknown(error: unknown): OutcomeUnknownError {
  return new OutcomeUnknownError(`Cassandra did not say what became of a write: ${reason(error)}`, {
    cause: error,
  });
}

export function containerNotFound(id: string, error?: unknown): ContainerNotFoundError {
  return new ContainerNotFoundError(`there is no container ${id}`, { cause: error });
}

/** What an operator must change before the store can be opened; undefined: trying again may help. */
export function configurationFault(error: unknown): StorageConfigurationError | undefined {
  if (error instanceof StorageConfigurationError) return error;
  const all = nodeErrors(error);
  const refused = all.find((one) => one instanceof errors.AuthenticationError);
  if (refused !== undefined) {
    // The node's own words: those of the client library hold a stack.
    return new StorageConfigurationError('Cassandra refuses [cassandra] username and password', {
      cause: refused,
    });
  }
  // That a node's cluster has no such data centre comes among the nodes' errors, as if it were one of those that pass.
  const misfit =
    all.find((one) => one instanceof errors.ArgumentError) ??
    (error instanceof TypeError ? error : undefined);
  if (misfit !== undefined) {
    return new StorageConfigurationError(`Cassandra can't be used as configured: ${misfit.message}`, {
      cause: misfit,
    });
  }
  return undefined;
}

/** An error's reason for the operator's log, with those of the nodes; it holds neither keys nor values. */
function reason(error: unknown): string {
  if (!(error instanceof Error)) return 'unknown reason';
  if (!(error instanceof errors.NoHostAvailableError)) return error.message || error.name;
  const nodes = Object.entries((error.innerErrors ?? {}) as Record<string, NodeError>).map(
    ([address, one]) => `${address}: ${typeof one === 'string' ? one : (one?.message ?? 'not asked')}`,
  );
  return nodes.length === 0 ? 'no node is known' : nodes.join('; ');
}
