import { readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import {
  digestOfBoot,
  writeDiskVersion,
} from '../../../../../server/providers/vm-host/image/version-folder.ts';
import { listImages } from '../../../../../server/providers/vm-host/image-manifest.ts';
import { OLD_PC, bootableDisk, diskFolder } from '../../../../kit/disks.ts';
import { sha256, smallImage, travel } from './small-images.ts';

const MIB = 2 ** 20;

/** An image that is a disk, in a folder of its own and in that of the one who fetches it. */
async function diskImage() {
  const [imagesDir, elsewhere] = [diskFolder(), diskFolder()];
  const disk = bootableDisk('mine', MIB);
  const size = { virtualBytes: MIB, bytes: MIB, sha256: sha256(disk) };
  const boot = {
    kind: 'DISK',
    disk: { file: 'disk', format: 'raw', ...size },
    ...OLD_PC,
  } as const;
  const { folder, ...head } = await smallImage(elsewhere, 'old', ['layer']);
  const path = join(folder, 'disk.img');
  writeFileSync(path, disk);
  const file = { name: 'disk', bytes: MIB, sha256: boot.disk.sha256 };
  const from = { kind: 'FETCHED', path, file } as const;
  const image = await writeDiskVersion(join(imagesDir, 'old@1'), head, boot, from);
  return { imagesDir, elsewhere, disk, boot, image };
}

test('a disk that is called as a file of ours touches nothing that is here', async () => {
  const { imagesDir, elsewhere, disk, boot, image } = await diskImage();
  writeFileSync(join(elsewhere, 'manifest.json.new'), disk);
  const evil = { ...boot, disk: { ...boot.disk, file: 'manifest.json.new' } };
  // The type does not allow it; what comes from a registry has none.
  const made = Object.assign({}, image, { boot: evil }, { folder: elsewhere });
  const came = travel({ ...made, digest: digestOfBoot(made.boot) }, imagesDir);
  await expect(came).rejects.toThrow('its description is none of ours');
  expect(readFileSync(join(image.folder, 'disk')).equals(disk)).toBe(true);
  expect(listImages(imagesDir)).toEqual([image]);
});

test('the parent is the version here that has its content, whatever its name', async () => {
  const [imagesDir, elsewhere] = [diskFolder(), diskFolder()];
  const parent = await smallImage(elsewhere, 'base', ['layer'], { imageVersion: 9 });
  const from = { name: 'base', imageVersion: 9, digest: parent.digest };
  const image = await smallImage(elsewhere, 'games', ['layer', 'own'], { parent: from });
  expect((await travel(image, imagesDir)).parent).toBeNull();
  rmSync(join(imagesDir, 'came@7'), { recursive: true });
  await smallImage(imagesDir, 'base', ['another'], { imageVersion: 9 });
  const { digest } = await smallImage(imagesDir, 'mine', ['layer']);
  const came = await travel(image, imagesDir);
  expect(came.parent).toEqual({ name: 'mine', imageVersion: 1, digest });
});

const inode = (path: string) => statSync(path).ino;

test('files are shared with a version here, but for one that was damaged', async () => {
  const [imagesDir, elsewhere] = [diskFolder(), diskFolder()];
  const image = await smallImage(elsewhere, 'games', ['layer', 'own']);
  const here = await smallImage(imagesDir, 'games', ['layer', 'own']);
  writeFileSync(join(here.folder, 'layer-1.cpio'), 'LAYER');
  const came = await travel(image, imagesDir);
  expect(readFileSync(join(came.folder, 'layer-1.cpio'), 'utf8')).toBe('layer');
  expect(readFileSync(join(came.folder, 'root.cpio'), 'utf8')).toBe('layerown');
  for (const name of ['vmlinux', 'layer-2.cpio']) {
    expect(inode(join(came.folder, name))).toBe(inode(join(here.folder, name)));
  }
  expect(listImages(imagesDir).map(({ name }) => name)).toEqual(['came', 'games']);
});

test('a version that is removed while its files are shared leaves what came', async () => {
  const [imagesDir, elsewhere] = [diskFolder(), diskFolder()];
  const image = await smallImage(elsewhere, 'games', ['layer', 'own']);
  const { folder } = await smallImage(imagesDir, 'games', ['layer', 'own']);
  const came = await travel(image, imagesDir, () => rmSync(folder, { recursive: true }));
  expect(listImages(imagesDir)).toEqual([came]);
});
