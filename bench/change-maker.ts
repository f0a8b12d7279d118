import { setTimeout as sleep } from 'node:timers/promises';
import { z } from 'zod';

/** One claim, by the server's own clock. */
export interface Claimed {
  readonly cluster: string;
  readonly committedAt: number;
}

const CLAIM = `mutation ($pool: String!) { createSession(input: { pool: $pool }) {
  ... on Session { id clusterLockTime assignedCluster { name } } ... on UserError { message } } }`;
const RELEASE = `mutation ($id: ID!) { releaseSession(input: { sessionId: $id }) {
  ... on Session { id } } }`;
const CURSOR = '{ changeLog(first: 1) { totalCount } }';
const COUNT = `query ($pool: String!) {
  clusterPool(name: $pool) { stats { availableClusters } } }`;

const claimed = z.object({
  createSession: z.object({
    id: z.string(),
    clusterLockTime: z.string(),
    assignedCluster: z.object({ name: z.string() }),
  }),
});
const counted = z.object({
  clusterPool: z.object({ stats: z.object({ availableClusters: z.number() }) }),
});
const logged = z.object({ changeLog: z.object({ totalCount: z.number() }) });

/** How long a session lasts here. */
const HELD_MS = 700;

/** Claims and releases clusters of a pool, as people do, but at a steady pace. */
export class ChangeMaker {
  readonly #origin: string;
  readonly #pool: string;

  constructor(origin: string, pool: string) {
    this.#origin = origin;
    this.#pool = pool;
  }

  /** Waits until so many clusters are available. */
  async untilAvailable(count: number): Promise<void> {
    for (;;) {
      const { clusterPool } = counted.parse(await this.#ask(COUNT, { pool: this.#pool }));
      if (clusterPool.stats.availableClusters >= count) return;
      await sleep(500);
    }
  }

  /** Makes about so many changes a second for a time, and says how many it were. */
  async makeChanges(
    rate: number,
    seconds: number,
  ): Promise<{ readonly perSecond: number; readonly claims: readonly Claimed[] }> {
    const trial = await this.#counting(() => this.make(5, 2));
    const perSession = trial.changes / trial.claims.length;
    const start = Date.now();
    const { changes, claims } = await this.#counting(() => this.make(rate / perSession, seconds));
    return { perSecond: changes / ((Date.now() - start) / 1_000), claims };
  }

  /** Begins so many sessions a second for a time, each of which is released soon after. */
  async make(perSecond: number, seconds: number): Promise<Claimed[]> {
    const sessions: Promise<Claimed>[] = [];
    const begun = performance.now();
    for (let number = 0; number < perSecond * seconds; number += 1) {
      await sleep(Math.max(0, begun + (number * 1_000) / perSecond - performance.now()));
      sessions.push(this.#holdOne());
    }
    return await Promise.all(sessions);
  }

  async #holdOne(): Promise<Claimed> {
    const { createSession } = claimed.parse(await this.#ask(CLAIM, { pool: this.#pool }));
    await sleep(HELD_MS);
    await this.#ask(RELEASE, { id: createSession.id });
    const { clusterLockTime, assignedCluster } = createSession;
    return { cluster: assignedCluster.name, committedAt: Date.parse(clusterLockTime) };
  }

  async #counting(act: () => Promise<Claimed[]>) {
    const before = await this.#logged();
    const claims = await act();
    return { claims, changes: (await this.#logged()) - before };
  }

  async #logged(): Promise<number> {
    return logged.parse(await this.#ask(CURSOR, {})).changeLog.totalCount;
  }

  async #ask(query: string, variables: object): Promise<unknown> {
    const response = await fetch(`${this.#origin}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    });
    return z.object({ data: z.unknown() }).parse(await response.json()).data;
  }
}
