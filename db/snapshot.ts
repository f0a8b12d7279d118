import { and, asc, eq, inArray, isNotNull, isNull, sql } from 'drizzle-orm';
import type { Why } from '../schema/model/change.ts';
import {
  SNAPSHOT_TRANSITIONS,
  snapshotName,
  type SetKey,
  type Snapshot,
  type SnapshotSource,
  type SnapshotStatus,
} from '../schema/model/snapshot.ts';
import type { RoleSpec } from '../schema/model/template.ts';
import { mayMove } from '../schema/model/transitions.ts';
import { logChange } from './change.ts';
import { takeNumbers } from './cluster-pool.ts';
import { prepared, type Db } from './connection.ts';
import { countRows } from './page.ts';
import { givenText, idCondition, inOrder, isDue, rowWriter } from './row.ts';
import { snapshots } from './tables.ts';
import type { Tx } from './tx.ts';

const byId = prepared((db) => db.select().from(snapshots).where(idCondition(snapshots)).prepare());

/** The snapshot with this id. */
export function findSnapshot(db: Db, id: string): Snapshot | undefined {
  return byId(db).get({ id });
}

/** Where a set belongs and what it is taken from; a saved one says whose it is too. */
export type NewSet = Pick<
  Snapshot,
  'poolId' | 'clusterId' | 'sourceSessionId' | 'sourceClusterId' | 'jobId' | 'mode'
> &
  Partial<Pick<Snapshot, 'owner' | 'title'>>;

/** Adds the rows of a set that is to be taken, one a role, CREATING; answers its number. */
export function insertSet(tx: Tx, set: NewSet, roles: readonly RoleSpec[], why: Why): number {
  const number = takeNumbers(tx, set.poolId, 'nextSet');
  const place = set.clusterId === null ? number : countSetsOf(tx.db, set.clusterId) + 1;
  for (const { role } of roles) {
    const row = tx.db
      .insert(snapshots)
      .values({
        id: tx.newId(),
        // The first set of a cluster has the short names; names need only be unique in it.
        name: snapshotName(role, place === 1 ? 1 : number),
        role,
        set: number,
        current: false,
        status: 'CREATING',
        ...set,
        source: intendedSource(set),
        createdAt: tx.now,
      })
      .returning()
      .get();
    log(tx, undefined, row, why);
  }
  return number;
}

/** What a set is to be made of, as far as where it is taken says so. */
function intendedSource({ sourceSessionId, sourceClusterId }: NewSet): SnapshotSource {
  if (sourceSessionId !== null) return 'SESSION';
  return sourceClusterId === null ? 'IMAGE' : 'CLUSTER';
}

function countSetsOf(db: Db, clusterId: string): number {
  return countRows(db, snapshots, eq(snapshots.clusterId, clusterId));
}

const write = rowWriter<Snapshot>(snapshots);

/** What may be changed of a snapshot besides its state. */
export type SnapshotPatch = Partial<
  Omit<Snapshot, 'id' | 'name' | 'role' | 'set' | 'poolId' | 'clusterId' | 'status' | 'version'>
>;

/** A move and what goes with it. */
export interface SnapshotMove {
  readonly to: SnapshotStatus;
  readonly from: readonly SnapshotStatus[];
  readonly patch?: SnapshotPatch;
}

/** The only writer of a snapshot's state; undefined when somebody was first. */
export function moveSnapshot(
  tx: Tx,
  id: string,
  move: SnapshotMove,
  why: Why,
): Snapshot | undefined {
  const row = findSnapshot(tx.db, id);
  if (row === undefined || !move.from.includes(row.status)) return undefined;
  if (row.status !== move.to && !mayMove(SNAPSHOT_TRANSITIONS, row.status, move.to)) {
    throw new Error(`a snapshot cannot go from ${row.status} to ${move.to}`);
  }
  const moved = { ...row, ...move.patch, status: move.to, version: row.version + 1 };
  write(tx.db, row, moved);
  log(tx, row, moved, why);
  return moved;
}

/** Moves a whole set: its snapshots are in one state together. Answers those that moved. */
export function moveSet(tx: Tx, key: SetKey, move: SnapshotMove, why: Why): Snapshot[] {
  return findSet(tx.db, key).flatMap((row) => moveSnapshot(tx, row.id, move, why) ?? []);
}

