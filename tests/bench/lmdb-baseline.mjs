/**
 * The measure of what the disk and LMDB can do here: the npm package's own put, 64 under way at a time, each counted
 * once it is flushed. Prints a summary as one line of JSON:
 *
 *     node lmdb-baseline.mjs FOLDER VALUE-BYTES IN-FLIGHT WARM-UP-SECONDS SECONDS
 */
import { open } from 'lmdb';
import { closedLoop } from './closed-loop.mjs';

const [path, valueBytes, inFlight, warmUpSeconds, seconds] = process.argv.slice(2);
const KEYS = 10_000;

const db = open({ path, noSubdir: false, encoding: 'binary', keyEncoding: 'binary', pageSize: 8192 });
const value = Buffer.alloc(Number(valueBytes), 'v');

let index = 0;
async function put() {
  const key = Buffer.alloc(48, 1);
  key.writeUInt32BE(Math.imul(index++ % KEYS, 2654435761) >>> 0, 17);
  const committed = db.put(key, value);
  const flushed = db.flushed;
  await committed;
  await flushed;
}

const measure = (forSeconds) => closedLoop(put, Number(inFlight), Number(forSeconds));
await measure(warmUpSeconds);
const summary = await measure(seconds);
console.log(JSON.stringify({ ...summary, bytes: summary.requests * value.length }));
await db.close();
