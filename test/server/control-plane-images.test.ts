import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findCluster } from '../../db/cluster.ts';
import type { Db } from '../../db/connection.ts';
import { findSnapshotsOfPool, insertSet, moveSet } from '../../db/snapshot.ts';
import { findCurrentImage, findImage, findVersions, moveImage } from '../../db/image.ts';
import { takeUp } from '../../db/image-use.ts';
import { findPoolByName, findPools } from '../../db/cluster-pool.ts';
import { findTemplate } from '../../db/template.ts';
import { imageRef, type Image, type ImageStatus } from '../../schema/model/image.ts';
import { InvalidInput, NotFound, WrongState } from '../../schema/model/refusal.ts';
import { recipe } from '../kit/image-store.ts';
import { ADMIN, addFreeCluster, openTestStore, viewer, type TestStore } from '../kit/store.ts';

let kit: TestStore;

beforeEach(() => {
  kit = openTestStore({ keepsImages: true });
});
afterEach(() => kit.close());

const verbs = () => kit.verbs(ADMIN);
const WHY = { cause: 'ADMIN' } as const;
const versions = (name: string) => kit.store.read((db) => findVersions(db, name));
const build = (name: string, more: object = {}) => kit.done(verbs().buildImage({ name, ...more }));

/** Ends the making of a version, as its reconciler would. */
async function ends(image: Image, to: ImageStatus = 'READY'): Promise<Image> {
  return kit.transact((tx) => {
    const moved = moveImage(tx, image.id, { from: ['CREATING'], to }, WHY);
    if (moved === undefined) throw new Error(`${imageRef(image)} is not CREATING`);
    return to === 'READY' ? takeUp(tx, moved, WHY) : moved;
  });
}

async function ready(name: string, more: object = {}): Promise<Image> {
  return ends(await build(name, more));
}

describe('without a place for images', () => {
  it.each([
    ['buildImage', () => verbs().buildImage({ name: 'base' })],
    ['pullImage', () => verbs().pullImage({ name: 'base', reference: 'base' })],
    ['publishImage', () => verbs().publishImage({ imageId: 'x', tag: 'base' })],
    ['rollbackImage', () => verbs().rollbackImage({ name: 'base' })],
    ['deleteImage', () => verbs().deleteImage('x')],
  ])('%s says how to get one', async (_, verb) => {
    await kit.close();
    kit = openTestStore();
    const refusal = await kit.refused(verb());
    expect(refusal).toBeInstanceOf(InvalidInput);
    expect(String(refusal)).toContain('npm run qemu:image');
  });

  it('nothing can be built and no tags are known', async () => {
    await kit.close();
    kit = openTestStore();
    expect(verbs().readImageCatalogue()).toEqual([]);
    expect(await kit.done(verbs().readImageTags())).toMatchObject({
      tags: [],
      problem: expect.stringContaining('npm run qemu:image') as string,
    });
  });
});

describe('buildImage', () => {
  it('builds by name what the catalogue says, and its parent first', async () => {
    const games = await build('games');
    const [base] = versions('base');
    expect(games).toMatchObject({ imageVersion: 1, status: 'CREATING', parentId: base?.id });
    expect(games).toMatchObject({ source: 'BUILT', actor: 'root', current: false });
    expect(base).toMatchObject({ imageVersion: 1, status: 'CREATING', parentId: null });
    expect(games.recipe?.packages).toEqual(['nethack-console']);
  });

  it('builds on the current version of the parent', async () => {
    await ready('base');
    const second = await ready('base');
    expect((await build('games')).parentId).toBe(second.id);
  });

  it('makes a named image of its own recipe, and again by its name alone', async () => {
    const steps = [['sh', '-c', 'echo mine > /etc/mine']];
    const own = await ready('mine', { packages: ['htop'], steps });
    expect(own.recipe).toEqual(recipe({ packages: ['htop'], steps }));
    const again = await build('mine');
    expect([again.imageVersion, again.recipe]).toEqual([2, own.recipe]);
  });

  it('answers an equal one that is being made', async () => {
    const first = await build('games');
    expect((await build('games')).id).toBe(first.id);
    expect((await build('games', { packages: ['other-game'] })).id).not.toBe(first.id);
    await ends(first);
    expect((await build('games')).imageVersion).toBe(3);
  });

  it.each([
    [{ name: 'unheard' }, 'name', 'base, games'],
    [{ name: 'mine', parent: 'nothing' }, 'parent', 'nothing'],
    [{ name: 'mine', parent: 'mine' }, 'parent', 'mine, mine'],
    [{ name: 'base', steps: [['true']] }, 'steps', 'parent'],
  ])('refuses %j by its field %s', async (input, field, told) => {
    const refusal = await kit.refused(verbs().buildImage(input));
    expect(refusal).toMatchObject({ constructor: InvalidInput, field });
    expect(String(refusal)).toContain(told);
    expect(versions(input.name)).toEqual([]);
  });

  it('refuses a catalogue that goes round in circles', async () => {
    const ring = (name: string, parent: string) => ({
      name,
      description: '',
      recipe: recipe({ parent }),
    });
    kit.images.entries = [ring('a', 'b'), ring('b', 'a')];
    const refusal = await kit.refused(verbs().buildImage({ name: 'a' }));
    expect(refusal).toMatchObject({ constructor: InvalidInput, field: 'parent' });
    expect(String(refusal)).toContain('a, b, a');
  });

  it('refuses more than can wait', async () => {
    for (let n = 0; n < 31; n += 1) await build('mine', { packages: [`package${n}`] });
    const refusal = await kit.refused(verbs().pullImage({ name: 'one-more', reference: 'tag' }));
    expect(refusal).toMatchObject({ constructor: WrongState, state: 'CREATING' });
  });
});

