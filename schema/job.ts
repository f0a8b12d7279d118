import { builder, forAdmin, forViewer } from './builder.ts';
import { databaseId, globalId, wantedId } from './global-id.ts';
import { jobActions } from './model/allowed-actions.ts';
import { ClusterPoolNode, JobNode } from './nouns.ts';
import { ALLOWED_ACTIONS, referred, VERSION } from './noun.ts';
import { connectionOf, pageArgs, poolArg, readPageOfPool } from './page.ts';
import { PhaseObject } from './phase.ts';
import { refusals } from './refusal.ts';
import { NODE_ID } from './relay.ts';

const JobStatusEnum = builder.enumType('JobStatus', {
  description: 'The state of a job: QUEUED, RUNNING, then one of the final three.',
  values: {
    QUEUED: { description: 'Nobody has begun with it.' },
    RUNNING: { description: 'What it wants is not yet so.' },
    SUCCEEDED: { description: 'What it wants is so. Final.' },
    FAILED: { description: 'It could not be done; `error` says why. Final.' },
    CANCELLED: {
      description: 'It was stopped before its end, at a step where that is safe. Final.',
    },
  },
});

const JobKindEnum = builder.enumType('JobKind', {
  description: 'What a job does; each is begun by the mutation of the same name.',
  values: {
    BOOTSTRAP_POOL: { description: 'Makes every missing or failed cluster from the image.' },
    WARM_UP_POOL: { description: 'Fills a pool to its size.' },
    CREATE_SNAPSHOTS: { description: 'Records a golden state.' },
    RECREATE_SNAPSHOTS: { description: 'Records a new golden state, then deletes the old one.' },
    DELETE_SNAPSHOTS: { description: 'Deletes the golden states of a pool.' },
    RESET_CLUSTER: { description: 'Puts one cluster back to its golden state.' },
    REPAIR_CLUSTER: { description: 'Resets a cluster, or makes it anew where that fails.' },
  },
});

JobNode.implement({
  description: 'Admin work that takes long: it has steps, progress and a deadline.',
  authScopes: forViewer,
  interfaces: [builder.nodeInterfaceRef()],
  fields: (t) => ({
    id: t.id({ description: NODE_ID, resolve: ({ id }) => globalId('Job', id) }),
    kind: t.expose('kind', { type: JobKindEnum, description: 'What it does.' }),
    status: t.expose('status', { type: JobStatusEnum, description: 'How far it is.' }),
    statusMessage: t.exposeString('statusMessage', {
      nullable: true,
      description: 'What it is at, or waits for, in a sentence.',
    }),
    pool: t.field({
      type: ClusterPoolNode,
      description: 'The pool it works on.',
      resolve: (job, _args, { reads }) =>
        referred(reads.clusterPool(job.poolId), `the pool of job ${job.id}`),
    }),
    progress: t.exposeFloat('progress', {
      description: '0 to 1. Pushed to watchers at most once a second.',
    }),
    error: t.exposeString('error', { nullable: true, description: 'Why it failed.' }),
    steps: t.field({
      type: [PhaseObject],
      description: 'Its steps so far, in order.',
      resolve: (job, _args, { reads }) => reads.timeline(job.id),
    }),
    createdAt: t.expose('createdAt', { type: 'DateTime', description: 'When it was asked for.' }),
    cancelRequestedAt: t.expose('cancelRequestedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When somebody asked to cancel it; it ends at its next step.',
    }),
    finishedAt: t.expose('finishedAt', {
      type: 'DateTime',
      nullable: true,
      description: 'When it reached a final state.',
    }),
    version: t.exposeInt('version', { description: VERSION }),
    allowedActions: t.stringList({
      description: ALLOWED_ACTIONS,
      resolve: (job, _args, { viewer }) => jobActions(job, viewer),
    }),
  }),
});

const JobConnection = connectionOf(JobNode, 'jobs');

builder.queryFields((t) => ({
  job: t.field({
    type: JobNode,
    nullable: true,
    authScopes: forViewer,
    description: 'One job; null when there is none with this id.',
    args: { id: t.arg.id({ required: true, description: 'Its id.' }) },
    resolve: (_root, args, { reads }) => {
      const id = databaseId('Job', args.id);
      return id === undefined ? null : reads.job(id);
    },
  }),
  jobs: t.field({
    type: JobConnection,
    authScopes: forViewer,
    description: 'Jobs, newest first, for 30 days after their end.',
    args: {
      ...poolArg,
      status: t.arg({
        type: [JobStatusEnum],
        description: 'Only those in one of these states; in any without it.',
      }),
      ...pageArgs,
    },
    resolve: (_root, args, { reads }) =>
      readPageOfPool(args, reads, (filter, page) =>
        reads.jobs({ ...filter, status: args.status ?? undefined }, page),
      ),
  }),
}));

const JobInput = builder.inputType('JobInput', {
  description: 'Which job.',
  fields: (t) => ({ jobId: t.id({ required: true, description: 'Its id.' }) }),
});

builder.mutationField('cancelJob', (t) =>
  t.field({
    type: JobNode,
    authScopes: forAdmin,
    errors: refusals.job,
    description:
      'Asks a job to stop at its next step. A queued job is cancelled at once; WrongState for ' +
      'one that has ended.',
    args: { input: t.arg({ type: JobInput, required: true, description: 'Which job.' }) },
    resolve: (_root, { input }, { verbs }) => verbs.cancelJob(wantedId('Job', input.jobId)),
  }),
);
