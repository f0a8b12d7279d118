import { createHash } from 'node:crypto';
import { imageRef } from '../../schema/model/image.ts';
import type {
  CatalogueEntry,
  ImageOrder,
  ImageRecipe,
  ImageRef,
  ImageStore,
  KeptImage,
  Published,
} from '../../server/providers/image-store.ts';
import { ProviderError, type Step } from '../../server/providers/provider.ts';
import type { World } from '../../server/world.ts';

/** What is on the disk and in the registry; it outlives the process, as they do. */
export interface ImageShelf {
  readonly kept: Map<string, KeptImage>;
  /** By tag. */
  readonly registry: Map<string, KeptImage>;
  /** Versions whose making has begun, and how often. */
  readonly begun: Map<string, number>;
  readonly removed: string[];
}

/** An empty disk and an empty registry. */
export function createShelf(): ImageShelf {
  return { kept: new Map(), registry: new Map(), begun: new Map(), removed: [] };
}

/** What goes wrong next: each is thrown once, by the method of its name. */
export interface ImageFaults {
  ensureImage: Error[];
  publish: Error[];
  remove: Error[];
  tags: Error[];
  /** How long the next makings take at each step, in milliseconds. */
  slow: number[];
}

/** A store of images without VMs: it takes its time, keeps what it made, and fails as told. */
export interface SimulatedImages extends ImageStore {
  readonly shelf: ImageShelf;
  readonly faults: ImageFaults;
  /** What can be built by name; tests change it as people change the file. */
  entries: CatalogueEntry[];
  /** How often the registry was asked for its tags. */
  asked: number;
}

const STEP_MS = 1_000;

/** A recipe; tests say only what matters to them. */
export function recipe(given: Partial<ImageRecipe> = {}): ImageRecipe {
  return { parent: 'base', packages: [], files: {}, steps: [], ...given };
}

/** The catalogue that tests begin with. */
const CATALOGUE: readonly CatalogueEntry[] = [
  { name: 'base', description: 'a small Linux', recipe: recipe({ parent: null }) },
  {
    name: 'games',
    description: 'with games',
    recipe: recipe({ packages: ['nethack-console'], steps: [['true'], ['install', '-d', '/g']] }),
  },
];

/** Opens a store on a shelf. */
export function simulatedImages(
  world: Pick<World, 'now' | 'after'>,
  shelf: ImageShelf = createShelf(),
): SimulatedImages {
  const faults: ImageFaults = { ensureImage: [], publish: [], remove: [], tags: [], slow: [] };
  const rest = (ms: number, signal: AbortSignal) => pause(world, ms, signal);
  const fail = (of: Exclude<keyof ImageFaults, 'slow'>) => {
    const error = faults[of].shift();
    if (error !== undefined) throw error;
  };
  return {
    shelf,
    faults,
    entries: [...CATALOGUE],
    asked: 0,
    catalogue() {
      return this.entries;
    },
    async list(signal) {
      await rest(1, signal);
      return [...shelf.kept.values()];
    },
    async ensureImage(order, step) {
      const known = shelf.kept.get(imageRef(order));
      if (known?.madeFor === order.madeFor) return known;
      if (known !== undefined) throw new ProviderError('made for another', { retryable: true });
      shelf.begun.set(imageRef(order), (shelf.begun.get(imageRef(order)) ?? 0) + 1);
      const stepMs = faults.slow.shift() ?? STEP_MS;
      for (const name of stepsOf(order)) {
        step.progress(name);
        await rest(stepMs, step.signal);
      }
      fail('ensureImage');
      const kept = makeKept(shelf, order, world.now());
      shelf.kept.set(imageRef(order), kept);
      return kept;
    },
    async publish(image, tag, step): Promise<Published> {
      await rest(STEP_MS, step.signal);
      fail('publish');
      const kept = keptOf(shelf, image);
      shelf.registry.set(tag, kept);
      const reference = `registry.test/owner/images:${tag}`;
      return { reference, digest: kept.digest, compressedBytes: kept.sizeBytes / 2 };
    },
    async tags(signal) {
      this.asked += 1;
      await rest(faults.slow.shift() ?? STEP_MS, signal);
      fail('tags');
      return [...shelf.registry.keys()].toSorted();
    },
    async remove(image, step: Step) {
      await rest(STEP_MS, step.signal);
      fail('remove');
      shelf.kept.delete(imageRef(image));
      shelf.removed.push(imageRef(image));
    },
  };
}

function pause(world: Pick<World, 'after'>, ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) return reject(signal.reason as Error);
    const stop = () => {
      cancel();
      reject(signal.reason as Error);
    };
    const cancel = world.after(ms, () => {
      signal.removeEventListener('abort', stop);
      resolve();
    });
    signal.addEventListener('abort', stop, { once: true });
  });
}

function stepsOf({ parent, from }: ImageOrder): string[] {
  if (from.kind === 'REGISTRY') return [`fetch ${from.reference}`, 'verify'];
  const start = parent === null ? [] : [`start ${imageRef(parent)}`];
  return [...start, ...from.recipe.steps.map((argv) => argv.join(' ')), 'capture', 'pack'];
}

function keptOf(shelf: ImageShelf, image: ImageRef): KeptImage {
  const kept = shelf.kept.get(imageRef(image));
  if (kept === undefined) throw new ProviderError(`${imageRef(image)} is gone`, NOT_AGAIN);
  return kept;
}

const NOT_AGAIN = { retryable: false };

function makeKept(shelf: ImageShelf, order: ImageOrder, createdAt: number): KeptImage {
  const { name, imageVersion, parent, from, madeFor } = order;
  if (from.kind === 'REGISTRY') {
    const there = shelf.registry.get(from.reference);
    if (there === undefined) throw new ProviderError(`no ${from.reference} there`, NOT_AGAIN);
    const own = { name, imageVersion, madeFor, createdAt };
    return { ...there, ...own, parent: null, source: 'PULLED' };
  }
  const below = parent === null ? '' : keptOf(shelf, parent).digest;
  return {
    name,
    imageVersion,
    parent,
    arch: 'amd64',
    digest: digestOf(below, from.recipe),
    source: 'BUILT',
    sizeBytes: 1_000,
    compressedBytes: null,
    contents: [...from.recipe.packages, ...Object.keys(from.recipe.files)],
    createdAt,
    madeFor,
  };
}

function digestOf(below: string, { packages, files, steps }: ImageRecipe): string {
  const content = JSON.stringify([below, packages, files, steps]);
  return `sha256:${createHash('sha256').update(content).digest('hex')}`;
}

/** A version that somebody put on the shelf past the server, as the command line does. */
export function putOnShelf(shelf: ImageShelf, image: ImageRef, parent: ImageRef | null = null) {
  const from = { kind: 'RECIPE', recipe: recipe({ packages: [imageRef(image)] }) } as const;
  const kept = makeKept(shelf, { ...image, parent, madeFor: '', from }, 1_000);
  shelf.kept.set(imageRef(image), { ...kept, madeFor: null });
}