describe('pullImage', () => {
  it('asks once for what is to be fetched', async () => {
    const pull = (reference: string) => kit.done(verbs().pullImage({ name: 'win98', reference }));
    const image = await pull('win98-base');
    expect(image).toMatchObject({ source: 'PULLED', reference: 'win98-base', recipe: null });
    expect((await pull('win98-base')).id).toBe(image.id);
    expect((await pull('win98-games')).imageVersion).toBe(2);
  });
});

describe('publishImage', () => {
  const publish = (imageId: string, tag: string) => verbs().publishImage({ imageId, tag });

  it('says what is wanted, once', async () => {
    const { id } = await ready('base');
    expect(await kit.done(publish(id, 'v1'))).toMatchObject({ publishTag: 'v1' });
    expect(await kit.done(publish(id, 'v1'))).toMatchObject({ publishTag: 'v1' });
    expect(await kit.refused(publish(id, 'v2'))).toMatchObject({
      constructor: WrongState,
      state: 'PUBLISHING',
    });
  });

  it('is refused for what is not READY, or unknown', async () => {
    const { id } = await build('base');
    expect(await kit.refused(publish(id, 'v1'))).toMatchObject({ state: 'CREATING' });
    expect(await kit.refused(publish('nothing', 'v1'))).toBeInstanceOf(NotFound);
  });
});

