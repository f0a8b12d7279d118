import { sql } from 'drizzle-orm';
import {
  index,
  integer,
  primaryKey,
  real,
  sqliteTable,
  text,
  uniqueIndex,
  type AnySQLiteColumn,
} from 'drizzle-orm/sqlite-core';
import { CAUSES, CHANGE_KINDS, SUBJECT_TYPES } from '../schema/model/change.ts';
import { CLUSTER_STATUSES, CLUSTER_WORKS } from '../schema/model/cluster.ts';
import {
  IDENTITY_MODES,
  READINESS_PROOFS,
  PROVISIONING_STRATEGIES,
  RECYCLE_POLICIES,
  WHEN_EMPTY,
} from '../schema/model/cluster-pool.ts';
import { IMAGE_SOURCES, IMAGE_STATUSES, type ImageRecipe } from '../schema/model/image.ts';
import { JOB_KINDS, JOB_STATUSES } from '../schema/model/job.ts';
import { PROVIDER_KINDS } from '../schema/model/provider-kind.ts';
import { END_REASONS, SERVED_FROM, SESSION_STATUSES } from '../schema/model/session.ts';
import { CAPTURE_MODES, SNAPSHOT_SOURCES, SNAPSHOT_STATUSES } from '../schema/model/snapshot.ts';
import { VM_ROLES, type RoleSpec } from '../schema/model/template.ts';
import { VM_ORIGINS, VM_PHASES } from '../schema/model/vm-handle.ts';

/**
 * All tables on one page. Times are epoch milliseconds. What the columns mean is told where the
 * nouns are: schema/model. A partial index names exactly the rows that a reconciler or a claim
 * looks for, so that finding work does not cost more in a larger pool.
 */

const id = () => text('id').primaryKey();
const version = () => integer('version').notNull().default(1);
const time = (name: string) => integer(name);

/** The installation itself: one row. */
export const installation = sqliteTable('installation', {
  id: text('id').primaryKey(),
  /** Names this history of the log; a restored backup gets another. */
  epoch: text('epoch').notNull(),
  createdAt: time('created_at').notNull(),
  /** The number of the last verb that wrote to the log. */
  lastTx: integer('last_tx').notNull().default(0),
});

/** What clusters are made of. */
export const templates = sqliteTable(
  'templates',
  {
    id: id(),
    name: text('name').notNull(),
    provider: text('provider', { enum: PROVIDER_KINDS }).notNull(),
    templateVersion: integer('template_version').notNull(),
    roles: text('roles', { mode: 'json' }).$type<readonly RoleSpec[]>().notNull(),
    createdAt: time('created_at').notNull(),
    version: version(),
  },
  (t) => [uniqueIndex('templates_by_name').on(t.name, t.provider, t.templateVersion)],
);

/** Pools. A deleted pool keeps its row; its name is free again. */
export const pools = sqliteTable(
  'pools',
  {
    id: id(),
    name: text('name').notNull(),
    provider: text('provider', { enum: PROVIDER_KINDS }).notNull(),
    templateId: text('template_id')
      .notNull()
      .references(() => templates.id),
    size: integer('size').notNull(),
    maxClusters: integer('max_clusters').notNull(),
    recycle: text('recycle', { enum: RECYCLE_POLICIES }).notNull(),
    whenEmpty: text('when_empty', { enum: WHEN_EMPTY }).notNull(),
    lazy: integer('lazy', { mode: 'boolean' }).notNull(),
    awake: integer('awake', { mode: 'boolean' }).notNull(),
    identity: text('identity', { enum: IDENTITY_MODES }).notNull(),
    readiness: text('readiness', { enum: READINESS_PROOFS }).notNull(),
    sessionTtlMinutes: integer('session_ttl_minutes').notNull(),
    maxTtlMinutes: integer('max_ttl_minutes').notNull(),
    maxWaitSeconds: integer('max_wait_seconds').notNull(),
    maxSessionsPerOwner: integer('max_sessions_per_owner'),
    snapshotMaxAgeSeconds: integer('snapshot_max_age_seconds').notNull(),
    nextNumber: integer('next_number').notNull().default(1),
    nextSet: integer('next_set').notNull().default(1),
    templateSets: integer('template_sets').notNull(),
    failuresInRow: integer('failures_in_row').notNull().default(0),
    replenishPaused: text('replenish_paused'),
    createdAt: time('created_at').notNull(),
    deletedAt: time('deleted_at'),
    version: version(),
  },
  (t) => [
    uniqueIndex('pools_by_name')
      .on(t.name)
      .where(sql`deleted_at IS NULL`),
  ],
);

