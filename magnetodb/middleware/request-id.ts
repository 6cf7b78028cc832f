/**
 * Gives each request an id, as oslo.middleware's RequestId does. First in a pipeline, so that whatever answers or logs
 * further in can name it.
 *
 * Reads:  X-OpenStack-Request-ID (a caller's own id, `req-` and a UUID; anything else is ignored).
 * Sets:   context.requestId, context.globalRequestId; the response header X-OpenStack-Request-ID, and those that the
 *         option names.
 */
import { randomUUID } from 'node:crypto';
import { Type, type Static } from '@sinclair/typebox';
import type { FilterFactory } from '../pipeline/types.js';

const Options = Type.Object({
  compat_headers: Type.Array(Type.String({ pattern: '^[A-Za-z0-9-]+$' }), {
    default: [],
    description: 'Further response headers for the id: old clients read x-compute-request-id.',
  }),
});

const HEADER = 'x-openstack-request-id';
/** oslo.middleware's format, in lower case as it makes and takes them. */
const ID = /^req-[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;

/** `use = magnetodb:request_id` */
export const factory: FilterFactory<Static<typeof Options>> = {
  kind: 'filter',
  options: Options,
  create: ({ compat_headers: compatHeaders }) => {
    return (req, res, next) => {
      const { context, headers } = req;
      const id = `req-${randomUUID()}`;
      context.requestId = id;
      const callers = headers[HEADER];
      if (typeof callers === 'string' && ID.test(callers)) context.globalRequestId = callers;
      res.setHeader('X-OpenStack-Request-ID', id);
      for (const name of compatHeaders) res.setHeader(name, id);
      next();
    };
  },
};
