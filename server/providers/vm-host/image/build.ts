import { createHash } from 'node:crypto';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { World } from '../../../world.ts';
import { IMAGE_FORMAT, type ImageManifest, KERNEL_FILE, ROOT_FILE } from '../image-manifest.ts';
import { BuildError } from './build-error.ts';
import { guestFiles, initramfs } from './initramfs.ts';
import { kernelElf } from './kernel.ts';
import { kernelModules } from './kernel-modules.ts';
import { unpackPackages } from './packages.ts';

// The last two skip self-tests and tables that cost a second each on an emulated CPU.
const COMMAND_LINE = [
  'console=ttyS0 quiet panic=-1 nokaslr mitigations=off no5lvl cryptomgr.notests',
  'initcall_blacklist=load_system_certificate_list,init_kprobe_trace',
].join(' ');

/**
 * Builds the small Linux image into a folder of images and answers its manifest. The image's name
 * is made from its content: built again from the same packages, it is the same image, and nothing
 * is written. It appears by a rename, so a half-built one is never seen.
 */
export async function buildImage(world: World, imagesDir: string): Promise<ImageManifest> {
  await mkdir(imagesDir, { recursive: true });
  const work = await mkdtemp(join(imagesDir, '.building-'));
  try {
    return await publish(world, imagesDir, work);
  } finally {
    await rm(work, { recursive: true, force: true });
  }
}

/** A name for what we put into an image ourselves: another one, and it should be built again. */
export function imageRecipe(): string {
  return hashOf([COMMAND_LINE, ...guestFiles().map(({ data }) => data)]);
}

async function publish(world: World, imagesDir: string, work: string): Promise<ImageManifest> {
  const { root, names } = await unpackPackages(work);
  const { version, kernel } = findKernel(root);
  const files = {
    [KERNEL_FILE]: kernelElf(kernel),
    [ROOT_FILE]: initramfs(root, kernelModules(root, version)),
  };
  const image = manifest(world, version, names, files);
  const target = join(imagesDir, image.id);
  if (existsSync(join(target, 'manifest.json'))) return image;
  const made = join(work, 'image');
  await mkdir(made);
  for (const [name, data] of Object.entries(files)) await writeFile(join(made, name), data);
  await writeFile(join(made, 'manifest.json'), `${JSON.stringify(image, undefined, 2)}\n`);
  await rename(made, target);
  return image;
}

function findKernel(root: string): { version: string; kernel: Buffer } {
  const prefix = 'vmlinuz-';
  const name = readdirSync(join(root, 'boot')).find((file) => file.startsWith(prefix));
  if (name === undefined) throw new BuildError('the kernel package holds no vmlinuz');
  return { version: name.slice(prefix.length), kernel: readFileSync(join(root, 'boot', name)) };
}

function manifest(
  world: World,
  kernel: string,
  packages: readonly string[],
  files: Readonly<Record<string, Buffer>>,
): ImageManifest {
  const content = hashOf([COMMAND_LINE, ...Object.values(files)]);
  return {
    format: IMAGE_FORMAT,
    id: `debian-${kernel}-${content.slice(0, 12)}`,
    recipe: imageRecipe(),
    kernel,
    commandLine: COMMAND_LINE,
    packages,
    createdAt: world.now(),
  };
}

function hashOf(parts: readonly (string | Uint8Array)[]): string {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return hash.digest('hex');
}
