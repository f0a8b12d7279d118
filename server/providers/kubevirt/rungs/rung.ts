import type { ClusterRef, SetRef, Step } from '../../provider.ts';
import type { Machine } from '../machines.ts';
import type { Host } from '../host.ts';
import { LAST_RESTORE } from '../names.ts';
import { isLeaving, type VirtualMachine } from '../objects.ts';
import type { SnapshotsByRole } from '../snapshots.ts';

/** What every rung of the ladder works with. */
export interface Climb {
  readonly host: Host;
  readonly ref: ClusterRef;
  readonly set: SetRef;
  readonly snapshots: SnapshotsByRole;
}

/** One try of one rung: both VMs, from one set, under names that no other try has. */
export interface Attempt extends Climb {
  /** Its signal and deadline are those of the rung. */
  readonly step: Step;
  /** Counts every try of a worker, so that nothing of an earlier one is taken for its own. */
  readonly number: number;
}

/** A way to put the disks of a cluster back to what a set holds. */
export interface Rung {
  /** As people read it. */
  readonly name: string;
  /** Far above what it takes: many guests that boot slowly at once are no reason to begin anew. */
  readonly limitMs: number;
  /** How KubeVirt is to name the new disks; undefined for what every release does. */
  readonly volumes: 'InPlace' | undefined;
  /** Why it cannot be tried on what is there now; undefined where it can. */
  obstacle(
    climb: Climb,
    machines: readonly Machine[],
    step: Step,
  ): string | undefined | Promise<string | undefined>;
  /** Makes the VMs such that restores of them may begin. */
  clear(attempt: Attempt, machines: readonly Machine[]): Promise<void>;
}

/** How a try calls the restore of a VM. */
export function restoreName({ set, step, number }: Attempt, vm: string): string {
  return `${vm}-s${set.number}-f${step.fence}-t${number}`;
}

/** Whether the disks of a VM are those of this try's restore: KubeVirt notes that on the VM. */
export function isRestoredBy(attempt: Attempt, vm: VirtualMachine): boolean {
  const last = vm.metadata.annotations[LAST_RESTORE] ?? '';
  return last.startsWith(`${restoreName(attempt, vm.metadata.name)}-`);
}

/**
 * Why the VMs that are there cannot be restored as they are. A snapshot goes back onto the very VM
 * it was taken of; onto another of the same name KubeVirt would try for ever.
 */
export function whyNotOntoThem(
  { ref, snapshots }: Climb,
  machines: readonly Machine[],
): string | undefined {
  for (const { role, name } of ref.vms) {
    const vm = machines.find((machine) => machine.role === role)?.vm;
    if (vm === undefined) return `the VM ${name} is gone`;
    if (isLeaving(vm)) return `the VM ${name} is being deleted`;
    if (vm.metadata.uid !== snapshots.get(role)?.status?.sourceUID) {
      return `${name} is not the VM that its snapshot was taken of`;
    }
  }
  return undefined;
}
