import type { RequestHandler } from 'express';
import { factory as faultwrapper } from '../../../magnetodb/middleware/faultwrapper.js';
import { factory as app } from '../../../magnetodb/api/v1/data/app.js';
import type { Engine, ProjectId } from '../../../magnetodb/engine/requests.js';
import { silentLogger, type Logger } from '../../../magnetodb/logging/logger.js';
import { chain } from '../../../magnetodb/pipeline/chain.js';
import type { RequestContext } from '../../../magnetodb/pipeline/request-context.js';
import type { Filter, Service } from '../../../magnetodb/pipeline/types.js';
import { startHttpServer, type HttpServer } from '../../../magnetodb/server/http-server.js';

/** Serves one handler behind the fault wrapper, on a free port. */
export async function serve(
  handler: RequestHandler,
  context: Partial<RequestContext> = {},
  logger: Logger = silentLogger,
): Promise<HttpServer> {
  const service: Service = { logger, engine: {} as Engine, bind: { host: '127.0.0.1', port: 0 } };
  const faults = (await faultwrapper.create({ show_trace: false, retry_after: 1 }, service)) as Filter;
  const setContext: RequestHandler = (req, _res, next) => {
    Object.assign(req.context, context);
    next();
  };
  const handle = chain([faults, { handle: setContext }], handler);
  return startHttpServer(
    {
      host: '127.0.0.1',
      port: 0,
      maxHeaderSizeBytes: 65_536,
      keepAliveTimeoutMs: 5_000,
      headersTimeoutMs: 5_000,
      sendTimeoutMs: 10_000,
      shutdownTimeoutMs: 100,
    },
    (req, res) => {
      handle(req, res, (error) => {
        res.destroy(error instanceof Error ? error : undefined);
      });
    },
    logger,
  );
}

/** The app's options as an empty paste section gives them. */
export const DEFAULT_OPTIONS = {
  max_line_size: 4_194_304,
  bulk_concurrency: 64,
  idle_timeout: 60,
  max_failed_items: 1000,
  max_failed_size: 8_388_608,
};

/** Serves the data API on an engine that has only the methods given. */
export async function serveApp(
  engine: Partial<Engine>,
  options: Partial<typeof DEFAULT_OPTIONS> = {},
  context: Partial<RequestContext> = { projectId: 'p1' as ProjectId },
  logger: Logger = silentLogger,
): Promise<HttpServer> {
  const service: Service = {
    logger,
    engine: engine as Engine,
    bind: { host: '127.0.0.1', port: 8480 },
  };
  const handler = (await app.create({ ...DEFAULT_OPTIONS, ...options }, service)) as RequestHandler;
  return serve(handler, context, logger);
}

/** A fault body. */
export interface FaultAnswer {
  readonly code: number;
  readonly title: string;
  readonly explanation: string;
  readonly error: { readonly message: string; readonly type: string; readonly traceback: null };
}
