import { LATENCY, latency } from '../latency.ts';
import { ApiError, type Controller, type KubeObject } from '../ports.ts';
import { retryAfter } from './claims.ts';
import { withReasons } from './conditions.ts';
import {
  controllerOf,
  guarded,
  keyOf,
  namesOf,
  ownedBy,
  unguarded,
  withMeta,
  withStatus,
  type Depot,
} from './depot.ts';
import { deleteObsolete, reconcileTarget } from './restore-target.ts';
import { isDoneOn } from './restore-names.ts';
import { reconcileVolumes } from './restore-volumes.ts';
import { RestoreError } from './restoring.ts';
import type {
  Machine,
  MachineSnapshot,
  MachineSnapshotContent,
  Restore,
  RestoreStatus,
} from './shapes.ts';

const FINALIZER = 'snapshot.kubevirt.io/vmrestore-protection';
const GRACE_MS = 300_000;

/** Puts machines back: stops waiting for the target, makes claims, writes the spec, unlocks. */
export function restoreController(depot: Depot): Controller {
  return {
    name: 'machine restores',
    concerns: ({ object }) => restoresConcerned(depot, object),
    reconcile(key) {
      const { namespace, name } = namesOf(key);
      const restore = depot.find('VirtualMachineRestore', namespace, name);
      return restore === undefined ? undefined : look(depot, restore);
    },
  };
}

function restoresConcerned(depot: Depot, object: KubeObject): readonly string[] {
  const { namespace, name } = object.metadata;
  if (object.kind === 'VirtualMachineRestore') return [keyOf(object)];
  const isTarget = object.kind === 'VirtualMachine' || object.kind === 'VirtualMachineInstance';
  const isVolume = object.kind === 'PersistentVolumeClaim' || object.kind === 'DataVolume';
  const isSource = object.kind === 'VirtualMachineSnapshot';
  if (!isTarget && !isVolume && !isSource) return [];
  return depot
    .all('VirtualMachineRestore', namespace)
    .filter(({ status }) => status?.complete !== true)
    .filter(({ spec }) => !isTarget || spec.target.name === name)
    .filter(({ spec }) => !isSource || spec.virtualMachineSnapshotName === name)
    .map(keyOf);
}

function look(depot: Depot, found: Restore): number | undefined {
  if (found.status === undefined) {
    const reason = 'Initializing VirtualMachineRestore';
    say(depot, found, { Progressing: [true, reason], Ready: [false, reason] }, { complete: false });
    return undefined;
  }
  const { namespace } = found.metadata;
  const target = depot.find('VirtualMachine', namespace, found.spec.target.name);
  if (found.metadata.deletionTimestamp !== undefined) return end(depot, found, target);
  if (found.status.complete === true || hasFailed(found)) return undefined;
  depot.since(found, 'restore');
  const restore = claimed(depot, found, target);
  if (restore === undefined) return undefined;
  if (depot.struck('restore-fails', restore, ...(target ? [target.metadata.name] : []))) {
    failFor(depot, restore, 'Restore target not ready');
    return undefined;
  }
  try {
    return proceed(depot, restore, target);
  } catch (error) {
    if (!(error instanceof RestoreError || error instanceof ApiError)) throw error;
    return retry(depot, restore, error.message);
  }
}

function proceed(depot: Depot, restore: Restore, target: Machine | undefined): number | undefined {
  const { namespace } = restore.metadata;
  const name = target?.metadata.name;
  if (depot.find('VirtualMachineInstance', namespace, name) !== undefined) {
    return waitForTarget(depot, restore, target);
  }
  if (depot.struck('restore-error-reason', restore, ...(name === undefined ? [] : [name]))) {
    throw new RestoreError('Internal error occurred: the storage of the cluster does not answer');
  }
  const snapshot = usableSnapshot(depot, restore);
  const isOther = target !== undefined && target.metadata.uid !== snapshot.status?.sourceUID;
  if (isOther && !isDoneOn(restore, target)) {
    throw new RestoreError(
      'restore source and restore target are different but restore target already exists',
    );
  }
  const locked = lockTarget(depot, restore, target);
  const restoring = { restore, target: locked, content: contentOf(depot, snapshot) };
  if (reconcileVolumes(depot, restoring)) {
    say(depot, restore, {
      Progressing: [true, 'Creating new PVCs'],
      Ready: [false, 'Waiting for new PVCs'],
    });
    return undefined;
  }
  if (reconcileTarget(depot, restoring)) {
    say(depot, restore, {
      Progressing: [true, 'Updating target spec'],
      Ready: [false, 'Waiting for target update'],
    });
    return undefined;
  }
  complete(depot, restore);
  return undefined;
}

