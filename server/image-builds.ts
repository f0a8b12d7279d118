import { findCurrentImage, findImagesAtWork, findVersions, insertImage } from '../db/image.ts';
import type { Tx } from '../db/tx.ts';
import type { Why } from '../schema/model/change.ts';
import { SYSTEM } from '../schema/model/change.ts';
import {
  isSameRecipe,
  type CatalogueEntry,
  type Image,
  type ImageRecipe,
} from '../schema/model/image.ts';
import { InvalidInput, WrongState } from '../schema/model/refusal.ts';

/** What can be built by name alone. */
export type Catalogue = readonly CatalogueEntry[];

/** Versions that may wait for their making at once. */
const MOST_AT_WORK = 32;

/** Adds a version to be built, its parent first where that has none; or finds an equal one. */
export function ensureBuild(
  tx: Tx,
  wanted: { readonly name: string; readonly recipe: ImageRecipe },
  catalogue: Catalogue,
  why: Why,
): Image {
  return build(tx, wanted, { catalogue, why, above: [] });
}

/** A build within those that need it. */
interface Building {
  readonly catalogue: Catalogue;
  readonly why: Why;
  /** The names that are built for want of this one, which it must not need itself. */
  readonly above: readonly string[];
}

function build(
  tx: Tx,
  { name, recipe }: { readonly name: string; readonly recipe: ImageRecipe },
  building: Building,
): Image {
  const above = [...building.above, name];
  const parent =
    recipe.parent === null ? null : parentOf(tx, recipe.parent, { ...building, above });
  const parentId = parent?.id ?? null;
  const equal = findVersions(tx.db, name).find(
    (one) => one.status === 'CREATING' && one.parentId === parentId && isSame(one, recipe),
  );
  if (equal !== undefined) return equal;
  const { why } = building;
  const source = { source: 'BUILT', reference: null } as const;
  return addImage(tx, { name, parentId, ...source, recipe }, why);
}

function isSame(image: Image, recipe: ImageRecipe): boolean {
  return image.source === 'BUILT' && isSameRecipe(image.recipe, recipe);
}

/** The version to build on: the current one, one that is being made, or one made for it. */
function parentOf(tx: Tx, name: string, building: Building): Image {
  const current = findCurrentImage(tx.db, name);
  if (current !== undefined) return current;
  const coming = findVersions(tx.db, name).find(({ status }) => status === 'CREATING');
  if (coming !== undefined) return coming;
  if (building.above.includes(name)) {
    const ring = [...building.above, name].join(', ');
    throw new InvalidInput(`each of these would be built on the next: ${ring}`, 'parent');
  }
  const entry = building.catalogue.find((one) => one.name === name);
  if (entry !== undefined) return build(tx, entry, building);
  throw new InvalidInput(`there is no image ${name} to build on`, 'parent');
}

/** Adds a version that is to be built or fetched, unless too many are. */
export function addImage(
  tx: Tx,
  image: Omit<Parameters<typeof insertImage>[1], 'actor'>,
  why: Why,
): Image {
  const coming = findImagesAtWork(tx.db).filter(({ status }) => status === 'CREATING').length;
  if (coming >= MOST_AT_WORK) {
    throw new WrongState(`${coming} images are being made: wait for some`, 'CREATING');
  }
  return insertImage(tx, { ...image, actor: why.actor ?? SYSTEM }, why);
}

/** What a name alone is built of: what the catalogue says, or what its last version was. */
export function knownRecipe(tx: Tx, name: string, catalogue: Catalogue): ImageRecipe | undefined {
  const entry = catalogue.find((one) => one.name === name);
  if (entry !== undefined) return entry.recipe;
  const last = findVersions(tx.db, name).find(({ recipe }) => recipe !== null);
  return last?.recipe ?? undefined;
}

/** The image that a new pool names: it is here, on its way, or built for it at once. */
export function ensureImageFor(tx: Tx, name: string, catalogue: Catalogue, why: Why): void {
  const versions = findVersions(tx.db, name);
  if (versions.some(({ status }) => status === 'READY' || status === 'CREATING')) return;
  const entry = catalogue.find((one) => one.name === name);
  if (entry !== undefined) return void ensureBuild(tx, entry, catalogue, why);
  const known = catalogue.map((one) => one.name).join(', ') || 'nothing';
  const how = 'build it with buildImage, or fetch it with pullImage';
  throw new InvalidInput(`there is no image ${name} (${how}); can be built: ${known}`, 'image');
}
