import { expect, it, onTestFinished } from 'vitest';
import { findVersions } from '../../db/image.ts';
import { ProviderError } from '../../server/providers/provider.ts';
import { createMetrics } from '../../server/metrics.ts';
import { simulatedImages } from '../kit/image-store.ts';
import { runningYard, snapshotsOf, until } from '../kit/pool-under-test.ts';
import { parsePage } from '../kit/prometheus.ts';
import type { Yard, YardOptions } from '../kit/yard.ts';

const HTTP = {
  operations: () => 0,
  webSockets: () => 0,
  eventStreams: () => 0,
  subscriptions: () => 0,
  groups: () => 0,
  slowest: () => undefined,
};

/** A yard that is measured: what the page says, each sample as a line. */
function measured(options: YardOptions) {
  const yard = runningYard(options);
  const feed = { readers: () => 0, slowest: () => undefined };
  const metrics = createMetrics({ store: yard.store, world: yard.world, feed });
  onTestFinished(() => metrics.close());
  const lines = async (name: string) => {
    await yard.world.advance(1_000);
    const page = parsePage(await yard.done(metrics.page(HTTP)));
    return [...page.values()]
      .flatMap(({ samples }) => samples)
      .filter((sample) => sample.name === name && sample.value !== 0)
      .map(({ labels, value }) => [...Object.values(labels), value].join(' '));
  };
  return { yard, lines };
}

const isOver = (yard: Yard, name: string) => () =>
  yard.store.read((db) => findVersions(db, name).every(({ status }) => status !== 'CREATING'));

it('images are counted as they are built and fetched, with what they take', async () => {
  let broken: Error[] = [];
  const images: YardOptions['images'] = (world) => {
    const store = simulatedImages(world);
    broken = store.faults.ensureImage;
    return store;
  };
  const { yard, lines } = measured({ images });
  const ends = (name: string) => until(yard, isOver(yard, name));
  await yard.done(yard.as('root').buildImage({ name: 'base' }));
  await ends('base');
  const [base] = yard.store.read((db) => findVersions(db, 'base'));
  const publish = { imageId: base?.id ?? '', tag: 'one' };
  await yard.done(yard.as('root').publishImage(publish));
  await yard.world.advance(10_000);
  for (const [index, reference] of ['one', 'other', 'third'].entries()) {
    if (index > 0) broken.push(new ProviderError('not there', { retryable: false }));
    await yard.done(yard.as('root').pullImage({ name: 'win', reference }));
    await ends('win');
  }
  const made = ['BUILT READY 1', 'PULLED READY 1', 'PULLED FAILED 2'];
  expect(await lines('snapyard_images_made_total')).toEqual(made);
  expect(await lines('snapyard_images_count')).toEqual(['READY 2', 'FAILED 2']);
  const sizes = yard.store.read((db) => ['base', 'win'].flatMap((name) => findVersions(db, name)));
  const bytes = sizes.reduce((sum, { sizeBytes }) => sum + (sizeBytes ?? 0), 0);
  expect(await lines('snapyard_images_bytes')).toEqual([String(bytes)]);
  const times = 'snapyard_image_making_duration_seconds';
  expect(await lines(`${times}_count`)).toEqual(['BUILT 1', 'PULLED 1']);
  expect((await lines(`${times}_sum`)).join(' ')).toMatch(/^BUILT [1-9].* PULLED [1-9]/);
});

it('sets are counted by what they are made of, with what all of them take', async () => {
  const { yard, lines } = measured({
    micro: true,
    speed: 100,
    wrapProvider: (provider) => ({
      ...provider,
      async ensureSet(...given: Parameters<typeof provider.ensureSet>) {
        const taken = await provider.ensureSet(...given);
        const made = { source: 'IMAGE', reason: 'no registry', image: null, digest: null } as const;
        return taken.map((one) => ({ ...one, made }));
      },
    }),
  });
  await yard.addPool({ name: 'p', size: 1 });
  const ready = () => snapshotsOf(yard, 'p').filter(({ status }) => status === 'READY');
  await until(yard, () => ready().length === 2);
  expect(await lines('snapyard_template_sets_made_total')).toEqual(['p IMAGE yes 2']);
  const bytes = snapshotsOf(yard, 'p').reduce((sum, one) => sum + (one.sizeBytes ?? 0), 0);
  expect(await lines('snapyard_snapshots_bytes')).toEqual([`GOLDEN ${bytes}`]);
});
