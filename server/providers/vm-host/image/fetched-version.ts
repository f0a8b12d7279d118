import { link, mkdtemp } from 'node:fs/promises';
import { join } from 'node:path';
import type { World } from '../../../world.ts';
import type { ImageRef } from '../../image-store.ts';
import {
  type Image,
  type ImageFile,
  type ImageManifest,
  bootFiles,
  listImages,
} from '../image-manifest.ts';
import type { UnpackedBundle } from '../registry/unpack.ts';
import { describeFile } from '../set-store.ts';
import { imageOf } from './bundle.ts';
import {
  type FileSource,
  type Head,
  publishVersion,
  writeDiskVersion,
  writeVersion,
} from './version-folder.ts';

/** Makes a fetched bundle a version of an image. Files that are here already are shared. */
export async function keepFetched(
  world: World,
  imagesDir: string,
  { name, imageVersion, madeFor }: ImageRef & { readonly madeFor?: string },
  fetched: { readonly folder: string; readonly bundle: UnpackedBundle; readonly work: string },
): Promise<Image> {
  const { bundle, folder, work } = fetched;
  const { manifest } = imageOf(bundle);
  const here = listImages(imagesDir);
  const parent = here.find(({ digest }) => digest === manifest.parent?.digest);
  const source = async (file: ImageFile) =>
    (await sharedOf(here, file, work)) ?? cameAs(folder, file);
  const { packages, contents, programs } = manifest;
  const head: Head = {
    name,
    imageVersion,
    parent: parent === undefined ? null : parentOf(parent),
    source: 'PULLED',
    packages,
    contents,
    programs,
    compressedBytes: bundle.compressedBytes,
    createdAt: world.now(),
    madeFor,
  };
  return publishVersion(imagesDir, await writeFetched(join(work, 'image'), head, manifest, source));
}

type CameAs = Exclude<FileSource, { kind: 'DATA' }>;

/** It may have another name here than where the image comes from. */
function parentOf({ name, imageVersion, digest }: Image): ImageManifest['parent'] {
  return { name, imageVersion, digest };
}

async function writeFetched(
  draft: string,
  head: Head,
  { boot }: ImageManifest,
  source: (file: ImageFile) => Promise<CameAs>,
): Promise<Image> {
  if (boot.kind === 'DISK') {
    const { file, bytes, sha256 } = boot.disk;
    return writeDiskVersion(draft, head, boot, await source({ name: file, bytes, sha256 }));
  }
  const { kernelVersion, commandLine, kernel, layers } = boot;
  const content = {
    kernelVersion,
    commandLine,
    kernel: await source(kernel),
    layers: await Promise.all(layers.map(source)),
  };
  return writeVersion(draft, head, content);
}

function cameAs(folder: string, file: ImageFile): CameAs {
  return { kind: 'FETCHED', path: join(folder, file.name), file };
}

/** The same file of a version that is here; undefined where there is none that is whole. */
async function sharedOf(
  here: readonly Image[],
  file: ImageFile,
  work: string,
): Promise<CameAs | undefined> {
  for (const image of here) {
    const same = bootFiles(image.boot).find(({ sha256 }) => sha256 === file.sha256);
    if (same === undefined) continue;
    const path = join(await mkdtemp(join(work, 'shared-')), same.name);
    if (await isTaken(join(image.folder, same.name), path, file)) {
      return { kind: 'SHARED', path, file: same };
    }
  }
  return undefined;
}

/**
 * Takes a file by a name of our own, under which it stays when its version is removed, and reads
 * it. One that is gone, damaged or cannot be read is not taken: the one that came was proven.
 */
async function isTaken(path: string, to: string, { sha256 }: ImageFile): Promise<boolean> {
  try {
    await link(path, to);
    return (await describeFile(to)).sha256 === sha256;
  } catch {
    return false;
  }
}
