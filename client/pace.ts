import type { FeedMessage } from './feed-message.ts';

/** Changes come faster than eyes: what comes within this time after a message comes at once. */
const PACE_MS = 50;

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
    if (this.#timer === undefined) this.#flush();
  }

  /** Forgets what has not been handed on. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting = [];
  }

  #flush(): void {
    const messages = joined(this.#waiting);
    this.#waiting = [];
    this.#timer = messages.length === 0 ? undefined : setTimeout(() => this.#flush(), PACE_MS);
    for (const message of messages) this.#deliver(message);
  }
}

/** The same messages, with those that follow each other and tell changes made into one. */
function joined(messages: readonly FeedMessage[]): FeedMessage[] {
  const result: FeedMessage[] = [];
  for (const message of messages) {
    const before = result.at(-1);
    if (before?.__typename === 'FeedChanges' && message.__typename === 'FeedChanges') {
      const changes = [...before.changes, ...message.changes];
      result[result.length - 1] = { ...message, prev: before.prev, changes };
    } else result.push(message);
  }
  return result;
}
