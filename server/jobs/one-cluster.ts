import { findCluster, moveCluster, updateCluster } from '../../db/cluster.ts';
import { findCurrentSet } from '../../db/snapshot.ts';
import type { Tx } from '../../db/tx.ts';
import { isRestorable, type Cluster } from '../../schema/model/cluster.ts';
import type { Job } from '../../schema/model/job.ts';
import type { JobWork, Outcome } from './outcome.ts';

/** Puts one cluster back to its golden state. */
export const resetCluster: JobWork = { advance: restore, undo: letGo };

/** Makes one cluster good: from its golden state, or anew where that is not to be had. */
export const repairCluster: JobWork = { advance: restore, undo: letGo };

function restore(tx: Tx, job: Job, { first }: { readonly first: boolean }): Outcome {
  const cluster = job.clusterId === null ? undefined : findCluster(tx.db, job.clusterId);
  if (cluster === undefined || cluster.removingAt !== null) {
    return { kind: 'FAILED', error: 'the cluster is being removed' };
  }
  if (first) return begin(tx, job, cluster);
  if (cluster.jobId === job.id) return working(cluster);
  if (cluster.status !== 'ERROR') return { kind: 'DONE' };
  return { kind: 'FAILED', error: cluster.statusMessage ?? 'the cluster could not be made good' };
}

function working(cluster: Cluster): Outcome {
  const progress = cluster.status === 'CREATING' ? 0.3 : 0.5;
  return { kind: 'WORKING', progress, message: `${cluster.name} is ${cluster.status}` };
}

function begin(tx: Tx, job: Job, cluster: Cluster): Outcome {
  const why = { cause: 'JOB', jobId: job.id, actor: job.actor } as const;
  const taken = { jobId: job.id, fence: cluster.fence + 1 };
  if (cluster.jobId !== null) return { kind: 'FAILED', error: 'another job has reserved it' };
  const golden = findCurrentSet(tx.db, cluster.poolId, cluster.id).length > 0;
  const template = findCurrentSet(tx.db, cluster.poolId, null).length > 0;
  const restorable = (golden || template) && isRestorable(cluster);
  if (cluster.status === 'AVAILABLE' || (cluster.status === 'ERROR' && restorable)) {
    const patch = { ...taken, work: 'RESET' } as const;
    moveCluster(tx, cluster.id, { from: ['AVAILABLE', 'ERROR'], to: 'RESETTING', patch }, why);
  } else if (cluster.status === 'ERROR') {
    moveCluster(tx, cluster.id, { from: ['ERROR'], to: 'CREATING', patch: taken }, why);
  } else if (cluster.status === 'LOCKED') {
    return { kind: 'FAILED', error: 'a session holds the cluster' };
  } else {
    // At work already: it is tried again at once, and the job waits for how it ends.
    updateCluster(tx, cluster.id, { jobId: job.id, nextAttemptAt: null }, why);
  }
  return { kind: 'WORKING', progress: 0.1, message: `${cluster.name} is taken over` };
}

/** What is under way at the cluster goes on as the pool's own work. */
function letGo(tx: Tx, job: Job): void {
  const cluster = job.clusterId === null ? undefined : findCluster(tx.db, job.clusterId);
  if (cluster?.jobId !== job.id) return;
  updateCluster(tx, cluster.id, { jobId: null }, { cause: 'JOB', jobId: job.id });
}
