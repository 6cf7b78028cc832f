/**
 * What the API layers and the engine say to each other: names, table definitions, and each operation's request and
 * answer. Forms have been checked when a request is made; what depends on the table (does it exist, is it ACTIVE, do
 * keys and types fit its schema) the engine checks.
 */
import type { StoredItem } from './stored-item.js';
import type { AttributeValue, Item, V1Type } from './values.js';
import type { WriteIsolation } from './write-isolation.js';

declare const brand: unique symbol;
type Branded<T, Name extends string> = T & { readonly [brand]: Name };

/** A Keystone project's id as the catalogue keeps it. Made by `parseProjectId` in names.ts. */
export type ProjectId = Branded<string, 'ProjectId'>;
/** 3 to 255 of `A-Z a-z 0-9 _ . -`. Made by `parseTableName` in names.ts. */
export type TableName = Branded<string, 'TableName'>;

export type TableStatus = 'CREATING' | 'ACTIVE' | 'DELETING' | 'CREATE_FAILED' | 'DELETE_FAILED';

export type Projection =
  | { readonly type: 'ALL' }
  | { readonly type: 'KEYS_ONLY' }
  /** `attributes`: distinct, none of the keys' names needed. */
  | { readonly type: 'INCLUDE'; readonly attributes: readonly string[] };

/** A local secondary index: the table's HASH attribute, and a RANGE attribute of its own. */
export interface IndexDefinition {
  readonly name: string;
  readonly hashKey: string;
  readonly rangeKey: string;
  readonly projection: Projection;
}

export interface TableDefinition {
  readonly name: TableName;
  /** Schema attributes: keys, index keys, and any others that the user declared. */
  readonly attributes: ReadonlyMap<string, V1Type>;
  readonly hashKey: string;
  readonly rangeKey?: string;
  readonly indexes: readonly IndexDefinition[];
}

export interface TableDescription extends TableDefinition {
  /** A version 1 UUID, new for each creation. */
  readonly id: string;
  readonly status: TableStatus;
  /** Milliseconds since 1970. */
  readonly createdAtMs: number;
  /** Chosen from the configuration at creation, and kept. */
  readonly writeIsolation: WriteIsolation;
}

export interface ListTablesRequest {
  readonly exclusiveStartTableName?: TableName;
  /** At least 1; absent: no limit. */
  readonly limit?: number;
}

export interface ListTablesAnswer {
  /** Ascending, bytewise; tables in every state. */
  readonly names: readonly TableName[];
  /** Exactly when as many names as the limit came. */
  readonly lastEvaluatedTableName?: TableName;
}

/** What must hold for one attribute of the stored item. */
export type ExpectedCondition =
  | { readonly kind: 'equals'; readonly value: AttributeValue }
  | { readonly kind: 'exists' }
  | { readonly kind: 'absent' };
export type Expected = ReadonlyMap<string, ExpectedCondition>;

export type ReturnValues = 'NONE' | 'ALL_OLD' | 'ALL_NEW' | 'UPDATED_OLD' | 'UPDATED_NEW';

export interface PutItemRequest {
  readonly item: Item;
  readonly expected: Expected;
  readonly returnValues: 'NONE' | 'ALL_OLD' | 'ALL_NEW';
  /** Seconds from now, at least 1; absent: the item stays. */
  readonly timeToLiveSeconds?: number;
}

export interface DeleteItemRequest {
  readonly key: Item;
  readonly expected: Expected;
  readonly returnValues: 'NONE' | 'ALL_OLD';
}

export type UpdateAction = 'PUT' | 'ADD' | 'DELETE';
export interface AttributeUpdate {
  readonly action: UpdateAction;
  readonly value?: AttributeValue;
}

export interface UpdateItemRequest {
  readonly key: Item;
  readonly updates: ReadonlyMap<string, AttributeUpdate>;
  readonly expected: Expected;
  readonly returnValues: ReturnValues;
}

export interface GetItemRequest {
  readonly key: Item;
  /** Absent: all. */
  readonly attributesToGet?: readonly string[];
  readonly consistentRead: boolean;
}

export type KeyOperator = 'EQ' | 'LT' | 'LE' | 'GT' | 'GE' | 'BETWEEN' | 'BEGINS_WITH';
export type ScanOperator = KeyOperator | 'NE' | 'CONTAINS' | 'NOT_CONTAINS' | 'IN' | 'NULL' | 'NOT_NULL';

export interface KeyCondition {
  readonly operator: KeyOperator;
  /** One, or two of the same type for BETWEEN; scalars. */
  readonly values: readonly AttributeValue[];
}

export interface ScanCondition {
  readonly operator: ScanOperator;
  /** As many as the operator takes, of types that it allows (data API, 8.2). */
  readonly values: readonly AttributeValue[];
}

