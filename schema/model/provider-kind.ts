/**
 * The adapters that make VMs exist. What a kind can do is told by its provider's capabilities;
 * what is fixed for a kind, its bounds on the size of a pool, stands here.
 */
export const PROVIDER_KINDS = ['SIMULATOR', 'KUBEVIRT', 'QEMU', 'FIRECRACKER'] as const;

/** One of the adapters. */
export type ProviderKind = (typeof PROVIDER_KINDS)[number];

/** Smallest and largest `size` and `maxClusters` of a pool, by provider. */
export const POOL_SIZE_BOUNDS: Readonly<Record<ProviderKind, { min: number; max: number }>> = {
  SIMULATOR: { min: 1, max: 100_000 },
  KUBEVIRT: { min: 1, max: 200 },
  QEMU: { min: 1, max: 20 },
  FIRECRACKER: { min: 1, max: 20 },
};
