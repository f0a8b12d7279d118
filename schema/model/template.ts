import { BASE_IMAGE } from './image.ts';
import type { ProviderKind } from './provider-kind.ts';

/** The parts a VM can play in a cluster; a micro-VM pool has STANDALONE VMs only. */
export const VM_ROLES = ['CONTROL_PLANE', 'WORKER', 'STANDALONE'] as const;

/** The part a VM plays in its cluster. */
export type VmRole = (typeof VM_ROLES)[number];

/** What one VM of a cluster is made of. */
export interface RoleSpec {
  readonly role: VmRole;
  /** The image that it names; null where it names none. */
  readonly image: string | null;
  readonly cpuCores: number;
  readonly memoryMiB: number;
  readonly diskGiB: number | null;
}

/** How much memory a VM of a pool may be given, in MiB. */
export const MEMORY_MIB = { min: 128, max: 1_048_576 } as const;
/** How many virtual CPUs. */
export const CPU_CORES = { min: 1, max: 64 } as const;
/** How large its disk may be, in GiB. */
export const DISK_GIB = { min: 0.1, max: 16_384 } as const;

/**
 * What the clusters of a pool are made of. A template never changes: a new version is a new row,
 * so a cluster can always say what it was made from.
 */
export interface Template {
  readonly id: string;
  readonly name: string;
  readonly provider: ProviderKind;
  readonly templateVersion: number;
  readonly roles: readonly RoleSpec[];
  /** Epoch milliseconds, as all times of the model. */
  readonly createdAt: number;
  readonly version: number;
}

/** The providers whose VMs start from images of this machine. */
export const WITH_IMAGES: readonly ProviderKind[] = ['QEMU', 'FIRECRACKER'];

/** The image a role starts from: `base` where it names none; null where images have no name. */
export function imageOfRole(
  { provider }: Pick<Template, 'provider'>,
  { image }: Pick<RoleSpec, 'image'>,
): string | null {
  return image ?? (WITH_IMAGES.includes(provider) ? BASE_IMAGE : null);
}

/** The templates that come with the product, by the name a pool asks for. */
export const BUILT_IN_TEMPLATES: Readonly<
  Record<string, { providers: readonly ProviderKind[]; roles: readonly RoleSpec[] }>
> = {
  'two-node': {
    providers: ['SIMULATOR', 'KUBEVIRT'],
    roles: [
      { role: 'CONTROL_PLANE', image: null, cpuCores: 2, memoryMiB: 2048, diskGiB: 10 },
      { role: 'WORKER', image: null, cpuCores: 2, memoryMiB: 2048, diskGiB: 10 },
    ],
  },
  micro: {
    providers: ['SIMULATOR', 'QEMU', 'FIRECRACKER'],
    roles: [{ role: 'STANDALONE', image: null, cpuCores: 1, memoryMiB: 128, diskGiB: null }],
  },
};

/** The template a pool gets that names none. */
export const DEFAULT_TEMPLATE: Readonly<Record<ProviderKind, string>> = {
  SIMULATOR: 'two-node',
  KUBEVIRT: 'two-node',
  QEMU: 'micro',
  FIRECRACKER: 'micro',
};
