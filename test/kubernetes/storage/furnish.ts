import { CLAIM_PROTECTION } from './claim-admission.ts';
import type { Depot, StorageOptions } from './depot.ts';

const DRIVER = 'csi.simulator';
const LOCAL_DRIVER = 'local.simulator';
const TEMPLATES = 'vm-templates';
const GOLDEN = { 'new-golden-image-1-33-0': { size: '10Gi', image: 'new-golden-image-1-33-0' } };

/** What the storage of a cluster is furnished with before anybody asks for anything. */
export function furnish(depot: Depot): void {
  addClass(depot, 'standard', DRIVER, 'Immediate', true);
  addClass(depot, 'standard-wffc', DRIVER, 'WaitForFirstConsumer', false);
  addClass(depot, 'local', LOCAL_DRIVER, 'Immediate', false);
  depot.add('VolumeSnapshotClass', {
    metadata: {
      name: 'standard-snapshots',
      annotations: { 'snapshot.storage.kubernetes.io/is-default-class': 'true' },
    },
    driver: DRIVER,
    deletionPolicy: 'Delete',
  });
  depot.add('CDI', { metadata: { name: 'cdi' }, spec: {}, status: { phase: 'Deployed' } });
  depot.add('CDIConfig', { metadata: { name: 'config' }, spec: {}, status: {} });
  furnishGolden(depot, depot.options.golden ?? GOLDEN);
}

function addClass(
  depot: Depot,
  name: string,
  provisioner: string,
  volumeBindingMode: string,
  isDefault: boolean,
): void {
  depot.add('StorageClass', {
    metadata: {
      name,
      annotations: { 'storageclass.kubernetes.io/is-default-class': String(isDefault) },
    },
    provisioner,
    volumeBindingMode,
    reclaimPolicy: 'Delete',
    allowVolumeExpansion: provisioner === DRIVER,
  });
  const canSnapshot = provisioner === DRIVER;
  const cloneStrategy = canSnapshot ? (depot.options.cloneStrategy ?? 'snapshot') : 'copy';
  depot.add('StorageProfile', {
    metadata: { name },
    spec: {},
    status: {
      storageClass: name,
      provisioner,
      cloneStrategy,
      claimPropertySets: [{ accessModes: ['ReadWriteOnce'], volumeMode: 'Filesystem' }],
      ...(canSnapshot ? { snapshotClass: 'standard-snapshots' } : {}),
    },
  });
}

function furnishGolden(depot: Depot, golden: NonNullable<StorageOptions['golden']>): void {
  if (Object.keys(golden).length === 0) return;
  depot.add('Namespace', {
    metadata: {
      name: TEMPLATES,
      labels: { 'kubernetes.io/metadata.name': TEMPLATES, 'cks.io/snapshots': 'true' },
    },
    spec: { finalizers: ['kubernetes'] },
    status: { phase: 'Active' },
  });
  for (const [name, { size: storage, image }] of Object.entries(golden)) {
    const claim = depot.add('PersistentVolumeClaim', {
      metadata: { name, namespace: TEMPLATES, finalizers: [CLAIM_PROTECTION] },
      spec: {
        accessModes: ['ReadWriteOnce'],
        resources: { requests: { storage } },
        storageClassName: 'standard',
        volumeMode: 'Filesystem',
        volumeName: `golden-${name}`,
      },
      status: { phase: 'Bound', accessModes: ['ReadWriteOnce'], capacity: { storage } },
    });
    depot.sim.disks.write(claim.metadata.uid, { kind: 'IMAGE', name: image });
  }
}
