import type { Controller, KubeObject, ObjectMeta } from '../ports.ts';
import { retryAfter } from './claims.ts';
import { snapshotClassFor } from './classes.ts';
import {
  controllerOf,
  defined,
  keyOf,
  namesOf,
  ownedBy,
  unguarded,
  withStatus,
  type Depot,
} from './depot.ts';
import { FREEZE_LIMIT } from './indications.ts';
import { isTerminating, takesContent } from './snapshot-deadline.ts';
import { snapshottableClaim, sourceOf, volumesOf, type SnapshotSource } from './snapshot-source.ts';
import type {
  MachineSnapshot,
  MachineSnapshotContent,
  StatusError,
  VolumeBackup,
  VolumeSnapshot,
} from './shapes.ts';

const FINALIZER = 'snapshot.kubevirt.io/vmsnapshotcontent-protection';
const RETRY_MS = 5000;

/** Keeps the machine and its claims as they are now; the content controller does the rest. */
export function createContent(
  depot: Depot,
  snapshot: MachineSnapshot,
  { machine }: SnapshotSource,
): void {
  const { namespace = '', name, uid } = snapshot.metadata;
  const backups: VolumeBackup[] = [];
  for (const volume of volumesOf(machine)) {
    const found = snapshottableClaim(depot, namespace, volume);
    // Several classes and no default: an error until the deadline, not an excluded volume.
    if (found !== undefined && 'problem' in found) return complain(depot, snapshot, found.problem);
    if (found === undefined || isExcluded(depot, snapshot, backups)) continue;
    const { metadata, spec } = found.claim;
    backups.push({
      volumeName: volume.name,
      persistentVolumeClaim: { metadata: simple(metadata), spec },
      volumeSnapshotName: `vmsnapshot-${uid}-volume-${volume.name}`,
    });
  }
  const content = depot.add('VirtualMachineSnapshotContent', {
    metadata: { name: `vmsnapshot-content-${uid}`, namespace, finalizers: [FINALIZER] },
    spec: {
      virtualMachineSnapshotName: name,
      source: { virtualMachine: { metadata: simple(machine.metadata), spec: machine.spec } },
      volumeBackups: backups,
    },
  });
  const reason = 'SuccessfulVirtualMachineSnapshotContentCreate';
  const made = `Successfully created VirtualMachineSnapshotContent ${content.metadata.name}`;
  depot.sim.objects.event(snapshot, 'Normal', reason, made);
}

/** Freezes the guest, takes the VolumeSnapshots, thaws it, and says when all can be used. */
export function snapshotContentController(depot: Depot): Controller {
  return {
    name: 'machine snapshot contents',
    concerns: ({ object }) => contentsConcerned(depot, object),
    reconcile(key) {
      const { namespace, name } = namesOf(key);
      const content = depot.find('VirtualMachineSnapshotContent', namespace, name);
      return content === undefined ? undefined : look(depot, content);
    },
  };
}

function contentsConcerned(depot: Depot, object: KubeObject): readonly string[] {
  const { namespace, name } = object.metadata;
  if (object.kind === 'VirtualMachineSnapshotContent') return [keyOf(object)];
  if (object.kind === 'VolumeSnapshot') {
    const owner = controllerOf(object);
    return owner?.kind === 'VirtualMachineSnapshotContent' ? [`${namespace}/${owner.name}`] : [];
  }
  if (object.kind !== 'VirtualMachineSnapshot') return [];
  return depot
    .all('VirtualMachineSnapshotContent', namespace)
    .filter(({ spec }) => spec.virtualMachineSnapshotName === name)
    .map(keyOf);
}

