import type { Depot } from './depot.ts';
import { millisecondsOf } from './quantity.ts';
import type { MachineSnapshot, MachineSnapshotContent } from './shapes.ts';

/** Whether nothing may come of a snapshot any more: it is deleted, failed or too late. */
export function isTerminating(depot: Depot, snapshot: MachineSnapshot): boolean {
  return snapshot.metadata.deletionTimestamp !== undefined || isTooLate(depot, snapshot);
}

/** Whether its content is to go with it. */
export function takesContent(snapshot: MachineSnapshot, content: MachineSnapshotContent): boolean {
  return snapshot.spec.deletionPolicy !== 'Retain' || content.status?.readyToUse !== true;
}

/** Whether a snapshot is neither taken nor failed. */
export function isProgressing({ status }: MachineSnapshot): boolean {
  return status?.phase !== 'Failed' && status?.phase !== 'Succeeded';
}

/** Whether a snapshot has failed, or its deadline is past before it was taken. */
export function isTooLate(depot: Depot, snapshot: MachineSnapshot): boolean {
  const { status } = snapshot;
  if (status?.phase === 'Failed') return true;
  if (status?.phase === 'Succeeded' || status?.creationTime !== undefined) return false;
  const left = untilDeadline(depot, snapshot);
  return left !== undefined && left <= 0;
}

/** Milliseconds until the deadline of a snapshot that is not taken yet; there may be none. */
export function untilDeadline(depot: Depot, snapshot: MachineSnapshot): number | undefined {
  if (!isProgressing(snapshot)) return undefined;
  const deadline = millisecondsOf(snapshot.spec.failureDeadline ?? '5m');
  if (deadline === 0) return undefined;
  const age = depot.sim.world.now() - Date.parse(snapshot.metadata.creationTimestamp);
  return deadline - age;
}
