import type { ProviderKind } from '../../../schema/model/provider-kind.ts';
import type { VmRole } from '../../../schema/model/template.ts';
import type { World } from '../../world.ts';
import {
  ProviderError,
  type Capabilities,
  type ClusterRef,
  type OutsideObject,
  type Provider,
  type Sighting,
  type StepKind,
} from '../provider.ts';
import { giveAccess } from './access.ts';
import { actOn, pause, perform, vanish } from './act.ts';
import { captureSet } from './capture.ts';
import { openConsole } from './console.ts';
import { createCluster } from './creation.ts';
import { FAULTLESS, type SimulatorFaults } from './faults.ts';
import { markCluster, runInGuest, sightCluster } from './guests.ts';
import { seededLatency } from './latency.ts';
import { createSimulatorWorld, type SimulatorWorld } from './outside.ts';
import { removeObject } from './removal.ts';
import { resetCluster } from './reset.ts';
import { findCluster, findSet, isOurs, outsideClock, writeCluster } from './simulation.ts';
import type { Simulation } from './simulation.ts';
import { Slots } from './slots.ts';
import { switchedOff } from './vm.ts';
import { openWorldFile } from './world-file.ts';

/** What a simulator is made with. */
export interface SimulatorOptions {
  readonly world: World;
  /** How many times faster than reality; Infinity for no waiting at all. */
  readonly speed: number;
  /** The same seed draws the same times. */
  readonly seed: number;
  /** The file that keeps the outside world; null keeps it in memory. */
  readonly worldFile: string | null;
  /** The outside world in memory, to hand it on; an empty one when left out. */
  readonly outside?: SimulatorWorld | undefined;
  /** Whose objects are looked at and listed; all when left out. */
  readonly installation?: string | undefined;
  readonly faults?: SimulatorFaults | undefined;
  /** The kind it stands for and what of it is so; clusters that own their sets when left out. */
  readonly standsFor?: StandsFor | undefined;
}

/** What a simulator pretends to be: a provider of micro-VMs, say, that start from pools' sets. */
export interface StandsFor extends Pick<Capabilities, 'goldenState' | 'wakes'> {
  readonly kind: ProviderKind;
}

const ITSELF: StandsFor = { kind: 'SIMULATOR', goldenState: 'CLUSTER', wakes: false };

/** A provider whose VMs exist only on paper, and what can be made to happen to them. */
export interface Simulator extends Provider {
  /** A VM, or every VM, ceases to exist; false when there was none. */
  vanish(clusterId: string, role?: VmRole): boolean;
  /** A guest hangs, or comes to itself again. */
  silence(clusterId: string, role: VmRole, silent?: boolean): void;
  /** A guest is shut down from inside. */
  shutDown(clusterId: string, role: VmRole): void;
  /** Somebody deletes a set behind our back. */
  loseSet(setId: string): void;
}

/** Clusters that may be at work at once; the rest wait their turn. */
const CLUSTERS_AT_WORK = 32;

/** How long a step may take in reality, its turn's wait included, in milliseconds. */
const DEADLINE_MS: Readonly<Record<StepKind, number>> = {
  create: 15 * 60_000,
  wake: 60_000,
  reset: 15 * 60_000,
  capture: 15 * 60_000,
  remove: 15 * 60_000,
  look: 60_000,
};

/** However fast the simulation: the machine it runs on has its pauses too. */
const SHORTEST_DEADLINE_MS = 5_000;

/** Opens the outside world and makes the provider that acts in it. */
export function createSimulator(options: SimulatorOptions): Simulator {
  const { world, worldFile, speed } = options;
  if (!(speed > 0)) throw new RangeError(`a simulator cannot run at ${speed} times real time`);
  const outside = options.outside ?? createSimulatorWorld();
  const file = worldFile === null ? null : openWorldFile(worldFile, outside);
  const closing = new AbortController();
  const watchers = new Set<(clusterId: string) => void>();
  const sim: Simulation = {
    world,
    outside,
    speed,
    latency: seededLatency(options.seed, speed),
    faults: options.faults ?? FAULTLESS,
    slots: new Slots(CLUSTERS_AT_WORK),
    closing: closing.signal,
    installation: options.installation,
    now: outsideClock(world, outside.latest),
    tell: (clusterId) => {
      for (const watcher of watchers) world.soon(() => watcher(clusterId));
    },
  };
  return {
    ...provider(sim, options.standsFor ?? ITSELF),
    ...mishaps(sim),
    watch: (onDirty) => {
      watchers.add(onDirty);
      return () => void watchers.delete(onDirty);
    },
    close: async () => {
      closing.abort(new ProviderError('the simulator is closed', { retryable: true }));
      watchers.clear();
      file?.close();
      await Promise.resolve();
    },
  };
}

