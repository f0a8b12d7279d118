import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { imageRef } from '../../../schema/model/image.ts';
import type {
  CatalogueEntry,
  ImageOrder,
  ImageRef,
  ImageStore,
  KeptImage,
  Published,
} from '../image-store.ts';
import { ProviderError, type Step } from '../provider.ts';
import { removeFolder } from './folders.ts';
import { asProviderError } from './image/build-error.ts';
import { type Workshop, buildVersion } from './image/build.ts';
import type { Catalogue } from './image/catalogue.ts';
import { Exchange, type ExchangeSettings, sweepPulls } from './image/exchange.ts';
import { keepFetched } from './image/fetched-version.ts';
import { inWorkFolder, sweepWork } from './image/work-folder.ts';
import { type Image, findImage, listImages } from './image-manifest.ts';
import { Turns } from './turns.ts';

/** What a store of images is made with. */
export interface ImageStoreOptions extends Workshop {
  readonly catalogue: Catalogue;
  readonly exchange: ExchangeSettings;
}

/** Opens the images in a folder, after it has swept what builds and fetches have left there. */
export async function openImageStore(options: ImageStoreOptions): Promise<ImageStore> {
  await sweepWork(options.world, options.imagesDir);
  await sweepPulls(options.world, options.imagesDir);
  return new ImageFolder(options);
}

class ImageFolder implements ImageStore {
  readonly #shop: Workshop;
  readonly #catalogue: Catalogue;
  readonly #exchange: Exchange;
  readonly #turns = new Turns();

  constructor(options: ImageStoreOptions) {
    this.#shop = options;
    this.#catalogue = options.catalogue;
    this.#exchange = new Exchange(options.world, options.imagesDir, options.exchange);
  }

  async list(signal: AbortSignal): Promise<KeptImage[]> {
    signal.throwIfAborted();
    const { imagesDir } = this.#shop;
    if (existsSync(imagesDir)) return listImages(imagesDir).map(keptOf);
    // It was made when the store was opened: what is in it is out of sight, and not gone.
    throw new ProviderError(`${imagesDir} is not there`, { retryable: true });
  }

  catalogue(): readonly CatalogueEntry[] {
    return this.#catalogue.entries();
  }

  /** One after the other for one version; two of different names may be made at once. */
  ensureImage(order: ImageOrder, step: Step): Promise<KeptImage> {
    return this.#turns.take(imageRef(order), async () => {
      const there = findImage(this.#shop.imagesDir, imageRef(order));
      if (there !== undefined && there.madeFor !== order.madeFor) throw madeByOther(order);
      return keptOf(there ?? (await asProviderError(this.#make(order, step))));
    });
  }

  publish(image: ImageRef, tag: string, step: Step): Promise<Published> {
    return this.#turns.take(imageRef(image), () =>
      asProviderError(this.#exchange.publish(this.#existing(image), tag, step)),
    );
  }

  tags(signal: AbortSignal): Promise<string[]> {
    return this.#exchange.tags(signal);
  }

  remove(image: ImageRef): Promise<void> {
    const { world, imagesDir } = this.#shop;
    return this.#turns.take(imageRef(image), () => removeFolder(world, imagesDir, imageRef(image)));
  }

  #make(order: ImageOrder, step: Step): Promise<Image> {
    const { from, name, imageVersion, madeFor } = order;
    if (from.kind === 'REGISTRY') return this.#fetch(order, from.reference, step);
    const parent = order.parent === null ? null : this.#existing(order.parent);
    const version = { name, imageVersion, parent, madeFor };
    return buildVersion(this.#shop, { ...version, recipe: from.recipe }, step);
  }

  #fetch(order: ImageOrder, reference: string, step: Step): Promise<Image> {
    const { world, imagesDir } = this.#shop;
    return inWorkFolder(world, imagesDir, async ({ state: work }) => {
      const folder = join(work, 'files');
      const bundle = await this.#exchange.fetch(reference, folder, step);
      return keepFetched(world, imagesDir, order, { folder, bundle, work });
    });
  }

  #existing(image: ImageRef): Image {
    const found = findImage(this.#shop.imagesDir, imageRef(image));
    if (found !== undefined) return found;
    const reason = `There is no image ${imageRef(image)} in ${this.#shop.imagesDir}`;
    throw new ProviderError(reason, { retryable: false });
  }
}

/** It came while this one was being begun: at the next attempt it is seen beforehand. */
function madeByOther(order: ImageRef): ProviderError {
  const reason = `${imageRef(order)} is there already, and was not made for this`;
  return new ProviderError(reason, { retryable: true });
}

function keptOf(image: Image): KeptImage {
  const { name, imageVersion, arch, digest, source, contents, createdAt } = image;
  const { sizeBytes, compressedBytes, parent, madeFor = null } = image;
  return {
    name,
    imageVersion,
    parent: parent && { name: parent.name, imageVersion: parent.imageVersion },
    arch,
    digest,
    source,
    sizeBytes,
    compressedBytes,
    contents,
    createdAt,
    madeFor,
  };
}
