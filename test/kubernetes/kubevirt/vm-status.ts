import type { Simulated } from '../ports.ts';
import { conditionOf, stamp, withCondition } from './conditions.ts';
import { printableStatus } from './printable-status.ts';
import type {
  Condition,
  Failure,
  StartFailure,
  StateChangeRequest,
  Vm,
  Vmi,
  VmStatus,
} from './shapes.ts';
import { volumeSnapshotStatuses } from './snapshot-statuses.ts';

/** What of a VM's status tells of its runs; what is undefined is taken away. */
export interface VmRun {
  readonly runStrategy: string | undefined;
  readonly stateChangeRequests?: readonly StateChangeRequest[] | undefined;
  readonly startFailure?: StartFailure | undefined;
}

/** What a VM's controller has seen and done in one look. */
export interface Seen {
  /** Its instance at the beginning of the look. */
  readonly vmi: Vmi | undefined;
  /** Its instance after it. */
  readonly now: Vmi | undefined;
  readonly failure: Failure | undefined;
  readonly run: VmRun;
}

/** Conditions that a VM has of its own; the rest are its instance's. */
const OWN = ['Ready', 'Failure', 'RestartRequired', 'ManualRecoveryRequired'];

/** Writes what is to be seen of a VM; what others wrote in its status stays. */
export function writeVmStatus(sim: Simulated, vm: Vm, seen: Seen): void {
  const { now: vmi, run } = seen;
  const { startFailure } = run;
  const withRun = { ...vm, status: { ...vm.status, startFailure } } as Vm;
  const generation = vm.metadata.generation ?? 1;
  const own = {
    created: vmi === undefined ? undefined : true,
    ready: conditionOf(vmi, 'Ready')?.status === 'True' ? true : undefined,
    printableStatus: printableStatus(sim, withRun, vmi),
    conditions: conditions(vm, vmi, seen.failure, stamp(sim.world)),
    observedGeneration: generation,
    desiredGeneration: generation,
    volumeSnapshotStatuses: volumeSnapshotStatuses(sim, vm),
    runStrategy: run.runStrategy,
    stateChangeRequests: run.stateChangeRequests,
    startFailure,
  };
  const before = vm.status?.printableStatus;
  sim.objects.update(vm, (last) => ({
    ...last,
    status: present({ ...(last as Vm).status, ...own }),
  }));
  if (own.printableStatus !== before) {
    const { namespace, name } = vm.metadata;
    sim.tell(`vm ${own.printableStatus}`, `${namespace}/${name}`);
  }
}

/** Fields that are undefined are not there. */
function present(status: Readonly<Record<string, unknown>>): VmStatus {
  return Object.fromEntries(Object.entries(status).filter(([, value]) => value !== undefined));
}

function conditions(
  vm: Vm,
  vmi: Vmi | undefined,
  failure: Failure | undefined,
  now: string,
): readonly Condition[] {
  const before = vm.status?.conditions;
  const kept = (before ?? []).filter(({ type }) => OWN.includes(type) && type !== 'Failure');
  const ready = withCondition(kept, readyOf(vmi), now);
  const failed: readonly Condition[] =
    failure === undefined
      ? ready
      : [...ready, failureCondition(failure, conditionOf(vm, 'Failure'), now)];
  const copied = (vmi?.status?.conditions ?? []).filter(({ type }) => !OWN.includes(type));
  return [...failed, ...copied];
}

function failureCondition(failure: Failure, before: Condition | undefined, now: string): Condition {
  const lastTransitionTime = before?.lastTransitionTime ?? now;
  return { lastProbeTime: null, lastTransitionTime, type: 'Failure', status: 'True', ...failure };
}

function readyOf(vmi: Vmi | undefined): Condition {
  if (vmi === undefined) {
    return {
      type: 'Ready',
      status: 'False',
      reason: 'VMINotExists',
      message: 'VMI does not exist',
    };
  }
  const { status, reason, message } = conditionOf(vmi, 'Ready') ?? {
    status: 'False',
    reason: 'VMIConditionMissing',
    message: 'VMI is missing the Ready condition',
  };
  return {
    type: 'Ready',
    status,
    ...(reason !== undefined && { reason }),
    ...(message !== undefined && { message }),
  };
}
