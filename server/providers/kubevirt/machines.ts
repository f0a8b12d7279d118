import { ProviderError, type ClusterRef, type Sighting, type Step } from '../provider.ts';
import { about } from './calls.ts';
import { isRefusal, refused } from './errors.ts';
import type { Host } from './host.ts';
import type { ObjectName } from './kubernetes.ts';
import { findMachines, isFinal, knownMachines, machineViews } from './find-machines.ts';
import type { Machine } from './find-machines.ts';
import { FailedMachine, refuseFailedMachine, refuseHopeless } from './failures.ts';
import { askGuest, awaitInGuest, nodesReady } from './guest-questions.ts';
import { isAnswering, sightCluster, whyNot } from './sight.ts';

import {
  isLeaving,
  VMIS,
  VMS,
  type VirtualMachine,
  type VirtualMachineInstance,
} from './objects.ts';
import { nowAndThen, until } from './until.ts';
import { endOf } from './within.ts';

/** How often guests are asked that can be reached, and whose nodes are not ready. */
const ASK_AGAIN_MS = 1_000;

/** How long a control plane waits in one go for its nodes. */
const NODES_S = 20;

/** How often an order that was refused for the moment is given again. */
const AGAIN_MS = 2_000;

/** The strategy of every VM that is on: KubeVirt starts it once, and again where it crashes. */
const RUNNING = 'RerunOnFailure';

/** Orders a VM to run; it is enough that it is on its way. */
export async function startMachine(host: Host, vm: ObjectName, step: Step): Promise<void> {
  let refusal: string | undefined;
  await until(
    host,
    [machineViews(host, step.installation).vmis],
    {
      what: `${vm.name} to take the order to start`,
      signal: step.signal,
      deadline: endOf(host, step),
      everyMs: AGAIN_MS,
      namespace: vm.namespace,
      detail: () => refusal,
    },
    () =>
      about(host, vm, `starting ${vm.name}`, step.signal, async () => {
        const present = await host.kubernetes.get(VMS, vm, step.signal);
        if (present === undefined) {
          throw refused(`there is no VM ${vm.name} to start`);
        }
        if (isHalted(present)) {
          await setStrategy(host, vm, RUNNING, step.signal);
          return true;
        }
        if (isOn(await host.kubernetes.get(VMIS, vm, step.signal))) return true;
        refusal = await order(host, vm, 'start', {}, step.signal);
        return refusal === undefined ? true : undefined;
      }),
  );
}

/**
 * Stops a VM and waits until nothing of it runs: a graceful one may put its files in order, the
 * others lose what they have not written.
 */
export async function stopMachine(
  host: Host,
  vm: ObjectName,
  { graceful }: { readonly graceful: boolean },
  step: Step,
): Promise<void> {
  const body = graceful ? {} : { gracePeriod: 0 };
  let isOrdered = false;
  let refusal: string | undefined;
  const isDue = nowAndThen(host);
  const { vms, vmis } = machineViews(host, step.installation);
  host.guests.forget(vm);
  await until(
    host,
    [vms, vmis],
    {
      what: `${vm.name} to stop`,
      signal: step.signal,
      deadline: endOf(host, step),
      everyMs: AGAIN_MS,
      namespace: vm.namespace,
      detail: () => refusal ?? goingOf(vmis.get(vm)),
    },
    () =>
      about(host, vm, `stopping ${vm.name}`, step.signal, async () => {
        // As long as it is on its way out there is nothing to ask.
        if (isOrdered && isStillThere(vmis.get(vm)) && !isDue()) return undefined;
        const vmi = await host.kubernetes.get(VMIS, vm, step.signal);
        if (vmi === undefined && isOrdered) return true;
        const present = await host.kubernetes.get(VMS, vm, step.signal);
        if (vmi === undefined && (present === undefined || isAtRest(present))) return true;
        if (present === undefined || isHalted(present)) return undefined;
        if (vmi === undefined || isFinal(vmi)) {
          // Not running, and not at rest: what is about to start, or has ended but is kept.
          await setStrategy(host, vm, 'Halted', step.signal);
        } else if (!isOrdered && !isLeaving(vmi)) {
          refusal = await order(host, vm, 'stop', body, step.signal);
          isOrdered = refusal === undefined;
        }
        return undefined;
      }),
  );
  host.guests.forget(vm);
}

/** Gives an order; answers why it was not taken, where it may be taken a little later. */
async function order(
  host: Host,
  vm: ObjectName,
  verb: 'start' | 'stop',
  body: object,
  signal: AbortSignal,
): Promise<string | undefined> {
  const path = `/apis/subresources.kubevirt.io/v1/namespaces/${vm.namespace}/virtualmachines`;
  try {
    await host.kubernetes.call('PUT', `${path}/${vm.name}/${verb}`, { body, signal });
    return undefined;
  } catch (error) {
    // 409: it runs or rests already, or is changing; 500: an order is queued or a lock is held.
    if (isRefusal(error, 409) || isRefusal(error, 500)) return error.message;
    throw error;
  }
}

function setStrategy(host: Host, vm: ObjectName, runStrategy: string, signal: AbortSignal) {
  const patch = { spec: { runStrategy, running: null } };
  return host.kubernetes.patch(VMS, vm, patch, signal);
}

function isHalted({ spec }: VirtualMachine): boolean {
  return spec.runStrategy === 'Halted' || spec.running === false;
}

