/** Histories for the checker's tests: written by hand, simulated, changed; and a judge too simple to be wrong. */
import {
  answeredNs,
  perform,
  sameAnswer,
  type Action,
  type Answer,
  type ItemState,
  type Operation,
  type Outcome,
} from '../../../support/history/operation.js';
import { seededRandom, type Random } from '../../../support/history/random.js';

/** `"a"+1`. */
export function value(text: string, count = 0): ItemState & object {
  return { text, count };
}

export const read: Action = { kind: 'read' };
export const remove: Action = { kind: 'delete' };
export const increment: Action = { kind: 'increment' };
export const put = (text: string): Action => ({ kind: 'put', text });
export const putIfAbsent = (text: string): Action => ({ kind: 'put', text, condition: { kind: 'absent' } });
export const putIf = (text: string, expected: ItemState & object): Action => ({
  kind: 'put',
  text,
  condition: { kind: 'equals', value: expected },
});
export const removeIf = (expected: ItemState & object): Action => ({
  kind: 'delete',
  condition: { kind: 'equals', value: expected },
});

/** What a written history may say of an answer: that of a read or an increment, or else. */
export type Said = ItemState | 'done' | 'failed' | 'unknown' | 'refused';

/** An operation of client `client` on one item, from `invokedNs` to `answeredNs`. */
export function operation(
  client: number,
  invokedNs: number,
  answeredNs: number,
  action: Action,
  said: Said,
): Operation {
  return { client: String(client), item: 'item', action, invokedNs, outcome: outcome(said, answeredNs) };
}

function outcome(said: Said, answeredNs: number): Outcome {
  if (said === 'unknown' || said === 'refused') return { kind: said };
  return { kind: 'answered', answer: answer(said), answeredNs };
}

function answer(said: ItemState | 'done' | 'failed'): Answer {
  if (said === 'done') return { kind: 'done' };
  return said === 'failed' ? { kind: 'conditionFailed' } : { kind: 'state', state: said };
}

/** One after the other, none overlapping: the answers must be those of a register. */
export function inOrder(...steps: readonly (readonly [Action, Said])[]): Operation[] {
  return steps.map(([action, said], index) => operation(index, 10 * index, 10 * index + 5, action, said));
}

export interface Simulation {
  readonly seed: number;
  readonly clients: number;
  readonly items: number;
  readonly operations: number;
  /** Of each operation's outcome to be unknown, and of it to be refused; the former have an effect, or none. */
  readonly unknown?: number;
  readonly refused?: number;
  /** How many texts there are to put; absent: each put has its own. */
  readonly texts?: number;
}

/**
 * What clients of perfect registers would record: each operation takes effect at one instant somewhere inside its
 * interval; one of unknown outcome at any later one, or never.
 */
export function simulate(options: Simulation): Operation[] {
  const random = seededRandom(options.seed);
  const plans: Plan[] = [];
  const freeAtNs = Array.from({ length: options.clients }, () => random.integer(20));
  for (let index = 0; index < options.operations; index += 1) {
    const client = random.integer(options.clients);
    const invokedNs = (freeAtNs[client] ?? 0) + 1 + random.integer(10);
    const answeredNs = invokedNs + 1 + random.integer(40);
    freeAtNs[client] = answeredNs;
    const item = `item-${random.integer(options.items)}`;
    const luck = random.fraction();
    const fate =
      luck < (options.unknown ?? 0)
        ? 'unknown'
        : luck < (options.unknown ?? 0) + (options.refused ?? 0)
          ? 'refused'
          : 'answered';
    const lateNs = random.fraction() < 0.3 ? random.integer(40 * options.operations) : 0;
    const effectNs =
      fate === 'unknown'
        ? random.fraction() < 0.5
          ? invokedNs + random.fraction() * (answeredNs - invokedNs) + lateNs
          : Infinity
        : invokedNs + random.fraction() * (answeredNs - invokedNs);
    plans.push({ client, item, invokedNs, answeredNs, effectNs, fate, index });
  }
  plans.sort((a, b) => a.effectNs - b.effectNs);
  const states = new Map<string, ItemState>();
  const text = (index: number): string =>
    `t${options.texts === undefined ? index : random.integer(options.texts)}`;
  return plans.map((plan) => {
    const state = states.get(plan.item) ?? null;
    const action = randomAction(random, text(plan.index), state);
    const done = perform(state, action);
    const hasEffect = plan.fate !== 'refused' && plan.effectNs !== Infinity;
    if (hasEffect) states.set(plan.item, done.state);
    return {
      client: String(plan.client),
      item: plan.item,
      action,
      invokedNs: plan.invokedNs,
      outcome:
        plan.fate === 'answered'
          ? { kind: 'answered', answer: done.answer, answeredNs: plan.answeredNs }
          : { kind: plan.fate },
    };
  });
}

