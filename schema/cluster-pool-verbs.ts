import { builder, forAdmin } from './builder.ts';
import {
  IdentityModeEnum,
  ReadinessProofEnum,
  RecyclePolicyEnum,
  WhenEmptyEnum,
} from './cluster-pool.ts';
import { createClusterPoolInput, parseInput, updateClusterPoolInput } from './inputs.ts';
import { ClusterPoolNode, JobNode } from './nouns.ts';
import { PoolInput } from './pool-input.ts';
import { ProviderKindEnum } from './provider-kind.ts';
import { refusals } from './refusal.ts';

const SIZE =
  'Clusters to keep: 1-20 for QEMU and FIRECRACKER, 1-200 for KUBEVIRT, 1-100,000 for SIMULATOR.';
const MAX_CLUSTERS =
  'The most clusters at once, those made for waiting sessions included; not below `size`. Left ' +
  'out: `size`, and twice that, within the bounds of the provider, where `whenEmpty` is PROVISION.';
const SESSION_TTL = 'Minutes a session lasts that does not say for how long.';
const MAX_TTL = 'Minutes a session may last at most, not below `sessionTtlMinutes`.';
const MAX_WAIT = 'Seconds after which a session that still waits in the queue fails.';
const MAX_SESSIONS = 'Live sessions that one owner may have here.';
const MAX_AGE = 'Seconds after which a snapshot is stale, at least 60.';
const TEMPLATE_SETS =
  'How many template sets are current at once, 1-5; clusters are made from them in turn. 1 in ' +
  'SIMULATOR and KUBEVIRT pools, whose clusters own their golden states; else 2 when left out.';

const CreateClusterPoolInput = builder.inputType('CreateClusterPoolInput', {
  description: 'A new pool; what is left out gets a default.',
  fields: (t) => ({
    name: t.string({
      required: true,
      description: 'A letter, then lower-case letters, digits and dashes; at most 30 characters.',
    }),
    provider: t.field({
      type: ProviderKindEnum,
      required: true,
      description: 'What makes its VMs exist.',
    }),
    template: t.string({
      description: "What its clusters are made of; the provider's own default.",
    }),
    image: t.string({
      description:
        'QEMU and FIRECRACKER: the name of the image that its VMs start from, in its current ' +
        'version. One that only the catalogue has is built at once, and the pool waits for it.',
    }),
    memoryMiB: t.int({ description: 'Memory of each VM, in MiB, at least 128.' }),
    cpuCores: t.int({ description: 'Virtual CPUs of each VM, 1 to 64.' }),
    diskGiB: t.float({ description: 'Size of the disk of each VM, in GiB, at least 0.1.' }),
    size: t.int({ description: SIZE }),
    maxClusters: t.int({ description: MAX_CLUSTERS }),
    recycle: t.field({
      type: RecyclePolicyEnum,
      description: 'What becomes of a cluster after its session.',
    }),
    whenEmpty: t.field({
      type: WhenEmptyEnum,
      description: 'What a claim gets when no cluster is available.',
    }),
    lazy: t.boolean({ description: 'Whether to make nothing before the first use.' }),
    identity: t.field({
      type: IdentityModeEnum,
      description: 'Whether its clusters share the identity of their golden state.',
    }),
    readiness: t.field({
      type: ReadinessProofEnum,
      description: 'How it proves that a guest is ready: SSH, or in KUBEVIRT pools also PROBE.',
    }),
    sessionTtlMinutes: t.int({ description: SESSION_TTL }),
    maxTtlMinutes: t.int({ description: MAX_TTL }),
    maxWaitSeconds: t.int({ description: MAX_WAIT }),
    maxSessionsPerOwner: t.int({ description: MAX_SESSIONS }),
    snapshotMaxAgeSeconds: t.int({ description: MAX_AGE }),
    templateSets: t.int({ description: TEMPLATE_SETS }),
  }),
});

