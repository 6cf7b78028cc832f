import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { TurnBudget } from '../../../../magnetodb/storage/lmdb/turn-budget.js';

describe('TurnBudget', () => {
  // Nobody pays for a budget that is not spent.
  it('lets reads in at once while there is budget', () => {
    const budget = new TurnBudget();
    for (let index = 0; index < 10; index += 1) expect(budget.enter(100)).to.equal(undefined);
    expect(budget.isSpent()).to.equal(true);
  });

  it('counts bytes as well as rows', () => {
    const budget = new TurnBudget();
    budget.spend(1, 5 * 1024 * 1024);
    expect(budget.isSpent()).to.equal(true);
  });

  it('begins anew in each turn of the event loop', async () => {
    const budget = new TurnBudget();
    budget.spend(1000, 0);
    expect(budget.isSpent()).to.equal(true);
    await nextTurn();
    expect(budget.isSpent()).to.equal(false);
  });

  // Whoever reads in a loop must not push past those that wait: they would wait for ever.
  it('lets waiting reads in, in the order in which they came, some in each turn', async () => {
    const budget = new TurnBudget();
    budget.spend(1000, 0);
    const order: number[] = [];
    const reads = Array.from({ length: 8 }, async (_, index) => {
      await budget.enter(300);
      order.push(index);
    });
    await nextTurn();
    expect(order).to.deep.equal([0, 1, 2, 3]);
    expect(budget.enter(1)).not.to.equal(undefined);
    await Promise.all(reads);
    expect(order).to.deep.equal([0, 1, 2, 3, 4, 5, 6, 7]);
  });
});
