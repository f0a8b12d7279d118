import type { Change, FeedMessage, Subject } from '../../client/feed-message.ts';

/** A message of the feed of one kind. */
type Message<Name extends FeedMessage['__typename']> = Extract<FeedMessage, { __typename: Name }>;

const NO_SUBJECT: Subject = {
  clusterPool: null,
  cluster: null,
  session: null,
  vmHandle: null,
  snapshot: null,
  job: null,
  image: null,
};

/** A whole state, or the last part of one. */
export function state(
  prev: string | null,
  cursor: string,
  ...subjects: Partial<Subject>[]
): Message<'FeedState'> {
  const whole = subjects.map((subject) => ({ ...NO_SUBJECT, ...subject }));
  return { __typename: 'FeedState', prev, cursor, subjects: whole, more: false };
}

/** A part of a state that is not the last. */
export function firstPart(
  prev: string | null,
  cursor: string,
  ...subjects: Partial<Subject>[]
): Message<'FeedState'> {
  return { ...state(prev, cursor, ...subjects), more: true };
}

/** What one verb has changed. */
export function changes(
  prev: string | null,
  cursor: string,
  ...list: Change[]
): Message<'FeedChanges'> {
  return { __typename: 'FeedChanges', prev, cursor, changes: list };
}

/** A sign of life. */
export function bookmark(prev: string | null, cursor: string): Message<'FeedBookmark'> {
  return { __typename: 'FeedBookmark', prev, cursor };
}

/** The cursor could not be resumed; a state follows. */
export function resync(prev: string | null, cursor: string): Message<'FeedResync'> {
  return { __typename: 'FeedResync', prev, cursor, reason: 'TRIMMED' };
}

/** A thing as it is after a change. */
export function updated(subject: Partial<Subject>, change: Partial<Change> = {}): Change {
  const { cluster, session, clusterPool } = subject;
  const type = cluster ? 'CLUSTER' : session ? 'SESSION' : 'CLUSTER_POOL';
  return {
    id: (cluster ?? session ?? clusterPool)?.id ?? '',
    type,
    kind: 'UPDATED',
    from: null,
    to: null,
    at: new Date().toISOString(),
    cause: 'CLAIM',
    reason: null,
    actor: 'ada',
    subject: { ...NO_SUBJECT, ...subject },
    ...change,
  };
}

/** A thing that is gone, or no longer to be seen. */
export function gone(type: Change['type'], id: string): Change {
  return { ...updated({}), type, id, kind: 'DELETED', subject: null };
}
