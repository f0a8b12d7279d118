import type { ClusterPoolStats } from '../schema/model/cluster-pool.ts';
import { countByStatus } from './cluster-count.ts';
import { getPool } from './cluster-pool.ts';
import type { Db } from './connection.ts';
import { countWaiting } from './session.ts';
import { findCurrentSets } from './template-set.ts';
import { findTemplate } from './template.ts';

/** How a pool stands; the counts of clusters by state add up to the total. */
export function poolStats(db: Db, poolId: string): ClusterPoolStats {
  const { maxClusters, templateId } = getPool(db, poolId);
  const counts = countByStatus(db, poolId);
  const vms = findTemplate(db, templateId)?.roles.length ?? 0;
  const sets = findCurrentSets(db, poolId);
  return {
    totalClusters: Object.values(counts).reduce((sum, n) => sum + n, 0),
    availableClusters: counts.AVAILABLE,
    lockedClusters: counts.LOCKED,
    resettingClusters: counts.RESETTING,
    errorClusters: counts.ERROR,
    creatingClusters: counts.CREATING,
    queuedSessions: countWaiting(db, poolId),
    maxClusters,
    activeVms: counts.LOCKED * vms,
    setsReadyAt: sets.flatMap(([first]) => first?.readyAt ?? []),
  };
}
