/**
 * Says how long a request's body may be and how long it may take, as oslo.middleware's RequestBodySizeLimiter does for
 * the former. Only says it: the app that reads the body enforces it, since some operations have limits of their own.
 *
 * Reads:  nothing.
 * Sets:   context.maxBodyBytes, context.bodyTimeoutMs.
 */
import { Type, type Static } from '@sinclair/typebox';
import { DEFAULT_BODY_TIMEOUT_MS, DEFAULT_MAX_BODY_BYTES } from '../pipeline/request-context.js';
import type { FilterFactory } from '../pipeline/types.js';

const Options = Type.Object({
  max_request_body_size: Type.Integer({
    minimum: 1,
    default: DEFAULT_MAX_BODY_BYTES,
    description: 'The longest body, in bytes.',
  }),
  body_timeout: Type.Number({
    exclusiveMinimum: 0,
    maximum: 86_400,
    default: DEFAULT_BODY_TIMEOUT_MS / 1000,
    description: 'Seconds in which a body must have arrived.',
  }),
});

/** `use = magnetodb:sizelimit` */
export const factory: FilterFactory<Static<typeof Options>> = {
  kind: 'filter',
  options: Options,
  create: ({ max_request_body_size: maxBodyBytes, body_timeout: timeoutSeconds }) => {
    const bodyTimeoutMs = Math.ceil(timeoutSeconds * 1000);
    return (req, _res, next) => {
      req.context.maxBodyBytes = maxBodyBytes;
      req.context.bodyTimeoutMs = bodyTimeoutMs;
      next();
    };
  },
};
