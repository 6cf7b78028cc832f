/**
 * Judges a history: whether each item's operations have an order, each between its invocation and its answer, in which a
 * single register would have answered the same. Items are independent, so they are judged one by one.
 *
 * ```ts
 * expectLinearizable(history); // throws with a report that names the item and the operations
 * ```
 */
import { answeredNs, describeOperation, describeState, type ItemState, type Operation } from './operation.js';
import { Budget, search, UNMENTIONED, type SearchBounds } from './search.js';

/** Some ten seconds, and some hundred megabytes, at most. */
export const DEFAULT_BOUNDS: SearchBounds = { maxSteps: 30_000_000, maxConfigurations: 200_000 };

/** An item whose operations have no order. */
export interface Violation {
  readonly item: string;
  /** The answer up to which there is no order, while there is one up to the answer before it. */
  readonly operation: Operation;
  /** How many answers there are up to it, itself included. */
  readonly answers: number;
  /** In which states the item could have been at that instant, from what was answered before. */
  readonly states: readonly ItemState[];
  /** What happened around it, in the order of invocations; `operation` is among them. */
  readonly around: readonly Operation[];
  /** All of that for people. */
  readonly report: string;
}

/** An item whose search reached a bound. */
export interface Undecided {
  readonly item: string;
  readonly reason: string;
}

export type Judgement =
  | { readonly kind: 'linearizable' }
  | { readonly kind: 'violated'; readonly violations: readonly Violation[] }
  /** No violation was found, but not all was looked at: no pass. */
  | { readonly kind: 'undecided'; readonly undecided: readonly Undecided[] };

/** Judges a history of items that did not exist before it. */
export function judge(history: readonly Operation[], bounds: SearchBounds = DEFAULT_BOUNDS): Judgement {
  const violations: Violation[] = [];
  const undecided: Undecided[] = [];
  const budget = new Budget(bounds);
  for (const [item, operations] of byItem(history)) {
    checkInstants(operations);
    const result = search(operations, budget);
    if (result.kind === 'none') violations.push(explain(item, operations, bounds));
    else if (result.kind === 'undecided') undecided.push({ item, reason: result.reason });
  }
  if (violations.length > 0) return { kind: 'violated', violations };
  return undecided.length > 0 ? { kind: 'undecided', undecided } : { kind: 'linearizable' };
}

/** Fails where a history is not linearizable, or could not be judged within the bounds. */
export function expectLinearizable(history: readonly Operation[], bounds?: SearchBounds): void {
  const judgement = judge(history, bounds);
  switch (judgement.kind) {
    case 'linearizable':
      return;
    case 'violated':
      throw new Error(judgement.violations.map(({ report }) => report).join('\n\n'));
    case 'undecided':
      throw new Error(
        judgement.undecided
          .map(({ item, reason }) => `item ${item} could not be judged: the search took ${reason}`)
          .join('\n'),
      );
  }
}

function byItem(history: readonly Operation[]): Map<string, Operation[]> {
  const items = new Map<string, Operation[]>();
  for (const operation of history) {
    const operations = items.get(operation.item);
    if (operations === undefined) items.set(operation.item, [operation]);
    else operations.push(operation);
  }
  return items;
}

function checkInstants(operations: readonly Operation[]): void {
  const wrong = operations.find((operation) => !(answeredNs(operation) >= operation.invokedNs));
  if (wrong !== undefined) throw new TypeError(`answered before it was invoked: ${describeOperation(wrong)}`);
}

/** Finds the shortest part of a violating history, from its beginning, that violates, by bisection. */
function explain(item: string, operations: readonly Operation[], bounds: SearchBounds): Violation {
  const answered = operations
    .filter(({ outcome }) => outcome.kind === 'answered')
    .sort((a, b) => answeredNs(a) - answeredNs(b));
  // Some ten searches more, whose bounds only decide how good the report is.
  const fewer = { ...bounds, maxSteps: bounds.maxSteps / 10 };
  // With `least` answers there is an order, or it is undecided; with `most` there is none.
  let least = 0;
  let most = answered.length;
  while (most - least > 1) {
    const middle = Math.floor((least + most) / 2);
    const isViolated = search(until(operations, answered[middle - 1]!), new Budget(fewer)).kind === 'none';
    if (isViolated) most = middle;
    else least = middle;
  }
  const operation = answered[most - 1]!;
  const prefix = until(operations, operation);
  const open = search(
    prefix.map((other) => (other === operation ? withoutAnswer(operation) : other)),
    new Budget(fewer),
  );
  const states = open.kind === 'found' ? open.states : [];
  const around = select(prefix, operation, states);
  const violation = { item, operation, answers: most, states, around };
  return { ...violation, report: report(violation, prefix[0]!.invokedNs) };
}

