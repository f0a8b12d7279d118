import { ProviderError, type ClusterRef, type ClusterSource, type Step } from '../provider.ts';
import { actOn, noteOnce, pause, perform, untilDue, type Act } from './act.ts';
import { UNTOUCHED } from './disk.ts';
import type { SimulatedCluster, SimulatedSet } from './outside.ts';
import { admitCluster, findSet, refuseForeign, takeOver, writeCluster } from './simulation.ts';
import type { Simulation } from './simulation.ts';
import { answers, orderedVm, switchedOn, type SimulatedVm, type Timeline } from './vm.ts';

/** A cluster and the step that works at it. */
export interface Target {
  readonly cluster: ClusterRef;
  readonly step: Step;
}

/** Makes the cluster's VMs run and answer, from the image or from a set. */
export function createCluster(
  sim: Simulation,
  target: Target,
  source: ClusterSource,
): Promise<void> {
  const act = actOn(sim, 'create', target.cluster, target.step.signal);
  return sim.slots.hold(act.signal, async () => {
    target.step.progress(source.kind === 'SET' ? 'restoring disks' : 'creating disks');
    await perform(sim, act, 'place', (slowness) => place(sim, act, target, source, slowness));
    await untilAnswers(sim, act, target);
  });
}

/** Waits until all machines run and all guests answer: the last two steps of many operations. */
export async function untilAnswers(sim: Simulation, act: Act, target: Target): Promise<void> {
  target.step.progress('starting machines');
  await perform(sim, act, 'start', (slowness) =>
    untilDue(sim, act, target, (vms) => Math.min(...vms.map(({ powerAt }) => powerAt)), slowness),
  );
  target.step.progress('waiting for guests');
  await perform(sim, act, 'answer', (slowness) =>
    untilDue(sim, act, target, (vms) => Math.max(...vms.map(answersAt)), slowness),
  );
}

/** Switches on what is off. */
export function switchOn(sim: Simulation, target: Target, cluster: SimulatedCluster): void {
  if (cluster.vms.every(({ power }) => power === 'ON')) return;
  const vms = cluster.vms.map((vm) =>
    switchedOn(vm, sim.now(), {
      start: sim.latency('start', vm.name, vm.starts),
      boot: sim.latency('boot', vm.name, vm.starts) + sim.latency('settle', vm.name, vm.starts),
    }),
  );
  writeCluster(sim, { ...cluster, vms }, target.step);
}

/** Orders VMs anew, in place of any there are. */
export function orderVms(
  sim: Simulation,
  target: Target,
  set: SimulatedSet | null,
  reset: SimulatedCluster['reset'] = null,
): void {
  const { cluster, step } = target;
  const { id, name, poolId } = cluster;
  const generation = (admitCluster(sim, cluster, step)?.generation ?? 0) + 1;
  const ordered = set === null ? bootstrapped(sim, cluster, generation) : null;
  const vms = ordered ?? cloned(sim, cluster, generation, set);
  const written = { id, name, poolId, installation: step.installation, generation, reset, vms };
  writeCluster(sim, { ...written, sourceId: set?.id ?? null, goneAt: null }, step);
}

/** Waits until nothing is left of a cluster that is being deleted. */
export async function untilGone(sim: Simulation, act: Act, target: Target): Promise<void> {
  for (;;) {
    const goneAt = admitCluster(sim, target.cluster, target.step)?.goneAt ?? null;
    if (goneAt === null) return;
    await pause(sim, act, goneAt - sim.now());
  }
}

/** The set a step wants to start from; it must be there and complete. */
export function usableSet(sim: Simulation, id: string, name: string, step: Step): SimulatedSet {
  const set = findSet(sim, id);
  if (set === undefined || set.goneAt !== null) {
    const lostSet = set === undefined;
    throw new ProviderError(`no such snapshot set: ${name}`, { retryable: false, lostSet });
  }
  refuseForeign(set, step);
  if (sim.now() < set.readyAt) {
    throw new ProviderError(`${set.name} is not ready yet`, { retryable: true });
  }
  return set;
}

/** What people call a set. */
export function setName(set: {
  readonly number: number;
  readonly poolName: string;
  readonly cluster: ClusterRef | null;
}): string {
  return `${set.cluster?.name ?? set.poolName}/set-${set.number}`;
}

async function place(
  sim: Simulation,
  act: Act,
  target: Target,
  source: ClusterSource,
  slowness: number,
): Promise<void> {
  await pause(sim, act, sim.latency('ask', target.cluster.name) * slowness);
  await untilGone(sim, act, target);
  const set =
    source.kind === 'SET' ? usableSet(sim, source.set.id, setName(source.set), target.step) : null;
  const present = takeOver(sim, target.cluster, target.step);
  if (present !== undefined && isGoodStart(sim, target.cluster, present, set)) {
    switchOn(sim, target, present);
  } else {
    await noteOnce(target.step, 'source', set?.name ?? 'the image');
    orderVms(sim, target, set);
  }
  const firstDisks = (vms: readonly SimulatedVm[]) =>
    Math.min(...vms.map(({ disksAt }) => disksAt));
  await untilDue(sim, act, target, firstDisks, slowness);
}

/**
 * Whether the VMs there are will do: all are there, and each answers, or is off, or is on its way
 * from the very source that is wanted. Otherwise all are made again, so that disks never mix.
 */
function isGoodStart(
  sim: Simulation,
  ref: ClusterRef,
  present: SimulatedCluster,
  set: SimulatedSet | null,
): boolean {
  const sameSource = present.sourceId === (set?.id ?? null);
  return ref.vms.every(({ role }) => {
    const vm = present.vms.find((each) => each.role === role);
    if (vm === undefined || vm.silent) return false;
    return sameSource || vm.power === 'OFF' || answers(vm, sim.now());
  });
}

function answersAt(vm: SimulatedVm): number {
  return vm.power === 'ON' && !vm.silent ? vm.answersAt : Infinity;
}

/** From the image the control plane comes first: a worker needs what it says to join. */
function bootstrapped(sim: Simulation, ref: ClusterRef, generation: number): SimulatedVm[] {
  const vms: SimulatedVm[] = [];
  const now = sim.now();
  for (const { role, name } of ref.vms) {
    const first = vms.find((vm) => vm.role === 'CONTROL_PLANE');
    const wait = role === 'WORKER' && first !== undefined ? first.answersAt - now : 0;
    const boot = { CONTROL_PLANE: 'bootstrap', WORKER: 'join', STANDALONE: 'boot' } as const;
    const takes: Timeline = {
      wait,
      disks: sim.latency('disks', name, generation),
      start: sim.latency('start', name, generation),
      boot: sim.latency(boot[role], name, generation),
    };
    vms.push(orderedVm({ role, name, origin: 'COLD_BOOT', files: UNTOUCHED }, now, takes));
  }
  return vms;
}

function cloned(
  sim: Simulation,
  ref: ClusterRef,
  generation: number,
  set: SimulatedSet | null,
): SimulatedVm[] {
  return ref.vms.map(({ role, name }) => {
    const files = set?.disks.find((disk) => disk.role === role)?.files ?? UNTOUCHED;
    const takes: Timeline = {
      wait: 0,
      disks: sim.latency('restore', name, generation),
      start: sim.latency('start', name, generation),
      boot: sim.latency('boot', name, generation) + sim.latency('settle', name, generation),
    };
    return orderedVm({ role, name, origin: 'SNAPSHOT', files }, sim.now(), takes);
  });
}
