import { builder, forUser, forViewer } from './builder.ts';
import { ConsoleKindEnum } from './console.ts';
import { globalId, wantedId, withSnapshot } from './global-id.ts';
import { parseInput, spawnVmInput } from './inputs.ts';
import { vmHandleActions } from './model/allowed-actions.ts';
import { consoleKinds } from './model/console.ts';
import type { VmHandle } from './model/vm-handle.ts';
import { ALLOWED_ACTIONS, VERSION } from './noun.ts';
import { ClusterNode, SessionNode, SnapshotNode, VmHandleNode } from './nouns.ts';
import { connectionOf, pageArgs, poolArg, readPageOfPool } from './page.ts';
import { ProviderKindEnum } from './provider-kind.ts';
import { refusals } from './refusal.ts';
import { NODE_ID } from './relay.ts';
import { VmRoleEnum } from './template.ts';
import type { Context } from './context.ts';

const VmPhaseEnum = builder.enumType('VmPhase', {
  description: 'What a VM was last seen doing. An observation: any phase may follow any other.',
  values: {
    PENDING: { description: 'Asked for; nothing runs yet.' },
    STARTING: { description: 'Starting or being restored.' },
    RUNNING: { description: 'Running.' },
    PAUSED: { description: 'In memory, its CPUs stopped: goes on within milliseconds.' },
    STOPPING: { description: 'Shutting down.' },
    STOPPED: { description: 'Not running; final once its cluster or session is gone.' },
    FAILED: { description: 'Could not start, or died; `statusMessage` says why.' },
    UNKNOWN: { description: 'The provider says nothing, or something we do not know.' },
  },
});

const VmOriginEnum = builder.enumType('VmOrigin', {
  description: 'Where a VM came from.',
  values: {
    WARM: { description: 'It was waiting, ready.' },
    SNAPSHOT: { description: 'Restored from a snapshot on demand.' },
    COLD_BOOT: { description: 'Started from its image.' },
  },
});

VmHandleNode.implement({
  description: 'One VM of a cluster, as it was last seen.',
  authScopes: forViewer,
  interfaces: [builder.nodeInterfaceRef()],
  fields: (t) => ({
    id: t.id({ description: NODE_ID, resolve: ({ id }) => globalId('VmHandle', id) }),
    name: t.exposeString('name', { description: 'Its name at the provider.' }),
    role: t.expose('role', { type: VmRoleEnum, description: 'The part it plays.' }),
    phase: t.expose('phase', { type: VmPhaseEnum, description: 'What it was last seen doing.' }),
    statusMessage: t.exposeString('statusMessage', {
      nullable: true,
      description: 'What the provider says of it, in a sentence.',
    }),
    provider: t.expose('provider', { type: ProviderKindEnum, description: 'What it runs on.' }),
  }),
});

// Where it belongs and how it was made.
builder.objectFields(VmHandleNode, (t) => ({
  cluster: t.field({
    type: ClusterNode,
    nullable: true,
    description: 'The cluster it is part of.',
    resolve: ({ clusterId }, _args, { reads }) => reads.cluster(clusterId),
  }),
  session: t.field({
    type: SessionNode,
    nullable: true,
    description: 'The session that holds it; null to those who may not see that session.',
    resolve: (vm, _args, context) => sessionOf(vm, context),
  }),
  snapshot: t.field({
    type: SnapshotNode,
    nullable: true,
    description: 'The snapshot it was restored from, if any.',
    resolve: ({ snapshotId }, _args, { reads }) =>
      snapshotId === null ? null : reads.snapshot(snapshotId),
  }),
  origin: t.expose('origin', {
    type: VmOriginEnum,
    nullable: true,
    description: 'Where it came from. Null until known.',
  }),
  ipAddress: t.string({
    nullable: true,
    description: 'Its address; for the owner of its session and for admins, null to others.',
    resolve: (vm, _args, context) => (mayReach(vm, context) ? vm.ipAddress : null),
  }),
  spawnDurationMs: t.exposeInt('spawnDurationMs', {
    nullable: true,
    description: 'From the claim, or the start of its making, to a guest that answers; in ms.',
  }),
  createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was begun.' }),
  version: t.exposeInt('version', { description: VERSION }),
  consoles: t.field({
    type: [ConsoleKindEnum],
    description: 'Which streams of it the viewer could open now, by openConsole; empty when none.',
    resolve: (vm, _args, context) => [...consolesOf(vm, context)],
  }),
  allowedActions: t.stringList({
    description: ALLOWED_ACTIONS,
    resolve: (vm, _args, context) =>
      vmHandleActions(vm, sessionOf(vm, context), context.viewer, consolesOf(vm, context)),
  }),
}));