describe('rollbackImage', () => {
  const back = (input: { name: string; imageVersion?: number }) => verbs().rollbackImage(input);

  it('makes the READY version before the current one current', async () => {
    const first = await ready('base');
    await ends(await build('base'), 'FAILED');
    await ready('base');
    expect(await kit.done(back({ name: 'base' }))).toMatchObject({ id: first.id, current: true });
    expect(versions('base').map(({ current }) => current)).toEqual([false, false, true]);
    expect(await kit.done(back({ name: 'base', imageVersion: 3 }))).toMatchObject({
      imageVersion: 3,
    });
  });

  it('is refused where there is nothing to go back to', async () => {
    expect(await kit.refused(back({ name: 'base' }))).toBeInstanceOf(NotFound);
    const first = await build('base');
    expect(await kit.refused(back({ name: 'base' }))).toMatchObject({ state: 'NONE' });
    await ends(first);
    expect(await kit.refused(back({ name: 'base' }))).toMatchObject({ state: 'READY' });
    expect(await kit.refused(back({ name: 'base', imageVersion: 9 }))).toBeInstanceOf(NotFound);
    await ends(await build('base'), 'FAILED');
    expect(await kit.refused(back({ name: 'base', imageVersion: 2 }))).toMatchObject({
      constructor: WrongState,
      state: 'FAILED',
    });
  });

  it('gives up at once what pools have of other versions, so the next session has it', async () => {
    await ready('base');
    await ready('base');
    const names = ['p1', 'p2', 'p3', 'p4', 'p5'];
    for (const name of names) await servedBy(name, 'base@2');
    await kit.done(back({ name: 'base' }));
    for (const name of names) {
      const claim = kit.done(kit.verbs(viewer('alice')).createSession({ pool: name }));
      expect((await claim).status).toBe('PROVISIONING');
      expect((await claim).clusterId).not.toBe(free.get(name));
    }
  });

  it('passes over no pool when another is deleted meanwhile', async () => {
    await ready('base');
    await ready('base');
    const names = ['p1', 'p2', 'p3', 'p4', 'p5'];
    for (const name of names) await servedBy(name, 'base@2');
    // As soon as it was dealt with: those behind it move up.
    let gone: Promise<unknown> | undefined;
    const stop = kit.store.onCommit(() => {
      const isPast = kit.store.read((db) => !hasFreeOf(db, 'p1'));
      if (isPast) gone ??= verbs().deleteClusterPool('p1');
    });
    await kit.done(back({ name: 'base' }));
    stop();
    await kit.done(Promise.resolve(gone));
    const left = kit.store.read((db) => names.slice(1).filter((name) => hasFreeOf(db, name)));
    expect(left).toEqual([]);
  });

  it('marks what a server that dies meanwhile would leave', async () => {
    await ready('base');
    const second = await ready('base');
    const names = ['p1', 'p2', 'p3', 'p4', 'p5'];
    for (const name of names) await servedBy(name, 'base@2');
    let outdated: boolean[] = [];
    const stop = kit.store.onCommit(() => {
      const now = kit.store.read((db) => findImage(db, second.id));
      if (now?.current !== false || outdated.length > 0) return;
      outdated = kit.store.read((db) => findPools(db).flatMap(({ id }) => outdatedOf(db, id)));
    });
    await kit.done(back({ name: 'base' }));
    stop();
    expect(outdated).toEqual(names.map(() => true));
  });

  it('leaves alone what is of the version that it goes back to', async () => {
    await ready('base');
    await ready('base');
    await servedBy('p1', 'base@1');
    await kit.done(back({ name: 'base' }));
    const claim = await kit.done(kit.verbs(viewer('alice')).createSession({ pool: 'p1' }));
    expect(claim.clusterId).toBe(free.get('p1'));
  });
});

const free = new Map<string, string | undefined>();

/** Whether the free cluster of a pool may still be claimed. */
function hasFreeOf(db: Db, name: string): boolean {
  return findCluster(db, free.get(name) ?? '')?.removingAt === null;
}

function outdatedOf(db: Db, poolId: string): boolean[] {
  return findSnapshotsOfPool(db, poolId).map(({ outdated, status }) => {
    return outdated || status === 'DELETING';
  });
}

/** A pool of micro-VMs with one free cluster, made from a set of this version. */
async function servedBy(name: string, image: string): Promise<void> {
  const pool = await kit.addPool({ name, provider: 'QEMU', image: 'base' });
  const clusterId = await kit.transact((tx) => {
    const source = { clusterId: null, sourceClusterId: null, sourceSessionId: null };
    const roles = findTemplate(tx.db, pool.templateId)?.roles ?? [];
    const set = insertSet(
      tx,
      { poolId: pool.id, ...source, jobId: null, mode: 'ONLINE' },
      roles,
      WHY,
    );
    const patch = { current: true, image, readyAt: tx.now };
    moveSet(tx, { poolId: pool.id, set }, { from: ['CREATING'], to: 'READY', patch }, WHY);
    return addFreeCluster(tx, pool, { madeFromSet: set });
  });
  free.set(name, clusterId);
}

describe('deleteImage', () => {
  const remove = (id: string) => verbs().deleteImage(id);

  it('marks it, gives up what is being made, and makes the one before current', async () => {
    const first = await ready('base');
    const second = await ready('base');
    expect(await kit.done(remove(second.id))).toMatchObject({ status: 'DELETING', current: false });
    expect(await kit.done(remove(second.id))).toMatchObject({ status: 'DELETING' });
    expect(kit.store.read((db) => findCurrentImage(db, 'base')?.id)).toBe(first.id);
    const third = await build('base');
    expect(await kit.done(remove(third.id))).toMatchObject({ status: 'DELETING' });
  });

  it('is refused while others are built on it, and names them', async () => {
    await ready('games').catch(() => undefined);
    const [base] = versions('base');
    const refusal = await kit.refused(remove(base?.id ?? ''));
    expect(refusal).toMatchObject({ constructor: WrongState, state: 'IN_USE' });
    expect(String(refusal)).toContain('games@1');
  });

  it('is refused while pools use it, and names them', async () => {
    const first = await ready('base');
    await servedBy('p1', 'base@1');
    expect(String(await kit.refused(remove(first.id)))).toContain('used by pools: p1');
    // Another version is the current one, but golden states of this one are still there.
    const second = await ready('base');
    expect(String(await kit.refused(remove(first.id)))).toContain('used by pools: p1');
    expect(String(await kit.refused(remove(second.id)))).toContain('used by pools: p1');
  });

  it('is refused for what is unknown', async () => {
    expect(await kit.refused(remove('nothing'))).toBeInstanceOf(NotFound);
    expect(kit.store.read((db) => findImage(db, 'nothing'))).toBeUndefined();
  });
});

