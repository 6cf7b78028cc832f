import { PassThrough } from 'node:stream';
import { expect } from 'chai';
import { formatCount, formatMegabytes, formatMs, Report } from '../../../../tools/demo/report.js';

function collecting(): { report: Report; text: () => string } {
  const out = new PassThrough();
  const chunks: string[] = [];
  out.on('data', (chunk: Buffer) => chunks.push(chunk.toString()));
  return { report: new Report(out), text: () => chunks.join('') };
}

describe('tools/demo/report', () => {
  // The demo's exit code hangs on this count.
  it('counts answers that differ, and shows both sides', () => {
    const { report, text } = collecting();
    report.verify('ten places', ['a', 'b'], ['a', 'b']);
    expect(report.mismatches).to.equal(0);
    report.verify('as many', 3, 4);
    expect(report.mismatches).to.equal(1);
    expect(text()).to.include('verified: ten places');
    expect(text()).to.include('WRONG: as many').and.to.include('answered: 3').and.to.include('expected: 4');
  });

  // An answer that is missing altogether must not pass for one that agrees.
  it('takes undefined for a difference', () => {
    const { report } = collecting();
    report.verify('the item is there', undefined, 'x');
    expect(report.mismatches).to.equal(1);
  });

  // A log of a pipe would otherwise hold one line for each of thousands of updates, or none.
  it('writes a line for each tenth where there is no terminal', () => {
    const { report, text } = collecting();
    const progress = report.progress(1000);
    for (let items = 1; items <= 1000; items++) progress.update(items, items * 100);
    progress.stop();
    const lines = text().trimEnd().split('\n');
    expect(lines).to.have.length(10);
    expect(lines[0]).to.match(/^ {2}10%: sent 100 of 1,000 items, 0\.0 MB, [\d,]+ items\/s$/);
    expect(lines[9]).to.match(/^ {2}100%: sent 1,000 of 1,000 items, 0\.1 MB,/);
  });

  // Columns of numbers are read from the right.
  it('writes numbers with thousands separated, to the right', () => {
    const { report, text } = collecting();
    report.table(
      ['name', 'population'],
      [
        ['Rosario', 1173533],
        ['Pilar', 7],
      ],
    );
    expect(text()).to.include('│ Rosario │  1,173,533 │').and.to.include('│ Pilar   │          7 │');
  });

  // These stand in every line of the output.
  it('formats counts, bytes and times', () => {
    expect(formatCount(1234567)).to.equal('1,234,567');
    expect(formatMegabytes(33_940_000)).to.equal('33.9');
    expect(formatMs(1.26)).to.equal('1.3 ms');
    expect(formatMs(1234.5)).to.equal('1,235 ms');
  });
});
