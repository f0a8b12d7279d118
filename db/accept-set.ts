import type { Why } from '../schema/model/change.ts';
import { imageRef } from '../schema/model/image.ts';
import {
  isMadeOfImage,
  isOfOtherVersion,
  type SetKey,
  type Snapshot,
} from '../schema/model/snapshot.ts';
import { getPool } from './cluster-pool.ts';
import { findCurrentImage } from './image.ts';
import { findSet, findSetsOfCluster, moveSnapshot } from './snapshot.ts';
import { findAllTemplateSets, findCurrentSets, firstToLeave, leaveSet } from './template-set.ts';
import type { Tx } from './tx.ts';

/** What is known of a captured snapshot. */
export interface Captured extends Pick<Snapshot, 'role' | 'sizeBytes' | 'k8sVersion'> {
  /** What it is made of in fact, where there was a choice. */
  readonly made?: Making | undefined;
}

/** What a snapshot is made of in fact; see `Snapshot`. */
interface Making extends Pick<Snapshot, 'image' | 'digest'> {
  readonly source: 'IMAGE' | 'PREBUILT';
  readonly reason: string | null;
}

/**
 * A set has been captured: if it is complete it is READY and becomes a current one of its cluster
 * or pool, unless somebody saved it. A set that lacks a role is refused: it would restore half a
 * cluster. One that was given up meanwhile is let go.
 */
export function acceptSet(tx: Tx, key: SetKey, captured: readonly Captured[], why: Why): void {
  const moved = findSet(tx.db, key).flatMap((row) => {
    const found = captured.find((one) => one.role === row.role);
    if (found === undefined) throw new Error(`set ${key.set} has no snapshot of ${row.role}`);
    const { sizeBytes, k8sVersion } = found;
    const known = { sizeBytes, k8sVersion, ...madeOf(row, found.made) };
    const outdated = row.outdated && !isNewest(tx, { ...row, ...known });
    const patch = { ...known, outdated, readyAt: tx.now, statusMessage: null };
    return moveSnapshot(tx, row.id, { from: ['CREATING'], to: 'READY', patch }, why) ?? [];
  });
  const [first] = moved;
  if (first === undefined || first.owner !== null) return;
  if (first.clusterId === null) replaceInPool(tx, first, why);
  else replaceInCluster(tx, first, first.clusterId, why);
  for (const { id } of moved) {
    moveSnapshot(tx, id, { from: ['READY'], to: 'READY', patch: { current: true } }, why);
  }
}

/** A set of a session is one of that session, whatever its disks came from. */
function madeOf(row: Snapshot, made: Making | undefined): Partial<Snapshot> {
  if (made === undefined) return {};
  const { source, reason, image, digest } = made;
  return isMadeOfImage(row) ? { source, sourceReason: reason, image, digest } : { image, digest };
}

/** Whether it is of the version that became the current one while it was being taken. */
function isNewest({ db }: Tx, made: Pick<Snapshot, 'source' | 'image'>): boolean {
  const current = findCurrentImage(db, made.image?.split('@')[0] ?? '');
  return current !== undefined && !isOfOtherVersion(made, imageRef(current));
}

/** The sets before it are to be deleted, those that failed too, so that they do not pile up. */
function replaceInCluster(tx: Tx, { set }: Snapshot, clusterId: string, why: Why): void {
  for (const old of findSetsOfCluster(tx.db, clusterId).filter((row) => row.set !== set)) {
    const patch = { current: false };
    moveSnapshot(tx, old.id, { from: ['READY', 'FAILED'], to: 'DELETING', patch }, why);
  }
}

/**
 * As many stay beside it as the pool may have, unless what is in them is another thing: clusters
 * of a pool are interchangeable, so one from a session and one from the image are never current
 * at once.
 */
function replaceInPool(tx: Tx, first: Snapshot, why: Why): void {
  const { poolId, set } = first;
  const pool = getPool(tx.db, poolId);
  const others = findCurrentSets(tx.db, poolId).filter(([one]) => one?.set !== set);
  const alike = (rows: Snapshot[]) => isMadeOfImage(first) && rows.every(isMadeOfImage);
  const kept = others.filter(alike);
  const surplus = firstToLeave(kept, pool, kept.length + 1 - pool.templateSets, tx.now);
  const leaving = [...others.filter((rows) => !alike(rows)), ...surplus];
  for (const rows of leaving) leaveSet(tx, rows, why);
  for (const rows of findAllTemplateSets(tx.db, poolId)) {
    if (rows.every(({ status }) => status === 'FAILED')) leaveSet(tx, rows, why);
  }
}
