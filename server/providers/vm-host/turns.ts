/** Lets one thing at a time be done to an object; those who come meanwhile wait in line. */
export class Turns {
  readonly #last = new Map<string, Promise<unknown>>();

  /** Does the work when everything before it at the same object is done, well or not. */
  async take<T>(object: string, work: () => Promise<T>): Promise<T> {
    const before = this.#last.get(object) ?? Promise.resolve();
    const mine = before.then(work, work);
    this.#last.set(object, mine);
    try {
      return await mine;
    } finally {
      if (this.#last.get(object) === mine) this.#last.delete(object);
    }
  }

  /** Whether something is being done to the object, or waits to be. */
  isTaken(object: string): boolean {
    return this.#last.has(object);
  }

  /** Resolves when all that was begun is done. */
  async idle(): Promise<void> {
    await Promise.allSettled(this.#last.values());
  }
}
