import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, join, resolve } from 'node:path';
import type { ImageStore } from '../../server/providers/image-store.ts';
import type { ClusterRef, Provider, SetRef } from '../../server/providers/provider.ts';
import { qemuAvailability } from '../../server/providers/qemu/availability.ts';
import { buildBase } from '../../server/providers/vm-host/image/build.ts';
import { ourPrograms } from '../../server/providers/vm-host/image/foundation.ts';
import { type Image, findImage } from '../../server/providers/vm-host/image-manifest.ts';
import { createQemuImageStore } from '../../server/providers/qemu/image-store.ts';
import { createQemuProvider, type QemuOptions } from '../../server/providers/qemu/provider.ts';
import { realWorld } from '../../server/world.ts';
import { clusterRef, setRef, stepOf } from './simulator.ts';

/** Where tests keep the image they build; git does not see it. */
const IMAGES = resolve(import.meta.dirname, '../../.images');

/** The installation whose VMs tests make. */
export const INSTALLATION = 'installation-1';

/** Whether real VMs can be tested here: null, or why not. Builds the image if need be. */
export async function whyNoVms(): Promise<string | null> {
  if (process.env['SNAPYARD_SKIP_REAL'] === '1') return 'SNAPYARD_SKIP_REAL is set';
  const why = await whatIsMissing();
  if (why === null || process.env['SNAPYARD_REQUIRE_QEMU'] !== '1') return why;
  throw new Error(`SNAPYARD_REQUIRE_QEMU is set, but ${why}`);
}

async function whatIsMissing(): Promise<string | null> {
  const first = await qemuAvailability({ imageDir: IMAGES });
  const isBuilt = findImage(IMAGES, 'base')?.programs === ourPrograms();
  if (first.available && isBuilt) return null;
  if (!first.available && !first.why.startsWith('no image')) return `${first.why} (${first.fix})`;
  try {
    await buildBase(realWorld(), IMAGES);
    return null;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** The base image that tests start from. */
export function baseImage(): Image {
  const image = findImage(IMAGES, 'base');
  if (image === undefined) throw new Error('whyNoVms builds it');
  return image;
}

/** A folder for VMs, with a path short enough for sockets. */
export function stateFolder(): string {
  return mkdtempSync(join(tmpdir(), 'yard-'));
}

/** A provider on a folder, emulating: what a host's KVM can do differs from host to host. */
export function qemuOn(stateDir: string, options: Partial<QemuOptions> = {}): Promise<Provider> {
  return createQemuProvider({
    world: realWorld(),
    stateDir,
    imageDir: IMAGES,
    installation: INSTALLATION,
    // Tests share the machine with others.
    settings: { accel: 'tcg', wakeMs: 10_000, answerMs: 10_000 },
    ...options,
  });
}

/** The images of a folder, of which the base is there already; it sends and fetches none. */
export async function imagesOn(folder: string): Promise<ImageStore> {
  const { folder: base } = baseImage();
  cpSync(base, join(folder, basename(base)), { recursive: true });
  return createQemuImageStore({
    world: realWorld(),
    stateDir: folder,
    imageDir: folder,
    catalogue: undefined,
    exchange: {
      repository: undefined,
      allowed: [],
      authFile: undefined,
      pullLimitBytes: 2 ** 30,
      diskSizeBytes: 2 ** 30,
      transferMs: 10_000,
    },
    settings: { accel: 'tcg' },
  });
}

/** Removes all VMs and sets of an installation, closes the provider and removes its folder. */
export async function tearDown(
  provider: Provider,
  stateDir: string,
  installation?: string,
): Promise<void> {
  const tests = stepOf(Number.MAX_SAFE_INTEGER);
  const step = { ...tests, installation: installation ?? tests.installation };
  for (const object of await provider.list(step.signal)) await provider.ensureGone(object, step);
  await provider.close();
  rmSync(stateDir, { recursive: true });
}

/** A cluster of one small VM, whose clones get names of their own. */
export function microRef(name: string): ClusterRef {
  return { ...clusterRef(name, 'micro'), identity: 'REKEYED' };
}

/** A set of the pool that such clusters are in. */
export function microSet(number: number): SetRef {
  return setRef(microRef('any'), number, 'POOL');
}
