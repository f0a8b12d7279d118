import { builder, forViewer } from './builder.ts';
import type { ChangeFilter, Context, Reads, Subject } from './context.ts';
import { FeedMessageInterface } from './feed-message.ts';
import { wantedId } from './global-id.ts';
import { NotFound } from './model/refusal.ts';
import {
  ClusterNode,
  ClusterPoolNode,
  ImageNode,
  JobNode,
  SessionNode,
  SnapshotNode,
  VmHandleNode,
} from './nouns.ts';
import { requestError } from './request-error.ts';
import { readSubject, type SubjectRow, SubjectTypeEnum } from './subject.ts';

const ChangeFilterInput = builder.inputType('ChangeFilter', {
  description: 'Which changes a reader wants; all conditions must hold.',
  fields: (t) => ({
    pool: t.string({ description: 'Only what concerns the pool of this name.' }),
    sessionId: t.id({ description: 'Only what concerns this session, its cluster and its VMs.' }),
    types: t.field({ type: [SubjectTypeEnum], description: 'Only these kinds of things.' }),
  }),
});

const LATEST =
  'The latest state, at once and after every change; a slow reader may skip states, never the ' +
  'last one. At most 20 messages a second per object. ';
const UNKNOWN = 'Error NOT_FOUND for what is unknown or not visible. ';
const WHOLE_POOL = 'Sends every present object of the pool first.';

builder.subscriptionFields((t) => ({
  changes: t.field({
    type: FeedMessageInterface,
    authScopes: forViewer,
    description:
      'The lossless feed: the state first (or the changes after a cursor), then every committed ' +
      'change in order. Error NOT_FOUND when the filter names something unknown.',
    args: {
      after: t.arg({
        type: 'Cursor',
        description: 'The cursor of the last message a reader has; from the state without it.',
      }),
      filter: t.arg({ type: ChangeFilterInput, description: 'All that is visible without it.' }),
    },
    subscribe: (_root, { after, filter }, { feed, reads }) =>
      orNotFound(() =>
        feed.changes({ after: after ?? undefined, filter: filterOf(filter, reads) }),
      ),
    resolve: (message) => message,
  }),
}));

// One thing, as it is now.
builder.subscriptionFields((t) => ({
  sessionUpdated: t.field({
    type: SessionNode,
    authScopes: forViewer,
    description: `${LATEST}${UNKNOWN}Completes after the final state.`,
    args: { id: t.arg.id({ required: true, description: 'The id of the session.' }) },
    subscribe: (_root, { id }, { feed }) =>
      orNotFound(() => feed.updates({ type: 'SESSION', id: wantedId('Session', id) })),
    resolve: latest(({ session }) => session),
  }),
  clusterPoolUpdated: t.field({
    type: ClusterPoolNode,
    authScopes: forViewer,
    description: `${LATEST}${UNKNOWN}`,
    args: { name: t.arg.string({ required: true, description: 'The name of the pool.' }) },
    subscribe: (_root, { name }, { feed, reads }) =>
      orNotFound(() => feed.updates({ type: 'CLUSTER_POOL', id: poolId(name, reads) })),
    resolve: latest(({ clusterPool }) => clusterPool),
  }),
  jobUpdated: t.field({
    type: JobNode,
    authScopes: forViewer,
    description: `${LATEST}${UNKNOWN}Completes after the final state.`,
    args: { id: t.arg.id({ required: true, description: 'The id of the job.' }) },
    subscribe: (_root, { id }, { feed }) =>
      orNotFound(() => feed.updates({ type: 'JOB', id: wantedId('Job', id) })),
    resolve: latest(({ job }) => job),
  }),
}));

// All versions of one image.
builder.subscriptionField('imageUpdated', (t) =>
  t.field({
    type: ImageNode,
    authScopes: forViewer,
    description: `${LATEST}${UNKNOWN}Sends every version of the name first.`,
    args: { name: t.arg.string({ required: true, description: 'The name of the image.' }) },
    subscribe: (_root, { name }, { feed }) => orNotFound(() => feed.updatesOfImage(name)),
    resolve: latest(({ image }) => image),
  }),
);

// Everything of one kind in a pool.
builder.subscriptionFields((t) => ({
  clusterUpdated: t.field({
    type: ClusterNode,
    authScopes: forViewer,
    description: `${LATEST}${UNKNOWN}${WHOLE_POOL}`,
    args: { pool: t.arg.string({ required: true, description: 'The name of the pool.' }) },
    subscribe: (_root, { pool }, { feed }) => orNotFound(() => feed.updatesInPool('CLUSTER', pool)),
    resolve: latest(({ cluster }) => cluster),
  }),
  snapshotUpdated: t.field({
    type: SnapshotNode,
    authScopes: forViewer,
    description: `${LATEST}${UNKNOWN}${WHOLE_POOL}`,
    args: { pool: t.arg.string({ required: true, description: 'The name of the pool.' }) },
    subscribe: (_root, { pool }, { feed }) =>
      orNotFound(() => feed.updatesInPool('SNAPSHOT', pool)),
    resolve: latest(({ snapshot }) => snapshot),
  }),
  vmHandleUpdated: t.field({
    type: VmHandleNode,
    authScopes: forViewer,
    description: `${LATEST}${UNKNOWN}${WHOLE_POOL}`,
    args: { pool: t.arg.string({ required: true, description: 'The name of the pool.' }) },
    subscribe: (_root, { pool }, { feed }) =>
      orNotFound(() => feed.updatesInPool('VM_HANDLE', pool)),
    resolve: latest(({ vmHandle }) => vmHandle),
  }),
}));

/** Resolves the subject that a message names to its row, as it is when the message is delivered. */
function latest<Row>(pick: (row: SubjectRow) => Row | undefined) {
  return (subject: Subject, _args: object, { reads }: Context): Row => {
    const row = pick(readSubject(subject, reads) ?? {});
    if (row === undefined) throw requestError('NOT_FOUND', 'what is watched is gone');
    return row;
  };
}

function filterOf(
  filter: typeof ChangeFilterInput.$inferInput | null | undefined,
  reads: Reads,
): ChangeFilter {
  const { pool, sessionId, types } = filter ?? {};
  return {
    poolId: pool == null ? undefined : poolId(pool, reads),
    sessionId: sessionId == null ? undefined : wantedId('Session', sessionId),
    types: types ?? undefined,
  };
}

function poolId(name: string, reads: Reads): string {
  const pool = reads.clusterPoolByName(name);
  if (pool === undefined) throw new NotFound('pool');
  return pool.id;
}

/** A subscription has no union to answer a refusal in: it is refused by a top-level error. */
async function orNotFound<Value>(open: () => Value | Promise<Value>): Promise<Value> {
  try {
    return await open();
  } catch (error) {
    throw error instanceof NotFound ? requestError('NOT_FOUND', error.message) : error;
  }
}
