/**
 * What the benchmark asks of each server: a table of 500 stations with 20 readings each, 10,000 items of 1 KB as
 * DynamoDB counts (names plus values), and five operations on it, each in the wire form of the v1 data API and in
 * DynamoDB's.
 */
import { isDeepStrictEqual } from 'node:util';

export const PROJECT = 'bench';
export const TABLE = 'readings';
/** The same items in a table of `write_isolation = forbid`, where the storage makes a difference of it. */
export const PLAIN_TABLE = 'readings_plain';
export const STATIONS = 500;
export const READINGS = 20;
/** An item's size in bytes: names plus values. */
export const ITEM_BYTES = 1024;
const BATCH_SIZE = 25;
/** How many different requests of an operation are prepared; they are sent over and over. */
const REQUESTS = 2_000;
const BATCHES = 100;

/** An item in the form that both APIs share. */
export type WireItem = Readonly<Record<string, Readonly<Record<string, unknown>>>>;

/** What one API is asked. */
export interface Requests {
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly bodies: readonly string[];
}

export const OPERATION_NAMES = [
  'get_item',
  'put_item',
  'put_item_plain',
  'update_item',
  'query',
  'batch_write',
] as const;
export type OperationName = (typeof OPERATION_NAMES)[number];

/** One operation to measure. */
export interface Operation {
  readonly name: OperationName;
  /** As the reports call it. */
  readonly label: string;
  readonly magnetodb: Requests;
  /** The path of `magnetodb` as a route of Express's Router. */
  readonly route: string;
  readonly dynamodb: Requests;
  /** Whether a parsed answer of either API to the first request is the right one. */
  isRight(answer: unknown): boolean;
}

function pad(value: number, width: number): string {
  return String(value).padStart(width, '0');
}

/** The key of a reading: a text and a number. */
export function keyOf(station: number, reading: number): WireItem {
  return { station: { S: `station-${pad(station, 4)}` }, reading: { N: String(reading) } };
}

/**
 * A reading of 1,024 bytes: the two key attributes, four numbers, two short texts, a set of three texts, 192 bytes of
 * binary, and a note of 683 letters. As JSON it has 1,239 bytes. A few numbers are
 * shorter, by five bytes at most.
 */
export function itemOf(station: number, reading: number): WireItem {
  const seed = station * READINGS + reading;
  return {
    ...keyOf(station, reading),
    taken_at: { N: String(1_700_000_000 + seed) },
    temperature: { N: `${(seed % 40) + 10}.5` },
    humidity: { N: `${(seed % 50) + 20}.25` },
    pressure: { N: `10${pad(seed % 90, 2)}.75` },
    operator: { S: 'weather-network' },
    status: { S: 'checked' },
    tags: { SS: ['hourly', 'north', 'rooftop'] },
    spectrum: { B: Buffer.alloc(192, seed % 251).toString('base64') },
    note: { S: 'The quick brown fox jumps over the lazy dog. '.repeat(16).slice(0, 683) },
  };
}

/** All items, in the order of their keys. */
export function allItems(): WireItem[] {
  return Array.from({ length: STATIONS * READINGS }, (_, index) =>
    itemOf(Math.floor(index / READINGS), index % READINGS),
  );
}

/** Splits a list into batches of 25, what DynamoDB takes in one request. */
export function batchesOf<T>(list: readonly T[]): T[][] {
  return Array.from({ length: Math.ceil(list.length / BATCH_SIZE) }, (_, index) =>
    list.slice(index * BATCH_SIZE, (index + 1) * BATCH_SIZE),
  );
}

/** Numbers from 0 to `count` − 1 in an order that jumps about, the same in every run. `count` is no multiple of 7,919. */
export function scattered(count: number): number[] {
  return Array.from({ length: count }, (_, index) => (index * 7_919) % count);
}

const ATTRIBUTE_TYPES = { station: 'S', reading: 'N' } as const;

/** The body of the v1 data API's create_table. */
export const MAGNETODB_TABLE = {
  table_name: TABLE,
  attribute_definitions: Object.entries(ATTRIBUTE_TYPES).map(([name, type]) => ({
    attribute_name: name,
    attribute_type: type,
  })),
  key_schema: [
    { attribute_name: 'station', key_type: 'HASH' },
    { attribute_name: 'reading', key_type: 'RANGE' },
  ],
};

/** The body of DynamoDB's CreateTable. */
export const DYNAMODB_TABLE = {
  TableName: TABLE,
  AttributeDefinitions: Object.entries(ATTRIBUTE_TYPES).map(([name, type]) => ({
    AttributeName: name,
    AttributeType: type,
  })),
  KeySchema: [
    { AttributeName: 'station', KeyType: 'HASH' },
    { AttributeName: 'reading', KeyType: 'RANGE' },
  ],
  ProvisionedThroughput: { ReadCapacityUnits: 1, WriteCapacityUnits: 1 },
};

/** DynamoDB's headers. Dynalite wants a signature there, and doesn't check it. */
export function dynamodbHeaders(target: string): Record<string, string> {
  return {
    'Content-Type': 'application/x-amz-json-1.0',
    'X-Amz-Target': `DynamoDB_20120810.${target}`,
    'X-Amz-Date': '20261122T000000Z',
    Authorization:
      'AWS4-HMAC-SHA256 Credential=bench/20261122/local/dynamodb/aws4_request, SignedHeaders=host, Signature=0',
  };
}

const PROJECT_PATH = `/v1/data/${PROJECT}`;
const PROJECT_ROUTE = '/v1/data/:project';

function magnetodb(path: string, bodies: readonly object[]): Requests {
  return {
    path: `${PROJECT_PATH}${path}`,
    headers: { 'Content-Type': 'application/json' },
    bodies: bodies.map((body) => JSON.stringify(body)),
  };
}

