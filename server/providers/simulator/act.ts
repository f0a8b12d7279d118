import { ProviderError, type ClusterRef, type Step } from '../provider.ts';
import type { SimulatorFault, SimulatorMoment } from './faults.ts';
import type { SimulatedCluster } from './outside.ts';
import { admitCluster, findCluster, writeCluster, type Simulation } from './simulation.ts';
import type { SimulatorOperation, SimulatorStep } from './steps.ts';
import { delayed, type SimulatedVm } from './vm.ts';

/** One call of an operation. */
export interface Act {
  readonly operation: SimulatorOperation;
  /** The name of what it is about, and its id where that is a cluster. */
  readonly name: string;
  readonly clusterId: string | null;
  /** Aborted with the caller's signal, and when the simulator is closed. */
  readonly signal: AbortSignal;
}

/** Begins a call of an operation. */
export function actOn(
  sim: Simulation,
  operation: SimulatorOperation,
  target: { readonly id: string | null; readonly name: string },
  signal: AbortSignal,
): Act {
  sim.closing.throwIfAborted();
  return {
    operation,
    name: target.name,
    clusterId: target.id,
    signal: AbortSignal.any([signal, sim.closing]),
  };
}

/** Does one step, with all that is to go wrong before and after it. */
export async function perform<T>(
  sim: Simulation,
  act: Act,
  step: SimulatorStep['step'],
  work: (slowness: number) => Promise<T>,
): Promise<T> {
  const slowness = await meetFault(sim, act, step, 'BEFORE');
  const result = await work(slowness);
  await meetFault(sim, act, step, 'AFTER');
  return result;
}

/** Commits an intent, unless it stands already. The simulator's notes are told by their prefix. */
export async function noteOnce(step: Step, key: string, value: string): Promise<void> {
  const ours = `simulator.${key}`;
  if (step.notes.get(ours) !== value) await step.note(ours, value);
}

/** Lets time pass, unless there is none to pass. */
export async function pause(sim: Simulation, act: Act, ms: number): Promise<void> {
  act.signal.throwIfAborted();
  if (ms > 0) await sim.world.sleep(ms, act.signal);
}

/** Waits for the outside world to come to a time named by a cluster's VMs, slower if need be. */
export async function untilDue(
  sim: Simulation,
  act: Act,
  target: { readonly cluster: ClusterRef; readonly step: Step },
  dueOf: (vms: readonly SimulatedVm[]) => number,
  slowness: number,
): Promise<SimulatedCluster> {
  slowDown(sim, target, dueOf, slowness);
  for (;;) {
    act.signal.throwIfAborted();
    const cluster = presentCluster(sim, target);
    const wait = dueOf(cluster.vms) - sim.now();
    if (wait <= 0) return cluster;
    await sim.world.sleep(wait, act.signal);
  }
}

/** The cluster with all its VMs, as one that is being worked on must be. */
export function presentCluster(
  sim: Simulation,
  { cluster, step }: { readonly cluster: ClusterRef; readonly step: Step },
): SimulatedCluster {
  const present = admitCluster(sim, cluster, step);
  const missing = cluster.vms.find(({ role }) => !present?.vms.some((vm) => vm.role === role));
  if (present === undefined || present.goneAt !== null || missing !== undefined) {
    const what = missing?.name ?? cluster.name;
    throw new ProviderError(`${what} does not exist any more`, { retryable: true });
  }
  return present;
}

/** Takes a VM, or all, out of the outside world, as a failing host does. */
export function vanish(
  sim: Simulation,
  clusterId: string | null,
  role?: SimulatedVm['role'],
): boolean {
  const cluster = clusterId === null ? undefined : findCluster(sim, clusterId);
  const vms = cluster?.vms.filter((vm) => role !== undefined && vm.role !== role) ?? [];
  if (cluster === undefined || vms.length === cluster.vms.length) return false;
  writeCluster(sim, { ...cluster, vms }, cluster);
  sim.tell(cluster.id);
  return true;
}

function slowDown(
  sim: Simulation,
  target: { readonly cluster: ClusterRef; readonly step: Step },
  dueOf: (vms: readonly SimulatedVm[]) => number,
  slowness: number,
): void {
  if (slowness <= 1) return;
  const cluster = presentCluster(sim, target);
  const now = sim.now();
  const extra = Math.round((dueOf(cluster.vms) - now) * (slowness - 1));
  if (extra <= 0 || !Number.isFinite(extra)) return;
  const vms = cluster.vms.map((vm) => delayed(vm, now, extra));
  writeCluster(sim, { ...cluster, vms }, target.step);
}

/** Lets what is to go wrong here go wrong; answers how many times as long the step takes. */
async function meetFault(
  sim: Simulation,
  act: Act,
  step: SimulatorStep['step'],
  when: SimulatorMoment['when'],
): Promise<number> {
  act.signal.throwIfAborted();
  const moment: SimulatorMoment = { operation: act.operation, step, when, name: act.name };
  const fault = sim.faults.at(moment);
  if (fault === undefined) return 1;
  await suffer(sim, act, moment, fault);
  return fault.kind === 'SLOW' ? fault.factor : 1;
}

async function suffer(
  sim: Simulation,
  act: Act,
  moment: SimulatorMoment,
  fault: SimulatorFault,
): Promise<void> {
  const { kind } = fault;
  if (kind === 'ERROR') throw new ProviderError(reasonOf(moment, fault), fault);
  if (kind === 'HANG') await forEver(act.signal);
  if (kind === 'LATE') await sim.world.sleep(fault.byMs);
  if (kind === 'VANISH') vanish(sim, act.clusterId, fault.role);
}

function reasonOf(moment: SimulatorMoment, fault: { readonly reason?: string }): string {
  const { operation, step, when, name } = moment;
  return fault.reason ?? `simulated failure ${when.toLowerCase()} ${operation} ${step} of ${name}`;
}

function forEver(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(signal.reason as Error), { once: true });
  });
}
