import type { Controller, KubeObject } from '../ports.ts';
import { retryAfter } from './claims.ts';
import { claimNameOf } from './classes.ts';
import { clonePatches } from './clone-patches.ts';
import { withReasons } from './conditions.ts';
import { controllerOf, defined, keyOf, namesOf, ownedBy, withStatus, type Depot } from './depot.ts';
import { hasBackendStorage, patchCauses } from './restore-admission.ts';
import { snapshottableClaim, volumesOf } from './snapshot-source.ts';
import type {
  Clone,
  CloneStatus,
  Machine,
  MachineSnapshot,
  MachineSnapshotContent,
  Restore,
} from './shapes.ts';

/** Copies machines: a snapshot where the source is a machine, then a restore under a new name. */
export function cloneController(depot: Depot): Controller {
  return {
    name: 'machine clones',
    concerns: ({ object }) => clonesConcerned(depot, object),
    reconcile(key) {
      const { namespace, name } = namesOf(key);
      const clone = depot.find('VirtualMachineClone', namespace, name);
      return clone === undefined ? undefined : look(depot, clone);
    },
  };
}

function clonesConcerned(depot: Depot, object: KubeObject): readonly string[] {
  if (object.kind === 'VirtualMachineClone') return [keyOf(object)];
  const owner = controllerOf(object);
  const { namespace } = object.metadata;
  if (owner?.kind === 'VirtualMachineClone') return [`${namespace ?? ''}/${owner.name}`];
  const kinds = ['VirtualMachine', 'VirtualMachineSnapshot', 'PersistentVolumeClaim'];
  return kinds.includes(object.kind) ? depot.all('VirtualMachineClone', namespace).map(keyOf) : [];
}

function look(depot: Depot, clone: Clone): number | undefined {
  switch (clone.status?.phase) {
    case undefined:
    case 'SnapshotInProgress':
      return toSnapshot(depot, clone);
    case 'RestoreInProgress':
      return toRestore(depot, clone);
    case 'CreatingTargetVM':
      return toTarget(depot, clone);
    case 'Succeeded':
      return afterwards(depot, clone);
    default:
      return undefined;
  }
}

function toSnapshot(depot: Depot, clone: Clone): number | undefined {
  const { namespace } = clone.metadata;
  const { source } = clone.spec;
  if (source.kind === 'VirtualMachineSnapshot') {
    const snapshot = depot.find('VirtualMachineSnapshot', namespace, source.name);
    return snapshot === undefined ? pend(depot, clone) : onward(depot, clone, snapshot);
  }
  const machine = depot.find('VirtualMachine', namespace, source.name);
  const { snapshotName } = clone.status ?? {};
  if (machine === undefined && snapshotName === undefined) return pend(depot, clone);
  const snapshot = depot.find('VirtualMachineSnapshot', namespace, snapshotName);
  if (snapshot !== undefined) return onward(depot, clone, snapshot);
  if (snapshotName !== undefined) return fail(depot, clone, 'SnapshotDeleted');
  return machine === undefined ? undefined : startSnapshot(depot, clone, machine);
}

function startSnapshot(depot: Depot, clone: Clone, machine: Machine): number | undefined {
  const { namespace = '', uid } = clone.metadata;
  if (hasBackendStorage(machine)) return fail(depot, clone, 'BackendStorageIsNotSupported');
  const bad = volumesOf(machine).filter((volume) => {
    const found = snapshottableClaim(depot, namespace, volume);
    return claimNameOf(volume) !== undefined && !(found !== undefined && 'claim' in found);
  });
  if (bad.length > 0) {
    const names = bad.map(({ name }) => name).join(', ');
    const message = `Virtual Machine volume snapshots are not supported: ${names}`;
    depot.sim.objects.event(clone, 'Warning', 'VMVolumeSnapshotsInvalid', message);
    say(depot, clone, {}, { Progressing: [false, 'Pending'], Ready: [false, 'Pending'] });
    return undefined;
  }
  const snapshotName = `tmp-snapshot-${uid}`;
  depot.add('VirtualMachineSnapshot', {
    metadata: { name: snapshotName, namespace, ownerReferences: [ownedBy(clone)] },
    spec: { source: clone.spec.source },
  });
  proceed(depot, clone, { phase: 'SnapshotInProgress', snapshotName });
  return undefined;
}

function onward(depot: Depot, clone: Clone, snapshot: MachineSnapshot): undefined {
  const { status } = snapshot;
  if (status?.phase === 'Failed') return fail(depot, clone, 'SnapshotFailed');
  if (status?.readyToUse !== true) {
    // A snapshot that somebody else takes is waited for without a phase of its own.
    proceed(depot, clone, { phase: 'SnapshotInProgress', snapshotName: snapshot.metadata.name });
    return undefined;
  }
  const content = contentOf(depot, snapshot);
  if (content === undefined) return fail(depot, clone, 'SnapshotContentInvalid');
  const machine = content.spec.source.virtualMachine;
  if (hasBackendStorage(machine)) return fail(depot, clone, 'BackendStorageIsNotSupported');
  const kept = new Set(content.spec.volumeBackups?.map(({ volumeName }) => volumeName));
  const lost = volumesOf(machine).filter(
    (volume) => claimNameOf(volume) !== undefined && !kept.has(volume.name),
  );
  if (lost.length > 0) return fail(depot, clone, 'SnapshotContentInvalid');
  const restoreName = `tmp-restore-${clone.metadata.uid}`;
  const snapshotName = snapshot.metadata.name;
  proceed(depot, clone, { phase: 'RestoreInProgress', snapshotName, restoreName });
  return undefined;
}

