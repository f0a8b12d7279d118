import { ProviderError, type SetRef } from '../provider.ts';
import { actOn, noteOnce, perform, presentCluster, untilDue, type Act } from './act.ts';
import { orderVms, setName, switchOn, untilAnswers, untilGone, usableSet } from './creation.ts';
import type { Target } from './creation.ts';
import { sameFiles, UNTOUCHED, type Files } from './disk.ts';
import type { SimulatedCluster, SimulatedReset, SimulatedSet } from './outside.ts';
import { takeOver, writeCluster, type Simulation } from './simulation.ts';
import { restored, switchedOff, type SimulatedVm } from './vm.ts';

/** The rungs of the ladder, as people read them: the second is for when the first breaks. */
const IN_PLACE = 'restore in place';
const RECREATE = 'recreate from snapshot';

/** Puts the VMs back to the set; answers which rung of the ladder worked. */
export function resetCluster(sim: Simulation, target: Target, setRef: SetRef): Promise<string> {
  const act = actOn(sim, 'reset', target.cluster, target.step.signal);
  return sim.slots.hold(act.signal, async () => {
    const findUsable = () => usableSet(sim, setRef.id, setName(setRef), target.step);
    await untilGone(sim, act, target);
    const rung = await climb(sim, act, target, findUsable);
    switchOn(sim, target, presentCluster(sim, target));
    await untilAnswers(sim, act, target);
    return rung;
  });
}

async function climb(
  sim: Simulation,
  act: Act,
  target: Target,
  findUsable: () => SimulatedSet,
): Promise<string> {
  const set = findUsable();
  const present = takeOver(sim, target.cluster, target.step);
  const begun = present && resetBegun(target, set, present);
  if (begun !== undefined) return begun;
  const inPlace = present !== undefined && mayRestoreInPlace(target, set, present);
  if (inPlace && (await restoreInPlace(sim, act, target, set))) return IN_PLACE;
  await perform(sim, act, 'recreate', async (slowness) => {
    await noteOnce(target.step, 'rung', RECREATE);
    orderVms(sim, target, findUsable(), { ...resetOf(target, set), stage: 'RECREATED' });
    await untilDue(sim, act, target, disksAt, slowness);
  });
  return RECREATE;
}

/** The rung of a reset that this worker ordered earlier and that nobody has undone since. */
function resetBegun(
  { step, cluster }: Target,
  set: SimulatedSet,
  present: SimulatedCluster,
): string | undefined {
  const { reset } = present;
  if (reset?.fence !== step.fence || reset.setId !== set.id) return undefined;
  if (reset.stage === 'STOPPED' || !hasAllVms(present, cluster.vms)) return undefined;
  const clean = present.vms.every((vm) => sameFiles(vm.files, filesFor(set, vm)));
  const rung = reset.stage === 'RESTORED' ? IN_PLACE : RECREATE;
  return clean ? rung : undefined;
}

function mayRestoreInPlace(
  { cluster }: Target,
  set: SimulatedSet,
  present: SimulatedCluster,
): boolean {
  return set.clusterId === cluster.id && hasAllVms(present, cluster.vms);
}

/** The first rung; false when it broke and the second is to be tried. */
async function restoreInPlace(
  sim: Simulation,
  act: Act,
  target: Target,
  set: SimulatedSet,
): Promise<boolean> {
  try {
    await noteOnce(target.step, 'rung', IN_PLACE);
    target.step.progress('stopping machines');
    await perform(sim, act, 'stop', (slowness) => stop(sim, act, target, set, slowness));
    target.step.progress('restoring disks');
    await perform(sim, act, 'restore', (slowness) => restore(sim, act, target, set, slowness));
    return true;
  } catch (error) {
    if (act.signal.aborted || !(error instanceof ProviderError)) throw error;
    target.step.progress(`recreating, because: ${error.reason}`);
    return false;
  }
}

async function stop(
  sim: Simulation,
  act: Act,
  target: Target,
  set: SimulatedSet,
  slowness: number,
): Promise<void> {
  const present = presentCluster(sim, target);
  const vms = present.vms.map((vm) =>
    switchedOff(vm, sim.now(), sim.latency('stop', vm.name, present.generation)),
  );
  const reset: SimulatedReset = { ...resetOf(target, set), stage: 'STOPPED' };
  writeCluster(sim, { ...present, vms, reset }, target.step);
  await untilDue(sim, act, target, powerAt, slowness);
}

async function restore(
  sim: Simulation,
  act: Act,
  target: Target,
  set: SimulatedSet,
  slowness: number,
): Promise<void> {
  const present = presentCluster(sim, target);
  const generation = present.generation + 1;
  const vms = present.vms.map((vm) =>
    restored(vm, filesFor(set, vm), sim.now(), sim.latency('restore', vm.name, generation)),
  );
  const reset: SimulatedReset = { ...resetOf(target, set), stage: 'RESTORED' };
  const written = { ...present, vms, reset, generation, sourceId: set.id };
  writeCluster(sim, written, target.step);
  await untilDue(sim, act, target, disksAt, slowness);
}

function resetOf({ step }: Target, set: SimulatedSet): Omit<SimulatedReset, 'stage'> {
  return { fence: step.fence, setId: set.id };
}

function hasAllVms(present: SimulatedCluster, wanted: Target['cluster']['vms']): boolean {
  return (
    present.goneAt === null &&
    wanted.every(({ role }) => present.vms.some((vm) => vm.role === role))
  );
}

function filesFor(set: SimulatedSet, vm: Pick<SimulatedVm, 'role'>): Files {
  return set.disks.find((disk) => disk.role === vm.role)?.files ?? UNTOUCHED;
}

function powerAt(vms: readonly SimulatedVm[]): number {
  return Math.max(...vms.map((vm) => vm.powerAt));
}

function disksAt(vms: readonly SimulatedVm[]): number {
  return Math.max(...vms.map((vm) => vm.disksAt));
}
