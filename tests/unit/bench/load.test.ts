import { expect } from 'chai';
import { checked, wrkScript } from '../../bench/load.js';
import { BenchError } from '../../bench/processes.js';

const OPTIONS = { connections: 1, seconds: 1, leastAnswerBytes: 100 };

function output(changes: object): string {
  const summary = { requests: 10, seconds: 2, p50Ms: 1, p99Ms: 2, bytes: 5000, errors: 0, ...changes };
  return `Running 2s test\n${JSON.stringify(summary)}\n`;
}

describe('the benchmark’s load', () => {
  it('reads the summary behind whatever wrk prints', () => {
    expect(checked(output({}), OPTIONS)).to.deep.equal({
      requests: 10,
      requestsPerSecond: 5,
      p50Ms: 1,
      p99Ms: 2,
    });
  });

  // A server that refuses everything is quick.
  for (const [what, changes] of [
    ['an answer was an error', { errors: 1 }],
    ['answers were too short', { bytes: 999 }],
    ['there was no answer', { requests: 0, bytes: 0 }],
  ] as const) {
    it(`refuses a measurement where ${what}`, () => {
      expect(() => checked(output(changes), OPTIONS)).to.throw(BenchError);
    });
  }

  it('refuses output without a summary', () => {
    expect(() => checked('unable to connect', OPTIONS)).to.throw(BenchError, 'unable to connect');
  });

  it('quotes texts for Lua, and refuses those that it could not', () => {
    const requests = { path: '/a"b\\c', headers: { 'X-A': '1' }, bodies: [] };
    expect(wrkScript(requests, '/tmp/x')).to.include('"/a\\"b\\\\c"').and.to.include('["X-A"] = "1"');
    expect(() => wrkScript({ ...requests, path: '/ä' }, '/tmp/x')).to.throw('ASCII');
  });
});
