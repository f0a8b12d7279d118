import { z } from 'zod';
import type { ObjectKind } from './kubernetes.ts';

/**
 * The kinds of objects we read, as narrow as we read them. Servers of other versions may leave
 * out, or add, nearly everything: what is not needed is not asked for, and every state is text.
 */

const texts = z
  .record(z.string(), z.string())
  .nullish()
  .transform((map) => map ?? {});

const metadata = z.object({
  name: z.string(),
  namespace: z.string().optional(),
  uid: z.string().default(''),
  resourceVersion: z.string().default(''),
  creationTimestamp: z.string().nullish(),
  deletionTimestamp: z.string().nullish(),
  labels: texts,
  annotations: texts,
  ownerReferences: z
    .array(z.object({ kind: z.string(), name: z.string(), uid: z.string() }))
    .nullish(),
});

const condition = z.object({
  type: z.string(),
  status: z.string(),
  reason: z.string().nullish(),
  message: z.string().nullish(),
});

const conditions = z.array(condition).nullish();
const quantities = z.record(z.string(), z.union([z.string(), z.number()])).nullish();
const named = z.object({ name: z.string() });
const failure = z.object({ message: z.string().nullish() }).nullish();

/** One condition of an object's status. */
export type Condition = z.infer<typeof condition>;

/** The metadata of any object, as far as we read it. */
export type ObjectMetadata = z.infer<typeof metadata>;

/** Any object, when all we need of it is who it is. */
export interface AnyObject {
  readonly metadata: ObjectMetadata;
}

/** Namespaces: each holds one cluster, and is its anchor. */
export const NAMESPACES = core('Namespace', 'namespaces', false, {
  status: z.object({ phase: z.string().nullish() }).nullish(),
});
/** A namespace as we read it. */
export type Namespace = z.infer<typeof NAMESPACES.schema>;

/** Secrets: cloud-init data and the key for guests. */
export const SECRETS = core('Secret', 'secrets', true, {
  type: z.string().nullish(),
  data: texts,
});
/** A secret as we read it; its data in base64. */
export type Secret = z.infer<typeof SECRETS.schema>;

/** Services: by which the guests of a cluster find each other. */
export const SERVICES = core('Service', 'services', true, {
  spec: z.object({ selector: texts }).nullish(),
});
/** A service as we read it. */
export type Service = z.infer<typeof SERVICES.schema>;

/** Quotas of namespaces. */
export const RESOURCE_QUOTAS = core('ResourceQuota', 'resourcequotas', true, {
  spec: z.object({ hard: quantities }).nullish(),
});
/** A quota as we read it. */
export type ResourceQuota = z.infer<typeof RESOURCE_QUOTAS.schema>;

/** Claims: the disks themselves. */
export const CLAIMS = core('PersistentVolumeClaim', 'persistentvolumeclaims', true, {
  spec: z
    .object({
      storageClassName: z.string().nullish(),
      volumeName: z.string().nullish(),
      resources: z.object({ requests: quantities }).nullish(),
    })
    .nullish(),
  status: z.object({ phase: z.string().nullish(), capacity: quantities }).nullish(),
});
/** A claim as we read it. */
export type PersistentVolumeClaim = z.infer<typeof CLAIMS.schema>;

/** Disks in the making: each fills the claim of its name. */
export const DATA_VOLUMES = kind('cdi.kubevirt.io', 'v1beta1', 'DataVolume', 'datavolumes', {
  status: z
    .object({
      phase: z.string().nullish(),
      progress: z.string().nullish(),
      claimName: z.string().nullish(),
      conditions,
    })
    .nullish(),
});
/** A data volume as we read it. */
export type DataVolume = z.infer<typeof DATA_VOLUMES.schema>;

const volume = z.object({
  name: z.string(),
  dataVolume: named.nullish(),
  persistentVolumeClaim: z.object({ claimName: z.string() }).nullish(),
  cloudInitNoCloud: z.object({ secretRef: named.nullish() }).nullish(),
});

/** A volume of a VM. */
export type VmVolume = z.infer<typeof volume>;

/** Virtual machines: what should run. */
export const VMS = kind('kubevirt.io', 'v1', 'VirtualMachine', 'virtualmachines', {
  spec: z.object({
    runStrategy: z.string().nullish(),
    running: z.boolean().nullish(),
    template: z
      .object({
        metadata: z.object({ labels: texts }).nullish(),
        spec: z.object({ volumes: z.array(volume).nullish() }).nullish(),
      })
      .nullish(),
  }),
  status: z
    .object({
      printableStatus: z.string().nullish(),
      created: z.boolean().nullish(),
      ready: z.boolean().nullish(),
      snapshotInProgress: z.string().nullish(),
      restoreInProgress: z.string().nullish(),
      volumeSnapshotStatuses: z
        .array(
          z.object({
            name: z.string(),
            enabled: z.boolean().default(false),
            reason: z.string().nullish(),
          }),
        )
        .nullish(),
      conditions,
    })
    .nullish(),
});
/** A virtual machine as we read it. */
export type VirtualMachine = z.infer<typeof VMS.schema>;

/** Instances: what does run. Each start makes one with a new UID. */
export const VMIS = kind('kubevirt.io', 'v1', 'VirtualMachineInstance', 'virtualmachineinstances', {
  status: z
    .object({
      phase: z.string().nullish(),
      reason: z.string().nullish(),
      interfaces: z
        .array(z.object({ name: z.string().nullish(), ipAddress: z.string().nullish() }))
        .nullish(),
      conditions,
    })
    .nullish(),
});
/** An instance as we read it. */
export type VirtualMachineInstance = z.infer<typeof VMIS.schema>;

