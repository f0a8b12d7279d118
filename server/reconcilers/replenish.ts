import { findAtWork, nextWorkAt } from '../../db/cluster-work.ts';
import { findMembers, moveCluster } from '../../db/cluster.ts';
import { countMembers } from '../../db/cluster-count.ts';
import { findPools, findPoolsToClear, getPool } from '../../db/cluster-pool.ts';
import type { Db } from '../../db/connection.ts';
import { addCluster, canServeWaiting, serveWaiting } from '../../db/hold/claim.ts';
import { removeCluster } from '../../db/hold/remove.ts';
import { hasUnfinishedJob } from '../../db/job.ts';
import { dropSavedSets } from '../../db/saved-set.ts';
import { countWaiting } from '../../db/session.ts';
import { findCurrentSet, findTemplateSets, moveSnapshot } from '../../db/snapshot.ts';
import { leaveSet } from '../../db/template-set.ts';
import type { Tx } from '../../db/tx.ts';
import { isRestorable, type Cluster } from '../../schema/model/cluster.ts';
import { wantsClusters, type ClusterPool } from '../../schema/model/cluster-pool.ts';
import { beginSet, lacksSet, mayTurnOver, surplusSet, toReplace, turnOver } from '../turnover.ts';
import type { Deps, Found, Reconciler, Work } from './reconciler.ts';

/** Clusters that one transaction marks at most. */
const BATCH = 64;
/** Clusters that one adds at most: each is about ten rows, and none writes more than 256. */
const MOST_ADDED = 20;

const WHY = { cause: 'REPLENISH' } as const;

/**
 * Wants: every pool at its size, those who wait served as far as the pool allows, fresh sets and
 * clusters of them where all start from sets of the pool, nothing in ERROR longer than it must,
 * and nothing of deleted pools.
 * Looks: at the pool's counts.
 * Acts: only marks rows; other reconcilers make, reset and remove what they say.
 * After a crash: the rows say how far it came.
 */
export function replenish(deps: Deps): Reconciler {
  return {
    name: 'replenish',
    find: (now) => deps.store.read((db) => findWork(deps, db, now)),
    pass: (work) => deps.store.transact((tx) => bringToSize(deps, tx, work.id)),
    failed: () => Promise.resolve(),
  };
}

function findWork(deps: Deps, db: Db, now: number): Found {
  const failed = new Set(findAtWork(db, 'ERROR', now).map((cluster) => cluster.poolId));
  const unfit = findPools(db).filter((p) => failed.has(p.id) || isUnfit(deps, db, p, now));
  const ending = findPoolsToClear(db);
  const ready = [...unfit, ...ending].map(({ id }): Work => ({
    id,
    group: 'pools',
    parallel: 8,
    deadlineMs: 60_000,
  }));
  return { ready, nextAt: nextWorkAt(db, 'ERROR', now) };
}

function isUnfit(deps: Deps, db: Db, pool: ClusterPool, now: number): boolean {
  const capabilities = deps.provider(pool.provider)?.capabilities;
  if (capabilities === undefined) return false;
  if (canServeWaiting(db, pool)) return true;
  if (!wantsClusters(pool)) return false;
  const members = countMembers(db, pool.id);
  const old = toReplace(db, pool, capabilities);
  const isTooLarge = members > wantedSize(db, pool, old);
  if (isTooLarge && shrinkable(db, pool, 1).length > 0) return true;
  if (lacksMembers(db, pool, members) || mayTurnOver(db, pool, old)) return true;
  return lacksSet(db, pool, capabilities, now) || surplusSet(db, pool, now) !== undefined;
}

/** A bootstrap job adds the missing ones itself, as it insists on how they are made. */
function lacksMembers(db: Db, pool: ClusterPool, members: number): boolean {
  if (members >= pool.size || pool.replenishPaused !== null) return false;
  return !hasUnfinishedJob(db, pool.id, 'BOOTSTRAP_POOL');
}