/** Members of pools. */
export const clusters = sqliteTable(
  'clusters',
  {
    id: id(),
    name: text('name').notNull().unique(),
    namespace: text('namespace').notNull(),
    poolId: text('pool_id')
      .notNull()
      .references(() => pools.id),
    number: integer('number').notNull(),
    status: text('status', { enum: CLUSTER_STATUSES }).notNull(),
    statusMessage: text('status_message'),
    sessionId: text('session_id'),
    lockTime: time('lock_time'),
    lastUsedAt: time('last_used_at').notNull().default(0),
    lastReset: time('last_reset'),
    lastHealthCheck: time('last_health_check'),
    jobId: text('job_id'),
    work: text('work', { enum: CLUSTER_WORKS }),
    wantedStrategy: text('wanted_strategy', { enum: PROVISIONING_STRATEGIES }),
    strategy: text('strategy', { enum: PROVISIONING_STRATEGIES }),
    wantedSet: integer('wanted_set'),
    madeFromSet: integer('made_from_set'),
    fallbackReason: text('fallback_reason'),
    attempts: integer('attempts').notNull().default(0),
    failuresInRow: integer('failures_in_row').notNull().default(0),
    nextAttemptAt: time('next_attempt_at'),
    fence: integer('fence').notNull().default(1),
    createdAt: time('created_at').notNull(),
    removingAt: time('removing_at'),
    removedAt: time('removed_at'),
    version: version(),
  },
  (t) => [
    // At most one cluster per session, whatever code says.
    uniqueIndex('clusters_by_session')
      .on(t.sessionId)
      .where(sql`session_id IS NOT NULL`),
    index('clusters_to_claim')
      .on(t.poolId, t.lastUsedAt, t.number)
      .where(sql`status = 'AVAILABLE' AND removing_at IS NULL AND job_id IS NULL`),
    index('clusters_by_state')
      .on(t.poolId, t.status, t.removingAt)
      .where(sql`removed_at IS NULL`),
    index('clusters_by_name')
      .on(t.poolId, t.name)
      .where(sql`removed_at IS NULL`),
    index('clusters_to_inspect')
      .on(t.lastHealthCheck)
      .where(sql`status IN ('AVAILABLE', 'LOCKED') AND removing_at IS NULL AND removed_at IS NULL`),
    index('clusters_at_work')
      .on(t.status, t.poolId, t.number)
      .where(sql`status IN ('CREATING', 'RESETTING', 'ERROR') AND removed_at IS NULL`),
    index('clusters_removing')
      .on(t.removingAt)
      .where(sql`removing_at IS NOT NULL AND removed_at IS NULL`),
    index('clusters_of_job')
      .on(t.jobId)
      .where(sql`job_id IS NOT NULL`),
    index('clusters_removed')
      .on(t.removedAt)
      .where(sql`removed_at IS NOT NULL`),
  ],
);

/**
 * How many clusters of a pool are in each shown state, and how many are on their way out. Kept by
 * the one writer of clusters in the same transaction: counting a large pool anew at every claim
 * would cost more than the claim.
 */
export const clusterCounts = sqliteTable('cluster_counts', {
  poolId: text('pool_id')
    .primaryKey()
    .references(() => pools.id),
  creating: integer('creating').notNull().default(0),
  available: integer('available').notNull().default(0),
  locked: integer('locked').notNull().default(0),
  resetting: integer('resetting').notNull().default(0),
  error: integer('error').notNull().default(0),
  removing: integer('removing').notNull().default(0),
});

