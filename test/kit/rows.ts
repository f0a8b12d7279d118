import type { FeedMessage } from '../../schema/context.ts';
import type { Change } from '../../schema/model/change.ts';
import type { Cluster } from '../../schema/model/cluster.ts';
import type { ClusterPool } from '../../schema/model/cluster-pool.ts';
import type { Image } from '../../schema/model/image.ts';
import type { Job } from '../../schema/model/job.ts';
import type { Session } from '../../schema/model/session.ts';
import type { Snapshot } from '../../schema/model/snapshot.ts';
import { BUILT_IN_TEMPLATES, type Template } from '../../schema/model/template.ts';
import type { VmHandle } from '../../schema/model/vm-handle.ts';

/** Rows as they may stand in the database; tests say only what matters to them. */

/** The time at which all of them were made. */
export const MADE_AT = Date.UTC(2026, 0, 1);

/** A template of one or two VMs. */
export function aTemplate(row: Partial<Template> = {}): Template {
  return {
    id: 'template1',
    name: 'two-node',
    provider: 'SIMULATOR',
    templateVersion: 1,
    roles: BUILT_IN_TEMPLATES['two-node']?.roles ?? [],
    createdAt: MADE_AT,
    version: 1,
    ...row,
  };
}

/** A pool of three clusters. */
export function aPool(row: Partial<ClusterPool> = {}): ClusterPool {
  return {
    id: 'pool1',
    name: 'cks',
    provider: 'SIMULATOR',
    templateId: 'template1',
    size: 3,
    maxClusters: 3,
    recycle: 'RESET',
    whenEmpty: 'REFUSE',
    lazy: false,
    awake: true,
    identity: 'SHARED_IDENTITY',
    readiness: 'SSH',
    sessionTtlMinutes: 60,
    maxTtlMinutes: 480,
    maxWaitSeconds: 600,
    maxSessionsPerOwner: null,
    snapshotMaxAgeSeconds: 3_600,
    nextNumber: 4,
    nextSet: 2,
    templateSets: 1,
    failuresInRow: 0,
    replenishPaused: null,
    createdAt: MADE_AT,
    deletedAt: null,
    version: 1,
    ...row,
  };
}

/** A cluster that is free. */
export function aCluster(row: Partial<Cluster> = {}): Cluster {
  return {
    id: 'cluster1',
    name: 'cluster1',
    namespace: 'cluster1',
    poolId: 'pool1',
    number: 1,
    status: 'AVAILABLE',
    statusMessage: null,
    sessionId: null,
    lockTime: null,
    lastUsedAt: 0,
    lastReset: null,
    lastHealthCheck: null,
    jobId: null,
    work: null,
    wantedStrategy: null,
    wantedSet: null,
    madeFromSet: null,
    strategy: 'BOOTSTRAP',
    fallbackReason: null,
    attempts: 0,
    failuresInRow: 0,
    nextAttemptAt: null,
    fence: 1,
    createdAt: MADE_AT,
    removingAt: null,
    removedAt: null,
    version: 1,
    ...row,
  };
}

/** A session that runs. */
export function aSession(row: Partial<Session> = {}): Session {
  return {
    id: 'session1',
    owner: 'alice',
    poolId: 'pool1',
    status: 'RUNNING',
    statusMessage: null,
    clusterId: 'cluster1',
    lastClusterId: 'cluster1',
    clusterLockTime: MADE_AT,
    servedFrom: 'POOL',
    strategy: null,
    fallbackReason: null,
    ticket: null,
    failedWakes: 0,
    task: null,
    wantedSet: null,
    ttlMinutes: 60,
    createdAt: MADE_AT,
    runningAt: MADE_AT,
    expiresAt: MADE_AT + 3_600_000,
    endedAt: null,
    endReason: null,
    accessReadyAt: null,
    accessNextAt: null,
    accessAttempts: 0,
    version: 1,
    ...row,
  };
}