function look(depot: Depot, found: MachineSnapshotContent): number | undefined {
  const { namespace } = found.metadata;
  const { virtualMachineSnapshotName } = found.spec;
  const snapshot = depot.find('VirtualMachineSnapshot', namespace, virtualMachineSnapshotName);
  let content: MachineSnapshotContent | undefined = found;
  if (snapshot === undefined || isTerminating(depot, snapshot)) {
    if (snapshot !== undefined) thaw(depot, snapshot);
    content = depot.change(found, (now) => unguarded(now, FINALIZER));
    if (snapshot !== undefined && takesContent(snapshot, found)) return undefined;
  }
  if (content === undefined || content.metadata.deletionTimestamp !== undefined) return undefined;
  const isCreated = content.status?.creationTime !== undefined;
  if (isCreated || snapshot === undefined) return settle(depot, content, snapshot);
  const missing = backupsOf(content).filter((each) => snapshotOf(depot, found, each) === undefined);
  if (missing.length === 0) return settle(depot, content, snapshot);
  const wait = freeze(depot, content, snapshot);
  if (wait !== undefined) return wait;
  for (const backup of missing) {
    if (!addVolumeSnapshot(depot, content, backup)) return RETRY_MS;
  }
  return undefined;
}

/** Freezes the guest's file systems; answers how long to wait until they are frozen. */
function freeze(
  depot: Depot,
  content: MachineSnapshotContent,
  snapshot: MachineSnapshot,
): number | undefined {
  const source = sourceOf(depot, snapshot);
  if (source?.instance === undefined || !source.hasAgent) return undefined;
  const isOldAndPaused = source.isPaused && depot.sim.kubevirt.minor <= 5;
  if (source.isPaused && !isOldAndPaused) return undefined;
  const { name } = source.machine.metadata;
  if (isOldAndPaused || depot.struck('freeze-fails', snapshot, name)) {
    return complainOf(
      depot,
      content,
      `Internal error occurred: the guest agent of ${name} refuses the freeze`,
    );
  }
  const left = depot.left(content, 'freeze', [100, 1000]);
  if (left > 0) return left;
  depot.change(source.instance, (now) => withStatus(now, { fsFreezeStatus: 'frozen' }));
  return undefined;
}

function thaw(depot: Depot, snapshot: MachineSnapshot): void {
  const instance = sourceOf(depot, snapshot)?.instance;
  if (instance === undefined) return;
  depot.change(instance, (now) => withStatus(now, { fsFreezeStatus: undefined }));
}

/** Says how far the VolumeSnapshots are. */
function settle(
  depot: Depot,
  content: MachineSnapshotContent,
  snapshot: MachineSnapshot | undefined,
): number | undefined {
  const backups = backupsOf(content);
  const there = backups.flatMap((each) => snapshotOf(depot, content, each) ?? []);
  const gone = backups.filter((each) => snapshotOf(depot, content, each) === undefined);
  const isCut =
    gone.length === 0 && there.every(({ status }) => status?.creationTime !== undefined);
  const isReady = gone.length === 0 && there.every(({ status }) => status?.readyToUse === true);
  const isFirst = isCut && content.status?.creationTime === undefined;
  if (isFirst && snapshot !== undefined) {
    thaw(depot, snapshot);
    const timesOut =
      sourceOf(depot, snapshot)?.hasAgent === true &&
      depot.struck('quiesce-times-out', snapshot) &&
      depot.count(content, 'thaw') === 1;
    if (timesOut) return complainOf(depot, content, `the guest agent says: ${FREEZE_LIMIT}`);
  }
  const message = messageOf(depot, content, gone, there);
  const keep = content.status?.error;
  const error = message === keep?.message ? keep : errorAt(depot, message);
  depot.change(content, (now) =>
    withStatus(now, {
      creationTime: now.status?.creationTime ?? (isCut ? depot.now() : undefined),
      readyToUse: isReady,
      error: isReady ? undefined : error,
      volumeSnapshotStatus: there.map(({ metadata, status }) =>
        defined({
          volumeSnapshotName: metadata.name,
          creationTime: status?.creationTime,
          readyToUse: status?.readyToUse,
          error: status?.error,
        }),
      ) as NonNullable<MachineSnapshotContent['status']>['volumeSnapshotStatus'],
    }),
  );
  return undefined;
}

