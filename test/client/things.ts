import type { Cluster } from '../../client/cluster.tsx';
import type { ClusterPool } from '../../client/cluster-pool.tsx';
import type { Session } from '../../client/session.tsx';

/** A pool as the feed brings it. */
export function aPool(values: Partial<ClusterPool> = {}): ClusterPool {
  return {
    id: 'pool-1',
    name: 'cks',
    provider: 'SIMULATOR',
    size: 3,
    strategy: 'SNAPSHOT',
    replenishPaused: null,
    deletedAt: null,
    allowedActions: ['createSession'],
    stats: {
      totalClusters: 3,
      availableClusters: 3,
      lockedClusters: 0,
      resettingClusters: 0,
      errorClusters: 0,
      creatingClusters: 0,
      queuedSessions: 0,
    },
    ...values,
  };
}

/** A cluster as the feed brings it. */
export function aCluster(values: Partial<Cluster> = {}): Cluster {
  return {
    id: 'cluster-1',
    name: 'cluster1',
    status: 'AVAILABLE',
    statusMessage: null,
    removingAt: null,
    removedAt: null,
    pool: { id: 'pool-1' },
    assignedSession: null,
    ...values,
  };
}

/** A session as the feed brings it. */
export function aSession(values: Partial<Session> = {}): Session {
  return {
    id: 'session-1',
    owner: 'ada',
    status: 'RUNNING',
    statusMessage: null,
    queuePosition: null,
    createdAt: '2026-01-01T00:00:00.000Z',
    expiresAt: '2026-01-01T01:00:00.000Z',
    endedAt: null,
    endReason: null,
    allowedActions: ['releaseSession'],
    pool: { id: 'pool-1', name: 'cks' },
    assignedCluster: { id: 'cluster-1', name: 'cluster1' },
    ...values,
  };
}
