import { findOfJob, findToCapture } from '../../db/cluster-work.ts';
import { countByStatus } from '../../db/cluster-count.ts';
import { findCluster, moveCluster, updateCluster } from '../../db/cluster.ts';
import { getPool } from '../../db/cluster-pool.ts';
import { findSession } from '../../db/session.ts';
import {
  findCurrentSet,
  findSetsOfJob,
  findSnapshotsOfPool,
  insertSet,
  moveSnapshot,
} from '../../db/snapshot.ts';
import { findCurrentSets } from '../../db/template-set.ts';
import { findTemplate } from '../../db/template.ts';
import type { Tx } from '../../db/tx.ts';
import type { Cluster } from '../../schema/model/cluster.ts';
import type { Job } from '../../schema/model/job.ts';
import type { Snapshot } from '../../schema/model/snapshot.ts';
import { BATCH, share, type JobWork, type Outcome, type Surroundings } from './outcome.ts';

/** Captures golden states that are not there yet. */
export const createSnapshots: JobWork = { advance: capture, undo: dropIncomplete };

/** Captures golden states anew; the old ones stay until the new ones are verified. */
export const recreateSnapshots: JobWork = { advance: capture, undo: dropIncomplete };

/** Deletes all golden states of a pool and of its clusters. */
export const deleteSnapshots: JobWork = { advance: deleteAll, undo: () => {} };

function capture(tx: Tx, job: Job, surroundings: Surroundings): Outcome {
  if (surroundings.capabilities === undefined) {
    return { kind: 'FAILED', error: 'the provider of the pool is not available on this host' };
  }
  const fromElsewhere = job.sessionId !== null || job.baseCluster;
  const ofPool = fromElsewhere || surroundings.capabilities.goldenState === 'POOL';
  return ofPool ? captureForPool(tx, job, surroundings) : captureInClusters(tx, job, surroundings);
}

/** One template set of the pool: from a session's cluster, or from the image. */
function captureForPool(tx: Tx, job: Job, surroundings: Surroundings): Outcome {
  const sets = findSetsOfJob(tx.db, job.id);
  if (sets.length > 0) return standingOf(tx, job, sets);
  if (!surroundings.first) return { kind: 'FAILED', error: 'the set was deleted' };
  const current = findCurrentSet(tx.db, job.poolId, null);
  const renews = job.kind === 'RECREATE_SNAPSHOTS' || job.sessionId !== null;
  if (current.length > 0 && !renews) return { kind: 'DONE' };
  const session = job.sessionId === null ? undefined : findSession(tx.db, job.sessionId);
  if (job.sessionId !== null && session?.clusterId == null) {
    return { kind: 'FAILED', error: 'the session has ended' };
  }
  addSet(tx, job, surroundings, null, session?.clusterId ?? null);
  return { kind: 'WORKING', progress: 0.1, message: 'capturing' };
}

function standingOf(tx: Tx, job: Job, sets: readonly Snapshot[]): Outcome {
  const failed = sets.find(({ status }) => status === 'FAILED');
  if (failed !== undefined) {
    return { kind: 'FAILED', error: failed.statusMessage ?? 'the set could not be captured' };
  }
  if (sets.every(({ current }) => current)) {
    if (job.kind === 'RECREATE_SNAPSHOTS') renewOlder(tx, job, sets);
    return { kind: 'DONE' };
  }
  const message = sets[0]?.statusMessage ?? 'capturing';
  return { kind: 'WORKING', progress: 0.5, message };
}

/** Where a pool has several sets the others follow, one by one, as if they were stale. */
function renewOlder(tx: Tx, job: Job, [made]: readonly Snapshot[]): void {
  const why = { cause: 'JOB', jobId: job.id, actor: job.actor } as const;
  const current = findCurrentSets(tx.db, job.poolId).flat();
  for (const { id } of current.filter(({ set }) => set < (made?.set ?? 0))) {
    moveSnapshot(tx, id, { from: ['READY'], to: 'READY', patch: { outdated: true } }, why);
  }
}

function addSet(
  tx: Tx,
  job: Job,
  { capabilities }: Surroundings,
  clusterId: string | null,
  sourceClusterId: string | null,
): void {
  const roles = findTemplate(tx.db, getPool(tx.db, job.poolId).templateId)?.roles ?? [];
  const mode = job.mode ?? capabilities?.captureModes[0] ?? 'ONLINE';
  const of = { poolId: job.poolId, clusterId, sourceClusterId, sourceSessionId: job.sessionId };
  insertSet(tx, { ...of, jobId: job.id, mode }, roles, { cause: 'JOB', jobId: job.id });
}

