import type { Why } from '../../schema/model/change.ts';
import type { Cluster } from '../../schema/model/cluster.ts';
import { isOfOtherVersion } from '../../schema/model/snapshot.ts';
import { findMembers, updateCluster } from '../cluster.ts';
import type { Db } from '../connection.ts';
import { findCurrentSet } from '../snapshot.ts';
import { findAllTemplateSets, leaveSet } from '../template-set.ts';
import type { Tx } from '../tx.ts';
import { removeCluster } from './remove.ts';

/** Clusters that one transaction marks at most; pools that have template sets are smaller. */
const BATCH = 64;

/**
 * The pool's image went back to another version, `name@2`, because the one it had is not to be
 * used any more: sets of every other version leave at once, and with them what nobody holds that
 * was made of them or of the image, so that the next session has the version wanted. Sessions stay
 * as they are. What was captured from a session stays too, and what came from a registry.
 * Answers how many sets leave.
 */
export function dropSets(tx: Tx, poolId: string, image: string, why: Why): number {
  const dropped = findAllTemplateSets(tx.db, poolId).filter(([first]) => {
    if (first === undefined || first.status === 'DELETING') return false;
    return isOfOtherVersion(first, image);
  });
  for (const rows of dropped) leaveSet(tx, rows, why);
  const sets = new Set(dropped.map(([first]) => first?.set));
  const states = ['CREATING', 'AVAILABLE', 'RESETTING'] as const;
  for (const cluster of findMembers(tx.db, poolId, states, BATCH, { spare: true })) {
    if (isMadeOf(tx.db, cluster, sets)) removeOrRestart(tx, cluster, why);
  }
  return dropped.length;
}

/** Whether it may have something of the dropped version: nobody knows of what is being made. */
function isMadeOf(db: Db, cluster: Cluster, sets: ReadonlySet<number | undefined>): boolean {
  const { id, poolId, status, work, madeFromSet } = cluster;
  if (status === 'CREATING') return true;
  // One that owns the state it is put back to has nothing of a set of the pool any more.
  if (findCurrentSet(db, poolId, id).length > 0) return false;
  if (status === 'RESETTING') return work === 'RESET';
  return madeFromSet === null || sets.has(madeFromSet);
}

/** A reset that is under way may be to a dropped set: under a new fence it chooses again. */
function removeOrRestart(tx: Tx, cluster: Cluster, why: Why): void {
  const { id, status, fence } = cluster;
  if (status === 'RESETTING') updateCluster(tx, id, { fence: fence + 1 }, why);
  else removeCluster(tx, id, why);
}
