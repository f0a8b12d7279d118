import type { ClusterPool, Job } from '../subject.ts';
import type { GoldenState } from './golden-state.ts';

/** What a pool needs from an admin next. */
export interface NextAction {
  readonly kind: 'REPAIR' | 'CREATE_BASE' | 'RECREATE' | 'WARM_UP' | 'LOOK_AT_ERRORS';
  /** Why, in a sentence. */
  readonly reason: string;
}

/** What is known of a pool when it is asked for. */
export interface PoolFacts {
  readonly pool: ClusterPool;
  readonly golden: GoldenState;
  /** Its jobs that have not ended. */
  readonly jobs: readonly Job[];
  /** Epoch milliseconds. */
  readonly now: number;
}

/**
 * The one thing that would help a pool most; null when it needs nothing, or a job is at work on
 * its golden states already.
 */
export function nextActionOf({ pool, golden, jobs, now }: PoolFacts): NextAction | null {
  const { stats, replenishPaused, strategy } = pool;
  const [set] = golden.templateSets;
  if (replenishPaused !== null) {
    return { kind: 'REPAIR', reason: `No new clusters are made: ${replenishPaused}` };
  }
  if (stats.errorClusters > 0) {
    const many = stats.errorClusters === 1 ? 'A cluster is' : `${stats.errorClusters} clusters are`;
    return { kind: 'LOOK_AT_ERRORS', reason: `${many} in error.` };
  }
  if (jobs.length > 0 || golden.inTheMaking > 0) return null;
  if (pool.lazy && stats.totalClusters === 0) {
    return { kind: 'WARM_UP', reason: 'It is lazy, and makes nothing before its first claim.' };
  }
  if (strategy === 'BOOTSTRAP' && set === undefined) {
    const reason = 'There are no base snapshots: new clusters are built from the image.';
    return { kind: 'CREATE_BASE', reason };
  }
  if (set?.staleAt != null && Date.parse(set.staleAt) <= now) {
    return { kind: 'RECREATE', reason: `Snapshot set ${set.set} is older than the pool allows.` };
  }
  return null;
}
