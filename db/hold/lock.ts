import type { Why } from '../../schema/model/change.ts';
import type { Cluster } from '../../schema/model/cluster.ts';
import type { ServedFrom, Session } from '../../schema/model/session.ts';
import { moveCluster, type ClusterPatch } from '../cluster.ts';
import { recordProvisioning } from '../provisioning.ts';
import type { Tx } from '../tx.ts';
import { findVmsOfCluster, updateVm } from '../vm-handle.ts';

/**
 * Locks a free cluster for a session, under a new fence. The caller gives the session the cluster
 * in the same transaction. Undefined when the cluster is not free.
 */
export function lock(
  tx: Tx,
  cluster: Cluster,
  sessionId: string,
  more: ClusterPatch,
  why: Why,
): Cluster | undefined {
  const patch = { ...more, sessionId, lockTime: tx.now, fence: cluster.fence + 1 };
  const from = ['AVAILABLE', 'CREATING', 'RESETTING'] as const;
  const locked = moveCluster(tx, cluster.id, { from, to: 'LOCKED', patch }, why);
  for (const vm of findVmsOfCluster(tx.db, cluster.id)) updateVm(tx, vm, { sessionId }, why);
  return locked;
}

/** Records that a session has been served, and how long that took. */
export function recordServed(
  tx: Tx,
  session: Session,
  clusterId: string,
  servedFrom: ServedFrom,
): void {
  recordProvisioning(tx, {
    poolId: session.poolId,
    clusterId,
    sessionId: session.id,
    servedFrom,
    startedAt: session.createdAt,
    succeeded: true,
    reason: session.fallbackReason,
  });
}
