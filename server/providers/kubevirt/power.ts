import type { ClusterRef, Step } from '../provider.ts';
import { about } from './calls.ts';
import { isRefusal, refused } from './errors.ts';
import type { Host } from './host.ts';
import { insist } from './insist.ts';
import type { ObjectName } from './kubernetes.ts';
import { isFinal, machinesOf, machineViews, type Machine } from './machines.ts';
import { isLeaving, nameOf, VMIS, VMS } from './objects.ts';
import type { VirtualMachine, VirtualMachineInstance } from './objects.ts';
import { together } from './together.ts';
import { nowAndThen, until } from './until.ts';
import { endOf } from './within.ts';

/** How VMs are switched on and off. */

/** How often an order that was refused for the moment is given again. */
const AGAIN_MS = 2_000;

/** The strategy of every VM that is on: KubeVirt starts it once, and again where it crashes. */
const RUNNING = 'RerunOnFailure';

/** How a VM is switched off. */
export interface Stop {
  /** Guests shut down as they like, so that their files are whole; else they are cut off. */
  readonly graceful: boolean;
}

/** Orders all VMs that a cluster has now to run. */
export async function startAll(host: Host, ref: ClusterRef, step: Step): Promise<void> {
  const machines = await machinesOf(host, ref, step);
  await together(
    step,
    machines.map(({ vm }) => (by: Step) => {
      const name = nameOf(vm);
      return insist(host, by, `starting ${name.name}`, () => startMachine(host, name, by));
    }),
  );
}

/** Stops VMs, and waits until nothing of any runs. */
export async function stopAll(
  host: Host,
  machines: readonly Machine[],
  how: Stop,
  step: Step,
): Promise<void> {
  step.progress('stopping machines');
  await together(
    step,
    machines.map(({ vm }) => (by: Step) => {
      const name = nameOf(vm);
      return insist(host, by, `stopping ${name.name}`, () => stopMachine(host, name, how, by));
    }),
  );
}

/** Orders those to run again that have come to rest, as after a stop that somebody else ordered. */
export async function startResting(
  host: Host,
  machines: readonly Machine[],
  step: Step,
): Promise<void> {
  const resting = machines.filter(
    ({ vm, vmi }) => (vmi === undefined || isFinal(vmi)) && !isLeaving(vm) && isAtRest(vm),
  );
  await together(
    step,
    resting.map(
      ({ vm }) =>
        (by: Step) =>
          startMachine(host, nameOf(vm), by),
    ),
  );
}

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
        if (isStarting(present)) return true;
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
async function stopMachine(
  host: Host,
  vm: ObjectName,
  { graceful }: Stop,
  step: Step,
): Promise<void> {
  const body = graceful ? {} : { gracePeriod: 0 };
  let isTaken = false;
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
        if (isTaken && isStillThere(vmis.get(vm)) && !isDue()) return undefined;
        const vmi = await host.kubernetes.get(VMIS, vm, step.signal);
        if (vmi === undefined && isTaken) return true;
        const present = await host.kubernetes.get(VMS, vm, step.signal);
        if (vmi === undefined && (present === undefined || isAtRest(present))) return true;
        if (present === undefined || isHalted(present)) return undefined;
        if (vmi === undefined || isFinal(vmi)) {
          // Not running, and not at rest: what is about to start, or has ended but is kept.
          await setStrategy(host, vm, 'Halted', step.signal);
        } else if (!isTaken && !isLeaving(vmi)) {
          refusal = await order(host, vm, 'stop', body, step.signal);
          isTaken = refusal === undefined;
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

/** Whether an order to start was taken that KubeVirt has yet to carry out. */
function isStarting({ status }: VirtualMachine): boolean {
  return status?.stateChangeRequests?.some(({ action }) => action === 'Start') === true;
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
