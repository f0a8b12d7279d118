import type { Simulated } from '../ports.ts';
import { stamp, withCondition, withoutCondition } from './conditions.ts';
import type { Condition, Vmi, VmiStatus } from './shapes.ts';

/** A change of an instance's status, in the words of its controller. */
export interface StatusChange {
  readonly phase?: string;
  readonly set?: readonly Condition[];
  readonly drop?: readonly string[];
  readonly fields?: Readonly<Record<string, unknown>>;
}

/** Writes a change of an instance's status; a new phase gets its time. */
export function changeStatus(sim: Simulated, vmi: Vmi, change: StatusChange): Vmi | undefined {
  const now = stamp(sim.world);
  const next = sim.objects.update(vmi, (last) => ({
    ...last,
    status: changed((last as Vmi).status ?? {}, change, now),
  })) as Vmi | undefined;
  if (change.phase !== undefined && change.phase !== vmi.status?.phase) {
    const { namespace, name, uid } = vmi.metadata;
    sim.tell(`vmi ${change.phase}`, `${namespace}/${name}`, { uid });
  }
  return next;
}

function changed(status: VmiStatus, change: StatusChange, now: string): VmiStatus {
  const phase = change.phase ?? status.phase ?? 'Pending';
  const dropped = (change.drop ?? []).reduce<readonly Condition[]>(
    (all, type) => withoutCondition(all, type),
    status.conditions ?? [],
  );
  const conditions = (change.set ?? []).reduce<readonly Condition[]>(
    (all, condition) => withCondition(all, condition, now),
    dropped,
  );
  const times = status.phaseTransitionTimestamps ?? [];
  const isNew = !times.some((time) => time.phase === phase);
  const reached = { phase, phaseTransitionTimestamp: now };
  return {
    ...status,
    ...change.fields,
    phase,
    conditions,
    phaseTransitionTimestamps: isNew ? [...times, reached] : times,
  };
}

/** The status of an instance that was just made. */
export function pendingStatus(sim: Simulated): VmiStatus {
  return changed({}, { phase: 'Pending' }, stamp(sim.world));
}

/** Not ready, and why. */
function notReady(reason: string, message: string): Condition {
  return { type: 'Ready', status: 'False', reason, message };
}

/** Its controller could not do what it must, and why. */
export function notSynchronized(reason: string, message: string): Condition {
  return { type: 'Synchronized', status: 'False', reason, message };
}

export const READY: Condition = { type: 'Ready', status: 'True' };

export const NO_POD = notReady('PodNotExists', 'virt-launcher pod has not yet been scheduled');

export const NO_GUEST = notReady('GuestNotRunning', 'Guest VM is not reported as running');

export const POD_ENDS = notReady('PodTerminating', 'virt-launcher pod is terminating');

export const NOT_PROBED = notReady(
  'ContainersNotReady',
  'containers with unready status: [compute]',
);