/** The session that holds a VM, if the viewer may see it. */
function sessionOf({ sessionId }: VmHandle, { reads }: Context) {
  return sessionId === null ? undefined : reads.session(sessionId);
}

function consolesOf(vm: VmHandle, context: Context) {
  const { viewer, verbs, reads } = context;
  const belonging = { cluster: reads.cluster(vm.clusterId), session: sessionOf(vm, context) };
  return consoleKinds(vm, belonging, viewer, verbs.readStreams(vm.provider));
}

/** Whether the viewer may know how to get at a VM. */
function mayReach(vm: VmHandle, context: Context): boolean {
  return context.viewer.role === 'ADMIN' || sessionOf(vm, context) !== undefined;
}

const VmHandleConnection = connectionOf(VmHandleNode, 'VMs');

builder.queryField('vmHandles', (t) =>
  t.field({
    type: VmHandleConnection,
    authScopes: forViewer,
    description: 'VMs that exist, newest first.',
    args: { ...poolArg, ...pageArgs },
    resolve: (_root, args, { reads }) =>
      readPageOfPool(args, reads, (filter, page) => reads.vmHandles(filter, page)),
  }),
);

const SpawnVmInput = builder.inputType('SpawnVmInput', {
  description: 'What VM is wanted, for how long.',
  fields: (t) => ({
    pool: t.string({ required: true, description: 'The name of a pool of single VMs.' }),
    task: t.string({ description: 'What it is for, in your words; at most 1,000 characters.' }),
    ttlMinutes: t.int({
      description: 'Minutes until it ends by itself; the pool knows a default.',
    }),
    idempotencyKey: t.string({
      description: '1-128 characters: a repeat within 24 h answers the same VM.',
    }),
    snapshotId: t.id({ description: 'A saved snapshot to make it from; see createSession.' }),
  }),
});

const DestroyVmInput = builder.inputType('DestroyVmInput', {
  description: 'Which VM.',
  fields: (t) => ({ vmId: t.id({ required: true, description: 'Its id.' }) }),
});

builder.mutationFields((t) => ({
  spawnVm: t.field({
    type: VmHandleNode,
    authScopes: forUser,
    errors: refusals.spawnVm,
    description:
      'createSession and its one VM: same owner, time to live, quota, idempotency. InvalidInput ' +
      'where the template has more than one role.',
    args: { input: t.arg({ type: SpawnVmInput, required: true, description: 'What is wanted.' }) },
    resolve: (_root, { input }, { verbs }) =>
      verbs.spawnVm(parseInput(spawnVmInput, withSnapshot(input))),
  }),
  destroyVm: t.field({
    type: VmHandleNode,
    authScopes: forUser,
    errors: refusals.vmHandle,
    description:
      'Releases the session of a VM; a second call answers the same STOPPED handle; WrongState ' +
      'for a VM of a bigger cluster.',
    args: { input: t.arg({ type: DestroyVmInput, required: true, description: 'Which VM.' }) },
    resolve: (_root, { input }, { verbs }) => verbs.destroyVm(wantedId('VmHandle', input.vmId)),
  }),
}));
