import { ApiError, type Simulated } from '../ports.ts';
import { sizedByInstancetype } from './instancetype.ts';
import {
  isFinal,
  runStrategyOf,
  type Failure,
  type StateChangeRequest,
  type Vm,
  type Vmi,
} from './shapes.ts';
import { nextStartFailure } from './start-failure.ts';
import type { VmRun } from './vm-status.ts';
import { FOREGROUND, instanceDefaults } from './vmi-admission.ts';
import { pendingStatus } from './vmi-status.ts';

/** What one look at a VM's run strategy led to. */
export interface Outcome {
  readonly failure?: Failure;
  /** After how long a start that is held back may be tried. */
  readonly waitMs?: number;
  /** A start that the failure of an instance asks for. */
  readonly asked?: StateChangeRequest;
}

/** Starts or stops the instance, as the VM's strategy and what was asked of it want. */
export function runByStrategy(sim: Simulated, vm: Vm, vmi: Vmi | undefined): Outcome {
  const strategy = runStrategyOf(vm);
  return vmi === undefined ? runWithout(sim, vm, strategy) : runWith(sim, vm, vmi, strategy);
}

function runWith(sim: Simulated, vm: Vm, vmi: Vmi, strategy: string): Outcome {
  const isStopAsked = hasStopRequest(vm, vmi);
  const stops = {
    Always: isStopAsked || isFinal(vmi),
    RerunOnFailure: isStopAsked || isFinal(vmi),
    Manual: isStopAsked,
    Halted: true,
    Once: false,
  }[strategy];
  if (stops !== true || vmi.metadata.deletionTimestamp !== undefined) return {};
  removeInstance(sim, vm, vmi);
  const isRerun = strategy === 'RerunOnFailure' && vmi.status?.phase === 'Failed';
  return isRerun ? { asked: { action: 'Start' } } : {};
}

function runWithout(sim: Simulated, vm: Vm, strategy: string): Outcome {
  const isStartAsked = vm.status?.stateChangeRequests?.[0]?.action === 'Start';
  switch (strategy) {
    case 'Halted':
      return {};
    case 'Manual':
      return isStartAsked ? start(sim, vm) : {};
    case 'RerunOnFailure':
      // It is started once when it comes from another strategy; later only what failed is.
      if (!isStartAsked && vm.status?.runStrategy === strategy) return {};
      return startUnlessHeldBack(sim, vm);
    case 'Once':
      return start(sim, vm);
    default:
      return startUnlessHeldBack(sim, vm);
  }
}

function startUnlessHeldBack(sim: Simulated, vm: Vm): Outcome {
  const retryAfter = vm.status?.startFailure?.retryAfterTimestamp;
  const leftMs = retryAfter === undefined ? 0 : Date.parse(retryAfter) - sim.world.now();
  return leftMs > 0 ? { waitMs: leftMs } : start(sim, vm);
}

function start(sim: Simulated, vm: Vm): Outcome {
  const sized = sizedByInstancetype(sim, vm);
  if ('failure' in sized) return { failure: { reason: 'FailedCreate', message: sized.failure } };
  try {
    sim.objects.create('VirtualMachineInstance', {
      ...instanceFrom(vm, sized.spec),
      status: pendingStatus(sim),
    });
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const message = `Failed to create VMI: ${error.message}`;
    return { failure: { reason: 'FailedCreate', message } };
  }
  const { name } = vm.metadata;
  const what = `creating the new virtual machine instance ${name}`;
  const message = `Started the virtual machine by ${what}`;
  sim.objects.event(vm, 'Normal', 'SuccessfulCreate', message);
  return {};
}

function instanceFrom(vm: Vm, spec: Vmi['spec']) {
  const { name, namespace, uid, generation } = vm.metadata;
  const { labels, annotations } = vm.spec.template.metadata ?? {};
  const owner = { apiVersion: 'kubevirt.io/v1', kind: 'VirtualMachine', name, uid };
  return {
    metadata: {
      name,
      ...(namespace !== undefined && { namespace }),
      ...(labels !== undefined && { labels }),
      annotations: { ...annotations, 'kubevirt.io/vm-generation': String(generation ?? 1) },
      finalizers: [FOREGROUND],
      ownerReferences: [{ ...owner, controller: true, blockOwnerDeletion: true }],
    },
    spec: instanceDefaults(spec),
  };
}

/** Stops the machine: its instance is deleted, and goes when the guest has ended. */
export function removeInstance(sim: Simulated, vm: Vm, vmi: Vmi): void {
  if (vmi.metadata.deletionTimestamp !== undefined) return;
  const { uid } = vmi.metadata;
  const message = `Stopped the virtual machine by deleting the virtual machine instance ${uid}`;
  sim.objects.event(vm, 'Normal', 'SuccessfulDelete', message);
  sim.objects.remove(vmi);
}

function hasStopRequest(vm: Vm, vmi: Vmi): boolean {
  const [first] = vm.status?.stateChangeRequests ?? [];
  return first?.action === 'Stop' && first.uid === vmi.metadata.uid;
}

/** What of a VM's status tells of its runs, after a look at it. */
export function afterRunning(
  sim: Simulated,
  vm: Vm,
  seen: { readonly vmi: Vmi | undefined; readonly now: Vmi | undefined },
  { asked }: Outcome,
): VmRun {
  const requests = [...(vm.status?.stateChangeRequests ?? []), ...(asked ? [asked] : [])];
  const strategy = runStrategyOf(vm);
  const isTaken = seen.now !== undefined || strategy !== 'RerunOnFailure';
  return {
    runStrategy: isTaken ? strategy : vm.status?.runStrategy,
    stateChangeRequests: undone(requests, seen.now),
    startFailure: nextStartFailure(sim, vm, seen.vmi),
  };
}

/** The requests without the first, when that one is done. */
function undone(
  requests: readonly StateChangeRequest[],
  vmi: Vmi | undefined,
): readonly StateChangeRequest[] | undefined {
  const [first, ...rest] = requests;
  if (first === undefined) return undefined;
  const isRunning = vmi !== undefined && vmi.metadata.deletionTimestamp === undefined;
  const isDone =
    first.action === 'Start' ? isRunning : vmi === undefined || vmi.metadata.uid !== first.uid;
  const left = isDone ? rest : requests;
  return left.length === 0 ? undefined : left;
}
