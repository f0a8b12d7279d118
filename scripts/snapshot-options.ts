import { parseArgs } from 'node:util';
import { IMAGE_NAME } from '../schema/model/image.ts';
import { TAG, readRepository } from '../schema/model/registry-reference.ts';
import type { DiskOrder } from '../server/providers/vm-host/disk/import.ts';
import { DISK_OPTIONS, readDisk } from './disk-options.ts';
import { UsageError } from './usage-error.ts';

/** How the command is used. */
export const USAGE = `npm run build:snapshots -- [options]
  --disk-image FILE    make an image of this disk (qcow2, VHD, raw) instead of the catalogue's;
                       of it are said, too:
      --name NAME      what it is called, instead of by the name of the file
      --machine M      its machine with the version, pc-i440fx-7.2 without it
      --bus B          where the disk is: ide (without it) or virtio
      --video V        its screen: std (without it) or cirrus
      --ready A,B,C    seconds: up after A when its screen rests for B, and after C at last
      --with-agent     our agent is installed in it
  --build-snapshots    also start each image and capture it running
  --registry R         send to this repository, host/owner/name, instead of SNAPSHOT_REGISTRY
  --tag T              the tag of the base image, or of the disk, instead of SNAPSHOT_TAG
  --no-push            send nothing
  --variant NAME       build this image of the catalogue too; may be given more than once;
                       without it, all of them
  --dry-run            say what would be done`;

/** What the command is asked to do. */
export interface SnapshotOptions {
  /** The disk to make an image of; then nothing of the catalogue is built. */
  readonly disk: DiskOrder | undefined;
  readonly buildSnapshots: boolean;
  readonly registry: string | undefined;
  readonly tag: string;
  readonly push: boolean;
  /** Undefined for all that the catalogue has. */
  readonly variants: readonly string[] | undefined;
  readonly dryRun: boolean;
}

/** Reads the command line. What it does not say comes from the settings. */
export function readOptions(
  argv: readonly string[],
  settings: { readonly repository: string | undefined; readonly tag: string },
): SnapshotOptions {
  const values = parsed(argv);
  const registry = values.registry ?? settings.repository;
  const tag = values.tag ?? settings.tag;
  const push = values['no-push'] !== true;
  const bad = values.variant?.find((name) => !IMAGE_NAME.test(name));
  if (bad !== undefined) throw new UsageError(`"${bad}" cannot be the name of an image`);
  if (!TAG.test(tag)) throw new UsageError(`"${tag}" cannot be a tag`);
  if (push && registry === undefined) {
    throw new UsageError('to send images, name --registry or set SNAPSHOT_REGISTRY; or --no-push');
  }
  if (registry !== undefined) refuseBadPlace(registry);
  const disk = readDisk(values);
  if (disk !== undefined) refuseWithDisk(values);
  return {
    disk,
    buildSnapshots: values['build-snapshots'] === true,
    registry,
    tag,
    push,
    variants: values.variant && [...new Set(values.variant)],
    dryRun: values['dry-run'] === true,
  };
}

function refuseWithDisk(values: ReturnType<typeof parsed>): void {
  if (values.variant !== undefined) {
    throw new UsageError('--variant: nothing of the catalogue is built on a disk');
  }
  if (values['build-snapshots'] === true) {
    const instead = 'a pool that names the image captures it on its own machine';
    throw new UsageError(`--build-snapshots: a snapshot with a disk is not sent; ${instead}`);
  }
}

function refuseBadPlace(registry: string): void {
  const place = readRepository(registry);
  if ('wrong' in place) throw new UsageError(`"${registry}" ${place.wrong}`);
}

function parsed(argv: readonly string[]) {
  try {
    return parseArgs({
      args: [...argv],
      options: {
        ...DISK_OPTIONS,
        'build-snapshots': { type: 'boolean' },
        registry: { type: 'string' },
        tag: { type: 'string' },
        'no-push': { type: 'boolean' },
        variant: { type: 'string', multiple: true },
        'dry-run': { type: 'boolean' },
      },
    }).values;
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
}

/** The tag of an image beside that of the base: `win98-games` beside `win98-base`. */
export function tagFor(tag: string, name: string): string {
  return name === 'base' ? tag : `${tag.replace(/-base$/, '')}-${name}`;
}
