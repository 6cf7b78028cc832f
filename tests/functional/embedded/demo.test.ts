import { spawn } from 'node:child_process';
import { once } from 'node:events';
import path from 'node:path';
import { text } from 'node:stream/consumers';
import { expect } from 'chai';

const ROOT = path.resolve(import.meta.dirname, '..', '..', '..');
const MAIN = path.join(ROOT, 'tools', 'demo', 'main.ts');

interface Ended {
  readonly code: unknown;
  readonly stdout: string;
  readonly stderr: string;
}

async function demo(...flags: string[]): Promise<Ended> {
  const child = spawn(process.execPath, ['--import', 'tsx', MAIN, ...flags], { cwd: ROOT });
  const [stdout, stderr, [code]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close') as Promise<unknown[]>,
  ]);
  return { code, stdout, stderr };
}

describe('npm run demo', function () {
  this.timeout(60_000);

  // It is the first thing that many run: it must work from end to end, without a terminal too.
  it('loads places, verifies all answers, and ends with 0', async () => {
    const { code, stdout, stderr } = await demo('--items', '2000');
    expect(stderr).to.equal('');
    expect(code, stdout).to.equal(0);
    expect(stdout).to.include('100%: sent 2,000 of 2,000 items');
    expect(stdout).to.match(/│ +2,000 │ +2,000 │ +0 │ +0 │/); // the counters of bulk_load
    // Of the first 2,000 places most lie in Argentina, and one is a megacity.
    expect(stdout).to.match(/ten most populous places of Argentina[\s\S]*?│ Buenos Aires +│ +13,076,300 │/);
    expect(stdout).to.include('ConditionalCheckFailedException');
    expect(stdout).to.include('All answers agree with the data set.');
    expect(stdout).to.include('it is gone');
    expect(stdout).not.to.include('WRONG');
    expect(stdout.match(/^ {2}verified: /gm)).to.have.length(12);
  });

  // Nobody must have to read a stack to learn that a service is not there.
  it('ends with 1 and one line where no service answers', async () => {
    const { code, stderr } = await demo('--items', '1', '--url', 'http://127.0.0.1:1');
    expect(code).to.equal(1);
    expect(stderr).to.match(
      /^demo: POST \/tables at http:\/\/127\.0\.0\.1:1\/\S+ failed: [^\n]*ECONNREFUSED[^\n]*\n$/,
    );
  });

  // A flag that would silently do nothing misleads.
  it('refuses --port together with --url', async () => {
    const { code, stderr } = await demo('--url', 'http://127.0.0.1:1', '--port', '9000');
    expect(code).to.equal(1);
    expect(stderr).to.include('leave them out with --url');
  });
});
