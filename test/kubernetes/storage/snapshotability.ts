import type { Controller, KubeObject } from '../ports.ts';
import { claimNameOf, snapshotClassFor } from './classes.ts';
import { keyOf, namesOf, withStatus, type Depot } from './depot.ts';
import { volumesOf } from './snapshot-source.ts';
import type { Machine, MachineVolume } from './shapes.ts';

interface VolumeStatus {
  readonly name: string;
  readonly enabled: boolean;
  readonly reason?: string;
}

/** Says beforehand, in the status of each machine, which of its volumes a snapshot would hold. */
export function snapshotabilityController(depot: Depot): Controller {
  return {
    name: 'volume snapshot statuses',
    concerns: ({ object }) => machinesConcerned(depot, object),
    reconcile(key) {
      const { namespace, name } = namesOf(key);
      const machine = depot.find('VirtualMachine', namespace, name);
      if (machine === undefined) return undefined;
      const statuses = volumesOf(machine).map((volume) => statusOf(depot, namespace, volume));
      // A machine gets its first status from its own controller.
      if (machine.status === undefined) return undefined;
      depot.change(machine, (now) => withStatus(now, { volumeSnapshotStatuses: statuses }));
      return undefined;
    },
  };
}

function machinesConcerned(depot: Depot, object: KubeObject): readonly string[] {
  const { namespace, name } = object.metadata;
  if (object.kind === 'VirtualMachine') return [keyOf(object)];
  const classes = ['StorageClass', 'VolumeSnapshotClass', 'StorageProfile'];
  if (classes.includes(object.kind)) return depot.all('VirtualMachine').map(keyOf);
  if (object.kind !== 'PersistentVolumeClaim') return [];
  const uses = (machine: Machine) =>
    volumesOf(machine).some((volume) => claimNameOf(volume) === name);
  return depot.all('VirtualMachine', namespace).filter(uses).map(keyOf);
}

function statusOf(depot: Depot, namespace: string, volume: MachineVolume): VolumeStatus {
  const { name } = volume;
  const no = (reason: string): VolumeStatus => ({ name, enabled: false, reason });
  const claimName = claimNameOf(volume);
  if (claimName === undefined) {
    return no(`Snapshot is not supported for this volumeSource type [${name}]`);
  }
  const claim = depot.find('PersistentVolumeClaim', namespace, claimName);
  if (claim === undefined) return no('PVC not found');
  const { storageClassName = '' } = claim.spec;
  const found = snapshotClassFor(depot, storageClassName);
  if ('problem' in found) return no(found.problem);
  if (found.name !== undefined) return { name, enabled: true };
  const why = 'Volume snapshots are not configured for this StorageClass';
  return no(`No VolumeSnapshotClass: ${why} [${storageClassName}] [${name}]`);
}
