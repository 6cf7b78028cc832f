import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { expect } from 'chai';
import { logTail, nodeProcessIn } from '../../../../tools/cassandra/node-process.js';

describe('the process of a node', () => {
  let folder: string;
  let child: ChildProcess | undefined;

  beforeEach(async () => {
    folder = await mkdtemp(path.join(tmpdir(), 'magnetodb-node-'));
  });
  afterEach(async () => {
    child?.kill('SIGKILL');
    child = undefined;
    await rm(folder, { recursive: true });
  });

  /** A process that looks like a node's, and its pid file. */
  async function pretend(nodeFolder: string): Promise<void> {
    child = spawn(process.execPath, [
      ...['-e', 'setInterval(() => {}, 1000)'],
      ...['--', `-Dcassandra.storagedir=${nodeFolder}`],
    ]);
    await once(child, 'spawn');
    await writeFile(path.join(folder, 'pid'), `${String(child.pid)}\n`);
  }

  // After a reboot the pid in the file is another program's, which must not be killed for it.
  it('is not one that has got its pid later', async () => {
    expect(nodeProcessIn(folder)).to.equal(undefined);
    for (const text of [`${process.pid}\n`, '0\n', '-1\n', '1\n', 'x', '']) {
      await writeFile(path.join(folder, 'pid'), text);
      expect(nodeProcessIn(folder), text).to.equal(undefined);
    }
    // The folder of node1 is how that of node10 begins.
    await pretend(`${folder}0`);
    expect(nodeProcessIn(folder)).to.equal(undefined);
  });

  it('is found by its folder, and paused, resumed and stopped', async () => {
    await pretend(folder);
    const node = nodeProcessIn(folder);
    expect(node).to.include({ pid: child!.pid, isAlive: true, isPaused: false });
    await node!.pause();
    expect(node).to.include({ isAlive: true, isPaused: true });
    // Also when it is paused: SIGTERM alone would never reach it.
    await node!.stop();
    expect(node).to.include({ isAlive: false, isPaused: false });
    expect(nodeProcessIn(folder)).to.equal(undefined);
    // What is gone can be ended again.
    await node!.kill();
  });

  // Cassandra writes its whole configuration into one line, which would hide what matters.
  it('shows the end of its logs, long lines cut', async () => {
    const lines = Array.from({ length: 100 }, (_, line) => `line ${line}`);
    await writeFile(path.join(folder, 'system.log'), [...lines, 'x'.repeat(10_000)].join('\n'));
    const tail = logTail(folder);
    expect(tail).to.match(/\nline 99\nx+…$/);
    expect(tail).to.not.match(/line 50/);
    expect(tail.length).to.be.lessThan(2_000);
  });
});
