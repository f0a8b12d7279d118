import type { Snapshot } from '../subject.ts';

/** One set of golden states, as a line of the list shows it. */
export interface SetLine {
  readonly set: number;
  /** The cluster that is reset to it; null for one that new clusters are made from. */
  readonly clusterId: string | null;
  readonly snapshots: readonly Snapshot[];
  /** The worst of the states of its snapshots. */
  readonly status: string;
  readonly current: boolean;
  readonly outdated: boolean;
  readonly createdAt: string;
  /** When the first of its snapshots becomes stale; null while it is not ready. */
  readonly staleAt: string | null;
  /** What all of it takes on disk; null until that is known. */
  readonly sizeBytes: number | null;
  /** Notes of its snapshots, each once: what they are made of, and why not of something else. */
  readonly sources: readonly string[];
  readonly sourceReasons: readonly string[];
  /** Versions of the image, or of the Kubernetes, in it. */
  readonly contents: readonly string[];
  /** What the snapshots are at, or what went wrong with them. */
  readonly messages: readonly string[];
}

/** How the snapshot of one role stands that new clusters are to be made from. */
export type RoleStanding = 'READY' | 'CREATING' | 'FAILED' | 'NONE';

const WORST_FIRST = ['FAILED', 'DELETING', 'CREATING', 'READY'];

/** The golden states of a pool: what users saved is theirs, not the pool's. */
export function goldenOf(snapshots: Iterable<Snapshot>, poolId: string): readonly Snapshot[] {
  return [...snapshots].filter(({ pool, owner }) => pool.id === poolId && owner === null);
}

/** Golden states by set: those of the pool first, then those of its clusters, the newest first. */
export function setLines(golden: readonly Snapshot[]): readonly SetLine[] {
  const lines = [...Map.groupBy(golden, ({ set }) => set).values()].map(toLine);
  return lines.sort((a, b) => ofCluster(a) - ofCluster(b) || b.set - a.set);
}

/** Whether the snapshot of a role is there for new clusters, or on its way. */
export function standingOfRole(golden: readonly Snapshot[], role: string): RoleStanding {
  const mine = golden.filter((one) => one.role === role && one.cluster === null);
  if (mine.some(({ current, readyToUse }) => current && readyToUse)) return 'READY';
  if (mine.some(({ status }) => status === 'CREATING')) return 'CREATING';
  return mine.some(({ status }) => status === 'FAILED') ? 'FAILED' : 'NONE';
}

function toLine(snapshots: readonly Snapshot[]): SetLine {
  const [first] = snapshots;
  const sizes = snapshots.flatMap(({ sizeBytes }) => sizeBytes ?? []);
  return {
    set: first?.set ?? 0,
    clusterId: first?.cluster?.id ?? null,
    snapshots: snapshots.toSorted((a, b) => a.role.localeCompare(b.role)),
    status: worst(snapshots.map(({ status }) => status)),
    current: snapshots.some(({ current }) => current),
    outdated: snapshots.some(({ outdated }) => outdated),
    createdAt: snapshots.map(({ createdAt }) => createdAt).sort()[0] ?? '',
    staleAt: snapshots.flatMap(({ staleAt }) => staleAt ?? []).sort()[0] ?? null,
    sizeBytes: sizes.length === 0 ? null : sizes.reduce((sum, size) => sum + size, 0),
    sources: once(snapshots.map(({ source }) => source)),
    sourceReasons: once(snapshots.map(({ sourceReason }) => sourceReason)),
    contents: once(snapshots.flatMap(({ image, k8sVersion }) => [image, k8sVersion])),
    messages: once(snapshots.map(({ statusMessage }) => statusMessage)),
  };
}

/** One that came later is worse than READY, for all we know. */
function worst(statuses: readonly string[]): string {
  const rank = (status: string) => WORST_FIRST.indexOf(status);
  return statuses.toSorted((a, b) => rank(a) - rank(b))[0] ?? 'READY';
}

function once(words: readonly (string | null)[]): readonly string[] {
  return [...new Set(words.filter((word) => word !== null))];
}

function ofCluster({ clusterId }: SetLine): number {
  return clusterId === null ? 0 : 1;
}
