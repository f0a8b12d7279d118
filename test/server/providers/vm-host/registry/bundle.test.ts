import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { digestOfText } from '../../../../../server/providers/vm-host/registry/digest.ts';
import {
  blobPath,
  makeLayout,
  openBundle,
} from '../../../../../server/providers/vm-host/registry/layout.ts';
import { packBundle } from '../../../../../server/providers/vm-host/registry/pack.ts';
import { findFile, unpackBundle } from '../../../../../server/providers/vm-host/registry/unpack.ts';
import {
  CHUNK,
  LIMITS,
  MIB,
  PIECE,
  bytesOnDisk,
  failureOf,
  folder,
  noise,
  ramBundle,
  sparseFile,
  task,
} from './bundles.ts';

const hash = (bytes: Buffer) => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;

async function packed(more: Parameters<typeof ramBundle>[1] = {}) {
  const place = folder();
  const content = ramBundle(place, more);
  const layout = join(place, 'layout');
  return { place, layout, content, made: await packBundle(content, layout, task()) };
}

test('a bundle comes back as it was, and its holes stay holes', async () => {
  const { place, layout, made } = await packed();
  const into = join(place, 'image');
  const back = await unpackBundle(layout, made.digest, into, LIMITS, task());
  expect(back.manifest).toEqual({ name: 'games', steps: ['one', 'two'] });
  expect(back.files).toEqual(made.files);
  expect(readdirSync(into).toSorted()).toEqual(['ram.img', 'state.bin']);
  const ram = readFileSync(join(into, 'ram.img'));
  expect(ram.equals(readFileSync(join(place, 'ram.img')))).toBe(true);
  expect(readFileSync(join(into, 'state.bin')).equals(noise(5, 12_345))).toBe(true);
  expect(bytesOnDisk(join(into, 'ram.img'))).toBeLessThanOrEqual(3 * PIECE + 64 * 1_024);
  expect(existsSync(`${into}.part`)).toBe(false);
});

test('zeros are left out, equal chunks are there once, and sizes are told', async () => {
  const { layout, made } = await packed();
  // Two distinct chunks of the RAM, and the small file.
  expect(made).toMatchObject({ chunks: 3, rawBytes: 3 * CHUNK + 12_345 });
  expect(made.dataBytes).toBe(3 * CHUNK + 12_345);
  expect(made.compressedBytes).toBeLessThan(2 * PIECE + 16 * 1_024);
  expect(readdirSync(join(layout, 'blobs/sha256'))).toHaveLength(5);
});

test('equal content has the equal digest, whatever its order and place', async () => {
  const one = await packed();
  const { files } = one.content;
  const other = await packed({
    manifest: { steps: ['one', 'two'], name: 'games' },
    files: files.toReversed(),
  });
  expect(other.made.digest).toBe(one.made.digest);
  const changed = await packed({ manifest: { name: 'games', steps: ['one'] } });
  expect(changed.made.digest).not.toBe(one.made.digest);
  const elsewhere = await packed({ architecture: 'arm64' });
  expect(elsewhere.made.digest).not.toBe(one.made.digest);
});

test('a file is found by its digest', async () => {
  const { layout, made } = await packed();
  const bundle = await openBundle(layout, made.digest);
  expect(findFile(bundle, hash(noise(5, 12_345)))?.name).toBe('state.bin');
  expect(findFile(bundle, hash(noise(6, 12_345)))).toBeUndefined();
});

test('empty files and files of zeros are files too', async () => {
  const place = folder();
  const names = { empty: 0, zeros: CHUNK + 1, odd: CHUNK - 1 };
  const files = Object.entries(names).map(([name, size]) => ({
    name,
    path: sparseFile(join(place, name), size, []),
  }));
  const content = { architecture: 'amd64', manifest: {}, files };
  const made = await packBundle(content, join(place, 'layout'), task());
  await unpackBundle(join(place, 'layout'), made.digest, join(place, 'image'), LIMITS, task());
  for (const [name, size] of Object.entries(names)) {
    expect(readFileSync(join(place, 'image', name)).equals(Buffer.alloc(size))).toBe(true);
    expect(bytesOnDisk(join(place, 'image', name))).toBe(0);
  }
});

test('what is given up leaves nothing behind', async () => {
  const { place, layout, made } = await packed();
  const over = task(AbortSignal.abort());
  const content = ramBundle(place);
  await expect(packBundle(content, join(place, 'other'), over)).rejects.toThrow('given up');
  const unpacking = unpackBundle(layout, made.digest, join(place, 'image'), LIMITS, over);
  await expect(unpacking).rejects.toThrow('given up');
  expect(readdirSync(place).toSorted()).toEqual(['layout', 'ram.img', 'state']);
});

