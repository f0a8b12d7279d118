import { z } from 'zod';
import type { Manifest, ObjectKind } from './kubernetes.ts';
import {
  DATA_VOLUMES,
  NAMESPACES,
  RESOURCE_QUOTAS,
  SECRETS,
  SERVICES,
  VM_RESTORES,
  VM_SNAPSHOTS,
  VMS,
} from './objects.ts';

/**
 * The objects we create, each with a schema of exactly the fields we may send. A server that does
 * not know one of them refuses the object, so they are compared with the CRDs of real releases.
 */

const metadata = z.strictObject({
  name: z.string(),
  namespace: z.string().optional(),
  labels: z.record(z.string(), z.string()),
  annotations: z.record(z.string(), z.string()).optional(),
});

const inCluster = { namespace: z.string() };
const namespaced = metadata.extend(inCluster);
const empty = z.strictObject({});
const sourceOf = z.strictObject({ namespace: z.string(), name: z.string() });
const vmReference = z.strictObject({
  apiGroup: z.literal('kubevirt.io'),
  kind: z.literal('VirtualMachine'),
  name: z.string(),
});

const namespaceSchema = z.strictObject({ metadata });
const secretSchema = z.strictObject({
  metadata: namespaced,
  type: z.literal('Opaque'),
  data: z.record(z.string(), z.base64()),
});
const serviceSchema = z.strictObject({
  metadata: namespaced,
  spec: z.strictObject({
    clusterIP: z.literal('None'),
    publishNotReadyAddresses: z.literal(true),
    selector: z.record(z.string(), z.string()),
    ports: z.array(
      z.strictObject({ name: z.string(), port: z.int(), protocol: z.enum(['TCP', 'UDP']) }),
    ),
  }),
});
const quotaSchema = z.strictObject({
  metadata: namespaced,
  spec: z.strictObject({ hard: z.record(z.string(), z.string()) }),
});
const dataVolumeSource = z.union([
  z.strictObject({ pvc: sourceOf }),
  z.strictObject({ snapshot: sourceOf }),
  z.strictObject({ http: z.strictObject({ url: z.string() }) }),
  z.strictObject({ registry: z.strictObject({ url: z.string() }) }),
]);
const dataVolumeSchema = z.strictObject({
  metadata: namespaced,
  spec: z.strictObject({
    source: dataVolumeSource,
    storage: z.strictObject({
      accessModes: z.array(z.literal('ReadWriteOnce')),
      storageClassName: z.string().optional(),
      resources: z.strictObject({ requests: z.strictObject({ storage: z.string() }) }).optional(),
    }),
  }),
});
const volumeSchema = z.union([
  z.strictObject({ name: z.string().max(18), dataVolume: z.strictObject({ name: z.string() }) }),
  z.strictObject({
    name: z.string().max(18),
    cloudInitNoCloud: z.strictObject({
      secretRef: z.strictObject({ name: z.string() }),
      networkData: z.string().max(2_048),
    }),
  }),
]);
const vmSchema = z.strictObject({
  metadata: namespaced,
  spec: z.strictObject({
    runStrategy: z.enum(['RerunOnFailure', 'Halted']),
    template: z.strictObject({
      metadata: z.strictObject({ labels: z.record(z.string(), z.string()) }),
      spec: z.strictObject({
        terminationGracePeriodSeconds: z.int(),
        domain: z.strictObject({
          cpu: z.strictObject({ cores: z.int() }),
          memory: z.strictObject({ guest: z.string() }),
          devices: z.strictObject({
            disks: z.array(
              z.strictObject({
                name: z.string(),
                disk: z.strictObject({ bus: z.literal('virtio') }),
              }),
            ),
            interfaces: z.array(z.strictObject({ name: z.string(), masquerade: empty })),
            rng: empty,
          }),
        }),
        networks: z.array(
          z.strictObject({
            name: z.string(),
            pod: z.strictObject({ vmNetworkCIDR: z.string() }),
          }),
        ),
        volumes: z.array(volumeSchema),
        readinessProbe: z
          .strictObject({
            guestAgentPing: empty,
            initialDelaySeconds: z.int(),
            periodSeconds: z.int(),
            timeoutSeconds: z.int(),
            failureThreshold: z.int(),
          })
          .optional(),
      }),
    }),
  }),
});
const snapshotSchema = z.strictObject({
  metadata: namespaced,
  spec: z.strictObject({
    source: vmReference,
    deletionPolicy: z.literal('Delete').optional(),
    failureDeadline: z.string().optional(),
  }),
});
const restoreSchema = z.strictObject({
  metadata: namespaced,
  spec: z.strictObject({
    target: vmReference,
    virtualMachineSnapshotName: z.string(),
    targetReadinessPolicy: z.literal('FailImmediate').optional(),
    volumeRestorePolicy: z.enum(['RandomizeNames', 'InPlace']).optional(),
  }),
});

/** A kind that we create, and the exact shape of what we send. */
export interface CreatedKind {
  readonly kind: ObjectKind<unknown>;
  readonly schema: z.ZodType;
}

/** Every kind that we create. */
export const CREATED_KINDS: readonly CreatedKind[] = [
  { kind: NAMESPACES, schema: namespaceSchema },
  { kind: SECRETS, schema: secretSchema },
  { kind: SERVICES, schema: serviceSchema },
  { kind: RESOURCE_QUOTAS, schema: quotaSchema },
  { kind: DATA_VOLUMES, schema: dataVolumeSchema },
  { kind: VMS, schema: vmSchema },
  { kind: VM_SNAPSHOTS, schema: snapshotSchema },
  { kind: VM_RESTORES, schema: restoreSchema },
];

/** A secret to be created. */
export type SecretManifest = Manifest & z.infer<typeof secretSchema>;
/** A service to be created. */
export type ServiceManifest = Manifest & z.infer<typeof serviceSchema>;
/** A quota to be created. */
export type QuotaManifest = Manifest & z.infer<typeof quotaSchema>;
/** A disk to be filled. */
export type DataVolumeManifest = Manifest & z.infer<typeof dataVolumeSchema>;
/** A VM to be created. */
export type VmManifest = Manifest & z.infer<typeof vmSchema>;
/** A snapshot to be taken. */
export type SnapshotManifest = Manifest & z.infer<typeof snapshotSchema>;
/** A restore to be begun. */
export type RestoreManifest = Manifest & z.infer<typeof restoreSchema>;