function bringToSize(deps: Deps, tx: Tx, poolId: string): void {
  const pool = getPool(tx.db, poolId);
  if (pool.deletedAt !== null) return clearPool(tx, pool);
  retryFailed(tx, pool);
  const capabilities = deps.provider(pool.provider)?.capabilities;
  if (capabilities === undefined) return;
  const served = serveWaiting(tx, poolId, MOST_ADDED);
  if (!wantsClusters(pool)) return;
  if (lacksSet(tx.db, pool, capabilities, tx.now)) beginSet(tx, pool, capabilities);
  leaveSet(tx, surplusSet(tx.db, pool, tx.now) ?? [], WHY);
  const members = countMembers(tx.db, poolId);
  const missing = Math.min(pool.size - members, MOST_ADDED - served);
  if (lacksMembers(tx.db, pool, members)) grow(tx, pool, missing);
  const old = toReplace(tx.db, pool, capabilities);
  if (old !== undefined) turnOver(tx, getPool(tx.db, poolId), old);
  const surplus = countMembers(tx.db, poolId) - wantedSize(tx.db, pool, old);
  if (surplus > 0) shrink(tx, pool, surplus);
}

/**
 * A cluster that somebody gave up is no surplus while another waits who would have one made, nor
 * is the one that is to replace another that is still there.
 */
function wantedSize(db: Db, pool: ClusterPool, old: Cluster | undefined): number {
  const awaited = pool.whenEmpty === 'PROVISION' ? countWaiting(db, pool.id) : 0;
  return pool.size + awaited + (old === undefined ? 0 : 1);
}

function grow(tx: Tx, pool: ClusterPool, missing: number): void {
  for (let added = 0; added < missing; added += 1) {
    // The row is read again each time: its next number has moved on.
    addCluster(tx, getPool(tx.db, pool.id), {}, WHY);
  }
}

/** What may be taken from a pool: CREATING first, then AVAILABLE, then ERROR, the newest first. */
function shrinkable(db: Db, pool: ClusterPool, limit: number): Cluster[] {
  const found: Cluster[] = [];
  for (const status of ['CREATING', 'AVAILABLE', 'ERROR'] as const) {
    if (found.length >= limit) break;
    found.push(...findMembers(db, pool.id, [status], limit - found.length, { spare: true }));
  }
  return found;
}

function shrink(tx: Tx, pool: ClusterPool, surplus: number): void {
  for (const cluster of shrinkable(tx.db, pool, Math.min(surplus, BATCH))) {
    removeCluster(tx, cluster.id, WHY);
  }
}

/** A deleted pool loses its clusters, those at work too, its sets, and what was saved of it. */
function clearPool(tx: Tx, pool: ClusterPool): void {
  const statuses = ['CREATING', 'AVAILABLE', 'RESETTING', 'ERROR'] as const;
  for (const cluster of findMembers(tx.db, pool.id, statuses, BATCH)) {
    removeCluster(tx, cluster.id, { cause: 'ADMIN' });
  }
  for (const snapshot of findTemplateSets(tx.db, pool.id)) {
    const from = ['CREATING', 'READY', 'FAILED'] as const;
    const patch = { current: false };
    moveSnapshot(tx, snapshot.id, { from, to: 'DELETING', patch }, { cause: 'ADMIN' });
  }
  dropSavedSets(tx, pool.id, { cause: 'ADMIN' });
}

/** Clusters in ERROR whose wait is over: reset once more, or, when that failed too, made anew. */
function retryFailed(tx: Tx, pool: ClusterPool): void {
  const due = findAtWork(tx.db, 'ERROR', tx.now).filter(({ poolId }) => poolId === pool.id);
  for (const cluster of due.slice(0, BATCH)) retryCluster(tx, cluster);
}

function retryCluster(tx: Tx, cluster: Cluster): void {
  const own = findCurrentSet(tx.db, cluster.poolId, cluster.id);
  const why = { ...WHY, reason: `retry ${cluster.failuresInRow}` };
  const fence = cluster.fence + 1;
  const from = ['ERROR'] as const;
  if (own.length > 0 && isRestorable(cluster)) {
    const patch = { work: 'RESET', fence } as const;
    moveCluster(tx, cluster.id, { from, to: 'RESETTING', patch }, why);
    return;
  }
  moveCluster(tx, cluster.id, { from, to: 'CREATING', patch: { fence } }, why);
}
