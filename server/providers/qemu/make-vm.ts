import type { RoleSpec } from '../../../schema/model/template.ts';
import { ProviderError, type Step } from '../provider.ts';
import { CONSOLE, type Memory } from './command-line.ts';
import { setFolder } from './folders.ts';
import { bootFrom, hardwareFor, imageFor, memoryFrom } from './guest-machine.ts';
import { refuseOtherMachine, snapshotOf } from './guest-machine.ts';
import type { Host } from './host.ts';
import { type MemoryProofs, type StoredSet, readDevices } from './set-store.ts';
import { loadDevices } from './transfer.ts';
import { type RunningVm, removeVm, startVm } from './vm-process.ts';
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
    host.accelerators.confirm();
    return vm;
  } catch (error) {
    if (step.signal.aborted || !host.accelerators.giveUp(reasonOf(error))) throw error;
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
  const hardware = hardwareFor(host, spec);
  const start = bootFrom(imageFor(host, spec));
  const vm = await startVm(host, record, { hardware, memory, start }, signal);
  await untilFirstAnswer(host, vm, signal);
  // From now on a guest that ends takes its process with it.
  await vm.link.qmp.order('set-action', { shutdown: 'poweroff' });
  return vm;
}

/** Waits for the agent; a guest that ends instead, or says nothing, has its console quoted. */
async function untilFirstAnswer(host: Host, vm: RunningVm, signal: AbortSignal): Promise<void> {
  const { qmp, agent } = vm.link;
  const what = `${vm.record.name} boots`;
  const limit = { what, ms: host.settings.bootMs, signal };
  const end = qmp.next(({ name }) => name === 'SHUTDOWN');
  const ended = end.then(() => `${what}: the guest ended`);
  const answered = agent.ping(limit).then(() => null, reasonOf);
  const fault = await Promise.race([answered, ended]);
  if (fault === null) return;
  throw new ProviderError(`${fault}${await consoleTail(vm)}`, { retryable: true });
}

async function consoleTail({ link }: RunningVm): Promise<string> {
  const given = { device: CONSOLE, size: 65_536 };
  const text = await link.qmp.order('ringbuf-read', given).catch(() => '');
  const lines = typeof text === 'string' ? text.trim().split(/\s*\n/).join(' | ') : '';
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
  const hardware = hardwareFor(host, spec);
  refuseOtherMachine(host, hardware, stored);
  await proofs.prove(folder, stored);
  const devices = await readDevices(folder, stored);
  const memory = memoryFrom(host, folder, stored);
  const vm = await startVm(
    host,
    record,
    { hardware, memory, start: { kind: 'RESTORE' } },
    step.signal,
  );
  await loadDevices(host, vm, devices, step.signal);
  await vm.link.qmp.order('cont');
  return warmUp(host, vm, step);
}

/**
 * Lets a guest that runs answer, take up randomness of its own and start one program, and pauses
 * it. That fills the cache of translated code and touches the memory that every answer needs: a
 * VM that has done it answers twenty times faster when it is woken.
 */
export async function warmUp(host: Host, vm: RunningVm, step: Step): Promise<VmRecord> {
  step.progress('warm up');
  const { agent, qmp } = vm.link;
  const what = `${vm.record.name} answers`;
  const limit = { what, ms: host.settings.restoreMs, signal: step.signal };
  await agent.wake({ hostname: null, machineId: null }, limit);
  await agent.run(['true'], '', limit);
  const marks = await agent.marks(limit);
  await agent.still(limit);
  await qmp.order('stop');
  return writeRecord(host.folders, { ...vm.record, state: 'PAUSED', marks });
}

function reasonOf(error: unknown): string {
  return error instanceof ProviderError ? error.reason : String(error);
}
