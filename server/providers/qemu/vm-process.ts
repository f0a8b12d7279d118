import { ProviderError } from '../provider.ts';
import { type Machine, qemuArguments } from './command-line.ts';
import { publishFolder, removeFolder, vmFiles } from './folders.ts';
import type { Host } from './host.ts';
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
} from './qemu-process.ts';
import { type VmRecord, writeRecord } from './vm-record.ts';
import { refuseIfGivenUp, within } from './within.ts';

/** A VM whose process runs and to which we speak. */
export interface RunningVm {
  readonly record: VmRecord;
  readonly link: Link;
}

/** Starts a VM's process: first what it will be is stored, then it is made. */
export async function startVm(
  host: Host,
  record: VmRecord,
  machine: Omit<Machine, 'name' | 'uuid' | 'files'>,
  signal: AbortSignal,
): Promise<RunningVm> {
  const files = vmFiles(host.folders, record.name);
  refuseIfGivenUp(signal, `Starting ${record.name}`);
  publishFolder(host.folders.vms, record.name, (draft) => writeJson(`${draft}/vm.json`, record));
  const argv = qemuArguments({ ...machine, name: record.name, uuid: record.uuid, files });
  const id = await startProcess(host.settings.binary, argv, files.log);
  const started = writeRecord(host.folders, { ...record, process: id });
  const limit = { what: `Starting ${record.name}`, ms: host.settings.restoreMs };
  try {
    const link = await within(host.world, host.links.to(started, limit.ms), { ...limit, signal });
    return { record: started, link };
  } catch (error) {
    throw isAlive(id) ? error : endedAtOnce(record.name, lastWords(files.log), error);
  }
}

/**
 * Ends a VM and removes all that was its own. QEMU is asked to quit, and killed when it does not:
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
    await link?.qmp.order('quit').catch(() => null);
    const isQuitting = link !== null;
    if (isQuitting && (await hasEnded(host.world, id, host.settings.quitMs))) return;
    await killProcess(host.world, id);
  } finally {
    link?.close();
  }
}

function endedAtOnce(name: string, words: string, cause: unknown): ProviderError {
  return new ProviderError(`QEMU could not start ${name}: ${words}`, { retryable: true, cause });
}
