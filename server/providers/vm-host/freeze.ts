import type { RoleSpec } from '../../../schema/model/template.ts';
import type { Step } from '../provider.ts';
import { sizeOf } from './guest-machine.ts';
import type { Host } from './host.ts';
import type { SnapshotFiles } from './hypervisor.ts';
import { type RunningVm, removeVm } from './running-vm.ts';
import { syncPath } from './set-draft.ts';
import { type StoredSnapshot, describeFile } from './set-store.ts';

/** Makes a snapshot of a paused VM whose memory is a file, and ends the VM for ever. */
export async function freeze(
  host: Host,
  vm: RunningVm,
  spec: RoleSpec,
  files: SnapshotFiles,
  step: Step,
): Promise<StoredSnapshot> {
  step.progress('capture');
  const devices = await vm.link.control.capture(files, step.signal);
  await removeVm(host, vm.record);
  step.progress('verify');
  await syncPath(files.devices);
  await syncPath(files.memory);
  const memory = await describeFile(files.memory);
  const machine = host.hypervisor.describeMachine(sizeOf(spec));
  return { role: spec.role, machine, memory, devices };
}
