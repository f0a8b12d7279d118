import { LATENCY, latency } from '../latency.ts';
import type { Controller, KubeObject } from '../ports.ts';
import { withReasons } from './conditions.ts';
import { guarded, keyOf, namesOf, unguarded, withStatus, type Depot } from './depot.ts';
import { indicationsOf, volumeLists } from './indications.ts';
import { createContent } from './snapshot-content.ts';
import {
  isProgressing,
  isTerminating,
  isTooLate,
  takesContent,
  untilDeadline,
} from './snapshot-deadline.ts';
import { lock, sourceOf, unlock, type SnapshotSource } from './snapshot-source.ts';
import type { MachineSnapshot, MachineSnapshotContent, MachineSnapshotStatus } from './shapes.ts';

const FINALIZER = 'snapshot.kubevirt.io/vmsnapshot-protection';
const RETRY_MS = 5000;

/** Takes snapshots of machines: locks, waits for the content, fails at the deadline, unlocks. */
export function machineSnapshotController(depot: Depot): Controller {
  return {
    name: 'machine snapshots',
    concerns: ({ object }) => snapshotsConcerned(depot, object),
    reconcile(key) {
      const { namespace, name } = namesOf(key);
      const snapshot = depot.find('VirtualMachineSnapshot', namespace, name);
      return snapshot === undefined ? undefined : look(depot, snapshot);
    },
  };
}

/** The content of a snapshot, if it has one. */
function contentOf(depot: Depot, snapshot: MachineSnapshot): MachineSnapshotContent | undefined {
  const { namespace, uid } = snapshot.metadata;
  const name = snapshot.status?.virtualMachineSnapshotContentName ?? `vmsnapshot-content-${uid}`;
  return depot.find('VirtualMachineSnapshotContent', namespace, name);
}

function snapshotsConcerned(depot: Depot, object: KubeObject): readonly string[] {
  const { namespace, name } = object.metadata;
  if (object.kind === 'VirtualMachineSnapshot') return [keyOf(object)];
  if (object.kind === 'VirtualMachineSnapshotContent') {
    const content = object as MachineSnapshotContent;
    return [`${namespace ?? ''}/${content.spec.virtualMachineSnapshotName}`];
  }
  const isMachine = object.kind === 'VirtualMachine' || object.kind === 'VirtualMachineInstance';
  if (!isMachine) return [];
  return depot
    .all('VirtualMachineSnapshot', namespace)
    .filter(({ spec }) => spec.source.name === name)
    .map(keyOf);
}

function look(depot: Depot, found: MachineSnapshot): number | undefined {
  const isEnding = isTerminating(depot, found);
  const snapshot = isEnding ? found : depot.change(found, (now) => guarded(now, FINALIZER));
  if (snapshot === undefined) return undefined;
  const source = sourceOf(depot, snapshot);
  const step = snapshot.status === undefined ? {} : advance(depot, snapshot, source, isEnding);
  const content = contentOf(depot, snapshot);
  if (isEnding && content !== undefined && takesContent(snapshot, content)) {
    depot.sim.objects.remove(content);
  }
  // What the steps above did is looked at anew: the lock, the content.
  const now = depot.find(
    'VirtualMachineSnapshot',
    snapshot.metadata.namespace,
    snapshot.metadata.name,
  );
  if (now === undefined) return undefined;
  const written = depot.change(now, (each) => withStatus(each, nextStatus(depot, each, step.why)));
  if (written === undefined) return undefined;
  tellLatencies(depot, now, written);
  if (written.metadata.deletionTimestamp !== undefined && step.isHeld !== true) {
    depot.change(written, (each) => unguarded(each, FINALIZER));
    return undefined;
  }
  return step.retry ?? untilDeadline(depot, written);
}

/** How long it took to cut it, and from then on until it was usable. */
function tellLatencies(depot: Depot, before: MachineSnapshot, now: MachineSnapshot): void {
  const { sim } = depot;
  const object = `${now.metadata.namespace}/${now.spec.source.name}`;
  const taken = depot.since(now, 'cut');
  const isCut = now.status?.phase === 'Succeeded';
  if (isCut && before.status?.phase !== 'Succeeded') {
    sim.tell(LATENCY, object, latency(sim.world, 'CUT', taken));
  }
  if (!isCut) return;
  const uploaded = depot.since(now, 'upload');
  if (now.status?.readyToUse === true && before.status?.readyToUse !== true) {
    sim.tell(LATENCY, object, latency(sim.world, 'UPLOAD', uploaded));
  }
}

