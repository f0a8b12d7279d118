import type { VmPhase } from '../../../schema/model/vm-handle.ts';
import type { ClusterRef, Sighting, VmSighting } from '../provider.ts';
import { askGuest, type GuestAnswer } from './guest-questions.ts';
import type { Host } from './host.ts';
import { findMachines, type Machine } from './machines.ts';
import { LAST_RESTORE, ORIGIN } from './names.ts';
import { conditionOf, isLeaving, type VirtualMachine } from './objects.ts';

/** What KubeVirt prints of a VM, in our words; what it may print some day is UNKNOWN. */
const PHASES: Readonly<Record<string, VmPhase>> = {
  Terminating: 'STOPPING',
  Stopping: 'STOPPING',
  Migrating: 'RUNNING',
  Paused: 'PAUSED',
  Running: 'RUNNING',
  ErrorPvcNotFound: 'FAILED',
  DataVolumeError: 'FAILED',
  ErrorUnschedulable: 'FAILED',
  Provisioning: 'PENDING',
  WaitingForVolumeBinding: 'PENDING',
  ErrImagePull: 'FAILED',
  ImagePullBackOff: 'FAILED',
  Starting: 'STARTING',
  CrashLoopBackOff: 'FAILED',
  Stopped: 'STOPPED',
  WaitingForReceiver: 'PENDING',
};

/** The phases of an instance, where nothing is printed of its VM yet. */
const INSTANCE_PHASES: Readonly<Record<string, VmPhase>> = {
  Pending: 'PENDING',
  Scheduling: 'PENDING',
  Scheduled: 'STARTING',
  Running: 'RUNNING',
  Succeeded: 'STOPPED',
  Failed: 'FAILED',
};

/** Looks at a cluster, asking all guests at once; what is silent says why it is not asked. */
export async function sightCluster(
  host: Host,
  ref: ClusterRef,
  signal: AbortSignal,
): Promise<Sighting> {
  signal.throwIfAborted();
  const machines = await findMachines(host, ref, signal);
  const answers = await Promise.all(
    machines.map((machine) => askGuest(host, ref, machine, signal)),
  );
  const vms = ref.vms.map((spec): VmSighting => {
    const at = machines.findIndex(({ role }) => role === spec.role);
    const [machine, answer] = [machines[at], answers[at]];
    if (machine === undefined || answer === undefined) return absent(spec);
    return sightingOf(machine, answer);
  });
  const isAsked = ref.readiness !== 'PROBE';
  return { vms, marks: isAsked ? marksIn(answers) : null };
}

/** Whether all that should be there is there and answers. */
export function isAnswering({ vms }: Sighting): boolean {
  return vms.every(({ exists, answers }) => exists && answers);
}

/** What a VM is doing. */
function phaseOf({ vm, vmi }: Pick<Machine, 'vm' | 'vmi'>): VmPhase {
  const printed = vm.status?.printableStatus ?? undefined;
  const phase = vmi?.status?.phase ?? '';
  if (isLeaving(vm)) return 'STOPPING';
  // What is printed of a VM comes a little after its instance.
  if (phase === 'Running' && (printed === undefined || isBeforeRunning(printed))) return 'RUNNING';
  if (printed !== undefined) return PHASES[printed] ?? 'UNKNOWN';
  if (vmi === undefined) return 'PENDING';
  return phase === '' ? 'PENDING' : (INSTANCE_PHASES[phase] ?? 'UNKNOWN');
}

/** Why a VM does not run, in the words of the first condition that has any. */
export function whyNot(vm: VirtualMachine): string {
  const printed = vm.status?.printableStatus ?? 'no status yet';
  const reasons = ['Failure', 'PodScheduled', 'DataVolumesReady', 'Ready'].flatMap((type) => {
    const condition = conditionOf(vm.status, type);
    const isBad = condition?.status === (type === 'Failure' ? 'True' : 'False');
    const said = condition?.message ?? condition?.reason;
    return isBad && said ? [said] : [];
  });
  return [`the VM is ${printed}`, ...reasons.slice(0, 1)].join(': ');
}

function isBeforeRunning(printed: string): boolean {
  return ['Starting', 'Provisioning', 'WaitingForVolumeBinding', 'Stopped'].includes(printed);
}

function absent({ role, name }: { role: VmSighting['role']; name: string }): VmSighting {
  const none = { exists: false, phase: 'STOPPED', answers: false, ipAddress: null } as const;
  return { role, name, ...none, message: 'There is no such VM', origin: null };
}

function sightingOf(machine: Machine, answer: GuestAnswer): VmSighting {
  const { role, vm } = machine;
  return {
    role,
    name: vm.metadata.name,
    exists: true,
    phase: phaseOf(machine),
    answers: answer.answers,
    message: answer.answers ? null : messageOf(vm, answer),
    ipAddress: addressOf(machine),
    origin: originOf(vm),
  };
}

/** The address of a VM in the network of its pods; null while it has none. */
export function addressOf({ vmi }: Pick<Machine, 'vmi'>): string | null {
  return vmi?.status?.interfaces?.find(({ ipAddress }) => ipAddress)?.ipAddress ?? null;
}

function messageOf(vm: VirtualMachine, answer: GuestAnswer): string {
  return answer.reason ?? whyNot(vm);
}

/** A VM that was restored comes from its snapshot, whatever it began as. */
function originOf({ metadata }: VirtualMachine): VmSighting['origin'] {
  const { annotations } = metadata;
  if (annotations[LAST_RESTORE] !== undefined) return 'SNAPSHOT';
  return annotations[ORIGIN] === 'SNAPSHOT' ? 'SNAPSHOT' : 'COLD_BOOT';
}

function marksIn(answers: readonly GuestAnswer[]): string[] {
  return [...new Set(answers.flatMap(({ marks }) => marks))].toSorted();
}
