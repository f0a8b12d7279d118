import type { RoleSpec } from '../../../schema/model/template.ts';
import type { CapturedSnapshot, OutsideObject, SetRef } from '../provider.ts';
import type { SetSource, Step } from '../provider.ts';
import { bake } from './bake.ts';
import { type ClusterTurn, takeStreams } from './cluster-stream.ts';
import { layersOfSet } from './disk/layers.ts';
import { hasAgent } from './fittings.ts';
import { draftFolder, setFolder } from './folders.ts';
import { freeze } from './freeze.ts';
import type { Host } from './host.ts';
import { bootVm } from './make-vm.ts';
import { refuseForeign } from './ownership.ts';
import { originOf, takeOver } from './prebuilt-set.ts';
import { type RunningVm, removeVm } from './running-vm.ts';
import { bakerRecord, beginDraft, dropDraft, publishDraft, removeSet } from './set-draft.ts';
import { setObject } from './set-draft.ts';
import { type StoredSet, type StoredSnapshot, allocatedBytes } from './set-store.ts';
import { readSet, snapshotFiles } from './set-store.ts';
import { readRecord } from './vm-record.ts';

/** Captures a set and proves it complete; one that is there already is only told. */
export async function ensureSet(
  host: Host,
  source: SetSource,
  ref: SetRef,
  step: Step,
  turn: ClusterTurn,
): Promise<CapturedSnapshot[]> {
  const known = readSet(host.folders, ref.id);
  if (known !== null) {
    refuseForeign({ ...known, name: known.object.name }, step);
    return tell(host, known);
  }
  if (source.kind === 'IMAGE') return tell(host, await makeFromImage(host, ref, step));
  const streams = await takeStreams(host, source, ref, step, turn);
  return tell(host, await bake(host, streams, step));
}

async function makeFromImage(host: Host, ref: SetRef, step: Step): Promise<StoredSet> {
  const object = setObject(ref);
  // What an earlier attempt left is of no use: a snapshot is taken in one go.
  await removeSet(host, object, step);
  const { image, roles, imagesDir, captured, made } = await originOf(host, ref, step);
  const begun = await beginDraft(host, ref, image, step);
  const source = { ...host, imagesDir };
  try {
    const snapshots: StoredSnapshot[] = [];
    if (captured !== null) snapshots.push(...(await takeOver(host, captured, ref)));
    else for (const spec of roles) snapshots.push(await capture(source, object, spec, step));
    return await publishDraft(host, { ...begun, made }, snapshots, step);
  } catch (error) {
    await dropDraft(host, object);
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
  const { folders } = host;
  const draft = draftFolder(folders, object.id);
  const memory = { kind: 'CAPTURED', file: snapshotFiles(draft, spec.role).memory } as const;
  const room = { memory, place: layersOfSet(draft, spec.role) };
  const record = bakerRecord(host, object, spec.role, step);
  try {
    const vm = await bootVm(host, record, spec, room, step);
    await quiesce(host, vm, step);
    return await freeze(host, vm, spec, draft, step);
  } finally {
    const left = readRecord(folders, record.name);
    if (left !== null) await removeVm(host, left);
  }
}

/** Lets the guest start a program once, so that clones find it in memory, and waits until still. */
async function quiesce(host: Host, { record, link }: RunningVm, { signal }: Step): Promise<void> {
  const limit = { what: `${record.name} comes to rest`, ms: host.settings.restoreMs, signal };
  if (hasAgent(record)) {
    await link.agent.run(['true'], '', limit);
    await link.agent.still(limit);
  }
  await link.control.pause();
}

async function tell(host: Host, set: StoredSet): Promise<CapturedSnapshot[]> {
  const folder = setFolder(host.folders, set.object.id);
  return Promise.all(
    set.snapshots.map(async ({ role }) => {
      const sizeBytes = await allocatedBytes(folder, role);
      return { role, sizeBytes, k8sVersion: null, made: set.made };
    }),
  );
}
