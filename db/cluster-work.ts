import { and, asc, desc, eq, inArray, isNull, notExists, or, sql } from 'drizzle-orm';
import type { Cluster } from '../schema/model/cluster.ts';
import { prepared, type Db } from './connection.ts';
import { givenText, inOrder, isDue } from './row.ts';
import { clusters, snapshots } from './tables.ts';

/** What reconcilers ask about clusters: which of them wait for a worker. */

/** The states in which a cluster waits for a worker. */
export type StatusAtWork = 'CREATING' | 'RESETTING' | 'ERROR';

const AT_WORK = sql`${clusters.status} = ${givenText('status')}
  AND status IN ('CREATING', 'RESETTING', 'ERROR') AND removed_at IS NULL AND removing_at IS NULL`;

/** Creations of a pool that has paused them wait, but for those that somebody waits for. */
const NOT_PAUSED = sql`(${clusters.sessionId} IS NOT NULL OR ${clusters.status} = 'RESETTING'
  OR ${clusters.poolId} NOT IN (SELECT id FROM pools WHERE replenish_paused IS NOT NULL))`;

/** More than can be worked at at once; the rest is found when these are done. */
const WORK_LIMIT = 256;

const FIRST_WHO_WAIT = [
  sql`${clusters.sessionId} IS NULL`,
  asc(clusters.poolId),
  asc(clusters.number),
];

const workStatement = prepared((db) =>
  db
    .select()
    .from(clusters)
    .where(sql`${AT_WORK} AND ${NOT_PAUSED} AND ${isDue(clusters.nextAttemptAt)}`)
    .orderBy(inOrder(FIRST_WHO_WAIT, WORK_LIMIT))
    .prepare(),
);

/** Clusters that a worker should take up now: those somebody waits for first. */
export function findAtWork(db: Db, status: StatusAtWork, now: number): Cluster[] {
  return workStatement(db).all({ status, now });
}

const nextWorkStatement = prepared((db) =>
  db
    .select({ at: sql<number | null>`min(${clusters.nextAttemptAt})` })
    .from(clusters)
    .where(sql`${AT_WORK} AND ${clusters.nextAttemptAt} > ${sql.placeholder('now')}`)
    .prepare(),
);

/** When the next cluster in this state becomes due again; undefined when none waits. */
export function nextWorkAt(db: Db, status: StatusAtWork, now: number): number | undefined {
  return nextWorkStatement(db).get({ status, now })?.at ?? undefined;
}

const REMOVING = sql`removing_at IS NOT NULL AND removed_at IS NULL`;

const removingStatement = prepared((db) =>
  db
    .select()
    .from(clusters)
    .where(sql`${REMOVING} AND ${isDue(clusters.nextAttemptAt)}`)
    .orderBy(inOrder([asc(clusters.removingAt)], WORK_LIMIT))
    .prepare(),
);

/** Clusters on their way out that a worker should take up now, the longest first. */
export function findRemoving(db: Db, now: number): Cluster[] {
  return removingStatement(db).all({ now });
}

const nextRemovalStatement = prepared((db) =>
  db
    .select({ at: sql<number | null>`min(${clusters.nextAttemptAt})` })
    .from(clusters)
    .where(sql`${REMOVING} AND ${clusters.nextAttemptAt} > ${sql.placeholder('now')}`)
    .prepare(),
);

/** When the next removal becomes due again; undefined when none waits. */
export function nextRemovalAt(db: Db, now: number): number | undefined {
  return nextRemovalStatement(db).get({ now })?.at ?? undefined;
}

/** The clusters that a job has reserved. */
export function findOfJob(db: Db, jobId: string): Cluster[] {
  return db.select().from(clusters).where(eq(clusters.jobId, jobId)).all();
}

/** Which clusters a job is to capture. */
export interface CaptureTargets {
  readonly poolId: string;
  readonly jobId: string;
  /** Those without a current set or one of this job, or all without a set of this job. */
  readonly without: 'ANY_SET' | 'SET_OF_JOB';
}

/** Available clusters that a job has still to capture, highest number first. */
export function findToCapture(db: Db, targets: CaptureTargets, limit: number): Cluster[] {
  const { poolId, jobId, without } = targets;
  const ofJob = eq(snapshots.jobId, jobId);
  const done = without === 'ANY_SET' ? or(ofJob, eq(snapshots.current, true)) : ofJob;
  const sets = db
    .select()
    .from(snapshots)
    .where(and(eq(snapshots.clusterId, clusters.id), done));
  const free = and(eq(clusters.status, 'AVAILABLE'), isNull(clusters.removingAt));
  return db
    .select()
    .from(clusters)
    .where(and(eq(clusters.poolId, poolId), free, isNull(clusters.jobId), notExists(sets)))
    .orderBy(desc(clusters.number))
    .limit(limit)
    .all();
}

/** All clusters of a provider's pools that should exist outside, by id. */
export function findPresentIds(db: Db, poolIds: readonly string[]): Set<string> {
  const rows = db
    .select({ id: clusters.id })
    .from(clusters)
    .where(and(inArray(clusters.poolId, [...poolIds]), isNull(clusters.removedAt)))
    .all();
  return new Set(rows.map((row) => row.id));
}

/** Spelled as the partial index spells it, which SQLite then uses. */
const INSPECTED = sql`status IN ('AVAILABLE', 'LOCKED')
  AND removing_at IS NULL AND removed_at IS NULL`;

const neverInspected = prepared((db) =>
  db
    .select()
    .from(clusters)
    .where(sql`${INSPECTED} AND last_health_check IS NULL`)
    .orderBy(inOrder([asc(clusters.lastHealthCheck)], 'limit'))
    .prepare(),
);

const inspectedBetween = prepared((db) =>
  db
    .select()
    .from(clusters)
    .where(
      sql`${INSPECTED} AND last_health_check BETWEEN ${sql.placeholder('from')}
        AND ${sql.placeholder('to')}`,
    )
    .orderBy(inOrder([asc(clusters.lastHealthCheck)], 'limit'))
    .prepare(),
);

/**
 * Clusters to look at: handed out or free, looked at longest ago first. One that was looked at in
 * the future was so before the clock was set back. Three questions, each a range of an index: as
 * one it would read every cluster there is.
 */
export function findToInspect(
  db: Db,
  { before, now }: { readonly before: number; readonly now: number },
  limit: number,
): Cluster[] {
  const between = inspectedBetween(db);
  const found = neverInspected(db).all({ limit });
  const room = () => limit - found.length;
  if (room() > 0) found.push(...between.all({ from: 0, to: before, limit: room() }));
  const ahead = { from: now + 1, to: Number.MAX_SAFE_INTEGER };
  if (room() > 0) found.push(...between.all({ ...ahead, limit: room() }));
  return found;
}
