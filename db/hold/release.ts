import type { Why } from '../../schema/model/change.ts';
import type { Cluster } from '../../schema/model/cluster.ts';
import type { ClusterPool } from '../../schema/model/cluster-pool.ts';
import {
  LIVE_SESSION_STATUSES,
  WAKES_BEFORE_FAILURE,
  type EndReason,
  type Session,
} from '../../schema/model/session.ts';
import { findClaimable, findCluster, moveCluster, updateCluster } from '../cluster.ts';
import { countMembers } from '../cluster-count.ts';
import { getPool } from '../cluster-pool.ts';
import { closePhase } from '../phase.ts';
import { deleteSecrets } from '../secret.ts';
import { findSession, moveSession, updateSession } from '../session.ts';
import { NO_ACCESS } from '../session-access.ts';
import type { Tx } from '../tx.ts';
import { findVmsOfCluster, updateVm } from '../vm-handle.ts';
import { makeFor } from './claim.ts';
import { settle } from './hand-over.ts';
import { lock } from './lock.ts';
import { removeCluster } from './remove.ts';

/** How a session ends. */
export interface Ending {
  readonly to: 'COMPLETED' | 'FAILED';
  readonly endReason: EndReason | null;
  readonly statusMessage: string | null;
}

/** Ends a live session and frees its cluster. Undefined when it had ended before. */
export function release(tx: Tx, sessionId: string, ending: Ending, why: Why): Session | undefined {
  const session = findSession(tx.db, sessionId);
  if (session === undefined) return undefined;
  closePhase(tx, sessionId, ending.to === 'FAILED' ? ending.statusMessage : null);
  const { to, endReason, statusMessage } = ending;
  const patch = {
    endReason,
    statusMessage,
    clusterId: null,
    clusterLockTime: null,
    ticket: null,
    endedAt: tx.now,
    ...NO_ACCESS,
  };
  const ended = moveSession(tx, sessionId, { from: LIVE_SESSION_STATUSES, to, patch }, why);
  if (ended === undefined) return undefined;
  deleteSecrets(tx, sessionId);
  free(tx, session, why);
  return ended;
}

/** Takes its cluster from a session that held it, or for which it was being made. */
function free(tx: Tx, session: Pick<Session, 'clusterId' | 'wantedSet'>, why: Why): void {
  const { clusterId } = session;
  const cluster = clusterId === null ? undefined : findCluster(tx.db, clusterId);
  if (cluster === undefined) return;
  if (cluster.status === 'LOCKED') return freeLocked(tx, cluster, holdsSaved(session), why);
  updateCluster(tx, cluster.id, { sessionId: null }, why);
  forgetSession(tx, cluster.id, why);
  if (holdsSaved(session)) removeCluster(tx, cluster.id, why);
}

/**
 * Whether what somebody saved is on the session's cluster. Such a cluster goes with the session,
 * whatever the pool does with others and however far its making has come: nobody else gets what
 * is on it, and no reset has to be believed.
 */
function holdsSaved({ wantedSet }: Pick<Session, 'wantedSet'>): boolean {
  return wantedSet !== null;
}

function freeLocked(tx: Tx, cluster: Cluster, isSaved: boolean, why: Why): void {
  const { id: clusterId } = cluster;
  const goes = isSaved || goesAfterSession(tx, getPool(tx.db, cluster.poolId));
  const patch = {
    sessionId: null,
    lockTime: null,
    lastUsedAt: tx.now,
    fence: cluster.fence + 1,
    ...(goes ? { removingAt: tx.now } : { work: 'RESET' as const }),
  };
  moveCluster(tx, clusterId, { from: ['LOCKED'], to: 'RESETTING', patch }, why);
  if (goes) stopVms(tx, clusterId, why);
  else forgetSession(tx, clusterId, why);
}

/** Whether a released cluster is removed: by policy, as a surplus, or with its pool. */
function goesAfterSession(tx: Tx, pool: ClusterPool): boolean {
  if (pool.recycle === 'REPLACE' || pool.deletedAt !== null) return true;
  return countMembers(tx.db, pool.id) > pool.size;
}

/** VMs that go are over for everybody now, and keep the session they went with. */
function stopVms(tx: Tx, clusterId: string, why: Why): void {
  for (const vm of findVmsOfCluster(tx.db, clusterId)) {
    updateVm(tx, vm, { phase: 'STOPPED', ipAddress: null }, why);
  }
}

/** VMs that stay are nobody's again. */
function forgetSession(tx: Tx, clusterId: string, why: Why): void {
  for (const vm of findVmsOfCluster(tx.db, clusterId)) {
    updateVm(tx, vm, { sessionId: null }, why);
  }
}

/** The VMs of a held cluster are gone: its session fails, and the cluster is made good. */
export function loseCluster(tx: Tx, clusterId: string, reason: string, why: Why): void {
  const cluster = findCluster(tx.db, clusterId);
  if (cluster?.status !== 'LOCKED' || cluster.sessionId === null) return;
  const ending = { to: 'FAILED', endReason: null, statusMessage: reason } as const;
  release(tx, cluster.sessionId, ending, { ...why, reason });
}

/** How the reason of a fallback begins that was taken because a cluster did not wake. */
export const NOT_WOKEN = 'a cluster could not be woken';

/**
 * A held cluster could not be woken: it is put back, and its session takes another, three at
 * most. The one it takes is warm if there is one, else made for it if the pool has room.
 */
export function failWake(tx: Tx, sessionId: string, reason: string, why: Why): void {
  const session = findSession(tx.db, sessionId);
  if (session?.status !== 'PROVISIONING' || session.clusterId === null) return;
  const failedWakes = session.failedWakes + 1;
  if (failedWakes >= WAKES_BEFORE_FAILURE) {
    const message = `${failedWakes} clusters could not be woken; the last: ${reason}`;
    return endFailed(tx, sessionId, message, why);
  }
  const patch = {
    clusterId: null,
    clusterLockTime: null,
    failedWakes,
    strategy: null,
    fallbackReason: `${NOT_WOKEN}: ${reason}`,
  };
  updateSession(tx, sessionId, patch, { ...why, reason });
  free(tx, session, { ...why, reason });
  takeAnother(tx, sessionId, reason, why);
}

function takeAnother(tx: Tx, sessionId: string, reason: string, why: Why): void {
  const session = findSession(tx.db, sessionId);
  if (session === undefined) return;
  const pool = getPool(tx.db, session.poolId);
  const warm = session.wantedSet === null ? findClaimable(tx.db, pool.id) : undefined;
  if (warm !== undefined) {
    const locked = lock(tx, warm, sessionId, {}, why);
    if (locked !== undefined) settle(tx, session, locked, true, why);
  } else if (pool.replenishPaused === null && countMembers(tx.db, pool.id) < pool.maxClusters) {
    makeFor(tx, pool, session, why);
  } else {
    endFailed(
      tx,
      sessionId,
      `its cluster could not be woken and there is no other: ${reason}`,
      why,
    );
  }
}

/** Ends a session as failed, with what went wrong. */
export function endFailed(tx: Tx, sessionId: string, statusMessage: string, why: Why): void {
  release(tx, sessionId, { to: 'FAILED', endReason: null, statusMessage }, why);
}
