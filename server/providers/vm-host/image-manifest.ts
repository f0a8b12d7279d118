import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { isRecord, readJson } from './json-file.ts';

/** The layout of an image; one written in another is not read. */
export const IMAGE_FORMAT = 1;
/** The kernel, as an ELF file. */
export const KERNEL_FILE = 'vmlinux';
/** The archive that becomes the guest's file system. */
export const ROOT_FILE = 'initramfs.cpio';

/** What an image is made of. */
export interface ImageManifest {
  readonly format: number;
  readonly id: string;
  /** Which version of our own programs is in it. */
  readonly recipe: string;
  readonly kernel: string;
  readonly commandLine: string;
  readonly packages: readonly string[];
  readonly createdAt: number;
}

/** An image on this machine. */
export interface Image extends ImageManifest {
  readonly folder: string;
}

/** The images in a folder, the newest first. What is not a complete image is passed over. */
export function listImages(imagesDir: string): Image[] {
  if (!existsSync(imagesDir)) return [];
  const names = readdirSync(imagesDir).filter((name) => !name.startsWith('.'));
  const images = names.map((name) => readImage(join(imagesDir, name)));
  return images
    .filter((image) => image !== null)
    .toSorted((a, b) => b.createdAt - a.createdAt || (a.id < b.id ? -1 : 1));
}

function readImage(folder: string): Image | null {
  const manifest = readJson(join(folder, 'manifest.json'));
  const isComplete = [KERNEL_FILE, ROOT_FILE].every((file) => existsSync(join(folder, file)));
  return isManifest(manifest) && isComplete ? { ...manifest, folder } : null;
}

function isManifest(value: unknown): value is ImageManifest {
  return (
    isRecord(value) &&
    value['format'] === IMAGE_FORMAT &&
    typeof value['id'] === 'string' &&
    typeof value['recipe'] === 'string' &&
    typeof value['kernel'] === 'string' &&
    typeof value['commandLine'] === 'string' &&
    Array.isArray(value['packages']) &&
    typeof value['createdAt'] === 'number'
  );
}
