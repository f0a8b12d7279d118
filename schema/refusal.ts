import { builder, forViewer } from './builder.ts';
import {
  Conflict,
  IdempotencyConflict,
  InvalidInput,
  NotFound,
  PoolExhausted,
  QuotaExceeded,
  type Refusal,
  WrongState,
} from './model/refusal.ts';

const ErrorCodeEnum = builder.enumType('ErrorCode', {
  description: 'What kind of refusal it is, for programs. One code per type.',
  values: {
    POOL_EXHAUSTED: { description: 'No cluster can be had now, and the pool does not queue.' },
    QUOTA_EXCEEDED: { description: 'The owner has as much as one owner may have.' },
    NOT_FOUND: { description: 'Unknown, or not for this viewer to see: the two answer alike.' },
    WRONG_STATE: { description: 'The object is in a state in which this cannot be done.' },
    INVALID_INPUT: { description: 'The input is well formed but not acceptable.' },
    CONFLICT: { description: 'A name is taken, or `ifVersion` is no longer the version.' },
    IDEMPOTENCY_CONFLICT: { description: 'The idempotency key was used with other input.' },
  },
});

const UserError = builder.interfaceRef<Refusal>('UserError').implement({
  description:
    'An expected refusal, returned as data. Refused by role, and anything unexpected, are ' +
    'top-level errors (extensions.code FORBIDDEN, UNAUTHENTICATED, BAD_INPUT, INTERNAL).',
  authScopes: forViewer,
  fields: (t) => ({
    code: t.expose('code', { type: ErrorCodeEnum, description: 'Its kind, for programs.' }),
    message: t.exposeString('message', { description: 'One sentence for people.' }),
  }),
});

builder.objectType(PoolExhausted, {
  name: 'PoolExhausted',
  description:
    'No cluster can be had now and the pool does not queue: `no available clusters in pool`, ' +
    'with the reason if there is another.',
  authScopes: forViewer,
  interfaces: [UserError],
  fields: (t) => ({
    retryAfterMs: t.exposeInt('retryAfterMs', {
      nullable: true,
      description: 'When to try again, in milliseconds; null when nobody can tell.',
    }),
  }),
});

builder.objectType(QuotaExceeded, {
  name: 'QuotaExceeded',
  description: 'The owner has as much as one owner may: live sessions here, or saved snapshots.',
  authScopes: forViewer,
  interfaces: [UserError],
  fields: (t) => ({
    limit: t.exposeInt('limit', {
      description: 'Live sessions that one owner may have here, or snapshots it may have saved.',
    }),
    limitBytes: t.exposeFloat('limitBytes', {
      nullable: true,
      description: 'Set when saved snapshots take too much: the bytes that one owner may use.',
    }),
  }),
});

builder.objectType(NotFound, {
  name: 'NotFound',
  description: 'There is no such object, or the viewer may not see it: the two answer alike.',
  authScopes: forViewer,
  interfaces: [UserError],
});

builder.objectType(WrongState, {
  name: 'WrongState',
  description: 'The object is in a state in which this cannot be done.',
  authScopes: forViewer,
  interfaces: [UserError],
  fields: (t) => ({
    state: t.exposeString('state', { description: 'The state it is in.' }),
  }),
});

builder.objectType(InvalidInput, {
  name: 'InvalidInput',
  description: 'The input is well formed but not acceptable; nothing was done.',
  authScopes: forViewer,
  interfaces: [UserError],
  fields: (t) => ({
    field: t.exposeString('field', {
      nullable: true,
      description: 'The field of the input that is wrong; null when it is not one alone.',
    }),
  }),
});

builder.objectType(Conflict, {
  name: 'Conflict',
  description: 'A name that is taken, or an `ifVersion` that is no longer the version.',
  authScopes: forViewer,
  interfaces: [UserError],
});

builder.objectType(IdempotencyConflict, {
  name: 'IdempotencyConflict',
  description: 'The idempotency key was used with other input.',
  authScopes: forViewer,
  interfaces: [UserError],
});

/**
 * A result union: its success is the type of the field that uses it. The plugin asks for a name of
 * the success too; with one name per union, fields that answer alike share the union.
 */
function resultUnion<Class>(name: string, description: string, types: Class[]) {
  return { union: { name, description }, result: { name }, types };
}

/** The result unions of the mutations, by what they answer. */
export const refusals = {
  createSession: resultUnion('CreateSessionResult', 'The new session, or why there is none.', [
    PoolExhausted,
    QuotaExceeded,
    NotFound,
    InvalidInput,
    IdempotencyConflict,
  ]),
  session: resultUnion('SessionResult', 'The session, or why nothing was done.', [
    NotFound,
    WrongState,
    InvalidInput,
    IdempotencyConflict,
  ]),
  saveSession: resultUnion('SaveSessionResult', 'What is being saved, or why nothing is.', [
    NotFound,
    WrongState,
    QuotaExceeded,
    Conflict,
    InvalidInput,
    IdempotencyConflict,
  ]),
  savedSnapshot: resultUnion('SavedSnapshotResult', 'The snapshot, or why nothing was done.', [
    NotFound,
    WrongState,
  ]),
  consoleTicket: resultUnion('ConsoleTicketResult', 'The ticket, or why there is none.', [
    NotFound,
    WrongState,
  ]),
  clusterPool: resultUnion('ClusterPoolResult', 'The pool, or why nothing was done.', [
    NotFound,
    WrongState,
    InvalidInput,
    Conflict,
  ]),
  job: resultUnion('JobResult', 'The job that does it, or why there is none.', [
    NotFound,
    WrongState,
    InvalidInput,
  ]),
  image: resultUnion('ImageResult', 'The image, or why nothing was done.', [
    NotFound,
    WrongState,
    InvalidInput,
  ]),
  spawnVm: resultUnion('SpawnVmResult', 'The new VM, or why there is none.', [
    PoolExhausted,
    QuotaExceeded,
    NotFound,
    InvalidInput,
    IdempotencyConflict,
  ]),
  vmHandle: resultUnion('VmHandleResult', 'The VM, or why nothing was done.', [
    NotFound,
    WrongState,
  ]),
};
