import type { CaptureMode } from '../../../schema/model/snapshot.ts';
import {
  ProviderError,
  TAKEN,
  type CapturedSnapshot,
  type SetRef,
  type SetSource,
  type Step,
} from '../provider.ts';
import { actOn, noteOnce, pause, perform, presentCluster, untilDue, type Act } from './act.ts';
import { chance } from './chance.ts';
import { setName, switchOn, untilAnswers, type Target } from './creation.ts';
import { captured, UNTOUCHED, type Files } from './disk.ts';
import type { SimulatedCluster, SimulatedSet } from './outside.ts';
import { findSet, refuseForeign, takeOver, writeCluster, type Simulation } from './simulation.ts';
import { answers, switchedOff } from './vm.ts';

/** What is to be captured, and the step that does it. */
interface Capture {
  readonly set: SetRef;
  readonly mode: CaptureMode;
  readonly step: Step;
}

const KUBERNETES_VERSION = 'v1.33.0';
const GIB = 2 ** 30;

/** Captures a set and proves it complete. */
export function captureSet(
  sim: Simulation,
  source: SetSource,
  capture: Capture,
): Promise<CapturedSnapshot[]> {
  const { set, step } = capture;
  const target = source.kind === 'CLUSTER' ? source.cluster : { id: null, name: setName(set) };
  const act = actOn(sim, 'capture', target, step.signal);
  return sim.slots.hold(act.signal, async () => {
    refuseForeign(findSet(sim, set.id), step);
    if (source.kind === 'IMAGE') await captureImage(sim, act, capture);
    else await captureCluster(sim, act, capture, { cluster: source.cluster, step });
    step.progress('checking the set');
    return await perform(sim, act, 'prove', () => prove(sim, act, capture));
  });
}

/** A set from the image: a VM a role is started for it, captured and thrown away again. */
async function captureImage(sim: Simulation, act: Act, capture: Capture): Promise<void> {
  const { set } = capture;
  capture.step.progress('starting a machine from the image');
  await perform(sim, act, 'place', async () => {
    await pause(sim, act, sim.latency('ask', act.name));
    if (findSet(sim, set.id) !== undefined) return;
    await noteOnce(capture.step, 'set', setName(set));
    const disks = set.roles.map(({ role }) => ({ role, files: UNTOUCHED }));
    orderSet(sim, capture, disks, millisecondsFromImage(sim, set));
  });
  capture.step.progress('capturing disks');
  await perform(sim, act, 'capture', (slowness) => untilReady(sim, act, capture, slowness));
}

async function captureCluster(
  sim: Simulation,
  act: Act,
  capture: Capture,
  target: Target,
): Promise<void> {
  const { set, mode } = capture;
  if (!target.step.notes.has(TAKEN)) takeOver(sim, target.cluster, target.step);
  if (findSet(sim, set.id) === undefined) await holdStill(sim, act, mode, target);
  capture.step.progress('capturing disks');
  await perform(sim, act, 'capture', async (slowness) => {
    await orderFromCluster(sim, act, capture, target);
    await untilReady(sim, act, capture, slowness);
  });
  if (mode !== 'OFFLINE') return;
  switchOn(sim, target, presentCluster(sim, target));
  await untilAnswers(sim, act, target);
}

async function orderFromCluster(
  sim: Simulation,
  act: Act,
  capture: Capture,
  target: Target,
): Promise<void> {
  if (findSet(sim, capture.set.id) === undefined) await copyDisks(sim, act, capture, target);
  const { notes, note, fence } = target.step;
  if (!notes.has(TAKEN)) await note(TAKEN, String(fence));
}

async function copyDisks(
  sim: Simulation,
  act: Act,
  capture: Capture,
  target: Target,
): Promise<void> {
  await noteOnce(target.step, 'set', setName(capture.set));
  const { vms, generation } = presentCluster(sim, target);
  const disks = vms.map(({ role, files }) => ({ role, files: captured(files) }));
  orderSet(sim, capture, disks, sim.latency('capture', act.name, generation));
}

