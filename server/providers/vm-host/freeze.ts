import type { RoleSpec } from '../../../schema/model/template.ts';
import type { Step } from '../provider.ts';
import { layersFound, layersOfSet } from './disk/layers.ts';
import { sizeOf } from './guest-machine.ts';
import type { Host } from './host.ts';
import { type RunningVm, removeVm } from './running-vm.ts';
import { syncPath } from './sync-path.ts';
import { type StoredFile, type StoredSnapshot, describeFile } from './set-store.ts';
import { snapshotFiles } from './set-store.ts';

/**
 * Makes a snapshot of a paused VM whose memory, and disk, are files in the folder of a set that is
 * being made, and ends the VM for ever.
 */
export async function freeze(
  host: Host,
  vm: RunningVm,
  spec: RoleSpec,
  folder: string,
  step: Step,
): Promise<StoredSnapshot> {
  step.progress('capture');
  const { fittings } = vm.record;
  const files = snapshotFiles(folder, spec.role);
  const devices = await vm.link.control.capture(files, step.signal);
  await removeVm(host, vm.record);
  step.progress('verify');
  await syncPath(files.devices);
  await syncPath(files.memory);
  const memory = await describeFile(files.memory);
  const machine = host.hypervisor.describeMachine(sizeOf(spec, fittings));
  const snapshot = { role: spec.role, machine, memory, devices };
  if (fittings === undefined) return snapshot;
  const layers: StoredFile[] = [];
  for (const path of layersFound(layersOfSet(folder, spec.role))) {
    await syncPath(path);
    layers.push(await describeFile(path));
  }
  return { ...snapshot, fittings, layers };
}
