import { asc, eq } from 'drizzle-orm';
import type { Why } from '../schema/model/change.ts';
import type { VmHandle } from '../schema/model/vm-handle.ts';
import { logChange } from './change.ts';
import { prepared, type Db } from './connection.ts';
import { givenText, rowWriter } from './row.ts';
import { vmHandles } from './tables.ts';
import type { Tx } from './tx.ts';

const ofCluster = prepared((db) =>
  db
    .select()
    .from(vmHandles)
    .where(eq(vmHandles.clusterId, givenText('clusterId')))
    .orderBy(asc(vmHandles.role))
    .prepare(),
);

/** The VMs of a cluster, in order of their roles. */
export function findVmsOfCluster(db: Db, clusterId: string): VmHandle[] {
  return ofCluster(db).all({ clusterId });
}

const write = rowWriter<VmHandle>(vmHandles);

/** What may be changed of a VM's handle. */
export type VmPatch = Partial<
  Omit<VmHandle, 'id' | 'role' | 'provider' | 'poolId' | 'clusterId' | 'version'>
>;

/** Writes a handle as its next version, and logs that; `updateVm` knows what follows from it. */
export function writeVm(tx: Tx, before: VmHandle, patch: VmPatch, why: Why): VmHandle {
  const row = { ...before, ...patch, version: before.version + 1 };
  write(tx.db, before, row);
  logVm(tx, before, row, why);
  return row;
}

/**
 * Tells of the VMs of a cluster again: something that is derived of them has changed with their
 * cluster, though nothing has in their own rows.
 */
export function tellVmsAgain(tx: Tx, clusterId: string, why: Why): void {
  for (const vm of findVmsOfCluster(tx.db, clusterId)) {
    if (vm.endedAt === null) writeVm(tx, vm, {}, why);
  }
}

/** Logs what happened to a handle. */
export function logVm(tx: Tx, before: VmHandle | undefined, row: VmHandle, why: Why): void {
  const kind = before === undefined ? 'CREATED' : 'UPDATED';
  const { id, poolId, phase } = row;
  // The change by which a session loses a VM still concerns that session.
  const sessionId = row.sessionId ?? before?.sessionId ?? null;
  const subject = { type: 'VM_HANDLE', subjectId: id, poolId, sessionId } as const;
  logChange(tx, { ...subject, kind, from: before?.phase ?? null, to: phase }, why);
}
