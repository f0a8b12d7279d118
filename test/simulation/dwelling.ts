import type { AllRows } from '../kit/all-rows.ts';
import type { Cluster } from '../../schema/model/cluster.ts';
import { LONGEST_RETRY_MS } from '../../schema/model/cluster-pool.ts';

/** The time that counts for how long something may take. */
export interface Passed {
  /** By the clock that never goes back. */
  readonly elapsedMs: number;
  /** How far the other one was set back so far: what waits for a time then waits longer. */
  readonly setBackMs: number;
  /** Deaths so far: each may cost a pass that was nearly done. */
  readonly deaths: number;
}

interface Stay {
  readonly what: string;
  readonly since: Passed;
}

/** Three passes to their deadline at the speed of a scene, their waits, and a capture behind. */
const LONGEST_WORK_MS = 10 * 60_000;
/** What a job has reserved waits for its turn in it, until the job's own deadline. */
const LONGEST_JOB_MS = 50 * 60_000;
const COST_OF_DEATH_MS = 60_000;

/**
 * Watches how long clusters stay in a state that they must leave: made or put back, or failed,
 * within all deadlines and retries.
 */
export class Dwelling {
  readonly #stays = new Map<string, Stay>();

  /** Those that stay too long. */
  broken({ clusters, pools }: AllRows, now: Passed): string[] {
    const paused = new Set(pools.filter((pool) => pool.replenishPaused !== null).map((p) => p.id));
    return clusters.flatMap((cluster) => {
      const what = whatIsDone(cluster, paused.has(cluster.poolId));
      const stay = this.#stays.get(cluster.id);
      if (what === undefined) this.#stays.delete(cluster.id);
      else if (stay?.what !== what) this.#stays.set(cluster.id, { what, since: now });
      else
        return isTooLong(cluster, stay.since, now) ? [`${cluster.name} is ${what} for ever`] : [];
      return [];
    });
  }
}

/** A creation that nobody waits for may wait while its pool is paused. */
function whatIsDone(cluster: Cluster, isPaused: boolean): string | undefined {
  const { status, work, fence, removingAt, sessionId } = cluster;
  if (removingAt !== null) return undefined;
  if (status === 'RESETTING') return `RESETTING (${work}) at fence ${fence}`;
  const waits = isPaused && sessionId === null;
  return status === 'CREATING' && !waits ? `CREATING at fence ${fence}` : undefined;
}

function isTooLong({ jobId }: Cluster, since: Passed, now: Passed): boolean {
  const limit = jobId === null ? LONGEST_WORK_MS : LONGEST_JOB_MS;
  const setBackMs = Math.min(now.setBackMs - since.setBackMs, LONGEST_RETRY_MS);
  const late = setBackMs + (now.deaths - since.deaths) * COST_OF_DEATH_MS;
  return now.elapsedMs - since.elapsedMs > limit + late;
}
