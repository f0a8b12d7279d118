import type { ExecutionResult } from 'graphql';
import type { Place } from '../feed/place.ts';
import type { World } from '../world.ts';
import { Group } from './group.ts';
import { Pace } from './pace.ts';
import type { Source } from './result-stream.ts';
import { Subscription } from './subscription.ts';

/** All open subscriptions, by what they have in common. */
export class Groups {
  readonly #world: World;
  readonly #pace: Pace;
  readonly #shared = new Map<string, Group>();
  /** Groups of one, for what may not be shared, are counted only. */
  #alone = 0;
  #subscriptions = 0;

  constructor(world: World) {
    this.#world = world;
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

  /** A subscription that joins those with the same key; without a key nobody joins it. */
  subscribe(
    key: string | undefined,
    source: Source,
    open: (place: Place) => Promise<Source | ExecutionResult>,
  ): Subscription {
    const group = (key === undefined ? undefined : this.#shared.get(key)) ?? this.#add(key, open);
    this.#subscriptions += 1;
    return new Subscription(group, source);
  }

  #add(key: string | undefined, open: (place: Place) => Promise<Source | ExecutionResult>): Group {
    const onLeave = (isEmpty: boolean) => {
      this.#subscriptions -= 1;
      if (isEmpty && key === undefined) this.#alone -= 1;
      if (isEmpty && key !== undefined) this.#shared.delete(key);
    };
    const group = new Group({ world: this.#world, pace: this.#pace, open, onLeave });
    if (key === undefined) this.#alone += 1;
    else this.#shared.set(key, group);
    return group;
  }
}
