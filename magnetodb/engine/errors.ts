/**
 * What the engine throws when it refuses or can't do what was asked. Programs and tests read `code`, people the
 * message, which names the input and the rule. No error knows an HTTP status: each API has one table of codes.
 */
export type ErrorCode =
  | 'Validation'
  | 'InvalidQueryParameter'
  | 'ConditionalCheckFailed'
  | 'TableAlreadyExists'
  | 'TableNotExists'
  | 'ResourceInUse'
  | 'Forbidden'
  | 'OverQuota'
  | 'ServiceUnavailable'
  | 'OutcomeUnknown';

export abstract class ServiceError extends Error {
  abstract readonly code: ErrorCode;
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = new.target.name;
  }
}

/** Something in the request is wrong. Nothing was changed. */
export class ValidationError extends ServiceError {
  readonly code = 'Validation';
}

/** An update's ADD or DELETE does not fit the stored attribute. Nothing was changed. */
export class InvalidQueryParameterError extends ServiceError {
  readonly code = 'InvalidQueryParameter';
}

/** The stored item does not meet `expected`. Nothing was changed. */
export class ConditionalCheckFailedError extends ServiceError {
  readonly code = 'ConditionalCheckFailed';
  constructor() {
    super('The conditional request failed');
  }
}

export class TableAlreadyExistsError extends ServiceError {
  readonly code = 'TableAlreadyExists';
  constructor(tableName: string) {
    super(`Table ${tableName} already exists`);
  }
}

export class TableNotExistsError extends ServiceError {
  readonly code = 'TableNotExists';
  constructor(tableName: string) {
    super(`Table '${tableName}' does not exist`);
  }
}

/** The table is in a state that excludes the operation, such as deleting what is still being created. */
export class ResourceInUseError extends ServiceError {
  readonly code = 'ResourceInUse';
}

/** The caller may not do this. */
export class ForbiddenError extends ServiceError {
  readonly code = 'Forbidden';
}

/** The project, or the deployment, has as many tables as it may have. */
export class OverQuotaError extends ServiceError {
  readonly code = 'OverQuota';
}

/** The storage can't serve now, or a compare-and-set kept losing. Nothing was changed; the caller may try again. */
export class ServiceUnavailableError extends ServiceError {
  readonly code = 'ServiceUnavailable';
}

/** The write may have happened, or may still happen. */
export class OutcomeUnknownError extends ServiceError {
  readonly code = 'OutcomeUnknown';
}
