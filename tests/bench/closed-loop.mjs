/** The load that a baseline puts on itself: the next call begins when one has ended. Plain JavaScript, as baselines are. */
import { performance } from 'node:perf_hooks';

/**
 * Calls `perform` over and over, `inFlight` times at once, for so many seconds.
 * @returns {Promise<{ requests: number, seconds: number, p50Ms: number, p99Ms: number, errors: number }>}
 */
export async function closedLoop(perform, inFlight, forSeconds) {
  const startMs = performance.now();
  const endMs = startMs + forSeconds * 1000;
  const latencies = [];
  const worker = async () => {
    for (let beforeMs = performance.now(); beforeMs < endMs;) {
      await perform();
      const nowMs = performance.now();
      latencies.push(nowMs - beforeMs);
      beforeMs = nowMs;
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  const tookSeconds = (performance.now() - startMs) / 1000;
  latencies.sort((a, b) => a - b);
  return {
    requests: latencies.length,
    seconds: tookSeconds,
    p50Ms: latencies[Math.floor(latencies.length * 0.5)],
    p99Ms: latencies[Math.floor(latencies.length * 0.99)],
    errors: 0,
  };
}
