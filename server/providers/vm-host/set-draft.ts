import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { basename } from 'node:path';
import type { VmRole } from '../../../schema/model/template.ts';
import type { OutsideObject, SetRef, Step } from '../provider.ts';
import { draftFolder, removeFolder, setFolder } from './folders.ts';
import type { Host } from './host.ts';
import { writeJson } from './json-file.ts';
import { refuseForeign } from './ownership.ts';
import { removeVm } from './running-vm.ts';
import { type StoredSet, type StoredSnapshot, manifestFile, newSet } from './set-store.ts';
import { readDraft, readSet } from './set-store.ts';
import { syncPath } from './sync-path.ts';
import { uuidFrom } from './uuid.ts';
import { type VmRecord, newRecord, recordsOf } from './vm-record.ts';

/** A set as an object outside. */
export function setObject({ id, poolId, poolName, number }: SetRef): OutsideObject {
  return { kind: 'SET', id, name: `${poolName}, set ${number}`, poolId };
}

/** Removes a set, complete or not. VMs that were restored from it keep what they have. */
export async function removeSet(host: Host, object: OutsideObject, step: Step): Promise<void> {
  const { folders, world } = host;
  await removeBakers(host, object, step);
  for (const [folder, set] of [
    [setFolder(folders, object.id), readSet(folders, object.id)],
    [draftFolder(folders, object.id), readDraft(folders, object.id)],
  ] as const) {
    if (set !== null) refuseForeign({ ...set, name: set.object.name }, step);
    if (existsSync(folder)) await removeFolder(world, folders.sets, basename(folder));
  }
}

/** Ends the VMs that were started to be captured for a set. */
export async function removeBakers(host: Host, object: OutsideObject, step: Step): Promise<void> {
  for (const record of recordsOf(host.folders, object)) {
    refuseForeign(record, step);
    await removeVm(host, record);
  }
}

/** Begins a set in a folder that nobody takes for a whole one. The intent is noted before. */
export async function beginDraft(
  host: Host,
  ref: SetRef,
  image: string,
  step: Step,
): Promise<StoredSet> {
  const object = setObject(ref);
  const begun = newSet({
    installation: step.installation,
    object,
    image,
    hypervisor: `${host.hypervisor.kind} ${host.hypervisor.version}`,
    createdAt: host.world.now(),
  });
  await step.note('vm.set', object.name);
  const draft = draftFolder(host.folders, ref.id);
  mkdirSync(draft, { recursive: true, mode: 0o700 });
  writeJson(manifestFile(draft), begun);
  return begun;
}

/** Makes a draft the set: it is whole, and on the disk, before anybody can find it. */
export async function publishDraft(
  host: Host,
  begun: StoredSet,
  snapshots: readonly StoredSnapshot[],
  step: Step,
): Promise<StoredSet> {
  const { folders } = host;
  const { id } = begun.object;
  step.progress('publish');
  const draft = draftFolder(folders, id);
  const complete = { ...begun, snapshots };
  writeJson(manifestFile(draft), complete);
  await syncPath(manifestFile(draft));
  await syncPath(draft);
  renameSync(draft, setFolder(folders, id));
  await syncPath(folders.sets);
  return complete;
}

/** Removes what was made of a set that cannot be finished. */
export function dropDraft(host: Host, { id }: OutsideObject): Promise<void> {
  return rm(draftFolder(host.folders, id), { recursive: true, force: true });
}

/** The record of the VM from which the snapshot of a role is captured. */
export function bakerRecord(
  host: Host,
  object: OutsideObject,
  role: VmRole,
  { installation, fence }: Step,
): VmRecord {
  return newRecord({
    installation,
    fence,
    owner: object,
    role,
    name: `set-${object.id}-${role.charAt(0).toLowerCase()}`,
    uuid: uuidFrom(host.world.secret(16)),
    setId: null,
    origin: 'COLD_BOOT',
    machineId: '',
  });
}