describe('a pool that names an image', () => {
  const create = (input: object) =>
    verbs().createClusterPool({ name: 'play', provider: 'QEMU', ...input });
  const pool = () => kit.store.read((db) => findPoolByName(db, 'play'));

  it('has it built at once and waits for it', async () => {
    await kit.done(create({ image: 'games', memoryMiB: 256, cpuCores: 2, diskGiB: 2.5 }));
    expect(versions('games')).toHaveLength(1);
    expect(pool()?.replenishPaused).toBe('image games@1 is being made');
    await ends(versions('base')[0] as Image);
    await ends(versions('games')[0] as Image);
    expect(pool()?.replenishPaused).toBeNull();
    const templateId = pool()?.templateId ?? '';
    const template = kit.store.read((db) => findTemplate(db, templateId));
    expect(template).toMatchObject({
      name: 'micro:games',
      roles: [{ image: 'games', memoryMiB: 256, cpuCores: 2, diskGiB: 2.5 }],
    });
  });

  it('shares its template with pools of the same content', async () => {
    await ready('base');
    const other = { name: 'two', image: 'base', memoryMiB: 512 };
    const [one, two, three] = [
      await kit.done(create({ image: 'base' })),
      await kit.done(create(other)),
      await kit.done(create({ name: 'three', image: 'base' })),
    ];
    expect(three.templateId).toBe(one.templateId);
    expect(two.templateId).not.toBe(one.templateId);
  });

  it('says why while its image cannot be had, and goes on when another is', async () => {
    await kit.done(create({ image: 'base' }));
    await kit.done(verbs().deleteImage(versions('base')[0]?.id ?? ''));
    expect(pool()?.replenishPaused).toBe('image base has no version that is ready');
    await ready('base');
    expect(pool()?.replenishPaused).toBeNull();
  });

  it.each([
    [{ image: 'unheard' }, 'image', 'buildImage'],
    [{ provider: 'SIMULATOR', image: 'games' }, 'image', 'QEMU and FIRECRACKER'],
  ])('is refused with %j by its field %s', async (input, field, told) => {
    const refusal = await kit.refused(create(input));
    expect(refusal).toMatchObject({ constructor: InvalidInput, field });
    expect(String(refusal)).toContain(told);
    expect(pool()).toBeUndefined();
  });
});

describe('the tags of the registry', () => {
  it('are asked for once by all who ask, and kept for some seconds', async () => {
    const ask = () => verbs().readImageTags();
    expect(await kit.done(Promise.all([ask(), ask()]))).toEqual([NO_TAGS, NO_TAGS]);
    expect(await kit.done(ask())).toEqual(NO_TAGS);
    expect(kit.images.asked).toBe(1);
    await kit.world.advance(11_000);
    await kit.done(ask());
    expect(kit.images.asked).toBe(2);
  });

  it('are not waited for longer than a request may read', async () => {
    kit.images.faults.slow.push(10_000);
    expect((await kit.done(verbs().readImageTags())).problem).toContain('ask again');
    await kit.world.advance(8_000);
    expect(await kit.done(verbs().readImageTags())).toEqual(NO_TAGS);
    expect(kit.images.asked).toBe(1);
  });

  it('say why they are not known', async () => {
    kit.images.faults.slow.push(100_000);
    await kit.done(verbs().readImageTags());
    await kit.world.advance(31_000);
    expect((await kit.done(verbs().readImageTags())).problem).toBe('the registry does not answer');
  });
});

const NO_TAGS = { tags: [], problem: null };
