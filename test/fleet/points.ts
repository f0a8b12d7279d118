import type { Fleet } from '../kit/fleet.ts';

/**
 * The points at which a server may die: before and after each request by which it changes
 * something outside, and before and after each of its commits, in the order in which they come.
 */

const CHANGING = new Set(['create', 'update', 'patch', 'delete']);

/** Kills the server at points that were chosen, and starts another each time. */
export class Killer {
  readonly #fleet: Fleet;
  readonly #deaths: string[] = [];
  #passed = 0;
  #at: readonly number[];

  /** Dies at these points, each counted from the start before it; never without any. */
  constructor(fleet: Fleet, ...at: readonly number[]) {
    this.#fleet = fleet;
    this.#at = at;
    fleet.onRequest((when, { verb, resource, namespace, name }) => {
      if (!CHANGING.has(verb)) return undefined;
      const object = [resource, namespace, name].filter(Boolean).join(' ');
      // Before its effect the request is lost, after it the answer is.
      return this.#pass(`${when} ${verb} ${object}`) ? 'RESET' : undefined;
    });
    fleet.onCommit((point) => void this.#pass(point));
  }

  /** How many points have been passed since the last start. */
  get passed(): number {
    return this.#passed;
  }

  /** Where servers have died. */
  get deaths(): readonly string[] {
    return this.#deaths;
  }

  /** Lets time pass until this is so; whoever dies meanwhile has a successor. */
  async until(isSo: () => boolean): Promise<void> {
    for (;;) {
      const before = this.#deaths.length;
      const hasDied = () => this.#deaths.length > before;
      await this.#fleet.world
        .runUntil(() => hasDied() || isSo(), { withinMs: 24 * 3_600_000 })
        .catch((cause: unknown) => {
          throw new Error(`after ${this.#deaths.join(', then ')}: ${String(cause)}`, { cause });
        });
      if (!hasDied()) return;
      this.#passed = 0;
      this.#at = this.#at.slice(1);
      this.#fleet.restart();
    }
  }

  /** Nobody is killed any more. */
  stop(): void {
    this.#fleet.onRequest(undefined);
    this.#fleet.onCommit(undefined);
  }

  #pass(point: string): boolean {
    this.#passed += 1;
    if (this.#passed !== this.#at[0]) return false;
    this.#deaths.push(point);
    this.#fleet.kill();
    return true;
  }
}
