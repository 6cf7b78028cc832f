/**
 * Sends prepared requests with autocannon, in a process of its own, and prints a summary as one line of JSON:
 *
 *     node autocannon-load.mjs URL REQUESTS.json CONNECTIONS SECONDS
 */
import { readFile } from 'node:fs/promises';
import autocannon from 'autocannon';

const [url, file, connections, seconds] = process.argv.slice(2);
const { path, headers, bodies } = JSON.parse(await readFile(file, 'utf8'));

const result = await autocannon({
  url,
  connections: Number(connections),
  duration: Number(seconds),
  requests: bodies.map((body) => ({ method: 'POST', path, headers, body })),
});
console.log(
  JSON.stringify({
    requests: result['2xx'],
    seconds: result.duration,
    p50Ms: result.latency.p50,
    p99Ms: result.latency.p99,
    bytes: result.throughput.total,
    errors: result.errors + result.timeouts + result.non2xx,
  }),
);
