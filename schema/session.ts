import { builder, forUser, forViewer } from './builder.ts';
import { databaseId, globalId, wantedId, withSnapshot } from './global-id.ts';
import { createSessionInput, extendSessionInput, parseInput } from './inputs.ts';
import { sessionActions } from './model/allowed-actions.ts';
import { hasAccess } from './model/session.ts';
import { seesOwner, type Viewer } from './model/viewer.ts';
import { ALLOWED_ACTIONS, referred, VERSION } from './noun.ts';
import { ClusterNode, ClusterPoolNode, SessionNode, VmHandleNode } from './nouns.ts';
import { connectionOf, pageArgs, poolArg, readPageOfPool } from './page.ts';
import { PhaseObject } from './phase.ts';
import { ProvisioningStrategyEnum } from './provider-kind.ts';
import { refusals } from './refusal.ts';
import { NODE_ID } from './relay.ts';
import { requestError } from './request-error.ts';
import { SessionAccessObject } from './session-access.ts';

const SessionStatusEnum = builder.enumType('SessionStatus', {
  description: 'The state of a session: it starts in one of the first three.',
  values: {
    PENDING: { description: 'In the queue of its pool; see `queuePosition`.' },
    PROVISIONING: { description: 'Its cluster is being woken or made.' },
    RUNNING: { description: 'It has its cluster.' },
    COMPLETED: { description: 'Ended as it should; see `endReason`. Final.' },
    FAILED: { description: 'Ended otherwise; `statusMessage` says why. Final.' },
  },
});

const EndReasonEnum = builder.enumType('EndReason', {
  description: 'Why a completed session ended.',
  values: {
    RELEASED: { description: 'Its owner gave it back.' },
    EXPIRED: { description: 'Its time was up.' },
    ADMIN: { description: 'An admin ended it.' },
  },
});

/** How a session was in fact served. */
export const ServedFromEnum = builder.enumType('ServedFrom', {
  description: 'How a session was in fact served.',
  values: {
    POOL: { description: 'With a warm cluster.' },
    SNAPSHOT: { description: 'With a cluster started for it from the golden state.' },
    BOOTSTRAP: { description: 'With a cluster built for it from its image.' },
  },
});

SessionNode.implement({
  description: "One owner's hold on one cluster, from the claim to release or expiry.",
  authScopes: forViewer,
  interfaces: [builder.nodeInterfaceRef()],
  fields: (t) => ({
    id: t.id({ description: NODE_ID, resolve: ({ id }) => globalId('Session', id) }),
    owner: t.exposeString('owner', { description: 'The name of the viewer it belongs to.' }),
    pool: t.field({
      type: ClusterPoolNode,
      description: 'The pool it was claimed from.',
      resolve: (session, _args, { reads }) =>
        referred(reads.clusterPool(session.poolId), `the pool of session ${session.id}`),
    }),
    status: t.expose('status', { type: SessionStatusEnum, description: 'Its state.' }),
    statusMessage: t.exposeString('statusMessage', {
      nullable: true,
      description: 'What it waits for, or why it failed, in a sentence.',
    }),
    assignedCluster: t.field({
      type: ClusterNode,
      nullable: true,
      description: 'Its cluster while it is live; null in the queue and after its end.',
      resolve: ({ clusterId }, _args, { reads }) =>
        clusterId === null ? null : reads.cluster(clusterId),
    }),
    clusterLockTime: t.expose('clusterLockTime', {
      type: 'DateTime',
      nullable: true,
      description: 'When it got its cluster.',
    }),
    vms: t.field({
      type: [VmHandleNode],
      description: 'The VMs it has, or had where they went with it.',
      resolve: (session, _args, { reads }) => reads.vmHandlesOfSession(session),
    }),
  }),
});

// How it is served, and how to get in.
builder.objectFields(SessionNode, (t) => ({
  servedFrom: t.expose('servedFrom', {
    type: ServedFromEnum,
    nullable: true,
    description: 'How it was in fact served; null until it is.',
  }),
  strategy: t.expose('strategy', {
    type: ProvisioningStrategyEnum,
    nullable: true,
    description: 'How its cluster is made; null when one was warm.',
  }),
  fallbackReason: t.exposeString('fallbackReason', {
    nullable: true,
    description: 'Why it was not served the way the pool would have liked.',
  }),
  queuePosition: t.int({
    nullable: true,
    description: '1 for the first in the queue; null when it does not queue.',
    resolve: (session, _args, { reads }) => reads.queuePosition(session),
  }),
  timeline: t.field({
    type: [PhaseObject],
    description: 'Its timed steps so far, in order.',
    resolve: ({ id }, _args, { reads }) => reads.timeline(id),
  }),
  accessReady: t.boolean({
    description:
      'Whether `access` has something to tell now: told live, so that nobody reads it to find ' +
      'out. False for good where VMs have no network; their console is the way in.',
    resolve: hasAccess,
  }),
  access: t.field({
    type: SessionAccessObject,
    nullable: true,
    description: 'How to get in; for the owner and admins; each read is audited.',
    // Never read for several at once: each reads under its own name.
    extensions: { personal: true },
    resolve: (session, _args, { viewer, verbs }) =>
      seesOwner(viewer, session.owner) ? verbs.readAccess(session) : null,
  }),
}));

