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
  { name, imageVersion }: ImageRef,
  fetched: { readonly folder: string; readonly bundle: UnpackedBundle; readonly work: string },
): Promise<Image> {
  const { bundle, folder, work } = fetched;
  const { manifest } = imageOf(bundle);
  const here = listImages(imagesDir);
  const source = (file: ImageFile) => sharedOf(here, file) ?? cameAs(folder, file);
  const { packages, contents, programs } = manifest;
  const head: Head = {
    name,
    imageVersion,
    parent: here.some(({ digest }) => digest === manifest.parent?.digest) ? manifest.parent : null,
    source: 'PULLED',
    packages,
    contents,
    programs,
    compressedBytes: bundle.compressedBytes,
    createdAt: world.now(),
  };
  return publishVersion(imagesDir, await writeFetched(join(work, 'image'), head, manifest, source));
}

type CameAs = Exclude<FileSource, { kind: 'DATA' }>;

function writeFetched(
  draft: string,
  head: Head,
  { boot }: ImageManifest,
  source: (file: ImageFile) => CameAs,
): Promise<Image> {
  if (boot.kind === 'DISK') {
    const { file, bytes, sha256 } = boot.disk;
    return writeDiskVersion(draft, head, boot, source({ name: file, bytes, sha256 }));
  }
  const { kernelVersion, commandLine, kernel, layers } = boot;
  const content = {
    kernelVersion,
    commandLine,
    kernel: source(kernel),
    layers: layers.map(source),
  };
  return writeVersion(draft, head, content);
}

function cameAs(folder: string, file: ImageFile): CameAs {
  return { kind: 'FETCHED', path: join(folder, file.name), file };
}

function sharedOf(here: readonly Image[], file: ImageFile): CameAs | undefined {
  for (const image of here) {
    const same = bootFiles(image.boot).find(({ sha256 }) => sha256 === file.sha256);
    if (same === undefined) continue;
    return { kind: 'SHARED', path: join(image.folder, same.name), file: same };
  }
  return undefined;
}
