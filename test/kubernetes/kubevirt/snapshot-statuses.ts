import type { KubeObject, Simulated } from '../ports.ts';
import { findClaim } from './claims.ts';
import { claimNameOf, type Vm, type Volume, type VolumeSnapshotStatus } from './shapes.ts';

const DEFAULT_CLASS = 'storageclass.kubernetes.io/is-default-class';

/** Which of a VM's volumes a snapshot would hold, told beforehand. */
export function volumeSnapshotStatuses(sim: Simulated, vm: Vm): VolumeSnapshotStatus[] {
  const volumes = vm.spec.template.spec.volumes ?? [];
  return volumes.map((volume) => {
    const reason = whyNot(sim, vm.metadata.namespace ?? '', volume);
    return { name: volume.name, enabled: reason === undefined, ...(reason && { reason }) };
  });
}

/** A volume is held when its storage class has a snapshot class of the same driver. */
function whyNot(sim: Simulated, namespace: string, volume: Volume): string | undefined {
  const claimName = claimNameOf(volume);
  if (claimName === undefined) {
    return `Snapshot is not supported for this volumeSource type [${volume.name}]`;
  }
  const claim = findClaim(sim, namespace, claimName);
  if (claim === undefined) return 'PVC not found';
  const name = claim.spec?.storageClassName ?? defaultClass(sim)?.metadata.name;
  const storage = name === undefined ? undefined : storageClass(sim, name);
  const isConfigured = sim.objects
    .list('VolumeSnapshotClass')
    .some(({ driver }) => storage !== undefined && driver === storage['provisioner']);
  if (isConfigured) return undefined;
  const why = 'Volume snapshots are not configured for this StorageClass';
  return `No VolumeSnapshotClass: ${why} [${name ?? ''}] [${volume.name}]`;
}

function storageClass(sim: Simulated, name: string): KubeObject | undefined {
  return sim.objects.get('StorageClass', undefined, name);
}

function defaultClass(sim: Simulated): KubeObject | undefined {
  return sim.objects
    .list('StorageClass')
    .find(({ metadata }) => metadata.annotations?.[DEFAULT_CLASS] === 'true');
}
