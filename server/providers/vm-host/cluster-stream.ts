import { existsSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { imageRef } from '../../../schema/model/image.ts';
import type { VmRole } from '../../../schema/model/template.ts';
import type { SetRef, SetSource, Step, VmSpec } from '../provider.ts';
import { ProviderError, TAKEN } from '../provider.ts';
import { firstLayers, layersOfSet, layersOfVm, refuseMoreLayers } from './disk/layers.ts';
import { removeLayers, takeLayers } from './disk/layers.ts';
import { writeEmptyQcow2 } from './disk/qcow2.ts';
import { refuseToFill } from './disk-trouble.ts';
import { type Fittings, mayBeFittings } from './fittings.ts';
import { draftFolder, vmFiles } from './folders.ts';
import { goOn } from './go-on.ts';
import { imageFor, sizeOf } from './guest-machine.ts';
import type { Host } from './host.ts';
import type { DiskSwitch, Taking } from './hypervisor.ts';
import type { Link } from './links.ts';
import { isRecord, readJson, writeJson } from './json-file.ts';
import { refuseForeign, refuseIntruder } from './ownership.ts';
import { isRunning } from './running-vm.ts';
import { beginDraft, dropDraft, removeBakers, setObject } from './set-draft.ts';
import { syncPath } from './sync-path.ts';
import { type StoredFile, type StoredSet, isStoredFile, manifestFile } from './set-store.ts';
import { readDraft, readSet } from './set-store.ts';
import { type VmRecord, readRecord, writeRecord } from './vm-record.ts';
import { refuseIfGivenUp } from './within.ts';

/** Does work at a cluster while nobody else does anything to it. */
export type ClusterTurn = <T>(work: () => Promise<T>) => Promise<T>;

/** All that a VM was at one moment: its memory and its devices, in one file. */
export interface Stream {
  readonly role: VmRole;
  /** The VM it was taken of. */
  readonly vm: string;
  /** The fence of whoever held the cluster then: under another it is another's. */
  readonly fence: number;
  /** Everything that must be equal where it goes on, as one text. */
  readonly machine: string;
  readonly file: StoredFile;
  readonly fittings?: Fittings | undefined;
  /** Of how many layers its disk was; they lie in the set's folder. */
  readonly layers?: number | undefined;
}

/** A set that is begun, with what it will be baked from. */
export interface Streams {
  readonly begun: StoredSet;
  readonly ref: SetRef;
  readonly streams: readonly Stream[];
}

/**
 * Takes what a set is to be made of from a cluster, whose VMs stand still for a fraction of a
 * second and go on. What was taken by an earlier attempt is not taken again.
 */
export async function takeStreams(
  host: Host,
  source: SetSource & { readonly kind: 'CLUSTER' },
  ref: SetRef,
  step: Step,
  turn: ClusterTurn,
): Promise<Streams> {
  if (host.hypervisor.capturesRunning !== true) throw cannotCapture(host);
  const object = setObject(ref);
  const draft = readDraft(host.folders, ref.id);
  if (draft !== null) refuseForeign({ ...draft, name: object.name }, step);
  await removeBakers(host, object, step);
  const taken = draft === null ? null : takenBefore(host, draft, ref, step);
  if (taken !== null) return taken;
  await refuseWithoutRoom(host, ref, source.cluster.vms);
  const begun = await beginDraft(host, ref, imagesOf(host, source.cluster.vms), step);
  try {
    const take = (spec: VmSpec) => takeStream(host, ref, spec, source.inUse, step);
    const streams = await turn(async () => {
      const all: Stream[] = [];
      for (const spec of source.cluster.vms) all.push(await take(spec));
      return all;
    });
    await settleDraft(host, begun, streams);
    await step.note(TAKEN, String(step.fence));
    return { begun, ref, streams };
  } catch (error) {
    const isLasting = error instanceof ProviderError && !error.retryable;
    if (isLasting) await dropDraft(host, object);
    throw error;
  }
}

/** All that is needed, where it was taken before: the cluster may be another's by now, or gone. */
function takenBefore(host: Host, begun: StoredSet, ref: SetRef, step: Step): Streams | null {
  if (!step.notes.has(TAKEN)) return null;
  const streams = ref.roles.flatMap(({ role }) => readStream(streamFile(host, ref.id, role)) ?? []);
  const isWhole = streams.length === ref.roles.length;
  return isWhole && streams.every(({ fence }) => fence === step.fence)
    ? { begun, ref, streams }
    : null;
}

/** What is noted as taken is there after a power loss, too. */
async function settleDraft(host: Host, { object }: StoredSet, streams: readonly Stream[]) {
  const draft = draftFolder(host.folders, object.id);
  for (const { role } of streams) await syncPath(`${streamFile(host, object.id, role)}.json`);
  await syncPath(manifestFile(draft));
  await syncPath(draft);
}

/** A guest would stand still for nothing. What an earlier attempt took is there already. */
async function refuseWithoutRoom(host: Host, ref: SetRef, vms: readonly VmSpec[]): Promise<void> {
  const needed = vms.map(({ role, memoryMiB }) => {
    const isTaken = readStream(streamFile(host, ref.id, role)) !== null;
    return isTaken ? memoryMiB : 2 * memoryMiB;
  });
  await refuseToFill(
    host.folders.sets,
    needed.reduce((sum, mib) => sum + mib, 0),
  );
}

/** Where the stream of a role lies until it is baked. */
export function streamFile(host: Host, setId: string, role: VmRole): string {
  return join(draftFolder(host.folders, setId), `${role.toLowerCase()}.stream`);
}

async function takeStream(
  host: Host,
  ref: SetRef,
  spec: VmSpec,
  inUse: boolean,
  step: Step,
): Promise<Stream> {
  const record = whole(host, spec, inUse, step);
  const path = streamFile(host, ref.id, spec.role);
  const known = readStream(path);
  if (known?.vm === record.uuid && known.fence === step.fence) return known;
  await rm(path, { force: true });
  await step.note(`vm.stream.${spec.name}`, ref.id);
  refuseIfGivenUp(step.signal, `Capturing ${spec.name}`);
  step.progress('take');
  const taking = { file: path, memoryMiB: spec.memoryMiB };
  const { file, layers } = await captureVm(host, record, taking, ref.id, step);
  await syncPath(path);
  const { fittings, uuid: vm } = record;
  const machine = host.hypervisor.describeMachine(sizeOf(spec, fittings));
  const stream = { role: spec.role, vm, fence: step.fence, machine, file, fittings, layers };
  writeJson(`${path}.json`, stream);
  return stream;
}

/** The layers of its disk are kept when it goes on again: those below its own never change. */
async function captureVm(
  host: Host,
  record: VmRecord,
  taking: Taking,
  setId: string,
  step: Step,
): Promise<{ file: StoredFile; layers: number | undefined }> {
  const { control } = await host.links.to(record);
  const disk = await nextLayer(host, record, control);
  const stopped = writeRecord(host.folders, { ...record, fence: step.fence, stoppedFor: setId });
  const file = await captureStopped(host, stopped, control, { ...taking, disk }, step);
  try {
    await keepLayers(host, record, setId, disk, step.signal);
  } catch (error) {
    await rm(taking.file, { force: true });
    throw error;
  }
  return { file, layers: disk?.at };
}

/** The record says that the VM stands, and for what, from before it does until it goes on. */
async function captureStopped(
  host: Host,
  stopped: VmRecord,
  control: Link['control'],
  taking: Taking,
  { signal }: Step,
): Promise<StoredFile> {
  const since = host.world.elapsed();
  try {
    if (control.captureAll === undefined) throw cannotCapture(host);
    return await control.captureAll(taking, signal);
  } catch (error) {
    // Half of it is of no use, and where the disk is full it is in the way.
    await rm(taking.file, { force: true });
    throw error;
  } finally {
    await goOn(host, stopped);
    const ms = Math.round(host.world.elapsed() - since);
    host.log(`${stopped.name} was away for ${ms} ms, to be captured`);
  }
}

/** The layer that takes what the guest writes from its capture on. */
async function nextLayer(
  host: Host,
  record: VmRecord,
  control: Link['control'],
): Promise<DiskSwitch | undefined> {
  if (record.fittings === undefined) return undefined;
  const at = await control.layerCount?.();
  if (at === undefined) throw cannotCapture(host);
  refuseMoreLayers(at);
  const path = layersOfVm(vmFiles(host.folders, record.name).folder)(at);
  await rm(path, { force: true });
  writeEmptyQcow2(path, record.fittings.disk.bytes);
  return { path, at };
}

/** From now on the layers below are the set's, too; nobody writes to them any more. */
async function keepLayers(
  host: Host,
  { name, role }: VmRecord,
  setId: string,
  disk: DiskSwitch | undefined,
  signal: AbortSignal,
): Promise<void> {
  if (disk === undefined) return;
  const place = layersOfSet(draftFolder(host.folders, setId), role);
  await removeLayers(place, 0);
  const own = layersOfVm(vmFiles(host.folders, name).folder);
  try {
    await takeLayers(firstLayers(own, disk.at), place, { world: host.world, signal });
  } catch (error) {
    await removeLayers(place, 0);
    throw error;
  }
}

/** The VM as it can be captured: handed over where its cluster is in use, whole in any case. */
function whole(host: Host, { name }: VmSpec, inUse: boolean, step: Step): VmRecord {
  const record = readRecord(host.folders, name);
  if (record !== null) refuseIntruder(record, step);
  const states = inUse ? ['AWAKE'] : ['AWAKE', 'PAUSED'];
  if (record !== null && states.includes(record.state) && isRunning(record)) return record;
  const what = record === null ? 'does not exist' : 'is not as it must be to be captured';
  throw new ProviderError(`${name} ${what}`, { retryable: false });
}

/** What the guests were made from, as far as that is still known. */
function imagesOf(host: Host, vms: readonly VmSpec[]): string {
  const images = vms.map((spec) => {
    const setId = readRecord(host.folders, spec.name)?.setId ?? null;
    const set = setId === null ? null : readSet(host.folders, setId);
    return set?.image ?? imageRef(imageFor(host, spec));
  });
  return [...new Set(images)].join(' ');
}

/** What an earlier attempt took, if it took all of it. */
function readStream(path: string): Stream | null {
  const value = readJson(`${path}.json`);
  return existsSync(path) && isStream(value) ? value : null;
}

function isStream(value: unknown): value is Stream {
  return (
    isRecord(value) &&
    ['role', 'vm', 'machine'].every((key) => typeof value[key] === 'string') &&
    typeof value['fence'] === 'number' &&
    isStoredFile(value['file']) &&
    mayBeFittings(value['fittings'])
  );
}

function cannotCapture({ hypervisor }: Host): ProviderError {
  const reason = `${hypervisor.kind} captures sets from an image only, not from a cluster`;
  return new ProviderError(reason, { retryable: false });
}
