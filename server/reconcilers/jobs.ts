import { lastSeq } from '../../db/change.ts';
import { findOfJob } from '../../db/cluster-work.ts';
import { getPool } from '../../db/cluster-pool.ts';
import type { Db } from '../../db/connection.ts';
import { findJob, findUnfinishedJobs, moveJob, recordProgress } from '../../db/job.ts';
import { closePhase, findPhases, openPhase } from '../../db/phase.ts';
import { findSetsOfJob } from '../../db/snapshot.ts';
import type { Tx } from '../../db/tx.ts';
import {
  isUnfinished,
  JOB_DEADLINE_MINUTES,
  type Job,
  type JobKind,
  type JobStatus,
} from '../../schema/model/job.ts';
import { bootstrapPool, warmUpPool } from '../jobs/fill-pool.ts';
import { repairCluster, resetCluster } from '../jobs/one-cluster.ts';
import type { JobWork, Outcome } from '../jobs/outcome.ts';
import { createSnapshots, deleteSnapshots, recreateSnapshots } from '../jobs/snapshots.ts';
import type { Deps, Found, Reconciler, Work } from './reconciler.ts';

const WORK: Readonly<Record<JobKind, JobWork>> = {
  BOOTSTRAP_POOL: bootstrapPool,
  WARM_UP_POOL: warmUpPool,
  CREATE_SNAPSHOTS: createSnapshots,
  RECREATE_SNAPSHOTS: recreateSnapshots,
  DELETE_SNAPSHOTS: deleteSnapshots,
  RESET_CLUSTER: resetCluster,
  REPAIR_CLUSTER: repairCluster,
};

/**
 * Wants: every job ended: what it wants is so, or cannot be, or was cancelled, or took too long.
 * Looks: at the rows that tell how far what it wants is so, whenever the log has gone on.
 * Acts: marks what is to be done next; reconcilers do it.
 * After a crash: looks again; a job keeps nothing but its row.
 */
export function jobs(deps: Deps): Reconciler {
  const looks = new Map<string, Look>();
  return {
    name: 'jobs',
    find: (now) => deps.store.read((db) => findWork(deps, db, looks, now)),
    pass: (work) =>
      deps.store.transact((tx) => {
        looks.set(work.id, { seq: lastSeq(tx.db), at: deps.world.elapsed() });
        lookAt(deps, tx, work.id);
      }),
    failed: () => Promise.resolve(),
  };
}

/** When a job was looked at: where the log ended then, and the time that never goes back. */
interface Look {
  readonly seq: number;
  readonly at: number;
}

/** A job is looked at again after this long even when nothing has changed. */
const LOOK_EVERY_MS = 5_000;
/** Clusters whose timelines are read for the reason of a failure. */
const MOST_LOOKED_AT = 64;

/** Jobs are mostly waiting: a look that finds nothing new would only be repeated without end. */
function findWork(deps: Deps, db: Db, looks: Map<string, Look>, now: number): Found {
  const unfinished = findUnfinishedJobs(db);
  const ids = new Set(unfinished.map(({ id }) => id));
  for (const id of looks.keys()) if (!ids.has(id)) looks.delete(id);
  const seq = lastSeq(db);
  const staleAt = deps.world.elapsed() - LOOK_EVERY_MS;
  const isDue = ({ id, deadlineAt }: Job): boolean => {
    const look = looks.get(id);
    return look === undefined || look.seq < seq || look.at <= staleAt || deadlineAt <= now;
  };
  const ready = unfinished
    .filter(isDue)
    .map(({ id }): Work => ({ id, group: 'jobs', parallel: 8, deadlineMs: 60_000 }));
  const deadlines = unfinished.map(({ deadlineAt }) => deadlineAt).filter((at) => at > now);
  return { ready, nextAt: deadlines.length === 0 ? undefined : Math.min(...deadlines) };
}

function lookAt(deps: Deps, tx: Tx, id: string): void {
  const job = findJob(tx.db, id);
  if (job === undefined || !isUnfinished(job)) return;
  if (job.cancelRequestedAt !== null) return end(tx, job, 'CANCELLED', null);
  if (tx.now >= job.deadlineAt) {
    const late = `not done within ${JOB_DEADLINE_MINUTES[job.kind]} minutes`;
    return end(tx, job, 'FAILED', [late, ...lastTroubles(tx, job)].join('; the last failure: '));
  }
  const pool = getPool(tx.db, job.poolId);
  if (pool.deletedAt !== null) return end(tx, job, 'FAILED', 'the pool has been deleted');
  const first = job.status === 'QUEUED';
  const running = first ? begin(tx, job) : job;
  const { capabilities } = deps.provider(pool.provider) ?? {};
  const outcome = WORK[job.kind].advance(tx, running, { capabilities, first });
  note(tx, running, outcome);
}

/** What went wrong last at what the job has reserved: why it takes so long, most likely. */
function lastTroubles(tx: Tx, job: Job): string[] {
  const clusters = findOfJob(tx.db, job.id).slice(0, MOST_LOOKED_AT);
  const steps = clusters.flatMap(({ id }) => findPhases(tx.db, id));
  const failed = steps.filter((step) => step.error !== null && step.startedAt >= job.createdAt);
  const last = failed.toSorted((a, b) => a.startedAt - b.startedAt).at(-1)?.error;
  const ofSet = findSetsOfJob(tx.db, job.id).find((set) => set.statusMessage !== null);
  return [last ?? ofSet?.statusMessage].filter((reason) => reason != null);
}

function begin(tx: Tx, job: Job): Job {
  const why = { cause: 'JOB', actor: job.actor } as const;
  return moveJob(tx, job.id, { from: ['QUEUED'], to: 'RUNNING' }, why) ?? job;
}

function note(tx: Tx, job: Job, outcome: Outcome): void {
  if (outcome.kind === 'WORKING') {
    openPhase(tx, job.id, outcome.message);
    recordProgress(tx, job, outcome.progress, outcome.message);
  } else if (outcome.kind === 'DONE') end(tx, job, 'SUCCEEDED', null);
  else end(tx, job, 'FAILED', outcome.error);
}

function end(tx: Tx, job: Job, to: JobStatus, error: string | null): void {
  if (to !== 'SUCCEEDED') WORK[job.kind].undo(tx, job);
  closePhase(tx, job.id, error);
  // A job that fails before it ran has run: FAILED follows RUNNING only.
  const running = job.status === 'QUEUED' && to !== 'CANCELLED' ? begin(tx, job) : job;
  const progress = to === 'SUCCEEDED' ? 1 : running.progress;
  const patch = { error, statusMessage: error, finishedAt: tx.now, progress };
  moveJob(tx, job.id, { from: ['QUEUED', 'RUNNING'], to, patch }, { cause: 'JOB' });
}
