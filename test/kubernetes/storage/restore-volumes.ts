import { newClaim } from './claim-admission.ts';
import { waitsForConsumer } from './classes.ts';
import { annotated, controllerOf, defined, ownedBy, withStatus, type Depot } from './depot.ts';
import { larger } from './quantity.ts';
import {
  claimOf,
  isDoneOn,
  LAST_RESTORE,
  markOf,
  POPULATED_FOR,
  PRE_POPULATED,
  RESTORE_NAME,
  restoredName,
} from './restore-names.ts';
import { RestoreError, type Restoring } from './restoring.ts';
import type { Claim, VolumeBackup, VolumeRestore, VolumeSnapshot } from './shapes.ts';

const DROPPED = [
  'pv.kubernetes.io',
  'volume.beta.kubernetes.io',
  'cdi.kubevirt.io',
  'volume.kubernetes.io',
  'k8s.io/CloneRequest',
  'k8s.io/CloneOf',
];

/** Makes the claims of a restore; answers whether there is still something to wait for. */
export function reconcileVolumes(depot: Depot, restoring: Restoring): boolean {
  const { restore, content } = restoring;
  const known = restore.status?.restores ?? [];
  const backups = (content.spec.volumeBackups ?? []).filter(
    ({ volumeName }) => !isMemoryDump(restoring, volumeName),
  );
  const wanted = backups.map((backup) => {
    const found = known.find(({ volumeName }) => volumeName === backup.volumeName);
    return found ?? firstRestore(restoring, backup);
  });
  if (wanted.length !== known.length) {
    depot.change(restore, (now) => withStatus(now, { restores: wanted }));
    return true;
  }
  let isWaiting = false;
  for (const backup of backups) {
    const volume = wanted.find(({ volumeName }) => volumeName === backup.volumeName);
    if (volume === undefined) continue;
    isWaiting = reconcileVolume(depot, restoring, volume, backup) || isWaiting;
  }
  return isWaiting;
}

function isMemoryDump({ content }: Restoring, volumeName: string): boolean {
  const { volumes } = content.spec.source.virtualMachine.spec.template.spec;
  return volumes?.find(({ name }) => name === volumeName)?.memoryDump !== undefined;
}

function firstRestore({ restore }: Restoring, backup: VolumeBackup): VolumeRestore {
  const { volumeName, volumeSnapshotName } = backup;
  if (volumeSnapshotName === undefined) {
    throw new RestoreError(`VolumeSnapshotName missing ${volumeName}`);
  }
  const persistentVolumeClaim = restoredName(restore, volumeName, claimOf(backup));
  return { volumeName, persistentVolumeClaim, volumeSnapshotName };
}

function reconcileVolume(
  depot: Depot,
  restoring: Restoring,
  volume: VolumeRestore,
  backup: VolumeBackup,
): boolean {
  const { restore } = restoring;
  const { namespace = '' } = restore.metadata;
  const claim = depot.find('PersistentVolumeClaim', namespace, volume.persistentVolumeClaim);
  if (claim === undefined) {
    createClaim(depot, restoring, volume, backup);
    return true;
  }
  if (restore.spec.volumeRestorePolicy === 'InPlace' && !isDoneOn(restore, claim)) {
    clearPlace(depot, restoring, claim);
    return true;
  }
  const phase = claim.status?.phase;
  if (phase === 'Pending') return !waitsForConsumer(depot, claim.spec.storageClassName);
  if (phase === 'Bound') return false;
  throw new RestoreError(`PVC ${namespace}/${claim.metadata.name} in status "${phase ?? ''}"`);
}

/** In place, the old claim goes before the new one comes; its data volume is told to keep still. */
function clearPlace(depot: Depot, { restore }: Restoring, claim: Claim): void {
  const owner = controllerOf(claim);
  const { namespace } = claim.metadata;
  if (owner?.kind === 'DataVolume') {
    const volume = depot.find('DataVolume', namespace, owner.name);
    if (volume !== undefined) {
      depot.change(volume, (now) =>
        annotated(now, { [RESTORE_NAME]: restore.metadata.name, [PRE_POPULATED]: 'true' }),
      );
    }
    depot.change(restore, (now) =>
      withStatus(now, {
        restores: now.status?.restores?.map((each) =>
          each.persistentVolumeClaim === claim.metadata.name
            ? { ...each, dataVolumeName: owner.name }
            : each,
        ),
      }),
    );
  }
  depot.sim.objects.remove(claim);
}

function createClaim(
  depot: Depot,
  restoring: Restoring,
  volume: VolumeRestore,
  backup: VolumeBackup,
): void {
  const { restore, target } = restoring;
  const { namespace = '' } = restore.metadata;
  const name = backup.volumeSnapshotName;
  const snapshot = depot.find('VolumeSnapshot', namespace, name);
  if (snapshot === undefined) throw new RestoreError(`missing volumeSnapshot ${name}`);
  const { dataVolumeName } = volume;
  const isOwned = target !== undefined && restore.spec.volumeOwnershipPolicy !== 'None';
  const populated = dataVolumeName === undefined ? {} : { [POPULATED_FOR]: dataVolumeName };
  const { labels, annotations } = metaOf(restoring, backup);
  depot.add(
    'PersistentVolumeClaim',
    newClaim(depot, {
      metadata: {
        name: volume.persistentVolumeClaim,
        namespace,
        labels,
        annotations: { ...annotations, ...populated },
        ...(isOwned && dataVolumeName === undefined ? { ownerReferences: [ownedBy(target)] } : {}),
      },
      spec: specOf(backup, snapshot),
    }),
  );
}

function metaOf(
  { restore, content }: Restoring,
  { volumeName, persistentVolumeClaim }: VolumeBackup,
) {
  const { labels = {}, annotations = {} } = persistentVolumeClaim.metadata;
  const kept = Object.entries(annotations).filter(
    ([key]) => !DROPPED.some((prefix) => key.startsWith(prefix)),
  );
  const source = content.spec.source.virtualMachine.metadata;
  const override = restore.spec.volumeRestoreOverrides?.find(
    (each) => each.volumeName === volumeName,
  );
  return {
    labels: {
      ...labels,
      'restore.kubevirt.io/source-vm-name': source.name,
      'restore.kubevirt.io/source-vm-namespace': source.namespace ?? '',
      ...override?.labels,
    },
    annotations: {
      ...Object.fromEntries(kept),
      [RESTORE_NAME]: restore.metadata.name,
      [LAST_RESTORE]: markOf(restore),
      ...override?.annotations,
    },
  };
}

function specOf({ persistentVolumeClaim }: VolumeBackup, snapshot: VolumeSnapshot): Claim['spec'] {
  const { accessModes, resources, storageClassName, volumeMode } = persistentVolumeClaim.spec;
  const source = {
    apiGroup: 'snapshot.storage.k8s.io',
    kind: 'VolumeSnapshot',
    name: snapshot.metadata.name,
  };
  const storage = larger(resources?.requests?.storage, snapshot.status?.restoreSize);
  return defined({
    accessModes,
    resources: { requests: defined({ storage }) },
    storageClassName,
    volumeMode,
    dataSource: source,
    dataSourceRef: source,
  }) as Claim['spec'];
}
