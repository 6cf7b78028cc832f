import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { runMocha } from '../../../../tools/test/mocha.js';
import type { Summary } from '../../../../tools/test/summary.js';

const PASSING = `it('passes', () => {}); it.skip('is skipped', () => {});`;

describe('running mocha', function () {
  this.timeout(60_000);
  let folder: string;
  before(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'magnetodb-mocha-'));
  });
  after(() => rm(folder, { recursive: true }));

  async function run(text: string, ...args: string[]): Promise<Summary> {
    const file = path.join(folder, 'some.test.mjs');
    await writeFile(file, text);
    return runMocha({ files: [file], args, env: { PROBE: 'set' }, output: 'ignore' });
  }

  it('counts what passed, failed and was skipped', async () => {
    const failing = `it('fails', () => { throw new Error(process.env.PROBE); });`;
    expect(await run(PASSING)).to.deep.equal({ passing: 1, failing: 0, pending: 1 });
    expect(await run(PASSING + failing)).to.deep.equal({ passing: 1, failing: 1, pending: 1 });
    expect(await run(PASSING + failing, '--grep', 'passes')).to.include({ passing: 1, failing: 0 });
    expect(await run(`it('sees', () => { if (process.env.PROBE !== 'set') throw 1; });`)).to.include({
      failing: 0,
    });
  });

  // The nastiest of them ends with 0, as if all were well.
  for (const [what, text] of [
    ['ends in the middle', `${PASSING} it('ends', () => process.exit(0));`],
    ['is killed', `${PASSING} it('dies', () => process.kill(process.pid, 'SIGKILL'));`],
    ['cannot be loaded', 'this is no program'],
  ] as const) {
    it(`counts a failure where the run ${what}`, async () => {
      expect(await run(text)).to.deep.equal({ passing: 0, failing: 1, pending: 0 });
    });
  }
});
