import type { ExecutionResult } from 'graphql';
import { Subscription } from './subscription.ts';

/** What one connection has asked and is not over yet; nothing of it outlives the connection. */
export class SocketOperations {
  readonly #byId = new Map<string, SocketOperation>();
  #size = 0;

  /** How many there are; one that was called off counts until the engine is through with it. */
  get size(): number {
    return this.#size;
  }

  /** One begins. An older one with this id has been called off, or it would not have come here. */
  begin(id: string): SocketOperation {
    this.#byId.get(id)?.replace();
    const operation = new SocketOperation(() => void (this.#size -= 1));
    this.#size += 1;
    this.#byId.set(id, operation);
    // An id that is used again in the packet that called it off finds whom it replaces.
    void operation.finished.then(() => {
      if (this.#byId.get(id) === operation) this.#byId.delete(id);
    });
    return operation;
  }

  /** The connection is gone; those that were replaced have ended already. */
  endAll(): void {
    for (const operation of this.#byId.values()) operation.end();
  }
}

/** One operation, from the message that asks it until its last one, or until it is called off. */
export class SocketOperation {
  /** Resolves when it is over, and the engine is through with it. */
  readonly finished: Promise<void>;
  readonly #finish: () => void;
  readonly #onLeave: () => void;
  #subscription: Subscription | undefined;
  #isPending = true;
  #isOver = false;
  #isReplaced = false;
  #hasLeft = false;

  constructor(onLeave: () => void) {
    const { promise, resolve } = Promise.withResolvers<void>();
    this.finished = promise;
    this.#finish = resolve;
    this.#onLeave = onLeave;
  }

  /** Whether its id is another's by now: whatever is said of it would be said of that one. */
  get isReplaced(): boolean {
    return this.#isReplaced;
  }

  /** What the engine has made of it; it ends here if nobody waits for it any more. */
  answered(result: ExecutionResult | Subscription): void {
    this.#isPending = false;
    if (result instanceof Subscription) this.#subscription = result;
    if (this.#isOver) this.#leave();
  }

  /** Nothing more is wanted of it, or will come; harmless when done twice. */
  end(): void {
    this.#isOver = true;
    if (!this.#isPending) this.#leave();
  }

  /** Ends it in favour of another with the same id. */
  replace(): void {
    this.#isReplaced = true;
    this.end();
  }

  #leave(): void {
    if (this.#hasLeft) return;
    this.#hasLeft = true;
    this.#subscription?.end();
    this.#onLeave();
    this.#finish();
  }
}
