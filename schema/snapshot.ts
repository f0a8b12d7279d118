import { builder, forAdmin, forUser, forViewer } from './builder.ts';
import type { Context } from './context.ts';
import { globalId, wantedId } from './global-id.ts';
import { createSnapshotsInput, parseInput, saveSessionInput } from './inputs.ts';
import { snapshotActions } from './model/allowed-actions.ts';
import { ageSeconds, isReadyToUse, isStale, type Snapshot, staleAt } from './model/snapshot.ts';
import { ALLOWED_ACTIONS, referred, VERSION } from './noun.ts';
import { ClusterNode, ClusterPoolNode, JobNode, SessionNode, SnapshotNode } from './nouns.ts';
import { connectionOf, pageArgs, poolArg, readPageOfPool } from './page.ts';
import { PoolInput } from './pool-input.ts';
import { refusals } from './refusal.ts';
import { NODE_ID } from './relay.ts';
import { VmRoleEnum } from './template.ts';

/** The state of a snapshot. */
export const SnapshotStatusEnum = builder.enumType('SnapshotStatus', {
  description: 'The state of a snapshot.',
  values: {
    CREATING: { description: 'Being taken, until it is proven complete.' },
    READY: { description: 'Complete: it can be restored from.' },
    FAILED: { description: 'Could not be taken, or was found damaged.' },
    DELETING: { description: 'Being deleted; gone from lists when it is.' },
  },
});

SnapshotNode.implement({
  description:
    'The golden state of one VM role; or what somebody saved of a session, which only that owner ' +
    'and admins see.',
  authScopes: forViewer,
  interfaces: [builder.nodeInterfaceRef()],
  fields: (t) => ({
    id: t.id({ description: NODE_ID, resolve: ({ id }) => globalId('Snapshot', id) }),
    name: t.exposeString('name', {
      description:
        'Its name at the provider. On Kubernetes it lies in the namespace of its cluster; that ' +
        'of a template set in vm-templates, with the name of its pool and a dash before it.',
    }),
    role: t.expose('role', { type: VmRoleEnum, description: 'Of which VM of a cluster it is.' }),
    set: t.exposeInt('set', {
      description:
        'Snapshots of all roles taken together share one set number; sets are current or not as ' +
        'a whole.',
    }),
    current: t.exposeBoolean('current', {
      description: 'Whether resets and new clusters use its set.',
    }),
    status: t.expose('status', { type: SnapshotStatusEnum, description: 'Its state.' }),
    statusMessage: t.exposeString('statusMessage', {
      nullable: true,
      description: 'What it is at, or why it failed, in a sentence.',
    }),
    readyToUse: t.boolean({
      description: 'Whether it can be restored from now.',
      resolve: isReadyToUse,
    }),
  }),
});

// Whose it is.
builder.objectFields(SnapshotNode, (t) => ({
  pool: t.field({
    type: ClusterPoolNode,
    description: 'The pool it belongs to.',
    resolve: poolOf,
  }),
  cluster: t.field({
    type: ClusterNode,
    nullable: true,
    description: 'The cluster that is reset to it; null for a template set of the pool.',
    resolve: ({ clusterId }, _args, { reads }) =>
      clusterId === null ? null : reads.cluster(clusterId),
  }),
  sourceSession: t.field({
    type: SessionNode,
    nullable: true,
    description: 'The session it was taken from; null to those who may not see that session.',
    resolve: ({ sourceSessionId }, _args, { reads }) =>
      sourceSessionId === null ? null : reads.session(sourceSessionId),
  }),
  owner: t.exposeString('owner', {
    nullable: true,
    description: 'Whose it is, when somebody saved a session; null for golden states.',
  }),
  title: t.exposeString('title', {
    nullable: true,
    description: 'What its owner calls it; null for golden states.',
  }),
}));

// What is in it, and how old it is.
builder.objectFields(SnapshotNode, (t) => ({
  k8sVersion: t.exposeString('k8sVersion', {
    nullable: true,
    description: 'The Kubernetes in it, such as v1.31.4; null where there is none.',
  }),
  sizeBytes: t.exposeFloat('sizeBytes', {
    nullable: true,
    description: 'What it takes on disk, in bytes; null until known.',
  }),
  ageSeconds: t.int({
    description: 'Whole seconds since it was ready, or begun while it is not.',
    resolve: (snapshot, _args, { reads }) => ageSeconds(snapshot, reads.now()),
  }),
  stale: t.boolean({
    description: "Whether it is older than the pool's `snapshotMaxAgeSeconds`.",
    resolve: (snapshot, args, context) =>
      isStale(snapshot, poolOf(snapshot, args, context), context.reads.now()),
  }),
  staleAt: t.field({
    type: 'DateTime',
    nullable: true,
    description: 'When it becomes stale; null until it is ready.',
    resolve: (snapshot, args, context) => staleAt(snapshot, poolOf(snapshot, args, context)),
  }),
  createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was begun.' }),
  version: t.exposeInt('version', { description: VERSION }),
  allowedActions: t.stringList({
    description: ALLOWED_ACTIONS,
    resolve: (snapshot, _args, { viewer }) => snapshotActions(snapshot, viewer),
  }),
}));

function poolOf(snapshot: Snapshot, _args: object, { reads }: Context) {
  return referred(reads.clusterPool(snapshot.poolId), `the pool of snapshot ${snapshot.id}`);
}

const SnapshotConnection = connectionOf(SnapshotNode, 'snapshots');

