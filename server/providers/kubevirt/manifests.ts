import type { ClusterRef, VmSpec } from '../provider.ts';
import type {
  DataVolumeManifest,
  QuotaManifest,
  RestoreManifest,
  SecretManifest,
  ServiceManifest,
  SnapshotManifest,
  VmManifest,
} from './created-kinds.ts';
import { POD_NETWORK } from './guest-data/network.ts';
import type { ObjectName } from './kubernetes.ts';
import { clusterLabels, FENCE, LABEL, ORIGIN, roleLabel, vmLabels, type Labels } from './names.ts';

export { CREATED_KINDS } from './created-kinds.ts';

/** The disk that a VM boots from, in its VM and in every snapshot of it. */
export const ROOT_DISK = 'rootdisk';
/** The volume that holds cloud-init data; it is never in a snapshot. */
const CLOUD_INIT = 'cloudinit';

/**
 * Asks CDI to bind a disk before there is a machine that wants it, and to keep its data volume:
 * where CDI collects those that are done, one would seem to be missing and be made again.
 */
const DISK_ANNOTATIONS = {
  'cdi.kubevirt.io/storage.bind.immediate.requested': 'true',
  'cdi.kubevirt.io/storage.deleteAfterCompletion': 'false',
} as const;

/** What a VM is made of besides its role. */
export interface VmParts {
  readonly installation: string;
  readonly fence: number;
  readonly origin: 'COLD_BOOT' | 'SNAPSHOT';
  /** The data volume it boots from. */
  readonly disk: string;
  /** The secret with its cloud-init data. */
  readonly cloudInit: string;
  /** Base VMs never run: they only hold a disk. */
  readonly runStrategy?: 'RerunOnFailure' | 'Halted' | undefined;
  /** Where it is not in the namespace of its cluster. */
  readonly namespace?: string | undefined;
  /** Where it is not that of the role. */
  readonly name?: string | undefined;
  /** Added to those of the VM; not to those of what runs for it. */
  readonly labels?: Labels | undefined;
}

/** How long a guest may take to shut down; what is captured then has its files in order. */
const SHUTDOWN_S = 60;

const NETWORKS = { CONTROL_PLANE: '10.0.2.0/24', WORKER: '10.0.3.0/24', STANDALONE: '10.0.2.0/24' };

/** A VM of a cluster. */
export function vmManifest(ref: ClusterRef, spec: VmSpec, parts: VmParts): VmManifest {
  const labels = vmLabels(ref, spec, parts.installation);
  const isProbed = ref.readiness === 'PROBE';
  return {
    metadata: {
      name: parts.name ?? spec.name,
      namespace: parts.namespace ?? ref.namespace,
      labels: { ...labels, ...parts.labels },
      annotations: { [FENCE]: String(parts.fence), [ORIGIN]: parts.origin },
    },
    spec: {
      runStrategy: parts.runStrategy ?? 'RerunOnFailure',
      template: {
        metadata: { labels },
        spec: {
          terminationGracePeriodSeconds: SHUTDOWN_S,
          domain: {
            cpu: { cores: spec.cpuCores },
            memory: { guest: `${spec.memoryMiB}Mi` },
            devices: {
              disks: [ROOT_DISK, CLOUD_INIT].map((name) => ({ name, disk: { bus: 'virtio' } })),
              interfaces: [{ name: 'default', masquerade: {} }],
              rng: {},
            },
          },
          networks: [{ name: 'default', pod: { vmNetworkCIDR: NETWORKS[spec.role] } }],
          volumes: [
            { name: ROOT_DISK, dataVolume: { name: parts.disk } },
            {
              name: CLOUD_INIT,
              cloudInitNoCloud: { secretRef: { name: parts.cloudInit }, networkData: POD_NETWORK },
            },
          ],
          ...(isProbed ? { readinessProbe: PROBE } : {}),
        },
      },
    },
  };
}

/** What a VM's readiness is proven by where no SSH is possible. */
const PROBE = {
  guestAgentPing: {},
  initialDelaySeconds: 10,
  periodSeconds: 5,
  timeoutSeconds: 5,
  failureThreshold: 3,
};

/** What a disk is filled from. */
export type DiskSource = DataVolumeManifest['spec']['source'];

/** What a disk is made of. */
export interface DiskParts {
  readonly name: string;
  readonly namespace: string;
  readonly labels: Labels;
  readonly source: DiskSource;
  /** Null for the size of the source, which only copies of a disk have. */
  readonly sizeGiB: number | null;
  readonly storageClass: string | undefined;
}

