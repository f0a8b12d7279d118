import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findPoolByName } from '../../db/cluster-pool.ts';
import { findMembers } from '../../db/cluster.ts';
import { readStamp, writeStamp } from '../../db/stamp.ts';
import { openStore, type Store } from '../../db/store.ts';
import { createVault } from '../../db/vault.ts';
import type { CreateClusterPoolInput } from '../../schema/inputs.ts';
import { CLUSTER_STATUSES, type Cluster } from '../../schema/model/cluster.ts';
import type { ControlPlane } from '../../schema/context.ts';
import type { Viewer } from '../../schema/model/viewer.ts';
import { createContexts, type Contexts } from '../../server/context.ts';
import { createControlPlane } from '../../server/control-plane.ts';
import { createFeed } from '../../server/feed.ts';
import { Hub } from '../../server/hub.ts';
import { createLoops, type Loops } from '../../server/loops.ts';
import { addPool } from '../../server/pools.ts';
import type { ImageDeadlines } from '../../server/reconcilers/reconciler.ts';
import type { ImageStore } from '../../server/providers/image-store.ts';
import type { Provider } from '../../server/providers/provider.ts';
import type { SimulatorFaults } from '../../server/providers/simulator/faults.ts';
import {
  createSimulatorWorld,
  type SimulatorWorld,
} from '../../server/providers/simulator/outside.ts';
import { createSimulator, type Simulator } from '../../server/providers/simulator/simulator.ts';
import { TEST_KEY } from './vault.ts';
import { untilRows } from './until-rows.ts';
import { virtualWorld, type VirtualWorld } from './virtual-world.ts';

/** How a yard in virtual time is made. */
export interface YardOptions {
  readonly seed?: number;
  /** How many times faster than reality things happen outside; once when left out. */
  readonly speed?: number;
  /** Whether the seed also chooses the order of what is ready at the same time. */
  readonly shuffle?: boolean;
  readonly faults?: SimulatorFaults;
  /** Whether bytes are on their way, while which time stands still: see `watchLoopback`. */
  readonly isBusy?: () => boolean;
  /** Whether the simulator stands for a provider of micro-VMs: the pools are of QEMU then. */
  readonly micro?: boolean;
  /** Where images are kept; nowhere when left out. */
  readonly images?: (world: VirtualWorld) => ImageStore;
  readonly imageDeadlines?: ImageDeadlines;
  /** Stands between the loops and the simulator, as a failpoint does. */
  readonly wrapProvider?: (provider: Provider) => Provider;
  readonly wrapStore?: (store: Store) => Store;
}

/** A whole server without its edges: store, loops, feed and simulator, in virtual time. */
export interface Yard {
  readonly world: VirtualWorld;
  readonly store: Store;
  readonly simulator: Simulator;
  /** What exists outside, whoever made it. */
  readonly outside: SimulatorWorld;
  readonly loops: Loops;
  /** What operations may use, subscriptions to the feed too. */
  readonly contexts: Contexts;
  /** Bugs that the loops logged; a test that expects none asserts that it is empty. */
  readonly faults: string[];
  /** The verbs as this viewer may use them; an admin when no role is named. */
  as(name: string, role?: Viewer['role']): ControlPlane;
  /** Lets time pass until the promise settles, and answers as it does. */
  done<T>(promise: Promise<T>): Promise<T>;
  /** Makes a pool of the simulator, whatever that stands for. */
  addPool(input: Omit<CreateClusterPoolInput, 'provider'>): Promise<void>;
  members(pool: string): Cluster[];
  /** Lets time pass until all members of the pool are in one of these states. */
  settled(pool: string, count: number, statuses?: readonly Cluster['status'][]): Promise<void>;
  /** What a crash just now would leave, put by; the yard goes on. */
  putBy(): Crashed;
  /**
   * Ends the process as kill -9 does, at this very moment, whatever is under way; the promise of
   * whoever drives its time still settles.
   */
  kill(): Crashed;
  /** Kills it, and opens another on what is left; its loops stand still. */
  crash(options?: YardOptions): Yard;
  close(): Promise<void>;
}

/** A process that was killed. Its store cannot be closed before the end, see `remainsOf`. */
interface Grave {
  readonly store: Store;
  readonly simulator: Simulator;
}

/** What a process leaves behind, and where those before it lie. */
interface Remains {
  readonly folder: string;
  readonly life: number;
  readonly world: VirtualWorld;
  readonly outside: SimulatorWorld;
  readonly graves: Grave[];
}

/** Opens a yard in a folder of its own. */
export function openYard(options: YardOptions = {}): Yard {
  const folder = mkdtempSync(join(memoryFolder(), 'yard-'));
  const { seed = 1, shuffle = false, isBusy = () => false } = options;
  const world = virtualWorld({ seed, shuffle, isBusy });
  return openOn({ folder, life: 1, world, outside: createSimulatorWorld(), graves: [] }, options);
}

/** Tests of what happens need no disk: in memory a commit costs a tenth. */
function memoryFolder(): string {
  return existsSync('/dev/shm') ? '/dev/shm' : tmpdir();
}

const FOR_LONG = { withinMs: 6 * 3_600_000 };

function membersOf(store: Store, poolName: string): Cluster[] {
  return store.read((db) => {
    const pool = findPoolByName(db, poolName);
    return pool === undefined ? [] : findMembers(db, pool.id, CLUSTER_STATUSES, 100_000);
  });
}

function areAll(all: Cluster[], count: number, statuses: readonly Cluster['status'][]): boolean {
  return all.length === count && all.every(({ status }) => statuses.includes(status));
}

