import { builder, forViewer } from './builder.ts';
import { ClusterConnection } from './cluster.ts';
import { ClusterPoolStatsObject } from './cluster-pool-stats.ts';
import type { Context, Reads } from './context.ts';
import { globalId } from './global-id.ts';
import { poolActions } from './model/allowed-actions.ts';
import type { ClusterPool } from './model/cluster-pool.ts';
import { type JobKind, SNAPSHOT_JOB_KINDS, UNFINISHED_JOB_STATUSES } from './model/job.ts';
import { LIVE_SESSION_STATUSES } from './model/session.ts';
import { strategyFor } from './model/snapshot.ts';
import { hasRole } from './model/viewer.ts';
import { ALLOWED_ACTIONS, referred, VERSION } from './noun.ts';
import { ClusterPoolNode, TemplateNode } from './nouns.ts';
import { connectionOf, pageArgs, readPage } from './page.ts';
import { ProviderKindEnum, ProvisioningStrategyEnum } from './provider-kind.ts';
import { NODE_ID } from './relay.ts';
import { SnapshotInfoObject } from './snapshot-info.ts';

/** What becomes of a cluster after its session. */
export const RecyclePolicyEnum = builder.enumType('RecyclePolicy', {
  description:
    'What becomes of a cluster after its session: restored in place and used again, or destroyed ' +
    'and replaced.',
  values: {
    RESET: { description: 'Restored in place and used again.' },
    REPLACE: { description: 'Destroyed; another is made.' },
  },
});

/** What a claim gets when no cluster is available. */
export const WhenEmptyEnum = builder.enumType('WhenEmpty', {
  description: 'What a claim gets when no cluster is available.',
  values: {
    REFUSE: { description: 'PoolExhausted.' },
    QUEUE: {
      description: 'A PENDING session that gets the next free cluster, in order of arrival.',
    },
    PROVISION: { description: 'A cluster made for it, up to `maxClusters`.' },
  },
});

/** Whose identity clusters made from one golden state have. */
export const IdentityModeEnum = builder.enumType('IdentityMode', {
  description:
    'Whether clusters made from one golden state keep its identity (keys, machine ids) or get ' +
    'their own before hand-over.',
  values: {
    SHARED_IDENTITY: { description: 'All have the same: the pool is one domain of trust.' },
    REKEYED: {
      description:
        'Each gets its own SSH host keys and machine id. Certificates of a Kubernetes in the ' +
        'guests stay those of the golden state.',
    },
  },
});

/** How a pool proves that a guest is ready. */
export const ReadinessProofEnum = builder.enumType('ReadinessProof', {
  description: 'How a KUBEVIRT pool proves that a guest is ready before it is handed out.',
  values: {
    SSH: {
      description:
        'By commands in the guest: it answers, its nodes are Ready, and after a reset the traces ' +
        'of the last session are gone.',
    },
    PROBE: {
      description:
        "By the VM's own readiness probe, for guests that take no SSH. No command can be run in " +
        'them, so a reset is proven by the identity of the restored disks.',
    },
  },
});

ClusterPoolNode.implement({
  description: 'A named set of interchangeable clusters of one provider and one template.',
  authScopes: forViewer,
  interfaces: [builder.nodeInterfaceRef()],
  fields: (t) => ({
    id: t.id({ description: NODE_ID, resolve: ({ id }) => globalId('ClusterPool', id) }),
    name: t.exposeString('name', {
      description: 'Its name: a letter, then letters, digits and dashes, at most 30 characters.',
    }),
    provider: t.expose('provider', {
      type: ProviderKindEnum,
      description: 'What makes its VMs exist.',
    }),
    size: t.exposeInt('size', { description: 'How many clusters it keeps, free or locked.' }),
    maxClusters: t.exposeInt('maxClusters', {
      description: 'The most clusters at once, those made for waiting sessions included.',
    }),
    recycle: t.expose('recycle', {
      type: RecyclePolicyEnum,
      description: 'What becomes of a cluster after its session.',
    }),
    whenEmpty: t.expose('whenEmpty', {
      type: WhenEmptyEnum,
      description: 'What a claim gets when no cluster is available.',
    }),
    lazy: t.exposeBoolean('lazy', {
      description: 'A lazy pool makes nothing before its first claim, warmUpPool or bootstrapPool.',
    }),
    identity: t.expose('identity', {
      type: IdentityModeEnum,
      description: 'Whether its clusters share the identity of their golden state.',
    }),
    readiness: t.expose('readiness', {
      type: ReadinessProofEnum,
      description: 'How it proves that a guest is ready.',
    }),
  }),
});

