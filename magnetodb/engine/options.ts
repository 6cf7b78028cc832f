import { MAX_ITEM_SIZE_BYTES } from './item-size.js';
import type { WriteIsolationRules } from './write-isolation.js';

/** How the engine behaves, from the configuration. Times in milliseconds. */
export interface EngineOptions extends WriteIsolationRules {
  /** How long a process may use a table's description without looking again. 0 to 60,000. */
  readonly tableCacheMs: number;
  /** Up to what age a description serves reads that need no quorum, where the storage does not answer. */
  readonly degradedCacheMs: number;
  /** How many tables' descriptions a process keeps. */
  readonly tableCacheEntries: number;
  /** The largest item, names plus values as DynamoDB counts, in bytes. At most MAX_ITEM_SIZE_BYTES. */
  readonly maxItemSizeBytes: number;
  /** The longest time to live that put_item takes, in seconds. */
  readonly maxTimeToLiveSeconds: number;
  /**
   * How long a request may go on before its next step is not begun any more. What is answered page by page, and what a
   * driver is doing, is bounded elsewhere.
   */
  readonly requestTimeoutMs: number;
  /** How many tables a project may have; 0: any number. */
  readonly tablesPerProject: number;
  /** How many tables all projects may have together; 0: any number. */
  readonly tablesTotal: number;
  /** How often a write that keeps losing against others is tried before it is refused. At least 1. */
  readonly writeAttempts: number;
  /** How many writes to one item, or new tables of one project, may wait in a process for their turn. */
  readonly maxQueuedWritesPerItem: number;
  /** Whether this process creates and drops tables. */
  readonly taskExecutor: boolean;
  /** For how long a process owns a job that it has claimed, unless it renews. */
  readonly leaseMs: number;
  /** How often a process looks for jobs that others left behind. */
  readonly jobPollMs: number;
  /** How often a job is tried before the table is marked as failed. At least 1. */
  readonly jobAttempts: number;
}

export const DEFAULT_ENGINE_OPTIONS: EngineOptions = {
  tableCacheMs: 2_000,
  degradedCacheMs: 60_000,
  tableCacheEntries: 10_000,
  maxItemSizeBytes: MAX_ITEM_SIZE_BYTES,
  maxTimeToLiveSeconds: 10 * 365 * 24 * 60 * 60,
  requestTimeoutMs: 20_000,
  tablesPerProject: 100,
  tablesTotal: 500,
  writeAttempts: 20,
  maxQueuedWritesPerItem: 1_000,
  taskExecutor: true,
  leaseMs: 30_000,
  jobPollMs: 1_000,
  jobAttempts: 5,
  writeIsolation: 'always',
  writeIsolationExceptions: [],
};