describe('what a bundle must be to be taken', () => {
  const refusals = [
    [
      'another architecture',
      { architecture: 'arm64' },
      'is for amd64, and this machine runs arm64',
    ],
    [
      'more over the wire',
      { compressedBytes: PIECE },
      'bytes over the wire, and the limit is 32768',
    ],
    ['more unpacked', { rawBytes: 3 * CHUNK }, 'bytes unpacked, and the limit is 1572864'],
  ] as const;
  test.each(refusals)('%s is refused', async (_title, limits, why) => {
    const { place, layout, made } = await packed();
    const all = { ...LIMITS, ...limits };
    const unpacking = unpackBundle(layout, made.digest, join(place, 'image'), all, task());
    expect((await failureOf(unpacking)).reason).toContain(why);
    expect(existsSync(join(place, 'image'))).toBe(false);
  });

  test.each(['changed', 'short', 'gone'] as const)('a blob that is %s is refused', async (how) => {
    const { place, layout, made } = await packed();
    const { index } = await openBundle(layout, made.digest);
    const path = blobPath(layout, index.chunks[1]?.digest ?? '');
    const bytes = readFileSync(path);
    if (how === 'changed') bytes.writeUInt8(bytes.readUInt8(100) ^ 1, 100);
    if (how === 'gone') rmSync(path);
    else writeFileSync(path, how === 'short' ? bytes.subarray(1) : bytes);
    const unpacking = unpackBundle(layout, made.digest, join(place, 'image'), LIMITS, task());
    await expect(unpacking).rejects.toThrow('The image is damaged: its blob sha256:');
    expect(readdirSync(place).toSorted()).toEqual(['layout', 'ram.img', 'state']);
  });
});

describe('a bundle that somebody made to do harm', () => {
  test.each([
    ['a name that leads out', { name: '../evil' }, 'This is not an image of ours'],
    ['a whole path', { name: '/tmp/evil' }, 'This is not an image of ours'],
    ['a chunk beyond its file', { offset: MIB }, 'reaches beyond the end'],
    ['a chunk of no file', { placeName: 'other' }, 'is no file of it'],
    ['more than a chunk declares', { rawSize: 4_096 }, 'cannot be unpacked as declared'],
    [
      'less than a chunk declares',
      { rawSize: 2 * MIB, size: 2 * MIB },
      'something else than declared',
    ],
    ['another content of the chunk', { rawDigest: hash(noise(1, 1)) }, 'else than declared'],
    ['another content of the file', { fileDigest: hash(noise(1, 1)) }, 'has other content'],
    ['a chunk of gigabytes', { rawSize: 2 ** 29 }, 'a chunk is empty or too large'],
    ['an offset that is none', { offset: -1 }, 'is no place of a file'],
    ['another media type', { layerType: 'application/octet-stream' }, 'none of ours at layers.0'],
    ['two files of one name', { twice: true }, 'a file is listed twice'],
  ] as const)('%s is refused', async (_title, harm, why) => {
    const place = folder();
    const layout = join(place, 'layout');
    const digest = await plant(layout, harm);
    const unpacking = unpackBundle(layout, digest, join(place, 'image'), LIMITS, task());
    await expect(unpacking).rejects.toThrow(why);
    expect(readdirSync(place)).toEqual(['layout']);
  });

  test('the same without harm is taken', async () => {
    const place = folder();
    const layout = join(place, 'layout');
    const digest = await plant(layout, {});
    await unpackBundle(layout, digest, join(place, 'image'), LIMITS, task());
    expect(readdirSync(join(place, 'image'))).toEqual(['file']);
  });
});

const TINY = 'mount -t tmpfs -o size=64k none "$1" && exec "$2" --no-warnings "$3" "$4" "$5" "$1"';
const canMount = spawnSync('unshare', ['-rm', 'mount', '-t', 'tmpfs', 'none', '/mnt']).status === 0;

describe.skipIf(!canMount)('a full disk (needs unshare and tmpfs)', () => {
  test('is said, and what was begun is taken away', async () => {
    const { place, layout, made } = await packed();
    const tiny = join(place, 'tiny');
    mkdirSync(tiny);
    const child = fileURLToPath(new URL('unpack-in-small-place.ts', import.meta.url));
    const args = [tiny, process.execPath, child, layout, made.digest];
    const run = spawnSync('unshare', ['-rm', 'sh', '-c', TINY, 'sh', ...args], {
      encoding: 'utf8',
    });
    expect(run.stderr).toBe('');
    const outcome = `The disk of ${join(tiny, 'image')} is full`;
    expect(JSON.parse(run.stdout)).toEqual({ outcome, left: [] });
  });
});

interface Harm {
  readonly name?: string;
  readonly placeName?: string;
  readonly offset?: number;
  readonly size?: number;
  readonly rawSize?: number;
  readonly rawDigest?: string;
  readonly fileDigest?: string;
  readonly layerType?: string;
  readonly twice?: boolean;
}

/** Writes a layout by hand: one file of one chunk of a mebibyte, with what is to be wrong. */
async function plant(layout: string, harm: Harm): Promise<string> {
  await makeLayout(layout);
  const raw = noise(9, MIB);
  const write = (bytes: Buffer | string) => {
    const digest = digestOfText(bytes);
    writeFileSync(blobPath(layout, digest), bytes);
    return { digest, size: Buffer.byteLength(bytes) };
  };
  const { name = 'file', size = MIB, fileDigest = hash(raw) } = harm;
  const file = { name, size, digest: fileDigest };
  const files = harm.twice === true ? [file, file] : [file];
  const config = { format: 1, architecture: 'amd64', os: 'linux', files, manifest: {} };
  const annotations = {
    'io.snapyard.chunk.size': String(harm.rawSize ?? MIB),
    'io.snapyard.chunk.digest': harm.rawDigest ?? hash(raw),
    'io.snapyard.chunk.places': `${harm.placeName ?? 'file'}:${harm.offset ?? 0}`,
  };
  const type = 'application/vnd.snapyard.bundle';
  const mediaType = harm.layerType ?? `${type}.chunk.v1+zstd`;
  const index = {
    schemaVersion: 2,
    config: { mediaType: `${type}.config.v1+json`, ...write(JSON.stringify(config)) },
    layers: [{ mediaType, ...write(zstdCompressSync(raw)), annotations }],
  };
  return write(JSON.stringify(index)).digest;
}