function toRestore(depot: Depot, clone: Clone): number | undefined {
  const { namespace } = clone.metadata;
  const { snapshotName, restoreName } = clone.status ?? {};
  const restore = depot.find('VirtualMachineRestore', namespace, restoreName);
  if (restore !== undefined) {
    if (isProgressing(restore)) return undefined;
    // One that failed is taken for one that is done.
    proceed(depot, clone, { phase: 'CreatingTargetVM' });
    return undefined;
  }
  const snapshot = depot.find('VirtualMachineSnapshot', namespace, snapshotName);
  if (snapshot === undefined) return fail(depot, clone, 'SnapshotDeleted');
  return startRestore(depot, clone, snapshot);
}

function startRestore(depot: Depot, clone: Clone, snapshot: MachineSnapshot): number | undefined {
  const { namespace = '' } = clone.metadata;
  const { restoreName, snapshotName } = clone.status ?? {};
  const content = contentOf(depot, snapshot);
  if (content === undefined) return fail(depot, clone, 'SnapshotContentInvalid');
  const patches = clonePatches(clone, content.spec.source.virtualMachine);
  const [refused] = patchCauses(patches);
  if (refused !== undefined) {
    const message = `failed creating restore: The request is invalid: ${refused.message}`;
    depot.sim.objects.event(clone, 'Warning', 'RestoreCreationFailed', message);
    return retryAfter(depot.count(clone, 'restore refused'));
  }
  depot.add('VirtualMachineRestore', {
    metadata: {
      ...defined({ name: restoreName, namespace }),
      ownerReferences: [ownedBy(clone)],
    },
    spec: defined({
      target: clone.spec.target,
      virtualMachineSnapshotName: snapshotName,
      volumeRestorePolicy: clone.spec.volumeNamePolicy,
      patches: patches.length === 0 ? undefined : patches,
    }),
  });
  return undefined;
}

function toTarget(depot: Depot, clone: Clone): number | undefined {
  const { namespace } = clone.metadata;
  const { target } = clone.spec;
  const machine = depot.find('VirtualMachine', namespace, target?.name);
  if (machine === undefined) return undefined;
  const left = depot.left(clone, 'find target', [100, 500]);
  if (left > 0) return left;
  const status = { phase: 'Succeeded', targetName: target?.name, creationTime: depot.now() };
  const reason = 'Clone succeeded';
  say(depot, clone, status, { Progressing: [false, reason], Ready: [true, reason] });
  depot.sim.tell('machine cloned', keyOf(clone), { target: target?.name });
  return undefined;
}

/** When the new claims are bound nothing on the way is needed; the clone ends with its target. */
function afterwards(depot: Depot, clone: Clone): undefined {
  const { namespace = '' } = clone.metadata;
  const { targetName, snapshotName, restoreName } = clone.status ?? {};
  const machine = depot.find('VirtualMachine', namespace, targetName);
  if (machine === undefined) return (depot.sim.objects.remove(clone), undefined);
  const isBound = volumesOf(machine).every((volume) => {
    const name = claimNameOf(volume);
    const claim = depot.find('PersistentVolumeClaim', namespace, name);
    return name === undefined || claim?.status?.phase === 'Bound';
  });
  if (!isBound || (snapshotName === undefined && restoreName === undefined)) return undefined;
  const restore = depot.find('VirtualMachineRestore', namespace, restoreName);
  if (restore !== undefined) depot.sim.objects.remove(restore);
  const snapshot = depot.find('VirtualMachineSnapshot', namespace, snapshotName);
  const isOurs = snapshot !== undefined && controllerOf(snapshot)?.uid === clone.metadata.uid;
  if (isOurs) depot.sim.objects.remove(snapshot);
  depot.change(clone, (now) =>
    withStatus(now, { snapshotName: undefined, restoreName: undefined }),
  );
  return undefined;
}

function pend(depot: Depot, clone: Clone): undefined {
  const { kind, name } = clone.spec.source;
  const message = `${kind ?? ''} ${name ?? ''} does not exist`;
  depot.sim.objects.event(clone, 'Warning', 'SourceDoesNotExist', message);
  say(depot, clone, {}, { Progressing: [false, 'Pending'], Ready: [false, 'Pending'] });
}

function fail(depot: Depot, clone: Clone, reason: string): undefined {
  depot.sim.objects.event(clone, 'Warning', reason, `the clone cannot be made: ${reason}`);
  say(
    depot,
    clone,
    { phase: 'Failed' },
    { Progressing: [false, 'Failed'], Ready: [false, 'Failed'] },
  );
}

function proceed(depot: Depot, clone: Clone, status: CloneStatus): void {
  const reason = 'Still processing';
  say(depot, clone, status, { Progressing: [true, reason], Ready: [false, reason] });
}

function say(
  depot: Depot,
  clone: Clone,
  status: { readonly [K in keyof CloneStatus]?: CloneStatus[K] | undefined },
  reasons: Readonly<Record<string, readonly [boolean, string]>>,
): void {
  depot.change(clone, (now) => {
    const conditions = withReasons(now.status?.conditions, reasons, depot.now());
    return withStatus(now, { ...status, conditions });
  });
}

function isProgressing({ status }: Restore): boolean {
  const isFailed = status?.conditions?.some(({ type }) => type === 'Failure') === true;
  return status?.complete !== true && !isFailed;
}

function contentOf(
  depot: Depot,
  { metadata, status }: MachineSnapshot,
): MachineSnapshotContent | undefined {
  const name = status?.virtualMachineSnapshotContentName;
  return depot.find('VirtualMachineSnapshotContent', metadata.namespace, name);
}
