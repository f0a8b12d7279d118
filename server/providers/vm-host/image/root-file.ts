import { createReadStream, createWriteStream } from 'node:fs';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import type { LayeredBoot } from '../image-manifest.ts';

const JOINED = 'root.cpio';

/**
 * The one file that a hypervisor is given as the guest's first root: the only layer there is, or
 * all of them joined.
 */
export function rootFile(folder: string, { layers }: LayeredBoot): string {
  const [first, ...more] = layers;
  return join(folder, more.length > 0 ? JOINED : (first?.name ?? JOINED));
}

/** Joins the layers of a version where it has more than one; the kernel takes such archives. */
export async function writeRoot(folder: string, boot: LayeredBoot): Promise<void> {
  if (boot.layers.length < 2) return;
  const paths = boot.layers.map(({ name }) => join(folder, name));
  await pipeline(contents(paths), createWriteStream(rootFile(folder, boot), { mode: 0o600 }));
}

async function* contents(paths: readonly string[]): AsyncGenerator<Buffer> {
  for (const path of paths) yield* createReadStream(path) as AsyncIterable<Buffer>;
}
