import { expect } from 'chai';
import { aimsOf, median, rowsOf, tableOf, TARGETS, type Sample } from '../../bench/report.js';
import type { OperationName } from '../../bench/workload.js';

function sample(
  target: string,
  round: number,
  requestsPerSecond: number,
  operation: OperationName = 'get_item',
): Sample {
  return { operation, target, round, requests: 1, requestsPerSecond, p50Ms: round, p99Ms: 10 * round };
}

describe('the benchmark’s report', () => {
  it('takes the middle value for the median, or the mean of the two in the middle', () => {
    expect(median([5, 1, 3])).to.equal(3);
    expect(median([4, 1, 3, 2])).to.equal(2.5);
    expect(median([])).to.be.NaN;
  });

  // A slow minute of the machine shall not change a ratio: 2 in every round here, where medians alone would say 4.
  it('compares targets inside of each round', () => {
    const samples = [
      ...[sample('a', 0, 200), sample('b', 0, 100)],
      ...[sample('a', 1, 20), sample('b', 1, 10)],
      ...[sample('a', 2, 400), sample('b', 2, 200)],
    ];
    const [a, b] = rowsOf(samples);
    expect(a).to.deep.include({ target: 'a', requestsPerSecond: 200, p50Ms: 1, p99Ms: 10, ratios: { b: 2 } });
    expect(b?.ratios).to.deep.equal({ a: 0.5 });
  });

  it('has no ratio for a target that has no such operation', () => {
    const rows = rowsOf([sample('a', 0, 1), sample('lmdb', 0, 1, 'put_item'), sample('a', 0, 1, 'put_item')]);
    expect(rows.map(({ operation, ratios }) => [operation, Object.keys(ratios)])).to.deep.equal([
      ['get_item', []],
      ['put_item', ['a']],
      ['put_item', ['lmdb']],
    ]);
  });

  it('shows ratios for our own lines only', () => {
    const rows = rowsOf([sample('ours', 0, 3000), sample('theirs', 0, 2000)]);
    const table = tableOf(rows, { get_item: 'get_item' }, ['ours']);
    expect(table)
      .to.match(/ours .*3,000.*1\.50/)
      .and.to.match(/theirs .*2,000/);
    expect(table).not.to.include('0.67');
  });

  // What is durable can't outrun the disk: of Express and lmdb, the slower one is the measure.
  it('holds put_item against the slower of express and lmdb', () => {
    const aimWith = (express: number, lmdb: number): boolean | undefined =>
      aimsOf(
        rowsOf([
          sample(TARGETS.logging, 0, 100, 'put_item'),
          sample(TARGETS.express, 0, express, 'put_item'),
          sample(TARGETS.lmdb, 0, lmdb, 'put_item'),
        ]),
      ).find(({ text }) => text.startsWith('put_item / the slower'))?.isReached;
    expect(aimWith(1000, 200)).to.equal(true);
    expect(aimWith(200, 1000)).to.equal(true);
    expect(aimWith(201, 201)).to.equal(false);
  });
});
