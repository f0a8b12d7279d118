import type { Seat } from '../hub.ts';

/** Lets only so many at a time do something; the others wait in the order they came. */
export class Turns {
  readonly #waiting: (() => void)[] = [];
  #free: number;

  constructor(atOnce: number) {
    this.#free = atOnce;
  }

  /** Waits for a turn; false when the reader left before it came. */
  async take(seat: Seat): Promise<boolean> {
    if (this.#free > 0) {
      this.#free -= 1;
      return true;
    }
    const { promise, resolve } = Promise.withResolvers<void>();
    this.#waiting.push(resolve);
    await Promise.race([promise, seat.left]);
    if (seat.isOpen) return true;
    this.#withdraw(resolve);
    return false;
  }

  /** Ends a turn. */
  end(): void {
    const next = this.#waiting.shift();
    if (next === undefined) this.#free += 1;
    else next();
  }

  /** Steps out of the line; a turn that came at the same moment goes to the next. */
  #withdraw(waiting: () => void): void {
    const place = this.#waiting.indexOf(waiting);
    if (place === -1) this.end();
    else this.#waiting.splice(place, 1);
  }
}