/** Holds of owners on clusters. */
export const sessions = sqliteTable(
  'sessions',
  {
    id: id(),
    owner: text('owner').notNull(),
    poolId: text('pool_id')
      .notNull()
      .references(() => pools.id),
    status: text('status', { enum: SESSION_STATUSES }).notNull(),
    statusMessage: text('status_message'),
    clusterId: text('cluster_id').references(() => clusters.id),
    lastClusterId: text('last_cluster_id'),
    clusterLockTime: time('cluster_lock_time'),
    servedFrom: text('served_from', { enum: SERVED_FROM }),
    strategy: text('strategy', { enum: PROVISIONING_STRATEGIES }),
    fallbackReason: text('fallback_reason'),
    ticket: integer('ticket'),
    failedWakes: integer('failed_wakes').notNull().default(0),
    task: text('task'),
    wantedSet: integer('wanted_set'),
    ttlMinutes: integer('ttl_minutes').notNull(),
    createdAt: time('created_at').notNull(),
    runningAt: time('running_at'),
    expiresAt: time('expires_at'),
    endedAt: time('ended_at'),
    endReason: text('end_reason', { enum: END_REASONS }),
    accessReadyAt: time('access_ready_at'),
    accessNextAt: time('access_next_at'),
    accessAttempts: integer('access_attempts').notNull().default(0),
    version: version(),
  },
  (t) => [
    // A cluster has at most one live session, whatever code says.
    uniqueIndex('sessions_one_live_per_cluster')
      .on(t.clusterId)
      .where(sql`cluster_id IS NOT NULL AND status IN ('PENDING', 'PROVISIONING', 'RUNNING')`),
    index('sessions_queue')
      .on(t.poolId, t.ticket)
      .where(sql`status = 'PENDING'`),
    index('sessions_provisioning')
      .on(t.poolId)
      .where(sql`status = 'PROVISIONING'`),
    index('sessions_expiring')
      .on(t.expiresAt)
      .where(sql`status IN ('PROVISIONING', 'RUNNING')`),
    index('sessions_without_access')
      .on(t.accessNextAt)
      .where(sql`status = 'RUNNING' AND access_next_at IS NOT NULL`),
    index('sessions_live_by_owner')
      .on(t.poolId, t.owner)
      .where(sql`status IN ('PENDING', 'PROVISIONING', 'RUNNING')`),
    index('sessions_by_owner').on(t.owner, t.createdAt),
    index('sessions_by_time').on(t.createdAt, t.id),
    index('sessions_ended')
      .on(t.endedAt)
      .where(sql`ended_at IS NOT NULL`),
  ],
);

/** VMs of clusters, as last seen. */
export const vmHandles = sqliteTable(
  'vm_handles',
  {
    id: id(),
    name: text('name').notNull(),
    role: text('role', { enum: VM_ROLES }).notNull(),
    phase: text('phase', { enum: VM_PHASES }).notNull(),
    statusMessage: text('status_message'),
    provider: text('provider', { enum: PROVIDER_KINDS }).notNull(),
    poolId: text('pool_id').notNull(),
    clusterId: text('cluster_id')
      .notNull()
      .references(() => clusters.id),
    sessionId: text('session_id'),
    snapshotId: text('snapshot_id'),
    origin: text('origin', { enum: VM_ORIGINS }),
    ipAddress: text('ip_address'),
    hasScreen: integer('has_screen', { mode: 'boolean' }),
    spawnDurationMs: integer('spawn_duration_ms'),
    createdAt: time('created_at').notNull(),
    endedAt: time('ended_at'),
    version: version(),
  },
  (t) => [
    uniqueIndex('vm_handles_by_cluster').on(t.clusterId, t.role),
    index('vm_handles_by_session')
      .on(t.sessionId)
      .where(sql`session_id IS NOT NULL`),
    index('vm_handles_by_time').on(t.createdAt, t.id),
  ],
);

