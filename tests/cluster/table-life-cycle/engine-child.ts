/**
 * A process that runs an engine over Cassandra, found as the environment says: engine-process.ts starts it, and asks it
 * questions by messages. It may be told to kill itself at a certain call of its driver.
 */
import { inspect } from 'node:util';
import { loadConfig } from '../../../magnetodb/config/index.js';
import { createEngine } from '../../../magnetodb/engine/engine.js';
import type { EngineOptions } from '../../../magnetodb/engine/options.js';
import { silentLogger, type Logger } from '../../../magnetodb/logging/logger.js';
import { cassandraOptions } from '../../../magnetodb/server/cassandra-options.js';
import type { StorageDriver } from '../../../magnetodb/storage/driver.js';
import { openDriver } from '../../../magnetodb/storage/registry.js';
import { overriding } from '../../support/overriding.js';
import { dyingDriver, type Death } from './dying-driver.js';
import { answer, codeOf, type Question, type Reply } from './questions.js';
import { startLoad, type LoadRecord } from './stale-load.js';

/** How a child is to behave; its second argument, as JSON. */
export interface ChildSettings {
  readonly engine: Partial<EngineOptions>;
  readonly death?: Death;
  /** How far its clock is ahead, in milliseconds. */
  readonly clockAheadMs?: number;
}

/** What a child is told. */
export type Order = { readonly number: number } & (
  | { readonly kind: 'question'; readonly question: Question }
  | { readonly kind: 'start load'; readonly project: string; readonly table: string }
  | { readonly kind: 'stop load' }
);

/** What a child tells. */
export type Report =
  | { readonly kind: 'ready' }
  | { readonly kind: 'answer'; readonly number: number; readonly value: Reply | readonly LoadRecord[] }
  | { readonly kind: 'error'; readonly number: number; readonly code: string; readonly message: string }
  /** The driver was asked to make or to drop a table's container. */
  | { readonly kind: 'schema'; readonly call: 'create' | 'drop'; readonly container: string }
  /** A job has come to its end, though the process was to die on the way; these were the driver's calls. */
  | { readonly kind: 'through'; readonly calls: readonly string[] };

function tell(report: Report): void {
  // Whoever has let go of this process listens no more.
  if (process.connected) process.send?.(report, () => undefined);
}

/** Errors explain a failing test. */
const logger: Logger = {
  ...silentLogger,
  error: (event, fields) => {
    process.stderr.write(`${inspect({ event, ...fields })}\n`);
  },
};

function telling(driver: StorageDriver): StorageDriver {
  return overriding(driver, {
    createContainer: (container) => {
      if (container.project !== '') tell({ kind: 'schema', call: 'create', container: container.id });
      return driver.createContainer(container);
    },
    dropContainer: (container) => {
      tell({ kind: 'schema', call: 'drop', container: container.id });
      return driver.dropContainer(container);
    },
  });
}

async function main(settings: ChildSettings): Promise<void> {
  const config = loadConfig({ configFiles: [], env: process.env });
  const opened = await openDriver('cassandra', { cassandra: cassandraOptions(config.cassandra) }, logger);
  const { death, clockAheadMs = 0 } = settings;
  const driver =
    death === undefined
      ? telling(opened)
      : dyingDriver(opened, death, (calls) => {
          tell({ kind: 'through', calls });
        });
  const now = (): number => Date.now() + clockAheadMs;
  const engine = await createEngine({ driver, logger, now, options: settings.engine });
  let stopLoad: (() => Promise<readonly LoadRecord[]>) | undefined;

  const obey = async (order: Order): Promise<Reply | readonly LoadRecord[]> => {
    switch (order.kind) {
      case 'question':
        return await answer(engine, order.question);
      case 'start load':
        stopLoad = startLoad(engine, order);
        return undefined;
      case 'stop load':
        return await stopLoad?.();
    }
  };
  process.on('message', (order: Order) => {
    const { number } = order;
    void obey(order).then(
      (value) => {
        tell({ kind: 'answer', number, value });
      },
      (error: unknown) => {
        tell({ kind: 'error', number, code: codeOf(error), message: String(error) });
      },
    );
  });
  // The parent has let go of it, or is dead.
  process.on('disconnect', () => {
    void engine
      .close()
      .then(() => opened.close())
      .finally(() => process.exit());
  });
  tell({ kind: 'ready' });
}

await main(JSON.parse(process.argv[2] ?? '') as ChildSettings);
