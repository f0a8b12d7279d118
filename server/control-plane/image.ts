import {
  findCurrentImage,
  findImage,
  findImageVersion,
  findVersions,
  moveImage,
} from '../../db/image.ts';
import { findImageUse, findPoolsOf, settleImage, takeUp } from '../../db/image-use.ts';
import { dropSets } from '../../db/hold/drop-sets.ts';
import type { Tx } from '../../db/tx.ts';
import type { ControlPlane } from '../../schema/context.ts';
import type { Why } from '../../schema/model/change.ts';
import type { BuildImageInput, RollbackImageInput } from '../../schema/image-input.ts';
import { BASE_IMAGE, imageRef, type Image, type ImageRecipe } from '../../schema/model/image.ts';
import { InvalidInput, NotFound, WrongState } from '../../schema/model/refusal.ts';
import { addImage, ensureBuild, knownRecipe, type Catalogue } from '../image-builds.ts';
import { asked, type VerbParts } from './verb.ts';

type KeptImages = NonNullable<VerbParts['images']>;
type ImageVerbs = Pick<
  ControlPlane,
  | 'buildImage'
  | 'pullImage'
  | 'publishImage'
  | 'rollbackImage'
  | 'deleteImage'
  | 'readImageCatalogue'
  | 'readImageTags'
>;

/** What can be done about images. */
export function imageVerbs(parts: VerbParts): ImageVerbs {
  const { store, viewer } = parts;
  const why = asked(viewer, 'ADMIN');
  const withStore = (verb: (tx: Tx, images: KeptImages) => Image) =>
    store.transact((tx) => verb(tx, storeOf(parts)));
  return {
    buildImage: (input) =>
      withStore((tx, images) => {
        const catalogue = images.catalogue();
        const recipe = recipeOf(tx, input, catalogue);
        return ensureBuild(tx, { name: input.name, recipe }, catalogue, why);
      }),
    pullImage: ({ name, reference }) =>
      withStore((tx) => {
        const coming = findVersions(tx.db, name).filter(({ status }) => status === 'CREATING');
        const equal = coming.find((one) => one.reference === reference);
        const source = { source: 'PULLED', recipe: null, parentId: null } as const;
        return equal ?? addImage(tx, { name, reference, ...source }, why);
      }),
    publishImage: ({ imageId, tag }) => withStore((tx) => publish(parts, tx, imageId, tag)),
    rollbackImage: (input) => rollBack(parts, input),
    deleteImage: (id) => withStore((tx) => remove(parts, tx, id)),
    readImageCatalogue: () => parts.images?.catalogue() ?? [],
    readImageTags: () => parts.imageTags?.() ?? Promise.resolve({ tags: [], problem: NO_STORE }),
  };
}

const NO_STORE =
  'this server keeps no images: install QEMU and build the first one (npm run qemu:image)';

function storeOf({ images }: VerbParts): KeptImages {
  if (images === undefined) throw new InvalidInput(NO_STORE);
  return images;
}

function imageWithId(tx: Tx, id: string): Image {
  const image = findImage(tx.db, id);
  if (image === undefined) throw new NotFound('image');
  return image;
}

/** A recipe of its own, or with a name alone the one that is known of that name. */
function recipeOf(tx: Tx, input: BuildImageInput, catalogue: Catalogue): ImageRecipe {
  const { name, parent, packages, files, steps } = input;
  const isOwn = [parent, packages, files, steps].some((part) => part != null);
  if (!isOwn) return knownRecipe(tx, name, catalogue) ?? unknown(name, catalogue);
  const base = name === BASE_IMAGE ? null : BASE_IMAGE;
  const own = {
    parent: parent ?? base,
    packages: packages ?? [],
    files: Object.fromEntries((files ?? []).map(({ path, content }) => [path, content])),
    steps: steps ?? [],
  };
  if (own.parent === null && own.steps.length > 0) {
    throw new InvalidInput('steps run in a guest of the parent: name one', 'steps');
  }
  return own;
}

function unknown(name: string, catalogue: Catalogue): never {
  const known = catalogue.map((entry) => entry.name).join(', ') || 'nothing';
  throw new InvalidInput(
    `the catalogue does not know ${name}, but ${known}: say what it is built of`,
    'name',
  );
}