/** What the simulator can do at a speed. */
function capabilitiesAt(speed: number, { kind, goldenState, wakes }: StandsFor): Capabilities {
  const deadline = (step: StepKind) =>
    Math.max(SHORTEST_DEADLINE_MS, Math.round(DEADLINE_MS[step] / speed));
  const each = <T>(of: (kind: StepKind) => T): Record<StepKind, T> => ({
    create: of('create'),
    wake: of('wake'),
    reset: of('reset'),
    capture: of('capture'),
    remove: of('remove'),
    look: of('look'),
  });
  return {
    goldenState,
    wakes,
    captureModes: ['ONLINE', 'OFFLINE'],
    savesSessions: true,
    streams: ['SERIAL'],
    // Micro-VMs have no network.
    access: kind === 'SIMULATOR',
    parallel: each(() => CLUSTERS_AT_WORK),
    deadlineMs: each(deadline),
  };
}

function provider(sim: Simulation, standsFor: StandsFor): Omit<Provider, 'watch' | 'close'> {
  return {
    kind: standsFor.kind,
    capabilities: capabilitiesAt(sim.speed, standsFor),
    look: async (cluster, signal) => look(sim, 'look', cluster, signal),
    list: async (signal) => list(sim, signal),
    ensureCluster: async (cluster, source, step) => {
      await createCluster(sim, { cluster, step }, source);
      return sightCluster(sim, cluster);
    },
    wake: async (cluster, _, step) => look(sim, 'wake', cluster, step.signal),
    access: async (cluster, publicKey, step) => giveAccess(sim, { cluster, step }, publicKey),
    ensureReset: async (cluster, set, step) => {
      const rung = await resetCluster(sim, { cluster, step }, set);
      return { rung, sighting: sightCluster(sim, cluster) };
    },
    ensureSet: async (source, set, mode, step) => captureSet(sim, source, { set, mode, step }),
    mark: async (cluster, mark, step) => markCluster(sim, { cluster, step }, mark),
    ensureGone: async (object, step) => removeObject(sim, object, step),
    run: async (vm, argv, options) => runInGuest(sim, vm, argv, options),
    open: async (vm, stream, signal) => {
      if (stream === 'SERIAL') return openConsole(sim, vm, signal);
      throw new ProviderError(`there is no stream of kind ${stream}`, { retryable: false });
    },
  };
}

function look(
  sim: Simulation,
  operation: 'look' | 'wake',
  cluster: ClusterRef,
  signal: AbortSignal,
): Promise<Sighting> {
  const act = actOn(sim, operation, cluster, signal);
  return perform(sim, act, 'ask', async (slowness) => {
    await pause(sim, act, sim.latency('ask', cluster.name) * slowness);
    return sightCluster(sim, cluster);
  });
}

function list(sim: Simulation, signal: AbortSignal): Promise<OutsideObject[]> {
  const act = actOn(sim, 'list', { id: null, name: 'all' }, signal);
  return perform(sim, act, 'ask', async (slowness) => {
    await pause(sim, act, sim.latency('ask', act.name) * slowness);
    const clusters = [...sim.outside.clusters()]
      .filter((cluster) => isOurs(sim, cluster) && findCluster(sim, cluster.id) !== undefined)
      .map(({ id, name, poolId }) => ({ kind: 'CLUSTER' as const, id, name, poolId }));
    const sets = [...sim.outside.sets()]
      .filter((set) => isOurs(sim, set) && findSet(sim, set.id) !== undefined)
      .map(({ id, name, poolId }) => ({ kind: 'SET' as const, id, name, poolId }));
    return [...clusters, ...sets];
  });
}

function mishaps(sim: Simulation): Omit<Simulator, keyof Provider> {
  const change = (clusterId: string, role: VmRole, to: typeof switchedOff) => {
    const cluster = findCluster(sim, clusterId);
    if (cluster === undefined) return;
    const vms = cluster.vms.map((vm) => (vm.role === role ? to(vm, sim.now(), 0) : vm));
    writeCluster(sim, { ...cluster, vms }, cluster);
    sim.tell(clusterId);
  };
  return {
    vanish: (clusterId, role) => vanish(sim, clusterId, role),
    silence: (clusterId, role, silent = true) =>
      change(clusterId, role, (vm) => ({ ...vm, silent })),
    shutDown: (clusterId, role) => change(clusterId, role, switchedOff),
    loseSet: (setId) => {
      if (sim.outside.set(setId) !== undefined) sim.outside.change({ setGone: setId });
    },
  };
}
