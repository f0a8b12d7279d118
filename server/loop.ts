import { ProviderError } from './providers/provider.ts';
import type { Failure, Reconciler, Turn, Work } from './reconcilers/reconciler.ts';
import type { Cancel, World } from './world.ts';

/** What a loop needs. */
export interface LoopSettings {
  readonly world: World;
  /** Logs a bug: something was thrown that is not an outside failure. */
  readonly fault: (error: unknown, about: string) => void;
  /** How long a loop that nobody wakes waits at most before it looks again, in milliseconds. */
  readonly tickMs: number;
  /** After a look that found nothing, how long nudges wait for the next one, in milliseconds. */
  readonly calmMs: number;
  /**
   * Whether it looks within the commit that nudges it, before anything else goes on: somebody
   * waits for what it begins, which takes longer than the look.
   */
  readonly isAwaited?: boolean;
}

interface Pass {
  readonly group: string;
  readonly abort: AbortController;
  readonly done: Promise<void>;
}

/** After a pass a thing rests this long, so that no mistake can make a loop spin. */
const REST_MS = 10;
/** After a bug, and after a pass that could not even note its failure, as with a full disk. */
const LONG_REST_MS = 1_000;

/** The server stops: not a failure of what was under way, which the next start takes up. */
class Stopping extends Error {}

/** The pass took longer than it may. */
class DeadlineOver extends Error {}

/**
 * Runs the passes of one reconciler: on a wake and on a tick, one per thing at a time, so many of
 * a group in parallel, each with its deadline. What a pass throws is told to the reconciler, which
 * notes it on the row and decides when to try again.
 */
export class Loop {
  readonly #reconciler: Reconciler;
  readonly #settings: LoopSettings;
  readonly #passes = new Map<string, Pass>();
  readonly #restUntil = new Map<string, number>();
  #cancelTimer: Cancel = () => {};
  /** When the timer looks, by the time that never goes back. */
  #looksAt = Infinity;
  #calmUntil = 0;
  #poked = false;
  #stopped = true;

  constructor(reconciler: Reconciler, settings: LoopSettings) {
    this.#reconciler = reconciler;
    this.#settings = settings;
  }

  /** Begins to look for work. */
  start(): void {
    this.#stopped = false;
    this.poke();
  }

  /** Looks for work soon; many pokes of one turn are one look. */
  poke(): void {
    if (this.#stopped || this.#poked) return;
    this.#poked = true;
    this.#settings.world.soon(() => {
      this.#poked = false;
      if (!this.#stopped) this.#sweep();
    });
  }

