import type { CaptureMode } from './snapshot.ts';
import { isFinal, type Transitions } from './transitions.ts';

/**
 * A job is admin work that takes long. It states what it wants; reconcilers do it.
 *
 * Its life: QUEUED until a pass looks at it, RUNNING while what it wants is not yet so, then
 * SUCCEEDED, FAILED (with `error`) or CANCELLED. Cancelling sets `cancelRequestedAt`: work stops
 * at the next step, an incomplete set is deleted, and clusters the job has reserved are freed.
 */
export const JOB_STATUSES = ['QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED'] as const;

/** The state of a job. */
export type JobStatus = (typeof JOB_STATUSES)[number];

/** Which state may follow which. */
export const JOB_TRANSITIONS: Transitions<JobStatus> = {
  QUEUED: ['RUNNING', 'CANCELLED'],
  RUNNING: ['SUCCEEDED', 'FAILED', 'CANCELLED'],
  SUCCEEDED: [],
  FAILED: [],
  CANCELLED: [],
};

/** What jobs there are. */
export const JOB_KINDS = [
  'BOOTSTRAP_POOL',
  'WARM_UP_POOL',
  'CREATE_SNAPSHOTS',
  'RECREATE_SNAPSHOTS',
  'DELETE_SNAPSHOTS',
  'RESET_CLUSTER',
  'REPAIR_CLUSTER',
] as const;

/** What a job does. */
export type JobKind = (typeof JOB_KINDS)[number];

/** Those at the golden states of a pool: one at a time. */
export const SNAPSHOT_JOB_KINDS: readonly JobKind[] = [
  'CREATE_SNAPSHOTS',
  'RECREATE_SNAPSHOTS',
  'DELETE_SNAPSHOTS',
];

/** The states in which a job still has something to do. */
export const UNFINISHED_JOB_STATUSES = ['QUEUED', 'RUNNING'] as const;

/** How long a job may take, in minutes, counted from its creation. */
export const JOB_DEADLINE_MINUTES: Readonly<Record<JobKind, number>> = {
  BOOTSTRAP_POOL: 45,
  WARM_UP_POOL: 45,
  CREATE_SNAPSHOTS: 30,
  RECREATE_SNAPSHOTS: 45,
  DELETE_SNAPSHOTS: 15,
  RESET_CLUSTER: 20,
  REPAIR_CLUSTER: 20,
};

/** Admin work that takes long. */
export interface Job {
  readonly id: string;
  readonly kind: JobKind;
  readonly status: JobStatus;
  readonly statusMessage: string | null;
  readonly poolId: string;
  readonly clusterId: string | null;
  readonly sessionId: string | null;
  /** Whether the set is captured from VMs that are made from the image for it. */
  readonly baseCluster: boolean;
  readonly mode: CaptureMode | null;
  /** 0 to 1. */
  readonly progress: number;
  /** When progress was last written to the log: at most once a second. */
  readonly progressAt: number | null;
  readonly error: string | null;
  readonly actor: string;
  readonly createdAt: number;
  readonly deadlineAt: number;
  readonly cancelRequestedAt: number | null;
  readonly finishedAt: number | null;
  readonly version: number;
}

/** Whether the job still has something to do. */
export function isUnfinished(job: Pick<Job, 'status'>): boolean {
  return !isFinal(JOB_TRANSITIONS, job.status);
}

/** One timed step of a session, cluster or job. */
export interface Phase {
  readonly name: string;
  readonly startedAt: number;
  readonly finishedAt: number | null;
  readonly error: string | null;
}
