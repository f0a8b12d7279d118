import { useMemo } from 'react';
import type { Snapshot } from '../subject.ts';
import { useThings } from './live.ts';

/** One set of snapshots of a pool: all its roles, taken together. */
export interface GoldenSet {
  readonly set: number;
  readonly snapshots: readonly Snapshot[];
  /** When its last snapshot was asked for. */
  readonly createdAt: string;
  /** When the first of them becomes stale; null for one that never does. */
  readonly staleAt: string | null;
  /** Whether all of it can be used. */
  readonly isReady: boolean;
}

/** What golden state a pool has. */
export interface GoldenState {
  /** Current sets that new clusters are made from, the oldest first. */
  readonly templateSets: readonly GoldenSet[];
  /** Clusters that have a golden state of their own, which they are reset to. */
  readonly clustersWithOwn: number;
  /** Sets that are being taken now. */
  readonly inTheMaking: number;
}

/** The golden state of one pool; saved snapshots of users are not part of it. */
export function useGoldenState(poolId: string): GoldenState {
  const snapshots = useThings('snapshots');
  return useMemo(
    () => goldenStateOf([...snapshots.values()].filter(({ pool }) => pool.id === poolId)),
    [snapshots, poolId],
  );
}

/** What the snapshots of one pool come to. */
function goldenStateOf(snapshots: readonly Snapshot[]): GoldenState {
  const sets = [...Map.groupBy(golden(snapshots), ({ set }) => set).values()].map(toSet);
  const current = sets.filter(({ snapshots: [first] }) => first?.current === true);
  const own = current.flatMap(({ snapshots: [first] }) => first?.cluster?.id ?? []);
  return {
    templateSets: current
      .filter(({ snapshots: [first] }) => first?.cluster === null)
      .sort((a, b) => a.createdAt.localeCompare(b.createdAt)),
    clustersWithOwn: new Set(own).size,
    inTheMaking: sets.filter((set) => set.snapshots.some(({ status }) => status === 'CREATING'))
      .length,
  };
}

/** What somebody saved of a session is no golden state. */
function golden(snapshots: readonly Snapshot[]): Snapshot[] {
  return snapshots.filter(({ status, owner }) => status !== 'DELETING' && owner === null);
}

function toSet(snapshots: readonly Snapshot[]): GoldenSet {
  const staleAts = snapshots.flatMap(({ staleAt }) => staleAt ?? []).sort();
  const createdAts = snapshots.map(({ createdAt }) => createdAt).sort();
  return {
    set: snapshots[0]?.set ?? 0,
    snapshots,
    createdAt: createdAts.at(-1) ?? '',
    staleAt: staleAts[0] ?? null,
    isReady: snapshots.every(({ readyToUse }) => readyToUse),
  };
}
