import { join } from 'node:path';
import { IMAGE_NAME } from '../../../../schema/model/image.ts';
import type { World } from '../../../world.ts';
import { BuildError } from '../image/build-error.ts';
import {
  type Head,
  digestOfBoot,
  publishVersion,
  writeDiskVersion,
} from '../image/version-folder.ts';
import { inWorkFolder } from '../image/work-folder.ts';
import { DISK_FILE, type DiskBoot, type Image, findImage } from '../image-manifest.ts';
import { copyDisk, hashDisk } from './copy.ts';
import { inspectDisk, isAsSaid, openDisk } from './inspect.ts';

/**
 * Asks the program that will open the disk for its guests how many bytes they will see. `work` is
 * a folder for the time of the question, with a path short enough for sockets.
 */
export type DiskProbe = (
  disk: { readonly path: string; readonly format: DiskBoot['disk']['format'] },
  work: string,
  signal: AbortSignal,
) => Promise<number>;

/** Where disks are imported to, and what they may come to. */
export interface DiskShop {
  readonly world: World;
  readonly imagesDir: string;
  /** For the file, and for what a guest sees of it. */
  readonly limitBytes: number;
  readonly probe: DiskProbe;
}

/** What a disk is to become. */
export interface DiskOrder extends Omit<DiskBoot, 'kind' | 'disk'> {
  readonly name: string;
  /** The file that somebody has. It is only read. */
  readonly path: string;
}

/**
 * Makes a disk image that somebody has the next version of a name. Its file is copied, and it is
 * the copy that is examined, hashed and kept: the original may change, be written to or go.
 * Importing what the newest version is already adds none.
 */
export function importDisk(shop: DiskShop, order: DiskOrder, signal: AbortSignal): Promise<Image> {
  const { world, imagesDir } = shop;
  return inWorkFolder(world, imagesDir, async ({ state: work }) => {
    const copy = join(work, DISK_FILE);
    const boot = await bootOfCopy(shop, order, { copy, work, signal });
    const newest = findImage(imagesDir, order.name);
    if (newest?.digest === digestOfBoot(boot)) return newest;
    const imageVersion = (newest?.imageVersion ?? 0) + 1;
    const head = headOf(world, order.name, imageVersion, boot);
    const { file: name, bytes, sha256 } = boot.disk;
    const disk = { kind: 'FETCHED', path: copy, file: { name, bytes, sha256 } } as const;
    return publishVersion(imagesDir, await writeDiskVersion(join(work, 'image'), head, boot, disk));
  });
}

/** A name for the image of a file, made of the file's; undefined where none comes of it. */
export function nameOfDisk(path: string): string | undefined {
  const file = path.slice(path.lastIndexOf('/') + 1).replace(/\.[^.]*$/, '');
  const words = file.toLowerCase().match(/[a-z0-9]+/g) ?? [];
  const name = words
    .join('-')
    .replace(/^[0-9-]+/, '')
    .slice(0, 30)
    .replace(/-$/, '');
  return IMAGE_NAME.test(name) ? name : undefined;
}

interface Work {
  readonly copy: string;
  readonly work: string;
  readonly signal: AbortSignal;
}

async function bootOfCopy(
  { world, limitBytes, probe }: DiskShop,
  { path, name: _name, ...machine }: DiskOrder,
  { copy, work, signal }: Work,
): Promise<DiskBoot> {
  const original = await openDisk(path);
  try {
    // What is refused is refused before it is copied.
    await inspectDisk(original, limitBytes);
    await copyDisk(original, copy, { world, signal });
  } finally {
    await original.close();
  }
  const file = await openDisk(copy);
  try {
    const facts = await inspectDisk(file, limitBytes);
    const { format, bytes } = facts;
    const virtualBytes = await probe({ path: copy, format }, work, signal);
    if (!isAsSaid(facts, virtualBytes)) {
      const said = facts.virtualBytes;
      throw new BuildError(`The disk is refused: QEMU reads ${virtualBytes} bytes of its ${said}`);
    }
    const sha256 = await hashDisk(file, { world, signal });
    const disk = { file: DISK_FILE, format, virtualBytes, bytes, sha256 } as const;
    return { kind: 'DISK', disk, ...machine };
  } finally {
    await file.close();
  }
}

function headOf(
  world: World,
  name: string,
  imageVersion: number,
  { disk, machine }: DiskBoot,
): Head {
  return {
    name,
    imageVersion,
    parent: null,
    source: 'IMPORTED',
    packages: [],
    contents: [`disk ${disk.format}, ${disk.virtualBytes} bytes`, `machine ${machine}`],
    compressedBytes: null,
    createdAt: world.now(),
    programs: '',
  };
}
