import type { World } from '../../world.ts';
import { ProviderError, type ClusterRef, type Step } from '../provider.ts';
import type { SimulatorFaults } from './faults.ts';
import type { Latency } from './latency.ts';
import type { SimulatedCluster, SimulatedSet, SimulatorWorld } from './outside.ts';
import type { Slots } from './slots.ts';

/** What the operations of one simulator share. */
export interface Simulation {
  readonly world: World;
  readonly outside: SimulatorWorld;
  /** How many times faster than reality; Infinity for no waiting at all. */
  readonly speed: number;
  readonly latency: Latency;
  readonly faults: SimulatorFaults;
  /** The clusters that may be at work at once. */
  readonly slots: Slots;
  /** Aborted when the simulator is closed. */
  readonly closing: AbortSignal;
  /** Whose objects are shown; all are when it is not known. */
  readonly installation: string | undefined;
  /** The outside world's clock, in whole milliseconds. */
  readonly now: () => number;
  /** Tells those who watch that something happened to a cluster. */
  readonly tell: (clusterId: string) => void;
}

/**
 * The outside world's clock: the time of day, except that it never goes back, neither when the
 * machine's clock is set nor from one server to the next.
 */
export function outsideClock(world: World, latest: number): () => number {
  const ahead = Math.max(world.now(), latest) - world.elapsed();
  return () => Math.floor(world.elapsed() + ahead);
}

/** The cluster as it is now; undefined when there is none, or its deletion is complete. */
export function findCluster(sim: Simulation, id: string): SimulatedCluster | undefined {
  const cluster = sim.outside.cluster(id);
  if (cluster?.goneAt == null || sim.now() < cluster.goneAt) return cluster;
  for (const setId of sim.outside.setsOf(id)) sim.outside.change({ setGone: setId });
  sim.outside.change({ clusterGone: id });
  return undefined;
}

/** The set as it is now; undefined when there is none, or its deletion is complete. */
export function findSet(sim: Simulation, id: string): SimulatedSet | undefined {
  const set = sim.outside.set(id);
  if (set === undefined) return undefined;
  if (set.clusterId !== null) findCluster(sim, set.clusterId);
  if (set.goneAt === null || sim.now() < set.goneAt) return sim.outside.set(id);
  sim.outside.change({ setGone: id });
  return undefined;
}

/** Whether an object may be shown to those who look and list. */
export function isOurs(sim: Simulation, object: { readonly installation: string }): boolean {
  return sim.installation === undefined || sim.installation === object.installation;
}

/** Refuses a step at an object that another installation made. */
export function refuseForeign(
  object: { readonly name: string; readonly installation: string } | undefined,
  step: Step,
): void {
  if (object === undefined || object.installation === step.installation) return;
  const reason = `${object.name} belongs to another installation`;
  throw new ProviderError(reason, { retryable: false });
}

/** Refuses a step at a foreign cluster, and at one that a later worker has taken over. */
export function admit(cluster: SimulatedCluster | undefined, step: Step): void {
  refuseForeign(cluster, step);
  if (cluster === undefined || cluster.fence <= step.fence) return;
  const reason = `${cluster.name} has been taken over: fence ${step.fence} < ${cluster.fence}`;
  throw new ProviderError(reason, { retryable: false });
}

/** The cluster a step may act on; undefined when there is none yet and its name is free. */
export function admitCluster(
  sim: Simulation,
  ref: ClusterRef,
  step: Step,
): SimulatedCluster | undefined {
  const namesake = sim.outside.clusterNamed(ref.name);
  const found = namesake && findCluster(sim, namesake.id);
  admit(found, step);
  if (found !== undefined && found.id !== ref.id) {
    throw new ProviderError(`there is another cluster named ${ref.name}`, { retryable: false });
  }
  return found;
}

/** Admits a step and writes its fence on the cluster, so that earlier workers are refused. */
export function takeOver(
  sim: Simulation,
  ref: ClusterRef,
  step: Step,
): SimulatedCluster | undefined {
  const cluster = admitCluster(sim, ref, step);
  if (cluster !== undefined && cluster.fence < step.fence) writeCluster(sim, cluster, step);
  return cluster;
}

/** Writes a cluster down as the step leaves it. */
export function writeCluster(
  sim: Simulation,
  cluster: Omit<SimulatedCluster, 'at' | 'fence'>,
  step: Pick<Step, 'fence'>,
): void {
  sim.outside.change({ cluster: { ...cluster, fence: step.fence, at: sim.now() } });
}