function publish({ viewer }: VerbParts, tx: Tx, id: string, tag: string): Image {
  const image = imageWithId(tx, id);
  const { status, publishTag } = image;
  if (status !== 'READY') throw new WrongState(`the image is ${status}, not READY`, status);
  if (publishTag === tag) return image;
  if (publishTag !== null) {
    throw new WrongState(`it is being published as ${publishTag}`, 'PUBLISHING');
  }
  const patch = { publishTag: tag, publishError: null, attempts: 0, nextAttemptAt: null };
  const move = { from: ['READY'], to: 'READY', patch } as const;
  return moveImage(tx, id, move, asked(viewer, 'ADMIN')) ?? image;
}

/** Pools that one transaction deals with: each may have twenty clusters to give up. */
const POOLS_AT_ONCE = 3;

/**
 * Switches, and marks what all pools have of other versions as outdated, in one transaction: should
 * the server die now, that is replaced one after the other. What is outdated is given up before the
 * answer, a few pools at once.
 */
async function rollBack(parts: VerbParts, input: RollbackImageInput): Promise<Image> {
  const { store, viewer } = parts;
  const why = (image: Image) => ({
    ...asked(viewer, 'ADMIN'),
    reason: `back to ${imageRef(image)}`,
  });
  const image = await store.transact((tx) => {
    storeOf(parts);
    const wanted = wantedVersion(tx, input);
    return takeUp(tx, wanted, why(wanted));
  });
  for (let last = ''; ;) {
    const some = await store.transact((tx) => giveUpSome(tx, image, last, why(image)));
    if (some.length < POOLS_AT_ONCE) return image;
    last = some.at(-1) ?? last;
  }
}

/** In the order of their ids, so that none is passed over when another comes or goes meanwhile. */
function giveUpSome(tx: Tx, image: Image, last: string, why: Why): string[] {
  const ids = findPoolsOf(tx.db, image.name).map(({ id }) => id);
  const left = ids.filter((id) => id > last).toSorted();
  const some = left.slice(0, POOLS_AT_ONCE);
  for (const id of some) dropSets(tx, id, imageRef(image), why);
  return some;
}

/** The version asked for, or the READY one before the current one. */
function wantedVersion(tx: Tx, { name, imageVersion }: RollbackImageInput): Image {
  if (findVersions(tx.db, name).length === 0) throw new NotFound('image');
  return imageVersion == null ? before(tx, name) : versionNumbered(tx, name, imageVersion);
}

function before(tx: Tx, name: string): Image {
  const current = findCurrentImage(tx.db, name);
  if (current === undefined) throw new WrongState(`no version of ${name} is READY`, 'NONE');
  const older = findVersions(tx.db, name).find(
    ({ imageVersion, status }) => imageVersion < current.imageVersion && status === 'READY',
  );
  if (older !== undefined) return older;
  throw new WrongState(`no version before ${imageRef(current)} is READY`, current.status);
}

function versionNumbered(tx: Tx, name: string, imageVersion: number): Image {
  const image = findImageVersion(tx.db, name, imageVersion);
  if (image === undefined) throw new NotFound('image');
  if (image.status === 'READY') return image;
  throw new WrongState(`${imageRef(image)} is ${image.status}, not READY`, image.status);
}

/** A version that is being made is given up; one that something depends on stays. */
function remove({ viewer }: VerbParts, tx: Tx, id: string): Image {
  const image = imageWithId(tx, id);
  if (image.status === 'DELETING') return image;
  const { children, pools } = findImageUse(tx.db, image);
  if (children.length > 0) {
    throw new WrongState(`built on it: ${children.map(imageRef).join(', ')}`, 'IN_USE');
  }
  if (pools.length > 0) throw new WrongState(`used by pools: ${pools.join(', ')}`, 'IN_USE');
  const why = asked(viewer, 'ADMIN');
  const patch = { ...GOING, statusMessage: null };
  const from = ['CREATING', 'READY', 'FAILED'] as const;
  const moved = moveImage(tx, id, { from, to: 'DELETING', patch }, why);
  settleImage(tx, image.name, why);
  return moved ?? image;
}

const GOING = { current: false, publishTag: null, attempts: 0, nextAttemptAt: null } as const;