builder.queryField('snapshots', (t) =>
  t.field({
    type: SnapshotConnection,
    authScopes: forViewer,
    description: "Golden states and the viewer's saved snapshots, for admins all, newest first.",
    args: {
      ...poolArg,
      mine: t.arg.boolean({ description: 'Only those that the viewer saved; all without it.' }),
      ...pageArgs,
    },
    // Those who see the same are not the same.
    extensions: { personal: true },
    resolve: (_root, args, { reads }) =>
      readPageOfPool(args, reads, (filter, page) =>
        reads.snapshots({ ...filter, mine: args.mine ?? false }, page),
      ),
  }),
);

const CaptureModeEnum = builder.enumType('CaptureMode', {
  description: 'Whether guests run while they are captured.',
  values: {
    ONLINE: {
      description:
        'They go on running. In KUBEVIRT pools a guest agent must hold their file systems still ' +
        'for it: without one the capture fails and says so.',
    },
    OFFLINE: {
      description: 'They are stopped first and started afterwards: good for any image.',
    },
  },
});

const CreateSnapshotsInput = builder.inputType('CreateSnapshotsInput', {
  description: 'Of what to record the golden state, and how.',
  fields: (t) => ({
    pool: t.string({ required: true, description: 'The name of the pool.' }),
    sessionId: t.id({
      description: "A RUNNING session of the pool: its cluster becomes the pool's template set.",
    }),
    baseCluster: t.boolean({
      description:
        'Without sessionId: builds a base cluster from the image, leaves it to settle, cleans it ' +
        "and makes it the pool's template set. On Kubernetes its VMs lie in the namespace " +
        'vm-templates, and stay there, switched off.',
    }),
    mode: t.field({
      type: CaptureModeEnum,
      description:
        'Left out, guests of a session go on running where the provider can do that; others are ' +
        'captured as the provider likes it best, in KUBEVIRT pools OFFLINE.',
    }),
  }),
});

const SaveSessionInput = builder.inputType('SaveSessionInput', {
  description: 'Which session, under what name.',
  fields: (t) => ({
    sessionId: t.id({ required: true, description: 'The id of a RUNNING session.' }),
    name: t.string({
      required: true,
      description:
        '1-60 printable characters; no two saved snapshots of an owner and pool share it.',
    }),
    idempotencyKey: t.string({
      description: '1-128 characters: a repeat within 24 h answers the same snapshot.',
    }),
  }),
});

const SavedSnapshotInput = builder.inputType('SavedSnapshotInput', {
  description: 'Which saved snapshot.',
  fields: (t) => ({
    snapshotId: t.id({ required: true, description: 'The id of any snapshot of its set.' }),
  }),
});

// What owners keep of their sessions.
builder.mutationFields((t) => ({
  saveSession: t.field({
    type: SnapshotNode,
    authScopes: forUser,
    errors: refusals.saveSession,
    description:
      'Saves a RUNNING session of the viewer, for admins any, while it goes on: a set of ' +
      'snapshots that only its owner and admins see and only its owner starts from, by ' +
      '`snapshotId` of createSession and spawnVm. Answers one of the set, CREATING; it is FAILED ' +
      'when the session ends before it is taken. QuotaExceeded counts what the owner has saved ' +
      'in all pools. ' +
      'InvalidInput where the provider cannot capture what is in use.',
    args: { input: t.arg({ type: SaveSessionInput, required: true, description: 'The wish.' }) },
    resolve: (_root, { input }, { verbs }) => {
      const sessionId = wantedId('Session', input.sessionId);
      return verbs.saveSession(parseInput(saveSessionInput, { ...input, sessionId }));
    },
  }),
  deleteSavedSnapshot: t.field({
    type: SnapshotNode,
    authScopes: forUser,
    errors: refusals.savedSnapshot,
    description:
      'Deletes a saved snapshot of the viewer, for admins any, with its whole set. WrongState ' +
      'while a session waits for a cluster that is made from it; those that have theirs keep it.',
    args: {
      input: t.arg({ type: SavedSnapshotInput, required: true, description: 'Which one.' }),
    },
    resolve: (_root, { input }, { verbs }) =>
      verbs.deleteSavedSnapshot(wantedId('Snapshot', input.snapshotId)),
  }),
}));

builder.mutationFields((t) => ({
  createSnapshots: t.field({
    type: JobNode,
    authScopes: forAdmin,
    errors: refusals.job,
    description:
      "With sessionId: that RUNNING session's cluster becomes the pool's template set. With " +
      'baseCluster: a cluster made from the image for it does. Without either: every AVAILABLE ' +
      'cluster captures its own set.',
    args: { input: t.arg({ type: CreateSnapshotsInput, required: true, description: 'Of what.' }) },
    resolve: (_root, { input }, { verbs }) =>
      verbs.createSnapshots(parseInput(createSnapshotsInput, withSession(input))),
  }),
  recreateSnapshots: t.field({
    type: JobNode,
    authScopes: forAdmin,
    errors: refusals.job,
    description: 'A new set, verified, made current; only then is the old one deleted.',
    args: { input: t.arg({ type: CreateSnapshotsInput, required: true, description: 'Of what.' }) },
    resolve: (_root, { input }, { verbs }) =>
      verbs.recreateSnapshots(parseInput(createSnapshotsInput, withSession(input))),
  }),
  deleteSnapshots: t.field({
    type: JobNode,
    authScopes: forAdmin,
    errors: refusals.job,
    description:
      'Deletes the golden states of a pool; its next resets rebuild from the image and capture ' +
      'again.',
    args: { input: t.arg({ type: PoolInput, required: true, description: 'Which pool.' }) },
    resolve: (_root, { input }, { verbs }) => verbs.deleteSnapshots(input.pool),
  }),
}));

/** The input with the session's database id. */
function withSession(input: typeof CreateSnapshotsInput.$inferInput) {
  const { sessionId } = input;
  return sessionId == null ? input : { ...input, sessionId: wantedId('Session', sessionId) };
}
