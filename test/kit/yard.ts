import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findPoolByName } from '../../db/cluster-pool.ts';
import { findMembers } from '../../db/cluster.ts';
import { openStore, type Store } from '../../db/store.ts';
import type { CreateClusterPoolInput } from '../../schema/inputs.ts';
import { CLUSTER_STATUSES, type Cluster } from '../../schema/model/cluster.ts';
import { createLoops, type Loops } from '../../server/loops.ts';
import { addPool } from '../../server/pools.ts';
import type { Provider } from '../../server/providers/provider.ts';
import type { SimulatorFaults } from '../../server/providers/simulator/faults.ts';
import {
  createSimulatorWorld,
  type SimulatorWorld,
} from '../../server/providers/simulator/outside.ts';
import { createSimulator, type Simulator } from '../../server/providers/simulator/simulator.ts';
import { virtualWorld, type VirtualWorld } from './virtual-world.ts';

/** How a yard in virtual time is made. */
export interface YardOptions {
  readonly seed?: number;
  readonly faults?: SimulatorFaults;
  /** Stands between the loops and the simulator, as a failpoint does. */
  readonly wrapProvider?: (provider: Provider) => Provider;
  readonly wrapStore?: (store: Store) => Store;
}

/** A whole server without its edges: store, loops and simulator, in virtual time. */
export interface Yard {
  readonly world: VirtualWorld;
  readonly store: Store;
  readonly simulator: Simulator;
  readonly loops: Loops;
  /** Bugs that the loops logged; a test that expects none asserts that it is empty. */
  readonly faults: string[];
  addPool(input: CreateClusterPoolInput): Promise<void>;
  members(pool: string): Cluster[];
  /** Lets time pass until all members of the pool are in one of these states. */
  settled(pool: string, count: number, statuses?: readonly Cluster['status'][]): Promise<void>;
  /** Ends the process as kill -9 does, and starts another on what is left. */
  crash(options?: YardOptions): Yard;
  close(): Promise<void>;
}

interface Remains {
  readonly folder: string;
  readonly world: VirtualWorld;
  readonly outside: SimulatorWorld;
}

/** Opens a yard in a folder of its own. */
export function openYard(options: YardOptions = {}): Yard {
  const folder = mkdtempSync(join(tmpdir(), 'yard-'));
  const world = virtualWorld({ seed: options.seed ?? 1 });
  return openOn({ folder, world, outside: createSimulatorWorld() }, options);
}

const FOR_LONG = { withinMs: 6 * 3_600_000 };

function openOn(remains: Remains, options: YardOptions): Yard {
  const { folder, world, outside } = remains;
  const faults: string[] = [];
  const raw = openStore(join(folder, 'yard.db'), world);
  const store = options.wrapStore?.(raw) ?? raw;
  const simulator = createSimulator({
    world,
    speed: 1,
    seed: options.seed ?? 1,
    worldFile: null,
    outside,
    installation: store.installation.id,
    faults: options.faults,
  });
  const provider = options.wrapProvider?.(simulator) ?? simulator;
  const fault = (error: unknown, about: string) =>
    void faults.push(`${about}: ${error instanceof Error ? (error.stack ?? '') : String(error)}`);
  const find = (kind: string) => (kind === 'SIMULATOR' ? provider : undefined);
  const loops = createLoops({ store, world, provider: find, fault });
  const members = (name: string) =>
    raw.read((db) => {
      const pool = findPoolByName(db, name);
      return pool === undefined ? [] : findMembers(db, pool.id, CLUSTER_STATUSES, 100_000);
    });
  const yard: Yard = {
    world,
    store,
    simulator,
    loops,
    faults,
    members,
    addPool: async (input) => {
      const why = { cause: 'ADMIN' } as const;
      const traits = (kind: string) => find(kind)?.capabilities;
      const added = store.transact((tx) => void addPool(tx, input, traits, why));
      await world.finish(added, FOR_LONG);
    },
    settled: (name, count, statuses = ['AVAILABLE']) =>
      world.runUntil(() => {
        const all = members(name);
        return all.length === count && all.every(({ status }) => statuses.includes(status));
      }, FOR_LONG),
    crash: (next = {}) => {
      world.halt();
      void raw.close();
      return openOn({ folder, world: world.successor(), outside }, next);
    },
    close: async () => {
      await world.finish(loops.stop(), FOR_LONG);
      await world.finish(simulator.close(), FOR_LONG);
      await raw.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return yard;
}
