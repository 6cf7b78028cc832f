/**
 * The search behind the checker: is there an order of one item's operations, each somewhere between its invocation and
 * its answer, in which a register would have given the same answers?
 *
 * It is Lowe's just-in-time linearization ("Testing for linearizability", 2017), breadth first. It goes through the
 * invocations and answers in the order of time and keeps all *configurations* that explain what was answered so far: the
 * item's state, and which of the operations under way have taken effect. Nothing takes effect before an answer needs it.
 * Where an answer leaves no configuration, there is no such order.
 *
 * What keeps the configurations few, and none of it loses an order:
 *
 * - Who changes nothing (a read, a refused condition) takes effect as soon as the state fits its answer.
 * - A configuration is dropped for another with the same state, the same answered writes done, no unknown outcome used
 *   that it has not used, and no reader missing that it has served. So an unknown outcome that explains nothing costs
 *   nothing.
 * - Operations that do the same (deletes; puts of texts that nobody ever mentions) are taken in the order of their
 *   answers, the unknown outcomes last: any order could be rearranged into that one.
 * - A state that can't come back is not left while somebody still has to find it: a text is put once (where it is put
 *   more often, this is not used), and we know what later readers were answered.
 */
import {
  answeredNs,
  perform,
  sameAnswer,
  type Action,
  type Answer,
  type ItemState,
  type Operation,
} from './operation.js';

/** How much searches may do. What exceeds it is left undecided. */
export interface SearchBounds {
  /** Configurations made or looked at, in all: bounds the time. A million take about half a second. */
  readonly maxSteps: number;
  /** Configurations kept at one time: bounds the memory. */
  readonly maxConfigurations: number;
}

export type SearchResult =
  /** `states`: in which the item may be at the end. */
  | { readonly kind: 'found'; readonly states: readonly ItemState[] }
  | { readonly kind: 'none' }
  | { readonly kind: 'undecided'; readonly reason: string };

/**
 * Stands for the text of every value that no answer and no condition mentions, nor a later count of its text: nobody can
 * tell these apart.
 */
export const UNMENTIONED = '\u0000';

/** An item's state. One object for each, so that states are compared by identity. */
interface State {
  readonly id: number;
  readonly value: ItemState;
  /** Undefined: the state may come back after it was left. */
  readonly origin: Origin | undefined;
  /** When the last operation begins that has to find just this state; an index into the events. */
  lastNeededAt: number;
}

/** A text that exactly one put gives. */
interface Origin {
  /** As State.lastNeededAt, for all states with this text. */
  lastNeededAt: number;
}

/** Operations that do the same and have the same answer, if any. */
interface Sort {
  readonly action: Action;
  /** Undefined: any that comes with a change of the state. */
  readonly answer: Answer | undefined;
  /** Those under way, in the order of their answers. */
  readonly pending: Task[];
  /** What it makes of a state; undefined: it can't take effect there. */
  readonly next: Map<State, State | undefined>;
}

/** An operation as the search sees it. */
interface Task {
  readonly kind: 'look' | 'change' | 'unknown';
  readonly sort: Sort;
  /** Which state it has to find, where only one will do and that one doesn't come back. */
  readonly needs: State | undefined;
  readonly answeredAt: number;
  /** Its mark in one of a configuration's three sets, while it is under way. */
  bit: bigint;
}

interface Event {
  readonly task: Task;
  readonly kind: 'invoked' | 'answered';
}

/** One explanation of what was answered so far. The sets hold the marks of tasks under way that have taken effect. */
interface Configuration {
  readonly state: State;
  readonly look: bigint;
  readonly change: bigint;
  readonly unknown: bigint;
}

class BoundReached extends Error {}

/**
 * Searches for an order of operations on one item, which was absent before them.
 * @param budget may be shared by several searches; then it bounds their steps together.
 */
export function search(operations: readonly Operation[], budget: Budget): SearchResult {
  const plan = new Plan(operations);
  try {
    const run = new Run(plan, budget);
    return run.explainsAll() ? { kind: 'found', states: run.states() } : { kind: 'none' };
  } catch (error) {
    if (error instanceof BoundReached) return { kind: 'undecided', reason: error.message };
    throw error;
  }
}

