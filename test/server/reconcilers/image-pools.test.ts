import { afterEach, beforeEach, expect, it } from 'vitest';
import { findPoolByName } from '../../../db/cluster-pool.ts';
import { findCurrentImage, findImages } from '../../../db/image.ts';
import { imageRef, type Image } from '../../../schema/model/image.ts';
import { ProviderError, type Provider } from '../../../server/providers/provider.ts';
import { simulatedImages, type SimulatedImages } from '../../kit/image-store.ts';
import { openYard, type Yard } from '../../kit/yard.ts';

// Pools of micro-VMs that name an image, from its building to the VMs made of it.

let store: SimulatedImages;
let yard: Yard;
/** The images that the provider was given to make VMs of. */
let given: string[];

beforeEach(() => {
  given = [];
  const images = (world: Yard['world']) => (store = simulatedImages(world));
  yard = openYard({ images, micro: true, wrapProvider });
  yard.loops.start();
});
afterEach(async () => {
  expect(yard.faults).toEqual([]);
  await yard.close();
});

function wrapProvider(provider: Provider): Provider {
  return new Proxy(provider, {
    get(target, name, receiver) {
      if (name !== 'ensureCluster') return Reflect.get(target, name, receiver) as unknown;
      return (...args: Parameters<Provider['ensureCluster']>) => {
        given.push(...args[0].vms.flatMap(({ image }) => image ?? []));
        return target.ensureCluster(...args);
      };
    },
  });
}

const verbs = () => yard.as('root');
const pool = () => yard.store.read((db) => findPoolByName(db, 'play'));
const becomes = (ref: string, status: Image['status']) =>
  yard.world.runUntil(
    () => {
      const images = yard.store.read((db) => findImages(db));
      return images.some((image) => imageRef(image) === ref && image.status === status);
    },
    { withinMs: 3_600_000 },
  );

const create = () => {
  const input = { name: 'play', provider: 'QEMU', image: 'games', size: 2 } as const;
  return yard.done(verbs().createClusterPool(input));
};

it('a pool waits for its image, and is made from its version', async () => {
  await create();
  await yard.world.advance(2_000);
  expect(yard.members('play')).toEqual([]);
  await yard.settled('play', 2);
  expect(new Set(given)).toEqual(new Set(['games@1']));
});

it('a pool says why its image cannot be had, and is filled when it can', async () => {
  store.faults.ensureImage.push(new ProviderError('capture failed', { retryable: false }));
  await create();
  await becomes('games@1', 'FAILED');
  expect(pool()?.replenishPaused).toContain('image games@1 could not be had');
  await yard.done(verbs().buildImage({ name: 'games' }));
  await yard.settled('play', 2);
  expect(pool()?.replenishPaused).toBeNull();
});

it('a pool goes back to an older version with its next clusters', async () => {
  await create();
  await yard.settled('play', 2);
  await yard.done(verbs().buildImage({ name: 'games', packages: ['more'] }));
  await becomes('games@2', 'READY');
  const before = yard.members('play').map(({ id }) => id);
  given = [];
  await yard.done(verbs().rollbackImage({ name: 'games' }));
  expect(yard.members('play').filter(({ id }) => before.includes(id))).toEqual([]);
  await yard.settled('play', 2);
  expect(new Set(given)).toEqual(new Set(['games@1']));
  expect(yard.store.read((db) => findCurrentImage(db, 'games')?.imageVersion)).toBe(1);
});
