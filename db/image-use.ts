import { and, asc, eq, inArray } from 'drizzle-orm';
import type { Why } from '../schema/model/change.ts';
import type { ClusterPool } from '../schema/model/cluster-pool.ts';
import { imageRef, type Image } from '../schema/model/image.ts';
import { imageOfRole } from '../schema/model/template.ts';
import { findMembers, updateCluster } from './cluster.ts';
import { findPools, updatePool } from './cluster-pool.ts';
import type { Db } from './connection.ts';
import { findChildren, findVersions, moveImage } from './image.ts';
import { pools, snapshots } from './tables.ts';
import { findAllTemplateSets, leaveSet, outdateSets } from './template-set.ts';
import { findTemplate } from './template.ts';
import type { Tx } from './tx.ts';

/**
 * What depends on images, and what follows for it when another version becomes the current one:
 * the only code that changes images and pools together.
 */

/** The pools that are made from this image: those that name it, and of `base` those naming none. */
export function findPoolsOf(db: Db, name: string): ClusterPool[] {
  return findPools(db).filter(({ templateId }) => {
    const template = findTemplate(db, templateId);
    return template?.roles.some((role) => imageOfRole(template, role) === name);
  });
}

function namesImage(db: Db, { templateId }: ClusterPool): boolean {
  return findTemplate(db, templateId)?.roles.some(({ image }) => image !== null) ?? false;
}

/** What would be lost with a version: those built on it, and the pools that are made from it. */
export function findImageUse(
  db: Db,
  image: Image,
): { readonly children: readonly Image[]; readonly pools: readonly string[] } {
  const made = image.current ? findPoolsOf(db, image.name).map(({ name }) => name) : [];
  const names = new Set([...made, ...poolsWithSetsOf(db, imageRef(image))]);
  return { children: findChildren(db, image.id), pools: [...names].toSorted() };
}

function poolsWithSetsOf(db: Db, image: string): string[] {
  const rows = db
    .selectDistinct({ name: pools.name })
    .from(snapshots)
    .innerJoin(pools, eq(pools.id, snapshots.poolId))
    .where(and(eq(snapshots.image, image), inArray(snapshots.status, ['CREATING', 'READY'])))
    .orderBy(asc(pools.name))
    .all();
  return rows.map(({ name }) => name);
}

/**
 * A version has come or gone: the name has a current version as long as one is READY, and pools
 * that name it do not try in vain to make clusters while none is.
 */
export function settleImage(tx: Tx, name: string, why: Why): void {
  const versions = findVersions(tx.db, name);
  if (versions.some(({ current }) => current)) return;
  const newest = versions.find(({ status }) => status === 'READY');
  if (newest !== undefined) takeUp(tx, newest, why);
  else pausePools(tx, name);
}

/** Makes a READY version the current one; pools that are made from it go over to it set by set. */
export function takeUp(tx: Tx, image: Image, why: Why): Image {
  const moved = makeCurrent(tx, image, why);
  for (const { id } of findPoolsOf(tx.db, image.name)) {
    outdateSets(tx, id, imageRef(image), { ...why, cause: 'REPLENISH' });
  }
  return moved;
}

/** Pools that failed for want of it try again. */
function makeCurrent(tx: Tx, image: Image, why: Why): Image {
  if (image.current) return image;
  const before = findVersions(tx.db, image.name).filter((one) => one.current);
  for (const { id, status } of before) {
    moveImage(tx, id, { from: [status], to: status, patch: { current: false } }, why);
  }
  const patch = { current: true };
  const moved = moveImage(tx, image.id, { from: ['READY'], to: 'READY', patch }, why);
  if (moved === undefined) throw new Error(`${imageRef(image)} is not READY`);
  for (const pool of findPoolsOf(tx.db, image.name)) resumePool(tx, pool, why);
  return moved;
}

/** Clusters in ERROR that are told at once to try again; others do so when their wait is over. */
const MOST_RETRIED = 20;

function resumePool(tx: Tx, pool: ClusterPool, why: Why): void {
  const { id, replenishPaused, failuresInRow } = pool;
  const again = { ...why, cause: 'REPLENISH' } as const;
  if (replenishPaused !== null || failuresInRow > 0) {
    updatePool(tx, id, { replenishPaused: null, failuresInRow: 0 }, again);
  }
  for (const cluster of findMembers(tx.db, id, ['ERROR'], MOST_RETRIED)) {
    updateCluster(tx, cluster.id, { nextAttemptAt: null }, again);
  }
  // Where one has failed, the next is put off.
  const failed = findAllTemplateSets(tx.db, id).flat();
  const rows = failed.filter(({ status }) => status === 'FAILED');
  leaveSet(tx, rows, again);
}

/** Why a name has no version that VMs could be started from. */
function whyNone(name: string, newest: Image | undefined): string {
  if (newest?.status === 'CREATING') return `image ${imageRef(newest)} is being made`;
  if (newest?.status !== 'FAILED') return `image ${name} has no version that is ready`;
  const reason = newest.statusMessage ?? 'for a reason that nobody knows';
  return `image ${imageRef(newest)} could not be had: ${reason}`;
}

/** Pools that name an image wait while there is no READY version, and say what for. */
export function pausePools(tx: Tx, name: string): void {
  const versions = findVersions(tx.db, name);
  if (versions.some(({ status }) => status === 'READY')) return;
  const reason = whyNone(name, versions[0]);
  // Those that name none may be made of what a registry has; their provider says what is missing.
  for (const pool of findPoolsOf(tx.db, name).filter((one) => namesImage(tx.db, one))) {
    // A pool that is paused for another reason stays paused for that.
    const isOurs = pool.replenishPaused?.startsWith('image ') ?? true;
    if (!isOurs || pool.replenishPaused === reason) continue;
    updatePool(tx, pool.id, { replenishPaused: reason }, { cause: 'REPLENISH', reason });
  }
}