/** What a query or scan answers with; `attributesToGet` narrows ITEMS down. */
export type Select = 'ALL_ATTRIBUTES' | 'ALL_PROJECTED_ATTRIBUTES' | 'SPECIFIC_ATTRIBUTES' | 'COUNT';

export interface QueryRequest {
  readonly indexName?: string;
  readonly keyConditions: ReadonlyMap<string, KeyCondition>;
  /** Absent: ALL_ATTRIBUTES on the table, ALL_PROJECTED_ATTRIBUTES on an index. */
  readonly select?: Select;
  readonly attributesToGet?: readonly string[];
  readonly consistentRead: boolean;
  readonly forward: boolean;
  /** At least 1; absent: everything. */
  readonly limit?: number;
  readonly exclusiveStartKey?: Item;
}

export interface ScanRequest {
  readonly filter: ReadonlyMap<string, ScanCondition>;
  readonly select?: Select;
  readonly attributesToGet?: readonly string[];
  /** Items examined; at least 1; absent: everything. */
  readonly limit?: number;
  readonly exclusiveStartKey?: Item;
  /** 0 ≤ segment < totalSegments ≤ 4096. */
  readonly segment: number;
  readonly totalSegments: number;
}

/** A part of a query's or scan's answer. An answer has at least one page, maybe an empty one. */
export interface ItemPage {
  /** Empty with select COUNT. */
  readonly items: readonly StoredItem[];
  /** Items that matched, on this page. */
  readonly count: number;
  /** Items examined, on this page. */
  readonly scannedCount: number;
  /** On the last page only, exactly when the limit was reached. */
  readonly lastEvaluatedKey?: Item;
}

export interface BatchGetRequest {
  readonly keys: readonly Item[];
  readonly attributesToGet?: readonly string[];
  readonly consistentRead: boolean;
}

export interface BatchGetAnswer {
  /** Only tables of which an item was found. */
  readonly responses: ReadonlyMap<TableName, readonly StoredItem[]>;
  /** Keys not read, with their table's options: ask again. */
  readonly unprocessed: ReadonlyMap<TableName, BatchGetRequest>;
}

export type WriteRequest =
  { readonly kind: 'put'; readonly item: Item } | { readonly kind: 'delete'; readonly key: Item };

export interface BatchWriteAnswer {
  /** Requests not carried out because of the storage: ask again. */
  readonly unprocessed: ReadonlyMap<TableName, readonly WriteRequest[]>;
}

/**
 * All of the service's semantics. Errors common to item operations: TableNotExistsError; ValidationError (table not
 * ACTIVE, or keys, types or sizes that don't fit); ServiceUnavailableError; OutcomeUnknownError (writes).
 */
export interface Engine {
  /** Answers with status CREATING; the table becomes ACTIVE soon. @throws {TableAlreadyExistsError} */
  createTable(project: ProjectId, definition: TableDefinition): Promise<TableDescription>;
  listTables(project: ProjectId, request: ListTablesRequest): Promise<ListTablesAnswer>;
  describeTable(project: ProjectId, name: TableName): Promise<TableDescription>;
  /** Answers with status DELETING; the table is gone soon. @throws {ResourceInUseError} while CREATING. */
  deleteTable(project: ProjectId, name: TableName): Promise<TableDescription>;

  getItem(project: ProjectId, table: string, request: GetItemRequest): Promise<StoredItem | undefined>;
  /** @returns the old or new item where asked for and there. @throws {ConditionalCheckFailedError} */
  putItem(project: ProjectId, table: string, request: PutItemRequest): Promise<StoredItem | undefined>;
  /**
   * @returns what `returnValues` asks for: undefined for NONE, else an item, empty where there is nothing to show.
   * @throws {ConditionalCheckFailedError} {InvalidQueryParameterError}
   */
  updateItem(project: ProjectId, table: string, request: UpdateItemRequest): Promise<StoredItem | undefined>;
  /** @returns the old item where asked for and there. @throws {ConditionalCheckFailedError} */
  deleteItem(project: ProjectId, table: string, request: DeleteItemRequest): Promise<StoredItem | undefined>;

  /** Every refusal comes before the first page. Pages are read as they are asked for. */
  query(project: ProjectId, table: string, request: QueryRequest): AsyncIterable<ItemPage>;
  /** As query. */
  scan(project: ProjectId, table: string, request: ScanRequest): AsyncIterable<ItemPage>;

  /** Checks all of the batch before the first read. */
  batchGetItem(
    project: ProjectId,
    requests: ReadonlyMap<TableName, BatchGetRequest>,
  ): Promise<BatchGetAnswer>;
  /** Checks all of the batch before the first write. @throws {ServiceUnavailableError} where nothing could be done. */
  batchWriteItem(
    project: ProjectId,
    requests: ReadonlyMap<TableName, readonly WriteRequest[]>,
  ): Promise<BatchWriteAnswer>;

  /** Stops background work, waits for what is under way; leaves the driver open. */
  close(): Promise<void>;
}
