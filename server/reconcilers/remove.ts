import { findRemoving, nextRemovalAt } from '../../db/cluster-work.ts';
import { findCluster, updateCluster } from '../../db/cluster.ts';
import { getPool } from '../../db/cluster-pool.ts';
import type { Db } from '../../db/connection.ts';
import { deleteNotes } from '../../db/note.ts';
import { closePhase } from '../../db/phase.ts';
import { deleteSet, findSetsOfCluster } from '../../db/snapshot.ts';
import { findVmsOfCluster, updateVm } from '../../db/vm-handle.ts';
import type { Cluster } from '../../schema/model/cluster.ts';
import { clusterObject, providerOf, setObject, workAt } from '../outside.ts';
import { makeStep } from '../step.ts';
import {
  retryDelayMs,
  type Deps,
  type Failure,
  type Found,
  type Reconciler,
  type Turn,
} from './reconciler.ts';

/**
 * Wants: nothing left outside of clusters that are being removed.
 * Looks: at the cluster and the sets it owns.
 * Acts: has the provider remove them all, and only then marks the row as removed.
 * After a crash: asks again; what is absent is success. It never gives up, only waits longer.
 */
export function remove(deps: Deps): Reconciler {
  return {
    name: 'remove',
    find: (now) => deps.store.read((db) => findWork(deps, db, now)),
    pass: (work, turn) => clearAway(deps, work.id, turn),
    failed: (work, failure) => noteFailure(deps, work.id, failure),
  };
}

function findWork(deps: Deps, db: Db, now: number): Found {
  const removing = findRemoving(db, now);
  const ready = removing.map(({ id, poolId }) => workAt(deps, db, poolId, id, 'remove'));
  return { ready, nextAt: nextRemovalAt(db, now) };
}

function clusterToRemove(db: Db, id: string): Cluster | undefined {
  const cluster = findCluster(db, id);
  return cluster?.removingAt !== null && cluster?.removedAt === null ? cluster : undefined;
}

async function clearAway(deps: Deps, id: string, turn: Turn): Promise<void> {
  const { store } = deps;
  const cluster = store.read((db) => clusterToRemove(db, id));
  if (cluster === undefined) return;
  const { kind, sets } = store.read((db) => ({
    kind: getPool(db, cluster.poolId).provider,
    sets: findSetsOfCluster(db, id),
  }));
  const provider = providerOf(deps, kind);
  const step = makeStep(deps, { id, fence: cluster.fence }, turn);
  await provider.ensureGone(clusterObject(cluster), step);
  const objects = new Map(sets.map((row) => [row.set, setObject(row)]));
  for (const object of objects.values()) await provider.ensureGone(object, step);
  await finish(deps, cluster, [...objects.keys()]);
}

async function finish(deps: Deps, cluster: Cluster, sets: readonly number[]): Promise<void> {
  await deps.store.transact((tx) => {
    // A pass that was given up may end after the one that followed it.
    if (clusterToRemove(tx.db, cluster.id) === undefined) return;
    const why = { cause: 'REPLENISH' } as const;
    for (const set of sets) deleteSet(tx, { poolId: cluster.poolId, set }, why);
    for (const vm of findVmsOfCluster(tx.db, cluster.id)) {
      updateVm(tx, vm, { phase: 'STOPPED', ipAddress: null, endedAt: tx.now }, why);
    }
    closePhase(tx, cluster.id);
    deleteNotes(tx, cluster.id);
    updateCluster(tx, cluster.id, { removedAt: tx.now, statusMessage: null }, why);
  });
}

async function noteFailure(deps: Deps, id: string, failure: Failure): Promise<void> {
  await deps.store.transact((tx) => {
    const cluster = clusterToRemove(tx.db, id);
    if (cluster === undefined) return;
    const attempts = cluster.attempts + 1;
    const nextAttemptAt = tx.now + retryDelayMs(attempts);
    const patch = { attempts, nextAttemptAt, statusMessage: failure.reason };
    updateCluster(tx, id, patch, { cause: failure.cause, reason: failure.reason });
  });
}
