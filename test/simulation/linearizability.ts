/** Something that was asked for and answered, or that happened by itself at a known moment. */
export interface Operation<Call> {
  readonly call: Call;
  /** When it began, on a clock that ticks at every event; it had no effect before. */
  readonly invoked: number;
  /** When its answer was there; its effect was, too. */
  readonly returned: number;
}

/** What one thing does when it is asked one call after the other. */
export interface Model<State, Call> {
  readonly initial: State;
  /** The state after the call; undefined when it could not have been answered so. */
  apply(state: State, call: Call): State | undefined;
  /** Equal for states that answer all further calls alike. */
  key(state: State): string;
}

/** How far a history can be put into an order, when it cannot be to its end. */
export interface Stuck<Call> {
  /** The longest order that the model allows. */
  readonly order: readonly Call[];
  /** What could have come next, and what the model allows none of. */
  readonly next: readonly Call[];
}

/** States looked at before a history is given up as one that has no order, or too many. */
const MOST_STATES = 20_000;

/**
 * Whether the calls could have happened one after the other, each at some moment between its
 * begin and its answer (Wing and Gong's search, with a memory of what was tried): undefined when
 * they could.
 */
export function findStuck<State, Call>(
  operations: readonly Operation<Call>[],
  model: Model<State, Call>,
): Stuck<Call> | undefined {
  const search = new Search(operations, model);
  return search.reachesEnd(0, model.initial) ? undefined : search.stuck;
}

class Search<State, Call> {
  stuck: Stuck<Call> = { order: [], next: [] };
  readonly #operations: readonly Operation<Call>[];
  readonly #model: Model<State, Call>;
  readonly #isDone: boolean[];
  readonly #order: number[] = [];
  readonly #tried = new Set<string>();

  constructor(operations: readonly Operation<Call>[], model: Model<State, Call>) {
    this.#operations = operations.toSorted((a, b) => a.invoked - b.invoked);
    this.#model = model;
    this.#isDone = operations.map(() => false);
  }

  /** Tries to put all that is not done in order behind what is; `from` and before are done. */
  reachesEnd(from: number, state: State): boolean {
    let first = from;
    while (this.#isDone[first] === true) first += 1;
    if (first >= this.#operations.length) return true;
    if (this.#wasTried(first, state)) return false;
    const candidates = this.#candidates(first);
    for (const index of candidates) if (this.#tries(index, first, state)) return true;
    this.#noteStuck(candidates);
    return false;
  }

  #tries(index: number, first: number, state: State): boolean {
    const call = this.#operations[index]?.call;
    const next = call === undefined ? undefined : this.#model.apply(state, call);
    if (next === undefined) return false;
    this.#isDone[index] = true;
    this.#order.push(index);
    if (this.reachesEnd(first, next)) return true;
    this.#order.pop();
    this.#isDone[index] = false;
    return false;
  }

  /** Those that may come next: begun before any that is not done was answered. */
  #candidates(first: number): number[] {
    const found: number[] = [];
    let earliestAnswer = Infinity;
    for (let at = first; at < this.#operations.length; at += 1) {
      const { invoked = Infinity, returned = Infinity } = this.#operations[at] ?? {};
      if (invoked > earliestAnswer) break;
      if (this.#isDone[at] === true) continue;
      found.push(at);
      earliestAnswer = Math.min(earliestAnswer, returned);
    }
    // Who was answered first most likely was served first.
    const answeredAt = (index: number) => this.#operations[index]?.returned ?? Infinity;
    return found.toSorted((a, b) => answeredAt(a) - answeredAt(b));
  }

  #wasTried(first: number, state: State): boolean {
    const beyond = this.#order.filter((index) => index > first).toSorted((a, b) => a - b);
    const key = `${first} ${beyond.join()} ${this.#model.key(state)}`;
    if (this.#tried.has(key) || this.#tried.size >= MOST_STATES) return true;
    this.#tried.add(key);
    return false;
  }

  #noteStuck(candidates: readonly number[]): void {
    if (this.#order.length < this.stuck.order.length) return;
    const callsAt = (indices: readonly number[]) =>
      indices.flatMap((index) => this.#operations[index]?.call ?? []);
    this.stuck = { order: callsAt(this.#order), next: callsAt(candidates) };
  }
}
