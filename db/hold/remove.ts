import type { Why } from '../../schema/model/change.ts';
import type { Cluster } from '../../schema/model/cluster.ts';
import { findCluster, updateCluster } from '../cluster.ts';
import type { Tx } from '../tx.ts';

/**
 * Marks a cluster as being removed; it is never claimed again. A held one is left to its session,
 * after which it goes by itself. Undefined when it is held, or on its way out already.
 */
export function removeCluster(tx: Tx, id: string, why: Why): Cluster | undefined {
  const cluster = findCluster(tx.db, id);
  if (cluster === undefined || cluster.removingAt !== null) return undefined;
  if (cluster.status === 'LOCKED' || cluster.sessionId !== null) return undefined;
  const patch = { removingAt: tx.now, jobId: null, fence: cluster.fence + 1, nextAttemptAt: null };
  return updateCluster(tx, id, { ...patch, attempts: 0 }, why);
}
