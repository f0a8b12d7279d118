import { useMemo } from 'react';
import type { Snapshot } from '../subject.ts';
import { goldenOf } from './golden-sets.ts';
import { useThings } from './live.ts';

/** One set of snapshots of a pool: all its roles, taken together. */
export interface GoldenSet {
  readonly set: number;
  readonly snapshots: readonly Snapshot[];
  /** When its last snapshot was asked for. */
  readonly createdAt: string;
  /** When the first of them becomes stale; null for one that never does. */
  readonly staleAt: string | null;
  /** Whether it is to be replaced whatever its age: its image has a newer version. */
  readonly isOutdated: boolean;
  /** Whether all of it can be used. */
  readonly isReady: boolean;
}

/** Whether a set is to be replaced, at a time by the server's clock. */
export function isStale({ staleAt, isOutdated }: GoldenSet, now: number): boolean {
  return isOutdated || (staleAt !== null && Date.parse(staleAt) <= now);
}

/** What golden state a pool has. */
export interface GoldenState {
  /** Current sets that new clusters are made from, the oldest first. */
  readonly templateSets: readonly GoldenSet[];
  /** Current sets of single clusters, which these are reset to, the oldest first. */
  readonly ownSets: readonly GoldenSet[];
  /** Clusters that have a golden state of their own. */
  readonly clustersWithOwn: number;
  /** Sets that are being taken now. */
  readonly inTheMaking: number;
}

/** The golden state of one pool; saved snapshots of users are not part of it. */
export function useGoldenState(poolId: string): GoldenState {
  const snapshots = useThings('snapshots');
  return useMemo(() => goldenStateOf(goldenOf(snapshots.values(), poolId)), [snapshots, poolId]);
}

/** What the golden states of one pool come to; those that are being deleted count no more. */
export function goldenStateOf(snapshots: readonly Snapshot[]): GoldenState {
  const kept = snapshots.filter(({ status }) => status !== 'DELETING');
  const sets = [...Map.groupBy(kept, ({ set }) => set).values()].map(toSet);
  const current = sets
    .filter(({ snapshots: [first] }) => first?.current === true)
    .sort((a, b) => a.createdAt.localeCompare(b.createdAt));
  const ownSets = current.filter((set) => ownerOf(set) !== null);
  return {
    templateSets: current.filter((set) => ownerOf(set) === null),
    ownSets,
    clustersWithOwn: new Set(ownSets.map(ownerOf)).size,
    inTheMaking: sets.filter((set) => set.snapshots.some(({ status }) => status === 'CREATING'))
      .length,
  };
}

/** The cluster that is reset to a set; null for one that new clusters are made from. */
function ownerOf({ snapshots: [first] }: GoldenSet): string | null {
  return first?.cluster?.id ?? null;
}

function toSet(snapshots: readonly Snapshot[]): GoldenSet {
  const staleAts = snapshots.flatMap(({ staleAt }) => staleAt ?? []).sort();
  const createdAts = snapshots.map(({ createdAt }) => createdAt).sort();
  return {
    set: snapshots[0]?.set ?? 0,
    snapshots,
    createdAt: createdAts.at(-1) ?? '',
    staleAt: staleAts[0] ?? null,
    isOutdated: snapshots.some(({ outdated }) => outdated),
    isReady: snapshots.every(({ readyToUse }) => readyToUse),
  };
}