// Its life.
builder.objectFields(SessionNode, (t) => ({
  createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was claimed.' }),
  runningAt: t.expose('runningAt', {
    type: 'DateTime',
    nullable: true,
    description: 'When it became RUNNING.',
  }),
  expiresAt: t.expose('expiresAt', {
    type: 'DateTime',
    nullable: true,
    description: 'When it ends by itself, unless it is extended.',
  }),
  endedAt: t.expose('endedAt', {
    type: 'DateTime',
    nullable: true,
    description: 'When it reached a final state.',
  }),
  endReason: t.expose('endReason', {
    type: EndReasonEnum,
    nullable: true,
    description: 'Why it is COMPLETED; null in any other state.',
  }),
  version: t.exposeInt('version', { description: VERSION }),
  allowedActions: t.stringList({
    description: ALLOWED_ACTIONS,
    resolve: (session, _args, { viewer }) => sessionActions(session, viewer),
  }),
}));

const SessionConnection = connectionOf(SessionNode, 'sessions');

builder.queryFields((t) => ({
  session: t.field({
    type: SessionNode,
    nullable: true,
    authScopes: forViewer,
    description: 'One session; null when there is none with this id that the viewer may see.',
    args: { id: t.arg.id({ required: true, description: 'Its id.' }) },
    resolve: (_root, args, { reads }) => {
      const id = databaseId('Session', args.id);
      return id === undefined ? null : reads.session(id);
    },
  }),
  sessions: t.field({
    type: SessionConnection,
    authScopes: forViewer,
    description: "The viewer's sessions, for admins all, newest first; ended ones for 30 days.",
    args: {
      ...poolArg,
      status: t.arg({
        type: [SessionStatusEnum],
        description: 'Only those in one of these states; in any without it.',
      }),
      ...pageArgs,
    },
    resolve: (_root, args, { reads }) =>
      readPageOfPool(args, reads, (filter, page) =>
        reads.sessions({ ...filter, status: args.status ?? undefined }, page),
      ),
  }),
}));

const IDEMPOTENCY_KEY =
  '1-128 characters, yours: a repeat with the same input within 24 h answers the same session.';

const CreateSessionInput = builder.inputType('CreateSessionInput', {
  description: 'Which pool, for how long.',
  fields: (t) => ({
    pool: t.string({ required: true, description: 'The name of the pool.' }),
    ttlMinutes: t.int({
      description: 'Minutes until it ends by itself; the pool knows a default.',
    }),
    idempotencyKey: t.string({ description: IDEMPOTENCY_KEY }),
    owner: t.string({ description: 'Admins only: on whose behalf.' }),
    snapshotId: t.id({
      description:
        'A READY snapshot that the owner saved in this pool: the cluster is made from its set, ' +
        'never taken from the warm ones. Where the pool has no room for it a spare cluster goes; ' +
        'where all are in use, the pool queues or refuses as its `whenEmpty` says.',
    }),
  }),
});

const ExtendSessionInput = builder.inputType('ExtendSessionInput', {
  description: 'Which session, by how much.',
  fields: (t) => ({
    sessionId: t.id({ required: true, description: 'Its id.' }),
    minutes: t.int({ required: true, description: 'Minutes from now.' }),
    idempotencyKey: t.string({ description: IDEMPOTENCY_KEY }),
  }),
});

const ReleaseSessionInput = builder.inputType('ReleaseSessionInput', {
  description: 'Which session.',
  fields: (t) => ({ sessionId: t.id({ required: true, description: 'Its id.' }) }),
});

builder.mutationFields((t) => ({
  createSession: t.field({
    type: SessionNode,
    authScopes: forUser,
    errors: refusals.createSession,
    description:
      'Claims a cluster: the least recently used that is available. What happens when none is, ' +
      "the pool's `whenEmpty` says.",
    args: { input: t.arg({ type: CreateSessionInput, required: true, description: 'The wish.' }) },
    resolve: (_root, { input }, { verbs, viewer }) => {
      refuseOtherOwner(input.owner, viewer);
      return verbs.createSession(parseInput(createSessionInput, withSnapshot(input)));
    },
  }),
  extendSession: t.field({
    type: SessionNode,
    authScopes: forUser,
    errors: refusals.session,
    description:
      'expiresAt = max(expiresAt, min(now + minutes, createdAt + maxTtlMinutes)); PROVISIONING ' +
      'or RUNNING only.',
    args: { input: t.arg({ type: ExtendSessionInput, required: true, description: 'The wish.' }) },
    resolve: (_root, { input }, { verbs }) => {
      const sessionId = wantedId('Session', input.sessionId);
      return verbs.extendSession(parseInput(extendSessionInput, { ...input, sessionId }));
    },
  }),
  releaseSession: t.field({
    type: SessionNode,
    authScopes: forUser,
    errors: refusals.session,
    description: 'Gives a cluster back, or leaves the queue. An ended session answers itself.',
    args: {
      input: t.arg({ type: ReleaseSessionInput, required: true, description: 'Which session.' }),
    },
    resolve: (_root, { input }, { verbs }) =>
      verbs.releaseSession(wantedId('Session', input.sessionId)),
  }),
}));

/** Claiming for somebody else is an admin's right, not a matter of the pool's state. */
function refuseOtherOwner(owner: string | null | undefined, viewer: Viewer): void {
  if (owner == null || seesOwner(viewer, owner)) return;
  throw requestError('FORBIDDEN', `owner is not for role ${viewer.role}`);
}
