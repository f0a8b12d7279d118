import { deleteImage, findImage, findImagesAtWork, moveImage } from '../../db/image.ts';
import { pausePools, settleImage } from '../../db/image-use.ts';
import type { Db } from '../../db/connection.ts';
import { deleteNotes } from '../../db/note.ts';
import { closePhase } from '../../db/phase.ts';
import type { Tx } from '../../db/tx.ts';
import { LONGEST_RETRY_MS } from '../../schema/model/cluster-pool.ts';
import type { Image } from '../../schema/model/image.ts';
import { lookForImages } from '../image-look.ts';
import { makeImage } from '../image-making.ts';
import { ProviderError } from '../providers/provider.ts';
import type { ImageStore } from '../providers/image-store.ts';
import { makeStep } from '../step.ts';
import {
  retryDelayMs,
  retryInMs,
  type Deps,
  type Failure,
  type Found,
  type ImageDeadlines,
  type Reconciler,
  type Turn,
  type Work,
} from './reconciler.ts';

/**
 * Wants: every image that was asked for here, published where that was asked for, nothing left of
 * those that are DELETING, and a row for every version that is here.
 * Looks: at the rows, and now and then at what the store has.
 * Acts: has the store build or fetch it, send it, remove it; a version that is READY and the
 * newest becomes the current one of its name.
 * After a crash: the store is asked for the same again, and finds what it had begun. What could
 * not be had is FAILED and says why; what is to be removed is tried for ever.
 */
export function images(deps: Deps): Reconciler {
  let nextLook = 0;
  return {
    name: 'images',
    find(now) {
      if (deps.images === undefined) return { ready: [] };
      const waitMs = nextLook - deps.world.elapsed();
      const { ready, nextAt } = deps.store.read((db) => findWork(deps, db, now));
      // While it looks nothing is to come: the end of a pass is followed by another look for work.
      if (waitMs <= 0) return { ready: [...ready, LOOK], nextAt };
      return { ready, nextAt: Math.min(nextAt ?? Infinity, now + waitMs) };
    },
    async pass(work, turn) {
      const store = storeOf(deps);
      if (work.id !== LOOK.id) return workAt(deps, store, work.id, turn);
      nextLook = deps.world.elapsed() + LOOK_EVERY_MS;
      return lookForImages(deps, store, turn);
    },
    failed: (work, failure) => noteFailure(deps, work.id, failure),
  };
}

const LOOK_EVERY_MS = 60_000;
const LOOK: Work = { id: 'look', group: 'image look', parallel: 1, deadlineMs: 60_000 };
const REMOVAL_MS = 60_000;

/** Ten minutes to build one, twenty to fetch or send one; see the settings. */
const DEADLINES: ImageDeadlines = { buildMs: 600_000, pullMs: 1_200_000 };

function findWork(deps: Deps, db: Db, now: number): Found {
  const rows = findImagesAtWork(db).filter((image) => !waitsForParent(db, image));
  const due = rows.filter(({ nextAttemptAt }) => isDue(nextAttemptAt, now));
  const later = rows.flatMap(({ nextAttemptAt }) => nextAttemptAt ?? []);
  const next = later.filter((at) => at > now);
  const ready = due.map((image) => workOf(image, deps.imageDeadlines ?? DEADLINES));
  return { ready, nextAt: next.length === 0 ? undefined : Math.min(...next) };
}

/** One that is further off than anything is put off was set by a clock that was set back since. */
function isDue(nextAttemptAt: number | null, now: number): boolean {
  return nextAttemptAt === null || nextAttemptAt <= now || nextAttemptAt > now + LONGEST_RETRY_MS;
}

function waitsForParent(db: Db, { status, parentId }: Image): boolean {
  if (status !== 'CREATING' || parentId === null) return false;
  return findImage(db, parentId)?.status === 'CREATING';
}

/** A build takes a VM of its own and all that it can compute: one at a time. */
function workOf({ id, status, source }: Image, { buildMs, pullMs }: ImageDeadlines): Work {
  if (status === 'DELETING')
    return { id, group: 'image removal', parallel: 4, deadlineMs: REMOVAL_MS };
  if (status === 'READY') return { id, group: 'image publishing', parallel: 1, deadlineMs: pullMs };
  if (source === 'BUILT') return { id, group: 'image build', parallel: 1, deadlineMs: buildMs };
  return { id, group: 'image fetch', parallel: 2, deadlineMs: pullMs };
}

