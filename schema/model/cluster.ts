import type { ProvisioningStrategy } from './cluster-pool.ts';
import type { Transitions } from './transitions.ts';

/**
 * A cluster is one member of a pool: its VMs are created, captured, handed out, reset and removed
 * as one unit, and at most one live session holds it.
 *
 * Its life: it is CREATING until a probe proves that its guests answer, then AVAILABLE, or LOCKED
 * at once when a session waits for it. A claim makes it LOCKED. A locked cluster is nobody's to
 * repair: it only ever becomes RESETTING, when its session ends. RESETTING leads back to AVAILABLE
 * (or LOCKED, to the first who waits) only when the guests answer again and the last session's
 * traces are proven gone; to CREATING when there is no golden state to reset to; and to ERROR when
 * it cannot be done. Admin work on an available cluster (capture, reset) passes through RESETTING
 * too. ERROR is retried after 1, 5 and 25 minutes, by a reset or by creating it anew.
 *
 * Being removed is not a state: `removingAt` is set, the cluster counts as RESETTING and is never
 * claimed; `removedAt` is set when the last outside object is gone.
 */
export const CLUSTER_STATUSES = ['CREATING', 'AVAILABLE', 'LOCKED', 'RESETTING', 'ERROR'] as const;

/** The state of a cluster. */
export type ClusterStatus = (typeof CLUSTER_STATUSES)[number];

/** Which state may follow which. */
export const CLUSTER_TRANSITIONS: Transitions<ClusterStatus> = {
  CREATING: ['AVAILABLE', 'LOCKED', 'ERROR'],
  AVAILABLE: ['LOCKED', 'RESETTING', 'ERROR'],
  LOCKED: ['RESETTING'],
  RESETTING: ['AVAILABLE', 'LOCKED', 'CREATING', 'ERROR'],
  ERROR: ['RESETTING', 'CREATING'],
};

/** What a RESETTING cluster is being put through: back to the golden state, or made into one. */
export const CLUSTER_WORKS = ['RESET', 'CAPTURE'] as const;
/** RESET restores the golden state, CAPTURE records it. */
export type ClusterWork = (typeof CLUSTER_WORKS)[number];

/** One member of a pool. */
export interface Cluster {
  readonly id: string;
  readonly name: string;
  readonly namespace: string;
  readonly poolId: string;
  readonly number: number;
  readonly status: ClusterStatus;
  readonly statusMessage: string | null;
  /** The live session that holds it, or for which it is being made. */
  readonly sessionId: string | null;
  readonly lockTime: number | null;
  /** When its last session ended; 0 for never, so that the least recently used sorts first. */
  readonly lastUsedAt: number;
  readonly lastReset: number | null;
  readonly lastHealthCheck: number | null;
  /** The job that has reserved it: one at a time. */
  readonly jobId: string | null;
  /** Only while RESETTING. */
  readonly work: ClusterWork | null;
  /** How a job insists that it is made; null leaves the choice to the pool. */
  readonly wantedStrategy: ProvisioningStrategy | null;
  /** How it was made; null until it has been. */
  readonly strategy: ProvisioningStrategy | null;
  /** The set it must be made from, whatever is current; null leaves the choice to the pool. */
  readonly wantedSet: number | null;
  /** The set its VMs were last made from; null when they were made from the image, or not yet. */
  readonly madeFromSet: number | null;
  /** Why it was not made the way the pool would have liked. */
  readonly fallbackReason: string | null;
  /** Passes that failed at the work of the present state. */
  readonly attempts: number;
  /** Times it became ERROR since it was last free. */
  readonly failuresInRow: number;
  /** Before this time its work is not tried again. */
  readonly nextAttemptAt: number | null;
  /** Rises when a worker takes the cluster over; what acts under a lower one is refused. */
  readonly fence: number;
  readonly createdAt: number;
  readonly removingAt: number | null;
  readonly removedAt: number | null;
  readonly version: number;
}

/** The state people see and that is counted: a cluster being removed counts as RESETTING. */
export function shownStatus(cluster: Pick<Cluster, 'status' | 'removingAt'>): ClusterStatus {
  return cluster.removingAt === null ? cluster.status : 'RESETTING';
}

/** Whether a claim may take it. */
export function isClaimable(
  cluster: Pick<Cluster, 'status' | 'removingAt' | 'jobId' | 'sessionId'>,
): boolean {
  return cluster.status === 'AVAILABLE' && cluster.removingAt === null && cluster.jobId === null;
}

/** Whether it counts to the size of its pool: all but those on their way out. */
export function countsToSize(cluster: Pick<Cluster, 'removingAt' | 'removedAt'>): boolean {
  return cluster.removingAt === null && cluster.removedAt === null;
}

/** Whether it is RESETTING for this work, and not because it is being removed. */
export function isResetting(
  cluster: Pick<Cluster, 'status' | 'work' | 'removingAt'>,
  work: ClusterWork,
): boolean {
  return cluster.status === 'RESETTING' && cluster.work === work && cluster.removingAt === null;
}

/**
 * Whether its golden state is worth another try after ERROR: one from which it failed twice
 * already is not to be had, whatever its row says, and it is made anew.
 */
export function isRestorable({ failuresInRow }: Pick<Cluster, 'failuresInRow'>): boolean {
  return failuresInRow < 2;
}
