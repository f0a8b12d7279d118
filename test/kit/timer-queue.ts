/** A timer that has not fired. */
export interface Timer {
  /** When it fires, on the clock that never goes back. */
  readonly due: number;
  /** Timers that are due together fire in this order. */
  readonly seq: number;
  readonly fire: () => void;
  /** Where it was set; only when the queue was asked to trace. */
  readonly setBy: string | null;
}

/** Timers in the order of (due, seq): a binary heap that skips those taken back. */
export class TimerQueue {
  readonly #heap: Timer[] = [];
  readonly #waiting = new Set<Timer>();

  get size(): number {
    return this.#waiting.size;
  }

  add(timer: Timer): void {
    this.#waiting.add(timer);
    this.#heap.push(timer);
    this.#rise(this.#heap.length - 1);
  }

  cancel(timer: Timer): void {
    this.#waiting.delete(timer);
  }

  /** The timer that fires next; undefined when none waits. */
  first(): Timer | undefined {
    while (this.#heap[0] !== undefined && !this.#waiting.has(this.#heap[0])) this.#takeTop();
    return this.#heap[0];
  }

  /** Takes that timer out. */
  takeFirst(): Timer | undefined {
    const timer = this.first();
    if (timer === undefined) return undefined;
    this.#takeTop();
    this.#waiting.delete(timer);
    return timer;
  }

  /** All that wait, in the order in which they will fire. */
  list(): Timer[] {
    return [...this.#waiting].sort((a, b) => (isBefore(a, b) ? -1 : 1));
  }

  clear(): void {
    this.#waiting.clear();
    this.#heap.length = 0;
  }

  #takeTop(): void {
    const last = this.#heap.pop();
    if (last === undefined || this.#heap.length === 0) return;
    this.#heap[0] = last;
    this.#sink(0);
  }

  #rise(from: number): void {
    let at = from;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!this.#swapIfBefore(at, parent)) return;
      at = parent;
    }
  }

  #sink(from: number): void {
    let at = from;
    for (;;) {
      const child = this.#smallerChild(at);
      if (!this.#swapIfBefore(child, at)) return;
      at = child;
    }
  }

  #smallerChild(at: number): number {
    const left = 2 * at + 1;
    const [a, b] = [this.#heap[left], this.#heap[left + 1]];
    return a !== undefined && b !== undefined && isBefore(b, a) ? left + 1 : left;
  }

  /** Swaps when the first is to fire before the second; false when it is not, or is no timer. */
  #swapIfBefore(at: number, other: number): boolean {
    const [a, b] = [this.#heap[at], this.#heap[other]];
    if (a === undefined || b === undefined || !isBefore(a, b)) return false;
    this.#heap[at] = b;
    this.#heap[other] = a;
    return true;
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.due === b.due ? a.seq < b.seq : a.due < b.due;
}
