import { ProviderError } from '../provider.ts';
import { publishFolder, removeFolder, vmFiles } from './folders.ts';
import type { Host } from './host.ts';
import type { DiskLayer } from './fittings.ts';
import type { VmPlan } from './hypervisor.ts';
import type { Link } from './links.ts';
import { writeJson } from './json-file.ts';
import {
  type ProcessId,
  findByArgument,
  hasEnded,
  isAlive,
  killProcess,
  lastWords,
  startProcess,
} from './process.ts';
import { type VmRecord, writeRecord } from './vm-record.ts';
import { refuseIfGivenUp, within } from './within.ts';

/** A VM whose process runs and to which we speak. */
export interface RunningVm {
  readonly record: VmRecord;
  readonly link: Link;
}

/** What a VM is started with; its disk is laid when its folder is there, which it is told. */
export interface NewMachine extends Omit<VmPlan, 'name' | 'uuid' | 'files' | 'layers'> {
  readonly lay?: ((folder: string) => Promise<readonly DiskLayer[]>) | undefined;
}

/** Starts a VM's process: first what it will be is stored, then it is made. */
export async function startVm(
  host: Host,
  known: VmRecord,
  { lay, ...machine }: NewMachine,
  signal: AbortSignal,
): Promise<RunningVm> {
  const record = { ...known, fittings: machine.size.fittings };
  const files = vmFiles(host.folders, record.name);
  refuseIfGivenUp(signal, `Starting ${record.name}`);
  publishFolder(host.folders.vms, record.name, (draft) => writeJson(`${draft}/vm.json`, record));
  const layers = await lay?.(files.folder);
  const plan = { ...machine, name: record.name, uuid: record.uuid, files, layers };
  const { program, worksInFolder } = host.hypervisor;
  const argv = host.hypervisor.argumentsFor(plan);
  const id = await startProcess(program, argv, files.log, worksInFolder ? files.folder : undefined);
  const started = writeRecord(host.folders, { ...record, process: id });
  const limit = { what: `Starting ${record.name}`, ms: host.settings.restoreMs };
  try {
    const link = await within(host.world, host.links.to(started, limit.ms), { ...limit, signal });
    await link.control.begin(plan);
    return { record: started, link };
  } catch (error) {
    if (isAlive(id)) throw error;
    const reason = `${program} could not start ${record.name}: ${lastWords(files.log)}`;
    throw new ProviderError(reason, { retryable: true, cause: error });
  }
}

/**
 * Ends a VM and removes all that was its own. It is asked to quit, and killed when it does not:
 * exactly the process that was started for this VM, never one that merely has its number.
 */
export async function removeVm(host: Host, record: VmRecord): Promise<void> {
  const id = processOf(record);
  if (id !== null) await endProcess(host, { ...record, process: id }, id);
  await host.links.drop(record);
  await removeFolder(host.world, host.folders.vms, record.name);
}

/** The process of a VM, also when we died before its number was stored. */
function processOf(record: VmRecord): ProcessId | null {
  return record.process ?? findByArgument(record.uuid);
}

/** Whether the VM's process runs. */
export function isRunning(record: VmRecord): boolean {
  const id = processOf(record);
  return id !== null && isAlive(id);
}

/** Why a VM has ended, as far as anybody told. */
export function endOf(host: Host, record: VmRecord): string {
  const words = lastWords(vmFiles(host.folders, record.name).log);
  return words === '' ? 'The VM has ended' : `The VM has ended: ${words}`;
}

async function endProcess(host: Host, record: VmRecord, id: ProcessId): Promise<void> {
  if (!isAlive(id)) return;
  const link = await host.links.to(record).catch(() => null);
  host.links.forget(record);
  try {
    await link?.control.quit().catch(() => null);
    const isQuitting = link !== null;
    if (isQuitting && (await hasEnded(host.world, id, host.settings.quitMs))) return;
    await killProcess(host.world, id);
  } finally {
    link?.close();
  }
}
