import type { FeedMessage } from './feed-message.ts';

/** Changes come faster than eyes: what comes within this time after a message comes at once. */
const PACE_MS = 50;

/** So many do not wait for a timer, which in a tab that nobody looks at may take a minute. */
const MOST_WAITING = 1_000;

/** Hands messages on: the first at once, those that follow close behind it together. */
export class Pace {
  readonly #deliver: (message: FeedMessage) => void;
  #waiting: FeedMessage[] = [];
  #timer: ReturnType<typeof setTimeout> | undefined;

  constructor(deliver: (message: FeedMessage) => void) {
    this.#deliver = deliver;
  }

  /** Takes a message. */
  add(message: FeedMessage): void {
    this.#waiting.push(message);
    if (this.#timer === undefined || this.#waiting.length >= MOST_WAITING) this.#flush();
  }

  /** Forgets what has not been handed on. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting = [];
  }

  #flush(): void {
    clearTimeout(this.#timer);
    const messages = joined(this.#waiting);
    this.#waiting = [];
    this.#timer = messages.length === 0 ? undefined : setTimeout(() => this.#flush(), PACE_MS);
    for (const message of messages) this.#deliver(message);
  }
}

type FeedChanges = Extract<FeedMessage, { __typename: 'FeedChanges' }>;

/** The same messages, with those that follow each other and tell changes made into one. */
function joined(messages: readonly FeedMessage[]): FeedMessage[] {
  const result: FeedMessage[] = [];
  let row: FeedChanges[] = [];
  for (const message of messages) {
    if (message.__typename === 'FeedChanges') row.push(message);
    else {
      result.push(...inOne(row), message);
      row = [];
    }
  }
  return [...result, ...inOne(row)];
}

function inOne(row: readonly FeedChanges[]): FeedChanges[] {
  const [first, last] = [row[0], row.at(-1)];
  if (first === undefined || last === undefined) return [];
  return [{ ...last, prev: first.prev, changes: row.flatMap(({ changes }) => changes) }];
}
