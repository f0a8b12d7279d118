import { afterEach, beforeEach, expect, it } from 'vitest';
import { acceptSet } from '../../db/accept-set.ts';
import { findCluster } from '../../db/cluster.ts';
import { findPools } from '../../db/cluster-pool.ts';
import { insertImage, moveImage } from '../../db/image.ts';
import { pausePools, takeUp } from '../../db/image-use.ts';
import { findSet, insertSet } from '../../db/snapshot.ts';
import { findTemplate } from '../../db/template.ts';
import type { ClusterPool } from '../../schema/model/cluster-pool.ts';
import { imageRef, type Image } from '../../schema/model/image.ts';
import type { Snapshot } from '../../schema/model/snapshot.ts';
import { clusterRef, setRef } from '../../server/outside.ts';
import { ADMIN, addFreeCluster, openTestStore, type TestStore } from '../kit/store.ts';

// Pools that name no image: they are made from `base`, as if they named it.

let kit: TestStore;
let pool: ClusterPool;

beforeEach(async () => {
  kit = openTestStore({ keepsImages: true });
  pool = await kit.addPool({ name: 'p', provider: 'QEMU' });
});
afterEach(() => kit.close());

const WHY = { cause: 'ADMIN' } as const;
const verbs = () => kit.verbs(ADMIN);

/** The next version of `base`, which becomes the current one. */
function nextBase(): Promise<Image> {
  return kit.transact((tx) => {
    const from = { source: 'BUILT', reference: null, recipe: null, parentId: null } as const;
    const { id } = insertImage(tx, { name: 'base', actor: 'root', ...from }, WHY);
    const moved = moveImage(tx, id, { from: ['CREATING'], to: 'READY' }, WHY);
    if (moved === undefined) throw new Error('it is not CREATING');
    return takeUp(tx, moved, WHY);
  });
}

function beginSet(): Promise<number> {
  return kit.transact((tx) => {
    const source = { clusterId: null, sourceClusterId: null, sourceSessionId: null };
    const roles = findTemplate(tx.db, pool.templateId)?.roles ?? [];
    const mode = { jobId: null, mode: 'ONLINE' } as const;
    return insertSet(tx, { poolId: pool.id, ...source, ...mode }, roles, WHY);
  });
}

async function setOf(image: string, source: 'IMAGE' | 'PREBUILT' = 'IMAGE'): Promise<number> {
  const set = await beginSet();
  await endSet(set, image, source);
  return set;
}

function endSet(set: number, image: string, source: 'IMAGE' | 'PREBUILT' = 'IMAGE') {
  const made = { source, reason: null, image, digest: null };
  const captured = { role: 'STANDALONE', sizeBytes: 1, k8sVersion: null, made } as const;
  return kit.transact((tx) => acceptSet(tx, { poolId: pool.id, set }, [captured], WHY));
}

const rowOf = (set: number): Snapshot | undefined =>
  kit.store.read((db) => findSet(db, { poolId: pool.id, set })[0]);
const freeCluster = (set?: number) =>
  kit.transact((tx) => addFreeCluster(tx, pool, { madeFromSet: set ?? null }));

/** What the provider is told that VMs are made of. */
async function given() {
  const [clusterId, set] = [await freeCluster(), await beginSet()];
  return kit.store.read((db) => {
    const cluster = findCluster(db, clusterId);
    if (cluster === undefined) throw new Error('there is no such cluster');
    const { roles, namesNone } = setRef(db, findSet(db, { poolId: pool.id, set }), undefined);
    return {
      images: [clusterRef(db, cluster).vms[0]?.image, roles[0]?.image],
      namesNone,
    };
  });
}

it('the provider is told the current version, and decides where there is none', async () => {
  expect(await given()).toEqual({ images: [null, null], namesNone: true });
  await nextBase();
  await nextBase();
  expect(await given()).toEqual({ images: ['base@2', 'base@2'], namesNone: true });
  await kit.done(verbs().rollbackImage({ name: 'base' }));
  expect(await given()).toEqual({ images: ['base@1', 'base@1'], namesNone: true });
});

it('pools that name their image say so, and other providers have no named images', async () => {
  await nextBase();
  pool = await kit.addPool({ name: 'named', provider: 'QEMU', image: 'base' });
  expect(await given()).toEqual({ images: ['base@1', 'base@1'], namesNone: false });
  pool = await kit.addPool({ name: 'simulated' });
  expect(await given()).toMatchObject({ images: [null, null] });
});

it('going back gives up what is of other versions, but not what a registry had', async () => {
  await nextBase();
  await nextBase();
  const [old, fetched] = [await setOf('base@2'), await setOf('base@7', 'PREBUILT')];
  const [left, kept] = [await freeCluster(old), await freeCluster(fetched)];
  await kit.done(verbs().rollbackImage({ name: 'base' }));
  expect([old, fetched].map((set) => rowOf(set)?.status)).toEqual(['DELETING', 'READY']);
  const going = kit.store.read((db) =>
    [left, kept].map((id) => typeof findCluster(db, id)?.removingAt),
  );
  expect(going).toEqual(['number', 'object']);
});

it('a new version outdates the sets of the one before, and its own stay', async () => {
  await nextBase();
  const [old, begun, late] = [await setOf('base@1'), await beginSet(), await beginSet()];
  const second = await nextBase();
  expect(rowOf(old)?.outdated).toBe(true);
  await endSet(begun, imageRef(second));
  await endSet(late, 'base@1');
  expect([begun, late].map((set) => rowOf(set)?.outdated)).toEqual([false, true]);
});

it('the current version is not deleted under them', async () => {
  const { id } = await nextBase();
  const refusal = await kit.refused(verbs().deleteImage(id));
  expect(refusal).toMatchObject({ state: 'IN_USE', message: 'used by pools: p' });
});

it('they are not paused while no version is ready: a registry may have one', async () => {
  const { id } = await nextBase();
  await kit.addPool({ name: 'named', provider: 'QEMU', image: 'base' });
  await kit.transact((tx) => moveImage(tx, id, { from: ['READY'], to: 'FAILED' }, WHY));
  await kit.transact((tx) => pausePools(tx, 'base'));
  const pools = kit.store.read((db) => findPools(db));
  const paused = pools.filter(({ replenishPaused }) => replenishPaused !== null);
  expect(paused.map(({ name }) => name)).toEqual(['named']);
});