/** What a history was at the instant of an operation's answer: later answers are not known yet. */
function until(operations: readonly Operation[], last: Operation): Operation[] {
  const endNs = answeredNs(last);
  return operations
    .filter(({ invokedNs }) => invokedNs <= endNs)
    .sort((a, b) => a.invokedNs - b.invokedNs)
    .map((operation) =>
      operation.outcome.kind === 'answered' && answeredNs(operation) > endNs
        ? withoutAnswer(operation)
        : operation,
    );
}

function withoutAnswer(operation: Operation): Operation {
  return { ...operation, outcome: { kind: 'unknown' } };
}

/** How many operations of each kind a report shows besides those that overlap and those that wrote the values. */
const SHOWN = 8;

/** Which operations somebody has to see to understand a violation. */
function select(prefix: readonly Operation[], failed: Operation, states: readonly ItemState[]): Operation[] {
  const texts = new Set(textsOf(failed));
  for (const state of states) if (state !== null) texts.add(state.text);
  texts.delete('');
  const isAnswered = ({ outcome }: Operation): boolean => outcome.kind === 'answered';
  const before = prefix
    .filter((operation) => isAnswered(operation) && answeredNs(operation) < failed.invokedNs)
    .sort((a, b) => answeredNs(a) - answeredNs(b));
  const unknown = prefix.filter(
    ({ action, outcome }) => outcome.kind === 'unknown' && action.kind !== 'read',
  );
  const isRelated = (operation: Operation): boolean => textsOf(operation).some((text) => texts.has(text));
  const shown = new Set([
    failed,
    ...before.slice(-SHOWN),
    ...before.filter(isRelated).slice(-SHOWN),
    ...unknown.slice(-SHOWN),
    ...unknown.filter(isRelated).slice(-SHOWN),
  ]);
  return prefix.filter(
    (operation) =>
      shown.has(operation) ||
      (operation.action.kind === 'put' && texts.has(operation.action.text)) ||
      (isAnswered(operation) && answeredNs(operation) >= failed.invokedNs),
  );
}

function textsOf({ action, outcome }: Operation): string[] {
  const texts: string[] = [];
  if (action.kind === 'put') texts.push(action.text);
  if ('condition' in action && action.condition.kind === 'equals') texts.push(action.condition.value.text);
  if (outcome.kind === 'answered' && outcome.answer.kind === 'state' && outcome.answer.state !== null) {
    texts.push(outcome.answer.state.text);
  }
  return texts;
}

/**
 * A violation for people. Times are milliseconds since the item's first invocation.
 *
 * ```
 * item hot-3 is not linearizable: up to its answer 212 no order of the operations explains the answers.
 * Before that answer the item could only be: "c2-17"+0
 *        1200.100 … 1202.001     client 2  put "c2-17" → done
 *   >    1204.512 … 1206.001     client 4  read → "c1-9"+0
 * ```
 */
function report(violation: Omit<Violation, 'report'>, originNs: number): string {
  const { item, operation, answers, states, around } = violation;
  const time = (ns: number): string =>
    (ns === Infinity ? '?' : ((ns - originNs) / 1e6).toFixed(3)).padStart(11);
  const lines = around.map(
    (shown) =>
      `  ${shown === operation ? '>' : ' '} ${time(shown.invokedNs)} …${time(answeredNs(shown))}  ` +
      `client ${shown.client}  ${describeOperation(shown)}`,
  );
  const texts = states.map((state) =>
    state?.text === UNMENTIONED ? 'a value that nobody has read' : describeState(state),
  );
  return [
    `item ${item} is not linearizable: up to its answer ${answers} no order of the operations explains the answers.`,
    ...(texts.length === 0
      ? []
      : [`At that answer the item could only be: ${[...new Set(texts)].join(', ')}`]),
    `Operations around it, in milliseconds (> the answer that fits no order, ? not answered yet, or never):`,
    ...lines,
  ].join('\n');
}