/** Makes what is captured stand still: switched off, or for a moment frozen. */
async function holdStill(
  sim: Simulation,
  act: Act,
  mode: CaptureMode,
  target: Target,
): Promise<void> {
  if (mode === 'ONLINE') {
    target.step.progress('freezing file systems');
    await perform(sim, act, 'freeze', (slowness) => freeze(sim, act, target, slowness));
    return;
  }
  target.step.progress('stopping machines');
  await perform(sim, act, 'stop', async (slowness) => {
    switchOff(sim, target, presentCluster(sim, target));
    await untilDue(sim, act, target, (vms) => Math.max(...vms.map((vm) => vm.powerAt)), slowness);
  });
}

async function freeze(sim: Simulation, act: Act, target: Target, slowness: number): Promise<void> {
  const { vms } = presentCluster(sim, target);
  const deaf = vms.find((vm) => vm.power === 'ON' && !answers(vm, sim.now()));
  if (deaf !== undefined) {
    throw new ProviderError(`the guest of ${deaf.name} does not answer`, { retryable: true });
  }
  await pause(sim, act, sim.latency('freeze', act.name) * slowness);
}

function switchOff(sim: Simulation, target: Target, cluster: SimulatedCluster): void {
  const vms = cluster.vms.map((vm) =>
    switchedOff(vm, sim.now(), sim.latency('stop', vm.name, cluster.generation)),
  );
  writeCluster(sim, { ...cluster, vms }, target.step);
}

function orderSet(
  sim: Simulation,
  { set, step }: Capture,
  disks: readonly { role: SimulatedSet['disks'][number]['role']; files: Files }[],
  ms: number,
): void {
  const at = sim.now();
  const written: SimulatedSet = {
    id: set.id,
    name: setName(set),
    poolId: set.poolId,
    installation: step.installation,
    at,
    clusterId: set.cluster?.id ?? null,
    readyAt: at + ms,
    goneAt: null,
    disks: disks.map(({ role, files }) => ({
      role,
      files,
      sizeBytes: Math.round((1.2 + chance(set.id, role)) * GIB),
      k8sVersion: role === 'CONTROL_PLANE' ? KUBERNETES_VERSION : null,
    })),
  };
  sim.outside.change({ set: written });
}

async function untilReady(
  sim: Simulation,
  act: Act,
  { set, step }: Capture,
  slowness: number,
): Promise<void> {
  for (let factor = slowness; ; factor = 1) {
    const wait = presentSet(sim, { set, step }).readyAt - sim.now();
    if (wait <= 0) return;
    if (factor > 1) putOff(sim, presentSet(sim, { set, step }), wait * (factor - 1));
    else await pause(sim, act, wait);
  }
}

function putOff(sim: Simulation, set: SimulatedSet, ms: number): void {
  const readyAt = set.readyAt + Math.round(ms);
  sim.outside.change({ set: { ...set, readyAt, at: sim.now() } });
}

function presentSet(sim: Simulation, { set, step }: Pick<Capture, 'set' | 'step'>): SimulatedSet {
  const present = findSet(sim, set.id);
  refuseForeign(present, step);
  if (present === undefined || present.goneAt !== null) {
    throw new ProviderError(`${setName(set)} does not exist any more`, { retryable: true });
  }
  return present;
}

async function prove(sim: Simulation, act: Act, capture: Capture): Promise<CapturedSnapshot[]> {
  await pause(sim, act, sim.latency('ask', act.name));
  const { disks } = presentSet(sim, capture);
  const missing = capture.set.roles.find(({ role }) => !disks.some((disk) => disk.role === role));
  if (missing !== undefined) {
    const reason = `${setName(capture.set)} has no disk of ${missing.role.toLowerCase()}`;
    throw new ProviderError(reason, { retryable: false });
  }
  return disks.map(({ role, sizeBytes, k8sVersion }) => ({ role, sizeBytes, k8sVersion }));
}

function millisecondsFromImage(sim: Simulation, set: SetRef): number {
  const hasControlPlane = set.roles.some(({ role }) => role === 'CONTROL_PLANE');
  const boots = hasControlPlane ? (['bootstrap', 'join'] as const) : (['boot'] as const);
  const parts = ['disks', 'start', ...boots, 'stop', 'capture'] as const;
  return parts.reduce((ms, part) => ms + sim.latency(part, setName(set)), 0);
}
