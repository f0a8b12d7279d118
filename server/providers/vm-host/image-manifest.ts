import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { z } from 'zod';
import { IMAGE_NAME, IMAGE_SOURCES, imageRef } from '../../../schema/model/image.ts';
import { readJson } from './json-file.ts';
import { isMissing, unread } from './unread.ts';

/** The layout of an image's folder; one written in another is not read. */
export const IMAGE_FORMAT = 2;
/** The file that describes the version in whose folder it is. */
export const IMAGE_MANIFEST = 'manifest.json';

/** The disk among the files of a version: bundles that call theirs otherwise are refused. */
export const DISK_FILE = 'disk';

/** The machines a disk can be put into; with their version, for a snapshot fits no other. */
export const DISK_MACHINE = /^pc-(i440fx|q35)-\d{1,2}\.\d{1,2}$/;

const name = z.string().regex(IMAGE_NAME);
const imageVersion = z.int().min(1);
const digest = z.string().regex(/^sha256:[0-9a-f]{64}$/);
const lines = z.array(z.string());

const imageFile = z.strictObject({
  name: z.string().regex(/^[a-z0-9][a-z0-9._-]{0,63}$/),
  bytes: z.int().min(0),
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

const layeredBoot = z.strictObject({
  kind: z.literal('LAYERS'),
  kernel: imageFile,
  kernelVersion: z.string(),
  layers: z.array(imageFile).min(1),
  commandLine: z.string(),
});

const seconds = z.int().min(0).max(86_400);

// Some of this comes from registries, and it all ends on a command line: nothing is free text.
const diskBoot = z.strictObject({
  kind: z.literal('DISK'),
  disk: z.strictObject({
    file: z.literal(DISK_FILE),
    format: z.enum(['qcow2', 'raw', 'vpc']),
    virtualBytes: z.int().min(512).multipleOf(512),
    bytes: imageFile.shape.bytes,
    sha256: imageFile.shape.sha256,
  }),
  machine: z.string().regex(DISK_MACHINE),
  bus: z.enum(['IDE', 'VIRTIO']),
  video: z.enum(['std', 'cirrus']),
  ready: z.strictObject({ quietSeconds: seconds, minSeconds: seconds, maxSeconds: seconds }),
  agent: z.boolean(),
});

const boot = z.discriminatedUnion('kind', [layeredBoot, diskBoot]);

const imageManifest = z.strictObject({
  format: z.literal(IMAGE_FORMAT),
  name,
  imageVersion,
  parent: z.strictObject({ name, imageVersion, digest }).nullable(),
  arch: z.string(),
  source: z.enum(IMAGE_SOURCES),
  digest,
  programs: z.string(),
  packages: lines,
  contents: lines,
  boot,
  sizeBytes: z.int().min(0),
  compressedBytes: z.int().min(0).nullable(),
  createdAt: z.number(),
  madeFor: z.string().max(64).optional(),
});

/** A file in the folder of a version, and how to know it again. */
export type ImageFile = z.infer<typeof imageFile>;

/**
 * A guest that boots into its memory: the kernel unpacks the layers, archives, one over the other.
 * A version that is built on another one begins with its layers, which are the same files on disk.
 */
export type LayeredBoot = z.infer<typeof layeredBoot>;

/**
 * A guest that boots from a disk somebody made elsewhere. The disk is never written: what guests
 * change lies over it. `ready` says how to tell, where there is no agent, that the guest has come
 * up: its screen was at rest for so long, not before the first time and never after the last.
 */
export type DiskBoot = z.infer<typeof diskBoot>;

/** How a guest starts from an image. */
export type ImageBoot = z.infer<typeof boot>;

/**
 * What one version of a named image is. `digest` is of what a guest gets of it; `programs` tells
 * which version of our own programs is in it, `packages` every package, its parents' too;
 * `madeFor` whose order it was on this machine.
 */
export type ImageManifest = z.infer<typeof imageManifest>;

/** A version of an image on this machine. */
export type Image = ImageManifest & { readonly folder: string };

/** Reads what describes a version; null for what is none of ours. */
export function parseImageManifest(value: unknown): ImageManifest | null {
  return imageManifest.safeParse(value).data ?? null;
}

/** The version in a folder, whole; null when there is none. */
export function readImage(folder: string): Image | null {
  const manifest = parseImageManifest(readJson(join(folder, IMAGE_MANIFEST)));
  if (manifest === null) return null;
  const isComplete = bootFiles(manifest.boot).every((file) => hasFile(folder, file));
  return isComplete ? { ...manifest, folder } : null;
}

/** All files that a guest needs to start. */
export function bootFiles(boot: ImageBoot): readonly ImageFile[] {
  if (boot.kind === 'LAYERS') return [boot.kernel, ...boot.layers];
  const { file, bytes, sha256 } = boot.disk;
  return [{ name: file, bytes, sha256 }];
}

/** The images in a folder, by name, the newest version first. What is incomplete is passed over. */
export function listImages(imagesDir: string): Image[] {
  return readImages(imagesDir, () => true);
}

/** The version that a text means: `games@3`, or the newest of the name `games`. */
export function findImage(imagesDir: string, reference: string): Image | undefined {
  const isMeant = (ref: string) => ref === reference || ref.startsWith(`${reference}@`);
  return readImages(imagesDir, isMeant)[0];
}

/** Only what is meant is read: one that cannot be read just now is not in the way of others. */
function readImages(imagesDir: string, isMeant: (ref: string) => boolean): Image[] {
  return versionsIn(imagesDir)
    .filter(isMeant)
    .flatMap((ref) => readImage(join(imagesDir, ref)) ?? [])
    .filter((image) => image.folder === versionFolder(imagesDir, image))
    .toSorted((a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : newerFirst(a, b)));
}

function versionsIn(imagesDir: string): string[] {
  try {
    return readdirSync(imagesDir).filter((folder) => /^[a-z][a-z0-9-]*@\d+$/.test(folder));
  } catch (error) {
    if (isMissing(error)) return [];
    throw unread(imagesDir, error);
  }
}

/** Where a version is kept. */
export function versionFolder(
  imagesDir: string,
  image: Pick<ImageManifest, 'name' | 'imageVersion'>,
): string {
  return join(imagesDir, imageRef(image));
}

function newerFirst(a: Image, b: Image): number {
  return b.imageVersion - a.imageVersion;
}

function hasFile(folder: string, { name: file, bytes }: ImageFile): boolean {
  const path = join(folder, file);
  try {
    return statSync(path, { throwIfNoEntry: false })?.size === bytes;
  } catch (error) {
    throw unread(path, error);
  }
}
