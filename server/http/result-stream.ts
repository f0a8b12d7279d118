import type { ExecutionResult } from 'graphql';
import type { OpenSubscription } from '../context.ts';
import type { Place } from '../feed/place.ts';
import type { Shown } from './shown-error.ts';

/** The results of a subscription, one at a time; `return` ends it at once. */
export interface ResultStream extends AsyncIterableIterator<ExecutionResult> {
  return(): Promise<IteratorResult<ExecutionResult>>;
}

/** A subscription's results, and where the reader of the feed stands that they are made of. */
export interface Source {
  readonly stream: ResultStream;
  readonly place: Place;
}

/** Whether a subscription was answered, not one result. */
export function isStream(result: ExecutionResult | ResultStream): result is ResultStream {
  return 'next' in result;
}

const DONE = { done: true, value: undefined } as const;

/**
 * The results of a subscription as its reader gets them. However it ends, its context is closed
 * once. It is no generator, for one that waits for a message cannot be ended meanwhile.
 */
export class OperationStream implements ResultStream {
  readonly #results: AsyncIterator<ExecutionResult>;
  readonly #open: OpenSubscription | undefined;
  readonly #shown: Shown;
  #ended = false;

  constructor(
    results: AsyncIterator<ExecutionResult>,
    open: OpenSubscription | undefined,
    shown: Shown,
  ) {
    this.#results = results;
    this.#open = open;
    this.#shown = shown;
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async next(): Promise<IteratorResult<ExecutionResult>> {
    if (this.#ended) return DONE;
    try {
      const message = await this.#results.next();
      if (message.done === true) return this.#end();
      this.#open?.executed();
      return { done: false, value: this.#shown.result(message.value) };
    } catch (error) {
      if (this.#ended) return DONE;
      this.#end();
      return { done: false, value: this.#shown.failure(error) };
    }
  }

  async return(): Promise<IteratorResult<ExecutionResult>> {
    const returned = this.#results.return?.();
    this.#end();
    await returned;
    return DONE;
  }

  #end(): typeof DONE {
    if (!this.#ended) this.#open?.close();
    this.#ended = true;
    return DONE;
  }
}
