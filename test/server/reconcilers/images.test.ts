import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findImages } from '../../../db/image.ts';
import { findPhases } from '../../../db/phase.ts';
import { imageRef, type Image } from '../../../schema/model/image.ts';
import { ProviderError } from '../../../server/providers/provider.ts';
import {
  createShelf,
  putOnShelf,
  simulatedImages,
  type ImageShelf,
  type SimulatedImages,
} from '../../kit/image-store.ts';
import { openYard, type Yard, type YardOptions } from '../../kit/yard.ts';

let shelf: ImageShelf;
let store: SimulatedImages;
let yard: Yard;

const imageDeadlines = { buildMs: 60_000, pullMs: 90_000 };
const images: YardOptions['images'] = (world) => (store = simulatedImages(world, shelf));

beforeEach(() => {
  shelf = createShelf();
  yard = openYard({ images, imageDeadlines });
  yard.loops.start();
});
afterEach(async () => {
  expect(yard.faults).toEqual([]);
  await yard.close();
});

const verbs = () => yard.as('root');
const all = () => yard.store.read((db) => findImages(db));
const version = (ref: string) => all().find((image) => imageRef(image) === ref);
const phasesOf = (image: Image | undefined) =>
  yard.store.read((db) => findPhases(db, image?.id ?? ''));
const until = (holds: () => boolean, withinMs = 3_600_000) =>
  yard.world.runUntil(holds, { withinMs });
const becomes = (ref: string, status: Image['status']) =>
  until(() => version(ref)?.status === status);
const build = (name: string, more: object = {}) => yard.done(verbs().buildImage({ name, ...more }));
const broken = (reason: string, retryable = false) => new ProviderError(reason, { retryable });

describe('an image that is asked for', () => {
  it('is built behind its parent, step by step, and is the current one', async () => {
    await build('games');
    await becomes('games@1', 'READY');
    const games = version('games@1');
    expect(version('base@1')).toMatchObject({ status: 'READY', current: true });
    expect(games).toMatchObject({ current: true, arch: 'amd64', sizeBytes: 1_000, attempts: 0 });
    expect(games).toMatchObject({ parentId: version('base@1')?.id, statusMessage: null });
    expect(games?.contents).toEqual(['nethack-console']);
    const steps = phasesOf(games).map(({ name }) => name);
    expect(steps).toEqual(['start base@1', 'true', 'install -d /g', 'capture', 'pack']);
    // Its five steps of a second each, without the wait for its parent.
    expect(games?.buildMs).toBeGreaterThanOrEqual(5_000);
    expect(games?.buildMs).toBeLessThan(6_000);
    expect(games?.digest).not.toBe(version('base@1')?.digest);
  });

  it('has another digest with other content, and the same with the same', async () => {
    for (const text of ['one', 'one', 'other']) {
      await build('mine', { files: [{ path: '/etc/mine', content: text }] });
      await until(() => all().every(({ status }) => status === 'READY'));
    }
    const [one, same, other] = ['mine@1', 'mine@2', 'mine@3'].map((ref) => version(ref)?.digest);
    expect(same).toBe(one);
    expect(other).not.toBe(one);
    expect(version('mine@3')?.current).toBe(true);
  });

  it('that fails for a while is tried again', async () => {
    store.faults.ensureImage.push(broken('no network', true));
    await build('base');
    await until(() => version('base@1')?.attempts === 1);
    expect(version('base@1')).toMatchObject({ status: 'CREATING', statusMessage: 'no network' });
    await becomes('base@1', 'READY');
  });

  it('that cannot be had is FAILED and says why, and so are those built on it', async () => {
    store.faults.ensureImage.push(broken('capture failed'));
    await build('games');
    await becomes('games@1', 'FAILED');
    expect(version('base@1')).toMatchObject({ status: 'FAILED', statusMessage: 'capture failed' });
    expect(version('games@1')?.statusMessage).toContain('base@1');
    expect(phasesOf(version('base@1')).at(-1)).toMatchObject({
      name: 'pack',
      error: 'capture failed',
    });
  });

  it.each([
    ['built', 60, () => build('base')],
    ['fetched', 90, () => yard.done(verbs().pullImage({ name: 'base', reference: 'tag' }))],
  ])('that takes too long to be %s is given up after %i s', async (_, seconds, ask) => {
    store.faults.slow.push(10_000_000);
    const image = await ask();
    await becomes('base@1', 'FAILED');
    expect(version('base@1')?.statusMessage).toBe(`not done within ${seconds} s`);
    expect(yard.world.now() - image.createdAt).toBeLessThan((seconds + 5) * 1_000);
  });

  it('that is deleted meanwhile is given up at once', async () => {
    store.faults.slow.push(100_000);
    const { id } = await build('base');
    await until(() => shelf.begun.has('base@1'));
    await yard.done(verbs().deleteImage(id));
    await until(() => version('base@1') === undefined, 10_000);
    expect(shelf.removed).toEqual(['base@1']);
    expect((await build('base')).imageVersion).toBe(2);
  });

  it('is gone on with after a crash', async () => {
    await build('games');
    await until(() => shelf.begun.has('games@1'));
    yard = yard.crash({ images });
    yard.loops.start();
    await becomes('games@1', 'READY');
    expect(shelf.begun.get('base@1')).toBe(1);
    expect(shelf.begun.get('games@1')).toBe(2);
  });
});

