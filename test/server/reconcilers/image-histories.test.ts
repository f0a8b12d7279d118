import { expect, test } from 'vitest';
import { findImages } from '../../../db/image.ts';
import { imageRef, type Image } from '../../../schema/model/image.ts';
import { Refusal } from '../../../schema/model/refusal.ts';
import type { ImageStore } from '../../../server/providers/image-store.ts';
import { ProviderError } from '../../../server/providers/provider.ts';
import {
  createShelf,
  putOnShelf,
  simulatedImages,
  type ImageShelf,
} from '../../kit/image-store.ts';
import { seeded } from '../../kit/seeded.ts';
import { openYard, type Yard } from '../../kit/yard.ts';

/**
 * Histories of images at random: built, gone back, deleted, lost, found, failing and with crashes
 * in between. After every deed and every stretch of time, what must always hold is checked.
 */
interface History {
  yard: Yard;
  readonly shelf: ImageShelf;
  readonly random: () => number;
  readonly seen: Map<string, string>;
  readonly open: Yard['crash'];
}

const NAMES = ['base', 'games', 'mine'];
const DEEDS = 40;

function imagesOf({ yard }: History): Image[] {
  return yard.store.read((db) => findImages(db));
}

/** What does not hold now, a line each. */
function broken(history: History): string[] {
  const images = imagesOf(history);
  const byId = new Map(images.map((image) => [image.id, image]));
  return [
    ...history.yard.faults,
    ...NAMES.flatMap((name) => brokenCurrent(images, name)),
    ...images
      .filter(({ parentId }) => parentId !== null && !byId.has(parentId))
      .map((image) => `${imageRef(image)} has lost its parent`),
    ...images.filter((image) => isReused(history, image)).map((one) => `${imageRef(one)} again`),
  ];
}

function brokenCurrent(images: readonly Image[], name: string): string[] {
  const versions = images.filter((image) => image.name === name);
  const current = versions.filter((image) => image.current);
  const ready = versions.some(({ status }) => status === 'READY');
  if (current.length !== (ready ? 1 : 0)) return [`${name} has ${current.length} current versions`];
  return current.filter(({ status }) => status !== 'READY').map(imageRef);
}

/** A number belongs to one row for ever; only one that was not begun may take another number. */
function isReused({ seen }: History, image: Image): boolean {
  if (image.status === 'CREATING') return false;
  const owner = seen.get(imageRef(image)) ?? image.id;
  seen.set(imageRef(image), owner);
  return owner !== image.id;
}

const DEEDS_BY_NAME: Readonly<Record<string, (history: History) => Promise<unknown> | void>> = {
  build: (history) => verbs(history).buildImage({ name: pick(history, ['base', 'games']) }),
  own: (history) => {
    const packages = [`p${Math.floor(history.random() * 1_000)}`];
    return verbs(history).buildImage({ name: 'mine', parent: pick(history, NAMES), packages });
  },
  back: (history) => verbs(history).rollbackImage({ name: pick(history, NAMES) }),
  remove(history) {
    const images = imagesOf(history);
    return images.length === 0 ? undefined : verbs(history).deleteImage(pick(history, images).id);
  },
  crash(history) {
    history.yard = history.open();
    history.yard.loops.start();
  },
  lose({ shelf, random }) {
    const refs = [...shelf.kept.keys()];
    shelf.kept.delete(refs[Math.floor(random() * refs.length)] ?? '');
  },
  find({ shelf, random }) {
    const name = NAMES[Math.floor(random() * NAMES.length)] ?? '';
    const versions = [...shelf.begun.keys(), ...shelf.kept.keys(), ...shelf.removed];
    const next = versions
      .filter((ref) => ref.startsWith(`${name}@`))
      .map((ref) => ref.split('@')[1]);
    putOnShelf(shelf, { name, imageVersion: Math.max(0, ...next.map(Number)) + 1 });
  },
};

function verbs({ yard }: History) {
  return yard.as('root');
}

function pick<Item>({ random }: History, items: readonly Item[]): Item {
  const item = items[Math.floor(random() * items.length)];
  if (item === undefined) throw new Error('there is nothing to pick from');
  return item;
}

/** A refusal is an answer like another; anything else is a bug. */
async function answered(history: History, deed: Promise<unknown> | void): Promise<void> {
  if (deed === undefined) return;
  await history.yard.done(deed.catch((error: unknown) => expect(error).toBeInstanceOf(Refusal)));
}

async function play(seed: number): Promise<void> {
  const random = seeded(seed);
  const shelf = createShelf();
  const faulty = (world: Yard['world']) => {
    const store = simulatedImages(world, shelf);
    const ensureImage: ImageStore['ensureImage'] = (order, step) => {
      const error = new ProviderError('bad luck', { retryable: random() < 0.5 });
      if (random() < 0.2) store.faults.ensureImage.push(error);
      return store.ensureImage(order, step);
    };
    return { ...store, ensureImage };
  };
  const options = { seed, images: faulty };
  const yard = openYard(options);
  const history: History = {
    yard,
    shelf,
    random,
    seen: new Map(),
    open: () => history.yard.crash(options),
  };
  yard.loops.start();
  const deeds = Object.keys(DEEDS_BY_NAME);
  for (let n = 0; n < DEEDS; n += 1) {
    const deed = pick(history, deeds);
    await answered(history, DEEDS_BY_NAME[deed]?.(history));
    expect(broken(history), `seed ${seed}, deed ${n} ${deed}`).toEqual([]);
    // Now and then long enough that the store is looked at.
    await history.yard.world.advance(Math.floor(random() * (n % 8 === 0 ? 70_000 : 8_000)));
    expect(broken(history), `seed ${seed}, after deed ${n} ${deed}`).toEqual([]);
  }
  const isAtRest = () => imagesOf(history).every(({ status }) => /READY|FAILED/.test(status));
  await history.yard.world.runUntil(isAtRest, { withinMs: 3_600_000 });
  expect(history.yard.faults, `seed ${seed}`).toEqual([]);
  expect(broken(history), `seed ${seed}, at the end`).toEqual([]);
  await history.yard.close();
}

const SEEDS = [1, 2, 3];

test.each(SEEDS)('whatever happens to images, each name has its current version (seed %i)', play);