/** The control plane of the cluster. */
export function aVm(row: Partial<VmHandle> = {}): VmHandle {
  return {
    id: 'vm1',
    name: 'cp-cluster1',
    role: 'CONTROL_PLANE',
    phase: 'RUNNING',
    statusMessage: null,
    provider: 'SIMULATOR',
    poolId: 'pool1',
    clusterId: 'cluster1',
    sessionId: null,
    snapshotId: null,
    origin: 'COLD_BOOT',
    ipAddress: '10.0.0.1',
    hasScreen: null,
    spawnDurationMs: 1_200,
    createdAt: MADE_AT,
    endedAt: null,
    version: 1,
    ...row,
  };
}

/** A snapshot of the control plane in a template set. */
export function aSnapshot(row: Partial<Snapshot> = {}): Snapshot {
  return {
    id: 'snapshot1',
    name: 'cp-snap',
    role: 'CONTROL_PLANE',
    set: 1,
    current: true,
    status: 'READY',
    statusMessage: null,
    mode: 'ONLINE',
    poolId: 'pool1',
    clusterId: null,
    sourceSessionId: null,
    sourceClusterId: 'cluster1',
    source: 'CLUSTER',
    sourceReason: null,
    image: null,
    digest: null,
    outdated: false,
    owner: null,
    title: null,
    jobId: null,
    k8sVersion: 'v1.31.4',
    sizeBytes: 3_000_000_000,
    attempts: 0,
    nextAttemptAt: null,
    createdAt: MADE_AT,
    readyAt: MADE_AT,
    version: 1,
    ...row,
  };
}

/** A job that runs. */
export function aJob(row: Partial<Job> = {}): Job {
  return {
    id: 'job1',
    kind: 'WARM_UP_POOL',
    status: 'RUNNING',
    statusMessage: null,
    poolId: 'pool1',
    clusterId: null,
    sessionId: null,
    baseCluster: false,
    mode: null,
    progress: 0.5,
    progressAt: null,
    error: null,
    actor: 'root',
    createdAt: MADE_AT,
    deadlineAt: MADE_AT + 2_700_000,
    cancelRequestedAt: null,
    finishedAt: null,
    version: 1,
    ...row,
  };
}

/** The current version of an image. */
export function anImage(row: Partial<Image> = {}): Image {
  return {
    id: 'image1',
    name: 'games',
    imageVersion: 3,
    status: 'READY',
    statusMessage: null,
    current: true,
    parentId: null,
    arch: 'amd64',
    source: 'BUILT',
    reference: null,
    recipe: { parent: 'base', packages: ['nethack-console'], files: {}, steps: [] },
    digest: `sha256:${'a'.repeat(64)}`,
    sizeBytes: 9_000_000,
    compressedBytes: null,
    contents: ['nethack-console 3.6.6-3'],
    publishTag: null,
    publishedAs: null,
    publishedDigest: null,
    publishError: null,
    attempts: 0,
    nextAttemptAt: null,
    actor: 'root',
    createdAt: MADE_AT,
    startedAt: MADE_AT,
    readyAt: MADE_AT + 60_000,
    buildMs: 60_000,
    version: 1,
    ...row,
  };
}

/** The change by which alice's claim locked the cluster. */
export function aChange(row: Partial<Change> = {}): Change {
  return {
    seq: 7,
    tx: 3,
    at: MADE_AT,
    type: 'CLUSTER',
    subjectId: 'cluster1',
    kind: 'UPDATED',
    from: 'AVAILABLE',
    to: 'LOCKED',
    cause: 'CLAIM',
    reason: null,
    actor: 'alice',
    jobId: null,
    poolId: 'pool1',
    sessionId: 'session1',
    owner: 'alice',
    ...row,
  };
}

/** A bookmark of the feed at this position. */
export function aBookmark(seq: number): FeedMessage {
  return { kind: 'BOOKMARK', cursor: { epoch: 'epoch123', seq }, prev: null };
}
