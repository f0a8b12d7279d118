import { readFileSync } from 'node:fs';
import {
  type GraphQLNamedType,
  type GraphQLObjectType,
  isEnumType,
  isInputObjectType,
  isInterfaceType,
  isIntrospectionType,
  isObjectType,
  isUnionType,
  printSchema,
} from 'graphql';
import { expect, test } from 'vitest';
import { schema } from '../../schema/index.ts';
import { CHANGE_KINDS, CAUSES, SUBJECT_TYPES } from '../../schema/model/change.ts';
import { CLUSTER_STATUSES } from '../../schema/model/cluster.ts';
import {
  IDENTITY_MODES,
  READINESS_PROOFS,
  RECYCLE_POLICIES,
  WHEN_EMPTY,
} from '../../schema/model/cluster-pool.ts';
import { IMAGE_SOURCES, IMAGE_STATUSES } from '../../schema/model/image.ts';
import { JOB_KINDS, JOB_STATUSES } from '../../schema/model/job.ts';
import { PROVIDER_KINDS } from '../../schema/model/provider-kind.ts';
import { ERROR_CODES } from '../../schema/model/refusal.ts';
import { END_REASONS, SERVED_FROM, SESSION_STATUSES } from '../../schema/model/session.ts';
import { CAPTURE_MODES, SNAPSHOT_STATUSES } from '../../schema/model/snapshot.ts';
import { VM_ROLES } from '../../schema/model/template.ts';
import { ROLES } from '../../schema/model/viewer.ts';
import { VM_ORIGINS, VM_PHASES } from '../../schema/model/vm-handle.ts';
import { RESYNC_REASONS } from '../../schema/context.ts';

const types = Object.values(schema.getTypeMap()).filter((type) => !isIntrospectionType(type));
const objects = types.filter(isObjectType);
const roots = [schema.getQueryType(), schema.getMutationType(), schema.getSubscriptionType()];
const rootFields = roots.flatMap((root) => Object.values(root?.getFields() ?? {}));
const NOUNS = 'ClusterPool Cluster VmHandle Session Snapshot Job Image Template'.split(' ');

test('the printed schema is the one that runs', () => {
  expect(`${printSchema(schema)}\n`).toBe(readFileSync('schema/schema.graphql', 'utf8'));
});

// The names that clients use. They are never renamed, removed or given another meaning.
test.each<[type: string, fields: string]>([
  [
    'Query',
    `node viewer cursor now clusterPool clusterPools cluster session sessions snapshots vmHandles
     job jobs changeLog provisioningStats image images imageCatalogue imageTags`,
  ],
  [
    'Mutation',
    `createSession extendSession releaseSession openConsole createClusterPool updateClusterPool
     deleteClusterPool bootstrapPool warmUpPool releaseAllClusters resetCluster repairCluster
     createSnapshots recreateSnapshots deleteSnapshots cancelJob spawnVm destroyVm
     buildImage pullImage publishImage rollbackImage deleteImage`,
  ],
  [
    'Subscription',
    `changes sessionUpdated clusterPoolUpdated clusterUpdated snapshotUpdated vmHandleUpdated
     jobUpdated imageUpdated`,
  ],
  [
    'Session',
    `id owner pool status statusMessage assignedCluster clusterLockTime vms servedFrom strategy
     fallbackReason queuePosition timeline access createdAt runningAt expiresAt endedAt endReason
     version allowedActions`,
  ],
  [
    'Cluster',
    `id name namespace pool status statusMessage assignedSession lockTime lastReset lastHealthCheck
     controlPlaneVM workerNodeVM vms createdAt removingAt removedAt version allowedActions`,
  ],
  ['Change', 'type id kind at from to cause reason actor job subject'],
  ['CreateSessionInput', 'pool ttlMinutes idempotencyKey owner'],
  ['ChangeFilter', 'pool sessionId types'],
])('%s has the fields that clients ask for', (name, fields) => {
  expect(fieldNames(name)).toEqual(expect.arrayContaining(fields.trim().split(/\s+/)));
});

test.each([
  ['CreateSessionResult', 'Session PoolExhausted QuotaExceeded NotFound InvalidInput'],
  ['SessionResult', 'Session NotFound WrongState InvalidInput IdempotencyConflict'],
  ['ConsoleTicketResult', 'ConsoleTicket NotFound WrongState'],
  ['ClusterPoolResult', 'ClusterPool NotFound WrongState InvalidInput Conflict'],
  ['JobResult', 'Job NotFound WrongState InvalidInput'],
  ['ImageResult', 'Image NotFound WrongState InvalidInput'],
  ['SpawnVmResult', 'VmHandle PoolExhausted QuotaExceeded NotFound InvalidInput'],
  ['VmHandleResult', 'VmHandle NotFound WrongState'],
])('%s has the members that clients tell apart', (name, members) => {
  const union = schema.getType(name);
  const present = isUnionType(union) ? union.getTypes().map((type) => type.name) : [];
  expect(present).toEqual(expect.arrayContaining(members.split(' ')));
});

test.each([
  ['Query.session', 'Session'],
  ['Query.sessions', 'SessionConnection!'],
  ['Query.cursor', 'Cursor!'],
  ['Session.assignedCluster', 'Cluster'],
  ['Cluster.assignedSession', 'Session'],
  ['Cluster.vms', '[VmHandle!]!'],
  ['ClusterConnection.edges', '[ClusterEdge!]!'],
  ['ClusterEdge.node', 'Cluster!'],
  ['PoolExhausted.retryAfterMs', 'Int'],
  ['Snapshot.sizeBytes', 'Float'],
  ['FeedState.prev', 'Cursor'],
  ['Mutation.createSession', 'CreateSessionResult!'],
  ['Subscription.changes', 'FeedMessage!'],
])('%s is a %s', (coordinate, type) => {
  const [name = '', field = ''] = coordinate.split('.');
  const owner = schema.getType(name);
  const fields = isObjectType(owner) ? owner.getFields() : {};
  expect(String(fields[field]?.type)).toBe(type);
});

