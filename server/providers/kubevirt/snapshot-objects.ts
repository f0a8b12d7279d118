import { z } from 'zod';
import { conditions, failure, kind, named } from './object-kind.ts';

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