function complete(depot: Depot, restore: Restore): void {
  const { namespace, name } = restore.metadata;
  const current = depot.find('VirtualMachineRestore', namespace, name) ?? restore;
  deleteObsolete(depot, current);
  unlockTarget(depot, restore);
  adoptDataVolumes(depot, current);
  const message = `Successfully completed VirtualMachineRestore ${name}`;
  depot.sim.objects.event(restore, 'Normal', 'VirtualMachineRestoreComplete', message);
  const reason = 'Operation complete';
  say(
    depot,
    restore,
    { Progressing: [false, reason], Ready: [true, reason] },
    { complete: true, restoreTime: depot.now() },
  );
  const { target } = restore.spec;
  depot.sim.tell('machine restored', keyOf(restore), { target: target.name });
  const took = latency(depot.sim.world, 'RESTORE', depot.since(restore, 'restore'));
  depot.sim.tell(LATENCY, `${namespace}/${target.name}`, took);
}

/** The data volumes of its templates are the machine's again, and go with it. */
function adoptDataVolumes(depot: Depot, { metadata, spec, status }: Restore): void {
  const machine = depot.find('VirtualMachine', metadata.namespace, spec.target.name);
  if (machine === undefined) return;
  for (const { metadata: template } of machine.spec.dataVolumeTemplates ?? []) {
    const isRestored = status?.restores?.some((each) => each.dataVolumeName === template.name);
    const volume = depot.find('DataVolume', metadata.namespace, template.name);
    if (volume === undefined || isRestored !== true || controllerOf(volume)) continue;
    depot.change(volume, (now) => withMeta(now, { ownerReferences: [ownedBy(machine)] }));
  }
}

/** The restore goes with its target, and stays until it has let go of it. */
function claimed(depot: Depot, found: Restore, target: Machine | undefined): Restore | undefined {
  return depot.change(found, (now) => {
    const isOwned = (now.metadata.ownerReferences ?? []).length > 0;
    const owned =
      isOwned || target === undefined ? now : withMeta(now, { ownerReferences: [ownedBy(target)] });
    return guarded(owned, FINALIZER);
  });
}

function waitForTarget(
  depot: Depot,
  restore: Restore,
  target: Machine | undefined,
): number | undefined {
  const policy = restore.spec.targetReadinessPolicy ?? 'WaitGracePeriod';
  const why = 'Restore target VMI still exists';
  depot.sim.objects.event(restore, 'Normal', 'RestoreTargetNotReady', why);
  if (policy === 'FailImmediate') {
    const message =
      depot.sim.kubevirt.minor >= 9
        ? 'Restore target VMI must be powered off before restore operation'
        : 'Restore target not ready';
    return failFor(depot, restore, message);
  }
  const left = GRACE_MS - (depot.sim.world.now() - Date.parse(restore.metadata.creationTimestamp));
  if (policy === 'WaitGracePeriod' && left < 0) {
    return failFor(depot, restore, 'Restore target failed to be ready within 5m0s');
  }
  const reason = 'Waiting for target to be ready';
  say(depot, restore, { Progressing: [false, reason], Ready: [false, reason] });
  if (policy === 'StopTarget' && target !== undefined) stopTarget(depot, target);
  return policy === 'WaitGracePeriod' ? left + 1 : undefined;
}

function failFor(depot: Depot, restore: Restore, why: string): undefined {
  const failed = 'Operation failed';
  say(depot, restore, {
    Progressing: [false, failed],
    Failure: [true, why],
    Ready: [false, failed],
  });
}

