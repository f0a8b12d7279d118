import type { Seat } from '../hub.ts';
import type { World } from '../world.ts';

/** How many hold a turn, and for how long. */
export interface TurnRules {
  readonly atOnce: number;
  /** A turn is over after this time, whatever its reader does. */
  readonly longestMs: number;
  /** While others wait, it is over when its reader has not come back for so long. */
  readonly patienceMs: number;
}

/** The right to hold something that few may hold at once. */
export interface Turn {
  /** Begins to use it; `letGo` is called once, when the turn is over. */
  use(letGo: () => void): void;
  /** The reader has been given something, and is expected back for more. */
  handedOver(): void;
  /** Harmless when done twice. */
  end(): void;
}

interface Held extends Turn {
  readonly caller: string;
  /** Since when its reader is expected back; never while it is being read for. */
  readonly restsSince: number;
}

type Waiting = (turn: Turn) => void;

/**
 * Lets only so many readers at a time do something. The next turn goes to the caller who holds
 * the fewest, among equals to the one who has held none for longest, and to the readers of one
 * caller as they came: many readers of one cannot keep those of another waiting.
 */
export class Turns {
  readonly #rules: TurnRules;
  readonly #world: Pick<World, 'after' | 'elapsed' | 'soon'>;
  readonly #held = new Set<Held>();
  /** By caller; no line is empty. */
  readonly #waiting = new Map<string, Waiting[]>();
  #cancelLook: () => void = () => undefined;

  constructor(rules: TurnRules, world: Pick<World, 'after' | 'elapsed' | 'soon'>) {
    this.#rules = rules;
    this.#world = world;
  }

  /** Waits for a turn; undefined when the reader left before it came. */
  async take(seat: Seat, caller: string): Promise<Turn | undefined> {
    const { promise, resolve } = Promise.withResolvers<Turn>();
    const line = this.#waiting.get(caller) ?? [];
    line.push(resolve);
    this.#waiting.set(caller, line);
    this.#giveOut();
    await Promise.race([promise, seat.left]);
    if (seat.isOpen) return await promise;
    if (this.#withdraw(caller, resolve)) this.#giveOut();
    else (await promise).end();
    return undefined;
  }

  /** Gives out what is free. While others wait, whoever does not come back loses its turn. */
  #giveOut(): void {
    while (this.#held.size < this.#rules.atOnce && this.#waiting.size > 0) this.#giveOne();
    this.#cancelLook();
    if (this.#waiting.size === 0) return;
    const idlest = [...this.#held].reduce((a, b) => (b.restsSince < a.restsSince ? b : a));
    const left = idlest.restsSince + this.#rules.patienceMs - this.#world.elapsed();
    if (left <= 0) idlest.end();
    else if (left < Infinity) this.#cancelLook = this.#world.after(left, () => this.#look());
  }

  /** Whoever has come back by now, and was only not heard yet, is heard first. */
  #look(): void {
    this.#world.soon(() => this.#giveOut());
  }

  #giveOne(): void {
    const heldBy = (caller: string) =>
      [...this.#held].filter((turn) => turn.caller === caller).length;
    const callers = [...this.#waiting.keys()];
    const caller = callers.reduce((a, b) => (heldBy(b) < heldBy(a) ? b : a));
    const line = this.#waiting.get(caller) ?? [];
    const next = line.shift();
    this.#putBehind(caller);
    next?.(this.#turnOf(caller));
  }

  /** Whoever was given a turn, or has just held one, goes behind the others. */
  #putBehind(caller: string): void {
    const line = this.#waiting.get(caller) ?? [];
    this.#waiting.delete(caller);
    if (line.length > 0) this.#waiting.set(caller, line);
  }

  #turnOf(caller: string): Turn {
    let restsSince = Infinity;
    let letGo = () => {};
    let cancel = () => {};
    const turn: Held = {
      caller,
      get restsSince() {
        return restsSince;
      },
      use: (whenOver) => {
        letGo = whenOver;
        cancel = this.#world.after(this.#rules.longestMs, () => turn.end());
      },
      handedOver: () => {
        restsSince = this.#world.elapsed();
        this.#giveOut();
      },
      end: () => {
        if (!this.#held.delete(turn)) return;
        cancel();
        letGo();
        this.#putBehind(caller);
        this.#giveOut();
      },
    };
    this.#held.add(turn);
    return turn;
  }

  /** Steps out of the line; false when the turn has come at the same moment. */
  #withdraw(caller: string, waiting: Waiting): boolean {
    const line = this.#waiting.get(caller) ?? [];
    const place = line.indexOf(waiting);
    if (place === -1) return false;
    line.splice(place, 1);
    if (line.length === 0) this.#waiting.delete(caller);
    return true;
  }
}
