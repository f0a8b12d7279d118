import { changesAfter, trimChanges } from '../../db/change.ts';
import { findCluster, findMembers, updateCluster } from '../../db/cluster.ts';
import { findPoolByName } from '../../db/cluster-pool.ts';
import { handOver } from '../../db/hold/hand-over.ts';
import { removeCluster } from '../../db/hold/remove.ts';
import { moveJob } from '../../db/job.ts';
import { acceptSet } from '../../db/accept-set.ts';
import { deleteSet, insertSet, moveSet } from '../../db/snapshot.ts';
import { findTemplate } from '../../db/template.ts';
import type { Tx } from '../../db/tx.ts';
import { findVmsOfCluster, recordSighting, updateVm } from '../../db/vm-handle.ts';
import type { Change } from '../../schema/model/change.ts';
import { CLUSTER_STATUSES } from '../../schema/model/cluster.ts';
import type { ClusterPool } from '../../schema/model/cluster-pool.ts';
import { Refusal } from '../../schema/model/refusal.ts';
import { LIVE_SESSION_STATUSES } from '../../schema/model/session.ts';
import { VM_PHASES } from '../../schema/model/vm-handle.ts';
import { ADMIN, addFreeCluster, viewer, type TestStore } from './store.ts';

/** What a history needs of the place it happens in. */
export type HistoryKit = Pick<TestStore, 'store' | 'world' | 'verbs' | 'done' | 'transact'>;

/** The people of random histories. */
export const PEOPLE = ['ada', 'ben', 'cyd'];

const POOLS = ['cks', 'two', 'three'];
const WHY = { cause: 'PROVIDER_EVENT' } as const;
const ALL = 1_000;

/** Does random things to a store, as people and workers would, and keeps the whole log. */
export class RandomHistory {
  /** Every row there ever was, trimmed or not. */
  readonly log: Change[] = [];
  readonly #random: () => number;

  constructor(random: () => number) {
    this.#random = random;
  }

  /** Does up to four things at once; refusals are part of life. */
  async step(kit: HistoryKit): Promise<void> {
    const acts = Array.from({ length: 1 + this.#below(4) }, () => this.#act(kit));
    await kit.done(Promise.all(acts.map(orRefused)));
    this.#keep(kit);
  }

  /** Forgets the beginning of the log. */
  async trim(kit: HistoryKit): Promise<void> {
    const keepRows = this.#below(30);
    await kit.world.advance(1);
    await kit.transact((tx) => trimChanges(tx, { keepMs: 0, keepRows }, ALL));
  }

  /** The database was put back: what is behind its end has never been. */
  forget(): void {
    this.log.length = 0;
  }

  #keep(kit: HistoryKit): void {
    const last = this.log.at(-1)?.seq ?? 0;
    this.log.push(...kit.store.read((db) => changesAfter(db, last, 100_000)));
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #oneOf<T>(list: readonly T[]): T | undefined {
    return list[this.#below(list.length)];
  }

  #act(kit: HistoryKit): Promise<unknown> {
    const pool = this.#oneOf(POOLS) ?? 'cks';
    const who = viewer(this.#oneOf(PEOPLE) ?? 'ada');
    const act = this.#oneOf([
      () => kit.verbs(who).createSession({ pool }),
      () => kit.verbs(who).createSession({ pool, ttlMinutes: 30 }),
      () => this.#release(kit),
      () => this.#release(kit),
      () => this.#extend(kit),
      () => kit.verbs(ADMIN).updateClusterPool({ name: pool, size: 1 + this.#below(5) }),
      () => this.#work(kit, pool, (tx, found) => addFreeCluster(tx, found)),
      () => this.#work(kit, pool, (tx, found) => this.#finishCluster(tx, found)),
      () => this.#work(kit, pool, (tx, found) => this.#finishCluster(tx, found)),
      () => this.#work(kit, pool, (tx, found) => this.#seeVms(tx, found)),
      () => this.#work(kit, pool, (tx, found) => this.#removeOne(tx, found)),
      () => this.#work(kit, pool, (tx, found) => this.#changeSets(tx, found)),
      () => this.#jobs(kit, pool),
      () => this.#renew(kit, pool),
    ]);
    return act?.() ?? Promise.resolve();
  }

  #sessions(kit: HistoryKit) {
    return kit.store
      .read((db) => db.query.sessions.findMany().sync())
      .filter(({ status }) => LIVE_SESSION_STATUSES.some((one) => one === status));
  }

  async #release(kit: HistoryKit): Promise<void> {
    const session = this.#oneOf(this.#sessions(kit));
    if (session === undefined) return;
    const by = this.#random() < 0.2 ? ADMIN : viewer(session.owner);
    await kit.verbs(by).releaseSession(session.id);
  }

