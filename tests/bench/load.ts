/**
 * The load: wrk with a script that sends prepared requests over and over, or autocannon where there is no wrk.
 *
 * Both are closed loops: a connection sends its next request when it has the last one's answer. So a server that
 * stalls is asked less, and the latencies tell too little of the stall: they compare servers, they promise nothing.
 */
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import path from 'node:path';
import { BenchError, run } from './processes.js';
import type { Requests } from './workload.js';

/** What one measurement found. */
export interface Measurement {
  readonly requests: number;
  readonly requestsPerSecond: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  /** What one request cost the program that was measured, where it tells so itself. */
  readonly processorMicros?: number;
}

export interface LoadOptions {
  readonly connections: number;
  readonly seconds: number;
  /** What answers have in bytes at least, on average, headers included. */
  readonly leastAnswerBytes: number;
}

/** Sends requests to a server. */
export interface LoadGenerator {
  readonly name: string;
  /**
   * Measures.
   * @param name tells the files of these requests from those of others.
   * @throws {BenchError} where an answer told an error, answers were too short on average, or a connection failed.
   */
  measure(url: string, name: string, requests: Requests, options: LoadOptions): Promise<Measurement>;
}

/** What both generators print. */
interface Summary {
  readonly requests: number;
  readonly seconds: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly bytes: number;
  /** Answers with an error's status, and failures of connections. */
  readonly errors: number;
  readonly processorMicros?: number;
}

/** wrk where it is installed, else autocannon. `folder` takes files for them. */
export function loadGenerator(folder: string): LoadGenerator {
  const hasWrk = spawnSync('wrk', ['--version']).error === undefined;
  return hasWrk ? wrk(folder) : autocannon(folder);
}

function wrk(folder: string): LoadGenerator {
  return {
    name: 'wrk',
    measure: async (url, name, requests, options) => {
      const script = path.join(folder, `${name}.lua`);
      const bodies = path.join(folder, `${name}.txt`);
      await writeFile(bodies, requests.bodies.join('\n'));
      await writeFile(script, wrkScript(requests, bodies));
      const { connections, seconds } = options;
      // One thread: on few cores more of them take from the server what they give.
      const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '--timeout', '10s', '-s', script];
      return checked(await run('wrk', [...args, url]), options);
    },
  };
}

/**
 * A wrk script. wrk counts statuses from 400 on as errors; looking at each answer in Lua would slow down what shall
 * be the quicker side.
 */
export function wrkScript(requests: Requests, bodiesFile: string): string {
  const headers = Object.entries(requests.headers).map(
    ([name, value]) => `[${luaText(name)}] = ${luaText(value)}`,
  );
  return `
local requests = {}
local last = 0

function init(args)
  local headers = { ["Host"] = wrk.headers["Host"], ${headers.join(', ')} }
  for body in io.lines(${luaText(bodiesFile)}) do
    requests[#requests + 1] = wrk.format("POST", ${luaText(requests.path)}, headers, body)
  end
end

function request()
  last = last % #requests + 1
  return requests[last]
end

function done(summary, latency)
  local errors = summary.errors
  io.write(string.format(
    '\\n{"requests":%d,"seconds":%.6f,"p50Ms":%.3f,"p99Ms":%.3f,"bytes":%.0f,"errors":%d}\\n',
    summary.requests, summary.duration / 1e6,
    latency:percentile(50) / 1e3, latency:percentile(99) / 1e3, summary.bytes,
    errors.connect + errors.read + errors.write + errors.timeout + errors.status))
end
`;
}

function luaText(text: string): string {
  if (/[^\x20-\x7e]/.test(text))
    throw new Error(`a wrk script takes printable ASCII only, not ${JSON.stringify(text)}`);
  return `"${text.replaceAll(/["\\]/g, '\\$&')}"`;
}

function autocannon(folder: string): LoadGenerator {
  return {
    name: 'autocannon',
    measure: async (url, name, requests, options) => {
      const file = path.join(folder, `${name}.json`);
      await writeFile(file, JSON.stringify(requests));
      const { connections, seconds } = options;
      const program = path.join(import.meta.dirname, 'autocannon-load.mjs');
      return checked(
        await run(process.execPath, [program, url, file, String(connections), String(seconds)]),
        options,
      );
    },
  };
}

/** The measurement that the last line of a generator's output tells. @throws {BenchError} */
export function checked(output: string, options: LoadOptions): Measurement {
  const line = output.trimEnd().split('\n').at(-1) ?? '';
  let summary: Summary;
  try {
    summary = JSON.parse(line) as Summary;
  } catch (error) {
    throw new BenchError(`the load generator ended with no summary:\n${output}`, { cause: error });
  }
  if (summary.errors > 0) {
    throw new BenchError(`${summary.errors} of ${summary.requests} requests failed`);
  }
  if (summary.requests === 0) throw new BenchError('there was no answer at all');
  const meanBytes = summary.bytes / summary.requests;
  if (meanBytes < options.leastAnswerBytes) {
    throw new BenchError(
      `answers had ${Math.round(meanBytes)} bytes on average, where ${options.leastAnswerBytes} is the least`,
    );
  }
  return {
    requests: summary.requests,
    requestsPerSecond: summary.requests / summary.seconds,
    p50Ms: summary.p50Ms,
    p99Ms: summary.p99Ms,
    ...(summary.processorMicros === undefined ? {} : { processorMicros: summary.processorMicros }),
  };
}
