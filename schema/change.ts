import { builder, forViewer } from './builder.ts';
import type { Subject } from './context.ts';
import { globalId, parseGlobalId } from './global-id.ts';
import { type Change, shownActor, SUBJECT_TYPES } from './model/change.ts';
import { connectionOf, emptyPage, pageArgs, poolArg, readPageOfPool } from './page.ts';
import { readSubject, SUBJECT_NODES, SubjectObject, SubjectTypeEnum } from './subject.ts';

const ChangeKindEnum = builder.enumType('ChangeKind', {
  description: 'What happened to a thing.',
  values: {
    CREATED: { description: 'It is new.' },
    UPDATED: { description: 'It changed.' },
    DELETED: { description: 'It is gone: `subject` is null.' },
  },
});

const CauseEnum = builder.enumType('Cause', {
  description: 'Why something changed; open to new values.',
  values: {
    CLAIM: { description: 'A session was claimed.' },
    RELEASE: { description: 'A session was given back.' },
    EXPIRY: { description: 'The time of a session was up.' },
    ADMIN: { description: 'An admin did it.' },
    RESET: { description: 'A cluster is put, or was put, back to its golden state.' },
    PROBE: { description: 'A look at the guests showed it.' },
    REPLENISH: { description: 'A pool is brought to its size.' },
    JOB: { description: 'A job did it; see `job`.' },
    PROVIDER_EVENT: { description: 'The provider reported it.' },
    PROVIDER_ERROR: { description: 'The provider failed.' },
    DEADLINE: { description: 'It took longer than it may.' },
    RESTART: { description: 'The server found it so when it started.' },
  },
});

/** One committed transition, as the feed and the history show it. */
export const ChangeObject = builder.objectRef<Change>('Change').implement({
  description: 'One committed transition of one thing.',
  authScopes: forViewer,
  fields: (t) => ({
    type: t.expose('type', { type: SubjectTypeEnum, description: 'What kind of thing it is.' }),
    id: t.id({
      description: 'The id of the thing, for Query.node.',
      resolve: ({ type, subjectId }) => globalId(SUBJECT_NODES[type], subjectId),
    }),
    kind: t.expose('kind', { type: ChangeKindEnum, description: 'What happened to it.' }),
    at: t.expose('at', { type: 'DateTime', description: 'When it was committed.' }),
    from: t.exposeString('from', {
      nullable: true,
      description: 'The state before; null when the state stayed, and for what is new.',
    }),
    to: t.exposeString('to', {
      nullable: true,
      description: 'The state after; null when the state stayed, and for what is gone.',
    }),
    cause: t.expose('cause', { type: CauseEnum, description: 'Why, for programs.' }),
    reason: t.exposeString('reason', { nullable: true, description: 'Why, in a sentence.' }),
    actor: t.string({
      description:
        "Who did it: a viewer's name, or `system`; `another user` to those who may not see the " +
        'session it was about.',
      resolve: (change, _args, { viewer }) => shownActor(change, viewer),
    }),
    job: t.id({
      nullable: true,
      description: 'The id of the job it was part of.',
      resolve: ({ jobId }) => (jobId === null ? null : globalId('Job', jobId)),
    }),
    subject: t.field({
      type: SubjectObject,
      nullable: true,
      description: 'The object as it is when delivered; null when deleted or not visible.',
      resolve: ({ kind, type, subjectId }, _args, { reads }) =>
        kind === 'DELETED' ? null : readSubject({ type, id: subjectId }, reads),
    }),
  }),
});

const ChangeConnection = connectionOf(ChangeObject, 'changes');

builder.queryField('changeLog', (t) =>
  t.field({
    type: ChangeConnection,
    authScopes: forViewer,
    description:
      'The history, newest first: of everything the viewer may see, of a pool, or of one thing. ' +
      'Kept for 7 days.',
    args: {
      ...poolArg,
      id: t.arg.id({ description: 'Only the changes of the thing with this id.' }),
      types: t.arg({
        type: [SubjectTypeEnum],
        description: 'Only changes of these kinds of things; of all without it.',
      }),
      ...pageArgs,
    },
    resolve: (_root, args, { reads }) =>
      readPageOfPool(args, reads, (filter, page) => {
        const types = args.types ?? undefined;
        if (args.id == null) return reads.changes({ ...filter, types }, page);
        const subject = subjectOf(args.id);
        return subject ? reads.changes({ ...filter, types, subject }, page) : emptyPage<Change>();
      }),
  }),
);

/** What a global id is the id of, if changes can be about it. */
function subjectOf(text: string): Subject | undefined {
  const parsed = parseGlobalId(text);
  const type = SUBJECT_TYPES.find((one) => SUBJECT_NODES[one] === parsed?.name);
  return parsed && type ? { type, id: parsed.id } : undefined;
}
