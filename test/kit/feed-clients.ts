import { expect } from 'vitest';
import { updatePool } from '../../db/cluster-pool.ts';
import type { Session } from '../../schema/model/session.ts';
import type { Viewer } from '../../schema/model/viewer.ts';
import { FeedClient, type Subscription } from './feed-client.ts';
import type { TestStore } from './store.ts';

const WHY = { cause: 'ADMIN' } as const;

/** People who do things to a store, and clients who read of it and must find nothing wrong. */
export class FeedClients {
  readonly #kit: TestStore;
  readonly #all: FeedClient[] = [];

  constructor(kit: TestStore) {
    this.#kit = kit;
  }

  /** One that reads what there is now. */
  async connect(subscription: Subscription): Promise<FeedClient> {
    const client = this.add(new FeedClient(this.#kit, subscription));
    client.connect();
    await this.#kit.world.settle();
    return client;
  }

  /** One that a test has made for itself. */
  add(client: FeedClient): FeedClient {
    this.#all.push(client);
    return client;
  }

  claim(who: Viewer, pool = 'cks'): Promise<Session> {
    return this.#kit.done(this.#kit.verbs(who).createSession({ pool }));
  }

  /** Changes of a pool, all of one verb. */
  touch(poolId: string, times = 1): Promise<void> {
    return this.#kit.transact((tx) => {
      for (let n = 0; n < times; n += 1) updatePool(tx, poolId, {}, WHY);
    });
  }

  /** All leave; what they have found wrong fails the test. */
  async close(): Promise<void> {
    for (const client of this.#all) await client.drop();
    expect(this.#all.flatMap(({ violations }) => violations)).toEqual([]);
  }
}
