/**
 * The storage contract: a partitioned, ordered row store with an atomic compare-and-set inside one partition.
 * A driver knows rows and bytes; what an item, a condition or an index is, only the engine knows.
 *
 * What holds for every method:
 *
 * - Order: inside a partition, rows ascend by index name, then `indexKey`, then `sortKey`, each compared as
 *   unsigned bytes, a shorter key before a longer one that it begins.
 * - Isolation: one `write` is atomic inside its partition, for readers too: rows read by one call are never half of
 *   a write. Nothing is promised across partitions or across calls.
 * - Durability: what `write` has answered `applied` for survives the death of the process, and of the machine as far
 *   as the store's own settings say.
 * - Freshness: a read with consistency `strong` sees every write that was answered before the read was called, by
 *   any process.
 * - Expiry: from the instant `expiresAtMs` on, a row is absent for reads, ranges, scans and guards, whether its bytes
 *   are still on disk or not.
 * - Ownership: byte arrays that a caller passes in may be kept until the call settles and are never changed; byte
 *   arrays that a driver hands out belong to the caller.
 * - Turns: no call holds the event loop for long, but one may well resolve within the turn it was made in. Who makes
 *   many in a row gives others their turn now and then.
 * - Failures: every method may throw StorageUnavailableError (nothing was changed; a retry may help) besides what it
 *   names itself. Nothing else is thrown for a reason that lies outside of the caller.
 *
 * What is not written here is not promised. tests/conformance/ holds a test for each clause.
 */

declare const brand: unique symbol;

/**
 * Identifies a container: a UUID as 36 lower-case characters. Never used twice, so that a container dropped and
 * another one created for a table of the same name are never mixed up.
 */
export type ContainerId = string & { readonly [brand]: 'ContainerId' };

/** Makes a ContainerId. @throws TypeError where `text` is not a lower-case UUID. */
export function containerId(text: string): ContainerId {
  if (!/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)) {
    throw new TypeError(`a container's id is a lower-case UUID, not ${JSON.stringify(text)}`);
  }
  return text as ContainerId;
}

/**
 * How a container is written, from its creation on and for good: the two never mix on one container, since a store
 * that orders plain writes by clocks and compare-and-sets by ballots (Cassandra) would lose updates.
 *
 * - `guarded`: every write is a compare-and-set, whatever its guard.
 * - `plain`: writes take no guard but `any`, and may be much cheaper. Of two that overlap, either may remain, whole.
 */
export type ContainerKind = 'guarded' | 'plain';

/**
 * One table's rows. `project` tells a driver where to put it (Cassandra: the keyspace); `id` alone identifies it. Every
 * call names the kind that the container was created with.
 */
export interface Container {
  readonly id: ContainerId;
  /** The owner's project id; the empty text for the service's own containers. */
  readonly project: string;
  readonly kind: ContainerKind;
}

/** The longest keys that every driver takes, in bytes. */
export const MAX_PARTITION_BYTES = 2048;
export const MAX_KEY_BYTES = 1024;
/** The longest index name, in characters out of `A-Z a-z 0-9 _ . -`. */
export const MAX_INDEX_NAME_LENGTH = 255;

/**
 * What one write may hold, as `writeSizeBytes` counts it. Cassandra's frames and mutations end at 16 MiB; the rest is
 * for what they hold besides.
 */
export const MAX_WRITE_BYTES = 15 * 1024 * 1024;

/** A version's length in bytes. */
export const VERSION_BYTES = 16;

/** A write's own mark: 16 bytes, a version 1 UUID, unique per write. See `newVersion` in versions.ts. */
export type Version = Uint8Array;

/** A row's place inside its partition. Base rows have the empty index name and an empty indexKey. */
export interface RowKey {
  /** An index's name, or the empty text. */
  readonly index: string;
  /** 0 to MAX_KEY_BYTES bytes. */
  readonly indexKey: Uint8Array;
  /** 0 to MAX_KEY_BYTES bytes. */
  readonly sortKey: Uint8Array;
}

export interface Row {
  readonly key: RowKey;
  /** The version of the write that made this row what it is. */
  readonly version: Version;
  readonly value: Uint8Array;
  /** Milliseconds since 1970; absent: the row stays. */
  readonly expiresAtMs?: number;
}

export type Mutation =
  | {
      readonly kind: 'put';
      readonly key: RowKey;
      readonly value: Uint8Array;
      /** Milliseconds since 1970; absent: the row stays. In the past: the put acts as a delete. */
      readonly expiresAtMs?: number;
    }
  /** Deleting what is not there does nothing. */
  | { readonly kind: 'delete'; readonly key: RowKey };

/** What must hold for a write to be applied; judged in the same step. */
export type Guard =
  | { readonly kind: 'any' }
  | { readonly kind: 'absent'; readonly key: RowKey }
  | { readonly kind: 'version'; readonly key: RowKey; readonly version: Version };

