import type { Cancel, World } from '../../world.ts';

/**
 * A bucket of tokens: so many requests a second, and so many at once after a pause. An API server
 * queues behind its own limits; staying below them keeps us from standing in everybody's way.
 */
export class RateLimit {
  readonly #world: World;
  readonly #perSecond: number;
  readonly #burst: number;
  readonly #waiting: (() => void)[] = [];
  #tokens: number;
  #filledAt: number;
  #cancel: Cancel | undefined;

  constructor(world: World, perSecond: number, burst: number) {
    this.#world = world;
    this.#perSecond = perSecond;
    this.#burst = Math.max(burst, 1);
    this.#tokens = this.#burst;
    this.#filledAt = world.elapsed();
  }

  /** Waits for a turn, first come first served; an abort throws the signal's reason. */
  async take(signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    this.#fill();
    if (this.#waiting.length === 0 && this.#tokens >= 1) {
      this.#tokens -= 1;
      return;
    }
    await this.#queue(signal);
  }

  #queue(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const go = () => {
        signal.removeEventListener('abort', giveUp);
        resolve();
      };
      const giveUp = () => {
        this.#waiting.splice(this.#waiting.indexOf(go), 1);
        if (this.#waiting.length === 0) this.#cancel?.();
        reject(signal.reason as Error);
      };
      signal.addEventListener('abort', giveUp, { once: true });
      this.#waiting.push(go);
      if (this.#waiting.length === 1) this.#waitForToken();
    });
  }

  #waitForToken(): void {
    const ms = Math.max(((1 - this.#tokens) / this.#perSecond) * 1_000, 1);
    this.#cancel = this.#world.after(ms, () => {
      this.#fill();
      for (; this.#tokens >= 1 && this.#waiting.length > 0; this.#tokens -= 1) {
        this.#waiting.shift()?.();
      }
      if (this.#waiting.length > 0) this.#waitForToken();
    });
  }

  #fill(): void {
    const now = this.#world.elapsed();
    const gained = ((now - this.#filledAt) / 1_000) * this.#perSecond;
    this.#tokens = Math.min(this.#tokens + gained, this.#burst);
    this.#filledAt = now;
  }
}
