import { findImage, findImageVersion, findVersions, moveImage, takeVersion } from '../db/image.ts';
import { settleImage, takeUp } from '../db/image-use.ts';
import { closePhase } from '../db/phase.ts';
import type { Db } from '../db/connection.ts';
import type { Tx } from '../db/tx.ts';
import { imageRef, type Image } from '../schema/model/image.ts';
import type { ImageOrder, ImageRef, ImageStore, KeptImage } from './providers/image-store.ts';
import { ProviderError } from './providers/provider.ts';
import type { Deps, Turn } from './reconcilers/reconciler.ts';
import { makeStep } from './step.ts';

const WHY = { cause: 'PROVIDER_EVENT' } as const;

/** Builds or fetches a version, unless it is given up meanwhile. */
export async function makeImage(
  deps: Deps,
  store: ImageStore,
  image: Image,
  turn: Turn,
): Promise<void> {
  if (await isTaken(store, image, turn)) return renumber(deps, image);
  const order = deps.store.read((db) => orderOf(db, image));
  const givenUp = new AbortController();
  const stopWatching = deps.store.onCommit(() => {
    const now = deps.store.read((db) => findImage(db, image.id));
    if (now?.status !== 'CREATING') givenUp.abort(GIVEN_UP);
  });
  const signal = AbortSignal.any([turn.signal, givenUp.signal]);
  try {
    await begin(deps, image);
    const step = makeStep(deps, { id: image.id, fence: 1, image: image.id }, { ...turn, signal });
    const kept = await store.ensureImage(order, step);
    await deps.store.transact((tx) => accept(tx, image.id, kept));
  } catch (error) {
    // Its removal is the next thing to do; it has not failed.
    if (!givenUp.signal.aborted) throw error;
  } finally {
    stopWatching();
  }
}

const GIVEN_UP = new ProviderError('the image is to be deleted', { retryable: false });

/**
 * Another version may have the number that this row was given: a database that was lost does not
 * know what it had built, and the command line builds past it.
 */
async function isTaken(store: ImageStore, image: Image, { signal }: Turn): Promise<boolean> {
  const kept = await store.list(signal);
  return kept.some((one) => imageRef(one) === imageRef(image) && one.madeFor !== image.id);
}

async function renumber(deps: Deps, image: Image): Promise<void> {
  await deps.store.transact((tx) => {
    const patch = { imageVersion: takeVersion(tx, image.name) };
    const why = { ...WHY, reason: `${imageRef(image)} is there already` };
    moveImage(tx, image.id, { from: ['CREATING'], to: 'CREATING', patch }, why);
  });
}

async function begin(deps: Deps, { id }: Image): Promise<void> {
  await deps.store.transact((tx) => {
    const patch = { startedAt: tx.now };
    moveImage(tx, id, { from: ['CREATING'], to: 'CREATING', patch }, WHY);
  });
}

function orderOf(db: Db, image: Image): ImageOrder {
  const { id, name, imageVersion, parentId, recipe, reference } = image;
  const parent = parentId === null ? null : refOf(db, parentId);
  const version = { name, imageVersion, parent, madeFor: id };
  if (recipe !== null) return { ...version, from: { kind: 'RECIPE', recipe } };
  if (reference !== null) return { ...version, from: { kind: 'REGISTRY', reference } };
  throw new ProviderError('nobody knows what it is made of', { retryable: false });
}

function refOf(db: Db, id: string): ImageRef {
  const parent = findImage(db, id);
  if (parent?.status === 'READY') return { name: parent.name, imageVersion: parent.imageVersion };
  const name = parent === undefined ? 'its parent' : imageRef(parent);
  throw new ProviderError(`${name}, on which it is built, is not READY`, { retryable: false });
}

/** What is known of a version that is there. */
export function factsOf(tx: Tx, kept: KeptImage) {
  const { arch, digest, source, sizeBytes, compressedBytes, parent } = kept;
  const known =
    parent === null ? undefined : findImageVersion(tx.db, parent.name, parent.imageVersion);
  const contents = shortened(kept.contents);
  return {
    arch,
    digest,
    source,
    sizeBytes,
    compressedBytes,
    contents,
    parentId: known?.id ?? null,
  };
}

/** Lines that are kept of what is in an image. */
const MOST_LINES = 2_000;

function shortened(lines: readonly string[]): readonly string[] {
  if (lines.length <= MOST_LINES) return lines;
  return [...lines.slice(0, MOST_LINES), `and ${lines.length - MOST_LINES} more`];
}

function accept(tx: Tx, id: string, kept: KeptImage): void {
  const image = findImage(tx.db, id);
  if (image?.status !== 'CREATING') return;
  if (imageRef(kept) !== imageRef(image)) {
    throw new Error(`asked for ${imageRef(image)}, the store answers ${imageRef(kept)}`);
  }
  closePhase(tx, id);
  const { parentId, ...facts } = factsOf(tx, kept);
  const patch = {
    ...facts,
    parentId: image.parentId ?? parentId,
    readyAt: tx.now,
    buildMs: tx.now - (image.startedAt ?? tx.now),
    statusMessage: null,
    attempts: 0,
    nextAttemptAt: null,
  };
  const ready = moveImage(tx, id, { from: ['CREATING'], to: 'READY', patch }, WHY);
  if (ready !== undefined) takeUpIfNewest(tx, ready);
}

/** A READY version becomes the current one of its name unless a newer one is READY. */
export function takeUpIfNewest(tx: Tx, image: Image): void {
  const ready = findVersions(tx.db, image.name).filter(({ status }) => status === 'READY');
  const why = { ...WHY, reason: `${imageRef(image)} is ready` };
  if (ready[0]?.id === image.id) takeUp(tx, image, why);
  else settleImage(tx, image.name, why);
}
