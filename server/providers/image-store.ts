import type { CatalogueEntry, ImageRecipe, ImageSource } from '../../schema/model/image.ts';
import type { Step } from './provider.ts';

export type { CatalogueEntry, ImageRecipe } from '../../schema/model/image.ts';

/**
 * The port behind which the images of VMs are kept on this machine: built, fetched from a registry,
 * published to one, removed. An image is one version of a name; it never changes once it is there.
 *
 * `ensureImage` is idempotent and resumable as a provider's steps are: called again after a crash
 * it finds what it had begun and goes on. A version that is there but was made for nobody, or for
 * another order, is refused. What goes wrong is a `ProviderError`.
 */
export interface ImageStore {
  /** Every complete version that is here, however it came. */
  list(signal: AbortSignal): Promise<KeptImage[]>;
  /**
   * The names that the catalogue can build, with what they are made of. A verb asks within its
   * transaction: a store reads its catalogue beforehand, and again when the file has changed.
   */
  catalogue(): readonly CatalogueEntry[];
  /**
   * Builds or fetches a version, and proves it complete. `step.progress` names each step as it
   * begins (start the parent, each command, capture, pack): they become the version's timeline.
   * It ends soon after its signal is aborted: that is how a build is given up.
   */
  ensureImage(order: ImageOrder, step: Step): Promise<KeptImage>;
  /** Sends a version to a registry under a tag; answers the address with its digest. */
  publish(image: ImageRef, tag: string, step: Step): Promise<Published>;
  /** The tags of the registry that the settings name, in order. */
  tags(signal: AbortSignal): Promise<string[]>;
  /** Removes a version from this machine. Absent is success. */
  remove(image: ImageRef, step: Step): Promise<void>;
}

/** Which version of which image. */
export interface ImageRef {
  readonly name: string;
  readonly imageVersion: number;
}

/** How to come by a version: by its recipe, or from a registry. */
export interface ImageOrder extends ImageRef {
  /** The version it is built on; null for one that stands on packages alone, or is fetched. */
  readonly parent: ImageRef | null;
  /** Whose order it is: the version keeps it, so that it is told from one somebody else made. */
  readonly madeFor: string;
  readonly from:
    | { readonly kind: 'RECIPE'; readonly recipe: ImageRecipe }
    /** A tag, or a whole address, in a registry that the settings allow. */
    | { readonly kind: 'REGISTRY'; readonly reference: string };
}

/** A version that is on this machine. */
export interface KeptImage extends ImageRef {
  /** The order it was made for; null for one that nobody ordered. */
  readonly madeFor: string | null;
  readonly parent: ImageRef | null;
  /** The architecture of its guests, in the words of OCI: `amd64`. */
  readonly arch: string;
  /** `sha256:` and the hash of its content. */
  readonly digest: string;
  /** How it came here. */
  readonly source: ImageSource;
  /** Bytes on this disk, the parent's not counted. */
  readonly sizeBytes: number;
  /** Bytes as they go over the wire; null until it was packed or fetched. */
  readonly compressedBytes: number | null;
  /** What is in it, a line each: packages with versions, files, steps. */
  readonly contents: readonly string[];
  readonly createdAt: number;
}

/** What publishing came to. */
export interface Published {
  /** The address, with the tag. */
  readonly reference: string;
  readonly digest: string;
  readonly compressedBytes: number;
}
