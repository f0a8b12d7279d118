import { countByStatus, countMembers } from '../db/cluster-count.ts';
import { findMembers } from '../db/cluster.ts';
import type { Db } from '../db/connection.ts';
import { addCluster } from '../db/hold/claim.ts';
import { removeCluster } from '../db/hold/remove.ts';
import { hasUnfinishedJob } from '../db/job.ts';
import { countWaiting } from '../db/session.ts';
import { insertSet } from '../db/snapshot.ts';
import {
  findAllTemplateSets,
  findCurrentSets,
  findUsableSets,
  firstToLeave,
  leaveSet,
} from '../db/template-set.ts';
import { findTemplate } from '../db/template.ts';
import type { Tx } from '../db/tx.ts';
import type { Cluster } from '../schema/model/cluster.ts';
import { errorRetryMs, type ClusterPool } from '../schema/model/cluster-pool.ts';
import { isMadeOfImage, wantsRenewal, type Snapshot } from '../schema/model/snapshot.ts';
import type { Capabilities } from './providers/provider.ts';

/**
 * How pools whose clusters all start from sets of the pool stay fresh: sets that are missing, too
 * old or of an old image are taken anew, one at a time; then free clusters that were made of sets
 * that have left are replaced, one at a time. The one that replaces another is made first, as one
 * more than the pool keeps, so that there are never fewer to claim.
 */

const WHY = { cause: 'REPLENISH' } as const;

/** Sets that failed and are kept at most: they tell why, and for how long to wait. */
const MOST_FAILED = 3;

/** Clusters that are looked at at most; pools that have sets of their own are smaller. */
const MOST_FREE = 64;

/** Whether another template set should be begun now. */
export function lacksSet(
  db: Db,
  pool: ClusterPool,
  { goldenState }: Pick<Capabilities, 'goldenState'>,
  now: number,
): boolean {
  if (goldenState !== 'POOL' || pool.replenishPaused !== null) return false;
  const sets = findAllTemplateSets(db, pool.id).map(([first]) => first);
  if (sets.some((set) => set?.status === 'CREATING')) return false;
  const failed = sets.filter((set) => set?.status === 'FAILED');
  const last = Math.max(0, ...failed.map((set) => set?.createdAt ?? 0));
  if (failed.length > 0 && last + errorRetryMs(failed.length) > now) return false;
  return hasTooFew(db, pool, now);
}

/** One from a session is alone, and can be made anew by people only. */
function hasTooFew(db: Db, pool: ClusterPool, now: number): boolean {
  const sets = findUsableSets(db, pool.id);
  if (sets.flat().some((row) => !isMadeOfImage(row))) return false;
  const old = sets.flat().some((row) => wantsRenewal(row, pool, now));
  return old || sets.length < pool.templateSets;
}

/** Begins another template set, from the image. */
export function beginSet(
  tx: Tx,
  pool: ClusterPool,
  { captureModes }: Pick<Capabilities, 'captureModes'>,
): void {
  const failed = findAllTemplateSets(tx.db, pool.id).filter(([one]) => one?.status === 'FAILED');
  for (const rows of failed.slice(0, -MOST_FAILED)) leaveSet(tx, rows, WHY);
  const roles = findTemplate(tx.db, pool.templateId)?.roles ?? [];
  const mode = captureModes[0] ?? 'OFFLINE';
  const source = { clusterId: null, sourceClusterId: null, sourceSessionId: null };
  insertSet(tx, { poolId: pool.id, ...source, jobId: null, mode }, roles, WHY);
}

/** The set that leaves because the pool is to have fewer now; undefined when it has no more. */
export function surplusSet(db: Db, pool: ClusterPool, now: number): Snapshot[] | undefined {
  const sets = findCurrentSets(db, pool.id);
  return firstToLeave(sets, pool, sets.length - pool.templateSets, now)[0];
}

/**
 * The free cluster that should be replaced by another, if any: one that was made of a set that has
 * left, or before the present sets were there, the oldest first; else one of a set of which there
 * are more than of the others, so that claims get all sets in turn.
 */
export function toReplace(
  db: Db,
  pool: ClusterPool,
  { goldenState }: Pick<Capabilities, 'goldenState'>,
): Cluster | undefined {
  if (goldenState !== 'POOL') return undefined;
  const sets = findUsableSets(db, pool.id);
  if (sets.length === 0) return undefined;
  const filter = { spare: true, jobId: null };
  const free = findMembers(db, pool.id, ['AVAILABLE'], MOST_FREE, filter);
  return (
    free.findLast((cluster) => isOutdated(cluster, sets)) ??
    oneTooMany(free, sets, hasOneMore(db, pool))
  );
}

/** One from the image for want of a set is replaced once there is one that is younger than it. */
function isOutdated(cluster: Cluster, sets: readonly Snapshot[][]): boolean {
  const { madeFromSet, createdAt } = cluster;
  if (madeFromSet !== null) return !sets.some(([first]) => first?.set === madeFromSet);
  return sets.flat().some(({ readyAt }) => readyAt !== null && createdAt < readyAt);
}

/** One more than of another set is as even as it can be, until there is one that may go. */
function oneTooMany(
  free: readonly Cluster[],
  sets: readonly Snapshot[][],
  isOneMore: boolean,
): Cluster | undefined {
  // Where sets fail to be restored, what is there is better than what would come.
  if (free.some(({ madeFromSet }) => madeFromSet === null)) return undefined;
  const shares = sets.map(([first]) => free.filter((one) => one.madeFromSet === first?.set));
  const most = shares.toSorted((one, other) => other.length - one.length)[0] ?? [];
  const least = Math.min(...shares.map(({ length }) => length));
  return most.length - least > (isOneMore ? 0 : 1) ? most.at(-1) : undefined;
}

/** Whether the next step of a replacement can be taken now: `turnOver` does it. */
export function mayTurnOver(db: Db, pool: ClusterPool, old: Cluster | undefined): boolean {
  return old !== undefined && (hasOneMore(db, pool) || mayAddOne(db, pool));
}

/** Whether so many are ready that one of them can go. */
function hasOneMore(db: Db, pool: ClusterPool): boolean {
  const { AVAILABLE, LOCKED } = countByStatus(db, pool.id);
  return AVAILABLE + LOCKED > pool.size;
}

/**
 * Whether one more may be begun: beyond `maxClusters` and the largest size too, for the time of a
 * replacement. Where sessions wait, what is made is for them; while a job fills the pool, it waits.
 */
function mayAddOne(db: Db, pool: ClusterPool): boolean {
  if (pool.replenishPaused !== null || countMembers(db, pool.id) !== pool.size) return false;
  if (countWaiting(db, pool.id) > 0) return false;
  const jobs = ['BOOTSTRAP_POOL', 'WARM_UP_POOL'] as const;
  return !jobs.some((kind) => hasUnfinishedJob(db, pool.id, kind));
}

/** Takes the next step of a replacement: makes one more, or has the old one go. */
export function turnOver(tx: Tx, pool: ClusterPool, old: Cluster): void {
  const why = { ...WHY, reason: 'its snapshot set has been replaced' };
  if (hasOneMore(tx.db, pool)) removeCluster(tx, old.id, why);
  else if (mayAddOne(tx.db, pool)) addCluster(tx, pool, {}, WHY);
}