/** Golden states. */
export const snapshots = sqliteTable(
  'snapshots',
  {
    id: id(),
    name: text('name').notNull(),
    role: text('role', { enum: VM_ROLES }).notNull(),
    set: integer('set_number').notNull(),
    current: integer('current', { mode: 'boolean' }).notNull(),
    status: text('status', { enum: SNAPSHOT_STATUSES }).notNull(),
    statusMessage: text('status_message'),
    mode: text('mode', { enum: CAPTURE_MODES }).notNull(),
    poolId: text('pool_id')
      .notNull()
      .references(() => pools.id),
    clusterId: text('cluster_id').references(() => clusters.id),
    sourceSessionId: text('source_session_id'),
    sourceClusterId: text('source_cluster_id'),
    source: text('source', { enum: SNAPSHOT_SOURCES }).notNull(),
    sourceReason: text('source_reason'),
    image: text('image'),
    digest: text('digest'),
    outdated: integer('outdated', { mode: 'boolean' }).notNull().default(false),
    owner: text('owner'),
    title: text('title'),
    jobId: text('job_id'),
    k8sVersion: text('k8s_version'),
    sizeBytes: real('size_bytes'),
    attempts: integer('attempts').notNull().default(0),
    nextAttemptAt: time('next_attempt_at'),
    createdAt: time('created_at').notNull(),
    readyAt: time('ready_at'),
    version: version(),
  },
  (t) => [
    uniqueIndex('snapshots_by_set').on(t.poolId, t.set, t.role),
    index('snapshots_of_cluster')
      .on(t.clusterId)
      .where(sql`cluster_id IS NOT NULL`),
    index('snapshots_of_pool')
      .on(t.poolId)
      .where(sql`cluster_id IS NULL`),
    index('snapshots_at_work')
      .on(t.status)
      .where(sql`status IN ('CREATING', 'DELETING')`),
    index('snapshots_by_time').on(t.createdAt, t.id),
  ],
);

/** Versions of named images of VMs. */
export const images = sqliteTable(
  'images',
  {
    id: id(),
    name: text('name').notNull(),
    imageVersion: integer('image_version').notNull(),
    status: text('status', { enum: IMAGE_STATUSES }).notNull(),
    statusMessage: text('status_message'),
    current: integer('current', { mode: 'boolean' }).notNull().default(false),
    parentId: text('parent_id').references((): AnySQLiteColumn => images.id),
    arch: text('arch'),
    source: text('source', { enum: IMAGE_SOURCES }).notNull(),
    reference: text('reference'),
    recipe: text('recipe', { mode: 'json' }).$type<ImageRecipe>(),
    digest: text('digest'),
    sizeBytes: real('size_bytes'),
    compressedBytes: real('compressed_bytes'),
    contents: text('contents', { mode: 'json' }).$type<readonly string[]>().notNull().default([]),
    publishTag: text('publish_tag'),
    publishedAs: text('published_as'),
    publishedDigest: text('published_digest'),
    publishError: text('publish_error'),
    attempts: integer('attempts').notNull().default(0),
    nextAttemptAt: time('next_attempt_at'),
    actor: text('actor').notNull(),
    createdAt: time('created_at').notNull(),
    startedAt: time('started_at'),
    readyAt: time('ready_at'),
    buildMs: integer('build_ms'),
    version: version(),
  },
  (t) => [
    uniqueIndex('images_by_version').on(t.name, t.imageVersion),
    // At most one version of a name is current, whatever code says.
    uniqueIndex('images_current')
      .on(t.name)
      .where(sql`current = 1`),
    index('images_of_parent')
      .on(t.parentId)
      .where(sql`parent_id IS NOT NULL`),
    index('images_by_time').on(t.createdAt, t.id),
  ],
);

/** The next version of each name: a number is given once, also when its version is deleted. */
export const imageNumbers = sqliteTable('image_numbers', {
  name: text('name').primaryKey(),
  nextVersion: integer('next_version').notNull(),
});

/** Admin work. */
export const jobs = sqliteTable(
  'jobs',
  {
    id: id(),
    kind: text('kind', { enum: JOB_KINDS }).notNull(),
    status: text('status', { enum: JOB_STATUSES }).notNull(),
    statusMessage: text('status_message'),
    poolId: text('pool_id')
      .notNull()
      .references(() => pools.id),
    clusterId: text('cluster_id').references(() => clusters.id),
    sessionId: text('session_id'),
    baseCluster: integer('base_cluster', { mode: 'boolean' }).notNull().default(false),
    mode: text('mode', { enum: CAPTURE_MODES }),
    progress: real('progress').notNull().default(0),
    progressAt: time('progress_at'),
    error: text('error'),
    actor: text('actor').notNull(),
    createdAt: time('created_at').notNull(),
    deadlineAt: time('deadline_at').notNull(),
    cancelRequestedAt: time('cancel_requested_at'),
    finishedAt: time('finished_at'),
    version: version(),
  },
  (t) => [
    index('jobs_unfinished')
      .on(t.poolId, t.kind)
      .where(sql`status IN ('QUEUED', 'RUNNING')`),
    index('jobs_by_time').on(t.createdAt, t.id),
    index('jobs_finished')
      .on(t.finishedAt)
      .where(sql`finished_at IS NOT NULL`),
  ],
);

