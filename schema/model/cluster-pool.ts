import type { ProviderKind } from './provider-kind.ts';

/**
 * A pool is a named set of interchangeable clusters of one provider and one template.
 *
 * It is made by an admin or at the first start, is brought to its size by the replenish
 * reconciler, may be resized at any time, and ends by `deletedAt`: its clusters are then removed
 * and its name is free again once the last of them is gone. A lazy pool makes nothing before its
 * first claim, warm-up or bootstrap (`awake`). After three failed creations in a row creations
 * pause (`replenishPaused`) until an admin repairs, bootstraps or updates the pool.
 */
export interface ClusterPool {
  readonly id: string;
  readonly name: string;
  readonly provider: ProviderKind;
  readonly templateId: string;
  readonly size: number;
  /** The most clusters at once, those made for waiting sessions included. */
  readonly maxClusters: number;
  readonly recycle: RecyclePolicy;
  readonly whenEmpty: WhenEmpty;
  readonly lazy: boolean;
  /** Whether a lazy pool has been used; a pool that is not lazy is always awake. */
  readonly awake: boolean;
  readonly identity: IdentityMode;
  readonly readiness: ReadinessProof;
  readonly sessionTtlMinutes: number;
  readonly maxTtlMinutes: number;
  readonly maxWaitSeconds: number;
  readonly maxSessionsPerOwner: number | null;
  readonly snapshotMaxAgeSeconds: number;
  /** The number of the next cluster; numbers are never used again. */
  readonly nextNumber: number;
  /** The number of the next snapshot set. */
  readonly nextSet: number;
  /** How many template sets are current at once; clusters are made from them in turn. */
  readonly templateSets: number;
  /** Creations that failed since the last one that succeeded. */
  readonly failuresInRow: number;
  /** Why creations are paused; null while they are not. */
  readonly replenishPaused: string | null;
  readonly createdAt: number;
  readonly deletedAt: number | null;
  readonly version: number;
}

/** How many template sets a pool may have current at once. */
export const MOST_TEMPLATE_SETS = 5;

/** What becomes of a cluster after its session. */
export const RECYCLE_POLICIES = ['RESET', 'REPLACE'] as const;
/** RESET restores it in place; REPLACE destroys it and makes another. */
export type RecyclePolicy = (typeof RECYCLE_POLICIES)[number];

/** What a claim gets when no cluster is available. */
export const WHEN_EMPTY = ['REFUSE', 'QUEUE', 'PROVISION'] as const;
/** REFUSE says no, QUEUE waits for a release, PROVISION makes one up to `maxClusters`. */
export type WhenEmpty = (typeof WHEN_EMPTY)[number];

/** Whose identity clusters made from one golden state have. */
export const IDENTITY_MODES = ['SHARED_IDENTITY', 'REKEYED'] as const;
/** REKEYED clusters get keys, machine ids and names of their own before hand-over. */
export type IdentityMode = (typeof IDENTITY_MODES)[number];

/** How a pool proves that a guest is ready. */
export const READINESS_PROOFS = ['SSH', 'PROBE'] as const;
/**
 * SSH runs commands in the guest; PROBE believes the readiness probe of the VM itself, for guests
 * that take no commands.
 */
export type ReadinessProof = (typeof READINESS_PROOFS)[number];

/** How a cluster is made when none is warm. */
export const PROVISIONING_STRATEGIES = ['BOOTSTRAP', 'SNAPSHOT'] as const;
/** BOOTSTRAP builds from the image; SNAPSHOT starts from the golden state. */
export type ProvisioningStrategy = (typeof PROVISIONING_STRATEGIES)[number];

/** Creations that may fail in a row before the pool stops trying by itself. */
export const FAILURES_BEFORE_PAUSE = 3;

/** How long a cluster in ERROR waits before its 1st, 2nd, 3rd and later retry, in ms. */
const ERROR_RETRY_MS: readonly number[] = [60_000, 300_000, 1_500_000];

/** Nothing is ever put off for longer than this. */
export const LONGEST_RETRY_MS = Math.max(...ERROR_RETRY_MS);

/** The wait before the next retry of a cluster that has failed this many times in a row (>= 1). */
export function errorRetryMs(failuresInRow: number): number {
  const last = ERROR_RETRY_MS.length - 1;
  return ERROR_RETRY_MS[Math.min(Math.max(failuresInRow, 1) - 1, last)] ?? 0;
}

/** Pool names: a letter, then letters, digits and dashes, 30 characters at most. */
export const POOL_NAME = /^[a-z][a-z0-9-]{0,29}$/;

/** The pool whose clusters are named `cluster<n>` as the first product of this kind named them. */
export const DEFAULT_POOL = 'cks';

/** The name of a pool's cluster by its number: `<pool>-<n>`, in the default pool `cluster<n>`. */
export function clusterName(poolName: string, number: number): string {
  return poolName === DEFAULT_POOL ? `cluster${number}` : `${poolName}-${number}`;
}

/** Whether the pool should be brought to its size now. */
export function wantsClusters(pool: ClusterPool): boolean {
  return pool.deletedAt === null && pool.awake;
}

/** How many clusters of a pool are in each state; the counts add up to `totalClusters`. */
export interface ClusterPoolStats {
  readonly totalClusters: number;
  readonly availableClusters: number;
  readonly lockedClusters: number;
  readonly resettingClusters: number;
  readonly errorClusters: number;
  readonly creatingClusters: number;
  readonly queuedSessions: number;
  /** The most clusters at once. */
  readonly maxClusters: number;
  /** VMs that sessions have. */
  readonly activeVms: number;
  /** When each current template set was ready, in epoch milliseconds, the oldest set first. */
  readonly setsReadyAt: readonly number[];
}
