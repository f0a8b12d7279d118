import type { Why } from '../../schema/model/change.ts';
import type { Cluster } from '../../schema/model/cluster.ts';
import { errorRetryMs, FAILURES_BEFORE_PAUSE } from '../../schema/model/cluster-pool.ts';
import { findCluster, moveCluster, updateCluster } from '../cluster.ts';
import { getPool, updatePool } from '../cluster-pool.ts';
import { closePhase } from '../phase.ts';
import type { Tx } from '../tx.ts';
import { endFailed } from './release.ts';

/** What went wrong at a cluster that was being worked at. */
export interface WorkFailure {
  readonly reason: string;
  /** The wait before the next attempt; undefined when there is none. */
  readonly retryInMs: number | undefined;
}

/**
 * A pass at a CREATING or RESETTING cluster failed: it is tried again after a while, or becomes
 * ERROR, where it waits longer. A session for which it was being made fails with the reason.
 */
export function failWork(tx: Tx, cluster: Cluster, failure: WorkFailure, why: Why): void {
  const row = findCluster(tx.db, cluster.id);
  if (row === undefined || row.fence !== cluster.fence || row.status !== cluster.status) return;
  closePhase(tx, row.id, failure.reason);
  if (failure.retryInMs === undefined) return becomeError(tx, row, failure.reason, why);
  const nextAttemptAt = tx.now + failure.retryInMs;
  const patch = { attempts: row.attempts + 1, nextAttemptAt, statusMessage: failure.reason };
  updateCluster(tx, row.id, patch, { ...why, reason: failure.reason });
}

function becomeError(tx: Tx, row: Cluster, reason: string, why: Why): void {
  const because = { ...why, reason };
  if (row.sessionId !== null) endFailed(tx, row.sessionId, reason, because);
  // One that was made from what somebody saved goes with its session; the pool is not to blame.
  if (findCluster(tx.db, row.id)?.removingAt !== null) return;
  const failuresInRow = row.failuresInRow + 1;
  const patch = {
    statusMessage: reason,
    failuresInRow,
    nextAttemptAt: tx.now + errorRetryMs(failuresInRow),
    jobId: null,
    wantedStrategy: null,
    fence: row.fence + 1,
  };
  const from = ['CREATING', 'RESETTING'] as const;
  moveCluster(tx, row.id, { from, to: 'ERROR', patch }, because);
  if (row.status === 'CREATING') countFailure(tx, row.poolId, reason);
}

/** Three failed creations in a row pause the pool's creations. */
function countFailure(tx: Tx, poolId: string, reason: string): void {
  const pool = getPool(tx.db, poolId);
  const failuresInRow = pool.failuresInRow + 1;
  const pauses = failuresInRow >= FAILURES_BEFORE_PAUSE;
  const message = `${failuresInRow} creations failed; the last: ${reason}`;
  // Only an admin resumes: a paused pool may still make clusters for sessions, and fail at them.
  const replenishPaused = pauses ? message : pool.replenishPaused;
  updatePool(tx, poolId, { failuresInRow, replenishPaused }, { cause: 'PROVIDER_ERROR', reason });
}
