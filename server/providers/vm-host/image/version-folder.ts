import { createHash } from 'node:crypto';
import { link, mkdir, open, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { imageRef } from '../../../../schema/model/image.ts';
import {
  IMAGE_FORMAT,
  IMAGE_MANIFEST,
  type DiskBoot,
  type Image,
  type ImageBoot,
  type ImageFile,
  type ImageManifest,
  type LayeredBoot,
  readImage,
  versionFolder,
} from '../image-manifest.ts';
import { stableJson } from '../registry/bundle.ts';
import { syncPath } from '../sync-path.ts';
import { BuildError } from './build-error.ts';
import { writeRoot } from './root-file.ts';
import { codeOf } from '../error-code.ts';

/** The architecture of our guests, as OCI names it. */
export const ARCH = 'amd64';
const KERNEL = 'vmlinux';
/** The unit in which a file system tells what a file takes of it. */
const BLOCK = 512;

/**
 * A file of a version: made for it, fetched, or one of another version, which is shared and not
 * copied.
 */
export type FileSource =
  | { readonly kind: 'DATA'; readonly data: Buffer }
  | { readonly kind: 'FETCHED' | 'SHARED'; readonly path: string; readonly file: ImageFile };

/** What a guest gets of a version, before it is written anywhere. */
export interface Content {
  readonly kernel: FileSource;
  readonly kernelVersion: string;
  readonly commandLine: string;
  readonly layers: readonly FileSource[];
}

/** What is said of a version besides its content. */
export type Head = Omit<ImageManifest, 'format' | 'arch' | 'digest' | 'boot' | 'sizeBytes'>;

/** The content of a version that is there, to be built on. A disk has none that we could add to. */
export function contentOf({ folder, boot, ...image }: Image): Content {
  if (boot.kind === 'DISK') {
    throw new BuildError(`${imageRef(image)} is a disk, and nothing can be built on a disk`);
  }
  const shared = (file: ImageFile) =>
    ({ kind: 'SHARED', path: join(folder, file.name), file }) as const;
  const { kernelVersion, commandLine } = boot;
  const [kernel, layers] = [shared(boot.kernel), boot.layers.map(shared)];
  return { kernel, kernelVersion, commandLine, layers };
}

/** How a guest starts from this content. */
export function bootOf({ kernel, kernelVersion, commandLine, layers }: Content): LayeredBoot {
  return {
    kind: 'LAYERS',
    kernel: described(kernel, KERNEL),
    kernelVersion,
    layers: layers.map((layer, index) => described(layer, `layer-${index + 1}.cpio`)),
    commandLine,
  };
}

/** What content is known by. */
export function digestOfBoot(boot: ImageBoot, arch = ARCH): string {
  return `sha256:${hashOf([stableJson({ arch, boot })])}`;
}

/** Writes a version into a folder, all of it on the disk when the promise resolves. */
export async function writeVersion(folder: string, head: Head, content: Content): Promise<Image> {
  const boot = bootOf(content);
  await mkdir(folder, { recursive: true, mode: 0o700 });
  await writeSource(join(folder, boot.kernel.name), content.kernel);
  for (const [index, layer] of content.layers.entries()) {
    await writeSource(join(folder, boot.layers[index]?.name ?? ''), layer);
  }
  await writeRoot(folder, boot);
  const own = [content.kernel, ...content.layers].filter(({ kind }) => kind !== 'SHARED');
  const sizeBytes = own.reduce((sum, source) => sum + lengthOf(source), 0) + joinedBytes(boot);
  return describeVersion(folder, head, boot, sizeBytes);
}

/** Writes a version that is a disk. Its file lies on the same file system, forced to the disk. */
export async function writeDiskVersion(
  folder: string,
  head: Head,
  boot: DiskBoot,
  disk: Exclude<FileSource, { kind: 'DATA' }>,
): Promise<Image> {
  await mkdir(folder, { recursive: true, mode: 0o700 });
  const path = join(folder, boot.disk.file);
  await writeSource(path, disk);
  const { blocks } = await stat(path);
  return describeVersion(folder, head, boot, disk.kind === 'SHARED' ? 0 : blocks * BLOCK);
}

function describeVersion(
  folder: string,
  head: Head,
  boot: ImageBoot,
  sizeBytes: number,
): Promise<Image> {
  const manifest = { ...head, format: IMAGE_FORMAT, arch: ARCH, boot, sizeBytes } as const;
  return writeManifest(folder, { ...manifest, digest: digestOfBoot(boot) });
}

/** Writes what describes a version; forced to the disk, as its files are. */
export async function writeManifest(folder: string, manifest: ImageManifest): Promise<Image> {
  const draft = join(folder, `${IMAGE_MANIFEST}.new`);
  await rm(draft, { force: true });
  await writeSynced(draft, Buffer.from(`${JSON.stringify(manifest, undefined, 2)}\n`));
  await rename(draft, join(folder, IMAGE_MANIFEST));
  await syncPath(folder);
  return { ...manifest, folder };
}

/** Puts a version that was written to its place. Nobody ever sees half of one. */
export async function publishVersion(imagesDir: string, draft: Image): Promise<Image> {
  const folder = versionFolder(imagesDir, draft);
  try {
    await rename(draft.folder, folder);
  } catch (error) {
    const there = isTaken(error) ? readImage(folder) : null;
    if (there?.digest === draft.digest) return there;
    if (!isTaken(error)) throw error;
    // The next attempt of an order takes another number.
    throw new BuildError(`${imageRef(draft)} is there already, with other content`, error, true);
  }
  await syncPath(dirname(folder));
  return { ...draft, folder };
}

/** The bytes of the file in which more than one layer are joined. */
function joinedBytes({ layers }: LayeredBoot): number {
  return layers.length < 2 ? 0 : layers.reduce((sum, { bytes }) => sum + bytes, 0);
}

/** The hash of all parts in their order, hexadecimal. */
export function hashOf(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}

function described(source: FileSource, name: string): ImageFile {
  if (source.kind !== 'DATA') return { ...source.file, name };
  return { name, bytes: source.data.length, sha256: hashOf([source.data]) };
}

function lengthOf(source: FileSource): number {
  return source.kind === 'DATA' ? source.data.length : source.file.bytes;
}

async function writeSource(path: string, source: FileSource): Promise<void> {
  if (source.kind === 'DATA') await writeSynced(path, source.data);
  else if (source.kind === 'SHARED') await link(source.path, path);
  else await rename(source.path, path);
}

/** Makes a file. One that is there may be shared with other versions, and is never written. */
async function writeSynced(path: string, data: Buffer): Promise<void> {
  const file = await open(path, 'wx', 0o600);
  try {
    await file.writeFile(data);
    await file.sync();
  } finally {
    await file.close();
  }
}

function isTaken(error: unknown): boolean {
  return ['ENOTEMPTY', 'EEXIST'].includes(String(codeOf(error)));
}
