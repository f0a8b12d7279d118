import type { RoleSpec } from '../../../schema/model/template.ts';
import { ProviderError, type Step } from '../provider.ts';
import { setFolder } from './folders.ts';
import { bootFrom, imageFor, refuseOtherMachine } from './guest-machine.ts';
import { sizeOf, snapshotOf } from './guest-machine.ts';
import type { Host } from './host.ts';
import type { Memory } from './hypervisor.ts';
import { type MemoryProofs, type StoredSet, readDevices, snapshotFiles } from './set-store.ts';
import { type RunningVm, removeVm, startVm } from './running-vm.ts';
import { type VmRecord, writeRecord } from './vm-record.ts';

const CONSOLE_TAIL = 400;

/** Boots a guest from the newest image and waits until it answers. */
export async function bootVm(
  host: Host,
  record: VmRecord,
  spec: RoleSpec,
  memory: Memory,
  step: Step,
): Promise<RunningVm> {
  step.progress('boot');
  try {
    const vm = await bootOnce(host, record, spec, memory, step);
    host.hypervisor.confirmBoot();
    return vm;
  } catch (error) {
    if (step.signal.aborted || !host.hypervisor.giveUp(reasonOf(error))) throw error;
    await removeVm(host, record);
    return bootOnce(host, record, spec, memory, step);
  }
}

async function bootOnce(
  host: Host,
  record: VmRecord,
  spec: RoleSpec,
  memory: Memory,
  { signal }: Step,
): Promise<RunningVm> {
  const start = bootFrom(imageFor(host, spec));
  const vm = await startVm(host, record, { size: sizeOf(spec), memory, start }, signal);
  await untilFirstAnswer(host, vm, signal);
  await vm.link.control.booted();
  return vm;
}

/** Waits for the agent; a guest that ends instead, or says nothing, has its console quoted. */
async function untilFirstAnswer(host: Host, vm: RunningVm, signal: AbortSignal): Promise<void> {
  const { control, agent } = vm.link;
  const what = `${vm.record.name} boots`;
  const limit = { what, ms: host.settings.bootMs, signal };
  const ended = control.guestEnd().then(() => `${what}: the guest ended`);
  const answered = agent.ping(limit).then(() => null, reasonOf);
  const fault = await Promise.race([answered, ended]);
  if (fault === null) return;
  throw new ProviderError(`${fault}${await consoleTail(vm)}`, { retryable: true });
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
  const size = sizeOf(spec);
  refuseOtherMachine(host, size, stored);
  await proofs.prove(folder, stored);
  const devices = await readDevices(folder, stored);
  const files = snapshotFiles(folder, stored.role);
  const memory = { kind: 'CLONED', file: files.memory } as const;
  const vm = await startVm(host, record, { size, memory, start: { kind: 'RESTORE' } }, step.signal);
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
