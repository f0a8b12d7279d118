import { claimNameOf, snapshotClassFor, usersOf } from './classes.ts';
import { holds } from './conditions.ts';
import { guarded, unguarded, withStatus, type Depot } from './depot.ts';
import type { Instance, Machine, MachineSnapshot, MachineVolume } from './shapes.ts';

const LOCK = 'snapshot.kubevirt.io/snapshot-source-protection';

/** The machine of a snapshot, as it is now. */
export interface SnapshotSource {
  readonly machine: Machine;
  readonly instance: Instance | undefined;
  readonly isLocked: boolean;
  readonly isPaused: boolean;
  readonly hasAgent: boolean;
}

/** Looks at the machine that a snapshot is of; undefined where there is none. */
export function sourceOf(depot: Depot, snapshot: MachineSnapshot): SnapshotSource | undefined {
  const { namespace, name } = snapshot.metadata;
  const machine = depot.find('VirtualMachine', namespace, snapshot.spec.source.name);
  if (machine === undefined) return undefined;
  const instance = depot.find('VirtualMachineInstance', namespace, machine.metadata.name);
  const conditions = instance?.status?.conditions;
  return {
    machine,
    instance,
    isLocked:
      machine.status?.snapshotInProgress === name &&
      machine.metadata.finalizers?.includes(LOCK) === true,
    isPaused: holds(conditions, 'Paused'),
    hasAgent: conditions?.some(({ type }) => type === 'AgentConnected') ?? false,
  };
}

/** Locks a machine for a snapshot; answers why it cannot be locked yet, or nothing. */
export function lock(depot: Depot, source: SnapshotSource, snapshot: string): string | undefined {
  const { machine, instance } = source;
  const why = unready(depot, machine) ?? usedOffline(depot, machine, instance);
  if (why !== undefined) return why;
  const holder = machine.status?.snapshotInProgress;
  if (holder !== undefined && holder !== snapshot) return `snapshot "${holder}" in progress`;
  depot.change(machine, (now) => guarded(withStatus(now, { snapshotInProgress: snapshot }), LOCK));
  depot.sim.tell('machine locked by snapshot', machine.metadata.name, { snapshot });
  return undefined;
}

/** Unlocks a machine, if this snapshot holds it. */
export function unlock(depot: Depot, { machine }: SnapshotSource, snapshot: string): void {
  if (machine.status?.snapshotInProgress !== snapshot) return;
  depot.change(machine, (now) =>
    unguarded(withStatus(now, { snapshotInProgress: undefined }), LOCK),
  );
}

/** The volumes of a machine. */
export function volumesOf(machine: Pick<Machine, 'spec'>): readonly MachineVolume[] {
  return machine.spec.template.spec.volumes ?? [];
}

/** Whether a volume is of a sort that can be in a snapshot at all. */
export function isClaimBacked(volume: MachineVolume): boolean {
  return claimNameOf(volume) !== undefined;
}

/** Whether the claim of a volume can be in a snapshot now, which one, or what forbids it. */
export function snapshottableClaim(depot: Depot, namespace: string, volume: MachineVolume) {
  const claim = depot.find('PersistentVolumeClaim', namespace, claimNameOf(volume));
  if (claim?.status?.phase !== 'Bound') return undefined;
  const found = snapshotClassFor(depot, claim.spec.storageClassName);
  if ('problem' in found) return found;
  return found.name === undefined ? undefined : { claim, className: found.name };
}

function unready(depot: Depot, machine: Machine): string | undefined {
  const { namespace = '', name: vm } = machine.metadata;
  for (const name of volumesOf(machine).map(claimNameOf)) {
    if (name === undefined) continue;
    const problem = problemOf(depot, namespace, name);
    if (problem !== undefined) return `source ${namespace}/${vm} ${problem}: ${name}`;
  }
  return undefined;
}

function problemOf(depot: Depot, namespace: string, name: string): string | undefined {
  const claim = depot.find('PersistentVolumeClaim', namespace, name);
  if (claim === undefined) return 'volume doesnt exist';
  if (claim.metadata.deletionTimestamp !== undefined) return 'volume is being deleted';
  if (claim.status?.phase !== 'Bound') return 'volume not bound';
  const volume = depot.find('DataVolume', namespace, name);
  const isFilled = volume === undefined || volume.status?.phase === 'Succeeded';
  return isFilled ? undefined : 'volume not populated';
}

function usedOffline(
  depot: Depot,
  machine: Machine,
  instance: Instance | undefined,
): string | undefined {
  if (instance !== undefined) return undefined;
  const { namespace = '' } = machine.metadata;
  const names = volumesOf(machine).flatMap((volume) => claimNameOf(volume) ?? []);
  const users = new Set(names.flatMap((name) => usersOf(depot, namespace, name)));
  if (users.size === 0) return undefined;
  return `source is offline but ${users.size} pods using PVCs [${names.join(' ')}]`;
}
