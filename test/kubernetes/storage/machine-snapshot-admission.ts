import type { Admission, KubeObject } from '../ports.ts';
import type { Depot } from './depot.ts';
import { changesSpec, invalid, referenceCauses, refuseAsBroken, refuseFor } from './refusal.ts';
import type { MachineSnapshot } from './shapes.ts';

const WEBHOOK = 'virtualmachinesnapshot-validator.snapshot.kubevirt.io';

/** Admits a snapshot of a machine as virt-api does. */
export function admitMachineSnapshot(depot: Depot, admission: Admission): KubeObject {
  const { operation, object } = admission;
  const snapshot = object as MachineSnapshot;
  if (changesSpec(admission)) refuseFor([invalid('spec', 'spec in immutable after creation')]);
  if (operation !== 'CREATE') return object;
  if (depot.options.snapshots === false) {
    refuseAsBroken(WEBHOOK, 'snapshot feature gate not enabled');
  }
  const { source } = snapshot.spec;
  refuseFor(referenceCauses(source, 'spec.source', { 'kubevirt.io': ['VirtualMachine'] }));
  // From 1.5 on the machine may come later than its snapshot.
  const { namespace } = snapshot.metadata;
  const isThere = depot.find('VirtualMachine', namespace, source.name) !== undefined;
  if (depot.sim.kubevirt.minor < 5 && !isThere) {
    refuseFor([invalid('spec.source.name', `VirtualMachine "${source.name}" does not exist`)]);
  }
  return object;
}