// Its limits.
builder.objectFields(ClusterPoolNode, (t) => ({
  sessionTtlMinutes: t.exposeInt('sessionTtlMinutes', {
    description: 'Minutes a session lasts that does not say for how long.',
  }),
  maxTtlMinutes: t.exposeInt('maxTtlMinutes', {
    description: 'Minutes a session may last at most, extensions included.',
  }),
  maxWaitSeconds: t.exposeInt('maxWaitSeconds', {
    description: 'Seconds after which a session that still waits in the queue fails.',
  }),
  maxSessionsPerOwner: t.exposeInt('maxSessionsPerOwner', {
    nullable: true,
    description: 'Live sessions that one owner may have here; null for any number.',
  }),
  snapshotMaxAgeSeconds: t.exposeInt('snapshotMaxAgeSeconds', {
    description: 'Seconds after which a snapshot is stale.',
  }),
  templateSets: t.exposeInt('templateSets', {
    description:
      'How many template sets it has current at once; clusters are made of each in turn.',
  }),
}));

// Its clusters and what they are made from.
builder.objectFields(ClusterPoolNode, (t) => ({
  template: t.field({
    type: TemplateNode,
    description: 'What its clusters are made of.',
    resolve: templateOf,
  }),
  strategy: t.field({
    type: ProvisioningStrategyEnum,
    description:
      'What a cold creation would use now: SNAPSHOT only when every role has a ready, complete ' +
      'snapshot.',
    resolve: (pool, args, context) =>
      strategyFor(context.reads.templateSet(pool.id), templateOf(pool, args, context).roles),
  }),
  snapshotInfo: t.field({
    type: SnapshotInfoObject,
    description: 'The golden state new clusters are made from; of several the newest.',
    resolve: ({ id }, _args, { reads }) => reads.templateSet(id),
  }),
  stats: t.field({
    type: ClusterPoolStatsObject,
    description: 'How many of its clusters are in each state.',
    resolve: ({ id }, _args, { reads }) => ({ poolId: id, ...reads.poolStats(id) }),
  }),
  replenishPaused: t.exposeString('replenishPaused', {
    nullable: true,
    description:
      'Set while creations are paused after repeated failures: the reason. Cleared by ' +
      'repairCluster, bootstrapPool or updateClusterPool.',
  }),
  clusters: t.field({
    type: ClusterConnection,
    description: 'Its clusters, by name.',
    args: pageArgs,
    resolve: ({ id }, args, { reads }) => readPage(args, (page) => reads.clusters(id, page)),
  }),
}));

// Its life.
builder.objectFields(ClusterPoolNode, (t) => ({
  createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was made.' }),
  deletedAt: t.expose('deletedAt', {
    type: 'DateTime',
    nullable: true,
    description: 'When it was deleted; its clusters are then being removed.',
  }),
  version: t.exposeInt('version', { description: VERSION }),
  allowedActions: t.stringList({ description: ALLOWED_ACTIONS, resolve: allowedActions }),
}));

function templateOf(pool: ClusterPool, _args: object, { reads }: Context) {
  return referred(reads.template(pool.templateId), `the template of pool ${pool.id}`);
}

/** What only admins could do is read for admins only: others do not see all sessions. */
function allowedActions(pool: ClusterPool, args: object, context: Context): string[] {
  const { viewer, reads } = context;
  const { roles } = templateOf(pool, args, context);
  const isAdmin = hasRole(viewer, 'ADMIN');
  const hasLiveSession = isAdmin && hasLiveSessions(pool, reads);
  const snapshotJob = isAdmin ? unfinishedSnapshotJob(pool, reads) : undefined;
  return poolActions(pool, { roles, hasLiveSession, snapshotJob }, viewer);
}

function hasLiveSessions(pool: ClusterPool, reads: Reads): boolean {
  const filter = { poolId: pool.id, status: LIVE_SESSION_STATUSES };
  return reads.sessions(filter, { first: 1 }).rows.length > 0;
}

function unfinishedSnapshotJob(pool: ClusterPool, reads: Reads): JobKind | undefined {
  const filter = { poolId: pool.id, status: UNFINISHED_JOB_STATUSES };
  const jobs = reads.jobs(filter, { first: 100 }).rows.map(({ row }) => row.kind);
  return jobs.find((kind) => SNAPSHOT_JOB_KINDS.includes(kind));
}

const ClusterPoolConnection = connectionOf(ClusterPoolNode, 'pools');

builder.queryFields((t) => ({
  clusterPool: t.field({
    type: ClusterPoolNode,
    nullable: true,
    authScopes: forViewer,
    description: 'The pool of this name; null when there is none.',
    args: { name: t.arg.string({ required: true, description: 'Its name.' }) },
    resolve: (_root, { name }, { reads }) => reads.clusterPoolByName(name),
  }),
  clusterPools: t.field({
    type: ClusterPoolConnection,
    authScopes: forViewer,
    description: 'All pools, by name.',
    args: pageArgs,
    resolve: (_root, args, { reads }) => readPage(args, (page) => reads.clusterPools(page)),
  }),
}));
