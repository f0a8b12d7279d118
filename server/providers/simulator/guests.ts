import {
  ProviderError,
  type ClusterRef,
  type RunOptions,
  type RunResult,
  type Sighting,
  type VmRef,
} from '../provider.ts';
import { actOn, pause, perform, presentCluster, type Act } from './act.ts';
import type { Target } from './creation.ts';
import { marksOn, withMark, type Files } from './disk.ts';
import { runCommand } from './guest.ts';
import type { SimulatedCluster } from './outside.ts';
import { findCluster, isOurs, takeOver, writeCluster, type Simulation } from './simulation.ts';
import { absentVm, answers, sightingOf, type SimulatedVm } from './vm.ts';

/** What a mark may be: the name of a file, and nothing cleverer. */
const MARK = /^[\w-][\w.-]*$/;

/** What is there of a cluster. */
export function sightCluster(sim: Simulation, ref: ClusterRef): Sighting {
  const found = findCluster(sim, ref.id);
  const now = sim.now();
  const present = found !== undefined && isOurs(sim, found) ? found.vms : [];
  const vms = ref.vms.map(({ role, name }) => {
    const vm = present.find((each) => each.role === role);
    return vm === undefined ? absentVm({ role, name }) : sightingOf(vm, now);
  });
  const marks = present.filter((vm) => answers(vm, now)).flatMap(({ files }) => marksOn(files));
  return { vms, marks: [...new Set(marks)].sort() };
}

/** Leaves a turn mark in every guest. */
export async function markCluster(sim: Simulation, target: Target, mark: string): Promise<void> {
  if (!MARK.test(mark)) throw new TypeError(`not a turn mark: ${mark}`);
  const act = actOn(sim, 'mark', target.cluster, target.step.signal);
  await perform(sim, act, 'write', async (slowness) => {
    await pause(sim, act, sim.latency('command', act.name) * slowness);
    takeOver(sim, target.cluster, target.step);
    const cluster = presentCluster(sim, target);
    for (const vm of cluster.vms) requireAnswer(sim, vm);
    const vms = cluster.vms.map((vm) => ({ ...vm, files: withMark(vm.files, mark) }));
    writeCluster(sim, { ...cluster, vms }, target.step);
  });
}

/** Runs a command in a guest. */
export function runInGuest(
  sim: Simulation,
  ref: VmRef,
  argv: readonly string[],
  { stdin, signal }: RunOptions,
): Promise<RunResult> {
  const act = actOn(sim, 'run', ref.cluster, signal);
  return perform(sim, act, 'command', async (slowness) => {
    await pause(sim, act, sim.latency('command', act.name) * slowness);
    const { vm } = answeringGuest(sim, ref);
    const guest = { hostname: vm.name, files: vm.files, stdin: stdin ?? '' };
    const { exitCode, stdout, stderr, files, seconds } = runCommand(guest, argv);
    keepFiles(sim, ref, files);
    await sleepInGuest(sim, act, ref, seconds);
    return { exitCode, stdout, stderr };
  });
}

/** The VM whose guest a command is for; it must be there and answer. */
export function answeringGuest(
  sim: Simulation,
  { cluster: ref, role }: VmRef,
): { cluster: SimulatedCluster; vm: SimulatedVm } {
  const cluster = findCluster(sim, ref.id);
  const vm = cluster?.vms.find((each) => each.role === role);
  if (cluster === undefined || vm === undefined || !isOurs(sim, cluster)) {
    const name = ref.vms.find((each) => each.role === role)?.name ?? ref.name;
    throw new ProviderError(`there is no VM ${name}`, { retryable: false });
  }
  requireAnswer(sim, vm);
  return { cluster, vm };
}

/** A guest's own seconds; it must still be the same guest when they are over. */
async function sleepInGuest(sim: Simulation, act: Act, ref: VmRef, seconds: number): Promise<void> {
  const before = answeringGuest(sim, ref).vm.starts;
  await pause(sim, act, Math.round((seconds * 1_000) / sim.speed));
  if (answeringGuest(sim, ref).vm.starts === before) return;
  throw new ProviderError(`${act.name} was restarted while a command ran`, { retryable: true });
}

/** Keeps what a command wrote. */
export function keepFiles(sim: Simulation, ref: VmRef, files: Files): void {
  const { cluster, vm } = answeringGuest(sim, ref);
  if (vm.files === files) return;
  const vms = cluster.vms.map((each) => (each === vm ? { ...vm, files } : each));
  writeCluster(sim, { ...cluster, vms }, cluster);
}

/** Throws where a guest does not answer. */
export function requireAnswer(sim: Simulation, vm: SimulatedVm): void {
  if (answers(vm, sim.now())) return;
  throw new ProviderError(`the guest of ${vm.name} does not answer`, { retryable: true });
}
