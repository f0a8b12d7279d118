import { sql } from 'drizzle-orm';
import type { Why } from '../schema/model/change.ts';
import {
  isCompleteSet,
  isOfOtherVersion,
  wantsRenewal,
  type Snapshot,
} from '../schema/model/snapshot.ts';
import type { Cluster } from '../schema/model/cluster.ts';
import type { ClusterPool } from '../schema/model/cluster-pool.ts';
import { getPool } from './cluster-pool.ts';
import { prepared, type Db } from './connection.ts';
import { givenText } from './row.ts';
import { findTemplateSets, moveSnapshot } from './snapshot.ts';
import { snapshots } from './tables.ts';
import { findTemplate } from './template.ts';
import type { Tx } from './tx.ts';

/**
 * Template sets: those of a pool itself, from which its clusters are made in turn. A pool has up
 * to `templateSets` of them current at once. What somebody saved is a set of the pool too, but
 * never one of these.
 */

const currentStatement = prepared((db) =>
  db
    .select()
    .from(snapshots)
    .where(
      sql`${snapshots.poolId} = ${givenText('poolId')} AND cluster_id IS NULL AND current = 1
        AND owner IS NULL`,
    )
    .prepare(),
);

/** The current template sets of a pool, whole or not, the oldest first. */
export function findCurrentSets(db: Db, poolId: string): Snapshot[][] {
  return bySet(currentStatement(db).all({ poolId }));
}

/** The sets that clusters are made from now: current ones with every role of the template. */
export function findUsableSets(db: Db, poolId: string): Snapshot[][] {
  const roles = findTemplate(db, getPool(db, poolId).templateId)?.roles ?? [];
  return findCurrentSets(db, poolId).filter((rows) => isCompleteSet(rows, roles));
}

/**
 * The set that this cluster is made from: they are taken in turn by the clusters' numbers, so
 * that it is the same one after a crash. Undefined where there is none.
 */
export function chooseSet(
  db: Db,
  { poolId, number }: Pick<Cluster, 'poolId' | 'number'>,
): Snapshot[] | undefined {
  const sets = findUsableSets(db, poolId);
  return sets[number % Math.max(sets.length, 1)];
}

/** All template sets of a pool, whatever their state, the oldest first. */
export function findAllTemplateSets(db: Db, poolId: string): Snapshot[][] {
  return bySet(findTemplateSets(db, poolId).filter(({ owner }) => owner === null));
}

function bySet(rows: readonly Snapshot[]): Snapshot[][] {
  const sets = Map.groupBy(rows, ({ set }) => set);
  return [...sets].sort(([one], [other]) => one - other).map(([, of]) => of);
}

/**
 * The pool's image has another version now, `name@3`: current sets of any other, and those that
 * are being taken, are to be replaced one after the other as if they were stale. What was captured
 * from a session stays: only people can make that anew. Answers how many are to be replaced.
 */
export function outdateSets(tx: Tx, poolId: string, image: string, why: Why): number {
  const old = findAllTemplateSets(tx.db, poolId).filter(([first]) => {
    if (first === undefined || !isOfOtherVersion(first, image)) return false;
    return first.current || first.status === 'CREATING';
  });
  for (const { id, status } of old.flat()) {
    moveSnapshot(tx, id, { from: [status], to: status, patch: { outdated: true } }, why);
  }
  return old.length;
}

/** Which sets leave when a pool has so many more than it may: those to be renewed, the oldest. */
export function firstToLeave(
  sets: readonly Snapshot[][],
  pool: ClusterPool,
  howMany: number,
  now: number,
): Snapshot[][] {
  const isOld = (set: Snapshot[]) => set.some((row) => wantsRenewal(row, pool, now));
  const inOrder = [...sets.filter(isOld), ...sets.filter((set) => !isOld(set))];
  return inOrder.slice(0, Math.max(0, howMany));
}

/** A set leaves: nothing is made of it any more, and what is outside of it is removed. */
export function leaveSet(tx: Tx, rows: readonly Snapshot[], why: Why): void {
  for (const { id } of rows) {
    const patch = { current: false };
    const from = ['CREATING', 'READY', 'FAILED'] as const;
    moveSnapshot(tx, id, { from, to: 'DELETING', patch }, why);
  }
}
