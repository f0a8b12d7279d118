import type { ClusterPool, Job } from '../subject.ts';
import { type GoldenSet, type GoldenState, isStale } from './golden-state.ts';

/** What a pool needs from an admin next. */
export interface NextAction {
  readonly kind: 'REPAIR' | 'CREATE_BASE' | RecreateKind | 'WARM_UP' | 'LOOK_AT_ERRORS';
  /** Why, in a sentence. */
  readonly reason: string;
}

/** RECREATE what new clusters are made from, RECREATE_OWN what free clusters are reset to. */
type RecreateKind = 'RECREATE' | 'RECREATE_OWN';

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
  if (strategy === 'BOOTSTRAP' && golden.templateSets.length === 0) {
    const reason = 'There are no base snapshots: new clusters are built from the image.';
    return { kind: 'CREATE_BASE', reason };
  }
  return renewalOf(golden, stats.availableClusters, now);
}

/** Sets of clusters are taken on these while they are free: with none there is nothing to press. */
function renewalOf(golden: GoldenState, free: number, now: number): NextAction | null {
  const isOld = (set: GoldenSet) => isStale(set, now);
  const template = golden.templateSets.find(isOld);
  if (template !== undefined) {
    const why = template.isOutdated ? 'is of an older image' : 'is older than the pool allows';
    return { kind: 'RECREATE', reason: `Snapshot set ${template.set} ${why}.` };
  }
  const own = golden.ownSets.filter(isOld).length;
  if (own === 0 || free === 0) return null;
  const whose = own === 1 ? "One cluster's" : `${own} clusters'`;
  return { kind: 'RECREATE_OWN', reason: `${whose} own snapshots are stale.` };
}