const SNAPSHOT_GROUP = 'snapshot.kubevirt.io';

/** Snapshots of VMs. `Succeeded` alone proves nothing: see the volumes that are in it. */
export const VM_SNAPSHOTS = kind(
  SNAPSHOT_GROUP,
  'v1beta1',
  'VirtualMachineSnapshot',
  'virtualmachinesnapshots',
  {
    spec: z.object({ source: named }),
    status: z
      .object({
        sourceUID: z.string().nullish(),
        virtualMachineSnapshotContentName: z.string().nullish(),
        phase: z.string().nullish(),
        readyToUse: z.boolean().nullish(),
        creationTime: z.string().nullish(),
        error: failure,
        conditions,
        indications: z.array(z.string()).nullish(),
        sourceIndications: z
          .array(z.object({ indication: z.string(), message: z.string().nullish() }))
          .nullish(),
        snapshotVolumes: z
          .object({
            includedVolumes: z.array(z.string()).nullish(),
            excludedVolumes: z.array(z.string()).nullish(),
          })
          .nullish(),
      })
      .nullish(),
  },
);
/** A snapshot of a VM as we read it. */
export type VirtualMachineSnapshot = z.infer<typeof VM_SNAPSHOTS.schema>;

/** What a snapshot of a VM consists of. */
export const VM_SNAPSHOT_CONTENTS = kind(
  SNAPSHOT_GROUP,
  'v1beta1',
  'VirtualMachineSnapshotContent',
  'virtualmachinesnapshotcontents',
  {
    spec: z
      .object({
        virtualMachineSnapshotName: z.string().nullish(),
        volumeBackups: z
          .array(
            z.object({
              volumeName: z.string(),
              volumeSnapshotName: z.string().nullish(),
              persistentVolumeClaim: z
                .object({ metadata: z.object({ name: z.string().nullish() }).nullish() })
                .nullish(),
            }),
          )
          .nullish(),
      })
      .nullish(),
    status: z
      .object({
        readyToUse: z.boolean().nullish(),
        error: failure,
        volumeSnapshotStatus: z
          .array(
            z.object({
              volumeSnapshotName: z.string(),
              readyToUse: z.boolean().nullish(),
              error: failure,
            }),
          )
          .nullish(),
      })
      .nullish(),
  },
);
/** The content of a snapshot as we read it. */
export type VirtualMachineSnapshotContent = z.infer<typeof VM_SNAPSHOT_CONTENTS.schema>;

/** Restores of VMs: complete, failed by condition, or silent for ever. */
export const VM_RESTORES = kind(
  SNAPSHOT_GROUP,
  'v1beta1',
  'VirtualMachineRestore',
  'virtualmachinerestores',
  {
    spec: z.object({ target: named, virtualMachineSnapshotName: z.string() }),
    status: z
      .object({
        complete: z.boolean().nullish(),
        restoreTime: z.string().nullish(),
        restores: z
          .array(
            z.object({
              volumeName: z.string(),
              persistentVolumeClaim: z.string().nullish(),
              dataVolumeName: z.string().nullish(),
              volumeSnapshotName: z.string().nullish(),
            }),
          )
          .nullish(),
        deletedDataVolumes: z.array(z.string()).nullish(),
        conditions,
      })
      .nullish(),
  },
);
/** A restore as we read it. */
export type VirtualMachineRestore = z.infer<typeof VM_RESTORES.schema>;

/** Snapshots of single disks. */
export const VOLUME_SNAPSHOTS = kind(
  'snapshot.storage.k8s.io',
  'v1',
  'VolumeSnapshot',
  'volumesnapshots',
  {
    status: z
      .object({
        readyToUse: z.boolean().nullish(),
        restoreSize: z.union([z.string(), z.number()]).nullish(),
        creationTime: z.string().nullish(),
        error: failure,
      })
      .nullish(),
  },
);
/** A snapshot of a disk as we read it. */
export type VolumeSnapshot = z.infer<typeof VOLUME_SNAPSHOTS.schema>;

/** The condition of a type; undefined where the object does not tell of it. */
export function conditionOf(
  status: { readonly conditions?: readonly Condition[] | null | undefined } | null | undefined,
  type: string,
): Condition | undefined {
  return status?.conditions?.find((each) => each.type === type);
}

/** An object by its name, as calls want it. */
export function nameOf(object: AnyObject): { namespace: string | undefined; name: string } {
  return { namespace: object.metadata.namespace, name: object.metadata.name };
}

/** Whether somebody has asked for its deletion. */
export function isLeaving(object: AnyObject): boolean {
  return (object.metadata.deletionTimestamp ?? null) !== null;
}

function core<Shape extends z.ZodRawShape>(
  name: string,
  plural: string,
  namespaced: boolean,
  shape: Shape,
) {
  return { ...kind('', 'v1', name, plural, shape), namespaced };
}

function kind<Shape extends z.ZodRawShape>(
  group: string,
  version: string,
  name: string,
  plural: string,
  shape: Shape,
) {
  const schema = z.object({ metadata, ...shape });
  return { group, version, kind: name, plural, namespaced: true, schema } satisfies ObjectKind<
    z.infer<typeof schema>
  >;
}
