import { graphql, type ResultOf } from './graphql.ts';

// What the feed brings of each kind of thing: all its plain fields, and whom it belongs to. What
// costs more (lists, what is logged when it is read) is left to those who ask for it.

/** A pool, without its clusters. */
export const CLUSTER_POOL_FIELDS = graphql(`
  fragment ClusterPoolFields on ClusterPool {
    id
    version
    name
    provider
    size
    maxClusters
    lazy
    identity
    readiness
    recycle
    whenEmpty
    strategy
    replenishPaused
    sessionTtlMinutes
    maxTtlMinutes
    maxSessionsPerOwner
    maxWaitSeconds
    snapshotMaxAgeSeconds
    createdAt
    deletedAt
    allowedActions
    stats {
      totalClusters
      availableClusters
      lockedClusters
      resettingClusters
      errorClusters
      creatingClusters
      queuedSessions
    }
  }
`);

/** A cluster, and who holds it. */
export const CLUSTER_FIELDS = graphql(`
  fragment ClusterFields on Cluster {
    id
    version
    name
    namespace
    status
    statusMessage
    lockTime
    lastHealthCheck
    lastReset
    createdAt
    removingAt
    removedAt
    allowedActions
    pool {
      id
      name
    }
    assignedSession {
      id
      owner
    }
    vms {
      id
    }
    controlPlaneVM {
      id
    }
    workerNodeVM {
      id
    }
  }
`);

/** A session, and what it holds; how to get into it is asked for apart. */
export const SESSION_FIELDS = graphql(`
  fragment SessionFields on Session {
    id
    version
    owner
    status
    statusMessage
    queuePosition
    strategy
    servedFrom
    fallbackReason
    accessReady
    createdAt
    clusterLockTime
    runningAt
    expiresAt
    endedAt
    endReason
    allowedActions
    pool {
      id
      name
    }
    assignedCluster {
      id
      name
    }
    vms {
      id
    }
    timeline {
      name
      startedAt
      finishedAt
      durationMs
      error
    }
  }
`);

/** A VM, and whom it belongs to. */
export const VM_HANDLE_FIELDS = graphql(`
  fragment VmHandleFields on VmHandle {
    id
    version
    name
    role
    provider
    phase
    statusMessage
    origin
    ipAddress
    spawnDurationMs
    createdAt
    consoles
    allowedActions
    cluster {
      id
    }
    session {
      id
    }
    snapshot {
      id
    }
  }
`);

/** The golden state of one VM role. */
export const SNAPSHOT_FIELDS = graphql(`
  fragment SnapshotFields on Snapshot {
    id
    version
    name
    role
    set
    current
    status
    statusMessage
    readyToUse
    sizeBytes
    k8sVersion
    image
    outdated
    source
    sourceReason
    owner
    title
    stale
    staleAt
    createdAt
    allowedActions
    pool {
      id
      name
    }
    cluster {
      id
    }
    sourceSession {
      id
    }
  }
`);

/** A job, with its steps. */
export const JOB_FIELDS = graphql(`
  fragment JobFields on Job {
    id
    version
    kind
    status
    statusMessage
    progress
    error
    createdAt
    finishedAt
    cancelRequestedAt
    allowedActions
    pool {
      id
      name
    }
    steps {
      name
      startedAt
      finishedAt
      durationMs
      error
    }
  }
`);

/** One version of an image of VMs. */
export const IMAGE_FIELDS = graphql(`
  fragment ImageFields on Image {
    id
    version
    name
    imageVersion
    status
    statusMessage
    current
    source
    reference
    arch
    digest
    sizeBytes
    compressedBytes
    publishing
    publishedAs
    publishedDigest
    publishError
    actor
    createdAt
    readyAt
    buildMs
    usedBy
    allowedActions
    parent {
      id
      name
      imageVersion
    }
    timeline {
      name
      startedAt
      finishedAt
      durationMs
      error
    }
  }
`);

/** A pool as the feed brings it. */
export type ClusterPool = ResultOf<typeof CLUSTER_POOL_FIELDS>;
/** A cluster as the feed brings it. */
export type Cluster = ResultOf<typeof CLUSTER_FIELDS>;
/** A session as the feed brings it. */
export type Session = ResultOf<typeof SESSION_FIELDS>;
/** A VM as the feed brings it. */
export type VmHandle = ResultOf<typeof VM_HANDLE_FIELDS>;
/** A snapshot as the feed brings it. */
export type Snapshot = ResultOf<typeof SNAPSHOT_FIELDS>;
/** A job as the feed brings it. */
export type Job = ResultOf<typeof JOB_FIELDS>;
/** An image as the feed brings it. */
export type Image = ResultOf<typeof IMAGE_FIELDS>;
