import { execFile, spawnSync } from 'node:child_process';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import type { RegistryReference } from '../../../../../schema/model/registry-reference.ts';
import {
  type BundleContent,
  packBundle,
} from '../../../../../server/providers/vm-host/registry/pack.ts';
import { resolveReference } from '../../../../../server/providers/vm-host/registry/reference.ts';
import {
  type RegistrySettings,
  openRegistry,
} from '../../../../../server/providers/vm-host/registry/registry.ts';
import { unpackBundle } from '../../../../../server/providers/vm-host/registry/unpack.ts';
import {
  CHUNK,
  LIMITS,
  MIB,
  PIECE,
  bytesOnDisk,
  failureOf,
  folder,
  ramBundle,
  task,
  world,
} from './bundles.ts';
import { type RealRegistry, startRegistry, whyNoRegistry } from './real-registry.ts';

const without = whyNoRegistry();

describe.skipIf(without)('a real registry (needs skopeo and docker-registry)', () => {
  let real: RealRegistry;
  beforeAll(async () => {
    real = await startRegistry();
  });
  afterAll(() => real.close());
  beforeEach(() => {
    real.holdIf = () => false;
    real.seen.length = 0;
  });

  const settings = (more: Partial<RegistrySettings> = {}): RegistrySettings => ({
    repository: `${real.host}/mroie/qemu-snapshots`,
    allowed: [`${real.host}/others`],
    authFile: undefined,
    ...more,
  });
  const open = (more: Partial<RegistrySettings> = {}) => openRegistry(settings(more), world);
  const at = (text: string): RegistryReference => resolveReference(text, settings());

  /** A bundle in the registry under a tag; each test has a repository of its own. */
  async function published(text: string, content: Partial<BundleContent> = {}, furtherChunks = 0) {
    const place = folder();
    const layout = join(place, 'layout');
    const made = await packBundle(ramBundle(place, content, furtherChunks), layout, task());
    const pushed = await open().push(layout, at(text), task());
    real.seen.length = 0;
    return { place, layout, made, pushed, kept: join(place, 'kept'), image: join(place, 'image') };
  }

  test('a bundle of 64 MiB goes there and comes back as it was', async () => {
    const { place, made, pushed, kept, image } = await published(
      'win98-base',
      { chunkBytes: 16 * MIB },
      1,
    );
    expect(pushed).toMatchObject({ reference: `${real.host}/mroie/qemu-snapshots:win98-base` });
    expect(pushed.digest).toBe(made.digest);
    const sizes: number[] = [];
    const progress = (done: number) => void sizes.push(done);
    const pulled = await open().pull(at('win98-base'), kept, LIMITS, { ...task(), progress });
    expect(pulled).toMatchObject({ digest: made.digest, compressedBytes: made.compressedBytes });
    expect(sizes.at(-1)).toBe(made.compressedBytes);
    const back = await unpackBundle(kept, pulled.digest, image, LIMITS, task());
    expect(back).toMatchObject({ architecture: 'amd64', files: made.files });
    const ram = join(image, 'ram.img');
    expect(statSync(ram).size).toBe(64 * MIB);
    expect(readFileSync(ram).equals(readFileSync(join(place, 'ram.img')))).toBe(true);
    expect(bytesOnDisk(ram)).toBeLessThan(5 * MIB);
  });

  test('equal files are not sent again, and tags are listed', async () => {
    const { layout, made } = await published(`${real.host}/others/tags:win98-base`);
    expect(made.chunks).toBe(3);
    await open().push(layout, at(`${real.host}/others/tags:v1.0.0`), task());
    await open().push(layout, at(`${real.host}/others/tags:dev`), task());
    expect(real.uploads()).toBe(0);
    const place = folder();
    const changed = ramBundle(place, { manifest: { name: 'other' } });
    await packBundle(changed, join(place, 'layout'), task());
    await open().push(join(place, 'layout'), at(`${real.host}/others/tags:dev`), task());
    expect(real.uploads()).toBe(1);
    const tags = await open().tags(at(`${real.host}/others/tags`), task());
    expect(tags).toEqual(['dev', 'v1.0.0', 'win98-base']);
  });

  test('a pull that is cut off goes on with what it has', async () => {
    const { kept, made, image } = await published(`${real.host}/others/cut:x`, {}, 6);
    const blobs = () => readdirSync(join(kept, 'blobs/sha256')).length;
    const given = new AbortController();
    let begun = 0;
    // The description and four chunks come; the line is silent for the rest.
    real.holdIf = ({ path }) => path.includes('/blobs/') && (begun += 1) > 6;
    const cut = failureOf(
      open().pull(at(`${real.host}/others/cut:x`), kept, LIMITS, task(given.signal)),
    );
    await real.held();
    await waitFor(() => blobs() >= 4);
    given.abort();
    expect(await cut).toMatchObject({ retryable: true });
    expect((await cut).reason).toMatch(/^Fetching .*: given up$/);
    const had = new Set(readdirSync(join(kept, 'blobs/sha256')).map((name) => `sha256:${name}`));
    writeFileSync(join(kept, 'oci-put-blob123'), 'what a killed skopeo leaves');
    real.holdIf = () => false;
    real.seen.length = 0;
    const pulled = await open().pull(at(`${real.host}/others/cut:x`), kept, LIMITS, task());
    // Its description is asked for to judge it, the chunks only where they are missing.
    const chunks = real.fetched().slice(1);
    expect(chunks.filter((digest) => had.has(digest))).toEqual([]);
    expect(chunks.length).toBe(made.chunks + 1 - had.size);
    expect(readdirSync(kept).toSorted()).toEqual(['blobs', 'index.json', 'oci-layout']);
    await unpackBundle(kept, pulled.digest, image, LIMITS, task());
    expect(childrenLeft()).toEqual([]);
  });

  test('a kept blob that was damaged meanwhile is fetched again', async () => {
    const { kept, made, image } = await published(`${real.host}/others/kept:x`);
    await open().pull(at(`${real.host}/others/kept:x`), kept, LIMITS, task());
    const [first = ''] = readdirSync(join(kept, 'blobs/sha256'));
    writeFileSync(join(kept, 'blobs/sha256', first), 'something else');
    writeFileSync(join(kept, 'blobs/sha256', 'f'.repeat(64)), 'of another image');
    await open().pull(at(`${real.host}/others/kept:x`), kept, LIMITS, task());
    expect(readdirSync(join(kept, 'blobs/sha256'))).toHaveLength(made.chunks + 2);
    await unpackBundle(kept, made.digest, image, LIMITS, task());
  });

  test('a blob that was changed in the registry is refused, and nothing stays', async () => {
    const { kept, layout, place } = await published(`${real.host}/others/tampered:x`, {
      manifest: { name: 'tampered' },
    });
    const [largest = ''] = readdirSync(join(layout, 'blobs/sha256')).toSorted(
      (a, b) => sizeIn(layout, b) - sizeIn(layout, a),
    );
    const file = real.blobFile(`sha256:${largest}`);
    const good = readFileSync(file);
    const bad = Buffer.from(good);
    bad.writeUInt8(bad.readUInt8(5_000) ^ 1, 5_000);
    writeFileSync(file, bad);
    try {
      const pulling = open().pull(at(`${real.host}/others/tampered:x`), kept, LIMITS, task());
      const error = await failureOf(pulling);
      expect(error.retryable).toBe(false);
      expect(error.reason).toContain('sent something else than its digest says, which was refused');
      expect(readdirSync(place).toSorted()).toEqual(['layout', 'ram.img', 'state']);
    } finally {
      writeFileSync(file, good);
    }
  });

  test('a digest is kept to, whatever the tag has become', async () => {
    const { kept, made } = await published(`${real.host}/others/pinned:x`, {
      manifest: { name: 'earlier' },
    });
    const later = await published(`${real.host}/others/pinned:x`, { manifest: { name: 'later' } });
    const pinned = at(`${real.host}/others/pinned:x@${made.digest}`);
    const pulled = await open().pull(pinned, kept, LIMITS, task());
    expect(pulled.digest).toBe(made.digest);
    expect(pulled.reference).toBe(`${real.host}/others/pinned:x@${made.digest}`);
    // The registry's own file of that manifest is replaced by the later one.
    copyFileSync(real.blobFile(later.made.digest), real.blobFile(made.digest));
    const error = await failureOf(open().pull(pinned, join(folder(), 'kept'), LIMITS, task()));
    expect(error.reason).toMatch(/refused|digest/i);
    expect(error.retryable).toBe(false);
  });

  test.each([
    ['another architecture', { architecture: 'arm64' }, {}, 'is for arm64, and this machine'],
    [
      'too much over the wire',
      {},
      { compressedBytes: PIECE },
      'bytes over the wire, and the limit',
    ],
    ['too much unpacked', {}, { rawBytes: 3 * CHUNK }, 'bytes unpacked, and the limit is 1572864'],
  ])('%s is refused before a chunk is fetched', async (_title, content, limits, why) => {
    const { kept } = await published(`${real.host}/others/unfit:x`, content);
    const pulling = open().pull(
      at(`${real.host}/others/unfit:x`),
      kept,
      { ...LIMITS, ...limits },
      task(),
    );
    expect((await failureOf(pulling)).reason).toContain(why);
    expect(real.fetched().length).toBeLessThanOrEqual(1);
    expect(existsSync(kept)).toBe(false);
  });

  test('what is not there is said', async () => {
    const { kept } = await published(`${real.host}/others/there:x`);
    const reasonOf = async (text: string) =>
      failureOf(open().pull(at(`${real.host}/${text}`), kept, LIMITS, task()));
    const noTag = await reasonOf('others/there:y');
    expect(noTag.reason).toContain(
      `Looking at ${real.host}/others/there:y: the registry has no such tag`,
    );
    expect(noTag.retryable).toBe(false);
    expect((await reasonOf('others/nowhere:x')).retryable).toBe(false);
    expect((await reasonOf('others/there')).reason).toBe('What is fetched needs a tag or a digest');
    const tags = await failureOf(open().tags(at(`${real.host}/others/nowhere`), task()));
    expect(tags.reason).toContain('the registry has no such repository');
  });

  test('a place that the settings do not allow is never spoken to', async () => {
    const foreign = { host: real.host, repository: 'a/b', tag: 'x', digest: null };
    const { layout } = await published(`${real.host}/others/allowed:x`);
    const registry = open();
    const kept = join(folder(), 'kept');
    for (const step of [
      () => registry.pull(foreign, kept, LIMITS, task()),
      () => registry.push(layout, foreign, task()),
      () => registry.tags(foreign, task()),
    ]) {
      const { reason, retryable } = await failureOf(step());
      expect(reason).toContain(`${real.host}/a/b is not a place that images may come from`);
      expect(retryable).toBe(false);
    }
    expect(real.seen).toEqual([]);
  });

  test('an image of others is refused', async () => {
    const place = folder();
    mkdirSync(join(place, 'x'));
    spawnSync('tar', ['-cf', join(place, 'layer.tar'), '-C', place, 'x']);
    const target = `docker://${real.host}/others/foreign:x`;
    const args = ['copy', '-q', '--dest-tls-verify=false', `tarball:${place}/layer.tar`, target];
    // Not synchronously: the door before the registry is in this process.
    await promisify(execFile)('skopeo', args, { timeout: 20_000 });
    const pulling = open().pull(
      at(`${real.host}/others/foreign:x`),
      join(place, 'kept'),
      LIMITS,
      task(),
    );
    expect((await failureOf(pulling)).reason).toContain('This is not an image of ours');
  });

  test('a registry that says nothing is given up in time, and skopeo with it', async () => {
    const { kept } = await published(`${real.host}/others/silent:x`);
    real.holdIf = () => true;
    const slow = { ...task(), ms: 300 };
    const error = await failureOf(
      open().pull(at(`${real.host}/others/silent:x`), kept, LIMITS, slow),
    );
    expect(error.reason).toMatch(/^Looking at .*: not done within 300 ms$/);
    expect(error.retryable).toBe(true);
    expect(childrenLeft()).toEqual([]);
  });

  test('a file of credentials that is none is named, and none of it is told', async () => {
    const { kept, place } = await published(`${real.host}/others/auth:x`);
    const authFile = join(place, 'auth.json');
    const text = '{"auths":{"a":{"auth":"c2VjcmV0"}}';
    writeFileSync(authFile, text);
    const pulling = open({ authFile }).pull(at(`${real.host}/others/auth:x`), kept, LIMITS, task());
    const { reason } = await failureOf(pulling);
    expect(reason).toContain('SNAPYARD_REGISTRY_AUTH');
    expect(reason).not.toContain('c2VjcmV0');
    writeFileSync(authFile, `${text}}`);
    await open({ authFile }).pull(at(`${real.host}/others/auth:x`), kept, LIMITS, task());
  });
});

