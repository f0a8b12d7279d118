import { builder, forAdmin, forViewer } from './builder.ts';
import { databaseId, globalId, wantedId } from './global-id.ts';
import { clusterActions } from './model/allowed-actions.ts';
import { shownStatus } from './model/cluster.ts';
import type { VmRole } from './model/template.ts';
import type { VmHandle } from './model/vm-handle.ts';
import { ALLOWED_ACTIONS, referred, VERSION } from './noun.ts';
import {
  ClusterNode,
  ClusterPoolNode,
  JobNode,
  SessionNode,
  SnapshotNode,
  VmHandleNode,
} from './nouns.ts';
import { connectionOf } from './page.ts';
import { PhaseObject } from './phase.ts';
import { refusals } from './refusal.ts';
import { NODE_ID } from './relay.ts';

/** The state of a cluster. */
export const ClusterStatusEnum = builder.enumType('ClusterStatus', {
  description: 'The state of a cluster.',
  values: {
    CREATING: { description: 'Being made, until its guests are proven to answer.' },
    AVAILABLE: { description: 'Clean, answering and free: a claim takes it at once.' },
    LOCKED: { description: 'Held by a session.' },
    RESETTING: { description: 'Being put back to the golden state, captured, or removed.' },
    ERROR: { description: 'Its work failed; it is tried again after 1, 5 and 25 minutes.' },
  },
});

ClusterNode.implement({
  description:
    'One member of a pool: its VMs are created, captured, handed out, reset and removed as one ' +
    'unit. At most one live session holds it.',
  authScopes: forViewer,
  interfaces: [builder.nodeInterfaceRef()],
  fields: (t) => ({
    id: t.id({ description: NODE_ID, resolve: ({ id }) => globalId('Cluster', id) }),
    name: t.exposeString('name', {
      description:
        'Unique in this installation and never used again: <pool>-<n>, for the default pool ' +
        'cluster<n>.',
    }),
    namespace: t.exposeString('namespace', {
      description: 'Where its outside objects live; on Kubernetes the namespace.',
    }),
    pool: t.field({
      type: ClusterPoolNode,
      description: 'The pool it belongs to.',
      resolve: (cluster, _args, { reads }) =>
        referred(reads.clusterPool(cluster.poolId), `the pool of cluster ${cluster.id}`),
    }),
    status: t.field({
      type: ClusterStatusEnum,
      description: 'Its state; one that is being removed is shown as RESETTING.',
      resolve: shownStatus,
    }),
    statusMessage: t.exposeString('statusMessage', {
      nullable: true,
      description: 'What it is at, or what is wrong with it, in a sentence.',
    }),
    assignedSession: t.field({
      type: SessionNode,
      nullable: true,
      description: 'The live session that holds it; null to those who may not see that session.',
      resolve: ({ sessionId }, _args, { reads }) =>
        sessionId === null ? null : reads.session(sessionId),
    }),
    lockTime: t.expose('lockTime', {
      type: 'DateTime',
      nullable: true,
      description: 'When the session that holds it got it.',
    }),
    lastReset: t.expose('lastReset', {
      type: 'DateTime',
      nullable: true,
      description: 'When it was last proven to be back at the golden state.',
    }),
    lastHealthCheck: t.expose('lastHealthCheck', {
      type: 'DateTime',
      nullable: true,
      description: 'When its guests were last asked whether they answer.',
    }),
  }),
});

// Its VMs.
builder.objectFields(ClusterNode, (t) => ({
  controlPlaneVM: t.field({
    type: VmHandleNode,
    nullable: true,
    description: 'Its control plane; null before it is made and where there is none.',
    resolve: ({ id }, _args, { reads }) => vmOfRole(reads.vmHandlesOfCluster(id), 'CONTROL_PLANE'),
  }),
  workerNodeVM: t.field({
    type: VmHandleNode,
    nullable: true,
    description: 'Its worker node; null before it is made and where there is none.',
    resolve: ({ id }, _args, { reads }) => vmOfRole(reads.vmHandlesOfCluster(id), 'WORKER'),
  }),
  vms: t.field({
    type: [VmHandleNode],
    description: 'All its VMs.',
    resolve: ({ id }, _args, { reads }) => reads.vmHandlesOfCluster(id),
  }),
}));

// What it is made of.
builder.objectFields(ClusterNode, (t) => ({
  madeFrom: t.field({
    type: [SnapshotNode],
    description:
      'The snapshots that its VMs were last made from; none when they were made from the image, ' +
      'are not made yet, or the set is gone or not for the viewer to see.',
    resolve: ({ poolId, madeFromSet: set }, _args, { reads }) =>
      set === null ? [] : reads.snapshotSet({ poolId, set }),
  }),
}));

// Its life.
builder.objectFields(ClusterNode, (t) => ({
  timeline: t.field({
    type: [PhaseObject],
    description:
      'What was done at it, step by step, in order: its making, captures and resets with the ' +
      'rungs that they tried. Of very many steps the latest.',
    resolve: ({ id }, _args, { reads }) => reads.timeline(id),
  }),
  createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was begun.' }),
  removingAt: t.expose('removingAt', {
    type: 'DateTime',
    nullable: true,
    description:
      'Being taken away: counted as RESETTING, never claimed. Gone from lists once removed; ' +
      'node(id) still answers for 30 days.',
  }),
  removedAt: t.expose('removedAt', {
    type: 'DateTime',
    nullable: true,
    description: 'When the last of its outside objects was gone.',
  }),
  version: t.exposeInt('version', { description: VERSION }),
  allowedActions: t.stringList({
    description: ALLOWED_ACTIONS,
    resolve: (cluster, _args, { viewer }) => clusterActions(cluster, viewer),
  }),
}));

function vmOfRole(vms: readonly VmHandle[], role: VmRole): VmHandle | undefined {
  return vms.find((vm) => vm.role === role);
}

/** A page of clusters. */
export const ClusterConnection = connectionOf(ClusterNode, 'clusters');

builder.queryField('cluster', (t) =>
  t.field({
    type: ClusterNode,
    nullable: true,
    authScopes: forViewer,
    description: 'One cluster; null when there is none with this id.',
    args: { id: t.arg.id({ required: true, description: 'Its id.' }) },
    resolve: (_root, args, { reads }) => {
      const id = databaseId('Cluster', args.id);
      return id === undefined ? null : reads.cluster(id);
    },
  }),
);

const ClusterInput = builder.inputType('ClusterInput', {
  description: 'Which cluster.',
  fields: (t) => ({ clusterId: t.id({ required: true, description: 'Its id.' }) }),
});

builder.mutationFields((t) => ({
  resetCluster: t.field({
    type: JobNode,
    authScopes: forAdmin,
    errors: refusals.job,
    description:
      'Puts a cluster back to its golden state. WrongState on a LOCKED cluster: end its session ' +
      'instead.',
    args: { input: t.arg({ type: ClusterInput, required: true, description: 'Which cluster.' }) },
    resolve: (_root, { input }, { verbs }) =>
      verbs.resetCluster(wantedId('Cluster', input.clusterId)),
  }),
  repairCluster: t.field({
    type: JobNode,
    authScopes: forAdmin,
    errors: refusals.job,
    description:
      'Tries a cluster in ERROR again at once: by a reset, or by making it anew. Lets a pool ' +
      'whose creations are paused go on. WrongState on a LOCKED cluster.',
    args: { input: t.arg({ type: ClusterInput, required: true, description: 'Which cluster.' }) },
    resolve: (_root, { input }, { verbs }) =>
      verbs.repairCluster(wantedId('Cluster', input.clusterId)),
  }),
}));
