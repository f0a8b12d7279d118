import { and, desc, eq, inArray, isNull, sql } from 'drizzle-orm';
import type { Why } from '../schema/model/change.ts';
import {
  JOB_DEADLINE_MINUTES,
  JOB_TRANSITIONS,
  type Job,
  type JobKind,
  type JobStatus,
} from '../schema/model/job.ts';
import { mayMove } from '../schema/model/transitions.ts';
import { logChange } from './change.ts';
import { prepared, type Db } from './connection.ts';
import { behindTime, countRows, timePosition, toPage, type Page, type PageArgs } from './page.ts';
import { idCondition, rowWriter } from './row.ts';
import { jobs } from './tables.ts';
import type { Tx } from './tx.ts';

const byId = prepared((db) => db.select().from(jobs).where(idCondition(jobs)).prepare());

/** The job with this id. */
export function findJob(db: Db, id: string): Job | undefined {
  return byId(db).get({ id });
}

/** What a job is to do. */
export type NewJob = Pick<Job, 'kind' | 'poolId' | 'actor'> &
  Partial<Pick<Job, 'clusterId' | 'sessionId' | 'baseCluster' | 'mode'>>;

/** The job that wants just this and is not finished, or a new one. */
export function ensureJob(tx: Tx, wanted: NewJob): Job {
  return findEqualJob(tx.db, wanted) ?? insertJob(tx, wanted);
}

/** The job that wants just this and is not finished or being cancelled. */
export function findEqualJob(db: Db, wanted: NewJob): Job | undefined {
  const { kind, poolId, clusterId, sessionId, baseCluster = false } = wanted;
  return db
    .select()
    .from(jobs)
    .where(
      and(
        eq(jobs.poolId, poolId),
        eq(jobs.kind, kind),
        UNFINISHED,
        isNull(jobs.cancelRequestedAt),
        clusterId == null ? isNull(jobs.clusterId) : eq(jobs.clusterId, clusterId),
        sessionId == null ? isNull(jobs.sessionId) : eq(jobs.sessionId, sessionId),
        eq(jobs.baseCluster, baseCluster),
      ),
    )
    .get();
}

function insertJob(tx: Tx, wanted: NewJob): Job {
  const deadlineAt = tx.now + JOB_DEADLINE_MINUTES[wanted.kind] * 60_000;
  const row = tx.db
    .insert(jobs)
    .values({ id: tx.newId(), ...wanted, status: 'QUEUED', createdAt: tx.now, deadlineAt })
    .returning()
    .get();
  log(tx, undefined, row, { cause: 'ADMIN', actor: wanted.actor });
  return row;
}

const write = rowWriter<Job>(jobs);

/** What may be changed of a job besides its state. */
export type JobPatch = Partial<Omit<Job, 'id' | 'kind' | 'poolId' | 'status' | 'version'>>;

/** A move and what goes with it. */
export interface JobMove {
  readonly to: JobStatus;
  readonly from: readonly JobStatus[];
  readonly patch?: JobPatch;
}

/** The only writer of a job's state; undefined when somebody was first. */
export function moveJob(tx: Tx, id: string, move: JobMove, why: Why): Job | undefined {
  const row = findJob(tx.db, id);
  if (row === undefined || !move.from.includes(row.status)) return undefined;
  if (row.status !== move.to && !mayMove(JOB_TRANSITIONS, row.status, move.to)) {
    throw new Error(`a job cannot go from ${row.status} to ${move.to}`);
  }
  const moved = { ...row, ...move.patch, status: move.to, version: row.version + 1 };
  write(tx.db, row, moved);
  log(tx, row, moved, why);
  return moved;
}

/** Progress is told at most this often. */
const PROGRESS_EVERY_MS = 1_000;

/** Notes how far a job has come; told to readers at most once a second. */
export function recordProgress(
  tx: Tx,
  job: Job,
  progress: number,
  statusMessage: string | null,
): void {
  if (job.progress === progress && job.statusMessage === statusMessage) return;
  const recent = job.progressAt !== null && tx.now - job.progressAt < PROGRESS_EVERY_MS;
  if (recent && progress < 1) return;
  const patch = { progress, statusMessage, progressAt: tx.now };
  moveJob(tx, job.id, { from: ['RUNNING'], to: 'RUNNING', patch }, { cause: 'JOB' });
}

function log(tx: Tx, before: Job | undefined, row: Job, why: Why): void {
  const kind = before === undefined ? 'CREATED' : 'UPDATED';
  const { id: subjectId, poolId, status: to } = row;
  const subject = { type: 'JOB', subjectId, poolId, kind } as const;
  logChange(tx, { ...subject, from: before?.status ?? null, to }, { ...why, jobId: subjectId });
}

/** Spelled as the partial index spells it, which SQLite then uses. */
const UNFINISHED = sql`status IN ('QUEUED', 'RUNNING')`;

const unfinishedStatement = prepared((db) => db.select().from(jobs).where(UNFINISHED).prepare());

/** Jobs that still have something to do. */
export function findUnfinishedJobs(db: Db): Job[] {
  return unfinishedStatement(db).all();
}

/** Jobs of a pool that nobody has asked to cancel, at most so many. */
export function findCancellableJobs(db: Db, poolId: string, limit: number): Job[] {
  const wanted = and(eq(jobs.poolId, poolId), UNFINISHED, isNull(jobs.cancelRequestedAt));
  return db.select().from(jobs).where(wanted).limit(limit).all();
}

/** Unfinished jobs of these kinds in a pool. */
export function findUnfinishedOf(db: Db, poolId: string, kinds: readonly JobKind[]): Job[] {
  const wanted = and(eq(jobs.poolId, poolId), UNFINISHED, inArray(jobs.kind, [...kinds]));
  return db.select().from(jobs).where(wanted).all();
}

/** Whether a pool has a job of this kind that is not finished. */
export function hasUnfinishedJob(db: Db, poolId: string, kind: JobKind): boolean {
  const wanted = and(eq(jobs.poolId, poolId), eq(jobs.kind, kind), UNFINISHED);
  return db.select({ id: jobs.id }).from(jobs).where(wanted).limit(1).get() !== undefined;
}

/** Which jobs a list shows. */
export interface JobFilter {
  readonly poolId?: string | undefined;
  readonly status?: readonly JobStatus[] | undefined;
}

/** Jobs, the newest first. */
export function pageOfJobs(db: Db, filter: JobFilter, page: PageArgs): Page<Job> {
  const wanted = and(
    filter.poolId === undefined ? undefined : eq(jobs.poolId, filter.poolId),
    filter.status === undefined ? undefined : inArray(jobs.status, [...filter.status]),
  );
  const rows = db
    .select()
    .from(jobs)
    .where(and(wanted, behindTime(jobs, page.after)))
    .orderBy(desc(jobs.createdAt), desc(jobs.id))
    .limit(page.first + 1)
    .all();
  return toPage(rows, page, timePosition, () => countRows(db, jobs, wanted));
}