function storeOf({ images: store }: Deps): ImageStore {
  if (store !== undefined) return store;
  throw new ProviderError('this host keeps no images', { retryable: true });
}

async function workAt(deps: Deps, store: ImageStore, id: string, turn: Turn): Promise<void> {
  const image = deps.store.read((db) => findImage(db, id));
  if (image?.status === 'CREATING') return makeImage(deps, store, image, turn);
  if (image?.status === 'DELETING') return clearAway(deps, store, image, turn);
  if (image?.status === 'READY' && image.publishTag !== null) {
    return publish(deps, store, image, image.publishTag, turn);
  }
}

async function publish(
  deps: Deps,
  store: ImageStore,
  image: Image,
  tag: string,
  turn: Turn,
): Promise<void> {
  const step = makeStep(deps, { id: image.id, fence: 1, image: image.id }, turn);
  step.progress(`publish as ${tag}`);
  const { reference, digest, compressedBytes } = await store.publish(image, tag, step);
  await deps.store.transact((tx) => {
    closePhase(tx, image.id);
    const published = { publishedAs: reference, publishedDigest: digest, compressedBytes };
    const patch = { ...published, ...PUBLISHED };
    const why = { cause: 'PROVIDER_EVENT', reason: `published as ${reference}` } as const;
    moveImage(tx, image.id, { from: ['READY'], to: 'READY', patch }, why);
  });
}

const PUBLISHED = {
  publishTag: null,
  publishError: null,
  statusMessage: null,
  attempts: 0,
  nextAttemptAt: null,
} as const;

async function clearAway(deps: Deps, store: ImageStore, image: Image, turn: Turn): Promise<void> {
  await store.remove(image, makeStep(deps, { id: image.id, fence: 1 }, turn));
  await deps.store.transact((tx) => {
    deleteNotes(tx, image.id);
    deleteImage(tx, image, { cause: 'ADMIN' });
    pausePools(tx, image.name);
  });
}

async function noteFailure(deps: Deps, id: string, failure: Failure): Promise<void> {
  await deps.store.transact((tx) => {
    const image = findImage(tx.db, id);
    if (image?.status === 'CREATING') noteUnmade(tx, image, failure);
    if (image?.status === 'READY') noteUnpublished(tx, image, failure);
    if (image?.status === 'DELETING') noteLeft(tx, image, failure);
  });
}

/** What took too long once takes too long again: nobody waits for it three times. */
function retryMs(failure: Failure, attempts: number): number | undefined {
  return failure.cause === 'DEADLINE' ? undefined : retryInMs(failure, attempts);
}

function noteUnmade(tx: Tx, image: Image, failure: Failure): void {
  const { reason, cause } = failure;
  const attempts = image.attempts + 1;
  const waitMs = retryMs(failure, attempts);
  closePhase(tx, image.id, reason);
  const nextAttemptAt = waitMs === undefined ? null : tx.now + waitMs;
  const patch = { attempts, nextAttemptAt, statusMessage: reason };
  const to = waitMs === undefined ? 'FAILED' : 'CREATING';
  moveImage(tx, image.id, { from: ['CREATING'], to, patch }, { cause, reason });
  if (to === 'FAILED') settleImage(tx, image.name, { cause, reason });
}

function noteUnpublished(tx: Tx, image: Image, failure: Failure): void {
  const { reason, cause } = failure;
  const attempts = image.attempts + 1;
  const waitMs = retryMs(failure, attempts);
  closePhase(tx, image.id, reason);
  const patch =
    waitMs === undefined
      ? { ...PUBLISHED, publishError: reason }
      : { attempts, nextAttemptAt: tx.now + waitMs, publishError: reason, statusMessage: reason };
  moveImage(tx, image.id, { from: ['READY'], to: 'READY', patch }, { cause, reason });
}

function noteLeft(tx: Tx, image: Image, { reason, cause }: Failure): void {
  const attempts = image.attempts + 1;
  const nextAttemptAt = tx.now + retryDelayMs(attempts);
  const patch = { attempts, nextAttemptAt, statusMessage: reason };
  moveImage(tx, image.id, { from: ['DELETING'], to: 'DELETING', patch }, { cause, reason });
}
