/**
 * A history: what clients asked of items, when, and what they were answered; and the model that tells right answers
 * from wrong ones.
 *
 * An item is a register of its own: it is absent, or has a text that a put gave it and a count of the increments since.
 *
 * ```
 * put "a"      absent → "a"+0     done
 * increment    "a"+0  → "a"+1     answers "a"+1
 * delete       "a"+1  → absent    done
 * increment    absent → ""+1      answers ""+1
 * ```
 */

/** What an item holds. The empty text: an increment made it. */
export interface Value {
  readonly text: string;
  readonly count: number;
}

/** Null: the item is absent. */
export type ItemState = Value | null;

/** What must hold for a write to be done. */
export type Condition = { readonly kind: 'absent' } | { readonly kind: 'equals'; readonly value: Value };

export type Action =
  /** A strong one. */
  | { readonly kind: 'read' }
  /** Makes the item `text`+0, whatever it was. The text isn't empty. */
  | { readonly kind: 'put'; readonly text: string; readonly condition?: Condition }
  | { readonly kind: 'delete'; readonly condition?: Condition }
  /** Adds 1, and answers what the item is then. */
  | { readonly kind: 'increment' };

export type Answer =
  /** Of a put or a delete. */
  | { readonly kind: 'done' }
  | { readonly kind: 'conditionFailed' }
  /** Of a read or an increment. */
  | { readonly kind: 'state'; readonly state: ItemState };

export type Outcome =
  | { readonly kind: 'answered'; readonly answer: Answer; readonly answeredNs: number }
  /** It had no effect, and never will have one. */
  | { readonly kind: 'refused' }
  /** It takes effect once, at any instant from its invocation on, even after all else; or never. */
  | { readonly kind: 'unknown' };

export interface Operation {
  readonly client: string;
  readonly item: string;
  readonly action: Action;
  /** Nanoseconds of one monotonic clock, as `answeredNs`: taken before the request was sent. */
  readonly invokedNs: number;
  readonly outcome: Outcome;
}

/** What an action does where it is carried out alone. */
export function perform(state: ItemState, action: Action): { state: ItemState; answer: Answer } {
  switch (action.kind) {
    case 'read':
      return { state, answer: { kind: 'state', state } };
    case 'put':
      return holds(action.condition, state)
        ? { state: { text: action.text, count: 0 }, answer: { kind: 'done' } }
        : { state, answer: { kind: 'conditionFailed' } };
    case 'delete':
      return holds(action.condition, state)
        ? { state: null, answer: { kind: 'done' } }
        : { state, answer: { kind: 'conditionFailed' } };
    case 'increment': {
      const incremented = { text: state?.text ?? '', count: (state?.count ?? 0) + 1 };
      return { state: incremented, answer: { kind: 'state', state: incremented } };
    }
  }
}

function holds(condition: Condition | undefined, state: ItemState): boolean {
  if (condition === undefined) return true;
  return sameState(state, condition.kind === 'absent' ? null : condition.value);
}

export function sameState(a: ItemState, b: ItemState): boolean {
  if (a === null || b === null) return a === b;
  return a.text === b.text && a.count === b.count;
}

export function sameAnswer(a: Answer, b: Answer): boolean {
  if (a.kind === 'state' && b.kind === 'state') return sameState(a.state, b.state);
  return a.kind === b.kind;
}

/** The instant of an operation's answer; infinite where its outcome is unknown. */
export function answeredNs(operation: Operation): number {
  return operation.outcome.kind === 'answered' ? operation.outcome.answeredNs : Infinity;
}

/** `"a"+1`, or `absent`. */
export function describeState(state: ItemState): string {
  return state === null ? 'absent' : `${JSON.stringify(state.text)}+${state.count}`;
}

/** `put "b" if "a"+1 → done`. */
export function describeOperation({ action, outcome }: Operation): string {
  return `${describeAction(action)} → ${describeOutcome(outcome)}`;
}

function describeAction(action: Action): string {
  switch (action.kind) {
    case 'read':
    case 'increment':
      return action.kind;
    case 'put':
      return `put ${JSON.stringify(action.text)}${describeCondition(action.condition)}`;
    case 'delete':
      return `delete${describeCondition(action.condition)}`;
  }
}

function describeCondition(condition: Condition | undefined): string {
  if (condition === undefined) return '';
  return ` if ${describeState(condition.kind === 'absent' ? null : condition.value)}`;
}

function describeOutcome(outcome: Outcome): string {
  if (outcome.kind !== 'answered') return outcome.kind;
  switch (outcome.answer.kind) {
    case 'done':
      return 'done';
    case 'conditionFailed':
      return 'condition failed';
    case 'state':
      return describeState(outcome.answer.state);
  }
}
