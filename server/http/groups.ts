import type { ExecutionResult } from 'graphql';
import type { Place } from '../feed/place.ts';
import type { World } from '../world.ts';
import { Group } from './group.ts';
import { Pace } from './pace.ts';
import type { Source } from './result-stream.ts';
import { Shares } from './shares.ts';
import { Subscription } from './subscription.ts';

/** What a subscription is about. */
export interface Asked {
  /** What it has in common with others; undefined when nobody may join it. */
  readonly key: string | undefined;
  /** Who asks: whoever opens a group answers for it as long as anybody is in it. */
  readonly caller: string;
  /** Runs the operation again, from a place on. */
  readonly open: (place: Place) => Promise<Source | ExecutionResult>;
}

/** All open subscriptions, by what they have in common. */
export class Groups {
  readonly #world: World;
  readonly #pace: Pace;
  readonly #shares: Shares;
  readonly #shared = new Map<string, Group>();
  /** Groups of one, for what may not be shared, are counted only. */
  #alone = 0;
  #subscriptions = 0;

  constructor(world: World, mostPerCaller: number) {
    this.#world = world;
    this.#shares = new Shares(mostPerCaller);
    this.#pace = new Pace(world);
  }

  /** How many groups there are. */
  get size(): number {
    return this.#shared.size + this.#alone;
  }

  /** How many subscriptions there are. */
  get subscriptions(): number {
    return this.#subscriptions;
  }

  /** The position of the subscription furthest back of those whose lines take nothing. */
  get slowest(): number | undefined {
    const known = [...this.#shared.values()].flatMap(({ slowest }) => slowest ?? []);
    return known.length === 0 ? undefined : Math.min(...known);
  }

  /**
   * A subscription that joins those with the same key; without a key nobody joins it. Undefined
   * when its caller has opened as many groups as it may.
   */
  subscribe(asked: Asked, source: Source): Subscription | undefined {
    const known = asked.key === undefined ? undefined : this.#shared.get(asked.key);
    if (known === undefined && !this.#shares.take(asked.caller)) return undefined;
    this.#subscriptions += 1;
    return new Subscription(known ?? this.#add(asked), source);
  }

  #add({ key, caller, open }: Asked): Group {
    const onLeave = (isEmpty: boolean) => {
      this.#subscriptions -= 1;
      if (isEmpty) this.#shares.give(caller);
      if (isEmpty && key === undefined) this.#alone -= 1;
      if (isEmpty && key !== undefined) this.#shared.delete(key);
    };
    const group = new Group({ world: this.#world, pace: this.#pace, open, onLeave });
    if (key === undefined) this.#alone += 1;
    else this.#shared.set(key, group);
    return group;
  }
}