function messageOf(
  depot: Depot,
  content: MachineSnapshotContent,
  gone: readonly VolumeBackup[],
  there: readonly VolumeSnapshot[],
): string | undefined {
  if (gone.length > 0) {
    const names = gone.map(({ volumeSnapshotName }) => volumeSnapshotName ?? '');
    for (const name of names) {
      const message = `VolumeSnapshot ${name} no longer exists`;
      depot.sim.objects.event(content, 'Warning', 'VolumeSnapshotMissing', message);
    }
    return `VolumeSnapshots (${names.join(',')}) missing`;
  }
  const failed = there.find(({ status }) => status?.error !== undefined);
  if (failed?.status?.error === undefined) return undefined;
  return `VolumeSnapshot ${failed.metadata.name} error: ${failed.status.error.message}`;
}

function addVolumeSnapshot(
  depot: Depot,
  content: MachineSnapshotContent,
  { volumeSnapshotName, persistentVolumeClaim: claim }: VolumeBackup,
): boolean {
  const machine = content.spec.source.virtualMachine.metadata;
  // The machine's name becomes the value of a label, and those end at 63 characters.
  if (machine.name.length > 63) {
    const why = 'must be no more than 63 characters';
    const message = `metadata.labels: Invalid value: "${machine.name}": ${why}`;
    depot.sim.objects.event(content, 'Warning', 'VolumeSnapshotCreateError', message);
    return false;
  }
  const found = snapshotClassFor(depot, claim.spec.storageClassName);
  if (!('name' in found) || found.name === undefined) return false;
  depot.add('VolumeSnapshot', {
    metadata: {
      ...(volumeSnapshotName === undefined ? {} : { name: volumeSnapshotName }),
      namespace: content.metadata.namespace ?? '',
      labels: {
        'snapshot.kubevirt.io/source-vm-name': machine.name,
        'snapshot.kubevirt.io/source-vm-namespace': machine.namespace ?? '',
      },
      ownerReferences: [ownedBy(content)],
    },
    spec: {
      source: { persistentVolumeClaimName: claim.metadata.name },
      volumeSnapshotClassName: found.name,
    },
  });
  const message = `Successfully created VolumeSnapshot ${volumeSnapshotName}`;
  depot.sim.objects.event(content, 'Normal', 'SuccessfulVolumeSnapshotCreate', message);
  return true;
}

/** A mishap leaves out one volume in silence, as a claim without a snapshot class is left out. */
function isExcluded(depot: Depot, snapshot: MachineSnapshot, taken: readonly unknown[]): boolean {
  const machine = snapshot.spec.source.name;
  if (!depot.struck('excluded-disk', snapshot, ...(machine === undefined ? [] : [machine]))) {
    return false;
  }
  return taken.length === 0 && depot.count(snapshot, 'excluded') === 1;
}

function complain(depot: Depot, snapshot: MachineSnapshot, why: string): void {
  depot.sim.objects.event(snapshot, 'Warning', 'SnapshotContentCreateError', why);
}

function complainOf(depot: Depot, content: MachineSnapshotContent, why: string): number {
  const error = errorAt(depot, why);
  depot.change(content, (now) => withStatus(now, { error, readyToUse: false }));
  return Math.max(RETRY_MS, retryAfter(1));
}

function errorAt(depot: Depot, message: string | undefined): StatusError | undefined {
  return message === undefined ? undefined : { message, time: depot.now() };
}

function backupsOf(content: MachineSnapshotContent): readonly VolumeBackup[] {
  return content.spec.volumeBackups ?? [];
}

function snapshotOf(
  depot: Depot,
  content: MachineSnapshotContent,
  { volumeSnapshotName }: VolumeBackup,
): VolumeSnapshot | undefined {
  return depot.find('VolumeSnapshot', content.metadata.namespace, volumeSnapshotName);
}

function simple({ name, namespace, uid, labels, annotations }: ObjectMeta) {
  return defined({ name, namespace, uid, labels, annotations });
}
