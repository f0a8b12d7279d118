import { z } from 'zod';
import {
  conditions,
  core,
  kind,
  named,
  quantities,
  texts,
  type AnyObject,
  type Condition,
} from './object-kind.ts';

export * from './snapshot-objects.ts';
export type { AnyObject, Condition, ObjectMetadata } from './object-kind.ts';

/**
 * The kinds of objects we read, as narrow as we read them. Servers of other versions may leave
 * out, or add, nearly everything: what is not needed is not asked for, and every state is text.
 */

/** Namespaces: each holds one cluster, and is its anchor. */
export const NAMESPACES = core('Namespace', 'namespaces', false, {
  status: z.object({ phase: z.string().nullish(), conditions }).nullish(),
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
      stateChangeRequests: z.array(z.object({ action: z.string().nullish() })).nullish(),
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

/** The condition of a type; undefined where the object does not tell of it. */
export function conditionOf(
  status: { readonly conditions?: readonly Condition[] | null | undefined } | null | undefined,
  type: string,
): Condition | undefined {
  return status?.conditions?.find((each) => each.type === type);
}

/** How the filling of a disk stands, as people read it. */
export function fillingOf({ status }: DataVolume): string {
  const running = conditionOf(status, 'Running');
  const said = running?.message || running?.reason;
  return [status?.phase ?? 'new', status?.progress, said].filter(Boolean).join(', ');
}

/** An object by its name, as calls want it. */
export function nameOf(object: AnyObject): { namespace: string | undefined; name: string } {
  return { namespace: object.metadata.namespace, name: object.metadata.name };
}

/** Whether somebody has asked for its deletion. */
export function isLeaving(object: AnyObject): boolean {
  return (object.metadata.deletionTimestamp ?? null) !== null;
}
