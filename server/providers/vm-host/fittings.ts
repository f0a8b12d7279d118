import { z } from 'zod';

const disk = z.object({
  bytes: z.number(),
  bus: z.enum(['IDE', 'VIRTIO']),
  format: z.enum(['qcow2', 'raw', 'vpc']),
});

/** A machine that an image asks for in place of its hypervisor's own. */
const platform = z.object({
  machine: z.string(),
  video: z.enum(['std', 'cirrus']),
  agent: z.boolean(),
});

const fittings = z.object({ disk, platform: platform.nullable() });

/** A disk as the guest finds it, and how the lowest of its layers is written. */
export type FittedDisk = z.infer<typeof disk>;

/**
 * What a guest has of its machine besides CPUs and memory. It is noted with every VM and every
 * snapshot, which may outlive the image they are of.
 */
export type Fittings = z.infer<typeof fittings>;

/** A file of a disk. */
export interface DiskLayer {
  readonly path: string;
  readonly format: FittedDisk['format'];
}

/** Whether a value read from a file tells of fittings, or that there are none. */
export function mayBeFittings(value: unknown): value is Fittings | undefined {
  return value === undefined || fittings.safeParse(value).success;
}

/** Whether an agent of ours is in the guest; one without is known by its machine alone. */
export function hasAgent({ fittings: fitted }: { readonly fittings?: Fittings | undefined }) {
  return fitted?.platform?.agent !== false;
}

/**
 * Whether the machine has a display: only one that its image asks for. To a small guest of ours it
 * would be 2 MiB more and a tenth more time for each restore, with nothing to show on it.
 */
export function hasScreen({ fittings: fitted }: { readonly fittings?: Fittings | undefined }) {
  return fitted !== undefined && fitted.platform !== null;
}

/** The layers of a disk that lie at these paths, the lowest first. */
export function layersAt(paths: readonly string[], { format }: FittedDisk): DiskLayer[] {
  return paths.map((path, at) => ({ path, format: at === 0 ? format : 'qcow2' }));
}
