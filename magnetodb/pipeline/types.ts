/**
 * What a filter or an app is: the one interface to implement for a new one. See doc/writing-a-filter.rst.
 *
 * A pipeline lists filters, outermost first, and ends in an app. A request goes through the filters in the file's
 * order; an error thrown or passed to `next` goes back out through the `handleError`s of the filters that the request
 * has passed, innermost first, until one answers.
 */
import type { TSchema } from '@sinclair/typebox';
import type { ErrorRequestHandler, RequestHandler } from 'express';
import type { Engine } from '../engine/requests.js';
import type { Logger } from '../logging/logger.js';

/** What the process hands to every factory. */
export interface Service {
  readonly logger: Logger;
  readonly engine: Engine;
  /** Where the process listens, for filters that must know. */
  readonly bind: { readonly host: string; readonly port: number };
}

/** An Express middleware, or, where it also handles errors or holds resources, an object. */
export interface Filter {
  readonly handle?: RequestHandler;
  /** Gets errors from what lies further in. Answers, or passes an error on with `next(error)`. */
  readonly handleError?: ErrorRequestHandler;
  /** Called once at shut-down, after the last request. */
  readonly close?: () => void | Promise<void>;
}

/** An app ends a pipeline: it answers, or calls `next` without an error for "no such resource". */
export interface App {
  readonly handle: RequestHandler;
  readonly close?: () => void | Promise<void>;
}

/**
 * Makes filters from a paste file's sections. `options` is the schema (TypeBox, all of its texts coerced to the types
 * it names: `string`, `integer`, `number`, `boolean`, arrays from comma-separated texts); an option that it doesn't
 * name refuses the start.
 */
export interface FilterFactory<Options = Record<string, unknown>> {
  readonly kind: 'filter';
  readonly options: TSchema;
  create(options: Options, service: Service): RequestHandler | Filter | Promise<RequestHandler | Filter>;
}

/** Makes apps from a paste file's sections, in the same way. */
export interface AppFactory<Options = Record<string, unknown>> {
  readonly kind: 'app';
  readonly options: TSchema;
  create(options: Options, service: Service): RequestHandler | App | Promise<RequestHandler | App>;
}
