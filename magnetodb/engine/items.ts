/**
 * One item's operations. What depends on nothing is one step without a read; what depends on the old item (a
 * condition, an update, asked-for old values, index entries) reads the row, decides, and writes guarded by the version
 * that it read, and does so again where another writer came between.
 */
import type { Guard, Mutation, RowRef, StorageDriver } from '../storage/driver.js';
import { newVersion } from '../storage/versions.js';
import { meetsExpected } from './conditions.js';
import { consistencyOf } from './consistency.js';
import type { Deadline } from './deadline.js';
import { ConditionalCheckFailedError, ServiceUnavailableError, ValidationError } from './errors.js';
import { itemSizeBytes } from './item-size.js';
import { quoted } from './names.js';
import type { EngineOptions } from './options.js';
import type { DeleteItemRequest, GetItemRequest, PutItemRequest, UpdateItemRequest } from './requests.js';
import { checkWriteSize, mutationsFor, rowRef, type ItemChange } from './rows.js';
import { decodeStored, StoredItem } from './stored-item.js';
import type { OpenTable } from './table-cache.js';
import { checkItem, checkKey, checkSchemaType } from './table-schema.js';
import { applyUpdates } from './update-actions.js';
import type { Item } from './values.js';
import { checkIndependent, checkUpdatesAllowed } from './write-isolation.js';
import { WriteQueue } from './write-queue.js';

/** The item as it is stored, before a change. */
interface OldItem {
  readonly stored: StoredItem;
  readonly expiresAtMs?: number;
}

/** What a change makes of an item, and what it answers. */
interface Decision {
  /** Absent: the item goes, or stays away. */
  readonly new?: OldItem;
  readonly answer: StoredItem | undefined;
  /** True: nothing has to be written. */
  readonly unchanged?: boolean;
}

export class Items {
  readonly #queue: WriteQueue;

  constructor(
    private readonly driver: StorageDriver,
    private readonly options: EngineOptions,
    private readonly now: () => number,
  ) {
    this.#queue = new WriteQueue(options.maxQueuedWritesPerItem, 'writes to one item');
  }

  /** See Engine.getItem. */
  async get(table: OpenTable, request: GetItemRequest): Promise<StoredItem | undefined> {
    checkKey(table.description, request.key);
    const ref = rowRef(table.description, request.key);
    const row = await this.driver.get(table.container, ref, consistencyOf(request));
    if (row === undefined) return undefined;
    const stored = decodeStored(row.value);
    return request.attributesToGet === undefined ? stored : stored.project(request.attributesToGet);
  }

  /** See Engine.putItem. */
  async put(table: OpenTable, request: PutItemRequest, deadline: Deadline): Promise<StoredItem | undefined> {
    const { description } = table;
    checkIndependent(description, request);
    const stored = this.checkPut(table, request.item);
    const ref = rowRef(description, request.item);
    const expiresAtMs = this.expiryOf(request.timeToLiveSeconds);
    const replacement: OldItem = { stored, ...(expiresAtMs === undefined ? {} : { expiresAtMs }) };
    const newAnswer = request.returnValues === 'ALL_NEW' ? stored : undefined;

    const onlyIfAbsent = request.expected.get(description.hashKey)?.kind === 'absent';
    // "Only if no item has this key" stands alone (data API, 8.1).
    if (onlyIfAbsent && request.expected.size > 1) {
      throw new ValidationError('Both expected_condition_map and if_not_exist specified');
    }
    if (onlyIfAbsent || (request.expected.size === 0 && independentOfOld(table, request.returnValues))) {
      const mutations = mutationsFor(description, ref.key, { new: replacement });
      const guard: Guard = onlyIfAbsent ? { kind: 'absent', key: ref.key } : { kind: 'any' };
      if ((await this.write(table, ref, mutations, guard, deadline)) === 'conflict') {
        throw new ConditionalCheckFailedError();
      }
      return newAnswer;
    }
    return await this.change(table, ref, deadline, (old) => {
      if (!meetsExpected(old?.stored.item, request.expected)) throw new ConditionalCheckFailedError();
      return { new: replacement, answer: request.returnValues === 'ALL_OLD' ? old?.stored : newAnswer };
    });
  }

  /**
   * Checks that a table takes an item, whatever is stored there.
   * @returns the item as it is stored.
   * @throws {ValidationError} where types, keys or the size don't fit.
   */
  checkPut({ description }: Pick<OpenTable, 'description'>, item: Item): StoredItem {
    checkItem(description, item);
    const stored = StoredItem.of(item);
    this.checkSize(stored);
    checkWriteSize(description, stored);
    return stored;
  }

  /** See Engine.deleteItem. */
  async delete(
    table: OpenTable,
    request: DeleteItemRequest,
    deadline: Deadline,
  ): Promise<StoredItem | undefined> {
    checkIndependent(table.description, request);
    checkKey(table.description, request.key);
    const ref = rowRef(table.description, request.key);
    if (request.expected.size === 0 && independentOfOld(table, request.returnValues)) {
      await this.write(table, ref, [{ kind: 'delete', key: ref.key }], { kind: 'any' }, deadline);
      return undefined;
    }
    return await this.change(table, ref, deadline, (old) => {
      if (!meetsExpected(old?.stored.item, request.expected)) throw new ConditionalCheckFailedError();
      return {
        answer: request.returnValues === 'ALL_OLD' ? old?.stored : undefined,
        unchanged: old === undefined,
      };
    });
  }

