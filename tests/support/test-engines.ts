/** Engines over a store of their own, for tests of what the engine does without HTTP. */
import { createEngine } from '../../magnetodb/engine/engine.js';
import type { EngineOptions } from '../../magnetodb/engine/options.js';
import type { Engine } from '../../magnetodb/engine/requests.js';
import { silentLogger } from '../../magnetodb/logging/logger.js';
import type { StorageDriver } from '../../magnetodb/storage/driver.js';
import { openTemporaryDriver } from './temporary-driver.js';

export class TestEngines {
  readonly #engines: Engine[] = [];
  #store: { readonly driver: StorageDriver; close(): Promise<void> } | undefined;

  /**
   * @param defaults of all engines.
   * @param now the engines' clock.
   */
  constructor(
    private readonly defaults: Partial<EngineOptions>,
    private readonly now: () => number = Date.now,
  ) {}

  /** Opens the store, for a `beforeEach`. @returns its driver. */
  async begin(): Promise<StorageDriver> {
    this.#store = await openTemporaryDriver();
    return this.#store.driver;
  }

  /** Closes all engines and then the store, for an `afterEach`. */
  async end(): Promise<void> {
    await Promise.all(this.#engines.splice(0).map((engine) => engine.close()));
    await this.#store?.close();
  }

  /** One more engine, over the store's driver or one that wraps it. */
  async open(options: Partial<EngineOptions>, driver: StorageDriver): Promise<Engine> {
    const engine = await createEngine({
      driver,
      logger: silentLogger,
      now: this.now,
      options: { ...this.defaults, ...options },
    });
    this.#engines.push(engine);
    return engine;
  }
}
