import { expect } from 'chai';
import fc from 'fast-check';
import { expectLinearizable, judge, type Violation } from '../../../support/history/checker.js';
import type { Operation } from '../../../support/history/operation.js';
import { seededRandom } from '../../../support/history/random.js';
import {
  increment,
  inOrder,
  isLinearizableByBruteForce,
  operation,
  put,
  putIf,
  putIfAbsent,
  read,
  remove,
  removeIf,
  simulate,
  value,
  withOneWrongAnswer,
} from './histories.js';

function expectViolation(history: readonly Operation[]): Violation {
  const judgement = judge(history);
  expect(judgement.kind).to.equal('violated');
  return judgement.kind === 'violated' ? judgement.violations[0]! : expect.fail();
}

// A test that trusts this checker is worth what the checker is worth.
describe('the history checker', () => {
  const good: Record<string, Operation[]> = {
    'nothing at all': [],
    'a life in order': inOrder(
      [read, null],
      [put('a'), 'done'],
      [read, value('a')],
      [increment, value('a', 1)],
      [putIf('b', value('a')), 'failed'],
      [putIf('b', value('a', 1)), 'done'],
      [putIfAbsent('c'), 'failed'],
      [removeIf(value('a', 1)), 'failed'],
      [removeIf(value('b')), 'done'],
      [remove, 'done'],
      [read, null],
      [putIfAbsent('c'), 'done'],
      [remove, 'done'],
      [increment, value('', 1)],
      [read, value('', 1)],
    ),
    'a read that overlaps a put, and sees it or not': [
      operation(1, 0, 100, put('a'), 'done'),
      operation(2, 10, 20, read, null),
      operation(3, 30, 40, read, value('a')),
    ],
    'puts that overlap, in the order that readers saw': [
      operation(1, 0, 100, put('a'), 'done'),
      operation(2, 0, 100, put('b'), 'done'),
      operation(3, 10, 20, read, value('b')),
      operation(3, 30, 40, read, value('a')),
    ],
    'increments that overlap': [
      operation(1, 0, 100, increment, value('', 3)),
      operation(2, 0, 100, increment, value('', 1)),
      operation(3, 0, 100, increment, value('', 2)),
    ],
    'a refused put that nobody sees': [
      operation(1, 0, 10, put('a'), 'refused'),
      operation(2, 20, 30, read, null),
    ],
    'an unknown put that never happens': [
      operation(1, 0, 10, put('a'), 'unknown'),
      operation(2, 20, 30, read, null),
    ],
    'an unknown put that happens late': [
      operation(1, 0, 10, put('a'), 'unknown'),
      operation(2, 20, 30, put('b'), 'done'),
      operation(2, 40, 50, read, value('b')),
      operation(2, 60, 70, read, value('a')),
    ],
    'an unknown delete that happens late': [
      operation(1, 0, 10, remove, 'unknown'),
      operation(2, 20, 30, put('b'), 'done'),
      operation(2, 60, 70, read, null),
    ],
    'an unknown increment that happens between two others': [
      operation(1, 0, 10, increment, 'unknown'),
      operation(2, 20, 30, increment, value('', 1)),
      operation(2, 40, 50, increment, value('', 3)),
    ],
    'an unknown conditional put whose condition holds only later': [
      operation(1, 0, 10, putIf('b', value('a')), 'unknown'),
      operation(2, 20, 30, put('a'), 'done'),
      operation(2, 40, 50, read, value('b')),
    ],
    'an unknown put that nobody reads, but whose effect a refused condition tells': [
      operation(1, 0, 10, put('a'), 'unknown'),
      operation(2, 20, 30, put('b'), 'done'),
      operation(2, 40, 50, putIf('c', value('b')), 'failed'),
    ],
    'unknown reads': [operation(1, 0, 10, read, 'unknown'), operation(2, 20, 30, read, null)],
    'a text that comes back, since it was put twice': inOrder(
      [put('a'), 'done'],
      [put('b'), 'done'],
      [put('a'), 'done'],
      [read, value('a')],
    ),
  };
  for (const [what, history] of Object.entries(good)) {
    it(`accepts ${what}`, () => {
      expect(judge(history)).to.deep.equal({ kind: 'linearizable' });
    });
  }

  const bad: Record<string, Operation[]> = {
    'a stale read': inOrder([put('a'), 'done'], [put('b'), 'done'], [read, value('a')]),
    'a read of what nobody wrote': inOrder([put('a'), 'done'], [read, value('x')]),
    'two reads that go back in time during one put': [
      operation(1, 0, 100, put('a'), 'done'),
      operation(2, 10, 20, read, value('a')),
      operation(3, 30, 40, read, null),
    ],
    'readers who disagree on the order of two puts': [
      operation(1, 0, 100, put('a'), 'done'),
      operation(2, 0, 100, put('b'), 'done'),
      operation(3, 10, 20, read, value('b')),
      operation(3, 30, 40, read, value('a')),
      operation(4, 50, 60, read, value('b')),
    ],
    'a lost update': [
      ...inOrder([increment, value('', 1)]),
      operation(1, 20, 40, increment, value('', 2)),
      operation(2, 20, 40, increment, value('', 2)),
    ],
    'a duplicate increment': inOrder([increment, value('', 1)], [increment, value('', 3)]),
    'an increment that is done twice, seen by a reader': inOrder(
      [increment, value('', 1)],
      [read, value('', 2)],
    ),
    'a resurrected delete': inOrder([put('a'), 'done'], [remove, 'done'], [read, value('a')]),
    'an acknowledged write that is lost': inOrder([put('a'), 'done'], [read, null]),
    'a conditional write that two clients win': [
      ...inOrder([put('a'), 'done']),
      operation(1, 20, 40, putIf('b', value('a')), 'done'),
      operation(2, 20, 40, putIf('c', value('a')), 'done'),
    ],
    'two puts of which each found nothing': [
      operation(1, 0, 40, putIfAbsent('a'), 'done'),
      operation(2, 0, 40, putIfAbsent('b'), 'done'),
    ],
    'a condition that failed though it held': inOrder([put('a'), 'done'], [removeIf(value('a')), 'failed']),
    'a refused put that happened': [
      operation(1, 0, 10, put('a'), 'refused'),
      operation(2, 20, 30, read, value('a')),
    ],
    'an unknown put that happens before it was asked for': [
      operation(1, 20, 30, put('a'), 'unknown'),
      operation(2, 0, 10, read, value('a')),
    ],
    'an unknown put that happens twice': [
      operation(1, 0, 10, put('a'), 'unknown'),
      ...[20, 40].flatMap((ns) => [
        operation(2, ns, ns + 5, read, value('a')),
        operation(2, ns + 10, ns + 15, put(`b${ns}`), 'done'),
      ]),
      operation(2, 60, 70, read, value('a')),
    ],
    'an unknown increment that happens twice': [
      operation(1, 0, 10, increment, 'unknown'),
      operation(2, 20, 30, increment, value('', 3)),
    ],
    'an unknown conditional put without its condition': [
      operation(1, 0, 10, putIf('b', value('a')), 'unknown'),
      operation(2, 20, 30, read, value('b')),
    ],
    'an acknowledged write that is lost beside an unknown one': [
      operation(1, 0, 10, put('a'), 'unknown'),
      operation(2, 20, 30, put('b'), 'done'),
      operation(2, 40, 50, read, null),
    ],
  };
  for (const [what, history] of Object.entries(bad)) {
    it(`refuses ${what}`, () => {
      expectViolation(history);
    });
  }

  it('judges each item by itself, and names the one that is wrong', () => {
    const sound = inOrder([put('a'), 'done'], [read, value('a')]);
    const broken = inOrder([put('a'), 'done'], [read, null]).map((one) => ({ ...one, item: 'other' }));
    expect(expectViolation([...sound, ...broken]).item).to.equal('other');
  });

  // Who reads the report of a run with a thousand operations wants the few that matter.
  it('reports the shortest prefix without an order, and what happened around it', () => {
    const many = (first: number): Operation[] =>
      Array.from({ length: 100 }, (_, index) =>
        operation(7, first + 10 * index, first + 10 * index + 5, read, value('b')),
      );
    const {
      operation: failed,
      answers,
      states,
      around,
      report,
    } = expectViolation([
      operation(1, 0, 10, put('a'), 'done'),
      operation(2, 20, 30, put('b'), 'done'),
      ...many(100),
      operation(3, 2000, 2010, read, value('a')),
      ...many(3000),
    ]);
    expect(failed).to.deep.equal(operation(3, 2000, 2010, read, value('a')));
    expect(answers).to.equal(103);
    expect(states).to.deep.equal([value('b')]);
    expect(around.length).to.be.below(40);
    expect(around).to.deep.include(operation(1, 0, 10, put('a'), 'done'));
    expect(around.at(-1)).to.equal(failed);
    expect(report).to.include('item item is not linearizable: up to its answer 103 ');
    expect(report).to.include('could only be: "b"+0\n');
    expect(report).to.match(/^ {2}> +0\.002 … +0\.002 {2}client 3 {2}read → "a"\+0$/m);
  });

  it('throws the report where it is asked to expect an order', () => {
    expect(() => {
      expectLinearizable(inOrder([put('a'), 'done'], [read, null]));
    }).to.throw('item item is not linearizable');
    expectLinearizable(inOrder([read, null]));
  });

  // A checker that gives up silently passes everything.
  for (const bounds of [
    { maxSteps: 50, maxConfigurations: 1000 },
    { maxSteps: 10_000, maxConfigurations: 2 },
  ]) {
    it(`fails where it reaches a bound, of ${bounds.maxSteps} steps and ${bounds.maxConfigurations} configurations`, () => {
      const history = simulate({ seed: 1, clients: 10, items: 1, operations: 100 });
      expect(judge(history, bounds).kind).to.equal('undecided');
      expect(() => {
        expectLinearizable(history, bounds);
      }).to.throw(/^item item-0 could not be judged: the search took more than /);
    });
  }

  it('refuses a history that goes backwards', () => {
    expect(() => judge([operation(1, 10, 5, read, null)])).to.throw(TypeError);
  });

  const simulations = fc.record({
    seed: fc.integer(),
    clients: fc.integer({ min: 1, max: 12 }),
    items: fc.integer({ min: 1, max: 3 }),
    operations: fc.integer({ min: 1, max: 300 }),
    unknown: fc.constantFrom(0, 0.02, 0.1),
    refused: fc.constantFrom(0, 0.1),
    texts: fc.option(fc.integer({ min: 1, max: 20 }), { nil: undefined }),
  });
  it('accepts whatever perfect registers answer', () => {
    fc.assert(
      fc.property(simulations, ({ texts, ...simulation }) => {
        expectLinearizable(simulate({ ...simulation, ...(texts === undefined ? {} : { texts }) }));
      }),
      { numRuns: 200 },
    );
  });

  const tiny = fc.record({
    seed: fc.integer(),
    clients: fc.integer({ min: 2, max: 5 }),
    items: fc.constant(1),
    operations: fc.integer({ min: 2, max: 7 }),
    unknown: fc.constantFrom(0, 0.3),
    texts: fc.constantFrom(2, 100),
    wrongAnswers: fc.integer({ min: 0, max: 3 }),
  });
  it('judges tiny histories, right or wrong, as the trial of every order does', () => {
    const verdicts = { right: 0, wrong: 0 };
    fc.assert(
      fc.property(tiny, ({ wrongAnswers, ...simulation }) => {
        let history = simulate(simulation);
        const random = seededRandom(simulation.seed);
        for (let count = 0; count < wrongAnswers; count += 1) {
          if (history.some(({ outcome }) => outcome.kind === 'answered')) {
            history = withOneWrongAnswer(history, random);
          }
        }
        const isRight = isLinearizableByBruteForce(history);
        verdicts[isRight ? 'right' : 'wrong'] += 1;
        expect(judge(history).kind).to.equal(isRight ? 'linearizable' : 'violated');
      }),
      { numRuns: 3000 },
    );
    expect(Math.min(verdicts.right, verdicts.wrong)).to.be.above(500);
  });

  // Not every wrong answer is a contradiction: two clients may overlap so that either answer is possible.
  it('refuses most histories with one wrong answer', () => {
    let refused = 0;
    for (let seed = 0; seed < 200; seed += 1) {
      const history = simulate({ seed, clients: 4, items: 1, operations: 200, unknown: 0.02 });
      if (judge(withOneWrongAnswer(history, seededRandom(seed))).kind === 'violated') refused += 1;
    }
    expect(refused).to.be.above(160);
  });

  // What a run on a cluster records: the check must not take longer than the run.
  for (const [what, simulation] of Object.entries({
    'forty items': { seed: 1, clients: 64, items: 40, operations: 40_000, unknown: 0.002 },
    'one item, with unknown outcomes by the dozen': {
      seed: 2,
      clients: 16,
      items: 1,
      operations: 5_000,
      unknown: 0.02,
    },
  })) {
    it(`judges ${simulation.operations} operations on ${what} within seconds`, function () {
      this.timeout(10_000);
      expectLinearizable(simulate(simulation));
    });
  }
});
