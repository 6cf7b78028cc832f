/**
 * The measure of what the disk and LMDB can do here: the npm package's own put, 64 under way at a time, each counted
 * once it is flushed. Prints a summary as one line of JSON:
 *
 *     node lmdb-baseline.mjs FOLDER VALUE-BYTES IN-FLIGHT WARM-UP-SECONDS SECONDS
 */
import { performance } from 'node:perf_hooks';
import { open } from 'lmdb';

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

async function measure(forSeconds) {
  const startMs = performance.now();
  const endMs = startMs + forSeconds * 1000;
  const latencies = [];
  const worker = async () => {
    for (let beforeMs = performance.now(); beforeMs < endMs;) {
      await put();
      const nowMs = performance.now();
      latencies.push(nowMs - beforeMs);
      beforeMs = nowMs;
    }
  };
  await Promise.all(Array.from({ length: Number(inFlight) }, worker));
  const tookSeconds = (performance.now() - startMs) / 1000;
  latencies.sort((a, b) => a - b);
  return {
    requests: latencies.length,
    seconds: tookSeconds,
    p50Ms: latencies[Math.floor(latencies.length * 0.5)],
    p99Ms: latencies[Math.floor(latencies.length * 0.99)],
    bytes: latencies.length * value.length,
    errors: 0,
  };
}

await measure(Number(warmUpSeconds));
console.log(JSON.stringify(await measure(Number(seconds))));
await db.close();
