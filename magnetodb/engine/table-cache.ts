/**
 * The descriptions of tables that a process knows, by project and name.
 *
 * One that was looked up a short time ago (`tableCacheMs`) serves every operation; then it is looked up again, for all
 * who wait for it at once. Absence, and tables that are not ACTIVE, are never kept.
 *
 * Where the storage does not answer a look-up, operations that need a quorum fail, as they would later. Those that
 * don't (`eventual`) go on: with what was known up to `degradedCacheMs` ago; else with what an eventual read of the
 * catalogue shows, of which only an ACTIVE table is believed. Only the first of them waits for the look-up: as long as
 * it fails, it is tried again beside them, every `tableCacheMs` at most.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { Logger } from '../logging/logger.js';
import type { Consistency, Container } from '../storage/driver.js';
import { ContainerNotFoundError } from '../storage/errors.js';
import { containerOf, type Catalogue } from './catalogue.js';
import { ServiceUnavailableError, TableNotExistsError, ValidationError } from './errors.js';
import { isTableName, quoted } from './names.js';
import type { EngineOptions } from './options.js';
import type { ProjectId, TableDescription } from './requests.js';
import { translated } from './storage-errors.js';

/** A table that item operations may use: it was ACTIVE a short time ago. */
export interface OpenTable {
  readonly description: TableDescription;
  readonly container: Container;
}

/** A table as a look-up has found it. */
interface Entry {
  readonly table: OpenTable;
  readonly askedAtMs: number;
}

/** A look-up that the storage did not answer. */
interface Failure {
  readonly error: ServiceUnavailableError;
  readonly failedAtMs: number;
}

/** What a read waits for a storage that may be back: long enough for a sound one, too short to be noticed. */
const RETRY_PATIENCE_MS = 50;
/** The same trouble is logged once in this time. */
const LOG_INTERVAL_MS = 60_000;

export class TableCache {
  readonly #entries = new Map<string, Entry>();
  /** Of tables whose last look-up failed. */
  readonly #failures = new Map<string, Failure>();
  readonly #lookups = new Map<string, Promise<OpenTable>>();
  #loggedAtMs = -Infinity;

  constructor(
    private readonly catalogue: Catalogue,
    private readonly logger: Logger,
    private readonly options: EngineOptions,
    private readonly now: () => number,
  ) {}

  /**
   * The table of that name, which must be ACTIVE.
   * @param consistency `eventual` for operations that need no quorum.
   * @throws {TableNotExistsError} {ValidationError} the table is not ACTIVE. {ServiceUnavailableError}
   */
  async find(project: ProjectId, name: string, consistency: Consistency): Promise<OpenTable> {
    const key = cacheKey(project, name);
    const fresh = this.known(key, this.options.tableCacheMs);
    if (fresh !== undefined) return fresh;
    if (consistency === 'strong') return await this.open(project, name, key);
    try {
      return await this.openAtOnce(project, name, key);
    } catch (error) {
      if (!(error instanceof ServiceUnavailableError)) throw error;
      return (
        this.known(key, this.options.degradedCacheMs) ?? (await this.lookUpEventually(project, name, error))
      );
    }
  }

  /** What is known is wrong, or about to be; so is what a look-up under way will find. */
  forget(project: ProjectId, name: string): void {
    const key = cacheKey(project, name);
    this.#entries.delete(key);
    this.#lookups.delete(key);
  }

  private known(key: string, forMs: number): OpenTable | undefined {
    const entry = this.#entries.get(key);
    return entry !== undefined && this.now() < entry.askedAtMs + forMs ? entry.table : undefined;
  }

