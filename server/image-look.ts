import { findImage, findImages, findImageVersion, insertVersion, moveImage } from '../db/image.ts';
import { settleImage } from '../db/image-use.ts';
import type { Tx } from '../db/tx.ts';
import { SYSTEM } from '../schema/model/change.ts';
import { imageRef, type Image } from '../schema/model/image.ts';
import { factsOf, takeUpIfNewest } from './image-making.ts';
import type { ImageStore, KeptImage } from './providers/image-store.ts';
import type { Deps, Turn } from './reconcilers/reconciler.ts';

/** Rows that one transaction writes at most, with what follows from them. */
const BATCH = 16;

/**
 * Compares the rows with what the store has: a version that nobody knows gets a row, a READY one
 * whose files are gone is FAILED, and READY again when they are back. What changed while the
 * store was being read is left to the next look: what was read then is old.
 */
export async function lookForImages(deps: Deps, store: ImageStore, turn: Turn): Promise<void> {
  const before = deps.store.read((db) => findImages(db));
  const kept = await store.list(turn.signal);
  const known = new Set(before.map(imageRef));
  const found = parentsFirst(kept.filter((one) => !known.has(imageRef(one))));
  await inBatches(deps, found, (tx, one) => adopt(tx, one));
  const there = new Map(kept.map((one) => [imageRef(one), one]));
  const back = before.filter((row) => {
    const { digest } = there.get(imageRef(row)) ?? {};
    return row.status === 'FAILED' && digest !== undefined && digest === row.digest;
  });
  // The newest first: that is the current one where there is none.
  back.sort((a, b) => b.imageVersion - a.imageVersion);
  await inBatches(deps, back, (tx, row) => takeBack(tx, row, there.get(imageRef(row))));
  const lost = before.filter((row) => row.status === 'READY' && !there.has(imageRef(row)));
  await inBatches(deps, lost, (tx, row) => giveUp(tx, row));
}

async function inBatches<Item>(
  { store }: Deps,
  items: readonly Item[],
  act: (tx: Tx, item: Item) => void,
): Promise<void> {
  for (let at = 0; at < items.length; at += BATCH) {
    const some = items.slice(at, at + BATCH);
    await store.transact((tx) => some.forEach((item) => act(tx, item)));
  }
}

/** Each behind the version it is built on, and versions of a name in their order. */
function parentsFirst(kept: readonly KeptImage[]): KeptImage[] {
  const left = new Map(
    kept.toSorted((a, b) => a.imageVersion - b.imageVersion).map((one) => [imageRef(one), one]),
  );
  const sorted: KeptImage[] = [];
  const take = (one: KeptImage) => {
    if (!left.delete(imageRef(one))) return;
    const parent = one.parent === null ? undefined : left.get(imageRef(one.parent));
    if (parent !== undefined) take(parent);
    sorted.push(one);
  };
  for (const one of left.values()) take(one);
  return sorted;
}

function adopt(tx: Tx, kept: KeptImage): void {
  const { name, imageVersion, parent } = kept;
  if (findImageVersion(tx.db, name, imageVersion) !== undefined) return;
  const why = { cause: 'PROVIDER_EVENT', reason: 'found on this machine' } as const;
  const facts = factsOf(tx, kept);
  const row = insertVersion(
    tx,
    { name, imageVersion, reference: null, recipe: null, actor: SYSTEM, ...facts },
    why,
  );
  const isOrphan = parent !== null && facts.parentId === null;
  const message = isOrphan ? `${imageRef(parent)}, on which it is built, is not here` : null;
  const patch = { ...facts, statusMessage: message, readyAt: isOrphan ? null : kept.createdAt };
  const move = { from: ['CREATING'], to: isOrphan ? 'FAILED' : 'READY', patch } as const;
  const moved = moveImage(tx, row.id, move, why);
  if (moved?.status === 'READY') takeUpIfNewest(tx, moved);
}

/** Its files are here again, as they were; one without its parent stays as it is. */
function takeBack(tx: Tx, row: Image, kept: KeptImage | undefined): void {
  if (kept === undefined || findImage(tx.db, row.id)?.version !== row.version) return;
  const parentId = row.parentId ?? factsOf(tx, kept).parentId;
  if (kept.parent !== null && parentId === null) return;
  const why = { cause: 'PROVIDER_EVENT', reason: 'its files are back' } as const;
  const patch = { parentId, statusMessage: null, readyAt: row.readyAt ?? kept.createdAt };
  moveImage(tx, row.id, { from: ['FAILED'], to: 'READY', patch }, why);
  settleImage(tx, row.name, why);
}

function giveUp(tx: Tx, { id, name, version }: Image): void {
  const now = findImage(tx.db, id);
  if (now?.status !== 'READY' || now.version !== version) return;
  const reason = 'its files are gone';
  const patch = { current: false, publishTag: null, statusMessage: reason };
  const why = { cause: 'PROVIDER_EVENT', reason } as const;
  moveImage(tx, id, { from: ['READY'], to: 'FAILED', patch }, why);
  settleImage(tx, name, why);
}