function dynamodb(target: string, bodies: readonly object[]): Requests {
  return { path: '/', headers: dynamodbHeaders(target), bodies: bodies.map((body) => JSON.stringify(body)) };
}

function member(value: unknown, ...names: readonly string[]): unknown {
  for (const name of names) {
    if (typeof value === 'object' && value !== null && name in value) {
      return (value as Record<string, unknown>)[name];
    }
  }
  return undefined;
}

/** Equal up to the order of members, and with numbers as either API writes them. */
function isItem(found: unknown, wanted: WireItem): boolean {
  return isDeepStrictEqual(found, wanted);
}

function isEmpty(answer: unknown): boolean {
  return isDeepStrictEqual(answer, {});
}

/** All operations on the table of which every server has one. */
export function operations(): Operation[] {
  const items = scattered(STATIONS * READINGS)
    .slice(0, REQUESTS)
    .map((index) => ({
      station: Math.floor(index / READINGS),
      reading: index % READINGS,
    }));
  const keys = items.map(({ station, reading }) => keyOf(station, reading));
  const wholes = items.map(({ station, reading }) => itemOf(station, reading));
  const stations = scattered(STATIONS);
  const batches = batchesOf(wholes).slice(0, BATCHES);

  const stationOf = (station: number): WireItem[string] => keyOf(station, 0).station ?? {};
  const onTable = `/tables/${TABLE}`;
  return [
    {
      name: 'get_item',
      label: 'get_item',
      magnetodb: magnetodb(
        `${onTable}/get_item`,
        keys.map((key) => ({ key })),
      ),
      route: `${PROJECT_ROUTE}/tables/:table/get_item`,
      dynamodb: dynamodb(
        'GetItem',
        keys.map((key) => ({ TableName: TABLE, Key: key })),
      ),
      isRight: (answer) => isItem(member(answer, 'item', 'Item'), wholes[0] ?? {}),
    },
    {
      name: 'put_item',
      label: 'put_item',
      magnetodb: magnetodb(
        `${onTable}/put_item`,
        wholes.map((item) => ({ item })),
      ),
      route: `${PROJECT_ROUTE}/tables/:table/put_item`,
      dynamodb: dynamodb(
        'PutItem',
        wholes.map((item) => ({ TableName: TABLE, Item: item })),
      ),
      isRight: isEmpty,
    },
    {
      // Sets the value that is there, so that every item stays what get_item's check wants. Neither server looks.
      name: 'update_item',
      label: 'update_item',
      magnetodb: magnetodb(
        `${onTable}/update_item`,
        wholes.map(({ temperature }, index) => ({
          key: keys[index],
          attribute_updates: { temperature: { action: 'PUT', value: temperature } },
        })),
      ),
      route: `${PROJECT_ROUTE}/tables/:table/update_item`,
      dynamodb: dynamodb(
        'UpdateItem',
        wholes.map(({ temperature }, index) => ({
          TableName: TABLE,
          Key: keys[index],
          AttributeUpdates: { temperature: { Action: 'PUT', Value: temperature } },
        })),
      ),
      isRight: isEmpty,
    },
    {
      name: 'query',
      label: `query of ${READINGS}`,
      magnetodb: magnetodb(
        `${onTable}/query`,
        stations.map((station) => ({
          key_conditions: {
            station: { attribute_value_list: [stationOf(station)], comparison_operator: 'EQ' },
          },
          limit: READINGS,
        })),
      ),
      route: `${PROJECT_ROUTE}/tables/:table/query`,
      dynamodb: dynamodb(
        'Query',
        stations.map((station) => ({
          TableName: TABLE,
          KeyConditions: {
            station: { AttributeValueList: [stationOf(station)], ComparisonOperator: 'EQ' },
          },
          Limit: READINGS,
        })),
      ),
      isRight: (answer) => {
        const found = member(answer, 'items', 'Items');
        const count = member(answer, 'count', 'Count');
        return count === READINGS && Array.isArray(found) && found.length === READINGS;
      },
    },
    {
      name: 'batch_write',
      label: `batch_write of ${BATCH_SIZE}`,
      magnetodb: magnetodb(
        '/batch_write_item',
        batches.map((batch) => ({
          request_items: { [TABLE]: batch.map((item) => ({ put_request: { item } })) },
        })),
      ),
      route: `${PROJECT_ROUTE}/batch_write_item`,
      dynamodb: dynamodb(
        'BatchWriteItem',
        batches.map((batch) => ({
          RequestItems: { [TABLE]: batch.map((item) => ({ PutRequest: { Item: item } })) },
        })),
      ),
      isRight: (answer) => isEmpty(member(answer, 'unprocessed_items', 'UnprocessedItems')),
    },
  ];
}

/** What is measured on Cassandra: as above, and puts into the plain table. */
export function cassandraOperations(): Operation[] {
  return operations().flatMap((operation): Operation[] => {
    if (operation.name !== 'put_item') return [operation];
    const { path: onTable } = operation.magnetodb;
    const plain: Operation = {
      ...operation,
      name: 'put_item_plain',
      label: 'put_item, forbid',
      magnetodb: { ...operation.magnetodb, path: onTable.replace(`/${TABLE}/`, `/${PLAIN_TABLE}/`) },
    };
    return [{ ...operation, label: 'put_item, always' }, plain];
  });
}

/** The keys of all items, jumping about, as texts: a station and a reading. */
export function scatteredKeys(): [string, string][] {
  return scattered(STATIONS * READINGS).map((index) => {
    const { station, reading } = keyOf(Math.floor(index / READINGS), index % READINGS);
    return [String(station?.S), String(reading?.N)];
  });
}
