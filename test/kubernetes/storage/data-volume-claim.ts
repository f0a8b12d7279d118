import { ApiError } from '../ports.ts';
import { newClaim } from './claim-admission.ts';
import { CDI_GROUP } from './claims.ts';
import { defaultClass } from './classes.ts';
import { copiedSource } from './data-volume-admission.ts';
import { defined, ownedBy, withStatus, type Depot } from './depot.ts';
import type { Claim, ClaimSpec, DataVolume, SourceName } from './shapes.ts';

/** Makes the claim of a DataVolume, which goes with it and has its labels. */
export function createTargetClaim(depot: Depot, volume: DataVolume): Claim {
  const { namespace = '', name, uid, labels, annotations } = volume.metadata;
  const isCopy = copiedSource(depot, volume) !== undefined;
  const populator = {
    apiGroup: CDI_GROUP,
    kind: isCopy ? 'VolumeCloneSource' : 'VolumeImportSource',
    name: `volume-${isCopy ? 'clone' : 'import'}-source-${uid}`,
  };
  const draft = newClaim(depot, {
    metadata: {
      ...defined({ name, namespace, labels: { ...labels, app: 'containerized-data-importer' } }),
      annotations: {
        ...annotations,
        'cdi.kubevirt.io/storage.contentType': volume.spec.contentType ?? 'kubevirt',
        'cdi.kubevirt.io/storage.usePopulator': 'true',
      },
      ownerReferences: [ownedBy(volume)],
    },
    spec: { ...specOf(depot, volume), dataSourceRef: populator, dataSource: populator },
  });
  try {
    return depot.add('PersistentVolumeClaim', draft) as Claim;
  } catch (error) {
    if (error instanceof ApiError) refused(depot, volume, error.message);
    throw error;
  }
}

/** What a claim or snapshot holds: its size, and where it lies. */
export function extentOf(
  depot: Depot,
  kind: 'pvc' | 'snapshot',
  { namespace, name }: SourceName,
): { readonly size: string; readonly claim: ClaimSpec | undefined } | undefined {
  if (kind === 'pvc') {
    const claim = depot.find('PersistentVolumeClaim', namespace, name);
    const size = claim?.status?.capacity?.storage;
    return size === undefined ? undefined : { size, claim: claim?.spec };
  }
  const snapshot = depot.find('VolumeSnapshot', namespace, name);
  const size = snapshot?.status?.restoreSize;
  if (size === undefined) return undefined;
  const source = snapshot?.spec.source.persistentVolumeClaimName;
  return { size, claim: depot.find('PersistentVolumeClaim', namespace, source)?.spec };
}

/** A `storage` leaves things to the profile of its class and to the source; a `pvc` says all. */
function specOf(depot: Depot, volume: DataVolume): ClaimSpec {
  const { pvc, storage } = volume.spec;
  if (pvc !== undefined) return pvc;
  const className = storage?.storageClassName ?? defaultClass(depot)?.metadata.name;
  const profile = depot.find('StorageProfile', undefined, className)?.status;
  const preferred = profile?.claimPropertySets?.[0];
  const source = copiedSource(depot, volume);
  const extent = source === undefined ? undefined : extentOf(depot, source.kind, source.from);
  const size = storage?.resources?.requests?.storage ?? extent?.size ?? '1Gi';
  return {
    accessModes: preferred?.accessModes ?? ['ReadWriteOnce'],
    ...(preferred?.volumeMode === undefined ? {} : { volumeMode: preferred.volumeMode }),
    ...storage,
    resources: { requests: { storage: size } },
  };
}

function refused(depot: Depot, volume: DataVolume, why: string): void {
  depot.sim.objects.event(volume, 'Warning', 'ErrExceededQuota', why);
  depot.change(volume, (now) => withStatus(now, { phase: 'Pending', progress: 'N/A' }));
}