  /** See Engine.updateItem. */
  async update(
    table: OpenTable,
    request: UpdateItemRequest,
    deadline: Deadline,
  ): Promise<StoredItem | undefined> {
    const { description } = table;
    checkUpdatesAllowed(description);
    checkKey(description, request.key);
    for (const [name, update] of request.updates) {
      if (request.key.has(name)) {
        throw new ValidationError(
          `Attribute '${quoted(name)}' is part of the key and can't be updated by 'attribute_updates'`,
        );
      }
      if (update.action !== 'DELETE' && update.value !== undefined) {
        checkSchemaType(description, name, update.value);
      }
    }
    const ref = rowRef(description, request.key);
    return await this.change(table, ref, deadline, (old) => {
      const oldItem = old?.stored.item;
      if (!meetsExpected(oldItem, request.expected)) throw new ConditionalCheckFailedError();
      const newItem = applyUpdates(oldItem, request.key, request.updates);
      if (newItem === undefined) {
        return { answer: answerOf(request, old?.stored, undefined), unchanged: true };
      }
      const stored = StoredItem.of(newItem);
      this.checkSize(stored);
      checkWriteSize(description, stored);
      return {
        new: { ...old, stored },
        answer: answerOf(request, old?.stored, stored),
        unchanged: old !== undefined && request.updates.size === 0,
      };
    });
  }

  /**
   * Reads, decides, writes, until the write is not overtaken or the deadline has passed.
   * @param decide may be asked several times; what it throws ends the operation with nothing changed.
   */
  private async change(
    table: OpenTable,
    ref: RowRef,
    deadline: Deadline,
    decide: (old: OldItem | undefined) => Decision,
  ): Promise<StoredItem | undefined> {
    return await this.#queue.run(queueKey(table, ref), deadline, async () => {
      for (let attempt = 0; attempt < this.options.writeAttempts; attempt += 1) {
        await deadline.backOff(attempt);
        const row = await this.driver.get(table.container, ref, 'strong');
        const old = row && {
          stored: decodeStored(row.value),
          ...(row.expiresAtMs === undefined ? {} : { expiresAtMs: row.expiresAtMs }),
        };
        const decision = decide(old);
        if (decision.unchanged === true) return decision.answer;
        const change: ItemChange = {
          ...(old === undefined ? {} : { old: { item: old.stored.item } }),
          ...(decision.new === undefined ? {} : { new: decision.new }),
        };
        const guard: Guard =
          row === undefined
            ? { kind: 'absent', key: ref.key }
            : { kind: 'version', key: ref.key, version: row.version };
        const mutations = mutationsFor(table.description, ref.key, change);
        if ((await this.write(table, ref, mutations, guard, deadline)) === 'applied') return decision.answer;
      }
      throw new ServiceUnavailableError('Other writes to the same item kept coming first, please try again');
    });
  }

  private async write(
    table: OpenTable,
    ref: RowRef,
    mutations: readonly Mutation[],
    guard: Guard,
    deadline: Deadline,
  ): Promise<'applied' | 'conflict'> {
    deadline.check();
    return await this.driver.write(table.container, {
      partition: ref.partition,
      mutations,
      guard,
      version: newVersion(),
    });
  }

  private checkSize(stored: StoredItem): void {
    // The JSON text is never shorter than the size that DynamoDB counts: most items need no counting.
    if (stored.json.length <= this.options.maxItemSizeBytes) return;
    if (itemSizeBytes(stored.item) > this.options.maxItemSizeBytes) {
      throw new ValidationError(
        `The item's size exceeds the maximum of ${this.options.maxItemSizeBytes} bytes, names plus values`,
      );
    }
  }

  private expiryOf(timeToLiveSeconds: number | undefined): number | undefined {
    if (timeToLiveSeconds === undefined) return undefined;
    if (timeToLiveSeconds > this.options.maxTimeToLiveSeconds) {
      throw new ValidationError(
        `'time_to_live' property value[${timeToLiveSeconds}] is more then max_value[${this.options.maxTimeToLiveSeconds}].`,
      );
    }
    return this.now() + timeToLiveSeconds * 1000;
  }
}

function independentOfOld(table: OpenTable, returnValues: string): boolean {
  return table.description.indexes.length === 0 && returnValues !== 'ALL_OLD';
}

function answerOf(
  request: UpdateItemRequest,
  before: StoredItem | undefined,
  after: StoredItem | undefined,
): StoredItem | undefined {
  switch (request.returnValues) {
    case 'NONE':
      return undefined;
    case 'ALL_OLD':
      return before ?? StoredItem.EMPTY;
    case 'ALL_NEW':
      return after ?? before ?? StoredItem.EMPTY;
    case 'UPDATED_OLD':
      return (before ?? StoredItem.EMPTY).project([...request.updates.keys()]);
    case 'UPDATED_NEW':
      return (after ?? before ?? StoredItem.EMPTY).project([...request.updates.keys()]);
  }
}

function queueKey(table: OpenTable, ref: RowRef): string {
  const partition = Buffer.from(ref.partition).toString('latin1');
  return `${table.container.id}/${ref.partition.length}/${partition}/${Buffer.from(ref.key.sortKey).toString('latin1')}`;
}
