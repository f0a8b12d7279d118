import type { Cancel, World } from '../../world.ts';

/**
 * A signal that is aborted with another one, or when some time has passed, whichever is first.
 * Whoever makes one calls `done`: it then holds no timer and no listener any more.
 */
export class LimitedSignal {
  readonly #world: World;
  readonly #controller = new AbortController();
  readonly #outer: AbortSignal;
  readonly #ms: number;
  #cancel: Cancel = () => {};
  /** Whether the time passed first. */
  hasPassed = false;

  constructor(world: World, outer: AbortSignal, ms: number) {
    this.#world = world;
    this.#outer = outer;
    this.#ms = ms;
    outer.addEventListener('abort', this.#abort, { once: true });
    if (outer.aborted) this.#abort();
    else this.renew();
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** Lets the time begin anew. */
  renew(ms: number = this.#ms): void {
    this.#cancel();
    if (this.signal.aborted) return;
    this.#cancel = this.#world.after(ms, () => {
      this.hasPassed = true;
      this.#controller.abort(new Error(`nothing came within ${ms} ms`));
    });
  }

  done(): void {
    this.#cancel();
    this.#outer.removeEventListener('abort', this.#abort);
  }

  /** The same, and what still hangs on its signal ends too. */
  end(): void {
    this.done();
    this.#controller.abort(new Error('it is over'));
  }

  readonly #abort = (): void => {
    this.#cancel();
    this.#controller.abort(this.#outer.reason);
  };
}

/** Waits for a promise, but not past the signal's abortion; whatever it still brings is dropped. */
export function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const abort = () => reject(signal.reason as Error);
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
    if (signal.aborted) abort();
  });
}
