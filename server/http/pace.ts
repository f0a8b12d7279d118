import { nextTurn, type World } from '../world.ts';

/** In one turn of the event loop. */
const MOST_MS = 5;

/**
 * Those who catch up have much to read and wait for nothing: together they take no more than a
 * few milliseconds of a turn, so that requests and all others have theirs.
 */
export class Pace {
  readonly #world: Pick<World, 'elapsed' | 'soon'>;
  #began: number | undefined;

  constructor(world: Pick<World, 'elapsed' | 'soon'>) {
    this.#world = world;
  }

  /** Goes on in this turn while there is time, else in one of the next. */
  async step(): Promise<void> {
    while (this.#isSpent()) await nextTurn(this.#world);
  }

  #isSpent(): boolean {
    const now = this.#world.elapsed();
    if (this.#began !== undefined) return now - this.#began > MOST_MS;
    this.#began = now;
    this.#world.soon(() => {
      this.#began = undefined;
    });
    return false;
  }
}
