/**
 * Lets web pages of other origins call the API, with oslo.middleware's options on top of the `cors` package. Without an
 * allowed origin the filter does nothing. Preflight requests are answered here: before authentication, since browsers
 * send no token with them.
 *
 * Reads:  Origin, Access-Control-Request-Method, Access-Control-Request-Headers.
 * Sets:   the Access-Control-… response headers, Vary.
 */
import { Type, type Static } from '@sinclair/typebox';
import cors from 'cors';
import type { FilterFactory } from '../pipeline/types.js';

const Options = Type.Object({
  allowed_origin: Type.Array(Type.String({ pattern: '^(\\*|[a-z][a-z0-9+.-]*://[^/\\s]+)$' }), {
    default: [],
    description: 'Origins such as https://console.example.org, or * for any.',
  }),
  allow_credentials: Type.Optional(
    Type.Boolean({ description: 'Let pages send cookies; true, except with *, where browsers forbid it.' }),
  ),
  expose_headers: Type.Array(Type.String(), {
    default: ['X-OpenStack-Request-ID', 'Retry-After'],
    description: 'Response headers that pages may read.',
  }),
  max_age: Type.Integer({
    minimum: 0,
    default: 3600,
    description: 'Seconds for which browsers keep the answer to a preflight request.',
  }),
  allow_methods: Type.Array(Type.String({ pattern: '^[A-Z]+$' }), {
    default: ['GET', 'HEAD', 'POST', 'PUT', 'DELETE'],
    description: 'Methods that pages may use.',
  }),
  allow_headers: Type.Array(Type.String(), {
    default: ['Content-Type', 'X-Auth-Token', 'X-OpenStack-Request-ID'],
    description: 'Request headers that pages may send.',
  }),
});

/** `use = magnetodb:cors` */
export const factory: FilterFactory<Static<typeof Options>> = {
  kind: 'filter',
  options: Options,
  create: (options) => {
    const origins = options.allowed_origin;
    const isAny = origins.includes('*');
    if (isAny && options.allow_credentials === true) {
      throw new Error(`option 'allow_credentials' can't be true with the origin *: name the origins`);
    }
    if (origins.length === 0) {
      return (_req, _res, next) => {
        next();
      };
    }
    const handle = cors({
      origin: isAny ? '*' : origins,
      credentials: options.allow_credentials ?? !isAny,
      methods: options.allow_methods,
      allowedHeaders: options.allow_headers,
      exposedHeaders: options.expose_headers,
      maxAge: options.max_age,
    });
    return (req, res, next) => {
      // The package takes every OPTIONS for a preflight; without this header it is an ordinary request (as in oslo).
      if (req.method === 'OPTIONS' && req.headers['access-control-request-method'] === undefined) next();
      else handle(req, res, next);
    };
  },
};
