import type { Transitions } from './transitions.ts';

/**
 * An image is one version of a named image: what the VMs of a pool are started from on this
 * machine. It never changes once it is there; building or fetching its name again makes another
 * version, whose number was never used before.
 *
 * Its life: CREATING until the store has proven it complete, then READY; FAILED when it could not
 * be built or fetched, or when its files are gone, and READY again when those are back; DELETING
 * until they are removed, when the row goes too. A version may be built on another one, its
 * parent, which stays as long as it does.
 *
 * One READY version of a name is current: the newest, as soon as it is READY, until somebody goes
 * back to an older one. Pools that name the image are made from the current version.
 */
export const IMAGE_STATUSES = ['CREATING', 'READY', 'FAILED', 'DELETING'] as const;

/** The state of an image. */
export type ImageStatus = (typeof IMAGE_STATUSES)[number];

/** Which state may follow which. */
export const IMAGE_TRANSITIONS: Transitions<ImageStatus> = {
  CREATING: ['READY', 'FAILED', 'DELETING'],
  READY: ['FAILED', 'DELETING'],
  FAILED: ['READY', 'DELETING'],
  DELETING: [],
};

/** How an image can come here. */
export const IMAGE_SOURCES = ['BUILT', 'PULLED', 'IMPORTED'] as const;
/** BUILT from a recipe, PULLED from a registry, IMPORTED from files that somebody had. */
export type ImageSource = (typeof IMAGE_SOURCES)[number];

/** What the name of an image looks like. */
export const IMAGE_NAME = /^[a-z][a-z0-9-]{0,29}$/;

/** The image that others are built on which name none. */
export const BASE_IMAGE = 'base';

/** What a named image is made of, as the catalogue or an admin says. */
export interface ImageRecipe {
  /** The name of the image it is built on; null for one that stands on packages alone. */
  readonly parent: string | null;
  /** Packages of the distribution whose files are put into it, with what those need. */
  readonly packages: readonly string[];
  /** Files put into it as they are: path in the guest, and text. */
  readonly files: Readonly<Record<string, string>>;
  /** Commands run in a guest of the parent, in order: argument vectors, never shell strings. */
  readonly steps: readonly (readonly string[])[];
}

/** One entry of the catalogue. */
export interface CatalogueEntry {
  readonly name: string;
  readonly description: string;
  readonly recipe: ImageRecipe;
}

/** One version of a named image. */
export interface Image {
  readonly id: string;
  readonly name: string;
  readonly imageVersion: number;
  readonly status: ImageStatus;
  readonly statusMessage: string | null;
  readonly current: boolean;
  /** The version it is built on. */
  readonly parentId: string | null;
  /** The architecture of its guests, in the words of OCI: `amd64`; null until known. */
  readonly arch: string | null;
  /** How it came here; what was intended, until it is ready. */
  readonly source: ImageSource;
  /** Where it was fetched from. */
  readonly reference: string | null;
  /** What it is built of; null where that is not known. */
  readonly recipe: ImageRecipe | null;
  /** `sha256:` and the hash of its content; null until known. */
  readonly digest: string | null;
  /** Bytes on this disk, the parent's not counted. */
  readonly sizeBytes: number | null;
  /** Bytes as they go over the wire; null until it was packed or fetched. */
  readonly compressedBytes: number | null;
  /** What is in it, a line each. */
  readonly contents: readonly string[];
  /** The tag under which it is to be sent to the registry; null when nothing is to be sent. */
  readonly publishTag: string | null;
  /** The address it was sent to last, with the tag. */
  readonly publishedAs: string | null;
  readonly publishedDigest: string | null;
  /** Why it could not be sent; null when it could, or is still to be. */
  readonly publishError: string | null;
  /** Passes that failed at what is to be done with it now. */
  readonly attempts: number;
  readonly nextAttemptAt: number | null;
  /** Who asked for it; `system` for one that was found. */
  readonly actor: string;
  readonly createdAt: number;
  /** When the work on it began that made it ready, or that is under way. */
  readonly startedAt: number | null;
  readonly readyAt: number | null;
  /** How long that work took; null until it is ready, and for one that was found. */
  readonly buildMs: number | null;
  readonly version: number;
}

/** How a version is called outside: `games@3`. */
export function imageRef({ name, imageVersion }: Pick<Image, 'name' | 'imageVersion'>): string {
  return `${name}@${imageVersion}`;
}

/** Whether two recipes make the same. */
export function isSameRecipe(one: ImageRecipe | null, other: ImageRecipe | null): boolean {
  return one === null || other === null ? one === other : written(one) === written(other);
}

function written({ parent, packages, files, steps }: ImageRecipe): string {
  const paths = Object.keys(files).sort();
  return JSON.stringify([parent, packages, paths.map((path) => [path, files[path]]), steps]);
}

/** Folders that a guest mounts something over, or that are the agent's own. */
const KEPT_OUT = /^\/(proc|sys|dev|run|tmp|lib\/snapyard|var\/lib\/snapyard)(\/|$)/;
const PATH = /^(\/[A-Za-z0-9._+@-]+)+$/;

/** What is wrong with the path of a file in a recipe; null when nothing is. */
export function faultOfPath(path: string): string | null {
  if (!PATH.test(path) || path.split('/').some((part) => part === '.' || part === '..')) {
    return `${path} must be a plain path that begins with /`;
  }
  return KEPT_OUT.test(path) ? `${path} lies where an image keeps no files` : null;
}
