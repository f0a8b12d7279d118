import { and, asc, eq, inArray, isNotNull, isNull, sql } from 'drizzle-orm';
import type { Why } from '../schema/model/change.ts';
import type { Session } from '../schema/model/session.ts';
import type { SetKey, Snapshot } from '../schema/model/snapshot.ts';
import type { RoleSpec } from '../schema/model/template.ts';
import { getPool } from './cluster-pool.ts';
import type { Db } from './connection.ts';
import { countRows } from './page.ts';
import { findSet, insertSet, moveSnapshot } from './snapshot.ts';
import { sessions, snapshots } from './tables.ts';
import { findTemplate } from './template.ts';
import type { Tx } from './tx.ts';

/**
 * Saved sets: what owners keep of their sessions. Each is a set of the pool, so that clusters can
 * be made from it, but it has an owner and a title, is never current, and nobody else is ever
 * given what is in it. There is no other like it, so nobody else gives it up: one that could not
 * be used stays READY and says why.
 */

/** What its owner keeps, or is about to. */
const KEPT = ['CREATING', 'READY'] as const;
/** What takes room on a disk, or may before anybody knows how much. */
const STORED = [...KEPT, 'DELETING'] as const;

/** Adds the rows of a set that is to be taken from a session's cluster, for its owner. */
export function insertSavedSet(
  tx: Tx,
  session: Session,
  title: string,
  roles: readonly RoleSpec[],
  why: Why,
): Snapshot[] {
  const { poolId, owner, id: sourceSessionId, clusterId: sourceClusterId } = session;
  const of = { poolId, clusterId: null, sourceSessionId, sourceClusterId, jobId: null };
  const set = insertSet(tx, { ...of, mode: 'ONLINE', owner, title }, roles, why);
  return findSet(tx.db, { poolId, set });
}

/**
 * How many sets an owner keeps in all pools, and how many bytes they take as far as known. One that
 * is being taken counts as much as it may take, and one that goes until it is gone: else owners
 * would fill the disk by saving at once, or by saving and deleting in turn.
 */
export function savedBy(db: Db, owner: string): { sets: number; bytes: number } {
  const rows = db
    .select()
    .from(snapshots)
    .where(and(eq(snapshots.owner, owner), inArray(snapshots.status, [...STORED])))
    .all();
  const kept = rows.filter(({ status }) => status !== 'DELETING');
  return {
    sets: new Set(kept.map(({ poolId, set }) => `${poolId}-${set}`)).size,
    bytes: rows.reduce((sum, row) => sum + (row.sizeBytes ?? mostBytes(db, row)), 0),
  };
}

/** The most that a snapshot may take before it is known: all memory and all of the disk. */
function mostBytes(db: Db, { poolId, role, readyAt }: Snapshot): number {
  if (readyAt !== null) return 0;
  const roles = findTemplate(db, getPool(db, poolId).templateId)?.roles;
  const spec = roles?.find((one) => one.role === role);
  return (spec?.memoryMiB ?? 0) * 2 ** 20 + (spec?.diskGiB ?? 0) * 2 ** 30;
}

/** Whether an owner keeps a set of this title in a pool. */
export function isTitleTaken(
  db: Db,
  { poolId, owner }: Pick<Session, 'poolId' | 'owner'>,
  title: string,
): boolean {
  const named = and(eq(snapshots.owner, owner), eq(snapshots.title, title));
  const kept = and(eq(snapshots.poolId, poolId), inArray(snapshots.status, [...KEPT]));
  return countRows(db, snapshots, and(named, kept)) > 0;
}

/** Whether a set is being taken from this session's cluster, or what was begun is cleared away. */
export function isBeingCaptured(db: Db, sessionId: string): boolean {
  const taken = eq(snapshots.sourceSessionId, sessionId);
  const begun = and(inArray(snapshots.status, ['CREATING', 'DELETING']), isNull(snapshots.readyAt));
  return countRows(db, snapshots, and(taken, begun)) > 0;
}

/** Whether a session waits for a cluster that is to be made from this set. */
export function isAwaited(db: Db, { poolId, set }: SetKey): boolean {
  const wants = and(eq(sessions.poolId, poolId), eq(sessions.wantedSet, set));
  const waits = sql`${sessions.status} IN ('PENDING', 'PROVISIONING')`;
  return countRows(db, sessions, and(wants, waits)) > 0;
}

/** Saved rows that one transaction gives up at most. */
const BATCH = 64;

/** Has the saved sets of a deleted pool go with it: some at a time. */
export function dropSavedSets(tx: Tx, poolId: string, why: Why): void {
  const from = ['CREATING', 'READY', 'FAILED'] as const;
  const left = and(eq(snapshots.poolId, poolId), inArray(snapshots.status, [...from]));
  const rows = tx.db
    .select()
    .from(snapshots)
    .where(and(left, isNotNull(snapshots.owner)))
    .orderBy(asc(snapshots.set))
    .limit(BATCH)
    .all();
  for (const { id } of rows) moveSnapshot(tx, id, { from, to: 'DELETING' }, why);
}

/** Has the owner's sets go that could never be taken, so that they do not pile up. */
export function dropFailedSets(
  tx: Tx,
  { poolId, owner }: Pick<Session, 'poolId' | 'owner'>,
  why: Why,
): void {
  const never = and(eq(snapshots.status, 'FAILED'), isNull(snapshots.readyAt));
  const failed = and(eq(snapshots.poolId, poolId), never);
  const rows = tx.db
    .select()
    .from(snapshots)
    .where(and(failed, eq(snapshots.owner, owner)))
    .orderBy(asc(snapshots.set))
    .limit(BATCH)
    .all();
  for (const { id } of rows) moveSnapshot(tx, id, { from: ['FAILED'], to: 'DELETING' }, why);
}
