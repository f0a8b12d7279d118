import type { VmRole } from '../../../schema/model/template.ts';
import type { ClusterRef, Step, VmSpec } from '../provider.ts';
import { about } from './calls.ts';
import type { Host } from './host.ts';
import { insist } from './insist.ts';
import type { View } from './kubernetes.ts';
import { LABEL, roleLabel } from './names.ts';
import { nameOf, VMIS, VMS, type VirtualMachine, type VirtualMachineInstance } from './objects.ts';
import { viewOfOurs } from './our-views.ts';

/** One VM of a cluster as it is now. */
export interface Machine {
  readonly role: VmRole;
  readonly spec: VmSpec;
  readonly vm: VirtualMachine;
  /** Undefined while it is off. */
  readonly vmi: VirtualMachineInstance | undefined;
}

/**
 * The VMs that a cluster has, found by their labels under whatever name; those that are missing
 * are left out. Asks the server, so it is true when it answers.
 */
export async function findMachines(
  host: Host,
  ref: ClusterRef,
  signal: AbortSignal,
): Promise<Machine[]> {
  const where = { namespace: ref.namespace, labels: { [LABEL.cluster]: ref.id } };
  const of = { namespace: ref.namespace, name: ref.name };
  const [vms, vmis] = await about(host, of, `listing the VMs of ${ref.name}`, signal, () =>
    Promise.all([
      host.kubernetes.list(VMS, where, signal),
      host.kubernetes.list(VMIS, { namespace: ref.namespace }, signal),
    ]),
  );
  return machinesAmong(ref, vms, (vm) => vmis.find((vmi) => isOf(vmi, vm)));
}

/** The same for who has time: it is asked again while the server is in trouble. */
export function machinesOf(host: Host, ref: ClusterRef, step: Step): Promise<Machine[]> {
  return insist(host, step, `looking at the VMs of ${ref.name}`, () =>
    findMachines(host, ref, step.signal),
  );
}

/** The same, as last heard of: nobody is asked, and it may be a moment old. */
export function knownMachines({ vms, vmis }: MachineViews, ref: ClusterRef): Machine[] {
  const ours = vms
    .all()
    .filter(
      ({ metadata }) =>
        metadata.namespace === ref.namespace && metadata.labels[LABEL.cluster] === ref.id,
    );
  return machinesAmong(ref, ours, (vm) => vmis.get(nameOf(vm)));
}

function machinesAmong(
  ref: ClusterRef,
  vms: readonly VirtualMachine[],
  instanceOf: (vm: VirtualMachine) => VirtualMachineInstance | undefined,
): Machine[] {
  return ref.vms.flatMap((spec) => {
    const vm = vmOf(vms, spec);
    return vm === undefined ? [] : [{ role: spec.role, spec, vm, vmi: instanceOf(vm) }];
  });
}

function isOf(vmi: VirtualMachineInstance, vm: VirtualMachine): boolean {
  return vmi.metadata.name === vm.metadata.name;
}

/** The VM of a role; should there be several, the one that has the name we gave. */
function vmOf(vms: readonly VirtualMachine[], spec: VmSpec): VirtualMachine | undefined {
  const label = roleLabel(spec.role);
  const ofRole = vms.filter(({ metadata }) => metadata.labels[LABEL.role] === label);
  return ofRole.find(({ metadata }) => metadata.name === spec.name) ?? ofRole[0];
}

/** What is watched of VMs. */
export interface MachineViews {
  readonly vms: View<VirtualMachine>;
  readonly vmis: View<VirtualMachineInstance>;
}

/** What is watched of VMs: one watch for all clusters of an installation. */
export function machineViews(host: Pick<Host, 'kubernetes'>, installation: string): MachineViews {
  const ours = { installation };
  return { vms: viewOfOurs(host, VMS, ours), vmis: viewOfOurs(host, VMIS, ours) };
}

/** Whether an instance has ended: it is an object still, but nothing runs. */
export function isFinal(vmi: VirtualMachineInstance): boolean {
  return vmi.status?.phase === 'Succeeded' || vmi.status?.phase === 'Failed';
}
