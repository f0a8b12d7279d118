import { and, asc, eq, gt, isNull, sql, type SQL } from 'drizzle-orm';
import type { SQLiteColumn, SQLiteTable } from 'drizzle-orm/sqlite-core';
import { SUBJECT_TYPES, type SubjectType } from '../schema/model/change.ts';
import { findCluster } from './cluster.ts';
import { findPool } from './cluster-pool.ts';
import type { Db } from './connection.ts';
import { findImage } from './image.ts';
import { findJob } from './job.ts';
import { findSeenSession, findSession, ownerSeen, type SessionsSeen } from './session.ts';
import { findSeenSnapshot, snapshotSeen } from './seen-snapshot.ts';
import { clusters, images, jobs, pools, sessions, snapshots, vmHandles } from './tables.ts';
import { findVm } from './vm-handle.ts';

/** A thing that changes are about. */
export interface SubjectRow {
  readonly type: SubjectType;
  readonly id: string;
}

/** Which of the present things a reader wants, and may see. */
export interface SubjectScope {
  readonly poolId?: string | undefined;
  /** Only this session, its cluster and its VMs. */
  readonly sessionId?: string | undefined;
  readonly types?: readonly SubjectType[] | undefined;
  readonly seen: SessionsSeen;
}

/**
 * The state: every present thing in this scope, in portions. Present are pools, clusters, VMs,
 * snapshots and images that exist, unfinished jobs and live sessions; a session that is asked for
 * by its id is there even when it has ended.
 */
export function* presentSubjects(
  db: Db,
  scope: SubjectScope,
  portion: number,
): Generator<SubjectRow[], undefined> {
  let rows: SubjectRow[] = [];
  for (const type of SUBJECT_TYPES.filter((one) => scope.types?.includes(one) ?? true)) {
    for (const id of presentIds(db, type, scope, portion)) {
      rows.push({ type, id });
      if (rows.length < portion) continue;
      yield rows;
      rows = [];
    }
  }
  if (rows.length > 0) yield rows;
  return undefined;
}

function* presentIds(
  db: Db,
  type: SubjectType,
  scope: SubjectScope,
  portion: number,
): Generator<string> {
  for (let last = ''; ;) {
    const ids = presentAfter(db, type, scope, last, portion);
    yield* ids;
    if (ids.length < portion) return;
    last = ids.at(-1) ?? last;
  }
}

/** The ids of present things of one type behind an id, in their order, at most so many. */
export function presentAfter(
  db: Db,
  type: SubjectType,
  scope: SubjectScope,
  last: string,
  limit: number,
): string[] {
  const { table, wanted } = presentOf(db, type, scope);
  const rows = db
    .select({ id: sql<string>`${table.id}` })
    .from(table)
    .where(and(wanted, gt(table.id, last)))
    .orderBy(asc(table.id))
    .limit(limit)
    .all();
  return rows.map(({ id }) => id);
}

type TableWithId = SQLiteTable & { readonly id: SQLiteColumn };

interface Present {
  readonly table: TableWithId;
  readonly wanted: SQL | undefined;
}

const NOTHING = sql`0`;

function presentOf(db: Db, type: SubjectType, scope: SubjectScope): Present {
  const { poolId, sessionId } = scope;
  const inPool = (column: SQLiteColumn) => (poolId === undefined ? undefined : eq(column, poolId));
  const notOfSession = sessionId === undefined ? undefined : NOTHING;
  switch (type) {
    case 'CLUSTER_POOL':
      return { table: pools, wanted: and(isNull(pools.deletedAt), inPool(pools.id), notOfSession) };
    case 'CLUSTER':
      return {
        table: clusters,
        wanted: and(presentClusters(db, sessionId), inPool(clusters.poolId)),
      };
    case 'VM_HANDLE':
      return { table: vmHandles, wanted: and(presentVms(sessionId), inPool(vmHandles.poolId)) };
    case 'SNAPSHOT':
      return { table: snapshots, wanted: and(presentSnapshots(scope), inPool(snapshots.poolId)) };
    case 'JOB':
      return { table: jobs, wanted: and(IS_UNFINISHED, inPool(jobs.poolId), notOfSession) };
    case 'IMAGE':
      // Pools name an image, but it belongs to none of them.
      return { table: images, wanted: poolId === undefined ? notOfSession : NOTHING };
    case 'SESSION':
      return { table: sessions, wanted: and(presentSessions(scope), inPool(sessions.poolId)) };
  }
}

const IS_UNFINISHED = sql`status IN ('QUEUED', 'RUNNING')`;

function presentClusters(db: Db, sessionId: string | undefined): SQL | undefined {
  const present = isNull(clusters.removedAt);
  if (sessionId === undefined) return present;
  const clusterId = findSession(db, sessionId)?.clusterId;
  return clusterId == null ? NOTHING : and(present, eq(clusters.id, clusterId));
}

function presentVms(sessionId: string | undefined): SQL | undefined {
  const ofSession = sessionId === undefined ? undefined : eq(vmHandles.sessionId, sessionId);
  return and(isNull(vmHandles.endedAt), ofSession);
}

function presentSessions({ sessionId, seen }: SubjectScope): SQL | undefined {
  const wanted =
    sessionId === undefined
      ? sql`status IN ('PENDING', 'PROVISIONING', 'RUNNING')`
      : eq(sessions.id, sessionId);
  return and(wanted, ownerSeen(sessions.owner, seen));
}

function presentSnapshots({ sessionId, seen }: SubjectScope): SQL | undefined {
  return sessionId === undefined ? snapshotSeen(seen) : NOTHING;
}

/** Whether this thing has a row that may be seen; those that ended are kept for a while. */
export function isThere(db: Db, subject: SubjectRow, seen: SessionsSeen): boolean {
  const { type, id } = subject;
  if (type === 'SESSION') return findSeenSession(db, id, seen) !== undefined;
  if (type === 'SNAPSHOT') return findSeenSnapshot(db, id, seen) !== undefined;
  return hasRow(db, type, id);
}

function hasRow(db: Db, type: Exclude<SubjectType, 'SESSION' | 'SNAPSHOT'>, id: string): boolean {
  const find = {
    CLUSTER_POOL: findPool,
    CLUSTER: findCluster,
    VM_HANDLE: findVm,
    JOB: findJob,
    IMAGE: findImage,
  }[type];
  return find(db, id) !== undefined;
}
