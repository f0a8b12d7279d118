import { and, desc, eq, isNull, or, type SQL } from 'drizzle-orm';
import type { SetKey, Snapshot } from '../schema/model/snapshot.ts';
import { prepared, type Db } from './connection.ts';
import { behindTime, countRows, timePosition, toPage, type Page, type PageArgs } from './page.ts';
import { givenText, idCondition } from './row.ts';
import { ownerSeen, type SessionsSeen } from './session.ts';
import { findSet, findSnapshot } from './snapshot.ts';
import { snapshots } from './tables.ts';

/**
 * Snapshots as a reader may see them: golden states are everybody's to see, what somebody saved
 * is its owner's. Ownership is part of the question, not a filter afterwards.
 */

/** The condition that lets golden states through, and of the saved ones those that are seen. */
export function snapshotSeen(seen: SessionsSeen): SQL | undefined {
  return seen === 'ALL' ? undefined : or(isNull(snapshots.owner), ownerSeen(snapshots.owner, seen));
}

const goldenById = prepared((db) =>
  db
    .select()
    .from(snapshots)
    .where(and(idCondition(snapshots), isNull(snapshots.owner)))
    .prepare(),
);

const byIdAndOwner = prepared((db) =>
  db
    .select()
    .from(snapshots)
    .where(
      and(
        idCondition(snapshots),
        or(isNull(snapshots.owner), eq(snapshots.owner, givenText('owner'))),
      ),
    )
    .prepare(),
);

/** The snapshot with this id, if it is among those seen. */
export function findSeenSnapshot(db: Db, id: string, seen: SessionsSeen): Snapshot | undefined {
  if (seen === 'ALL') return findSnapshot(db, id);
  return seen === 'NONE' ? goldenById(db).get({ id }) : byIdAndOwner(db).get({ id, ...seen });
}

/** The snapshots of a set that are among those seen: all of them or none. */
export function findSeenSet(db: Db, key: SetKey, seen: SessionsSeen): Snapshot[] {
  return findSet(db, key).filter(({ id }) => findSeenSnapshot(db, id, seen) !== undefined);
}

/** Which snapshots a list shows. */
export interface SnapshotFilter {
  readonly poolId?: string | undefined;
  /** Only those that this owner saved. */
  readonly owner?: string | undefined;
  readonly seen: SessionsSeen;
}

/** Snapshots, the newest first. */
export function pageOfSnapshots(db: Db, filter: SnapshotFilter, page: PageArgs): Page<Snapshot> {
  const { poolId, owner, seen } = filter;
  const wanted = and(
    poolId === undefined ? undefined : eq(snapshots.poolId, poolId),
    owner === undefined ? undefined : eq(snapshots.owner, owner),
    snapshotSeen(seen),
  );
  const rows = db
    .select()
    .from(snapshots)
    .where(and(wanted, behindTime(snapshots, page.after)))
    .orderBy(desc(snapshots.createdAt), desc(snapshots.id))
    .limit(page.first + 1)
    .all();
  return toPage(rows, page, timePosition, () => countRows(db, snapshots, wanted));
}
