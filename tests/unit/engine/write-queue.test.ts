import { setTimeout as sleep } from 'node:timers/promises';
import { expect } from 'chai';
import { Deadline } from '../../../magnetodb/engine/deadline.js';
import { WriteQueue } from '../../../magnetodb/engine/write-queue.js';

async function codeOf(promise: Promise<unknown>): Promise<unknown> {
  return await promise.then(
    () => 'done',
    (error: unknown) => (error as { code?: unknown }).code,
  );
}

describe('the queue of writes', () => {
  const soon = (): Deadline => new Deadline(10_000);

  it('runs the writes of one thing in the order of their arrival, one at a time', async () => {
    const queue = new WriteQueue(10, 'writes');
    const seen: number[] = [];
    let underWay = 0;
    await Promise.all(
      [30, 20, 10].map((waitMs, position) =>
        queue.run('a', soon(), async () => {
          underWay += 1;
          expect(underWay).to.equal(1);
          await sleep(waitMs);
          underWay -= 1;
          seen.push(position);
        }),
      ),
    );
    expect(seen).to.deep.equal([0, 1, 2]);
  });

  it('lets those of different things pass each other', async () => {
    const queue = new WriteQueue(10, 'writes');
    const seen: string[] = [];
    const slow = queue.run('a', soon(), async () => {
      await sleep(30);
      seen.push('a');
    });
    await queue.run('b', soon(), () => Promise.resolve(seen.push('b')));
    await slow;
    expect(seen).to.deep.equal(['b', 'a']);
  });

  it('goes on after a write that failed', async () => {
    const queue = new WriteQueue(10, 'writes');
    const failed = queue.run('a', soon(), () => Promise.reject(new Error('planted')));
    const next = queue.run('a', soon(), () => Promise.resolve('next'));
    await failed.catch(() => undefined);
    expect(await next).to.equal('next');
    expect(await queue.run('a', soon(), () => Promise.resolve('later'))).to.equal('later');
  });

  // Whoever was told that nothing was written must be right for ever.
  it('never runs a write that it has refused, and hands its turn on', async () => {
    const queue = new WriteQueue(10, 'writes');
    const seen: string[] = [];
    const first = queue.run('a', soon(), () => sleep(80));
    const late = queue.run('a', new Deadline(20), () => Promise.resolve(seen.push('late')));
    const last = queue.run('a', soon(), () => Promise.resolve(seen.push('last')));
    const startMs = performance.now();
    expect(await codeOf(late)).to.equal('ServiceUnavailable');
    expect(performance.now() - startMs).to.be.below(70);
    await Promise.all([first, last]);
    expect(seen).to.deep.equal(['last']);
  });

  it('refuses one more than may wait', async () => {
    const queue = new WriteQueue(1, 'writes');
    const first = queue.run('a', soon(), () => sleep(10));
    const second = queue.run('a', soon(), () => sleep(1));
    expect(await codeOf(queue.run('a', soon(), () => sleep(1)))).to.equal('ServiceUnavailable');
    await Promise.all([first, second]);
    expect(await codeOf(queue.run('a', soon(), () => sleep(1)))).to.equal('done');
  });
});