/** What one look leads to: when to try again, what stood in the way, whether the lock is held. */
interface Step {
  readonly retry?: number;
  readonly why?: string | undefined;
  readonly isHeld?: boolean;
}

function advance(
  depot: Depot,
  snapshot: MachineSnapshot,
  source: SnapshotSource | undefined,
  isEnding: boolean,
): Step {
  if (source === undefined) return {};
  const { name } = snapshot.metadata;
  if (isProgressing(snapshot) && !isEnding) {
    if (!source.isLocked) {
      return { retry: RETRY_MS, why: lock(depot, source, name), isHeld: true };
    }
    if (contentOf(depot, snapshot) === undefined) createContent(depot, snapshot, source);
    return { isHeld: true };
  }
  const content = contentOf(depot, snapshot);
  const isClear = content === undefined || !takesContent(snapshot, content);
  if (!isProgressing(snapshot) || (isEnding && isClear)) unlock(depot, source, name);
  return { isHeld: sourceOf(depot, snapshot)?.isLocked ?? false };
}

function nextStatus(
  depot: Depot,
  snapshot: MachineSnapshot,
  why: string | undefined,
): MachineSnapshotStatus {
  const source = sourceOf(depot, snapshot);
  const content = contentOf(depot, snapshot);
  const seen: MachineSnapshotStatus = {
    readyToUse: false,
    // A machine made later under the same name is another one: the first stays the source.
    ...(source === undefined ? {} : { sourceUID: source.machine.metadata.uid }),
    ...snapshot.status,
    ...(content?.status === undefined ? {} : statusOf(content, content.status)),
  };
  const next = withPhase(depot, { ...snapshot, status: seen }, source, content, why);
  const isReady = next.readyToUse === true;
  const set: Record<string, [boolean, string]> = {
    Ready: [isReady, isReady ? 'Ready' : 'Not ready'],
  };
  if (next.error !== undefined) set['Progressing'] = [false, 'In error state'];
  return { ...next, conditions: withReasons(next.conditions, set, depot.now()) };
}

function statusOf(
  { metadata }: MachineSnapshotContent,
  status: NonNullable<MachineSnapshotContent['status']>,
): MachineSnapshotStatus {
  return {
    virtualMachineSnapshotContentName: metadata.name,
    creationTime: status.creationTime as string,
    readyToUse: status.readyToUse as boolean,
    error: status.error as NonNullable<typeof status.error>,
  };
}

function withPhase(
  depot: Depot,
  snapshot: MachineSnapshot & { readonly status: MachineSnapshotStatus },
  source: SnapshotSource | undefined,
  content: MachineSnapshotContent | undefined,
  why: string | undefined,
): MachineSnapshotStatus {
  const { status } = snapshot;
  const set = (reasons: Record<string, [boolean, string]>) =>
    withReasons(status.conditions, reasons, depot.now());
  if (isTooLate(depot, snapshot)) {
    const conditions = set({
      Failure: [true, 'snapshot deadline exceeded'],
      Progressing: [false, 'Operation failed'],
    });
    return { ...status, phase: 'Failed', conditions };
  }
  if (status.phase === 'Succeeded' || status.creationTime !== undefined) {
    const conditions = set({ Progressing: [false, 'Operation complete'] });
    const volumes = volumeLists(depot, status, content);
    return { ...status, ...volumes, phase: 'Succeeded', conditions };
  }
  if (snapshot.metadata.deletionTimestamp !== undefined) {
    const conditions = set({ Progressing: [false, 'VM snapshot is deleting'] });
    return { ...status, phase: 'Deleting', conditions };
  }
  const indicated = source === undefined ? {} : indicationsOf(depot, status, source);
  const conditions = set({ Progressing: progressOf(source, why) });
  return { ...status, ...indicated, phase: 'InProgress', conditions };
}

function progressOf(source: SnapshotSource | undefined, why?: string): [boolean, string] {
  if (source === undefined) return [false, 'Source does not exist'];
  if (source.isLocked) return [true, 'Source locked and operation in progress'];
  return [false, why === undefined ? 'Source not locked' : `Source not locked ${why}`];
}