describe('versions that the store has', () => {
  const look = () => yard.world.advance(61_000);

  it('and no row knows are adopted, parents first, with the newest current', async () => {
    putOnShelf(shelf, { name: 'base', imageVersion: 2 });
    putOnShelf(shelf, { name: 'a-game', imageVersion: 4 }, { name: 'base', imageVersion: 2 });
    putOnShelf(shelf, { name: 'base', imageVersion: 1 });
    await look();
    expect(new Set(all().map(imageRef))).toEqual(new Set(['base@1', 'base@2', 'a-game@4']));
    expect(version('a-game@4')?.parentId).toBe(version('base@2')?.id);
    const current = all().filter((image) => image.current);
    expect(new Set(current.map(imageRef))).toEqual(new Set(['base@2', 'a-game@4']));
    expect(version('base@1')).toMatchObject({
      actor: 'system',
      createdAt: expect.any(Number) as number,
    });
    expect((await build('base')).imageVersion).toBe(3);
  });

  it('without their parent are FAILED', async () => {
    putOnShelf(shelf, { name: 'base', imageVersion: 1 });
    putOnShelf(shelf, { name: 'games', imageVersion: 1 }, { name: 'base', imageVersion: 1 });
    shelf.kept.delete('base@1');
    await look();
    expect(version('games@1')).toMatchObject({ status: 'FAILED', parentId: null });
  });

  it('and have lost are FAILED, and the one before is current again', async () => {
    await build('base');
    await becomes('base@1', 'READY');
    await build('base');
    await becomes('base@2', 'READY');
    shelf.kept.delete('base@2');
    await look();
    expect(version('base@2')).toMatchObject({ status: 'FAILED', current: false });
    expect(version('base@1')?.current).toBe(true);
  });

  it('and have back are READY again, and the newest is current', async () => {
    for (const ref of ['base@1', 'base@2']) {
      await build('base');
      await becomes(ref, 'READY');
    }
    const away = new Map(shelf.kept);
    shelf.kept.clear();
    await look();
    expect(all().map(({ status, current }) => [status, current])).toEqual([
      ['FAILED', false],
      ['FAILED', false],
    ]);
    for (const [ref, kept] of away) shelf.kept.set(ref, kept);
    await look();
    expect(version('base@1')).toMatchObject({ status: 'READY', current: false });
    expect(version('base@2')).toMatchObject({
      status: 'READY',
      current: true,
      statusMessage: null,
    });
  });

  it('and have back with other content stay FAILED', async () => {
    await build('base');
    await becomes('base@1', 'READY');
    shelf.kept.delete('base@1');
    await look();
    putOnShelf(shelf, { name: 'base', imageVersion: 1 });
    await look();
    expect(version('base@1')).toMatchObject({
      status: 'FAILED',
      statusMessage: 'its files are gone',
    });
  });

  it('that have the number of a row not yet begun are not taken for it', async () => {
    await yard.done(yard.loops.stop());
    yard = yard.crash({ images });
    putOnShelf(shelf, { name: 'base', imageVersion: 1 });
    const { id } = await build('base', { packages: ['mine'] });
    yard.loops.start();
    await becomes('base@2', 'READY');
    expect(version('base@2')).toMatchObject({ id, contents: ['mine'] });
    await look();
    expect(version('base@1')).toMatchObject({ status: 'READY', current: false });
  });

  it('that somebody else makes between two attempts are not taken for it', async () => {
    store.faults.ensureImage.push(broken('no network', true));
    const { id } = await build('base', { packages: ['mine'] });
    await until(() => version('base@1')?.attempts === 1);
    putOnShelf(shelf, { name: 'base', imageVersion: 1 });
    await becomes('base@2', 'READY');
    expect(version('base@2')).toMatchObject({ id, contents: ['mine'] });
    await look();
    expect(version('base@1')).toMatchObject({
      status: 'READY',
      recipe: null,
      contents: ['base@1'],
    });
  });
});

describe('publishing', () => {
  it('says under which address, and the version can be fetched from there', async () => {
    const { id } = await build('base');
    await becomes('base@1', 'READY');
    await yard.done(verbs().publishImage({ imageId: id, tag: 'win98-base' }));
    await until(() => version('base@1')?.publishTag === null);
    expect(version('base@1')).toMatchObject({
      publishedAs: 'registry.test/owner/images:win98-base',
      publishedDigest: version('base@1')?.digest,
      compressedBytes: 500,
      publishError: null,
    });
    await yard.done(verbs().pullImage({ name: 'copy', reference: 'win98-base' }));
    await becomes('copy@1', 'READY');
    expect(version('copy@1')).toMatchObject({
      source: 'PULLED',
      digest: version('base@1')?.digest,
    });
  });

  it('that fails says why, and the image stays READY', async () => {
    const { id } = await build('base');
    await becomes('base@1', 'READY');
    store.faults.publish.push(broken('slow', true), broken('not allowed'));
    await yard.done(verbs().publishImage({ imageId: id, tag: 'v1' }));
    await until(() => version('base@1')?.publishTag === null);
    expect(version('base@1')).toMatchObject({ status: 'READY', publishError: 'not allowed' });
    expect(version('base@1')?.publishedAs).toBeNull();
    await yard.done(verbs().publishImage({ imageId: id, tag: 'v1' }));
    await until(() => version('base@1')?.publishedAs !== null);
    expect(version('base@1')?.publishError).toBeNull();
  });
});

describe('removing', () => {
  it('is tried until it is done, and the number is not used again', async () => {
    const { id } = await build('base');
    await becomes('base@1', 'READY');
    store.faults.remove.push(broken('busy'), broken('busy'), broken('busy'), broken('busy'));
    await yard.done(verbs().deleteImage(id));
    await until(() => version('base@1')?.statusMessage === 'busy');
    await until(() => all().length === 0);
    expect(shelf.kept.size).toBe(0);
    expect((await build('base')).imageVersion).toBe(2);
  });
});
