import type { RoleSpec } from '../../../schema/model/template.ts';
import { ProviderError, type Step } from '../provider.ts';
import { type LayerPlace, firstLayers, layDisk, layersOfSet, layersOfVm } from './disk/layers.ts';
import { type Fittings, hasAgent } from './fittings.ts';
import { setFolder } from './folders.ts';
import { bootFrom, fittingsOf, imageFor, lowerLayers } from './guest-machine.ts';
import { refuseOtherMachine, sizeOf, snapshotOf } from './guest-machine.ts';
import type { Host } from './host.ts';
import type { Memory } from './hypervisor.ts';
import type { Image } from './image-manifest.ts';
import { untilScreenIsQuiet } from './quiet-screen.ts';
import { type MemoryProofs, type StoredSet, readDevices, snapshotFiles } from './set-store.ts';
import { type RunningVm, removeVm, startVm } from './running-vm.ts';
import { type VmRecord, writeRecord } from './vm-record.ts';

const CONSOLE_TAIL = 400;

/** How long a guest without an agent runs before it is paused. */
const SHORT_RUN_MS = 200;

/** Where a guest that boots keeps its memory, and its disk: in its own folder if not said. */
export interface Room {
  readonly memory: Memory;
  readonly place?: LayerPlace | undefined;
}

/** Boots a guest from the newest image and waits until it answers. */
export async function bootVm(
  host: Host,
  record: VmRecord,
  spec: RoleSpec,
  room: Room,
  step: Step,
): Promise<RunningVm> {
  step.progress('boot');
  try {
    const vm = await bootOnce(host, record, spec, room, step);
    host.hypervisor.confirmBoot();
    return vm;
  } catch (error) {
    if (step.signal.aborted || !host.hypervisor.giveUp(reasonOf(error))) throw error;
    await removeVm(host, record);
    return bootOnce(host, record, spec, room, step);
  }
}

async function bootOnce(
  host: Host,
  record: VmRecord,
  spec: RoleSpec,
  { memory, place }: Room,
  { signal }: Step,
): Promise<RunningVm> {
  const image = imageFor(host, spec);
  const fittings = fittingsOf(host, spec, image);
  const start = bootFrom(image);
  const lay = layerOver(lowerLayers(image), fittings, place);
  const machine = { size: sizeOf(spec, fittings), memory, start, lay };
  const vm = await startVm(host, record, machine, signal);
  await untilReady(host, vm, image, signal);
  await vm.link.control.booted();
  return vm;
}

/** How the disk of a VM is laid, if it has one: over these files, in its folder if not said. */
function layerOver(lower: readonly string[], fittings: Fittings | undefined, place?: LayerPlace) {
  if (fittings === undefined) return undefined;
  return (folder: string) => layDisk(lower, place ?? layersOfVm(folder), fittings.disk);
}

/** Waits for the guest; one that ends instead, or says nothing, has its console quoted. */
async function untilReady(
  host: Host,
  vm: RunningVm,
  { boot }: Image,
  signal: AbortSignal,
): Promise<void> {
  const { control, agent } = vm.link;
  const what = `${vm.record.name} boots`;
  const limit = { what, ms: longestBoot(host, boot), signal };
  const ended = control.guestEnd().then(() => `${what}: the guest ended`);
  const isMute = boot.kind === 'DISK' && !boot.agent;
  const ready = isMute ? untilScreenIsQuiet(host, vm, boot.ready, signal) : agent.ping(limit);
  const answered = ready.then(() => null, reasonOf);
  const fault = await Promise.race([answered, ended]);
  if (fault === null) return;
  throw new ProviderError(`${fault}${await consoleTail(vm)}`, { retryable: true });
}

function longestBoot({ settings }: Host, boot: Image['boot']): number {
  if (boot.kind === 'LAYERS') return settings.bootMs;
  return Math.min(boot.ready.maxSeconds * 1000, settings.diskBootMs);
}

async function consoleTail({ link }: RunningVm): Promise<string> {
  const text = await link.control.console().catch(() => '');
  const lines = text.trim().split(/\s*\n/).join(' | ');
  return lines === '' ? '' : `; its console ends: ${lines.slice(-CONSOLE_TAIL)}`;
}

/** Restores a guest from a set, lets it answer and work once, and pauses it: the hot state. */
export async function restoreVm(
  host: Host,
  proofs: MemoryProofs,
  record: VmRecord,
  spec: RoleSpec,
  set: StoredSet,
  step: Step,
): Promise<VmRecord> {
  step.progress('restore');
  const folder = setFolder(host.folders, set.object.id);
  const stored = snapshotOf(set, spec);
  const { fittings, layers = [] } = stored;
  const size = sizeOf(spec, fittings);
  refuseOtherMachine(host, size, stored);
  await proofs.prove(folder, stored);
  const devices = await readDevices(folder, stored);
  const files = snapshotFiles(folder, stored.role);
  const memory = { kind: 'CLONED', file: files.memory } as const;
  const lower = firstLayers(layersOfSet(folder, stored.role), layers.length);
  const lay = layerOver(lower, fittings);
  const machine = { size, memory, lay, start: { kind: 'RESTORE' } } as const;
  const vm = await startVm(host, record, machine, step.signal);
  await vm.link.control.restore(files, devices, step.signal);
  await vm.link.control.resume();
  return warmUp(host, vm, step);
}

/**
 * Lets a guest that runs answer, take up randomness of its own and start one program, and pauses
 * it. That fills the cache of translated code and touches the memory that every answer needs: a
 * VM that has done it answers twenty times faster when it is woken.
 */
export async function warmUp(host: Host, vm: RunningVm, step: Step): Promise<VmRecord> {
  step.progress('warm up');
  const { agent, control } = vm.link;
  const what = `${vm.record.name} answers`;
  const limit = { what, ms: host.settings.restoreMs, signal: step.signal };
  if (!hasAgent(vm.record)) {
    await host.world.sleep(SHORT_RUN_MS);
    await control.pause();
    return writeRecord(host.folders, { ...vm.record, state: 'PAUSED', marks: [] });
  }
  await agent.run(['true'], '', limit);
  await agent.rehearse(limit);
  await agent.rehearse(limit);
  const marks = await agent.marks(limit);
  await agent.still(limit);
  await control.pause();
  return writeRecord(host.folders, { ...vm.record, state: 'PAUSED', marks });
}

function reasonOf(error: unknown): string {
  return error instanceof ProviderError ? error.reason : String(error);
}