/** Off, and nothing is going to change that. */
function isAtRest(vm: VirtualMachine): boolean {
  return isHalted(vm) || vm.status?.printableStatus === 'Stopped';
}

/** What an instance is that is to go. */
function goingOf(vmi: VirtualMachineInstance | undefined): string | undefined {
  if (vmi === undefined) return undefined;
  const since = vmi.metadata.deletionTimestamp;
  const asked = since === undefined ? '' : `, deleted at ${since}`;
  return `its instance is ${vmi.status?.phase ?? 'new'}${asked}`;
}

function isStillThere(vmi: VirtualMachineInstance | undefined): boolean {
  return vmi !== undefined && !isFinal(vmi);
}

function isOn(vmi: VirtualMachineInstance | undefined): boolean {
  return vmi !== undefined && !isFinal(vmi) && !isLeaving(vmi);
}

/**
 * Waits until all VMs of a cluster run and all guests answer; with two nodes, until both are
 * ready. A guest that says why it gave up, or a disk that cannot be made, ends the wait.
 */
export async function untilAnswering(host: Host, ref: ClusterRef, step: Step): Promise<Sighting> {
  const views = machineViews(host, step.installation);
  let last: Silence | undefined;
  let silentSince: number | undefined;
  const wait = {
    what: `${ref.name} to answer`,
    signal: step.signal,
    deadline: endOf(host, step),
    namespace: ref.namespace,
    everyMs: () => {
      const { unreached } = last ?? { unreached: undefined };
      // Machines that do not run yet tell of themselves.
      if (unreached === undefined) return undefined;
      if (unreached === 0) return ASK_AGAIN_MS;
      silentSince ??= host.world.elapsed();
      return host.guests.pace.turnInMs(host.world.elapsed() - silentSince, unreached);
    },
    detail: () => last?.reason,
    onlyLooks: true,
  };
  const isDue = nowAndThen(host);
  return until(host, [views.vms, views.vmis], wait, async () => {
    // A watch may have fallen silent, and what it missed must not cost a rung.
    const isSure = isDue();
    const machines = isSure
      ? await findMachines(host, ref, step.signal)
      : knownMachines(views, ref);
    if (isSure) refuseVanished(ref, machines);
    last = await silenceOf(host, ref, machines, step.signal);
    if (last !== undefined) return undefined;
    const seen = await sightCluster(host, ref, step.signal);
    if (isAnswering(seen)) return seen;
    last = { reason: silence(seen), unreached: 0 };
    return undefined;
  });
}

/** What somebody deleted does not come back by waiting. */
function refuseVanished(ref: ClusterRef, machines: readonly Machine[]): void {
  const gone = ref.vms.find(({ role }) => !machines.some((each) => each.role === role));
  if (gone !== undefined) throw new FailedMachine(`there is no VM ${gone.name} any more`);
}

/** Why a cluster does not answer. */
interface Silence {
  readonly reason: string;
  /** How many guests run and take no commands; undefined where none was asked. */
  readonly unreached?: number;
}

/** Why a cluster does not answer, as far as it is known; asks only guests that run. */
async function silenceOf(
  host: Host,
  ref: ClusterRef,
  machines: readonly Machine[],
  signal: AbortSignal,
): Promise<Silence | undefined> {
  for (const { vm } of machines) refuseHopeless(vm);
  const missing = ref.vms.find(({ role }) => !machines.some((each) => each.role === role));
  if (missing !== undefined) return { reason: `there is no VM ${missing.name}` };
  const resting = machines.find(({ vmi }) => vmi?.status?.phase !== 'Running');
  if (resting !== undefined) {
    return { reason: `${resting.vm.metadata.name}: ${whyNot(resting.vm)}` };
  }
  try {
    return await silenceOfGuests(host, ref, machines, signal);
  } catch (error) {
    signal.throwIfAborted();
    // A guest that falls silent while it is asked is only asked again.
    if (error instanceof ProviderError && !(error instanceof FailedMachine)) {
      return { reason: error.reason, unreached: machines.length };
    }
    throw error;
  }
}

/** Asks guests that run; one that has given up ends the wait, whichever is waited for. */
async function silenceOfGuests(
  host: Host,
  ref: ClusterRef,
  machines: readonly Machine[],
  signal: AbortSignal,
): Promise<Silence | undefined> {
  const heard = await Promise.all(
    machines.map(async (machine) => ({
      machine,
      answer: await askGuest(host, ref, machine, signal),
    })),
  );
  const silent = heard.find(({ answer }) => !answer.answers);
  if (silent === undefined) return undefined;
  const reached = heard.filter(({ answer }) => answer.isReached);
  for (const { machine } of reached) await refuseFailedMachine(host, ref, machine, signal);
  const leader = reached.find(({ answer }) => !answer.answers)?.machine;
  if (leader !== undefined) {
    const check = nodesReady(ref.vms.length);
    if (await awaitInGuest(host, leader, NODES_S, check, signal)) return undefined;
  }
  const reason = `${silent.machine.vm.metadata.name}: ${silent.answer.reason ?? 'silent'}`;
  return { reason, unreached: heard.length - reached.length };
}

function silence({ vms }: Sighting): string {
  const silent = vms.filter(({ exists, answers }) => !exists || !answers);
  return silent.map(({ name, message }) => `${name}: ${message ?? 'silent'}`).join('; ');
}

export { findMachines, machineViews, type Machine } from './find-machines.ts';
