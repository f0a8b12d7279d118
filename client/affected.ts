import type { Change } from './feed-message.ts';

/** What a change makes old, by the kind of thing it is about. */
interface Affected {
  /** Where things of this kind are shown, many or one. */
  readonly places: readonly string[];
  /** What also differs when one of them goes from one state to another. */
  readonly byState: readonly string[];
  /** What is derived from it, and differs with any change. */
  readonly derived: readonly string[];
}

const AFFECTED: Readonly<Record<Change['type'], Affected>> = {
  CLUSTER_POOL: { places: ['clusterPools', 'clusterPool', 'node'], byState: [], derived: [] },
  CLUSTER: {
    places: ['clusters', 'cluster', 'node'],
    byState: ['statusByCluster', 'provisioningStats'],
    derived: [],
  },
  SESSION: {
    places: ['sessions', 'session', 'node'],
    byState: ['sessions', 'access', 'provisioningStats'],
    derived: [],
  },
  VM_HANDLE: { places: ['vmHandles', 'node'], byState: ['vmHandles'], derived: [] },
  SNAPSHOT: {
    places: ['snapshots', 'node'],
    byState: [],
    derived: ['snapshotInfo', 'ageSeconds'],
  },
  JOB: { places: ['jobs', 'job', 'node'], byState: ['jobs'], derived: [] },
  IMAGE: {
    places: ['images', 'image', 'node', 'children'],
    byState: [],
    derived: ['usedBy'],
  },
};

/**
 * The names of the fields that a change makes old wherever they are shown, besides what the feed
 * itself brings: lists that the thing may have come into or left, and what is derived from it.
 */
export function affectedFields(change: Change): readonly string[] {
  const { places, byState, derived } = affectedBy(change.type);
  const isNewOrGone = change.kind === 'CREATED' || change.subject === null;
  return [
    'changeLog',
    ...derived,
    ...(isNewOrGone ? places : []),
    ...(isNewOrGone || change.from !== change.to ? byState : []),
    ...(movesQueue(change) ? ['queuePosition'] : []),
  ];
}

/** Kinds of things that came after this was written are shown nowhere here. */
function affectedBy(type: string): Affected {
  const known: Readonly<Record<string, Affected | undefined>> = AFFECTED;
  return known[type] ?? { places: [], byState: [], derived: [] };
}

/** Who waits gets another place without a change of its own. */
function movesQueue({ subject }: Change): boolean {
  return (subject?.clusterPool?.stats.queuedSessions ?? 0) > 0;
}