  async #extend(kit: HistoryKit): Promise<void> {
    const session = this.#oneOf(this.#sessions(kit));
    if (session === undefined) return;
    const minutes = 30 + this.#below(300);
    await kit.verbs(viewer(session.owner)).extendSession({ sessionId: session.id, minutes });
  }

  #work(
    kit: HistoryKit,
    poolName: string,
    body: (tx: Tx, pool: ClusterPool) => void,
  ): Promise<void> {
    return kit.store.transact((tx) => {
      const pool = findPoolByName(tx.db, poolName);
      if (pool !== undefined) body(tx, pool);
    });
  }

  /** A worker has made or reset a cluster. */
  #finishCluster(tx: Tx, pool: ClusterPool): void {
    const atWork = findMembers(tx.db, pool.id, ['CREATING', 'RESETTING'], ALL);
    const cluster = this.#oneOf(atWork);
    if (cluster === undefined) return;
    handOver(tx, cluster.id, { fence: cluster.fence, patch: {}, wakes: false }, WHY);
  }

  #seeVms(tx: Tx, pool: ClusterPool): void {
    const cluster = this.#oneOf(findMembers(tx.db, pool.id, CLUSTER_STATUSES, ALL));
    const phase = this.#oneOf(VM_PHASES) ?? 'RUNNING';
    const ipAddress = this.#random() < 0.5 ? '10.0.0.1' : null;
    if (cluster === undefined) return;
    const seen = findVmsOfCluster(tx.db, cluster.id).map(({ role }) => {
      return { role, phase, ipAddress, message: null, origin: null };
    });
    recordSighting(tx, cluster.id, seen, WHY);
  }

  /** Takes a cluster away: first it is marked, then, at another time, it is gone. */
  #removeOne(tx: Tx, pool: ClusterPool): void {
    const cluster = this.#oneOf(tx.db.query.clusters.findMany().sync());
    if (cluster === undefined || cluster.poolId !== pool.id) return;
    if (cluster.removingAt === null) return void removeCluster(tx, cluster.id, WHY);
    if (cluster.removedAt !== null || findCluster(tx.db, cluster.id)?.status === 'LOCKED') return;
    for (const vm of findVmsOfCluster(tx.db, cluster.id)) {
      updateVm(tx, vm, { phase: 'STOPPED', endedAt: tx.now }, WHY);
    }
    updateCluster(tx, cluster.id, { removedAt: tx.now }, WHY);
  }

  #changeSets(tx: Tx, pool: ClusterPool): void {
    const roles = findTemplate(tx.db, pool.templateId)?.roles ?? [];
    const all = tx.db.query.snapshots.findMany().sync();
    const snapshot = this.#oneOf(all.filter(({ poolId }) => poolId === pool.id));
    if (snapshot === undefined || this.#random() < 0.3) {
      const none = { sourceSessionId: null, sourceClusterId: null, jobId: null, clusterId: null };
      insertSet(tx, { ...none, poolId: pool.id, mode: 'ONLINE' }, roles, WHY);
      return;
    }
    const set = { poolId: pool.id, set: snapshot.set };
    if (snapshot.status === 'CREATING') {
      const captured = roles.map(({ role }) => ({ role, sizeBytes: 1, k8sVersion: null }));
      return acceptSet(tx, set, captured, WHY);
    }
    moveSet(tx, set, { from: ['READY', 'FAILED'], to: 'DELETING' }, WHY);
    if (this.#random() < 0.5) deleteSet(tx, set, WHY);
  }

  async #jobs(kit: HistoryKit, pool: string): Promise<void> {
    const verbs = kit.verbs(ADMIN);
    const jobs = kit.store.read((db) => db.query.jobs.findMany().sync());
    const job = this.#oneOf(jobs.filter(({ status }) => ['QUEUED', 'RUNNING'].includes(status)));
    if (job === undefined) return void (await verbs.warmUpPool(pool));
    if (this.#random() < 0.2) return void (await verbs.cancelJob(job.id));
    const to = job.status === 'QUEUED' ? 'RUNNING' : 'SUCCEEDED';
    await kit.store.transact((tx) => {
      moveJob(tx, job.id, { from: ['QUEUED', 'RUNNING'], to }, { cause: 'JOB' });
    });
  }

  /** Deletes a pool, or makes one; the first stays. */
  async #renew(kit: HistoryKit, name: string): Promise<void> {
    if (name === 'cks') return;
    const isThere = kit.store.read((db) => findPoolByName(db, name)) !== undefined;
    const whenEmpty = this.#oneOf(['REFUSE', 'QUEUE', 'PROVISION'] as const);
    const input = { name, provider: 'SIMULATOR', size: 2, whenEmpty } as const;
    await (isThere
      ? kit.verbs(ADMIN).deleteClusterPool(name)
      : kit.verbs(ADMIN).createClusterPool(input));
  }
}

async function orRefused(act: Promise<unknown>): Promise<void> {
  try {
    await act;
  } catch (error) {
    if (!(error instanceof Refusal)) throw error;
  }
}
