import type { Db } from '../db/connection.ts';
import { findCluster } from '../db/cluster.ts';
import { getPool } from '../db/cluster-pool.ts';
import { findNotes } from '../db/note.ts';
import { findSet, moveSnapshot } from '../db/snapshot.ts';
import { chooseSet, findAllTemplateSets, findUsableSets } from '../db/template-set.ts';
import { findTemplate } from '../db/template.ts';
import type { Tx } from '../db/tx.ts';
import type { Why } from '../schema/model/change.ts';
import type { Cluster } from '../schema/model/cluster.ts';
import type { ProvisioningStrategy } from '../schema/model/cluster-pool.ts';
import { isCompleteSet, type Snapshot } from '../schema/model/snapshot.ts';
import type { RoleSpec } from '../schema/model/template.ts';
import { setId, setKey, setRef } from './outside.ts';
import type { Capabilities, ClusterSource } from './providers/provider.ts';

/** What a cluster is made from, and why it is not made from what its pool would have liked. */

/** The note that says from which source the cluster is being made. */
export const SOURCE = 'provision.source';

const IMAGE = 'image';
const SET = 'set ';

/** How a cluster is to be made now. */
export interface Plan {
  readonly cluster: Cluster;
  readonly strategy: ProvisioningStrategy;
  readonly source: ClusterSource;
  /** What the note says when this source has been begun. */
  readonly name: string;
  /** The set it is made from; empty for the image. */
  readonly snapshots: readonly Snapshot[];
}

/** How a CREATING cluster is to be made; undefined when it is none, or on its way out. */
export function planFor(db: Db, id: string): Plan | undefined {
  const cluster = findCluster(db, id);
  if (cluster?.status !== 'CREATING' || cluster.removingAt !== null) return undefined;
  const snapshots = snapshotsFor(db, cluster);
  if (snapshots.length === 0) {
    const source = { kind: 'IMAGE' } as const;
    return { cluster, strategy: 'BOOTSTRAP', source, name: IMAGE, snapshots };
  }
  const ref = setRef(db, snapshots, undefined);
  const source = { kind: 'SET', set: ref } as const;
  return { cluster, strategy: 'SNAPSHOT', source, name: `${SET}${ref.id}`, snapshots };
}

/**
 * The set that it must be made from; else the one it was begun from, if it is still one of the
 * pool's; else the one whose turn it is. Empty where there is none.
 */
function snapshotsFor(db: Db, cluster: Cluster): Snapshot[] {
  const { id, poolId, wantedSet, wantedStrategy } = cluster;
  if (wantedSet !== null) {
    const rows = findSet(db, { poolId, set: wantedSet });
    return isCompleteSet(rows, rolesOf(db, cluster)) ? rows : [];
  }
  if (wantedStrategy === 'BOOTSTRAP') return [];
  const begun = begunSet(db, id);
  const same = findUsableSets(db, poolId).find(([first]) => first && setId(first) === begun);
  return same ?? chooseSet(db, cluster) ?? [];
}

/** The id of the set that a cluster was last begun from. */
function begunSet(db: Db, clusterId: string): string | undefined {
  const name = findNotes(db, clusterId).get(SOURCE);
  return name?.startsWith(SET) ? name.slice(SET.length) : undefined;
}

function rolesOf(db: Db, { poolId }: Cluster): readonly RoleSpec[] {
  return findTemplate(db, getPool(db, poolId).templateId)?.roles ?? [];
}

/**
 * Nothing is made any more of a set that is lost, and another is taken in its place. What somebody
 * saved has no other: it only says why it could not be used, and stays until its owner drops it.
 * The disk it lies on may be mounted again tomorrow.
 */
export function giveUpSet(tx: Tx, { id }: Cluster, why: Why): void {
  const begun = begunSet(tx.db, id);
  if (begun === undefined) return;
  const patch = { current: false, statusMessage: why.reason ?? null };
  for (const row of findSet(tx.db, setKey(begun))) {
    const to = row.owner === null ? 'FAILED' : 'READY';
    moveSnapshot(tx, row.id, { from: ['READY'], to, patch }, why);
  }
}

/** A set that a cluster was made from well has nothing to be told of any more. */
export function withdrawComplaints(tx: Tx, { snapshots }: Plan, why: Why): void {
  const patch = { statusMessage: null };
  for (const { id } of snapshots.filter((row) => row.statusMessage !== null)) {
    moveSnapshot(tx, id, { from: ['READY'], to: 'READY', patch }, why);
  }
}

/** Whether the set that was tried is none of the pool's any more, and there is one that is. */
export function hasAnotherSet(db: Db, { id, poolId }: Cluster): boolean {
  const begun = begunSet(db, id);
  const sets = findUsableSets(db, poolId).map(([first]) => first && setId(first));
  return begun !== undefined && sets.length > 0 && !sets.includes(begun);
}

/** Why a cluster that was made well is not what its pool would have liked; null when it is. */
export function fallbackOf(
  db: Db,
  { cluster, snapshots }: Plan,
  { goldenState }: Capabilities,
): string | null {
  const [first] = snapshots;
  if (first !== undefined) return fallbackOfSet(first);
  const isWanted = cluster.wantedStrategy === 'BOOTSTRAP';
  return goldenState === 'CLUSTER' || isWanted ? null : reasonForNoSet(db, cluster);
}

/** How the reason of a fallback begins that was taken because a set was not prebuilt. */
export const NOT_PREBUILT = 'the prebuilt snapshot could not be used';

/** Why what is made of this set is not made of what the settings prefer; null when it is. */
export function fallbackOfSet({ sourceReason }: Pick<Snapshot, 'sourceReason'>): string | null {
  return sourceReason === null
    ? null
    : `${NOT_PREBUILT}: ${sourceReason}; made from the base image`;
}

/** How the reason of a fallback begins that was taken because there was no set. */
export const NO_SET = 'there was no snapshot to make it from';

function reasonForNoSet(db: Db, { poolId }: Cluster): string {
  const detail = whyLastSetFailed(db, poolId);
  return `${NO_SET}${detail === null ? '' : `: ${detail}`}; made from the base image`;
}

/** Why a pool's last set that came to nothing did; null when none has, or it has not said. */
function whyLastSetFailed(db: Db, poolId: string): string | null {
  const failed = findAllTemplateSets(db, poolId).findLast(([first]) => first?.status === 'FAILED');
  return failed?.[0]?.statusMessage ?? null;
}

/**
 * Why a cluster could be made in no way at all: what failed last, and before it why its pool has no
 * set. The second names what must be mended as often as the first: a registry that is away where
 * there is no base image either.
 */
export function reasonForNoWay(
  db: Db,
  { cluster, snapshots }: Plan,
  capabilities: Capabilities | undefined,
  reason: string,
): string {
  if (capabilities?.goldenState !== 'POOL' || snapshots.length > 0) return reason;
  const detail = whyLastSetFailed(db, cluster.poolId);
  if (detail === null || detail === reason) return reason;
  return `${reason}; and there is no snapshot to make it from: ${detail}`;
}
