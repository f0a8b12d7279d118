import type { World } from '../../world.ts';
import { ProviderError } from '../provider.ts';
import { failed } from './errors.ts';
import type { ObjectName, View } from './kubernetes.ts';
import { unlessAborted } from './limited-signal.ts';

/** What is waited for, and how long. */
export interface Wait {
  /** What is to become true, for the reason if it does not: `cp-a-1 to stop`. */
  readonly what: string;
  readonly signal: AbortSignal;
  /** A moment of `world.elapsed()`; undefined to wait as long as the signal allows. */
  readonly deadline?: number | undefined;
  /** How often to look though nothing changed; a function is asked anew each time. */
  readonly everyMs?: number | (() => number | undefined) | undefined;
  /** Changes of other namespaces wake nobody here: views are shared by all clusters. */
  readonly namespace?: string | undefined;
  /** Why it is not so yet, as last seen; part of the reason when the deadline passes. */
  readonly detail?: (() => string | undefined) | undefined;
  /** The check changes nothing: at the deadline it is left behind, however long it still takes. */
  readonly onlyLooks?: boolean | undefined;
}

/** What a wait is woken by; any view. */
export type Changing = Pick<View<unknown>, 'ready' | 'onChange' | 'trouble'>;

const LOOK_ANYHOW_MS = 30_000;

/**
 * Waits until `check` answers something. It is asked when the views have their first lists, after
 * every change of one of them, and now and then anyhow; never twice at the same time. What `check`
 * throws ends the wait, an abort throws the signal's reason, and a passed deadline throws a
 * retryable `ProviderError` that names what did not come.
 */
export async function until<T>(
  { world }: { readonly world: World },
  views: readonly Changing[],
  wait: Wait,
  check: () => Promise<T | undefined> | T | undefined,
): Promise<T> {
  const bell = new Bell(world, views, wait);
  try {
    await bell.listsAreIn();
    for (;;) {
      wait.signal.throwIfAborted();
      bell.listen();
      const found = await bell.inTime(check);
      if (found !== undefined) return found;
      await bell.rung();
    }
  } catch (error) {
    throw bell.inWords(error);
  } finally {
    bell.close();
  }
}

/**
 * Whether it is time to ask the server, though a view says that there is nothing new: views are
 * what has been heard, and one that hears nothing any more is not believed for ever.
 */
export function nowAndThen({ world }: { readonly world: World }): () => boolean {
  let askedAt = world.elapsed();
  return () => {
    const isDue = world.elapsed() - askedAt >= LOOK_ANYHOW_MS;
    if (isDue) askedAt = world.elapsed();
    return isDue;
  };
}

/** Whether a change, of one object or of all that a view knows, can matter in a namespace. */
function concerns(namespace: string | undefined, changed: ObjectName | undefined): boolean {
  return namespace === undefined || changed === undefined || changed.namespace === namespace;
}

/** Rings when there is reason to look again; remembers that it rang while nobody waited. */
class Bell {
  readonly #world: World;
  readonly #views: readonly Changing[];
  readonly #wait: Wait;
  readonly #start: number;
  readonly #stops: (() => void)[];
  #hasRung = false;
  #wake: () => void = () => {};

  constructor(world: World, views: readonly Changing[], wait: Wait) {
    this.#world = world;
    this.#views = views;
    this.#wait = wait;
    this.#start = world.elapsed();
    this.#stops = views.map((view) =>
      view.onChange((changed) => {
        if (concerns(wait.namespace, changed)) this.#ring();
      }),
    );
    wait.signal.addEventListener('abort', this.#ring);
    this.#stops.push(() => wait.signal.removeEventListener('abort', this.#ring));
  }

  readonly #ring = (): void => {
    this.#hasRung = true;
    this.#wake();
  };

  /** From now on a ring means a change after this moment. */
  listen(): void {
    this.#hasRung = false;
  }

  /** Waits for the first lists: before, a view is empty because it has not looked. */
  async listsAreIn(): Promise<void> {
    const over = new AbortController();
    const cancel = this.#atDeadline(() => over.abort(this.#late()));
    try {
      const signal = AbortSignal.any([this.#wait.signal, over.signal]);
      await Promise.all(this.#views.map((view) => view.ready(signal)));
    } finally {
      cancel();
    }
  }

  /** What a check answers; one that only looks may not outlast the deadline. */
  async inTime<T>(check: () => Promise<T> | T): Promise<T> {
    if (this.#wait.onlyLooks !== true) return await check();
    const over = new AbortController();
    const cancel = this.#atDeadline(() => over.abort(this.#late()));
    try {
      return await unlessAborted(Promise.resolve(check()), over.signal);
    } finally {
      cancel();
    }
  }

  /** Who cuts a wait short with a reason for people is told what was waited for. */
  inWords(error: unknown): unknown {
    const { signal, what } = this.#wait;
    const reason: unknown = signal.reason;
    if (!signal.aborted || !(reason instanceof ProviderError)) return error;
    const told = `${reason.reason}, waiting for ${what}${this.#why()}`;
    return new ProviderError(told, { retryable: reason.retryable, cause: reason });
  }

  async rung(): Promise<void> {
    const now = this.#world.elapsed();
    const left = (this.#wait.deadline ?? Infinity) - now;
    if (left <= 0) throw this.#late();
    if (this.#hasRung || this.#wait.signal.aborted) return;
    await new Promise<void>((resolve) => {
      const ms = Math.min(left, this.#lookAgainMs());
      const cancel = this.#world.after(ms, resolve);
      this.#wake = () => {
        cancel();
        resolve();
      };
    });
    this.#wake = () => {};
  }

  close(): void {
    for (const stop of this.#stops) stop();
  }

  #lookAgainMs(): number {
    const { everyMs } = this.#wait;
    return (typeof everyMs === 'function' ? everyMs() : everyMs) ?? LOOK_ANYHOW_MS;
  }

  #atDeadline(callback: () => void): () => void {
    const { deadline } = this.#wait;
    if (deadline === undefined) return () => {};
    return this.#world.after(deadline - this.#world.elapsed(), callback);
  }

  #late(): ProviderError {
    const seconds = Math.round((this.#world.elapsed() - this.#start) / 1_000);
    const told = `waited ${seconds} s in vain for ${this.#wait.what}${this.#why()}`;
    return failed(told);
  }

  /** Why it is not so yet, as the end of a sentence. */
  #why(): string {
    const troubles = this.#views.flatMap(({ trouble }) => (trouble === undefined ? [] : [trouble]));
    const details = [this.#wait.detail?.(), ...troubles].filter((text) => text !== undefined);
    return details.length === 0 ? '' : `: ${details.join('; ')}`;
  }
}
