import { readFileSync, writeFileSync } from 'node:fs';
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