const UpdateClusterPoolInput = builder.inputType('UpdateClusterPoolInput', {
  description: 'What to change about a pool; what is left out stays.',
  fields: (t) => ({
    name: t.string({ required: true, description: 'The name of the pool.' }),
    ifVersion: t.int({ description: 'Conflict unless this is its present version.' }),
    size: t.int({ description: SIZE }),
    maxClusters: t.int({ description: MAX_CLUSTERS }),
    whenEmpty: t.field({
      type: WhenEmptyEnum,
      description: 'What a claim gets when no cluster is available.',
    }),
    sessionTtlMinutes: t.int({ description: SESSION_TTL }),
    maxTtlMinutes: t.int({ description: MAX_TTL }),
    maxWaitSeconds: t.int({ description: MAX_WAIT }),
    maxSessionsPerOwner: t.int({ description: MAX_SESSIONS }),
    snapshotMaxAgeSeconds: t.int({ description: MAX_AGE }),
    templateSets: t.int({ description: TEMPLATE_SETS }),
  }),
});

const DeleteClusterPoolInput = builder.inputType('DeleteClusterPoolInput', {
  description: 'Which pool.',
  fields: (t) => ({ name: t.string({ required: true, description: 'Its name.' }) }),
});

builder.mutationFields((t) => ({
  createClusterPool: t.field({
    type: ClusterPoolNode,
    authScopes: forAdmin,
    errors: refusals.clusterPool,
    description: 'Makes a pool and begins to fill it, unless it is lazy.',
    args: {
      input: t.arg({ type: CreateClusterPoolInput, required: true, description: 'The pool.' }),
    },
    resolve: (_root, { input }, { verbs }) =>
      verbs.createClusterPool(parseInput(createClusterPoolInput, input)),
  }),
  updateClusterPool: t.field({
    type: ClusterPoolNode,
    authScopes: forAdmin,
    errors: refusals.clusterPool,
    description:
      'Changes a pool. A smaller size takes free clusters first; locked ones go when released.',
    args: {
      input: t.arg({ type: UpdateClusterPoolInput, required: true, description: 'The change.' }),
    },
    resolve: (_root, { input }, { verbs }) =>
      verbs.updateClusterPool(parseInput(updateClusterPoolInput, input)),
  }),
  deleteClusterPool: t.field({
    type: ClusterPoolNode,
    authScopes: forAdmin,
    errors: refusals.clusterPool,
    description:
      'WrongState while a session is live; otherwise cancels its jobs, removes its clusters and ' +
      'its snapshots, those that users saved too, and answers the pool with deletedAt.',
    args: {
      input: t.arg({ type: DeleteClusterPoolInput, required: true, description: 'Which pool.' }),
    },
    resolve: (_root, { input }, { verbs }) => verbs.deleteClusterPool(input.name),
  }),
}));

// Those that need to know nothing but the pool.
builder.mutationFields((t) => ({
  releaseAllClusters: t.field({
    type: ClusterPoolNode,
    authScopes: forAdmin,
    errors: refusals.clusterPool,
    description: 'Ends every live session of the pool (endReason ADMIN).',
    args: { input: t.arg({ type: PoolInput, required: true, description: 'Which pool.' }) },
    resolve: (_root, { input }, { verbs }) => verbs.releaseAllClusters(input.pool),
  }),
  bootstrapPool: t.field({
    type: JobNode,
    authScopes: forAdmin,
    errors: refusals.job,
    description: 'Makes every missing or failed cluster by the BOOTSTRAP strategy.',
    args: { input: t.arg({ type: PoolInput, required: true, description: 'Which pool.' }) },
    resolve: (_root, { input }, { verbs }) => verbs.bootstrapPool(input.pool),
  }),
  warmUpPool: t.field({
    type: JobNode,
    authScopes: forAdmin,
    errors: refusals.job,
    description: 'Fills the pool to its size now.',
    args: { input: t.arg({ type: PoolInput, required: true, description: 'Which pool.' }) },
    resolve: (_root, { input }, { verbs }) => verbs.warmUpPool(input.pool),
  }),
}));
