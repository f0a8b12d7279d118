import { mkdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import {
  BASE_IMAGE,
  type ImageRecipe,
  type ImageSource,
  imageRef,
} from '../../../../schema/model/image.ts';
import type { World } from '../../../world.ts';
import type { Step } from '../../provider.ts';
import type { Folders } from '../folders.ts';
import type { Hypervisor } from '../hypervisor.ts';
import { type Image, findImage } from '../image-manifest.ts';
import type { VmHostSettings } from '../settings.ts';
import { BuildError } from './build-error.ts';
import { type ArchiveEntry, readCpio } from './cpio.ts';
import { type Foundation, makeFoundation, ourPrograms } from './foundation.ts';
import { runSteps } from './guest-steps.ts';
import { type Changes, NO_CHANGES, type Tree, makeLayer } from './layer.ts';
import { packageEntries } from './package-files.ts';
import { unpackPackages } from './packages.ts';
import { recipeEntries, recipeLines } from './recipe.ts';
import type { Content, FileSource, Head } from './version-folder.ts';
import { bootOf, contentOf, digestOfBoot, publishVersion, writeVersion } from './version-folder.ts';
import { inWorkFolder } from './work-folder.ts';

/** What images are built with. */
export interface Workshop {
  readonly world: World;
  readonly imagesDir: string;
  readonly settings: VmHostSettings;
  /** Asked for when steps are to be run in a guest; throws where there is none. */
  readonly hypervisor: () => Promise<Hypervisor>;
  readonly log: (line: string) => void;
}

/** Which version is to be built, on what. */
export interface BuildOrder {
  readonly name: string;
  readonly imageVersion: number;
  /** Null for one that stands on packages alone. */
  readonly parent: Image | null;
  readonly recipe: ImageRecipe;
  readonly madeFor?: string | undefined;
}

const NO_RECIPE: ImageRecipe = { parent: null, packages: [], files: {}, steps: [] };
const DRAFT = { name: 'draft', imageVersion: 1 };

/**
 * Builds a version of an image. It appears by a rename when all of it is on the disk. A recipe
 * that makes no difference to what it is built on is refused: that would be a name and no image.
 */
export function buildVersion(shop: Workshop, order: BuildOrder, step: Step): Promise<Image> {
  return inWorkFolder(shop.world, shop.imagesDir, async (folders) => {
    const built = await build(shop, order, folders, step);
    step.progress('pack');
    const { content, packages, contents } = built;
    const head = headOf(shop.world, order, packages, contents);
    if (order.parent?.digest === digestOfBoot(bootOf(content))) throw noDifference(order);
    const draft = await writeVersion(join(folders.state, 'image'), head, content);
    return publishVersion(shop.imagesDir, draft);
  });
}

/**
 * Builds the next version of the base image; where that would be the same as the newest one,
 * nothing is written and that one is answered.
 */
export function buildBase(
  world: World,
  imagesDir: string,
  signal = new AbortController().signal,
): Promise<Image> {
  return inWorkFolder(world, imagesDir, async (folders) => {
    const { content, packages } = await makeFoundation(await workIn(folders, 'base'), signal);
    const newest = findImage(imagesDir, BASE_IMAGE);
    if (newest?.digest === digestOfBoot(bootOf(content))) return newest;
    const imageVersion = (newest?.imageVersion ?? 0) + 1;
    const order = { name: BASE_IMAGE, imageVersion, parent: null, recipe: NO_RECIPE };
    const head = headOf(world, order, packages, baseLines(packages));
    const draft = await writeVersion(join(folders.state, 'image'), head, content);
    return publishVersion(imagesDir, draft);
  });
}

interface Built {
  readonly content: Content;
  readonly packages: readonly string[];
  readonly contents: readonly string[];
}

async function build(
  shop: Workshop,
  { parent, recipe }: BuildOrder,
  folders: Folders,
  step: Step,
): Promise<Built> {
  step.progress('fetch packages');
  const ground = await groundOf(parent, folders, step.signal);
  const own = await workIn(folders, 'own');
  const fetched = await fetchPackages(recipe, ground.packages, own, step.signal);
  const added = [...fetched.entries, ...recipeEntries(recipe)];
  const below = await treeOf(ground.content);
  const changes = await changesBy(shop, recipe, { ground, below, added }, folders, step);
  return {
    content: withLayer(ground.content, makeLayer(below, added, changes)),
    packages: [...ground.packages, ...fetched.names],
    contents: [
      ...(parent === null ? baseLines(ground.packages) : []),
      ...recipeLines(recipe, fetched.names),
    ],
  };
}

/** What a version is built on: its parent, or the small Linux that all begin with. */
async function groundOf(
  parent: Image | null,
  folders: Folders,
  signal: AbortSignal,
): Promise<Foundation> {
  if (parent !== null) return { content: contentOf(parent), packages: parent.packages };
  return makeFoundation(await workIn(folders, 'base'), signal);
}

async function fetchPackages(
  { packages }: ImageRecipe,
  there: readonly string[],
  folder: string,
  signal: AbortSignal,
): Promise<{ entries: ArchiveEntry[]; names: readonly string[] }> {
  if (packages.length === 0) return { entries: [], names: [] };
  const { root, names } = await unpackPackages(packages, there, folder, signal);
  return { entries: packageEntries(root), names };
}

/** Runs the steps in a guest that has the packages and the files of the recipe already. */
async function changesBy(
  shop: Workshop,
  { steps }: ImageRecipe,
  made: { ground: Foundation; below: Tree; added: readonly ArchiveEntry[] },
  folders: Folders,
  step: Step,
): Promise<Changes> {
  if (steps.length === 0) return NO_CHANGES;
  step.progress('start parent');
  const { world, settings, log } = shop;
  const imagesDir = join(folders.state, 'images');
  const { ground, below, added } = made;
  const head = headOf(world, { ...DRAFT, parent: null, recipe: NO_RECIPE }, [], []);
  const content = withLayer(ground.content, makeLayer(below, added));
  await writeVersion(join(imagesDir, imageRef(DRAFT)), head, content);
  const host = { world, settings, log, folders, hypervisor: await shop.hypervisor() };
  return runSteps(host, { imagesDir, reference: imageRef(DRAFT) }, steps, step);
}

async function treeOf({ layers }: Content): Promise<Tree> {
  return readCpio(Buffer.concat(await Promise.all(layers.map(dataOf))));
}

async function dataOf(source: FileSource): Promise<Buffer> {
  return source.kind === 'DATA' ? source.data : readFile(source.path);
}

function withLayer(content: Content, layer: Buffer | null): Content {
  if (layer === null) return content;
  return { ...content, layers: [...content.layers, { kind: 'DATA', data: layer }] };
}

function headOf(
  world: World,
  { name, imageVersion, parent, madeFor }: BuildOrder,
  packages: readonly string[],
  contents: readonly string[],
): Head {
  const from = parent && {
    name: parent.name,
    imageVersion: parent.imageVersion,
    digest: parent.digest,
  };
  const source: ImageSource = 'BUILT';
  return {
    name,
    imageVersion,
    parent: from,
    source,
    packages: [...packages],
    contents: [...contents],
    compressedBytes: null,
    createdAt: world.now(),
    programs: parent?.programs ?? ourPrograms(),
    madeFor,
  };
}

function baseLines(packages: readonly string[]): string[] {
  return packages.map((line) => `package ${line}`);
}

async function workIn(folders: Folders, name: string): Promise<string> {
  const folder = join(folders.state, name);
  await mkdir(folder, { mode: 0o700 });
  return folder;
}

function noDifference({ name, parent }: BuildOrder): BuildError {
  const on = parent === null ? 'its parent' : imageRef(parent);
  return new BuildError(`${name} would be the same as ${on}: its recipe changes nothing`);
}