  /** Looks a table up; concurrent look-ups of one table are one. */
  private async open(project: ProjectId, name: string, key: string): Promise<OpenTable> {
    const underWay = this.#lookups.get(key);
    if (underWay !== undefined) {
      try {
        return await underWay;
      } catch (error) {
        if (error instanceof ServiceUnavailableError) throw error;
        // It began before this request and may have seen an older state of the table: one that begins now tells.
      }
    }
    return await (this.#lookups.get(key) ?? this.beginLookup(project, name, key));
  }

  /** As open; but where the last look-up failed, fails at once or almost, and lets the next one go on beside. */
  private async openAtOnce(project: ProjectId, name: string, key: string): Promise<OpenTable> {
    const failure = this.#failures.get(key);
    if (failure === undefined) return await this.open(project, name, key);
    const isDue = this.now() >= failure.failedAtMs + this.options.tableCacheMs;
    if (!isDue || this.#lookups.has(key)) throw failure.error;
    const lookup = this.beginLookup(project, name, key);
    const patience = sleep(RETRY_PATIENCE_MS, undefined, { ref: false }).then(() => {
      throw failure.error;
    });
    return await Promise.race([lookup, patience]);
  }

  private beginLookup(project: ProjectId, name: string, key: string): Promise<OpenTable> {
    const askedAtMs = this.now();
    const isCurrent = (): boolean => this.#lookups.get(key) === lookup;
    const lookup = this.lookUp(project, name)
      .then(
        (table) => {
          this.#failures.delete(key);
          // Unless the table was forgotten meanwhile: what was seen before that must not come back.
          if (isCurrent())
            setBounded(this.#entries, key, { table, askedAtMs }, this.options.tableCacheEntries);
          return table;
        },
        (error: unknown) => {
          if (error instanceof ServiceUnavailableError) this.noteFailure(key, error);
          else {
            this.#failures.delete(key);
            if (isCurrent()) this.#entries.delete(key);
          }
          throw error;
        },
      )
      .finally(() => {
        if (isCurrent()) this.#lookups.delete(key);
      });
    this.#lookups.set(key, lookup);
    // Those who wait for it see its failure; there may be none.
    lookup.catch(() => undefined);
    return lookup;
  }

  private noteFailure(key: string, error: ServiceUnavailableError): void {
    const failedAtMs = this.now();
    setBounded(this.#failures, key, { error, failedAtMs }, this.options.tableCacheEntries);
    if (failedAtMs < this.#loggedAtMs + LOG_INTERVAL_MS) return;
    this.#loggedAtMs = failedAtMs;
    this.logger.warn('tables can not be looked up', {
      error,
      advice: 'See to the storage. Until it is back, only reads that are not consistent are served.',
    });
  }

  private async lookUp(project: ProjectId, name: string): Promise<OpenTable> {
    const record = isTableName(name)
      ? await translated(this.catalogue.findTable(project, name, 'strong'))
      : undefined;
    if (record === undefined) throw new TableNotExistsError(quoted(name));
    const { description } = record;
    if (description.status !== 'ACTIVE') {
      throw new ValidationError(
        `Can't execute request: Table '${name}' status '${description.status}' isn't ACTIVE`,
      );
    }
    return { description, container: containerOf(project, description) };
  }

  /** @throws `failure` unless a replica shows an ACTIVE table: anything else may be old, and mean nothing. */
  private async lookUpEventually(
    project: ProjectId,
    name: string,
    failure: ServiceUnavailableError,
  ): Promise<OpenTable> {
    if (!isTableName(name)) throw failure;
    let description: TableDescription | undefined;
    try {
      description = (await translated(this.catalogue.findTable(project, name, 'eventual')))?.description;
    } catch (error) {
      // The catalogue itself may not have been made yet.
      throw error instanceof ContainerNotFoundError ? failure : error;
    }
    if (description?.status !== 'ACTIVE') throw failure;
    return { description, container: containerOf(project, description) };
  }
}

/** A project's id holds no slash. */
function cacheKey(project: ProjectId, name: string): string {
  return `${project}/${name}`;
}

/** Sets a key that becomes the newest, and drops the oldest where there would be too many. */
function setBounded<T>(map: Map<string, T>, key: string, value: T, maxSize: number): void {
  map.delete(key);
  map.set(key, value);
  const oldest = map.keys().next();
  if (map.size > maxSize && oldest.done !== true) map.delete(oldest.value);
}
