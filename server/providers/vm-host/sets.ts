import { existsSync, mkdirSync, renameSync } from 'node:fs';
import { open, rm } from 'node:fs/promises';
import { basename } from 'node:path';
import type { RoleSpec } from '../../../schema/model/template.ts';
import type { CapturedSnapshot, OutsideObject, SetRef } from '../provider.ts';
import type { SetSource, Step } from '../provider.ts';
import { ProviderError } from '../provider.ts';
import { draftFolder, removeFolder, setFolder } from './folders.ts';
import { imageFor, sizeOf } from './guest-machine.ts';
import type { Host } from './host.ts';
import { writeJson } from './json-file.ts';
import { bootVm } from './make-vm.ts';
import { refuseForeign } from './ownership.ts';
import { type StoredSet, type StoredSnapshot, allocatedBytes, describeFile } from './set-store.ts';
import { manifestFile, newSet, readDraft, readSet, snapshotFiles } from './set-store.ts';
import { uuidFrom } from './uuid.ts';
import { type RunningVm, removeVm } from './running-vm.ts';
import { newRecord, readRecord, recordsOf } from './vm-record.ts';

/** Captures a set and proves it complete; one that is there already is only told. */
export async function ensureSet(
  host: Host,
  source: SetSource,
  ref: SetRef,
  step: Step,
): Promise<CapturedSnapshot[]> {
  const known = readSet(host.folders, ref.id);
  if (known !== null) {
    refuseForeign({ ...known, name: known.object.name }, step);
    return tell(host, known);
  }
  if (source.kind === 'CLUSTER') {
    const reason = 'This provider captures sets from an image only, not from a running cluster yet';
    throw new ProviderError(reason, { retryable: false });
  }
  return tell(host, await make(host, ref, step));
}

/** Removes a set, complete or not. VMs that were restored from it keep what they have. */
export async function removeSet(host: Host, object: OutsideObject, step: Step): Promise<void> {
  const { folders, world } = host;
  for (const record of recordsOf(folders, object)) {
    refuseForeign(record, step);
    await removeVm(host, record);
  }
  for (const [folder, set] of [
    [setFolder(folders, object.id), readSet(folders, object.id)],
    [draftFolder(folders, object.id), readDraft(folders, object.id)],
  ] as const) {
    if (set !== null) refuseForeign({ ...set, name: set.object.name }, step);
    if (existsSync(folder)) await removeFolder(world, folders.sets, basename(folder));
  }
}

async function make(host: Host, ref: SetRef, step: Step): Promise<StoredSet> {
  const object = objectOf(ref);
  const begun = newSet({
    installation: step.installation,
    object,
    image: ref.roles.map((spec) => imageFor(host, spec).id).join(' '),
    hypervisor: `${host.hypervisor.kind} ${host.hypervisor.version}`,
    createdAt: host.world.now(),
  });
  // What an earlier attempt left is of no use: a snapshot is taken in one go.
  await removeSet(host, object, step);
  await step.note('vm.set', object.name);
  const draft = draftFolder(host.folders, ref.id);
  mkdirSync(draft, { mode: 0o700 });
  writeJson(manifestFile(draft), begun);
  try {
    const snapshots: StoredSnapshot[] = [];
    for (const spec of ref.roles) snapshots.push(await capture(host, object, spec, step));
    step.progress('publish');
    const complete = { ...begun, snapshots };
    writeJson(manifestFile(draft), complete);
    await syncPath(manifestFile(draft));
    await syncPath(draft);
    renameSync(draft, setFolder(host.folders, ref.id));
    await syncPath(host.folders.sets);
    return complete;
  } catch (error) {
    await rm(draft, { recursive: true, force: true });
    throw error;
  }
}

/** Boots a guest whose memory is a file, and stops it there for ever. */
async function capture(
  host: Host,
  object: OutsideObject,
  spec: RoleSpec,
  step: Step,
): Promise<StoredSnapshot> {
  const { world, folders } = host;
  const files = snapshotFiles(draftFolder(folders, object.id), spec.role);
  const record = newRecord({
    installation: step.installation,
    fence: step.fence,
    owner: object,
    role: spec.role,
    name: `set-${object.id}-${spec.role.charAt(0).toLowerCase()}`,
    uuid: uuidFrom(world.secret(16)),
    setId: null,
    origin: 'COLD_BOOT',
    machineId: '',
  });
  try {
    const vm = await bootVm(host, record, spec, { kind: 'CAPTURED', file: files.memory }, step);
    step.progress('capture');
    await quiesce(host, vm, step);
    const devices = await vm.link.control.capture(files, step.signal);
    await removeVm(host, vm.record);
    step.progress('verify');
    await syncPath(files.memory);
    const memory = await describeFile(files.memory);
    const machine = host.hypervisor.describeMachine(sizeOf(spec));
    return { role: spec.role, machine, memory, devices };
  } finally {
    const left = readRecord(folders, record.name);
    if (left !== null) await removeVm(host, left);
  }
}

/** Lets the guest start a program once, so that clones find it in memory, and waits until still. */
async function quiesce(host: Host, { record, link }: RunningVm, { signal }: Step): Promise<void> {
  const limit = { what: `${record.name} comes to rest`, ms: host.settings.restoreMs, signal };
  await link.agent.run(['true'], '', limit);
  await link.agent.still(limit);
  await link.control.pause();
}

async function tell(host: Host, set: StoredSet): Promise<CapturedSnapshot[]> {
  const folder = setFolder(host.folders, set.object.id);
  return Promise.all(
    set.snapshots.map(async ({ role }) => {
      return { role, sizeBytes: await allocatedBytes(folder, role), k8sVersion: null };
    }),
  );
}

function objectOf({ id, poolId, poolName, number }: SetRef): OutsideObject {
  return { kind: 'SET', id, name: `${poolName}, set ${number}`, poolId };
}

async function syncPath(path: string): Promise<void> {
  const file = await open(path, 'r');
  try {
    await file.sync();
  } finally {
    await file.close();
  }
}
