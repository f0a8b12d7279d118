import type { Store } from '../db/store.ts';
import { requestError } from '../schema/request-error.ts';
import type { World } from './world.ts';

/** What the hub needs of the world. */
type HubWorld = Pick<World, 'after' | 'soon'>;

/** One reader's place in the hub. */
export interface Seat {
  /** False once the reader has left, or the hub is closed. */
  readonly isOpen: boolean;
  /** How far the reader has come in the log; undefined before it has begun. */
  position: number | undefined;
  /** Resolves when the reader leaves or the hub is closed. */
  readonly left: Promise<void>;
  /** Waits for a commit since the last wait, for the reader's leaving, or for so long. */
  wait(ms: number): Promise<void>;
  /** Waits so long whatever is committed; ends early only when the reader leaves. */
  rest(ms: number): Promise<void>;
  /** Ends a wait as a commit does. */
  wake(): void;
  /** Gives the place up; harmless when done twice. */
  leave(): void;
}

const MOST_READERS = 10_000;
/** Readers that are woken in one turn of the event loop: each then has a message to read. */
const WOKEN_AT_ONCE = 200;

/**
 * Knows who waits for the log to grow, and wakes them. A wake carries no data: readers pull from
 * the log by their own position, so none can be lost between two of them and none is queued here.
 * Where there are many, they are woken some at a time, so that others get a word in between.
 */
export class Hub {
  readonly #seats = new Set<HubSeat>();
  /** Those who are yet to be woken, whoever has waited longest first. */
  readonly #due = new Set<HubSeat>();
  readonly #world: HubWorld;
  readonly #stop: () => void;
  #isOpen = true;

  constructor(store: Pick<Store, 'onCommit'>, world: HubWorld) {
    this.#world = world;
    this.#stop = store.onCommit(() => {
      const isWaking = this.#due.size > 0;
      for (const seat of this.#seats) this.#due.add(seat);
      if (!isWaking) this.#wakeSome();
    });
  }

  /** How many readers there are. */
  get readers(): number {
    return this.#seats.size;
  }

  /** The position of the reader that is furthest back; undefined when nobody reads. */
  get slowest(): number | undefined {
    let slowest: number | undefined;
    for (const { position = Infinity } of this.#seats) {
      if (position < (slowest ?? Infinity)) slowest = position;
    }
    return slowest;
  }

  /** Takes a place; in a closed hub one that is closed already. */
  join(): Seat {
    if (this.#seats.size >= MOST_READERS) {
      throw requestError('UNAVAILABLE', 'too many subscriptions are open; try again later');
    }
    const seat = new HubSeat(this.#world, () => this.#forget(seat));
    if (this.#isOpen) this.#seats.add(seat);
    else seat.leave();
    return seat;
  }

  /** Makes every reader leave: the server stops. */
  close(): void {
    this.#isOpen = false;
    this.#stop();
    for (const seat of this.#seats) seat.leave();
  }

  #wakeSome(): void {
    let woken = 0;
    for (const seat of this.#due) {
      if (woken === WOKEN_AT_ONCE) return this.#world.soon(() => this.#wakeSome());
      this.#due.delete(seat);
      seat.wake();
      woken += 1;
    }
  }

  #forget(seat: HubSeat): void {
    this.#seats.delete(seat);
    this.#due.delete(seat);
  }
}

class HubSeat implements Seat {
  readonly left: Promise<void>;
  position: number | undefined;
  readonly #world: Pick<World, 'after'>;
  readonly #onLeave: () => void;
  #resolveLeft: () => void = () => undefined;
  #isOpen = true;
  #waking: (() => void) | undefined;
  #isResting = false;
  /** Whether there was a commit that nobody waited for. */
  #missedOne = false;

  constructor(world: Pick<World, 'after'>, onLeave: () => void) {
    this.#world = world;
    this.#onLeave = onLeave;
    this.left = new Promise((resolve) => {
      this.#resolveLeft = resolve;
    });
  }

  get isOpen(): boolean {
    return this.#isOpen;
  }

  wait(ms: number): Promise<void> {
    if (this.#missedOne) {
      this.#missedOne = false;
      return Promise.resolve();
    }
    return this.#sleep(ms, false);
  }

  rest(ms: number): Promise<void> {
    return this.#sleep(ms, true);
  }

  leave(): void {
    if (!this.#isOpen) return;
    this.#isOpen = false;
    this.#onLeave();
    this.#resolveLeft();
    this.#waking?.();
  }

  wake(): void {
    if (this.#waking === undefined || this.#isResting) this.#missedOne = true;
    else this.#waking();
  }

  #sleep(ms: number, isResting: boolean): Promise<void> {
    if (!this.#isOpen) return Promise.resolve();
    this.#isResting = isResting;
    return new Promise((resolve) => {
      const cancel = this.#world.after(ms, () => this.#waking?.());
      this.#waking = () => {
        this.#waking = undefined;
        cancel();
        resolve();
      };
    });
  }
}
