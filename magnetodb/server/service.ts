/** Composes the service from its configuration: driver, engine, pipeline, HTTP server; and takes it apart again. */
import type { Config } from '../config/index.js';
import { createEngine } from '../engine/engine.js';
import { parseWriteIsolationExceptions } from '../engine/write-isolation.js';
import { silentLogger, type Logger } from '../logging/logger.js';
import { loadPipeline } from '../pipeline/loader.js';
import { startHttpServer } from './http-server.js';
import { openStorage } from './storage.js';

export interface RunningService {
  /** `http://host:port`, where this machine reaches the service. */
  readonly url: string;
  readonly host: string;
  /** The actual one, where 0 was configured. */
  readonly port: number;
  /** Stops listening, ends what is under way, and closes all parts. Safe to call twice. */
  close(): Promise<void>;
}

/**
 * Starts the service that `config` describes. When it resolves, requests are served.
 * @param deps.logger stays the caller's; without one nothing is logged.
 * @throws what the failing part throws; the parts opened before it are closed again.
 */
export async function startService(
  config: Config,
  deps: { readonly logger?: Logger } = {},
): Promise<RunningService> {
  const logger = deps.logger ?? silentLogger;
  const { DEFAULT: main, limits, tables } = config;
  /** What is open, in the order of opening. */
  const parts: Part[] = [];
  try {
    const driver = await openStorage(config, logger);
    parts.push(driver);
    const engine = await createEngine({
      driver,
      logger,
      options: {
        tableCacheMs: milliseconds(tables.table_cache_time),
        degradedCacheMs: milliseconds(tables.degraded_cache_time),
        maxItemSizeBytes: limits.max_item_size,
        maxTimeToLiveSeconds: limits.max_time_to_live,
        tablesPerProject: limits.tables_per_project,
        tablesTotal: limits.tables_total,
        requestTimeoutMs: milliseconds(limits.request_timeout),
        writeAttempts: tables.write_attempts,
        taskExecutor: tables.task_executor,
        leaseMs: milliseconds(tables.job_lease_time),
        jobPollMs: milliseconds(tables.job_poll_interval),
        jobAttempts: tables.job_attempts,
        writeIsolation: tables.write_isolation,
        writeIsolationExceptions: parseWriteIsolationExceptions(tables.write_isolation_exceptions),
      },
    });
    parts.push(engine);
    // Filters read the port when a request comes, so one that the system chooses is known by then.
    const bind = { host: main.bind_host, port: main.bind_port };
    const pipeline = await loadPipeline(main.api_paste_config, { logger, engine, bind });
    parts.push(pipeline);
    const server = await startHttpServer(
      {
        host: main.bind_host,
        port: main.bind_port,
        maxHeaderSizeBytes: main.max_header_size,
        keepAliveTimeoutMs: milliseconds(main.keep_alive_timeout),
        headersTimeoutMs: milliseconds(main.headers_timeout),
        sendTimeoutMs: milliseconds(main.send_timeout),
        shutdownTimeoutMs: milliseconds(main.shutdown_timeout),
      },
      (req, res) => {
        pipeline.handle(req, res);
      },
      logger,
    );
    parts.push(server);
    bind.port = server.port;

    let closing: Promise<void> | undefined;
    return {
      url: server.url,
      host: server.host,
      port: server.port,
      close: () => (closing ??= closeAll(parts)),
    };
  } catch (error) {
    await closeAll(parts).catch((closeError: unknown) => {
      logger.warn('closing after a failed start failed', { error: closeError });
    });
    throw error;
  }
}

interface Part {
  close(): Promise<void>;
}

/** Closes all parts, the last one first, even where one of them fails. */
async function closeAll(parts: readonly Part[]): Promise<void> {
  const errors: unknown[] = [];
  for (const part of [...parts].reverse()) {
    try {
      await part.close();
    } catch (error) {
      errors.push(error);
    }
  }
  if (errors.length > 0) throw new AggregateError(errors, 'not everything could be closed');
}

function milliseconds(seconds: number): number {
  return Math.round(seconds * 1000);
}
