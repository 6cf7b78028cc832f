/**
 * The measure of what cassandra-driver and the cluster can do here: the statements that the service makes of an
 * operation, prepared, from one Node process without HTTP, as many under way as the service gets requests. Prints a
 * summary as one line of JSON:
 *
 *     node cassandra-baseline.mjs OPERATION SETUP.json IN-FLIGHT WARM-UP-SECONDS SECONDS
 *
 * SETUP.json is { "contactPoints": ["host:port"], "localDataCenter": "…", "guarded": "keyspace.table",
 * "plain": "keyspace.table", "keys": [["station", "reading"]] }. The tables hold the items that the service put there.
 */
import { readFile } from 'node:fs/promises';
import { Client, policies, types } from 'cassandra-driver';
import { encodeKeyValue } from '../../build/engine/key-codec.js';
import { NEVER, guardedItem, plainItem, rowOf, uuid } from '../../build/storage/cassandra/rows.js';
import { Statements } from '../../build/storage/cassandra/statements.js';
import { newVersion } from '../../build/storage/versions.js';
import { closedLoop } from './closed-loop.mjs';

const [operation, setupFile, inFlight, warmUpSeconds, seconds] = process.argv.slice(2);
const setup = JSON.parse(await readFile(setupFile, 'utf8'));
const { localOne, localQuorum, localSerial } = types.consistencies;
const EMPTY = Buffer.alloc(0);
const ROWS = 20;

const client = new Client({
  contactPoints: setup.contactPoints,
  localDataCenter: setup.localDataCenter,
  encoding: { useBigIntAsLong: true },
  policies: { timestampGeneration: null, retry: new policies.retry.FallthroughRetryPolicy() },
  pooling: {
    coreConnectionsPerHost: { [types.distance.local]: 2 },
    maxRequestsPerConnection: 2048,
    warmup: true,
  },
  socketOptions: { readTimeout: 12_000 },
});
await client.connect();

const guarded = new Statements(setup.guarded, 'guarded');
const plain = new Statements(setup.plain, 'plain');
const places = setup.keys.map(([station, reading]) => [
  encodeKeyValue({ type: 'S', value: station }),
  '',
  EMPTY,
  encodeKeyValue({ type: 'N', value: reading }),
]);
const read = { prepare: true, isIdempotent: true, consistency: localOne };
const strong = { ...read, consistency: localQuorum };
const write = { prepare: true, consistency: localQuorum, serialConsistency: localSerial };
const first = (await client.execute(guarded.get, places[0], strong)).first();
const { value } = rowOf(first, { index: '', indexKey: EMPTY, sortKey: EMPTY }, Date.now());

function check(isRight) {
  if (!isRight) throw new Error(`${operation}: not the answer that was expected`);
}

const OPERATIONS = {
  get_item: async (place) => check((await client.execute(guarded.get, place, read)).rows.length === 1),
  put_item: async (place) => {
    const version = uuid(newVersion());
    const params = [0, version, NEVER, guardedItem(value, undefined), ...place, version];
    check((await client.execute(guarded.put('not-mine'), params, write)).first()['[applied]']);
  },
  put_item_plain: async (place) => {
    await client.execute(plain.put(), [0, plainItem(value, newVersion(), undefined), ...place], write);
  },
  update_item: async (place) => {
    for (;;) {
      const { v } = (await client.execute(guarded.get, place, strong)).first();
      const item = guardedItem(value, v.getBuffer());
      const params = [0, uuid(newVersion()), NEVER, item, ...place, v, BigInt(Date.now())];
      if ((await client.execute(guarded.put('version'), params, write)).first()['[applied]']) return;
    }
  },
  query: async ([h]) => {
    const params = [h, '', EMPTY, EMPTY, ROWS];
    check((await client.execute(guarded.range.up, params, read)).rows.length === ROWS);
  },
};
const perform = OPERATIONS[operation];

let index = 0;
const measure = (forSeconds) =>
  closedLoop(() => perform(places[index++ % places.length]), Number(inFlight), Number(forSeconds));
await measure(warmUpSeconds);
const before = process.cpuUsage();
const summary = await measure(seconds);
const used = process.cpuUsage(before);
console.log(
  JSON.stringify({ ...summary, bytes: 0, processorMicros: (used.user + used.system) / summary.requests }),
);
await client.shutdown();
