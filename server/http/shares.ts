/**
 * How many of something each caller holds. Where all share one supply, none may take so much that
 * others go without. Who holds nothing leaves no trace.
 */
export class Shares {
  readonly #most: number;
  readonly #held = new Map<string, number>();

  constructor(most: number) {
    this.#most = most;
  }

  /** Takes one more for this caller; false, and nothing taken, when it holds its share already. */
  take(name: string): boolean {
    const held = this.#held.get(name) ?? 0;
    if (held >= this.#most) return false;
    this.#held.set(name, held + 1);
    return true;
  }

  /** Gives back one of those that this caller has taken. */
  give(name: string): void {
    const held = this.#held.get(name) ?? 0;
    if (held > 1) this.#held.set(name, held - 1);
    else this.#held.delete(name);
  }
}
