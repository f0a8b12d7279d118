import type { Kind, Schema } from '../ports.ts';
import { admitClaim } from './claim-admission.ts';
import { admitClone } from './clone-admission.ts';
import { admitDataVolume } from './data-volume-admission.ts';
import type { Depot } from './depot.ts';
import { admitMachineSnapshot } from './machine-snapshot-admission.ts';
import { admitRestore } from './restore-admission.ts';
import {
  CDI_SCHEMAS,
  cloneSchema,
  CONTENT_SCHEMA,
  CORE_SCHEMAS,
  restoreSchema,
  snapshotSchema,
} from './schemas.ts';
import { admitVolumeSnapshot } from './volume-snapshots.ts';

type Rest = Omit<Kind, 'group' | 'versions' | 'kind' | 'plural' | 'singular' | 'schema'>;

const NAMESPACED = { namespaced: true, hasStatus: true, shortNames: [] };
const CLUSTER_WIDE = { namespaced: false, hasStatus: false, shortNames: [] };

/** The kinds of the storage part, each with the schema of the release that is imitated. */
export function storageKinds(depot: Depot): Kind[] {
  return [...coreKinds(depot), ...kubevirtKinds(depot), ...cdiKinds(depot)];
}

function coreKinds(depot: Depot): Kind[] {
  const snapshots = serve('snapshot.storage.k8s.io', ['v1']);
  const core = CORE_SCHEMAS;
  return [
    serve('', ['v1'])('PersistentVolumeClaim', core.PersistentVolumeClaim, {
      ...NAMESPACED,
      shortNames: ['pvc'],
      admit: (write) => admitClaim(depot, write),
    }),
    serve('storage.k8s.io', ['v1'])('StorageClass', core.StorageClass, {
      ...CLUSTER_WIDE,
      shortNames: ['sc'],
    }),
    snapshots('VolumeSnapshot', core.VolumeSnapshot, {
      ...NAMESPACED,
      shortNames: ['vs'],
      admit: admitVolumeSnapshot,
    }),
    snapshots('VolumeSnapshotClass', core.VolumeSnapshotClass, {
      ...CLUSTER_WIDE,
      shortNames: ['vsclass', 'vsclasses'],
    }),
    snapshots('VolumeSnapshotContent', core.VolumeSnapshotContent, {
      ...CLUSTER_WIDE,
      hasStatus: true,
      shortNames: ['vsc', 'vscs'],
    }),
  ];
}

function kubevirtKinds(depot: Depot): Kind[] {
  const { kubevirt } = depot.sim;
  const snapshots = serve('snapshot.kubevirt.io', ['v1beta1', 'v1alpha1']);
  const cloneVersions = kubevirt.minor >= 5 ? ['v1beta1', 'v1alpha1'] : ['v1alpha1'];
  return [
    snapshots('VirtualMachineSnapshot', snapshotSchema(kubevirt), {
      ...NAMESPACED,
      shortNames: ['vmsnapshot', 'vmsnapshots'],
      admit: (write) => admitMachineSnapshot(depot, write),
    }),
    snapshots('VirtualMachineSnapshotContent', CONTENT_SCHEMA, {
      ...NAMESPACED,
      shortNames: ['vmsnapshotcontent', 'vmsnapshotcontents'],
    }),
    snapshots('VirtualMachineRestore', restoreSchema(kubevirt), {
      ...NAMESPACED,
      shortNames: ['vmrestore', 'vmrestores'],
      admit: (write) => admitRestore(depot, write),
    }),
    serve('clone.kubevirt.io', cloneVersions)('VirtualMachineClone', cloneSchema(kubevirt), {
      ...NAMESPACED,
      shortNames: ['vmclone', 'vmclones'],
      admit: (write) => admitClone(depot, write),
    }),
  ];
}

function cdiKinds(depot: Depot): Kind[] {
  const cdi = serve('cdi.kubevirt.io', ['v1beta1']);
  return [
    cdi('DataVolume', CDI_SCHEMAS.DataVolume, {
      ...NAMESPACED,
      shortNames: ['dv', 'dvs'],
      admit: (write) => admitDataVolume(depot, write),
    }),
    cdi('DataSource', CDI_SCHEMAS.DataSource, {
      ...NAMESPACED,
      hasStatus: false,
      shortNames: ['das'],
    }),
    cdi('StorageProfile', CDI_SCHEMAS.StorageProfile, { ...CLUSTER_WIDE, hasStatus: true }),
    cdi('CDIConfig', CDI_SCHEMAS.CDIConfig, CLUSTER_WIDE),
    serve('cdi.kubevirt.io', ['v1beta1', 'v1alpha1'])('CDI', CDI_SCHEMAS.CDI, {
      ...CLUSTER_WIDE,
      shortNames: ['cdi', 'cdis'],
    }),
  ];
}

function serve(group: string, versions: readonly string[]) {
  return (kind: string, schema: Schema, rest: Rest): Kind => {
    const singular = kind.toLowerCase();
    const plural = singular.endsWith('s') ? `${singular}es` : `${singular}s`;
    return { group, versions, kind, plural, singular, schema, ...rest };
  };
}
