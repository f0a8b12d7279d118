import { countByStatus, countMembers } from '../../db/cluster-count.ts';
import { findMembers, moveCluster, updateCluster } from '../../db/cluster.ts';
import { getPool } from '../../db/cluster-pool.ts';
import { addCluster } from '../../db/hold/claim.ts';
import type { Tx } from '../../db/tx.ts';
import type { Cluster } from '../../schema/model/cluster.ts';
import {
  errorRetryMs,
  type ClusterPool,
  type ProvisioningStrategy,
} from '../../schema/model/cluster-pool.ts';
import type { Job } from '../../schema/model/job.ts';
import { BATCH, share, type JobWork, type Outcome } from './outcome.ts';

/** Makes every missing or failed cluster by the BOOTSTRAP strategy. */
export const bootstrapPool: JobWork = {
  advance: (tx, job) => fill(tx, job, 'BOOTSTRAP'),
  undo: (tx, job) => letGo(tx, job),
};

/** Fills the pool to its size, each cluster as the pool would make it. */
export const warmUpPool: JobWork = {
  advance: (tx, job) => fill(tx, job, null),
  undo: (tx, job) => letGo(tx, job),
};

function fill(tx: Tx, job: Job, wantedStrategy: ProvisioningStrategy | null): Outcome {
  const pool = getPool(tx.db, job.poolId);
  if (pool.replenishPaused !== null) return { kind: 'FAILED', error: pool.replenishPaused };
  const failed = findMembers(tx.db, pool.id, ['ERROR'], BATCH).find((c) => failedFor(job, c));
  if (failed !== undefined) {
    const reason = failed.statusMessage ?? 'unknown reason';
    return { kind: 'FAILED', error: `${failed.name} could not be made: ${reason}` };
  }
  retryFailed(tx, job, wantedStrategy);
  const unmarked = markCreating(tx, job, wantedStrategy);
  const added = addMissing(tx, job, pool, wantedStrategy);
  return added + unmarked === 0 ? standing(tx, pool) : working(tx, pool);
}

function working(tx: Tx, pool: ClusterPool): Outcome {
  const counts = countByStatus(tx.db, pool.id);
  const ready = counts.AVAILABLE + counts.LOCKED;
  const message = `${ready} of ${pool.size} clusters ready`;
  return { kind: 'WORKING', progress: Math.min(share(ready, pool.size), 0.99), message };
}

function standing(tx: Tx, pool: ClusterPool): Outcome {
  const counts = countByStatus(tx.db, pool.id);
  const unready = counts.CREATING + counts.ERROR;
  const missing = countMembers(tx.db, pool.id) < pool.size;
  return unready === 0 && !missing ? { kind: 'DONE' } : working(tx, pool);
}

/** Whether a cluster in ERROR got there since the job began, so that trying again is over. */
function failedFor(job: Job, cluster: Cluster): boolean {
  const since = (cluster.nextAttemptAt ?? 0) - errorRetryMs(cluster.failuresInRow);
  // What failed in the very moment in which the job was asked for may be why it was.
  return since > job.createdAt;
}

function retryFailed(tx: Tx, job: Job, wantedStrategy: ProvisioningStrategy | null): void {
  const why = { cause: 'JOB', jobId: job.id } as const;
  for (const cluster of findMembers(tx.db, job.poolId, ['ERROR'], BATCH)) {
    const patch = { wantedStrategy, jobId: job.id, fence: cluster.fence + 1 };
    moveCluster(tx, cluster.id, { from: ['ERROR'], to: 'CREATING', patch }, why);
  }
}

/** Clusters that are waiting to be made anyway are made as the job wants it, at once. */
function markCreating(tx: Tx, job: Job, wantedStrategy: ProvisioningStrategy | null): number {
  const free = { spare: true, jobId: null };
  const unmarked = findMembers(tx.db, job.poolId, ['CREATING'], BATCH, free);
  for (const { id } of unmarked) {
    const patch = { jobId: job.id, nextAttemptAt: null, ...(wantedStrategy && { wantedStrategy }) };
    updateCluster(tx, id, patch, { cause: 'JOB', jobId: job.id });
  }
  return unmarked.length;
}

/** Each is about twelve rows, and no transaction writes more than 256. */
const MOST_ADDED = 20;

function addMissing(
  tx: Tx,
  job: Job,
  pool: ClusterPool,
  wantedStrategy: ProvisioningStrategy | null,
): number {
  const missing = Math.min(pool.size - countMembers(tx.db, pool.id), MOST_ADDED);
  for (let added = 0; added < missing; added += 1) {
    const why = { cause: 'JOB', jobId: job.id } as const;
    const cluster = addCluster(tx, getPool(tx.db, pool.id), { wantedStrategy }, why);
    updateCluster(tx, cluster.id, { jobId: job.id }, why);
  }
  return Math.max(missing, 0);
}

/**
 * What the job began goes on as the pool's own work. Of very many the rest keep the job's name
 * until they are made, which says where they come from and binds nobody.
 */
function letGo(tx: Tx, job: Job): void {
  const reserved = findMembers(tx.db, job.poolId, ['CREATING'], BATCH, { jobId: job.id });
  for (const { id } of reserved) {
    updateCluster(tx, id, { jobId: null }, { cause: 'JOB', jobId: job.id });
  }
}