  /**
   * Something was committed, most likely something else: a loop that has just found nothing looks
   * again once it has been calm for a while, however many commits there are meanwhile.
   */
  nudge(): void {
    if (this.#stopped || this.#poked) return;
    if (this.#settings.isAwaited === true) return this.#sweep();
    const waitMs = this.#calmUntil - this.#settings.world.elapsed();
    if (waitMs > 0) this.#lookWithin(waitMs);
    else this.poke();
  }

  #lookWithin(ms: number): void {
    const { world } = this.#settings;
    const at = world.elapsed() + ms;
    if (at >= this.#looksAt) return;
    this.#looksAt = at;
    this.#cancelTimer();
    this.#cancelTimer = world.after(ms, () => this.poke());
  }

  /** Aborts what runs, and resolves when it has ended. Stopping twice is harmless. */
  async stop(): Promise<void> {
    this.#stopped = true;
    this.#cancelTimer();
    const passes = [...this.#passes.values()];
    for (const { abort } of passes) abort.abort(new Stopping('the server stops'));
    await Promise.all(passes.map(({ done }) => done));
  }

  #sweep(): void {
    const { world, tickMs, calmMs } = this.#settings;
    const now = world.now();
    let waitMs = tickMs;
    this.#calmUntil = 0;
    try {
      const { ready, nextAt } = this.#reconciler.find(now);
      if (ready.length === 0) this.#calmUntil = world.elapsed() + calmMs;
      // What is due already is among the ready, and the end of its pass pokes.
      if (nextAt !== undefined && nextAt > now) waitMs = Math.min(waitMs, nextAt - now);
      for (const work of ready) waitMs = Math.min(waitMs, this.#consider(work));
    } catch (error) {
      this.#settings.fault(error, `${this.#reconciler.name} cannot look for work`);
    }
    this.#looksAt = Infinity;
    this.#lookWithin(waitMs);
  }

  /** Starts a pass if there is room; answers when to look at the thing again, in ms. */
  #consider(work: Work): number {
    if (this.#passes.has(work.id)) return Infinity;
    const restMs = (this.#restUntil.get(work.id) ?? 0) - this.#settings.world.elapsed();
    if (restMs > 0) return restMs;
    this.#restUntil.delete(work.id);
    if (this.#countOf(work.group) < work.parallel) this.#begin(work);
    return Infinity;
  }

  #countOf(group: string): number {
    let count = 0;
    for (const pass of this.#passes.values()) if (pass.group === group) count += 1;
    return count;
  }

  #begin(work: Work): void {
    const abort = new AbortController();
    const done = this.#run(work, abort).then((restMs) => {
      this.#passes.delete(work.id);
      this.#rest(work.id, restMs);
      this.poke();
    });
    this.#passes.set(work.id, { group: work.group, abort, done });
  }

  #rest(id: string, restMs: number): void {
    const now = this.#settings.world.elapsed();
    if (this.#restUntil.size > 1_000) this.#forgetRested(now);
    this.#restUntil.set(id, now + restMs);
  }

  #forgetRested(now: number): void {
    for (const [id, until] of this.#restUntil) if (until <= now) this.#restUntil.delete(id);
  }

  /** Runs one pass to its end, which it always has; answers how long its thing rests. */
  async #run(work: Work, abort: AbortController): Promise<number> {
    const { world } = this.#settings;
    const cancel = world.after(work.deadlineMs, () => {
      const seconds = Math.round(work.deadlineMs / 100) / 10;
      abort.abort(new DeadlineOver(`not done within ${seconds} s`));
    });
    const turn = { signal: abort.signal, deadline: world.now() + work.deadlineMs };
    try {
      await this.#untilAborted(work, turn);
      return REST_MS;
    } catch (error) {
      return await this.#failed(work, error, abort.signal);
    } finally {
      cancel();
    }
  }

  /** A pass that does not heed its signal is left behind: a hang must not hold its thing. */
  #untilAborted(work: Work, turn: Turn): Promise<void> {
    return new Promise((resolve, reject) => {
      turn.signal.addEventListener('abort', () => reject(turn.signal.reason as Error));
      this.#reconciler.pass(work, turn).then(resolve, reject);
    });
  }

  async #failed(work: Work, error: unknown, signal: AbortSignal): Promise<number> {
    if (this.#stopped || signal.reason instanceof Stopping) return REST_MS;
    try {
      const isBug = !signal.aborted && !(error instanceof ProviderError);
      await this.#reconciler.failed(work, this.#failureOf(work, error, signal));
      return isBug ? LONG_REST_MS : REST_MS;
    } catch (unnoted) {
      this.#settings.fault(unnoted, `${this.#reconciler.name} cannot note a failure`);
      return LONG_REST_MS;
    }
  }

  #failureOf(work: Work, error: unknown, signal: AbortSignal): Failure {
    if (signal.reason instanceof DeadlineOver) {
      return { reason: signal.reason.message, retryable: true, cause: 'DEADLINE' };
    }
    if (error instanceof ProviderError) {
      const { reason, retryable, lostSet } = error;
      return { reason, retryable, lostSet, cause: 'PROVIDER_ERROR' };
    }
    this.#settings.fault(error, `${this.#reconciler.name} failed at ${work.id}`);
    return { reason: 'an internal error', retryable: true, cause: 'PROVIDER_ERROR' };
  }
}
