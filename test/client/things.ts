import type { Cluster, ClusterPool, Session, Snapshot } from '../../client/subject.ts';

const AT = '2026-01-01T00:00:00.000Z';

/** A pool as the feed brings it. */
export function aPool(values: Partial<ClusterPool> = {}): ClusterPool {
  return {
    id: 'pool-1',
    version: 1,
    name: 'cks',
    provider: 'SIMULATOR',
    size: 3,
    maxClusters: 3,
    lazy: false,
    identity: 'REKEYED',
    readiness: 'SSH',
    recycle: 'RESET',
    whenEmpty: 'REFUSE',
    strategy: 'SNAPSHOT',
    replenishPaused: null,
    sessionTtlMinutes: 60,
    maxTtlMinutes: 240,
    maxSessionsPerOwner: null,
    maxWaitSeconds: 600,
    snapshotMaxAgeSeconds: 3_600,
    createdAt: AT,
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
    version: 1,
    name: 'cluster1',
    namespace: 'cluster1',
    status: 'AVAILABLE',
    statusMessage: null,
    lockTime: null,
    lastHealthCheck: null,
    lastReset: null,
    createdAt: AT,
    removingAt: null,
    removedAt: null,
    allowedActions: [],
    pool: { id: 'pool-1', name: 'cks' },
    assignedSession: null,
    vms: [],
    controlPlaneVM: null,
    workerNodeVM: null,
    ...values,
  };
}

/** A session as the feed brings it. */
export function aSession(values: Partial<Session> = {}): Session {
  return {
    id: 'session-1',
    version: 1,
    owner: 'ada',
    status: 'RUNNING',
    statusMessage: null,
    queuePosition: null,
    strategy: null,
    servedFrom: 'POOL',
    fallbackReason: null,
    accessReady: true,
    createdAt: AT,
    clusterLockTime: AT,
    runningAt: AT,
    expiresAt: '2026-01-01T01:00:00.000Z',
    endedAt: null,
    endReason: null,
    allowedActions: ['extendSession', 'releaseSession'],
    pool: { id: 'pool-1', name: 'cks' },
    assignedCluster: { id: 'cluster-1', name: 'cluster1' },
    vms: [],
    timeline: [],
    ...values,
  };
}

/** A snapshot as the feed brings it. */
export function aSnapshot(values: Partial<Snapshot> = {}): Snapshot {
  return {
    id: 'snapshot-1',
    version: 1,
    name: 'cp-snap',
    role: 'CONTROL_PLANE',
    set: 1,
    current: true,
    status: 'READY',
    statusMessage: null,
    readyToUse: true,
    sizeBytes: 100,
    k8sVersion: 'v1.33.0',
    image: null,
    outdated: false,
    source: 'IMAGE',
    sourceReason: null,
    owner: null,
    sourceSession: null,
    title: null,
    stale: false,
    staleAt: '2026-01-01T00:00:01.000Z',
    createdAt: AT,
    allowedActions: [],
    pool: { id: 'pool-1', name: 'cks' },
    cluster: null,
    ...values,
  };
}
