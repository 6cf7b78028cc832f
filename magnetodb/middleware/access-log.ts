/**
 * Writes one line for each request, when its answer is out or its connection is gone. Costs nothing while the log
 * doesn't write its level.
 *
 * Reads:  req.method, req.originalUrl (without the query, which may hold names of users' data), the peer's address;
 *         at the end: the context's request ids, project, user, operation and remote address, the status, and how many
 *         bytes the socket has sent, headers included.
 * Sets:   nothing.
 */
import { performance } from 'node:perf_hooks';
import { Type, type Static } from '@sinclair/typebox';
import { quoted } from '../engine/names.js';
import type { FilterFactory } from '../pipeline/types.js';

const Options = Type.Object({
  level: Type.Union(
    [Type.Literal('debug'), Type.Literal('info'), Type.Literal('warn'), Type.Literal('error')],
    {
      default: 'info',
      description: 'The level of the lines: debug, info, warn or error.',
    },
  ),
});

/** `use = magnetodb:access_log` */
export const factory: FilterFactory<Static<typeof Options>> = {
  kind: 'filter',
  options: Options,
  create: ({ level }, { logger }) => {
    return (req, res, next) => {
      if (!logger.isEnabled(level)) {
        next();
        return;
      }
      const startMs = performance.now();
      const { socket } = req;
      // Asked at once: a closed socket doesn't know its peer any more.
      const peer = socket.remoteAddress;
      const sentBefore = socket.bytesWritten;
      // 'close' comes once for every answer, also after 'finish'.
      res.on('close', () => {
        const { context } = req;
        const path = req.originalUrl;
        const query = path.indexOf('?');
        logger[level]('request', {
          request_id: context.requestId,
          global_request_id: context.globalRequestId,
          project: context.projectId,
          user: context.userId,
          operation: context.operation,
          method: req.method,
          path: quoted(query < 0 ? path : path.slice(0, query)),
          // Without a head sent there was no answer: a status would be a guess.
          status: res.headersSent ? res.statusCode : undefined,
          took_ms: Math.round((performance.now() - startMs) * 1000) / 1000,
          bytes_sent: socket.bytesWritten - sentBefore,
          remote_address: context.remoteAddress ?? peer,
          ...(res.writableFinished ? undefined : { aborted: true }),
        });
      });
      next();
    };
  },
};
