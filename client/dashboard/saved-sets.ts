import { useMemo } from 'react';
import type { Snapshot } from '../subject.ts';
import { useThings } from './live.ts';

/** What somebody saved of a session: one snapshot of each VM, good only together. */
export interface SavedSet {
  /** The id of one of its snapshots, by which all of it is meant. */
  readonly id: string;
  readonly title: string;
  readonly owner: string;
  readonly pool: Snapshot['pool'];
  readonly set: number;
  readonly snapshots: readonly Snapshot[];
  /** READY when all of it is. */
  readonly status: Snapshot['status'];
  readonly statusMessage: string | null;
  /** All of it in bytes; null until it is known. */
  readonly sizeBytes: number | null;
  readonly createdAt: string;
  /** The session that it was saved of; null for one that is long gone. */
  readonly sessionId: string | null;
  readonly allowedActions: readonly string[];
}

/** Everything saved that the viewer may see, the youngest first. */
export function useSavedSets(): readonly SavedSet[] {
  const snapshots = useThings('snapshots');
  return useMemo(() => savedSetsOf(snapshots.values()), [snapshots]);
}

/** The saved sets among snapshots, the youngest first; golden states are nobody's. */
export function savedSetsOf(snapshots: Iterable<Snapshot>): SavedSet[] {
  const saved = [...snapshots].filter(({ owner }) => owner !== null);
  const sets = Map.groupBy(saved, ({ pool, set }) => `${pool.id} ${set}`);
  return [...sets.values()].flatMap(toSet).sort((a, b) => b.createdAt.localeCompare(a.createdAt));
}

function toSet(unordered: readonly Snapshot[]): SavedSet[] {
  const snapshots = unordered.toSorted((a, b) => a.role.localeCompare(b.role));
  const [first] = snapshots;
  if (first === undefined) return [];
  const status = statusOf(snapshots);
  return [
    {
      id: first.id,
      title: first.title ?? first.name,
      owner: first.owner ?? '',
      pool: first.pool,
      set: first.set,
      snapshots,
      status,
      statusMessage: messageOf(snapshots, status),
      sizeBytes: sumOf(snapshots.map(({ sizeBytes }) => sizeBytes)),
      createdAt: first.createdAt,
      sessionId: first.sourceSession?.id ?? null,
      allowedActions: first.allowedActions,
    },
  ];
}

/** The state that holds it up, the worst first. */
const HOLDING_UP = ['DELETING', 'FAILED', 'CREATING'] as const;

function statusOf(snapshots: readonly Snapshot[]): Snapshot['status'] {
  const held = HOLDING_UP.find((status) => snapshots.some((each) => each.status === status));
  return held ?? snapshots[0]?.status ?? 'READY';
}

function messageOf(snapshots: readonly Snapshot[], status: string): string | null {
  const telling = snapshots.filter((each) => each.status === status);
  return telling.find(({ statusMessage }) => statusMessage !== null)?.statusMessage ?? null;
}

/** Null as soon as one of them is not known. */
function sumOf(sizes: readonly (number | null)[]): number | null {
  const known = sizes.filter((size) => size !== null);
  return known.length < sizes.length ? null : known.reduce((sum, size) => sum + size, 0);
}
