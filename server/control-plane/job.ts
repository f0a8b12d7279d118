import { findJob, moveJob } from '../../db/job.ts';
import type { Tx } from '../../db/tx.ts';
import type { ControlPlane } from '../../schema/context.ts';
import type { Why } from '../../schema/model/change.ts';
import { isUnfinished, type Job } from '../../schema/model/job.ts';
import { NotFound, WrongState } from '../../schema/model/refusal.ts';
import { asked, type VerbParts } from './verb.ts';

/** What can be done about jobs. */
export function jobVerbs({ store, viewer }: VerbParts): Pick<ControlPlane, 'cancelJob'> {
  return {
    cancelJob: (id) => store.transact((tx) => cancel(tx, id, asked(viewer, 'ADMIN'))),
  };
}

function cancel(tx: Tx, id: string, why: Why): Job {
  const job = findJob(tx.db, id);
  if (job === undefined) throw new NotFound('job');
  if (!isUnfinished(job)) throw new WrongState(`the job is ${job.status} already`, job.status);
  return requestCancel(tx, job, why);
}

/** Nobody has begun with a queued job: it ends at once. A running one ends at its next step. */
export function requestCancel(tx: Tx, job: Job, why: Why): Job {
  if (job.cancelRequestedAt !== null) return job;
  const cancelRequestedAt = tx.now;
  if (job.status === 'QUEUED') {
    const patch = { cancelRequestedAt, finishedAt: tx.now };
    return moveJob(tx, job.id, { from: ['QUEUED'], to: 'CANCELLED', patch }, why) ?? job;
  }
  const patch = { cancelRequestedAt };
  return moveJob(tx, job.id, { from: ['RUNNING'], to: 'RUNNING', patch }, why) ?? job;
}
