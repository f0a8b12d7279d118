/** How many pools a page of metrics tells apart; a series for each more would bury the rest. */
export const MOST_POOLS = 200;

/** What the others are called together; no pool can have this name. */
const OTHERS = '_other';

/**
 * The names of pools as labels: the first 200 that are met, and one for all others, so that
 * whoever makes and deletes pools cannot make the page grow without end.
 */
export class PoolNames {
  readonly #known = new Set<string>();
  readonly #exists: (name: string) => boolean;

  constructor(exists: (name: string) => boolean) {
    this.#exists = exists;
  }

  /** The label of a pool. */
  label(name: string): string {
    if (this.#known.has(name)) return name;
    if (this.#known.size >= MOST_POOLS) return OTHERS;
    this.#known.add(name);
    return name;
  }

  /** The label of a name that a caller gave: the empty one, unless it is that of a pool. */
  given(name: string): string {
    return this.#known.has(name) || this.#exists(name) ? this.label(name) : '';
  }
}
