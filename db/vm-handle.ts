import { and, asc, desc, eq, isNotNull, isNull } from 'drizzle-orm';
import type { Why } from '../schema/model/change.ts';
import type { Cluster } from '../schema/model/cluster.ts';
import type { ClusterPool } from '../schema/model/cluster-pool.ts';
import type { RoleSpec } from '../schema/model/template.ts';
import { vmName, type VmHandle } from '../schema/model/vm-handle.ts';
import { prepared, type Db } from './connection.ts';
import { behindTime, countRows, timePosition, toPage, type Page, type PageArgs } from './page.ts';
import { changesRow, idCondition } from './row.ts';
import { renewAccess } from './session-access.ts';
import { vmHandles } from './tables.ts';
import type { Tx } from './tx.ts';
import { findVmsOfCluster, logVm, writeVm, type VmPatch } from './vm-row.ts';

export { findVmsOfCluster, type VmPatch };

const byId = prepared((db) => db.select().from(vmHandles).where(idCondition(vmHandles)).prepare());

/** The VM with this id, ended ones included while they are kept. */
export function findVm(db: Db, id: string): VmHandle | undefined {
  return byId(db).get({ id });
}

/** The VMs that a session has, or had when they went with it. */
export function findVmsOfSession(db: Db, sessionId: string): VmHandle[] {
  return db
    .select()
    .from(vmHandles)
    .where(and(isNotNull(vmHandles.sessionId), eq(vmHandles.sessionId, sessionId)))
    .orderBy(asc(vmHandles.role))
    .all();
}

/** Adds the handles of a cluster that is to be made: one a role, PENDING. */
export function insertVms(
  tx: Tx,
  pool: ClusterPool,
  cluster: Cluster,
  roles: readonly RoleSpec[],
  why: Why,
): void {
  for (const { role } of roles) {
    const row = tx.db
      .insert(vmHandles)
      .values({
        id: tx.newId(),
        name: vmName(role, cluster.name),
        role,
        phase: 'PENDING',
        provider: pool.provider,
        poolId: pool.id,
        clusterId: cluster.id,
        sessionId: cluster.sessionId,
        createdAt: tx.now,
      })
      .returning()
      .get();
    logVm(tx, undefined, row, why);
  }
}

/** Changes a handle; a patch that changes nothing is not a change. */
export function updateVm(tx: Tx, before: VmHandle, patch: VmPatch, why: Why): VmHandle {
  if (!changesRow(before, patch)) return before;
  const row = writeVm(tx, before, patch, why);
  const hasMoved = row.ipAddress !== null && row.ipAddress !== before.ipAddress;
  if (hasMoved && row.sessionId !== null) renewAccess(tx, row.sessionId, why);
  return row;
}

/** What was seen of one VM. */
export type VmSeen = Pick<VmHandle, 'role' | 'phase' | 'ipAddress'> & {
  /** What it is called outside, where somebody may have renamed it; as before if left out. */
  readonly name?: string;
  /** False where there is no VM, which then has no name either. */
  readonly exists?: boolean;
  readonly message: string | null;
  readonly origin: VmHandle['origin'];
  /** As before if left out. */
  readonly hasScreen?: boolean | undefined;
};

/** Brings the handles of a cluster in line with what was seen of its VMs. */
export function recordSighting(
  tx: Tx,
  clusterId: string,
  seen: readonly VmSeen[],
  why: Why,
  more: (vm: VmHandle) => VmPatch = () => ({}),
): void {
  for (const vm of findVmsOfCluster(tx.db, clusterId)) {
    const sighting = seen.find((one) => one.role === vm.role);
    if (sighting === undefined) continue;
    const { phase, message: statusMessage, ipAddress } = sighting;
    const name = (sighting.exists ?? true) ? (sighting.name ?? vm.name) : vm.name;
    const origin = sighting.origin ?? vm.origin;
    const hasScreen = sighting.hasScreen ?? vm.hasScreen;
    const seenNow = { name, phase, statusMessage, ipAddress, origin, hasScreen };
    updateVm(tx, vm, { ...seenNow, ...more(vm) }, why);
  }
}

/** Which VMs a list shows. */
export interface VmFilter {
  readonly poolId?: string | undefined;
}

/** VMs that exist, the newest first. */
export function pageOfVms(db: Db, filter: VmFilter, page: PageArgs): Page<VmHandle> {
  const wanted = and(
    isNull(vmHandles.endedAt),
    filter.poolId === undefined ? undefined : eq(vmHandles.poolId, filter.poolId),
  );
  const rows = db
    .select()
    .from(vmHandles)
    .where(and(wanted, behindTime(vmHandles, page.after)))
    .orderBy(desc(vmHandles.createdAt), desc(vmHandles.id))
    .limit(page.first + 1)
    .all();
  return toPage(rows, page, timePosition, () => countRows(db, vmHandles, wanted));
}