test.each([
  ['SubjectType', SUBJECT_TYPES],
  ['ChangeKind', CHANGE_KINDS],
  ['Cause', CAUSES],
  ['ClusterStatus', CLUSTER_STATUSES],
  ['IdentityMode', IDENTITY_MODES],
  ['ReadinessProof', READINESS_PROOFS],
  ['RecyclePolicy', RECYCLE_POLICIES],
  ['WhenEmpty', WHEN_EMPTY],
  ['ImageSource', IMAGE_SOURCES],
  ['ImageStatus', IMAGE_STATUSES],
  ['JobKind', JOB_KINDS],
  ['JobStatus', JOB_STATUSES],
  ['ProviderKind', PROVIDER_KINDS],
  ['ErrorCode', ERROR_CODES],
  ['EndReason', END_REASONS],
  ['ServedFrom', SERVED_FROM],
  ['SessionStatus', SESSION_STATUSES],
  ['CaptureMode', CAPTURE_MODES],
  ['SnapshotStatus', SNAPSHOT_STATUSES],
  ['VmRole', VM_ROLES],
  ['Role', ROLES],
  ['VmOrigin', VM_ORIGINS],
  ['VmPhase', VM_PHASES],
  ['ResyncReason', RESYNC_REASONS],
])('%s has exactly the values of the model', (name, values) => {
  const type = schema.getType(name);
  const present = isEnumType(type) ? type.getValues().map((value) => value.name) : [];
  expect(present.toSorted()).toEqual([...values].toSorted());
});

test.each(NOUNS)('%s is a node with a version and its allowed actions', (name) => {
  const noun = schema.getType(name) as GraphQLObjectType;
  expect(noun.getInterfaces().map(String)).toContain('Node');
  expect(String(noun.getFields()['version']?.type)).toBe('Int!');
  expect(String(noun.getFields()['allowedActions']?.type)).toBe('[String!]!');
});

test('every list that can grow is a connection with first and after', () => {
  const lists = rootFields.concat(fieldOf('ClusterPool', 'clusters'));
  const connections = lists.filter(({ type }) => String(type).endsWith('Connection!'));
  expect(connections).toHaveLength(8);
  for (const { args } of connections) {
    expect(args.map((arg) => `${arg.name}: ${String(arg.type)}`)).toEqual(
      expect.arrayContaining(['first: Int', 'after: String']),
    );
  }
});

test('every mutation takes one input and answers a union with refusals', () => {
  for (const field of Object.values(schema.getMutationType()?.getFields() ?? {})) {
    expect(field.args.map((arg) => arg.name)).toEqual(['input']);
    expect(String(field.args[0]?.type)).toMatch(/Input!$/);
    expect(String(field.type)).toMatch(/Result!$/);
  }
});

test('every result union has one success, and refusals with code and message', () => {
  const unions = types.filter(isUnionType);
  expect(unions).toHaveLength(10);
  for (const union of unions) {
    const refusals = union.getTypes().filter((type) => type.getInterfaces().some(isUserError));
    expect(union.getTypes().length - refusals.length, union.name).toBe(1);
    expect(refusals.length, union.name).toBeGreaterThan(0);
  }
});

test('everything says what it means', () => {
  expect(types.flatMap(undescribed)).toEqual([]);
});

test('every root field and every object type declares who may use it', () => {
  const undeclared = [...rootFields, ...objects].filter((one) => !declaresScope(one.extensions));
  expect(undeclared.map(({ name }) => name)).toEqual([]);
});

function fieldNames(name: string): string[] {
  const type = schema.getType(name);
  return isObjectType(type) || isInputObjectType(type) ? Object.keys(type.getFields()) : [];
}

function fieldOf(name: string, field: string) {
  const type = schema.getType(name);
  const found = isObjectType(type) ? type.getFields()[field] : undefined;
  if (found === undefined) throw new Error(`${name}.${field} is missing`);
  return found;
}

function isUserError(type: { name: string }): boolean {
  return type.name === 'UserError';
}

/** The coordinates of whatever has no description. */
function undescribed(type: GraphQLNamedType): string[] {
  if (['ID', 'Int', 'Float', 'String', 'Boolean'].includes(type.name)) return [];
  const missing = type.description ? [] : [type.name];
  if (isEnumType(type)) {
    const values = type.getValues().filter(({ description }) => !description);
    return [...missing, ...values.map(({ name }) => `${type.name}.${name}`)];
  }
  return [...missing, ...undescribedParts(type).map((name) => `${type.name}.${name}`)];
}

/** The fields and arguments that have no description. */
function undescribedParts(type: GraphQLNamedType): string[] {
  const parts: { name: string; description: string | null | undefined }[] = [];
  if (isInputObjectType(type)) parts.push(...Object.values(type.getFields()));
  if (isObjectType(type) || isInterfaceType(type)) {
    for (const field of Object.values(type.getFields())) parts.push(field, ...field.args);
  }
  return parts.filter(({ description }) => !description).map(({ name }) => name);
}

function declaresScope(extensions: Readonly<Record<string | symbol, unknown>>): boolean {
  const options = extensions['pothosOptions'];
  return typeof options === 'object' && options !== null && 'authScopes' in options;
}
