import { join } from 'node:path';
import { shippedConfigFolder } from '../../magnetodb/config/index.js';
import { createEngine } from '../../magnetodb/engine/engine.js';
import type { EngineOptions } from '../../magnetodb/engine/options.js';
import type { Logger } from '../../magnetodb/logging/logger.js';
import { loadPipeline } from '../../magnetodb/pipeline/loader.js';
import { startHttpServer } from '../../magnetodb/server/http-server.js';
import type { StorageDriver } from '../../magnetodb/storage/driver.js';

/** Serves the shipped pipeline over any driver. `close` leaves the driver open. */
export async function serveDriver(
  driver: StorageDriver,
  logger: Logger,
  options: Partial<EngineOptions> = {},
): Promise<{ readonly url: string; close(): Promise<void> }> {
  const bind = { host: '127.0.0.1', port: 0 };
  const engine = await createEngine({ driver, logger, options: { jobPollMs: 10, ...options } });
  const pipeline = await loadPipeline(join(shippedConfigFolder, 'api-paste.ini'), { logger, engine, bind });
  const server = await startHttpServer(
    {
      ...bind,
      maxHeaderSizeBytes: 65_536,
      keepAliveTimeoutMs: 1000,
      headersTimeoutMs: 5000,
      sendTimeoutMs: 10_000,
      shutdownTimeoutMs: 200,
    },
    (req, res) => {
      pipeline.handle(req, res);
    },
    logger,
  );
  return {
    url: server.url,
    close: async () => {
      await server.close();
      await pipeline.close();
      await engine.close();
    },
  };
}