/** Timed steps of sessions, clusters, jobs and images. */
export const phases = sqliteTable(
  'phases',
  {
    seq: integer('seq').primaryKey({ autoIncrement: true }),
    subjectId: text('subject_id').notNull(),
    name: text('name').notNull(),
    startedAt: time('started_at').notNull(),
    finishedAt: time('finished_at'),
    error: text('error'),
  },
  (t) => [index('phases_by_subject').on(t.subjectId, t.seq)],
);

/** The log: every committed transition, in order. */
export const changes = sqliteTable(
  'changes',
  {
    seq: integer('seq').primaryKey({ autoIncrement: true }),
    tx: integer('tx').notNull(),
    at: time('at').notNull(),
    type: text('type', { enum: SUBJECT_TYPES }).notNull(),
    subjectId: text('subject_id').notNull(),
    kind: text('kind', { enum: CHANGE_KINDS }).notNull(),
    from: text('from_state'),
    to: text('to_state'),
    cause: text('cause', { enum: CAUSES }).notNull(),
    reason: text('reason'),
    actor: text('actor').notNull(),
    jobId: text('job_id'),
    poolId: text('pool_id').notNull(),
    sessionId: text('session_id'),
    owner: text('owner'),
  },
  (t) => [
    index('changes_by_subject').on(t.subjectId, t.seq),
    index('changes_by_pool').on(t.poolId, t.seq),
  ],
);

/** Effects that a repeated call must not repeat. */
export const idempotency = sqliteTable(
  'idempotency',
  {
    owner: text('owner').notNull(),
    mutation: text('mutation').notNull(),
    key: text('key').notNull(),
    /** SHA-256 of the input without its key: the input itself may be private. */
    inputHash: text('input_hash').notNull(),
    subjectId: text('subject_id').notNull(),
    createdAt: time('created_at').notNull(),
  },
  (t) => [
    primaryKey({ columns: [t.owner, t.mutation, t.key] }),
    index('idempotency_by_time').on(t.createdAt),
  ],
);

/** What a provider noted before it acted, by the object it acted on. */
export const notes = sqliteTable(
  'notes',
  {
    subjectId: text('subject_id').notNull(),
    key: text('key').notNull(),
    value: text('value').notNull(),
    fence: integer('fence').notNull(),
    at: time('at').notNull(),
  },
  (t) => [primaryKey({ columns: [t.subjectId, t.key] })],
);

/** How long it took to serve sessions and to make clusters, and how it went. */
export const provisionings = sqliteTable(
  'provisionings',
  {
    id: id(),
    poolId: text('pool_id').notNull(),
    clusterId: text('cluster_id').notNull(),
    sessionId: text('session_id'),
    servedFrom: text('served_from', { enum: SERVED_FROM }).notNull(),
    startedAt: time('started_at').notNull(),
    finishedAt: time('finished_at').notNull(),
    durationMs: integer('duration_ms').notNull(),
    succeeded: integer('succeeded', { mode: 'boolean' }).notNull(),
    reason: text('reason'),
  },
  (t) => [index('provisionings_by_pool').on(t.poolId, t.startedAt)],
);

/** Who read what they had to be trusted with. */
export const audits = sqliteTable('audits', {
  seq: integer('seq').primaryKey({ autoIncrement: true }),
  at: time('at').notNull(),
  actor: text('actor').notNull(),
  action: text('action').notNull(),
  subjectId: text('subject_id').notNull(),
});

/** Kubeconfigs and keys, each sealed by a key that is not in here; read by one audited field. */
export const secrets = sqliteTable(
  'secrets',
  {
    subjectId: text('subject_id').notNull(),
    name: text('name').notNull(),
    nonce: text('nonce').notNull(),
    ciphertext: text('ciphertext').notNull(),
  },
  (t) => [primaryKey({ columns: [t.subjectId, t.name] })],
);
