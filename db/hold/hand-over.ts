import type { Why } from '../../schema/model/change.ts';
import type { Cluster } from '../../schema/model/cluster.ts';
import type { Session } from '../../schema/model/session.ts';
import { findCluster, moveCluster, type ClusterPatch } from '../cluster.ts';
import { closePhase, openPhase } from '../phase.ts';
import { findFirstWaiting, findSession, moveSession, type SessionPatch } from '../session.ts';
import type { Tx } from '../tx.ts';
import { serveWaiting } from './claim.ts';
import { lock, recordServed } from './lock.ts';

/** What a cluster that becomes free brings with it. */
export interface Free {
  /** The fence under which the worker did its work. */
  readonly fence: number;
  readonly patch: ClusterPatch;
  readonly wakes: boolean;
}

/**
 * A cluster has become free: in one step it goes to the session it was made for, to the first
 * that waits, or to the pool. Undefined when it was taken over meanwhile.
 */
export function handOver(tx: Tx, id: string, free: Free, why: Why): Cluster | undefined {
  const cluster = findCluster(tx.db, id);
  if (cluster === undefined || cluster.removingAt !== null || cluster.fence !== free.fence) return;
  const patch = { ...free.patch, failuresInRow: 0, jobId: null, wantedStrategy: null };
  const owner = ownerOf(tx, cluster);
  if (owner === undefined) {
    const from = ['CREATING', 'RESETTING'] as const;
    const move = { from, to: 'AVAILABLE', patch: { ...patch, sessionId: null } } as const;
    const isFree = moveCluster(tx, id, move, why) !== undefined;
    return isFree ? giveWay(tx, id, free.wakes, why) : undefined;
  }
  const locked = lock(tx, cluster, owner.id, patch, why);
  if (locked !== undefined) settle(tx, owner, locked, free.wakes, why);
  return locked;
}

/** Those who are served in one transaction: a cluster made is about ten rows. */
const MOST_SERVED = 8;

/**
 * A session that wants what was saved cannot have a free cluster, but that makes room for the one
 * it gets. If there was room anyway, the cluster goes to the first behind it.
 */
function giveWay(tx: Tx, id: string, wakes: boolean, why: Why): Cluster | undefined {
  const poolId = findCluster(tx.db, id)?.poolId ?? '';
  let next = findFirstWaiting(tx.db, poolId);
  for (let served = 0; served < MOST_SERVED && next?.wantedSet != null; served += 1) {
    if (serveWaiting(tx, poolId, 1) === 0) break;
    next = findFirstWaiting(tx.db, poolId);
  }
  const cluster = findCluster(tx.db, id);
  if (cluster?.removingAt !== null || next?.wantedSet !== null) return cluster;
  const locked = lock(tx, cluster, next.id, {}, why);
  if (locked !== undefined) settle(tx, next, locked, wakes, why);
  return locked;
}

/** Whose cluster this becomes: that of the session it was made for, else the first in the queue. */
function ownerOf(tx: Tx, cluster: Cluster): Session | undefined {
  const made = cluster.sessionId === null ? undefined : findSession(tx.db, cluster.sessionId);
  if (made?.status === 'PROVISIONING') return made;
  const first = findFirstWaiting(tx.db, cluster.poolId);
  return first?.wantedSet === null ? first : undefined;
}

/** Gives a session the cluster that is now locked for it. */
export function settle(tx: Tx, session: Session, cluster: Cluster, wakes: boolean, why: Why): void {
  const madeForIt = session.clusterId === cluster.id;
  const patch = {
    clusterId: cluster.id,
    lastClusterId: cluster.id,
    clusterLockTime: tx.now,
    ticket: null,
    expiresAt: Math.max(session.expiresAt ?? 0, tx.now + session.ttlMinutes * 60_000),
    strategy: madeForIt ? cluster.strategy : null,
    fallbackReason: madeForIt
      ? (cluster.fallbackReason ?? session.fallbackReason)
      : (session.fallbackReason ?? cluster.fallbackReason),
  };
  if (!wakes) return run(tx, session, cluster, patch, why);
  openPhase(tx, session.id, 'wake');
  const from = ['PENDING', 'PROVISIONING'] as const;
  moveSession(tx, session.id, { from, to: 'PROVISIONING', patch }, why);
}

function run(tx: Tx, session: Session, cluster: Cluster, more: SessionPatch, why: Why): void {
  closePhase(tx, session.id);
  // Its strategy says how the cluster was made for it; a cluster that was there has none.
  const strategy = more.strategy === undefined ? session.strategy : more.strategy;
  const servedFrom = strategy ?? 'POOL';
  // What was last told of its making is no word about a session that runs.
  const times = { runningAt: tx.now, accessNextAt: tx.now };
  const patch: SessionPatch = { ...more, ...times, servedFrom, statusMessage: null };
  const from = ['PENDING', 'PROVISIONING'] as const;
  const running = moveSession(tx, session.id, { from, to: 'RUNNING', patch }, why);
  if (running !== undefined) recordServed(tx, running, cluster.id, servedFrom);
}

/** The cluster of a session has been woken for it. Undefined when the session ended meanwhile. */
export function finishWake(tx: Tx, sessionId: string, why: Why): Session | undefined {
  const session = findSession(tx.db, sessionId);
  if (session?.status !== 'PROVISIONING' || session.clusterId === null) return undefined;
  const cluster = findCluster(tx.db, session.clusterId);
  if (cluster?.status !== 'LOCKED') return undefined;
  const expiresAt = Math.max(session.expiresAt ?? 0, tx.now + session.ttlMinutes * 60_000);
  run(tx, session, cluster, { expiresAt }, why);
  return findSession(tx.db, sessionId);
}
