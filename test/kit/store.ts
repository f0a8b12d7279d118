import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findClaimable, moveCluster, type ClusterPatch } from '../../db/cluster.ts';
import { getPool } from '../../db/cluster-pool.ts';
import { addCluster } from '../../db/hold/claim.ts';
import { openStore, type Store } from '../../db/store.ts';
import type { Tx } from '../../db/tx.ts';
import { createVault } from '../../db/vault.ts';
import type { ControlPlane } from '../../schema/context.ts';
import type { CreateClusterPoolInput } from '../../schema/inputs.ts';
import type { Why } from '../../schema/model/change.ts';
import type { ClusterPool } from '../../schema/model/cluster-pool.ts';
import type { ProviderKind } from '../../schema/model/provider-kind.ts';
import type { Role, Viewer } from '../../schema/model/viewer.ts';
import { createContexts, type Contexts } from '../../server/context.ts';
import { createControlPlane } from '../../server/control-plane.ts';
import type { SavedLimits } from '../../server/control-plane/verb.ts';
import { createFeed } from '../../server/feed.ts';
import { Hub } from '../../server/hub.ts';
import { askTags } from '../../server/image-tags.ts';
import { addPool, type FindTraits } from '../../server/pools.ts';
import { simulatedImages, type SimulatedImages } from './image-store.ts';
import { TEST_KEY } from './vault.ts';
import { virtualWorld, type VirtualWorld } from './virtual-world.ts';

/** A database in a folder of its own, with verbs, feed and contexts, in virtual time. */
export interface TestStore {
  readonly path: string;
  readonly world: VirtualWorld;
  readonly store: Store;
  readonly hub: Hub;
  readonly contexts: Contexts;
  /** Where its images are kept; used when the options say so. */
  readonly images: SimulatedImages;
  /** Providers that this server has lost. */
  readonly lost: Set<ProviderKind>;
  verbs(viewer: Viewer): ControlPlane;
  /** Lets time pass until a promise settles, and answers as it does. */
  done<T>(promise: Promise<T>): Promise<T>;
  /** The refusal or fault that a promise ends with. */
  refused(promise: Promise<unknown>): Promise<unknown>;
  /** Runs a transaction to its end. */
  transact<T>(body: (tx: Tx) => T extends PromiseLike<unknown> ? never : T): Promise<T>;
  /** Adds a pool, of the simulator when nothing else is said, with so many free clusters. */
  addPool(input: Partial<CreateClusterPoolInput>, free?: number): Promise<ClusterPool>;
  close(): Promise<void>;
}

/** The admin of the tests. */
export const ADMIN: Viewer = { name: 'root', role: 'ADMIN' };

/** A viewer of the tests. */
export function viewer(name: string, role: Role = 'USER'): Viewer {
  return { name, role };
}

const WHY: Why = { cause: 'REPLENISH' };
const FOR_LONG = { withinMs: 3_600_000 };

const TRAITS: FindTraits = (kind) => {
  if (kind === 'SIMULATOR') {
    return {
      goldenState: 'CLUSTER',
      wakes: false,
      captureModes: ['ONLINE', 'OFFLINE'],
      savesSessions: true,
    };
  }
  if (kind !== 'QEMU') return undefined;
  return { goldenState: 'POOL', wakes: true, captureModes: ['ONLINE'], savesSessions: true };
};

/** Opens a database: in a folder of its own, or the one at this path again. */
export function openTestStore(
  options: {
    seed?: number;
    path?: string;
    world?: VirtualWorld;
    savedLimits?: SavedLimits;
    keepsImages?: boolean;
  } = {},
): TestStore {
  const folder = mkdtempSync(join(tmpdir(), 'snapyard-store-'));
  const path = options.path ?? join(folder, 'snapyard.db');
  const world = options.world ?? virtualWorld({ seed: options.seed ?? 1 });
  const store = openStore(path, world);
  const hub = new Hub(store, world);
  const { savedLimits } = options;
  const vault = createVault(TEST_KEY, world);
  const images = simulatedImages(world);
  const tags = askTags(images, world, unexpected);
  const kept = options.keepsImages === true ? { images, imageTags: tags } : {};
  const lost = new Set<ProviderKind>();
  const findTraits: FindTraits = (kind) => (lost.has(kind) ? undefined : TRAITS(kind));
  const verbsFor = createControlPlane({ store, findTraits, vault, savedLimits, ...kept });
  const feedFor = createFeed({ store, world, hub });
  const done = <T>(promise: Promise<T>) => world.finish(promise, FOR_LONG);
  return {
    path,
    world,
    store,
    hub,
    contexts: createContexts({ store, world, verbsFor, feedFor }),
    images,
    lost,
    verbs: verbsFor,
    done,
    refused: (promise) => done(promise.then(unexpected, (error: unknown) => error)),
    transact: (body) => done(store.transact(body)),
    addPool: (input, free = 0) => done(store.transact((tx) => readyPool(tx, input, free))),
    close: async () => {
      hub.close();
      await world.settle();
      await store.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

function unexpected(value: unknown): never {
  throw new Error(`was not refused, but answered ${JSON.stringify(value)}`);
}

function readyPool(tx: Tx, input: Partial<CreateClusterPoolInput>, free: number): ClusterPool {
  const pool = addPool(tx, { name: 'cks', provider: 'SIMULATOR', ...input }, TRAITS, WHY);
  for (let n = 0; n < free; n += 1) addFreeCluster(tx, pool);
  return getPool(tx.db, pool.id);
}

/** Adds a cluster that is there and free. */
export function addFreeCluster(tx: Tx, pool: ClusterPool, patch: ClusterPatch = {}): string {
  const { id } = addCluster(tx, getPool(tx.db, pool.id), {}, WHY);
  moveCluster(tx, id, { from: ['CREATING'], to: 'AVAILABLE', patch }, WHY);
  return id;
}

/** The id of the cluster that the next claim gets. */
export function nextFree(store: Store, poolId: string): string {
  const found = store.read((db) => findClaimable(db, poolId));
  if (found === undefined) throw new Error('no cluster is free');
  return found.id;
}