describe.skipIf(without)('no registry (needs skopeo)', () => {
  test('one that is down is said, and may be tried again', async () => {
    const down = await startRegistry();
    await down.close();
    const place = { repository: `${down.host}/a/b`, allowed: [], authFile: undefined };
    const pulling = openRegistry(place, world).pull(
      resolveReference('x', place),
      join(folder(), 'kept'),
      LIMITS,
      task(),
    );
    const error = await failureOf(pulling);
    const why = 'the registry does not answer';
    expect(error.reason).toContain(`Looking at ${down.host}/a/b:x: ${why}`);
    expect(error.retryable).toBe(true);
  });
});

test('a machine without skopeo says so', async () => {
  const place = { repository: 'registry.example.org/a/b', allowed: [], authFile: undefined };
  const registry = openRegistry({ ...place, binary: '/nowhere/skopeo' }, world);
  const error = await failureOf(registry.tags(resolveReference('x', place), task()));
  expect(error.reason).toContain('/nowhere/skopeo is not installed on this machine');
  expect(error.retryable).toBe(false);
});

test('a tag alone is one of the repository of the settings', () => {
  const nowhere = { repository: undefined, allowed: [] };
  const place = { repository: 'registry.example.org/a/b', allowed: ['other.example.org/c'] };
  expect(resolveReference('x', place)).toMatchObject({ repository: 'a/b', tag: 'x' });
  expect(resolveReference('other.example.org/c/d:y', place)).toMatchObject({ tag: 'y' });
  expect(() => resolveReference('x', nowhere)).toThrow('SNAPSHOT_REGISTRY does not say');
  expect(() => resolveReference('other.example.org/d/e:y', place)).toThrow('is not a place');
  expect(() => resolveReference('registry.example.org/a/b:x', nowhere)).toThrow('allow nothing');
  expect(() => resolveReference('a/b:x', place)).toThrow('does not begin with a host');
});

/** Processes that this one has started and that still run, by name. */
function childrenLeft(): string[] {
  const list = readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8');
  const names = list.split(' ').filter(Boolean);
  return names
    .map((pid) => readFileSync(`/proc/${pid}/comm`, 'utf8').trim())
    .filter((name) => name === 'skopeo');
}

function sizeIn(layout: string, name: string): number {
  return statSync(join(layout, 'blobs/sha256', name)).size;
}

async function waitFor(isSo: () => boolean): Promise<void> {
  const deadline = world.elapsed() + 15_000;
  while (!isSo()) {
    if (world.elapsed() > deadline) throw new Error('what is waited for does not come');
    await world.sleep(10);
  }
}