/** Every available cluster captures its own set; a few at a time, so that some can be claimed. */
function captureInClusters(tx: Tx, job: Job, surroundings: Surroundings): Outcome {
  const sets = findSetsOfJob(tx.db, job.id);
  const waiting = findTargets(tx, job);
  const reserved = findOfJob(tx.db, job.id);
  const most = mostAtOnce(tx, job, surroundings);
  const next = waiting.slice(0, Math.max(0, most - reserved.length));
  for (const cluster of next) reserve(tx, job, surroundings, cluster);
  const captured = new Set(sets.filter(({ current }) => current).map(({ set }) => set)).size;
  const left = waiting.length + reserved.length;
  if (left > 0) {
    const message = `${captured} captured, ${left} to go`;
    return { kind: 'WORKING', progress: share(captured, captured + left), message };
  }
  return result(tx, job, sets, captured);
}

function result(tx: Tx, job: Job, sets: readonly Snapshot[], captured: number): Outcome {
  const failed = sets.find(({ status }) => status === 'FAILED');
  if (failed !== undefined) {
    const name = failed.clusterId === null ? '' : findCluster(tx.db, failed.clusterId)?.name;
    const error = `${name}: ${failed.statusMessage ?? 'could not be captured'}`;
    return { kind: 'FAILED', error };
  }
  const renews = job.kind === 'RECREATE_SNAPSHOTS';
  const kept = findSnapshotsOfPool(tx.db, job.poolId).some(({ current }) => current);
  // To find all captured is success for a creation; to have renewed nothing is none.
  const nothing = captured === 0 && (renews || !kept);
  return nothing ? { kind: 'FAILED', error: 'no cluster is available' } : { kind: 'DONE' };
}

/** Available clusters this job has not captured: for a creation, those without a set. */
function findTargets(tx: Tx, job: Job): Cluster[] {
  const without = job.kind === 'RECREATE_SNAPSHOTS' ? 'SET_OF_JOB' : 'ANY_SET';
  return findToCapture(tx.db, { poolId: job.poolId, jobId: job.id, without }, BATCH);
}

function mostAtOnce(tx: Tx, job: Job, { capabilities }: Surroundings): number {
  const { AVAILABLE, RESETTING } = countByStatus(tx.db, job.poolId);
  const half = Math.max(1, Math.floor((AVAILABLE + RESETTING) / 2));
  return Math.min(half, capabilities?.parallel.capture ?? 1, BATCH);
}

function reserve(tx: Tx, job: Job, surroundings: Surroundings, cluster: Cluster): void {
  const why = { cause: 'JOB', jobId: job.id, actor: job.actor } as const;
  const patch = { work: 'CAPTURE', jobId: job.id, fence: cluster.fence + 1 } as const;
  const from = ['AVAILABLE'] as const;
  const taken = moveCluster(tx, cluster.id, { from, to: 'RESETTING', patch }, why);
  if (taken !== undefined) addSet(tx, job, surroundings, cluster.id, cluster.id);
}

/** Sets not yet taken are deleted; clusters reserved for them go back to their golden state. */
function dropIncomplete(tx: Tx, job: Job): void {
  const why = { cause: 'JOB', jobId: job.id } as const;
  for (const snapshot of findSetsOfJob(tx.db, job.id)) {
    moveSnapshot(tx, snapshot.id, { from: ['CREATING'], to: 'DELETING' }, why);
  }
  for (const cluster of findOfJob(tx.db, job.id)) {
    const patch = { work: 'RESET', jobId: null, fence: cluster.fence + 1 } as const;
    updateCluster(tx, cluster.id, patch, why);
  }
}

function deleteAll(tx: Tx, job: Job): Outcome {
  const rows = findSnapshotsOfPool(tx.db, job.poolId);
  const marked = rows.filter(({ status }) => status === 'READY' || status === 'FAILED');
  const why = { cause: 'JOB', jobId: job.id, actor: job.actor } as const;
  for (const { id } of marked.slice(0, BATCH)) {
    const patch = { current: false, jobId: job.id };
    moveSnapshot(tx, id, { from: ['READY', 'FAILED'], to: 'DELETING', patch }, why);
  }
  const left = rows.filter(({ status }) => status !== 'CREATING').length;
  if (left === 0) return { kind: 'DONE' };
  return { kind: 'WORKING', progress: 0.5, message: `${left} snapshots left` };
}
