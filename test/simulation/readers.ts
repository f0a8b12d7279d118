import { inspect, isDeepStrictEqual } from 'node:util';
import type { FeedMessage } from '../../schema/context.ts';
import { FeedClient, stateNow, type Subscription } from '../kit/feed-client.ts';
import type { Yard } from '../kit/yard.ts';

interface Reader {
  readonly name: string;
  readonly client: FeedClient;
  readonly subscription: Subscription;
}

/** How soon a reader must hold the state once nothing changes any more. */
const LEVEL_WITHIN_MS = 1_000;

/**
 * Readers of the feed of different people, who drop, resume and pause, and whose server dies.
 * They go on from where they were, and end with what the database holds.
 */
export class Readers {
  readonly #random: () => number;
  readonly #all: Reader[];

  constructor(yard: Yard, subscriptions: Map<string, Subscription>, random: () => number) {
    this.#random = random;
    this.#all = [...subscriptions].map(([name, subscription]) => ({
      name,
      subscription,
      client: new FeedClient(yard, subscription),
    }));
  }

  /** Something happens to one of them. */
  disturb(yard: Yard): string {
    const reader = this.#all[Math.floor(this.#random() * this.#all.length)];
    if (reader === undefined) return 'nobody reads';
    const { name, client } = reader;
    const chance = this.#random();
    if (!client.isConnected) {
      client.connect(yard);
      return `${name} reads on`;
    }
    if (chance < 0.4) {
      void client.drop();
      return `${name} loses the connection`;
    }
    if (chance < 0.7) client.isPaused = true;
    else client.unpause();
    return `${name} ${chance < 0.7 ? 'stops taking' : 'takes'} messages`;
  }

  /** Their server is gone: nothing that it still does reaches them. */
  leave(): void {
    for (const { client } of this.#all) void client.drop();
  }

  /** What is wrong with what they were told so far. */
  broken(): string[] {
    return this.#all.flatMap(({ name, client }) => [
      ...client.violations.map((line) => `${name}: ${line}`),
      ...(client.error === undefined ? [] : [`${name} was thrown out: ${inspect(client.error)}`]),
    ]);
  }

  /** Lets all of them read to the end, and tells who does not hold what the database does. */
  async brokenAtRest(yard: Yard): Promise<string[]> {
    for (const { client } of this.#all) {
      client.unpause();
      client.connect(yard);
    }
    await yard.world.advance(LEVEL_WITHIN_MS);
    const found = this.broken();
    for (const { name, client, subscription } of this.#all) {
      const due = await stateNow(yard, subscription);
      found.push(...differences(client.state, due).map((line) => `${name} ${line}`));
    }
    return found;
  }

  /** The messages that all of them have taken. */
  get messages(): FeedMessage[] {
    return this.#all.flatMap(({ client }) => client.messages);
  }
}

type State = ReadonlyMap<string, unknown>;

function differences(held: State, due: State): string[] {
  const keys = [...new Set([...held.keys(), ...due.keys()])];
  const isOther = (key: string) => !isDeepStrictEqual(pushed(held.get(key)), pushed(due.get(key)));
  return keys.filter(isOther).map((key) => {
    return `holds of ${key} ${JSON.stringify(held.get(key))}, not ${JSON.stringify(due.get(key))}`;
  });
}

/** A thing without what is never pushed: when it was last found to be well. */
function pushed(row: unknown): unknown {
  return typeof row === 'object' ? { ...row, lastHealthCheck: undefined } : row;
}
