/**
 * The measure of what Node can do here at all: Express's Router on plain node:http, which reads each request's body,
 * parses it, and answers the bytes that MagnetoDB would answer. No filters, no store, no checks, and of headers only
 * the type and the length. Plain JavaScript, so that no loader stands between it and Node.
 *
 *     node express-baseline.mjs PORT ANSWERS.json        where ANSWERS.json is [{ "route": "/…", "answer": "…" }]
 */
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import { Router } from 'express';

const [port, file] = process.argv.slice(2);
const router = Router({ caseSensitive: true });

for (const { route, answer } of JSON.parse(await readFile(file, 'utf8'))) {
  const length = Buffer.byteLength(answer);
  router.post(route, (req, res) => {
    const chunks = [];
    req.on('data', (chunk) => {
      chunks.push(chunk);
    });
    req.on('end', () => {
      const body = chunks.length === 1 ? chunks[0] : Buffer.concat(chunks);
      JSON.parse(body.toString('utf8'));
      res.writeHead(200, { 'Content-Type': 'application/json; charset=UTF-8', 'Content-Length': length });
      res.end(answer);
    });
  });
}
router.get('/', (_req, res) => {
  res.end('{}');
});

createServer((req, res) => {
  router(req, res, () => {
    res.statusCode = 404;
    res.end();
  });
}).listen(Number(port), '127.0.0.1');
