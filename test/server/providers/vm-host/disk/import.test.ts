import { createHash } from 'node:crypto';
import { readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { qemuDiskProbe } from '../../../../../server/providers/qemu/disk-probe.ts';
import { DEFAULT_QEMU_SETTINGS } from '../../../../../server/providers/qemu/settings.ts';
import {
  type DiskShop,
  importDisk,
  nameOfDisk,
} from '../../../../../server/providers/vm-host/disk/import.ts';
import { bundleOf } from '../../../../../server/providers/vm-host/image/bundle.ts';
import { Exchange } from '../../../../../server/providers/vm-host/image/exchange.ts';
import { keepFetched } from '../../../../../server/providers/vm-host/image/fetched-version.ts';
import {
  contentOf,
  digestOfBoot,
} from '../../../../../server/providers/vm-host/image/version-folder.ts';
import { type Image, listImages } from '../../../../../server/providers/vm-host/image-manifest.ts';
import { packBundle } from '../../../../../server/providers/vm-host/registry/pack.ts';
import { realWorld } from '../../../../../server/world.ts';
import { OLD_PC, bootableDisk, diskFolder, qemuImg, whyNoDisks } from '../../../../kit/disks.ts';
import { stepOf } from '../../../../kit/simulator.ts';

const missing = await whyNoDisks();
if (missing !== null) console.info(`no disks are opened by QEMU here: ${missing}`);

const MIB = 2 ** 20;
const world = realWorld();
const { signal } = new AbortController();
const hash = (path: string) => createHash('sha256').update(readFileSync(path)).digest('hex');

/** A folder with a raw disk, and images beside it; `seen` is what QEMU is said to have found. */
function place(seen?: number) {
  const folder = diskFolder();
  const path = join(folder, 'Windows 98.img');
  writeFileSync(path, bootableDisk('hello', 4 * MIB));
  const probe =
    seen === undefined
      ? qemuDiskProbe(world, DEFAULT_QEMU_SETTINGS.binary)
      : () => Promise.resolve(seen);
  const shop: DiskShop = { world, imagesDir: join(folder, 'i'), limitBytes: 64 * MIB, probe };
  return { folder, path, shop, order: { ...OLD_PC, name: 'win', path } };
}

function exchangeFor({ imagesDir, limitBytes: diskSizeBytes }: DiskShop): Exchange {
  const nowhere = { repository: undefined, allowed: [], authFile: undefined };
  const limits = { pullLimitBytes: 64 * MIB, diskSizeBytes, transferMs: 60_000 };
  return new Exchange(world, imagesDir, { ...nowhere, ...limits });
}

/** Packs an image and unpacks it for another machine, without a registry between them. */
async function travel(image: Image, to: DiskShop): Promise<Image> {
  const work = diskFolder();
  const layout = join(work, 'layout');
  const { digest } = await packBundle(bundleOf(image), layout, { world, signal });
  const folder = join(work, 'files');
  const bundle = await exchangeFor(to).unpack({ layout, digest }, folder, stepOf(1));
  return keepFetched(world, work, { name: 'win', imageVersion: 7 }, { folder, bundle, work });
}

test('an import is a version of its own; the original is only read, and may go', async () => {
  const { path, shop, order } = place(4 * MIB);
  const before = hash(path);
  const image = await importDisk(shop, order, signal);
  expect(image).toMatchObject({ name: 'win', imageVersion: 1, parent: null, source: 'IMPORTED' });
  expect(image.boot).toMatchObject({
    kind: 'DISK',
    disk: { format: 'raw', virtualBytes: 4 * MIB, bytes: 4 * MIB, sha256: before },
    machine: 'pc-i440fx-7.2',
  });
  await rm(path);
  const disk = join(image.folder, 'disk');
  expect(hash(disk)).toBe(before);
  expect(statSync(disk).mode & 0o777).toBe(0o600);
  // Zeros are left out where blocks cannot be shared.
  expect(statSync(disk).blocks * 512).toBeLessThanOrEqual(4 * MIB);
  expect(readdirSync(shop.imagesDir)).toEqual(['win@1']);
  expect(listImages(shop.imagesDir)).toEqual([image]);
  expect(() => contentOf(image)).toThrow('nothing can be built on a disk');
});

test('the same disk again adds no version, another machine for it does', async () => {
  const { shop, order } = place(4 * MIB);
  await importDisk(shop, order, signal);
  expect(await importDisk(shop, order, signal)).toMatchObject({ imageVersion: 1 });
  const other = await importDisk(shop, { ...order, machine: 'pc-q35-7.2' }, signal);
  expect(other).toMatchObject({ imageVersion: 2 });
});

test('a disk that QEMU sees otherwise than it says leaves nothing behind', async () => {
  const { shop, order } = place(8 * MIB);
  await expect(importDisk(shop, order, signal)).rejects.toThrow(`QEMU reads ${8 * MIB} bytes`);
  expect(readdirSync(shop.imagesDir)).toEqual([]);
});

test('an import that is given up leaves nothing behind', async () => {
  const { shop, order } = place(4 * MIB);
  const given = AbortSignal.abort();
  await expect(importDisk(shop, order, given)).rejects.toThrow('given up');
  expect(readdirSync(shop.imagesDir)).toEqual([]);
});

test.each([
  ['/a/Windows 98.vhd', 'windows-98'],
  ['/a/98-SE.qcow2', 'se'],
  ['/a/98.img', undefined],
  [`/a/${'long-'.repeat(9)}.img`, 'long-long-long-long-long-long'],
])('an image of %s is called %s', (path, name) => expect(nameOfDisk(path)).toBe(name));

test('a disk travels as its file, sparse, and is the same where it arrives', async () => {
  const { shop, order } = place(4 * MIB);
  const image = await importDisk(shop, order, signal);
  const there = await travel(image, place().shop);
  expect(there).toMatchObject({ digest: image.digest, boot: image.boot, source: 'PULLED' });
  expect(basename(there.folder)).toBe('win@7');
  const disk = join(there.folder, 'disk');
  expect(hash(disk)).toBe(hash(join(image.folder, 'disk')));
  expect(statSync(disk).blocks * 512).toBeLessThan(MIB);
});

test('a disk from elsewhere that names another file, or is too large, is not taken', async () => {
  const { folder, shop, order } = place(4 * MIB);
  const image = await importDisk(shop, order, signal);
  if (image.boot.kind !== 'DISK') throw new Error('it is a disk');
  const small = { ...place().shop, limitBytes: 2 * MIB };
  await expect(travel(image, small)).rejects.toThrow('the limit is');
  // Everything about this one is as it is described, its hashes too.
  const evil = Buffer.alloc(65_536);
  evil.write('514649fb00000003', 0, 'hex');
  evil.writeBigUInt64BE(512n, 8);
  evil.writeUInt32BE(11, 16);
  writeFileSync(join(folder, 'disk'), evil);
  const file = { bytes: evil.length, sha256: hash(join(folder, 'disk')) };
  const boot = { ...image.boot, disk: { ...image.boot.disk, format: 'qcow2', ...file } } as const;
  const made = { ...image, folder, boot, digest: digestOfBoot(boot) };
  await expect(travel(made, place().shop)).rejects.toThrow('lies over another disk');
});

describe.skipIf(missing !== null)('disks in QEMU (needs QEMU, qemu-utils)', () => {
  test.each([
    ['raw', 'raw', []],
    ['qcow2', 'qcow2', []],
    ['qcow2 of the second version', 'qcow2', ['-o', 'compat=0.10']],
    ['a VHD that grows', 'vpc', []],
    ['a VHD of one size', 'vpc', ['-o', 'subformat=fixed,force_size=on']],
  ])('%s becomes an image', async (_name, format, options) => {
    const { folder, path, shop, order } = place();
    const made = join(folder, 'made');
    qemuImg('convert', '-f', 'raw', '-O', format, ...options, path, made);
    const image = await importDisk(shop, { ...order, path: made }, signal);
    const info: unknown = JSON.parse(qemuImg('info', '-f', format, '--output=json', made));
    const virtualBytes = info instanceof Object && 'virtual-size' in info && info['virtual-size'];
    expect(image.boot).toMatchObject({ disk: { format, virtualBytes } });
    expect(virtualBytes).toBeGreaterThanOrEqual(4 * MIB);
    expect(hash(join(image.folder, 'disk'))).toBe(hash(made));
    const kept = join(image.folder, 'disk');
    qemuImg('convert', '-f', format, '-O', 'raw', kept, join(folder, 'flat'));
    const flat = readFileSync(join(folder, 'flat'));
    expect(flat.subarray(0, MIB).equals(readFileSync(path).subarray(0, MIB))).toBe(true);
  });

  test('what QEMU cannot open is refused in its words, and its process is gone', async () => {
    const { folder, shop, order } = place();
    const bad = join(folder, 'bad');
    qemuImg('create', '-f', 'qcow2', bad, '4M');
    const bytes = readFileSync(bad);
    bytes.writeUInt32BE(0xffff, 56);
    writeFileSync(bad, bytes);
    const failure = importDisk(shop, { ...order, path: bad }, signal);
    await expect(failure).rejects.toThrow(/QEMU does not open the disk: .*Reference count table/);
    expect(readdirSync(shop.imagesDir)).toEqual([]);
  });
});
