import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, statSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import {
  type RegistryReference,
  printReference,
} from '../../../../schema/model/registry-reference.ts';
import type { World } from '../../../world.ts';
import type { Published } from '../../image-store.ts';
import { ProviderError } from '../../provider.ts';
import { packBundle } from '../registry/pack.ts';
import { resolveReference } from '../registry/reference.ts';
import { type Pulled, type RegistrySettings, openRegistry } from '../registry/registry.ts';
import { endLeftIn } from '../registry/skopeo.ts';
import { type UnpackedBundle, unpackBundle } from '../registry/unpack.ts';
import { type Image, versionFolder } from '../image-manifest.ts';
import { refuseOtherDisk } from '../disk/inspect.ts';
import { removeFolder } from '../folders.ts';
import { lockState } from '../state-lock.ts';
import { Turns } from '../turns.ts';
import { asProviderError } from './build-error.ts';
import { type Captured, bundleOf, imageOf } from './bundle.ts';
import { ARCH, writeManifest } from './version-folder.ts';
import { inWorkFolder } from './work-folder.ts';

const PULLS = '.pulls';
/** What is fetched is written to all the time: nobody goes on with what was left for so long. */
const LEFT_MS = 86_400_000;
/** Of all exchanges in this process: sets are fetched by another one than images are. */
const fetches = new Turns();

/** What the settings say of getting images from elsewhere and sending them there. */
export interface ExchangeSettings extends RegistrySettings {
  /** Bytes over the wire, at most. */
  readonly pullLimitBytes: number;
  /** Bytes of all files, at most. */
  readonly diskSizeBytes: number;
  /** How long one transfer may take. */
  readonly transferMs: number;
}

/** What an exchange needs of the step that asks for it. */
export interface ExchangeTask {
  readonly signal: AbortSignal;
  readonly progress: (name: string) => void;
}

/** Removes what was fetched, in part or whole, and never became an image. */
export async function sweepPulls(world: World, imagesDir: string): Promise<void> {
  const pulls = join(imagesDir, PULLS);
  mkdirSync(pulls, { recursive: true, mode: 0o700 });
  for (const name of readdirSync(pulls)) {
    // Another sweep may have been first.
    const found = statSync(join(pulls, name), { throwIfNoEntry: false });
    const isLeft = found !== undefined && world.now() - found.mtimeMs > LEFT_MS;
    if (isLeft) await removeFolder(world, pulls, name);
  }
}

/** Sends images to registries and fetches them. */
export class Exchange {
  readonly #world: World;
  readonly #imagesDir: string;
  readonly #settings: ExchangeSettings;

  constructor(world: World, imagesDir: string, settings: ExchangeSettings) {
    this.#world = world;
    this.#imagesDir = imagesDir;
    this.#settings = settings;
  }

  /** Packs a version, with the snapshots that were taken of it, and sends it under a tag. */
  publish(image: Image, tag: string, task: ExchangeTask, captured?: Captured): Promise<Published> {
    const to = resolveReference(tag, this.#settings);
    return this.#packed(image, captured, task, async (layout) => {
      task.progress('send');
      const registry = openRegistry(this.#settings, this.#world);
      return registry.push(layout, to, { signal: task.signal, ms: this.#settings.transferMs });
    });
  }

  /** Packs a version to know its digest and its size over the wire; nothing is sent. */
  pack(image: Image, task: ExchangeTask, captured?: Captured) {
    return this.#packed(image, captured, task, (_layout, packed) => Promise.resolve(packed));
  }

  /**
   * Fetches a bundle and puts its files into a folder. A fetch that was cut off goes on where it
   * was when it is asked for again. Two of one address would write the same files: they take turns.
   */
  async fetch(reference: string, into: string, task: ExchangeTask): Promise<UnpackedBundle> {
    const from = resolveReference(reference, this.#settings);
    const name = createHash('sha256').update(printReference(from)).digest('hex').slice(0, 32);
    const layout = join(this.#imagesDir, PULLS, name);
    await sweepPulls(this.#world, this.#imagesDir);
    return fetches.take(layout, async () => {
      mkdirSync(layout, { recursive: true, mode: 0o700 });
      const unlock = lockState(this.#world, layout);
      try {
        await endLeftIn(this.#world, layout);
        const pulled = await this.#pull(from, layout, task);
        const unpacked = await this.unpack(pulled, into, task);
        await rm(layout, { recursive: true });
        return unpacked;
      } catch (error) {
        const isFinal = error instanceof ProviderError && !error.retryable;
        if (isFinal) await rm(layout, { recursive: true, force: true });
        throw error;
      } finally {
        unlock();
      }
    });
  }

  /** The digest of the bundle that an address means now; nothing is fetched. */
  digestOf(reference: string, { signal }: ExchangeTask): Promise<string> {
    const from = resolveReference(reference, this.#settings);
    const registry = openRegistry(this.#settings, this.#world);
    return registry.digestOf(from, { signal, ms: this.#settings.transferMs });
  }

  /** Fetches a bundle packed; what of it is here already is not fetched again. */
  #pull(from: RegistryReference, layout: string, task: ExchangeTask): Promise<Pulled> {
    task.progress(`fetch ${printReference(from)}`);
    const registry = openRegistry(this.#settings, this.#world);
    const transfer = { signal: task.signal, ms: this.#settings.transferMs };
    return registry.pull(from, layout, this.#limits(), transfer);
  }

  /** Puts the files of a bundle that was fetched into a folder; stops at one that is no image. */
  async unpack(
    { layout, digest }: Pick<Pulled, 'layout' | 'digest'>,
    into: string,
    { signal, progress }: ExchangeTask,
  ): Promise<UnpackedBundle> {
    progress('unpack');
    const task = { world: this.#world, signal };
    const unpacked = await unpackBundle(layout, digest, into, this.#limits(), task);
    const { boot } = imageOf(unpacked).manifest;
    if (boot.kind === 'DISK') {
      const path = join(into, boot.disk.file);
      await asProviderError(refuseOtherDisk(path, boot, this.#settings.diskSizeBytes));
    }
    return unpacked;
  }

  #limits() {
    return {
      architecture: ARCH,
      compressedBytes: this.#settings.pullLimitBytes,
      rawBytes: this.#settings.diskSizeBytes,
    };
  }

  /** The tags of the repository of the settings, in order; none without one. */
  async tags(signal: AbortSignal): Promise<string[]> {
    const { repository, transferMs } = this.#settings;
    if (repository === undefined) return [];
    const of = resolveReference(`${repository}:any`, this.#settings);
    return openRegistry(this.#settings, this.#world).tags(of, { signal, ms: transferMs });
  }

  #packed<T>(
    image: Image,
    captured: Captured | undefined,
    task: ExchangeTask,
    use: (layout: string, packed: { digest: string; compressedBytes: number }) => Promise<T>,
  ): Promise<T> {
    task.progress('pack');
    return inWorkFolder(this.#world, this.#imagesDir, async ({ state }) => {
      const layout = join(state, 'layout');
      const pack = { world: this.#world, signal: task.signal };
      const packed = await packBundle(bundleOf(image, captured), layout, pack);
      const { folder, ...manifest } = image;
      if (folder === versionFolder(this.#imagesDir, image) && captured === undefined) {
        await writeManifest(folder, { ...manifest, compressedBytes: packed.compressedBytes });
      }
      return use(layout, packed);
    });
  }
}