/** A disk that is filled as soon as it can be. */
export function dataVolumeManifest(parts: DiskParts): DataVolumeManifest {
  const { name, namespace, labels, source, sizeGiB, storageClass } = parts;
  return {
    metadata: { name, namespace, labels, annotations: DISK_ANNOTATIONS },
    spec: {
      source,
      storage: {
        accessModes: ['ReadWriteOnce'],
        ...(storageClass === undefined ? {} : { storageClassName: storageClass }),
        ...(sizeGiB === null ? {} : { resources: { requests: { storage: `${sizeGiB}Gi` } } }),
      },
    },
  };
}

/** A secret with these texts. */
export function secret(
  of: ObjectName & { readonly namespace: string },
  labels: Labels,
  texts: Readonly<Record<string, string>>,
): SecretManifest {
  const encoded = Object.entries(texts).map(([key, text]) => [
    key,
    Buffer.from(text).toString('base64'),
  ]);
  const data = Object.fromEntries(encoded) as Record<string, string>;
  return { metadata: { ...of, labels }, type: 'Opaque', data };
}

/** A snapshot of a VM in its own namespace. */
export function snapshotManifest(
  of: ObjectName & { readonly namespace: string },
  vm: string,
  parts: { readonly labels: Labels; readonly annotations?: Labels; readonly deadline?: string },
): SnapshotManifest {
  const { labels, annotations, deadline } = parts;
  return {
    metadata: { ...of, labels, ...(annotations === undefined ? {} : { annotations }) },
    spec: {
      source: vmReferenceTo(vm),
      ...(deadline === undefined ? {} : { failureDeadline: deadline }),
    },
  };
}

/** A restore of a VM from a snapshot beside it. Releases before 1.6 know no volume policy. */
export function restoreManifest(
  of: ObjectName & { readonly namespace: string },
  parts: {
    readonly labels: Labels;
    readonly vm: string;
    readonly snapshot: string;
    readonly volumes?: 'RandomizeNames' | 'InPlace' | undefined;
    readonly target?: 'FailImmediate' | undefined;
  },
): RestoreManifest {
  const { labels, vm, snapshot, volumes, target } = parts;
  return {
    metadata: { ...of, labels },
    spec: {
      target: vmReferenceTo(vm),
      virtualMachineSnapshotName: snapshot,
      ...(target === undefined ? {} : { targetReadinessPolicy: target }),
      ...(volumes === undefined ? {} : { volumeRestorePolicy: volumes }),
    },
  };
}

function vmReferenceTo(name: string) {
  return { apiGroup: 'kubevirt.io', kind: 'VirtualMachine', name } as const;
}

/** A service by whose name the guests of a cluster find the VM of a role, ready or not. */
export function serviceManifest(
  ref: ClusterRef,
  spec: VmSpec,
  parts: { readonly installation: string; readonly port: number },
): ServiceManifest {
  const role = roleLabel(spec.role);
  return {
    metadata: {
      name: role,
      namespace: ref.namespace,
      labels: clusterLabels(ref, parts.installation),
    },
    spec: {
      clusterIP: 'None',
      publishNotReadyAddresses: true,
      selector: { [LABEL.cluster]: ref.id, [LABEL.role]: role },
      ports: [{ name: 'tunnel', port: parts.port, protocol: 'UDP' }],
    },
  };
}

/** What a namespace may use, unless its VMs need more. */
const QUOTA = { cpus: 16, memoryGiB: 16, pods: 20 };

/** What KubeVirt adds to the memory of a VM, and then some. */
const OVERHEAD_MIB = 512;

/** The quota of a cluster's namespace; VMs that are larger than usual fit into theirs. */
export function quotaManifest(ref: ClusterRef, installation: string): QuotaManifest {
  const sum = (of: (vm: VmSpec) => number) => ref.vms.reduce((total, vm) => total + of(vm), 0);
  const cpus = Math.max(
    QUOTA.cpus,
    sum(({ cpuCores }) => cpuCores),
  );
  const needed = sum(({ memoryMiB }) => memoryMiB + OVERHEAD_MIB) / 1_024;
  const memory = Math.max(QUOTA.memoryGiB, Math.ceil(needed));
  return {
    metadata: {
      name: 'session-quota',
      namespace: ref.namespace,
      labels: clusterLabels(ref, installation),
    },
    spec: { hard: { cpu: String(cpus), memory: `${memory}Gi`, pods: String(QUOTA.pods) } },
  };
}
