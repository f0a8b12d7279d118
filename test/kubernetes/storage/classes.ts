import type { Depot } from './depot.ts';
import type { MachineVolume, StorageClass, VolumeSnapshotClass } from './shapes.ts';

const DEFAULT_CLASS = 'storageclass.kubernetes.io/is-default-class';
const DEFAULT_SNAPSHOT_CLASS = 'snapshot.storage.kubernetes.io/is-default-class';

/** The class that a claim gets that names none. */
export function defaultClass(depot: Depot): StorageClass | undefined {
  return depot
    .all('StorageClass')
    .find(({ metadata }) => metadata.annotations?.[DEFAULT_CLASS] === 'true');
}

/** Whether claims of a class wait for somebody who uses them. */
export function waitsForConsumer(depot: Depot, className: string | undefined): boolean {
  const found = depot.find('StorageClass', undefined, className);
  return found?.volumeBindingMode === 'WaitForFirstConsumer';
}

/** The snapshot class that KubeVirt takes for a storage class, or why it can take none. */
export function snapshotClassFor(
  depot: Depot,
  className: string | undefined,
): { readonly name: string | undefined } | { readonly problem: string } {
  const storage = depot.find('StorageClass', undefined, className);
  if (storage === undefined) return { name: undefined };
  const chosen = depot.find('StorageProfile', undefined, className)?.status?.snapshotClass;
  if (chosen !== undefined && chosen !== '') {
    return { name: depot.find('VolumeSnapshotClass', undefined, chosen)?.metadata.name };
  }
  const fitting = snapshotClassesOf(depot, storage.provisioner);
  if (fitting.length <= 1) return { name: fitting[0]?.metadata.name };
  const preferred = fitting.find(isDefaultSnapshotClass);
  if (preferred !== undefined) return { name: preferred.metadata.name };
  const storageName = storage.metadata.name;
  return { problem: `${fitting.length} matching VolumeSnapshotClasses for ${storageName}` };
}

/** The snapshot classes of a driver. */
export function snapshotClassesOf(depot: Depot, driver: string): VolumeSnapshotClass[] {
  return depot.all('VolumeSnapshotClass').filter((each) => each.driver === driver);
}

/** Whether a snapshot class is its driver's default. */
export function isDefaultSnapshotClass({ metadata }: VolumeSnapshotClass): boolean {
  return metadata.annotations?.[DEFAULT_SNAPSHOT_CLASS] === 'true';
}

/** The claim behind a volume of a machine; undefined where none is. */
export function claimNameOf(volume: MachineVolume): string | undefined {
  return (
    volume.persistentVolumeClaim?.claimName ??
    volume.dataVolume?.name ??
    volume.memoryDump?.claimName
  );
}

/** Whether pods or machines that run use a claim. */
export function usersOf(depot: Depot, namespace: string, claim: string): string[] {
  const pods = depot
    .all('Pod', namespace)
    .filter(
      ({ spec, status }) =>
        status?.phase !== 'Succeeded' &&
        status?.phase !== 'Failed' &&
        spec?.volumes?.some((volume) => volume.persistentVolumeClaim?.claimName === claim) === true,
    );
  const instances = depot
    .all('VirtualMachineInstance', namespace)
    .filter(
      ({ spec, status }) =>
        status?.phase !== 'Succeeded' &&
        status?.phase !== 'Failed' &&
        spec.volumes?.some((volume) => claimNameOf(volume) === claim) === true,
    );
  return [...pods, ...instances].map(({ metadata }) => metadata.name);
}
