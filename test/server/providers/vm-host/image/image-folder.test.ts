import { mkdirSync, renameSync, rmSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { bundleOf } from '../../../../../server/providers/vm-host/image/bundle.ts';
import { openImageStore } from '../../../../../server/providers/vm-host/image-store.ts';
import { findImage } from '../../../../../server/providers/vm-host/image-manifest.ts';
import { DEFAULT_VM_HOST_SETTINGS } from '../../../../../server/providers/vm-host/settings.ts';
import { diskFolder } from '../../../../kit/disks.ts';
import { stepOf } from '../../../../kit/simulator.ts';
import { settingsFor, smallImage, world } from './small-images.ts';

// A look at the folder that fails says nothing of the images in it, least of all that they went.

const { signal } = new AbortController();

async function open(imagesDir: string) {
  const store = await openImageStore({
    world,
    imagesDir,
    settings: DEFAULT_VM_HOST_SETTINGS,
    hypervisor: () => Promise.reject(new Error('nothing is started here')),
    log: () => undefined,
    catalogue: { entries: () => [] },
    exchange: settingsFor(undefined),
  });
  const list = async () => (await store.list(signal)).map(({ name }) => name);
  return { store, list };
}

test('a folder that is not there is not an empty one', async () => {
  const imagesDir = join(diskFolder(), 'images');
  const { list } = await open(imagesDir);
  expect(await list()).toEqual([]);
  await smallImage(imagesDir, 'games', ['one']);
  renameSync(imagesDir, `${imagesDir}-away`);
  await expect(list()).rejects.toMatchObject({ retryable: true });
  renameSync(`${imagesDir}-away`, imagesDir);
  expect(await list()).toEqual(['games']);
});

test.each(['manifest.json', 'vmlinux'])(
  'a version whose %s cannot be read is not gone, and not in the way of others',
  async (file) => {
    const imagesDir = diskFolder();
    const { folder } = await smallImage(imagesDir, 'games', ['one']);
    await smallImage(imagesDir, 'tools', ['two']);
    const { list } = await open(imagesDir);
    rmSync(join(folder, file));
    expect(await list()).toEqual(['tools']);
    symlinkSync(file, join(folder, file));
    await expect(list()).rejects.toMatchObject({ retryable: true });
    expect(() => findImage(imagesDir, 'games@1')).toThrow('cannot be read');
    expect(findImage(imagesDir, 'tools@1')?.name).toBe('tools');
    rmSync(join(folder, file));
    mkdirSync(join(imagesDir, 'tools@2'));
    expect(await list()).toEqual(['tools']);
  },
);

test('a version is answered to whom it was made for, and to nobody else', async () => {
  const imagesDir = diskFolder();
  await smallImage(imagesDir, 'games', ['one'], { madeFor: 'a-row' });
  await smallImage(imagesDir, 'tools', ['two']);
  const { store } = await open(imagesDir);
  const kept = await store.list(signal);
  expect(kept.map(({ madeFor }) => madeFor)).toEqual(['a-row', null]);
  const from = { kind: 'REGISTRY', reference: 'nowhere' } as const;
  const ensure = (name: string) =>
    store.ensureImage({ name, imageVersion: 1, parent: null, madeFor: 'a-row', from }, stepOf(1));
  expect(await ensure('games')).toMatchObject({ name: 'games', madeFor: 'a-row' });
  await expect(ensure('tools')).rejects.toMatchObject({
    reason: 'tools@1 is there already, and was not made for this',
    retryable: true,
  });
});

test('whose order a version was is no part of it when it is sent', async () => {
  const imagesDir = diskFolder();
  const image = await smallImage(imagesDir, 'games', ['one'], { madeFor: 'a-row' });
  expect(JSON.stringify(bundleOf(image).manifest)).not.toContain('a-row');
});