function openOn(remains: Remains, options: YardOptions): Yard {
  const { folder, life, world, outside } = remains;
  const faults: string[] = [];
  mkdirSync(databaseFolder(folder, life), { recursive: true });
  const raw = openStore(join(databaseFolder(folder, life), 'yard.db'), world);
  const store = options.wrapStore?.(raw) ?? raw;
  const simulator = simulatorOf(remains, options, store.installation.id);
  const provider = options.wrapProvider?.(simulator) ?? simulator;
  const fault = (error: unknown, about: string) =>
    void faults.push(`${about}: ${error instanceof Error ? (error.stack ?? '') : String(error)}`);
  const find = (kind: string) => (kind === simulator.kind ? provider : undefined);
  const traits = (kind: string) => find(kind)?.capabilities;
  const images = options.images?.(world);
  const vault = createVault(TEST_KEY, world);
  const { imageDeadlines } = options;
  const common = { store, images, vault };
  const loops = createLoops({ ...common, world, provider: find, imageDeadlines, fault });
  const controlPlane = createControlPlane({ ...common, findTraits: traits });
  const hub = new Hub(store, world);
  const feedFor = createFeed({ store, world, hub });
  const contexts = createContexts({ store, world, verbsFor: controlPlane, feedFor });
  const kill = (): Crashed => {
    world.halt();
    const left = remainsOf(remains, { store: raw, simulator });
    return { open: (next = {}) => openOn(left, next) };
  };
  const members = (name: string) => membersOf(raw, name);
  return {
    world,
    store,
    simulator,
    outside,
    loops,
    contexts,
    faults,
    members,
    as: (name, role = 'ADMIN') => controlPlane({ name, role }),
    done: (promise) => world.finish(promise, FOR_LONG),
    addPool: async (input) => {
      const wanted = { ...input, provider: simulator.kind };
      const why = { cause: 'ADMIN' } as const;
      const added = store.transact((tx) => void addPool(tx, wanted, traits, why));
      await world.finish(added, FOR_LONG);
    },
    settled: (name, count, statuses = ['AVAILABLE']) => {
      const are = () => areAll(members(name), count, statuses);
      return untilRows({ store: raw, world }, are, FOR_LONG.withinMs);
    },
    putBy: () => putBy(remains),
    kill,
    crash: (next = {}) => kill().open(next),
    close: async () => {
      hub.close();
      await world.settle();
      await world.finish(loops.stop(), FOR_LONG);
      await bury(world, [...remains.graves, { store: raw, simulator }]);
      rmSync(folder, { recursive: true, force: true });
    },
  };
}

/** Ends what is left: what waits for a signal that nobody gives would be kept for ever. */
async function bury(world: VirtualWorld, graves: readonly Grave[]): Promise<void> {
  for (const { simulator } of graves) await simulator.close();
  await world.settle();
  for (const { store } of graves) await store.close();
}

function simulatorOf(
  { world, outside }: Remains,
  { speed = 1, seed = 1, faults, micro = false }: YardOptions,
  installation: string,
): Simulator {
  const standsFor = micro ? MICRO : undefined;
  const of = { world, outside, installation, faults, standsFor };
  return createSimulator({ ...of, speed, seed, worldFile: null });
}

/** Micro-VMs start from the sets of their pool, and are woken when they are handed out. */
const MICRO = { kind: 'QEMU', goldenState: 'POOL', wakes: true } as const;

/** What a process would have left that had been killed at one moment. */
export interface Crashed {
  /** Opens another yard on it, once; its time goes on from that moment. */
  open(options?: YardOptions): Yard;
}

function putBy({ folder, life, world, outside }: Remains): Crashed {
  const kept = mkdtempSync(join(memoryFolder(), 'yard-'));
  copyDatabase(databaseFolder(folder, life), databaseFolder(kept, 1));
  const left = copyOf(outside);
  const now = world.now();
  return {
    open: (options = {}) => {
      // Not the chance of the yard that went on, which gave out identifiers in this very moment.
      const later = virtualWorld({ seed: (options.seed ?? 1) + 7_919, now });
      return openOn({ folder: kept, life: 1, world: later, outside: left, graves: [] }, options);
    },
  };
}

function databaseFolder(folder: string, life: number): string {
  return join(folder, `life-${life}`);
}

function copyDatabase(from: string, to: string): void {
  mkdirSync(to);
  for (const name of ['yard.db', 'yard.db-wal']) {
    if (existsSync(join(from, name))) copyFileSync(join(from, name), join(to, name));
  }
  // The same database after a kill, not one that was put back.
  const stamp = readStamp(join(from, 'yard.db'));
  if (stamp !== undefined) writeStamp(join(to, 'yard.db'), stamp);
}

function copyOf(outside: SimulatorWorld): SimulatorWorld {
  const copy = createSimulatorWorld();
  for (const cluster of outside.clusters()) copy.replay({ cluster });
  for (const set of outside.sets()) copy.replay({ set });
  return copy;
}

/**
 * What a killed process leaves: the bytes of its database and the world outside, both as they are
 * now. The dead store cannot be closed before the end: closing it would commit what it had queued.
 */
function remainsOf(remains: Remains, dead: Grave): Remains {
  const { folder, life, world, outside, graves } = remains;
  copyDatabase(databaseFolder(folder, life), databaseFolder(folder, life + 1));
  return {
    folder,
    life: life + 1,
    world: world.successor(),
    outside: copyOf(outside),
    graves: [...graves, dead],
  };
}
