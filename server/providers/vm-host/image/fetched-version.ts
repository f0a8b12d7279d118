import { join } from 'node:path';
import type { World } from '../../../world.ts';
import type { ImageRef } from '../../image-store.ts';
import { type Image, type ImageFile, listImages, bootFiles } from '../image-manifest.ts';
import type { UnpackedBundle } from '../registry/unpack.ts';
import { imageOf } from './bundle.ts';
import { type Content, type FileSource, publishVersion, writeVersion } from './version-folder.ts';

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
  const source = (file: ImageFile): FileSource => sharedOf(here, file) ?? cameAs(folder, file);
  const { kernelVersion, commandLine, kernel, layers } = manifest.boot;
  const content: Content = {
    kernelVersion,
    commandLine,
    kernel: source(kernel),
    layers: layers.map(source),
  };
  const { packages, contents, programs } = manifest;
  const draft = await writeVersion(
    join(work, 'image'),
    {
      name,
      imageVersion,
      parent: here.some(({ digest }) => digest === manifest.parent?.digest)
        ? manifest.parent
        : null,
      source: 'PULLED',
      packages,
      contents,
      programs,
      compressedBytes: bundle.compressedBytes,
      createdAt: world.now(),
    },
    content,
  );
  return publishVersion(imagesDir, draft);
}

function cameAs(folder: string, file: ImageFile): FileSource {
  return { kind: 'FETCHED', path: join(folder, file.name), file };
}

function sharedOf(here: readonly Image[], file: ImageFile): FileSource | undefined {
  for (const image of here) {
    const same = bootFiles(image.boot).find(({ sha256 }) => sha256 === file.sha256);
    if (same === undefined) continue;
    return { kind: 'SHARED', path: join(image.folder, same.name), file: same };
  }
  return undefined;
}
