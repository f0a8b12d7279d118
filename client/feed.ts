import type { Cluster } from './cluster.tsx';
import type { ClusterPool } from './cluster-pool.tsx';
import type { Change, FeedMessage, Subject } from './feed-message.ts';
import type { Session } from './session.tsx';

/** Everything the page shows, each thing once, by its id. */
export interface Things {
  readonly clusterPools: ReadonlyMap<string, ClusterPool>;
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly sessions: ReadonlyMap<string, Session>;
}

/**
 * What a reader of the feed knows.
 *
 * Its life: it starts with nothing. A state arrives in one or more messages and is shown when it
 * is whole; then changes follow, each in place of what they are about. When the stream breaks, a
 * new one goes on from `cursor`; what was shown stays until it is level again. A resync brings a
 * new state, which replaces the old one when it is whole. `prev` of each message must be the
 * cursor of the one before: otherwise something is missing, and the reader starts again.
 */
export interface Feed {
  readonly things: Things;
  /** The position that `things` stand at, from which a new stream goes on; null before. */
  readonly cursor: string | null;
  /** The state that is arriving. */
  readonly arriving: Things | null;
  /** The cursor of the last message of this stream, or the one it went on from. */
  readonly last: string | null;
  /** A position that the log had reached when the server was last asked. */
  readonly head: string | null;
  /** Whether everything was known that had happened, when the last message came. */
  readonly isLevel: boolean;
}

const NOTHING: Things = { clusterPools: new Map(), clusters: new Map(), sessions: new Map() };

/** Sessions that have ended, and are still shown. */
const ENDED_SESSIONS_KEPT = 10;

/** A reader that knows nothing yet. */
export const EMPTY_FEED: Feed = {
  things: NOTHING,
  cursor: null,
  arriving: null,
  last: null,
  head: null,
  isLevel: false,
};

/** A new stream goes on from the cursor; half a state is worth nothing there. */
export function reopened(feed: Feed): Feed {
  return { ...feed, arriving: null, last: feed.cursor, head: null, isLevel: false };
}

/** The next stream begins with the state; what is shown stays until then. */
export function startedAgain(feed: Feed): Feed {
  return { ...EMPTY_FEED, things: feed.things };
}

/** The log was at this position a moment ago: whoever stands there is level. */
export function toldHead(feed: Feed, head: string): Feed {
  return { ...feed, head, isLevel: feed.isLevel || feed.cursor === head };
}

/** Takes in the next message. GAP: something is missing before it, and it was not taken. */
export function receive(feed: Feed, message: FeedMessage): Feed | 'GAP' {
  if (message.__typename === 'FeedResync') {
    return { ...feed, arriving: NOTHING, last: message.cursor, isLevel: false };
  }
  if (message.prev !== feed.last) return 'GAP';
  if (message.__typename === 'FeedState') return receiveState(feed, message);
  if (feed.cursor === null || feed.arriving !== null) return 'GAP';
  if (message.__typename === 'FeedChanges') {
    return moveTo(feed, message.cursor, applyChanges(feed.things, message.changes));
  }
  // A bookmark is sent when there is nothing left to send.
  return { ...moveTo(feed, message.cursor, feed.things), isLevel: true };
}

function receiveState(feed: Feed, { cursor, subjects, more }: FeedState): Feed {
  const arriving = withSubjects(feed.arriving ?? NOTHING, subjects, []);
  if (more) return { ...feed, arriving, last: cursor };
  return { ...moveTo(feed, cursor, arriving), arriving: null, isLevel: true };
}

type FeedState = Extract<FeedMessage, { __typename: 'FeedState' }>;

function moveTo(feed: Feed, cursor: string, things: Things): Feed {
  const isLevel = feed.isLevel || cursor === feed.head;
  return { ...feed, things, cursor, last: cursor, isLevel };
}

function applyChanges(things: Things, changes: readonly Change[]): Things {
  const subjects = changes.flatMap(({ subject }) => subject ?? []);
  const gone = changes.filter(({ subject }) => subject === null).map(({ id }) => id);
  return withSubjects(things, subjects, gone);
}

function withSubjects(things: Things, subjects: readonly Subject[], gone: string[]): Things {
  const clusterPools = new Map(things.clusterPools);
  const clusters = new Map(things.clusters);
  const sessions = new Map(things.sessions);
  for (const { clusterPool, cluster, session } of subjects) {
    if (clusterPool != null) put(clusterPools, clusterPool, !isGonePool(clusterPool));
    if (cluster != null) put(clusters, cluster, cluster.removedAt === null);
    if (session != null) put(sessions, session, true);
  }
  for (const id of gone) {
    for (const map of [clusterPools, clusters, sessions]) map.delete(id);
  }
  forgetLongEnded(sessions);
  return { clusterPools, clusters, sessions };
}

function put<Thing extends { id: string }>(
  map: Map<string, Thing>,
  thing: Thing,
  isThere: boolean,
): void {
  if (isThere) map.set(thing.id, thing);
  else map.delete(thing.id);
}

/** A deleted pool is shown as long as some of its clusters are still there. */
function isGonePool({ deletedAt, stats }: ClusterPool): boolean {
  return deletedAt !== null && stats.totalClusters === 0;
}

function forgetLongEnded(sessions: Map<string, Session>): void {
  const ended = [...sessions.values()].filter(({ endedAt }) => endedAt !== null);
  if (ended.length <= ENDED_SESSIONS_KEPT) return;
  const oldestFirst = ended.sort((a, b) => (a.endedAt ?? '').localeCompare(b.endedAt ?? ''));
  for (const { id } of oldestFirst.slice(0, -ENDED_SESSIONS_KEPT)) sessions.delete(id);
}
