import { builder, forViewer } from './builder.ts';
import { ChangeObject } from './change.ts';
import type { FeedMessage } from './context.ts';
import { readSubject, SubjectObject } from './subject.ts';

type Message<Kind extends FeedMessage['kind']> = Extract<FeedMessage, { kind: Kind }>;

const MESSAGE_TYPES = {
  STATE: 'FeedState',
  CHANGES: 'FeedChanges',
  BOOKMARK: 'FeedBookmark',
  RESYNC: 'FeedResync',
} as const satisfies Record<FeedMessage['kind'], string>;

/** One message of the feed; see its guarantee in the README. */
export const FeedMessageInterface = builder.interfaceRef<FeedMessage>('FeedMessage').implement({
  description:
    'One message of the feed. `prev` is the cursor of the message before it on this stream, so a ' +
    'reader can prove that nothing is missing.',
  authScopes: forViewer,
  resolveType: ({ kind }) => MESSAGE_TYPES[kind],
  fields: (t) => ({
    cursor: t.expose('cursor', {
      type: 'Cursor',
      description: 'The position behind this message: a reader that has it may go on from there.',
    }),
    prev: t.expose('prev', {
      type: 'Cursor',
      nullable: true,
      description:
        'The cursor of the message before it, or the one the stream was resumed from; null on ' +
        'the first message of a stream without one.',
    }),
  }),
});

builder.objectRef<Message<'STATE'>>(MESSAGE_TYPES.STATE).implement({
  description:
    'The state at one log position; `more` says that another FeedState of the same position ' +
    'follows.',
  authScopes: forViewer,
  interfaces: [FeedMessageInterface],
  fields: (t) => ({
    subjects: t.field({
      type: [SubjectObject],
      description: 'Objects as they are at this position.',
      resolve: ({ subjects }, _args, { reads }) =>
        subjects.map((subject) => readSubject(subject, reads)).filter((row) => row !== undefined),
    }),
    more: t.exposeBoolean('more', {
      description: 'Whether the state goes on in the next message.',
    }),
  }),
});

builder.objectRef<Message<'CHANGES'>>(MESSAGE_TYPES.CHANGES).implement({
  description: "All changes of one verb that the filter and the viewer's rights let through.",
  authScopes: forViewer,
  interfaces: [FeedMessageInterface],
  fields: (t) => ({
    changes: t.field({
      type: [ChangeObject],
      description: 'The changes, in the order of the log.',
      resolve: ({ changes }) => changes,
    }),
  }),
});

builder.objectRef<Message<'BOOKMARK'>>(MESSAGE_TYPES.BOOKMARK).implement({
  description: 'Nothing new for the filter: the position has moved on, or a heartbeat.',
  authScopes: forViewer,
  interfaces: [FeedMessageInterface],
});

const ResyncReasonEnum = builder.enumType('ResyncReason', {
  description: 'Why a cursor could not be resumed.',
  values: {
    TRIMMED: { description: 'What came after it is no longer kept.' },
    FOREIGN_EPOCH: { description: 'It is from another database, or from before a restore.' },
    FUTURE: { description: 'The log has not come so far.' },
    LAGGING: { description: 'The reader was too slow and fell out of what is kept.' },
  },
});

builder.objectRef<Message<'RESYNC'>>(MESSAGE_TYPES.RESYNC).implement({
  description: 'The cursor cannot be resumed: a FeedState follows.',
  authScopes: forViewer,
  interfaces: [FeedMessageInterface],
  fields: (t) => ({
    reason: t.expose('reason', { type: ResyncReasonEnum, description: 'Why.' }),
  }),
});
