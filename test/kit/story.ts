import { findJob } from '../../db/job.ts';
import { countMembers } from '../../db/cluster-count.ts';
import { findPoolByName, findPools } from '../../db/cluster-pool.ts';
import { findSession } from '../../db/session.ts';
import type { Store } from '../../db/store.ts';
import { wantsClusters } from '../../schema/model/cluster-pool.ts';
import { isUnfinished, type Job } from '../../schema/model/job.ts';
import type { Session } from '../../schema/model/session.ts';
import { prepared } from '../../db/connection.ts';
import { untilRows } from './until-rows.ts';
import type { Yard } from './yard.ts';

/** Something that was acknowledged: what is wrong when it does not hold, else undefined. */
export type Acknowledged = (store: Store) => string | undefined;

/**
 * A story that uses everything once: a pool that queues and one that makes clusters and replaces
 * them; claims, a queue, releases, a lost VM; a golden state taken from a session, one taken anew;
 * the end of a pool. `acknowledged` gathers what the server has promised so far.
 */
export class Story {
  readonly acknowledged = new Map<string, Acknowledged>();
  readonly #yard: Yard;

  constructor(yard: Yard) {
    this.#yard = yard;
  }

  async play(): Promise<void> {
    const yard = this.#yard;
    yard.loops.start();
    await this.#addPools();
    const [alice, bob] = [await this.#claim('keep', 'alice'), await this.#claim('keep', 'bob')];
    const queued = await this.#claim('keep', 'carol');
    const [dave, erin] = [await this.#claim('make', 'dave'), await this.#claim('make', 'erin')];
    await this.#release(alice);
    await this.#running([queued, erin]);
    await this.#finish(yard.as('admin').createSnapshots({ pool: 'make', sessionId: dave.id }));
    yard.simulator.vanish(bob.clusterId ?? '', 'WORKER');
    this.acknowledged.delete(`session ${bob.id}`);
    const made = await this.#claim('make', 'frank');
    await this.#release(dave);
    await this.#running([made]);
    await this.#release(queued);
    await yard.settled('keep', 2);
    await this.#finish(yard.as('admin').recreateSnapshots({ pool: 'keep' }));
    await this.#release(erin);
    await this.#release(made);
    this.acknowledged.delete('pool make');
    await yard.done(yard.as('admin').deleteClusterPool('make'));
    this.acknowledged.set('pool make', (store) => poolIs(store, 'make', false));
    await settled(yard);
  }

  async #addPools(): Promise<void> {
    const yard = this.#yard;
    await yard.addPool({ name: 'keep', size: 2, whenEmpty: 'QUEUE' });
    this.acknowledged.set('pool keep', (store) => poolIs(store, 'keep', true));
    const makes = { whenEmpty: 'PROVISION', recycle: 'REPLACE' } as const;
    await yard.addPool({ name: 'make', size: 1, maxClusters: 2, ...makes });
    this.acknowledged.set('pool make', (store) => poolIs(store, 'make', true));
    await yard.settled('make', 1);
    await yard.settled('keep', 2);
  }

  async #claim(pool: string, owner: string): Promise<Session> {
    const claimed = this.#yard.as(owner, 'USER').createSession({ pool, idempotencyKey: owner });
    const session = await this.#yard.done(claimed);
    this.acknowledged.set(`session ${session.id}`, (store) => isHeld(store, session));
    return session;
  }

  async #release({ id }: Session): Promise<void> {
    // From here on it may be ended or not, until that is acknowledged.
    this.acknowledged.delete(`session ${id}`);
    await this.#yard.done(this.#yard.as('admin').releaseSession(id));
    this.acknowledged.set(`session ${id}`, (store) => isCompleted(store, id));
  }

  #running(wanted: readonly Session[]): Promise<void> {
    const isRunning = ({ id }: Session) =>
      this.#yard.store.read((db) => findSession(db, id))?.status === 'RUNNING';
    return this.#yard.world.runUntil(() => wanted.every(isRunning), { withinMs: 3_600_000 });
  }

  async #finish(asked: Promise<Job>): Promise<void> {
    const yard = this.#yard;
    const { id } = await yard.done(asked);
    const now = () => yard.store.read((db) => findJob(db, id));
    this.acknowledged.set(`job ${id}`, (store) => {
      const job = store.read((db) => findJob(db, id));
      return job === undefined || job.status === 'CANCELLED' ? `job ${id} is lost` : undefined;
    });
    const isOver = () => {
      const job = now();
      return job !== undefined && !isUnfinished(job);
    };
    await yard.world.runUntil(isOver, { withinMs: 3_600_000 });
    if (now()?.status !== 'SUCCEEDED') throw new Error(`job failed: ${now()?.error}`);
  }
}

function poolIs(store: Store, name: string, present: boolean): string | undefined {
  const is = store.read((db) => findPoolByName(db, name)) !== undefined;
  return is === present ? undefined : `pool ${name} is ${is ? 'there again' : 'lost'}`;
}

function isHeld(store: Store, acknowledged: Session): string | undefined {
  const session = store.read((db) => findSession(db, acknowledged.id));
  if (session === undefined) return `session ${acknowledged.id} is lost`;
  const kept = acknowledged.clusterId === null || session.clusterId === acknowledged.clusterId;
  const live = ['PENDING', 'PROVISIONING', 'RUNNING'].includes(session.status);
  return live && kept ? undefined : `session of ${session.owner} is ${session.status}`;
}

function isCompleted(store: Store, id: string): string | undefined {
  const session = store.read((db) => findSession(db, id));
  return session?.status === 'COMPLETED' ? undefined : `released session is ${session?.status}`;
}

/** Lets time pass until nothing is under way any more: only held, free and waiting is left. */
export function settled(yard: Yard, withinMs = 3 * 3_600_000): Promise<void> {
  return untilRows(yard, () => !isUnderWay(yard.store), withinMs);
}

// Asked at every moment of a long wait: as plain SQL it costs a tenth.
const underWay = prepared((db) =>
  db.$client
    .prepare(
      `SELECT EXISTS (SELECT 1 FROM clusters WHERE removed_at IS NULL
          AND (removing_at IS NOT NULL OR status NOT IN ('AVAILABLE', 'LOCKED')))
        OR EXISTS (SELECT 1 FROM snapshots WHERE status IN ('CREATING', 'DELETING'))
        OR EXISTS (SELECT 1 FROM sessions WHERE status = 'PROVISIONING')
        OR EXISTS (SELECT 1 FROM jobs WHERE status IN ('QUEUED', 'RUNNING'))`,
    )
    .pluck(),
);

function isUnderWay(store: Store): boolean {
  return store.read((db) => {
    if (underWay(db).get() === 1) return true;
    // A loop that found nothing is calm for a moment, and has not seen yet what is missing.
    return findPools(db).some(
      (pool) =>
        wantsClusters(pool) &&
        pool.replenishPaused === null &&
        countMembers(db, pool.id) < pool.size,
    );
  });
}
