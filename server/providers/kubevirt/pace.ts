import type { World } from '../../world.ts';

/** A guest that was just switched on is asked again after so long. */
const SOON_MS = 2_000;

/** One that has been silent for longer is asked after this share of the time it was. */
const SHARE = 0.03;

/** Asked at least so often, however long it was silent. */
const SELDOM_MS = 30_000;

/** All together are not asked more often than so many times a second. */
const TURNS_PER_SECOND = 5;

/**
 * When silent guests are asked again. Nothing tells that a guest has come up: somebody must ask,
 * and each question is a request. So patience grows with the silence, and where many come up at
 * once they take turns: else they would take the API from everybody.
 */
export class Pace {
  readonly #world: Pick<World, 'elapsed'>;
  #nextTurnAt = 0;

  constructor(world: Pick<World, 'elapsed'>) {
    this.#world = world;
  }

  /** Takes the next turn to ask guests that have been silent for so long; answers when it is. */
  turnInMs(silentMs: number, guests = 1): number {
    const now = this.#world.elapsed();
    const wanted = Math.min(Math.max(SOON_MS, silentMs * SHARE), SELDOM_MS);
    const at = Math.max(now + wanted, this.#nextTurnAt);
    this.#nextTurnAt = Math.max(now, this.#nextTurnAt) + (guests * 1_000) / TURNS_PER_SECOND;
    return at - now;
  }
}