/** Stops the target as the subresource does: a strategy of Always ends as Halted. */
function stopTarget(depot: Depot, target: Machine): void {
  depot.change(target, (now) => {
    const { running, ...spec } = now.spec;
    if (running !== undefined) return { ...now, spec: { ...now.spec, running: false } };
    const halts = spec.runStrategy === 'Always' || spec.runStrategy === 'Once';
    if (halts) return { ...now, spec: { ...spec, runStrategy: 'Halted' } };
    const instance = depot.find(
      'VirtualMachineInstance',
      now.metadata.namespace,
      now.metadata.name,
    );
    const isAsked = (now.status?.['stateChangeRequests'] as unknown[] | undefined)?.length;
    if (instance === undefined || (isAsked ?? 0) > 0) return now;
    const request = { action: 'Stop', uid: instance.metadata.uid };
    return { ...now, status: { ...now.status, stateChangeRequests: [request] } };
  });
}

function usableSnapshot(depot: Depot, { metadata, spec }: Restore): MachineSnapshot {
  const key = `${metadata.namespace ?? ''}/${spec.virtualMachineSnapshotName}`;
  const name = spec.virtualMachineSnapshotName;
  const snapshot = depot.find('VirtualMachineSnapshot', metadata.namespace, name);
  if (snapshot === undefined) throw new RestoreError(`VMSnapshot ${key} does not exist`);
  if (snapshot.status?.phase === 'Failed') {
    throw new RestoreError(`VMSnapshot ${key} failed and is invalid to use`);
  }
  if (snapshot.status?.readyToUse !== true) throw new RestoreError(`VMSnapshot ${key} not ready`);
  return snapshot;
}

function contentOf(depot: Depot, { metadata, status }: MachineSnapshot): MachineSnapshotContent {
  const { namespace } = metadata;
  const name = status?.virtualMachineSnapshotContentName;
  if (name === undefined) {
    throw new RestoreError(`no snapshot content name in ${namespace}/${metadata.name}`);
  }
  const content = depot.find('VirtualMachineSnapshotContent', namespace, name);
  const key = `${namespace}/${name}`;
  if (content === undefined) throw new RestoreError(`VMSnapshotContent ${key} does not exist`);
  if (content.status?.readyToUse !== true) {
    throw new RestoreError(`VMSnapshotContent ${key} not ready`);
  }
  return content;
}

function lockTarget(
  depot: Depot,
  restore: Restore,
  target: Machine | undefined,
): Machine | undefined {
  if (target === undefined || isDoneOn(restore, target)) return target;
  const holder = target.status?.restoreInProgress;
  const { name } = restore.metadata;
  if (holder !== undefined && holder !== name) {
    throw new RestoreError(`vm restore ${holder} in progress`);
  }
  return depot.change(target, (now) => withStatus(now, { restoreInProgress: name }));
}

function unlockTarget(depot: Depot, { metadata, spec }: Restore): void {
  const target = depot.find('VirtualMachine', metadata.namespace, spec.target.name);
  if (target?.status?.restoreInProgress !== metadata.name) return;
  depot.change(target, (now) => withStatus(now, { restoreInProgress: undefined }));
}

function end(depot: Depot, restore: Restore, target: Machine | undefined): undefined {
  if (target !== undefined) unlockTarget(depot, restore);
  const reason = 'VM restore is deleting';
  say(depot, restore, { Progressing: [false, reason], Ready: [false, reason] });
  depot.change(restore, (now) => unguarded(now, FINALIZER));
}

/** An error is the reason of the conditions, and no Failure: the restore goes on trying. */
function retry(depot: Depot, restore: Restore, why: string): number {
  const message = `VirtualMachineRestore encountered error ${why}`;
  depot.sim.objects.event(restore, 'Warning', 'VirtualMachineRestoreError', message);
  say(depot, restore, { Progressing: [false, why], Ready: [false, why] });
  return retryAfter(depot.count(restore, 'errors'));
}

function hasFailed({ status }: Restore): boolean {
  return status?.conditions?.some(({ type }) => type === 'Failure') ?? false;
}

function say(
  depot: Depot,
  restore: Restore,
  reasons: Readonly<Record<string, [boolean, string]>>,
  more: RestoreStatus = {},
): void {
  depot.change(restore, (now) => {
    const conditions = withReasons(now.status?.conditions, reasons, depot.now());
    return withStatus(now, { ...more, conditions });
  });
}