/** Removes the rows of a set whose outside objects are gone. */
export function deleteSet(tx: Tx, key: SetKey, why: Why): void {
  for (const row of findSet(tx.db, key)) {
    tx.db.delete(snapshots).where(eq(snapshots.id, row.id)).run();
    const { id: subjectId, poolId, status: from, owner } = row;
    logChange(tx, { type: 'SNAPSHOT', subjectId, kind: 'DELETED', from, poolId, owner }, why);
  }
}

function log(tx: Tx, before: Snapshot | undefined, row: Snapshot, why: Why): void {
  const kind = before === undefined ? 'CREATED' : 'UPDATED';
  const { id: subjectId, poolId, status: to, owner } = row;
  const from = before?.status ?? null;
  logChange(tx, { type: 'SNAPSHOT', subjectId, kind, from, to, poolId, owner }, why);
}

const setStatement = prepared((db) =>
  db
    .select()
    .from(snapshots)
    .where(
      sql`${snapshots.poolId} = ${sql.placeholder('poolId')}
        AND ${snapshots.set} = ${sql.placeholder('set')}`,
    )
    .orderBy(asc(snapshots.role))
    .prepare(),
);

/** The snapshots of one set. */
export function findSet(db: Db, { poolId, set }: SetKey): Snapshot[] {
  return setStatement(db).all({ poolId, set });
}

const currentOfCluster = prepared((db) =>
  db
    .select()
    .from(snapshots)
    .where(sql`${snapshots.clusterId} = ${sql.placeholder('clusterId')} AND current = 1`)
    .prepare(),
);

const currentOfPool = prepared((db) =>
  db
    .select()
    .from(snapshots)
    .where(
      sql`${snapshots.poolId} = ${sql.placeholder('poolId')}
        AND cluster_id IS NULL AND current = 1`,
    )
    .prepare(),
);

/**
 * The current set of a cluster, or of the pool itself, of which it may have several, the newest;
 * empty when there is none.
 */
export function findCurrentSet(db: Db, poolId: string, clusterId: string | null): Snapshot[] {
  if (clusterId !== null) return currentOfCluster(db).all({ clusterId });
  const rows = currentOfPool(db).all({ poolId });
  const newest = Math.max(...rows.map(({ set }) => set));
  return rows.filter(({ set }) => set === newest);
}

const atWorkStatement = prepared((db) =>
  db
    .select()
    .from(snapshots)
    .where(
      sql`${snapshots.status} = ${givenText('status')}
        AND status IN ('CREATING', 'DELETING') AND ${isDue(snapshots.nextAttemptAt)}`,
    )
    .orderBy(inOrder([asc(snapshots.poolId), asc(snapshots.set)], 512))
    .prepare(),
);

/** Snapshots that wait for a worker: to be taken, or to be deleted. */
export function findSnapshotsAtWork(
  db: Db,
  status: 'CREATING' | 'DELETING',
  now: number,
): Snapshot[] {
  return atWorkStatement(db).all({ status, now });
}

/** The golden states of a pool, of its clusters and its own, whatever their state. */
export function findSnapshotsOfPool(db: Db, poolId: string): Snapshot[] {
  const golden = and(eq(snapshots.poolId, poolId), isNull(snapshots.owner));
  return db.select().from(snapshots).where(golden).all();
}

/** The golden sets of a pool of its own, whatever their state; saved ones are none. */
export function findTemplateSets(db: Db, poolId: string): Snapshot[] {
  const ofPool = and(isNull(snapshots.clusterId), isNull(snapshots.owner));
  return db
    .select()
    .from(snapshots)
    .where(and(eq(snapshots.poolId, poolId), ofPool))
    .orderBy(asc(snapshots.set))
    .all();
}

/** All sets of one cluster. */
export function findSetsOfCluster(db: Db, clusterId: string): Snapshot[] {
  return db
    .select()
    .from(snapshots)
    .where(and(isNotNull(snapshots.clusterId), eq(snapshots.clusterId, clusterId)))
    .all();
}

/** The sets that a job has asked for. */
export function findSetsOfJob(db: Db, jobId: string): Snapshot[] {
  return db.select().from(snapshots).where(eq(snapshots.jobId, jobId)).all();
}

/** All snapshots whose sets should exist outside, by pool and set number. */
export function findPresentSets(db: Db, poolIds: readonly string[]): Snapshot[] {
  return db
    .select()
    .from(snapshots)
    .where(inArray(snapshots.poolId, [...poolIds]))
    .all();
}
