import type { Change, FeedMessage } from './feed-message.ts';
import type { Subject } from './feed-message.ts';
import type { Cluster, ClusterPool, Job, Session, Snapshot, VmHandle } from './subject.ts';

/** Everything that is there for the viewer, each thing once, by its id. */
export interface Things {
  readonly clusterPools: ReadonlyMap<string, ClusterPool>;
  readonly clusters: ReadonlyMap<string, Cluster>;
  readonly sessions: ReadonlyMap<string, Session>;
  readonly vmHandles: ReadonlyMap<string, VmHandle>;
  readonly snapshots: ReadonlyMap<string, Snapshot>;
  readonly jobs: ReadonlyMap<string, Job>;
}

/**
 * What a reader of the feed knows.
 *
 * Its life: it starts with nothing. A state arrives in one or more messages and is shown when it
 * is whole; then changes follow, each in place of what they are about. When the stream breaks, a
 * new one goes on from `cursor`; what was shown stays until it is level again. A resync, or a
 * stream that has to begin again, brings a new state, which replaces the old one when it is whole.
 */
export interface Feed {
  readonly things: Things;
  /** The position that `things` stand at; null before the first state. */
  readonly cursor: string | null;
  /** The state that is arriving. */
  readonly arriving: Things | null;
  /** A position that the log had reached when the server was last asked. */
  readonly head: string | null;
  /** Whether everything was known that had happened, when the last message came. */
  readonly isLevel: boolean;
  /** Whether the last change was old news when it came: the line does not keep up. */
  readonly isBehind: boolean;
}

const NOTHING: Things = {
  clusterPools: new Map(),
  clusters: new Map(),
  sessions: new Map(),
  vmHandles: new Map(),
  snapshots: new Map(),
  jobs: new Map(),
};

/** Sessions and jobs that have ended, and are still known, of each. */
const ENDED_KEPT = 10;

/** A reader that knows nothing yet. */
export const EMPTY_FEED: Feed = {
  things: NOTHING,
  cursor: null,
  arriving: null,
  head: null,
  isLevel: false,
  isBehind: false,
};

/** A new line was made: what is known may be old until the stream has caught up. */
export function reopened(feed: Feed): Feed {
  return { ...feed, arriving: null, head: null, isLevel: false, isBehind: false };
}

/** The log was at this position a moment ago: whoever stands there is level. */
export function toldHead(feed: Feed, head: string): Feed {
  return { ...feed, head, isLevel: feed.isLevel || feed.cursor === head };
}

/** A line that brings changes later than this does not keep up; it does again below the second. */
const BEHIND_MS = { from: 3_000, until: 1_000 } as const;

/** Takes in the next message, which came at this time by the server's clock. */
export function receive(feed: Feed, message: FeedMessage, now: number): Feed {
  switch (message.__typename) {
    case 'FeedResync':
      return { ...feed, arriving: NOTHING, isLevel: false };
    case 'FeedState':
      return receiveState(feed, message);
    case 'FeedChanges':
      return {
        ...moveTo(feed, message.cursor, applyChanges(feed.things, message.changes)),
        isBehind: isOld(message.changes, now - BEHIND_MS[feed.isBehind ? 'until' : 'from']),
      };
    case 'FeedBookmark':
      // It is sent when there is nothing left to send.
      return { ...moveTo(feed, message.cursor, feed.things), isLevel: true, isBehind: false };
  }
}

function receiveState(feed: Feed, { cursor, prev, subjects, more }: FeedState): Feed {
  const before = prev === null ? NOTHING : (feed.arriving ?? NOTHING);
  const arriving = withSubjects(before, subjects, []);
  if (more) return { ...feed, arriving };
  return { ...moveTo(feed, cursor, arriving), arriving: null, isLevel: true, isBehind: false };
}

type FeedState = Extract<FeedMessage, { __typename: 'FeedState' }>;

function moveTo(feed: Feed, cursor: string, things: Things): Feed {
  return { ...feed, things, cursor, isLevel: feed.isLevel || cursor === feed.head };
}

/** Whether even the youngest of some changes is older than this. */
function isOld(changes: readonly Change[], before: number): boolean {
  return changes.length > 0 && changes.every(({ at }) => Date.parse(at) < before);
}

function applyChanges(things: Things, changes: readonly Change[]): Things {
  const subjects = changes.flatMap(({ subject }) => subject ?? []);
  const gone = changes.filter(({ subject }) => subject === null).map(({ id }) => id);
  return withSubjects(things, subjects, gone);
}

function withSubjects(
  things: Things,
  subjects: readonly Subject[],
  gone: readonly string[],
): Things {
  const sessions = next(things.sessions, gone, of(subjects, 'session'));
  const jobs = next(things.jobs, gone, of(subjects, 'job'));
  return {
    clusterPools: next(things.clusterPools, gone, of(subjects, 'clusterPool'), isGonePool),
    clusters: next(
      things.clusters,
      gone,
      of(subjects, 'cluster'),
      ({ removedAt }) => removedAt !== null,
    ),
    sessions: withoutLongEnded(sessions, ({ endedAt }) => endedAt),
    vmHandles: next(things.vmHandles, gone, of(subjects, 'vmHandle')),
    snapshots: next(things.snapshots, gone, of(subjects, 'snapshot')),
    jobs: withoutLongEnded(jobs, ({ finishedAt }) => finishedAt),
  };
}

/** The subjects of one kind. */
function of<Kind extends keyof Subject>(
  subjects: readonly Subject[],
  kind: Kind,
): NonNullable<Subject[Kind]>[] {
  return subjects.flatMap((subject) => subject[kind] ?? []);
}

/** The things of one kind after these have come or changed, and those are gone. */
function next<Thing extends { readonly id: string }>(
  before: ReadonlyMap<string, Thing>,
  gone: readonly string[],
  present: readonly Thing[],
  isGone: (thing: Thing) => boolean = () => false,
): ReadonlyMap<string, Thing> {
  // The same map tells whoever shows it that there is nothing new.
  if (present.length === 0 && !gone.some((id) => before.has(id))) return before;
  const things = new Map(before);
  for (const thing of present) {
    if (isGone(thing)) things.delete(thing.id);
    else things.set(thing.id, thing);
  }
  for (const id of gone) things.delete(id);
  return things;
}

/** A deleted pool is shown as long as some of its clusters are still there. */
function isGonePool({ deletedAt, stats }: ClusterPool): boolean {
  return deletedAt !== null && stats.totalClusters === 0;
}

/** The same, without those that ended long ago; the same map when there are none. */
function withoutLongEnded<Thing extends { readonly id: string }>(
  things: ReadonlyMap<string, Thing>,
  endOf: (thing: Thing) => string | null,
): ReadonlyMap<string, Thing> {
  const ended = [...things.values()].filter((thing) => endOf(thing) !== null);
  if (ended.length <= ENDED_KEPT) return things;
  ended.sort((a, b) => (endOf(a) ?? '').localeCompare(endOf(b) ?? ''));
  const old = new Set(ended.slice(0, -ENDED_KEPT));
  return new Map([...things].filter(([, thing]) => !old.has(thing)));
}