interface Plan {
  readonly client: number;
  readonly item: string;
  readonly invokedNs: number;
  readonly answeredNs: number;
  readonly effectNs: number;
  readonly fate: 'answered' | 'unknown' | 'refused';
  readonly index: number;
}

/** Any action; conditions expect mostly what is there. */
function randomAction(random: Random, text: string, state: ItemState): Action {
  const expected: ItemState & object =
    state !== null && random.fraction() < 0.7 ? state : value(`t${random.integer(3)}`, random.integer(2));
  return random.pick<Action>([
    read,
    read,
    read,
    put(text),
    put(text),
    remove,
    increment,
    increment,
    putIfAbsent(text),
    putIf(text, expected),
    removeIf(expected),
  ]);
}

/** The history with another answer to one of its operations: as a service that is wrong once would have given it. */
export function withOneWrongAnswer(history: readonly Operation[], random: Random): Operation[] {
  const answered = history.filter(({ outcome }) => outcome.kind === 'answered');
  const changed = random.pick(answered);
  return history.map((one) => {
    if (one !== changed || one.outcome.kind !== 'answered') return one;
    return { ...one, outcome: { ...one.outcome, answer: wrong(one, history, random) } };
  });
}

function wrong({ outcome, item }: Operation, history: readonly Operation[], random: Random): Answer {
  if (outcome.kind !== 'answered') throw new TypeError('there is no answer to change');
  switch (outcome.answer.kind) {
    case 'done':
      return { kind: 'conditionFailed' };
    case 'conditionFailed':
      return { kind: 'done' };
    case 'state': {
      const { answer } = outcome;
      const others = history
        .filter((other) => other.item === item)
        .flatMap((other) =>
          other.outcome.kind === 'answered' && other.outcome.answer.kind === 'state'
            ? [other.outcome.answer]
            : [],
        )
        .filter((other) => !sameAnswer(other, answer));
      return random.pick([...others, { kind: 'state', state: value('nobody put this') }]);
    }
  }
}

/** Tries every order of the operations on one item, with and without each unknown one. For a handful of operations. */
export function isLinearizableByBruteForce(operations: readonly Operation[]): boolean {
  const extend = (left: readonly Operation[], state: ItemState): boolean => {
    const known = left.filter(({ outcome }) => outcome.kind === 'answered');
    if (known.length === 0) return true;
    const firstAnswerNs = Math.min(...known.map(answeredNs));
    return left.some((next) => {
      // Somebody else was answered before this one began.
      if (next.invokedNs > firstAnswerNs) return false;
      const done = perform(state, next.action);
      const fits = next.outcome.kind !== 'answered' || sameAnswer(done.answer, next.outcome.answer);
      return (
        fits &&
        extend(
          left.filter((other) => other !== next),
          done.state,
        )
      );
    });
  };
  return extend(
    operations.filter(({ outcome }) => outcome.kind !== 'refused'),
    null,
  );
}