/** What is known before the search: the tasks, the events in the order of time, and the states that must be found. */
class Plan {
  readonly events: readonly Event[];
  readonly initial: State;
  readonly #states = new Map<string, State>();
  readonly #origins = new Map<string, Origin>();
  readonly #sorts = new Map<string, Sort>();
  /** The texts that answers and conditions mention, each with its highest count. */
  readonly #mentioned: ReadonlyMap<string, number>;

  constructor(operations: readonly Operation[]) {
    const useful = operations.filter(isUseful);
    const mentioned = mentionedTexts(useful);
    this.#mentioned = mentioned;
    const writers = new Map<string, number>();
    for (const { action } of useful) {
      if (action.kind === 'put') writers.set(action.text, (writers.get(action.text) ?? 0) + 1);
    }
    for (const [text, count] of writers) {
      if (count === 1 && mentioned.has(text)) this.#origins.set(text, { lastNeededAt: -1 });
    }

    const instants = useful.flatMap((operation) => {
      const invoked = { operation, kind: 'invoked' as const, ns: operation.invokedNs };
      const answered = { operation, kind: 'answered' as const, ns: answeredNs(operation) };
      return operation.outcome.kind === 'answered' ? [invoked, answered] : [invoked];
    });
    // At one instant invocations come first: what may have overlapped counts as overlapping.
    instants.sort((a, b) => a.ns - b.ns || Number(a.kind === 'answered') - Number(b.kind === 'answered'));
    const answers = new Map(
      instants.flatMap(({ operation, kind }, index) => (kind === 'answered' ? [[operation, index]] : [])),
    );
    const tasks = new Map(
      useful.map((operation) => [operation, this.#task(operation, answers.get(operation))]),
    );
    this.events = instants.map(({ operation, kind }) => ({ task: tasks.get(operation)!, kind }));
    for (const [index, { task, kind }] of this.events.entries()) {
      if (kind !== 'invoked' || task.needs?.origin === undefined) continue;
      task.needs.lastNeededAt = index;
      task.needs.origin.lastNeededAt = index;
    }
    this.initial = this.state(null);
  }

  state(exact: ItemState): State {
    const isMentioned = exact === null || exact.count <= (this.#mentioned.get(exact.text) ?? -1);
    const value = isMentioned ? exact : { text: UNMENTIONED, count: 0 };
    const key = value === null ? '' : `${value.count} ${value.text}`;
    let state = this.#states.get(key);
    if (state === undefined) {
      const origin = value === null ? undefined : this.#origins.get(value.text);
      state = { id: this.#states.size, value, origin, lastNeededAt: -1 };
      this.#states.set(key, state);
    }
    return state;
  }

  /** What a task of this sort makes of a state; undefined: it can't take effect there. */
  next(sort: Sort, state: State): State | undefined {
    if (sort.next.has(state)) return sort.next.get(state);
    const { state: value, answer } = perform(state.value, sort.action);
    const changed = this.state(value);
    const fits = sort.answer === undefined ? changed !== state : sameAnswer(answer, sort.answer);
    const next = fits ? changed : undefined;
    sort.next.set(state, next);
    return next;
  }

  #task({ action, outcome }: Operation, answeredAt = Infinity): Task {
    const answer = outcome.kind === 'answered' ? outcome.answer : undefined;
    const isLook = action.kind === 'read' || answer?.kind === 'conditionFailed';
    const bare: Action =
      action.kind === 'put' && !this.#mentioned.has(action.text) ? { ...action, text: UNMENTIONED } : action;
    // An unknown put does what a done one does, where it does anything; an unknown increment may answer what it likes.
    const sortAnswer: Answer | undefined =
      answer ?? (action.kind === 'increment' ? undefined : { kind: 'done' });
    const needed = answer === undefined ? undefined : neededState(action, answer);
    const needs = needed === undefined ? undefined : this.state(needed);
    return {
      kind: answer === undefined ? 'unknown' : isLook ? 'look' : 'change',
      sort: this.#sort(bare, sortAnswer),
      needs: needs?.origin === undefined ? undefined : needs,
      answeredAt,
      bit: 0n,
    };
  }

  #sort(action: Action, answer: Answer | undefined): Sort {
    const key = JSON.stringify([action, answer]);
    let sort = this.#sorts.get(key);
    if (sort === undefined) {
      sort = { action, answer, pending: [], next: new Map() };
      this.#sorts.set(key, sort);
    }
    return sort;
  }
}

/** Neither what had no effect nor a read whose answer got lost says anything. */
function isUseful({ action, outcome }: Operation): boolean {
  return outcome.kind === 'answered' || (outcome.kind === 'unknown' && action.kind !== 'read');
}

function mentionedTexts(operations: readonly Operation[]): Map<string, number> {
  const counts = new Map<string, number>();
  const mention = (state: ItemState): void => {
    if (state !== null) counts.set(state.text, Math.max(state.count, counts.get(state.text) ?? 0));
  };
  for (const { action, outcome } of operations) {
    const condition = 'condition' in action ? action.condition : undefined;
    if (condition?.kind === 'equals') mention(condition.value);
    if (outcome.kind === 'answered' && outcome.answer.kind === 'state') mention(outcome.answer.state);
  }
  return counts;
}

/** The one state in which an action is answered so; undefined: there may be others. */
function neededState(action: Action, answer: Answer): ItemState | undefined {
  if (action.kind === 'read') return answer.kind === 'state' ? answer.state : undefined;
  if (action.kind === 'increment') {
    if (answer.kind !== 'state' || answer.state === null) return undefined;
    return { text: answer.state.text, count: answer.state.count - 1 };
  }
  return answer.kind === 'done' && action.condition?.kind === 'equals' ? action.condition.value : undefined;
}

/** What is left of the bounds. */
export class Budget {
  #steps = 0;

  constructor(private readonly bounds: SearchBounds) {}

  spend(steps: number): void {
    this.#steps += steps;
    if (this.#steps > this.bounds.maxSteps) {
      throw new BoundReached(`more than ${this.bounds.maxSteps} steps`);
    }
  }

  checkSize(configurations: number): void {
    if (configurations > this.bounds.maxConfigurations) {
      throw new BoundReached(`more than ${this.bounds.maxConfigurations} configurations at one time`);
    }
  }
}

/** Configurations of which none makes another one needless. */
class ConfigurationSet {
  readonly #byKey = new Map<string, Configuration[]>();
  size = 0;

  constructor(private readonly budget: Budget) {}

  /** @returns false where one that is in the set can do all that this one can. */
  add(added: Configuration): boolean {
    const key = `${added.state.id}/${added.change.toString(36)}`;
    const peers = this.#byKey.get(key) ?? [];
    this.budget.spend(1 + peers.length);
    if (peers.some((peer) => isAsGood(peer, added))) return false;
    const kept = peers.filter((peer) => !isAsGood(added, peer));
    kept.push(added);
    this.#byKey.set(key, kept);
    this.size += kept.length - peers.length;
    this.budget.checkSize(this.size);
    return true;
  }

  toArray(): Configuration[] {
    return [...this.#byKey.values()].flat();
  }
}

/** Given that state and answered writes are the same: whether `a` has used no more, and served no less. */
function isAsGood(a: Configuration, b: Configuration): boolean {
  return (a.unknown & b.unknown) === a.unknown && (a.look & b.look) === b.look;
}

/** One pass through the events. */
class Run {
  #frontier: Configuration[];
  /** The event that is being handled. */
  #now = 0;
  /** Sorts of writes of which some are under way. */
  readonly #sorts = new Set<Sort>();
  readonly #looks = new Set<Task>();
  /** Tasks under way that have to find a state which doesn't come back. */
  readonly #seekers = new Set<Task>();
  /** Free marks of each kind, and how many there are. */
  readonly #marks = { look: new Marks(), change: new Marks(), unknown: new Marks() };

  constructor(
    private readonly plan: Plan,
    private readonly budget: Budget,
  ) {
    this.#frontier = [{ state: plan.initial, look: 0n, change: 0n, unknown: 0n }];
  }

  /** Handles all events. @returns false as soon as no configuration is left. */
  explainsAll(): boolean {
    for (const [index, { task, kind }] of this.plan.events.entries()) {
      this.#now = index;
      if (kind === 'invoked') this.#begin(task);
      else this.#answer(task);
      if (this.#frontier.length === 0) return false;
    }
    return true;
  }

  /** In which states the item may be after what has been handled. */
  states(): ItemState[] {
    const states = new Map<State, ItemState>();
    const seen = new ConfigurationSet(this.budget);
    const queue = this.#frontier.filter((configuration) => seen.add(configuration));
    for (const configuration of queue) {
      states.set(configuration.state, configuration.state.value);
      for (const next of this.#successors(configuration)) if (seen.add(next)) queue.push(next);
    }
    return [...states.values()];
  }

  #begin(task: Task): void {
    task.bit = this.#marks[task.kind].take();
    if (task.needs !== undefined) this.#seekers.add(task);
    if (task.kind === 'look') {
      this.#looks.add(task);
      this.budget.spend(this.#frontier.length);
      this.#frontier = this.#frontier.map((configuration) => this.#served(configuration, [task]));
      return;
    }
    const { pending } = task.sort;
    const place = pending.findIndex(({ answeredAt }) => answeredAt > task.answeredAt);
    pending.splice(place === -1 ? pending.length : place, 0, task);
    this.#sorts.add(task.sort);
  }

  /** Keeps what has let the task take effect, and makes the rest do so in every way. */
  #answer(task: Task): void {
    const explaining = new ConfigurationSet(this.budget);
    const seen = new ConfigurationSet(this.budget);
    const queue: Configuration[] = [];
    const consider = (configuration: Configuration): void => {
      if (isDone(configuration, task)) explaining.add(without(configuration, task));
      else if (seen.add(configuration)) queue.push(configuration);
    };
    this.#frontier.forEach(consider);
    for (const configuration of queue) {
      for (const next of this.#successors(configuration)) consider(next);
      this.budget.checkSize(seen.size + explaining.size);
    }
    this.#frontier = explaining.toArray();
    this.#end(task);
  }

  #end(task: Task): void {
    if (task.kind !== 'unknown') this.#marks[task.kind].giveBack(task.bit);
    this.#seekers.delete(task);
    this.#looks.delete(task);
    const { pending } = task.sort;
    const place = pending.indexOf(task);
    if (place !== -1) pending.splice(place, 1);
    if (pending.length === 0) this.#sorts.delete(task.sort);
  }

  /** What a configuration becomes by one more write's taking effect. */
  #successors(configuration: Configuration): Configuration[] {
    const successors: Configuration[] = [];
    for (const sort of this.#sorts) {
      const task = sort.pending.find((candidate) => !isDone(configuration, candidate));
      if (task === undefined) continue;
      const state = this.plan.next(sort, configuration.state);
      if (state === undefined || (task.kind === 'unknown' && state === configuration.state)) continue;
      this.budget.spend(1);
      const changed: Configuration = {
        state,
        look: configuration.look,
        change: task.kind === 'change' ? configuration.change | task.bit : configuration.change,
        unknown: task.kind === 'unknown' ? configuration.unknown | task.bit : configuration.unknown,
      };
      if (this.#isNeededStill(configuration.state, changed)) continue;
      successors.push(this.#served(changed, this.#looks));
    }
    return successors;
  }

  /** Whether somebody has to find `left`, or a later one with its text, which can't come back after `changed`. */
  #isNeededStill(left: State, changed: Configuration): boolean {
    const { origin } = left;
    if (origin === undefined) return false;
    const isLeftForGood = changed.state.origin !== origin;
    if ((isLeftForGood ? origin : left).lastNeededAt > this.#now) return true;
    for (const task of this.#seekers) {
      const isSought = isLeftForGood ? task.needs?.origin === origin : task.needs === left;
      if (isSought && !isDone(changed, task)) return true;
    }
    return false;
  }

  /** The configuration with those readers served whose answer its state is. */
  #served(configuration: Configuration, looks: Iterable<Task>): Configuration {
    let { look } = configuration;
    for (const task of looks) {
      if (this.plan.next(task.sort, configuration.state) !== undefined) look |= task.bit;
    }
    return look === configuration.look ? configuration : { ...configuration, look };
  }
}

function isDone(configuration: Configuration, task: Task): boolean {
  return (configuration[task.kind] & task.bit) !== 0n;
}

function without(configuration: Configuration, task: Task): Configuration {
  return { ...configuration, [task.kind]: configuration[task.kind] & ~task.bit };
}

/** Single bits, the lowest free one first. */
class Marks {
  readonly #free: bigint[] = [];
  #next = 1n;

  take(): bigint {
    const free = this.#free.pop();
    if (free !== undefined) return free;
    const mark = this.#next;
    this.#next <<= 1n;
    return mark;
  }

  giveBack(mark: bigint): void {
    this.#free.push(mark);
  }
}
