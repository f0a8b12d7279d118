import { and, asc, eq, inArray, isNotNull, isNull, sql } from 'drizzle-orm';
import type { Why } from '../schema/model/change.ts';
import type { Session } from '../schema/model/session.ts';
import type { SetKey, Snapshot } from '../schema/model/snapshot.ts';
import type { RoleSpec } from '../schema/model/template.ts';
import type { Db } from './connection.ts';
import { countRows } from './page.ts';
import { findSet, insertSet, moveSnapshot } from './snapshot.ts';
import { sessions, snapshots } from './tables.ts';
import type { Tx } from './tx.ts';

/**
 * Saved sets: what owners keep of their sessions. Each is a set of the pool, so that clusters can
 * be made from it, but it has an owner and a title, is never current, and nobody else is ever
 * given what is in it. There is no other like it, so nobody else gives it up: one that could not
 * be used stays READY and says why.
 */

/** What takes room, or is about to. */
const KEPT = ['CREATING', 'READY'] as const;

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

/** How many sets an owner keeps in all pools, and how many bytes they take as far as known. */
export function savedBy(db: Db, owner: string): { sets: number; bytes: number } {
  const { poolId, set } = snapshots;
  const found = db
    .select({
      sets: sql<number>`count(DISTINCT ${poolId} || '-' || ${set})`,
      bytes: sql<number>`coalesce(sum(${snapshots.sizeBytes}), 0)`,
    })
    .from(snapshots)
    .where(and(eq(snapshots.owner, owner), inArray(snapshots.status, [...KEPT])))
    .get();
  return found ?? { sets: 0, bytes: 0 };
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

/** Whether a set is being taken from this session's cluster. */
export function isBeingCaptured(db: Db, sessionId: string): boolean {
  const taken = eq(snapshots.sourceSessionId, sessionId);
  return countRows(db, snapshots, and(taken, eq(snapshots.status, 'CREATING'))) > 0;
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
