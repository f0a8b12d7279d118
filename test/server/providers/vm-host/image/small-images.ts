import { createHash } from 'node:crypto';
import { join } from 'node:path';
import { bundleOf } from '../../../../../server/providers/vm-host/image/bundle.ts';
import {
  Exchange,
  type ExchangeSettings,
} from '../../../../../server/providers/vm-host/image/exchange.ts';
import { keepFetched } from '../../../../../server/providers/vm-host/image/fetched-version.ts';
import {
  type Head,
  writeVersion,
} from '../../../../../server/providers/vm-host/image/version-folder.ts';
import {
  type Image,
  type ImageManifest,
  versionFolder,
} from '../../../../../server/providers/vm-host/image-manifest.ts';
import { packBundle } from '../../../../../server/providers/vm-host/registry/pack.ts';
import { realWorld } from '../../../../../server/world.ts';
import { diskFolder } from '../../../../kit/disks.ts';
import { stepOf } from '../../../../kit/simulator.ts';

export const world = realWorld();
const LIMIT = 2 ** 26;

/** Settings that allow nothing but one repository. */
export function settingsFor(repository: string | undefined): ExchangeSettings {
  const limits = { pullLimitBytes: LIMIT, diskSizeBytes: LIMIT, transferMs: 30_000 };
  return { repository, allowed: [], authFile: undefined, ...limits };
}

/** Writes a version that boots from these layers; nobody could start it. */
export function smallImage(
  imagesDir: string,
  name: string,
  layers: readonly string[],
  more: Partial<Pick<ImageManifest, 'imageVersion' | 'parent' | 'madeFor'>> = {},
): Promise<Image> {
  const data = (text: string) => ({ kind: 'DATA', data: Buffer.from(text) }) as const;
  const ref = { name, imageVersion: 1, parent: null, ...more };
  const made = { programs: '', packages: [], contents: [], compressedBytes: null, createdAt: 0 };
  const head: Head = { ...ref, ...made, source: 'BUILT' };
  const content = { kernelVersion: '1', commandLine: '', kernel: data('kernel') };
  const folder = versionFolder(imagesDir, ref);
  return writeVersion(folder, head, { ...content, layers: layers.map(data) });
}

/**
 * Packs an image as it is described and takes it as `came@7`, without a registry between them.
 * `meanwhile` is done when what is here has been looked at.
 */
export async function travel(
  image: Image,
  imagesDir: string,
  meanwhile: () => void = () => undefined,
): Promise<Image> {
  const work = diskFolder();
  const layout = join(work, 'layout');
  const { signal } = new AbortController();
  const { digest } = await packBundle(bundleOf(image), layout, { world, signal });
  const exchange = new Exchange(world, imagesDir, settingsFor(undefined));
  const folder = join(work, 'files');
  const bundle = await exchange.unpack({ layout, digest }, folder, stepOf(1));
  const order = { name: 'came', imageVersion: 7 };
  const keeping = keepFetched(world, imagesDir, order, { folder, bundle, work });
  meanwhile();
  return keeping;
}

export function sha256(data: string | Uint8Array): string {
  return createHash('sha256').update(data).digest('hex');
}
