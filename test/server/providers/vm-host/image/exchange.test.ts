import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { Exchange } from '../../../../../server/providers/vm-host/image/exchange.ts';
import { openPrebuilt } from '../../../../../server/providers/vm-host/prebuilt-set.ts';
import { diskFolder } from '../../../../kit/disks.ts';
import { stepOf } from '../../../../kit/simulator.ts';
import { noise } from '../registry/bundles.ts';
import { type RealRegistry, startRegistry, whyNoRegistry } from '../registry/real-registry.ts';
import { settingsFor, smallImage, world } from './small-images.ts';

const pullsOf = (imagesDir: string) => readdirSync(join(imagesDir, '.pulls'));

describe.skipIf(whyNoRegistry())('images that travel (needs skopeo and docker-registry)', () => {
  let real: RealRegistry;
  beforeAll(async () => {
    real = await startRegistry();
  });
  afterAll(() => real.close());
  beforeEach(() => {
    real.holdIf = () => false;
    real.seen.length = 0;
  });

  /** An image in a repository of its own, and an empty folder on another machine. */
  async function published(repository: string) {
    const settings = settingsFor(`${real.host}/lab/${repository}`);
    const elsewhere = diskFolder();
    const image = await smallImage(elsewhere, 'games', [noise(1, 65_536).toString('hex')]);
    await new Exchange(world, elsewhere, settings).publish(image, 'v1', stepOf(1));
    real.seen.length = 0;
    const imagesDir = diskFolder();
    const fetch = (reference: string, into: string) =>
      new Exchange(world, imagesDir, settings).fetch(reference, into, stepOf(1));
    return { settings, imagesDir, fetch, address: `${settings.repository}:v1` };
  }

  test('two who fetch one image, by its tag and by its address, take turns', async () => {
    const { imagesDir, fetch, address } = await published('turns');
    const work = diskFolder();
    await Promise.all([fetch('v1', join(work, 'a')), fetch(address, join(work, 'b'))]);
    const asked = real.seen.flatMap(({ path }, at) => (path.endsWith('/manifests/v1') ? at : []));
    const came = real.seen.flatMap(({ path }, at) => (path.includes('/blobs/') ? at : []));
    // The second asks when the last blob of the first, which is half of all, is here.
    expect(asked).toHaveLength(2);
    expect(asked[1]).toBeGreaterThan(came[came.length / 2 - 1] ?? Infinity);
    expect(pullsOf(imagesDir)).toEqual([]);
  });

  test('a set from elsewhere is unpacked and kept; its bundle is neither kept nor fetched again', async () => {
    const { settings, imagesDir, address } = await published('prebuilt');
    const wanted = { wanted: true, repository: settings.repository, tag: 'v1' };
    const prebuilt = openPrebuilt(world, imagesDir, { ...wanted, exchange: settings });
    const first = await prebuilt.fetch(address, stepOf(1));
    expect(first.image.name).toBe('games');
    expect(pullsOf(imagesDir)).toEqual([]);
    real.seen.length = 0;
    expect(await prebuilt.fetch(address, stepOf(1))).toEqual(first);
    expect(real.fetched()).toEqual([]);
  });
});