export interface WriteRequest {
  /** 1 to MAX_PARTITION_BYTES bytes. */
  readonly partition: Uint8Array;
  /** At least one, each row at most once, together no more than MAX_WRITE_BYTES. */
  readonly mutations: readonly Mutation[];
  /** On a plain container always `any`. */
  readonly guard: Guard;
  /** The version that the rows put by this write get. Never used for another write. */
  readonly version: Version;
}

/** What a mutation costs in a write besides its keys and its value, in bytes. */
const MUTATION_OVERHEAD_BYTES = 128;

/** How much one write holds: for each mutation its partition, its keys, its value, and a flat amount for the rest. */
export function writeSizeBytes(partition: Uint8Array, mutations: readonly Mutation[]): number {
  let bytes = 0;
  for (const mutation of mutations) {
    const { index, indexKey, sortKey } = mutation.key;
    bytes += MUTATION_OVERHEAD_BYTES + partition.length + index.length + indexKey.length + sortKey.length;
    if (mutation.kind === 'put') bytes += mutation.value.length;
  }
  return bytes;
}

/** `strong`: sees every write answered before. `eventual`: may be cheaper, and may miss recent writes. */
export type Consistency = 'strong' | 'eventual';

export interface RowRef {
  readonly partition: Uint8Array;
  readonly key: RowKey;
}

export interface KeyBound {
  readonly key: Uint8Array;
  readonly inclusive: boolean;
}

/** Rows of one index (or of the empty one: base rows) of one partition. */
export interface RangeRequest {
  readonly partition: Uint8Array;
  readonly index: string;
  /** Bounds on `sortKey` for base rows, on `indexKey` for an index's rows. Bounds that cross select nothing. */
  readonly lower?: KeyBound;
  readonly upper?: KeyBound;
  /** Where the last page ended: only rows strictly after it, in the direction asked for. Need not exist. */
  readonly after?: { readonly indexKey: Uint8Array; readonly sortKey: Uint8Array };
  /** True: descending. */
  readonly reverse: boolean;
  /** At least 1. */
  readonly limit: number;
  readonly consistency: Consistency;
}

/** A slice of a container's base rows. */
export interface ScanRequest {
  /** Slice `index` of `total`: 0 ≤ index < total ≤ 4096. The slices of one total hold every partition exactly once. */
  readonly segment: { readonly index: number; readonly total: number };
  /** Where the last page ended: only base rows strictly after it in the container's order. Need not exist. */
  readonly after?: { readonly partition: Uint8Array; readonly sortKey: Uint8Array };
  /** At least 1. */
  readonly limit: number;
  readonly consistency: Consistency;
}

/** At most `limit` rows. A page may hold fewer, even none, while `more` is true: a driver bounds a page's bytes. */
export interface Page {
  readonly rows: readonly Row[];
  /** False: nothing follows. True: something may. A true page that holds no row does not occur. */
  readonly more: boolean;
}

export interface StorageDriver {
  /**
   * Makes an empty container. Creating one that exists does nothing, so a repeat after a crash is safe.
   * Once it resolves, every process can use the container.
   * @throws {ContainerNotFoundError} it is being dropped.
   * @throws {OutcomeUnknownError} made or not: a repeat finds out.
   */
  createContainer(container: Container): Promise<void>;

  /**
   * Drops a container with all its rows. Dropping one that does not exist does nothing; one that an earlier call
   * left half dropped is dropped to the end. From the first step on, other calls get ContainerNotFoundError.
   * @throws {OutcomeUnknownError} dropped, in part or not at all: a repeat goes on.
   */
  dropContainer(container: Container): Promise<void>;

  /** The row, or undefined. @throws {ContainerNotFoundError} */
  get(container: Container, ref: RowRef, consistency: Consistency): Promise<Row | undefined>;

  /** One answer for each ref, in their order. @throws {ContainerNotFoundError} */
  getMany(
    container: Container,
    refs: readonly RowRef[],
    consistency: Consistency,
  ): Promise<(Row | undefined)[]>;

  /** A page of a partition's rows. @throws {ContainerNotFoundError} */
  range(container: Container, request: RangeRequest): Promise<Page>;

  /**
   * A page of base rows. Every partition's rows come together and ascend by sortKey; the order of partitions is the
   * driver's own and stays the same from page to page. Rows present during the whole of a paged scan come exactly once.
   * @throws {ContainerNotFoundError}
   */
  scan(container: Container, request: ScanRequest): Promise<Page>;

  /**
   * Applies all mutations in one step, or none.
   * @returns `conflict` when the guard did not hold: nothing was written.
   * @throws {ContainerNotFoundError} nothing was written.
   * @throws {OutcomeUnknownError} written or not: nobody can tell.
   */
  write(container: Container, request: WriteRequest): Promise<'applied' | 'conflict'>;

  /** Waits for calls under way, then frees every handle. Calls made afterwards fail. Safe to call twice. */
  close(): Promise<void>;
}
