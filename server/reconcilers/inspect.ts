import { findToInspect } from '../../db/cluster-work.ts';
import { findCluster, moveCluster, stampHealth, updateCluster } from '../../db/cluster.ts';
import { getPool } from '../../db/cluster-pool.ts';
import type { Db } from '../../db/connection.ts';
import { loseCluster } from '../../db/hold/release.ts';
import type { Tx } from '../../db/tx.ts';
import { recordSighting } from '../../db/vm-handle.ts';
import type { Cluster } from '../../schema/model/cluster.ts';
import { clusterRef, providerOf, workAt } from '../outside.ts';
import type { Sighting } from '../providers/provider.ts';
import type { Deps, Failure, Found, Reconciler, Turn, Work } from './reconciler.ts';

/** How often every cluster that is free or held is looked at. */
const INSPECT_EVERY_MS = 300_000;

const WHY = { cause: 'PROBE' } as const;

/** An inspector, which can also be told that something happened to a cluster. */
export interface Inspector extends Reconciler {
  /** The provider saw something: look at the cluster in the next sweep. */
  readonly suspect: (clusterId: string) => void;
}

/**
 * Wants: no free cluster that would not answer, and no session on VMs that are gone.
 * Looks: every 5 minutes, at every start, and when a provider reports something: asks the guests.
 * Decides: a free cluster that does not answer is reset. A held one is nobody's to repair: silence
 * is only noted (people reboot their guests); VMs that no longer exist end the session.
 * After a crash: every cluster counts as not yet looked at.
 */
export function inspect(deps: Deps): Inspector {
  const suspects = new Set<string>();
  let startedAt = deps.world.now();
  return {
    name: 'inspect',
    suspect: (clusterId) => void suspects.add(clusterId),
    find: (now) => {
      // The clock may be set back: then what is looked at now is not from before the start.
      startedAt = Math.min(startedAt, now);
      return deps.store.read((db) => findWork(deps, db, suspects, startedAt, now));
    },
    pass: async (work, turn) => {
      suspects.delete(work.id);
      await look(deps, work.id, turn);
    },
    failed: (work, failure) => noteFailure(deps, work.id, failure),
  };
}

function findWork(
  deps: Deps,
  db: Db,
  suspects: Set<string>,
  startedAt: number,
  now: number,
): Found {
  const before = Math.max(now - INSPECT_EVERY_MS, startedAt - 1);
  const due = findToInspect(db, { before, now }, 256);
  const suspected = [...suspects].flatMap((id) => findCluster(db, id) ?? []);
  for (const cluster of suspected) if (!isInspected(cluster)) suspects.delete(cluster.id);
  const ready = [...suspected.filter(isInspected), ...due].flatMap((cluster): Work[] => {
    // Where there is no provider there is nobody to ask.
    if (deps.provider(getPool(db, cluster.poolId).provider) === undefined) return [];
    return [workAt(deps, db, cluster.poolId, cluster.id, 'look')];
  });
  return { ready };
}

function isInspected(cluster: Cluster): boolean {
  return ['AVAILABLE', 'LOCKED'].includes(cluster.status) && cluster.removingAt === null;
}

async function look(deps: Deps, id: string, turn: Turn): Promise<void> {
  const { store } = deps;
  const found = store.read((db) => {
    const cluster = findCluster(db, id);
    if (cluster === undefined || !isInspected(cluster)) return undefined;
    return { cluster, ref: clusterRef(db, cluster), kind: getPool(db, cluster.poolId).provider };
  });
  if (found === undefined) return;
  const { cluster, ref, kind } = found;
  const sighting = await providerOf(deps, kind).look(ref, turn.signal);
  await note(deps, cluster, sighting, ref.vms.length);
}

async function note(
  deps: Deps,
  cluster: Cluster,
  sighting: Sighting,
  vmCount: number,
): Promise<void> {
  await deps.store.transact((tx) => {
    const now = findCluster(tx.db, cluster.id);
    // Taken over while we looked: what was seen may no longer be so.
    if (now?.fence !== cluster.fence || now.status !== cluster.status) return;
    recordSighting(tx, now.id, sighting.vms, WHY);
    stampHealth(tx, now.id);
    const complaint = complaintOf(sighting, vmCount);
    if (now.status === 'LOCKED') return actOnHeld(tx, now, complaint);
    if (complaint === undefined) return withdraw(tx, now);
    const patch = { work: 'RESET', fence: now.fence + 1 } as const;
    const why = { ...WHY, reason: complaint.reason };
    moveCluster(tx, now.id, { from: ['AVAILABLE'], to: 'RESETTING', patch }, why);
  });
}

/** A free cluster that is well again, or can be looked at again, has nothing to be told of. */
function withdraw(tx: Tx, cluster: Cluster): void {
  if (cluster.statusMessage === null) return;
  updateCluster(tx, cluster.id, { statusMessage: null }, WHY);
}

interface Complaint {
  readonly reason: string;
  /** A VM is gone, which no waiting brings back. */
  readonly lost: boolean;
}

function complaintOf(sighting: Sighting, vmCount: number): Complaint | undefined {
  const gone = sighting.vms.find((vm) => !vm.exists);
  if (gone !== undefined) return { reason: `${gone.name} no longer exists`, lost: true };
  if (sighting.vms.length < vmCount) return { reason: 'a VM no longer exists', lost: true };
  const silent = sighting.vms.find((vm) => !vm.answers);
  if (silent === undefined) return undefined;
  const detail = silent.message === null ? '' : `: ${silent.message}`;
  return { reason: `${silent.name} does not answer${detail}`, lost: false };
}

function actOnHeld(tx: Tx, cluster: Cluster, complaint: Complaint | undefined): void {
  if (complaint?.lost) return loseCluster(tx, cluster.id, complaint.reason, WHY);
  const statusMessage = complaint?.reason ?? null;
  if (cluster.statusMessage === statusMessage) return;
  const why = { ...WHY, ...(complaint && { reason: complaint.reason }) };
  updateCluster(tx, cluster.id, { statusMessage }, why);
}

/** The provider could not be asked: that says nothing of the cluster, and changes nothing. */
async function noteFailure(deps: Deps, id: string, failure: Failure): Promise<void> {
  await deps.store.transact((tx) => {
    const cluster = findCluster(tx.db, id);
    if (cluster === undefined || !isInspected(cluster)) return;
    stampHealth(tx, id);
    const statusMessage = `could not be looked at: ${failure.reason}`;
    if (cluster.statusMessage === statusMessage) return;
    updateCluster(tx, id, { statusMessage }, { cause: failure.cause, reason: failure.reason });
  });
}
