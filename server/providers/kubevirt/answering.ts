import { ProviderError, type ClusterRef, type Sighting, type Step } from '../provider.ts';
import { FailedMachine, refuseFailedMachine, refuseHopeless } from './failures.ts';
import { askGuest, awaitInGuest, nodesReady } from './guest-questions.ts';
import type { Host } from './host.ts';
import { findMachines, knownMachines, machineViews, type Machine } from './machines.ts';
import { isAnswering, sightCluster, whyNot } from './sight.ts';
import { startResting } from './power.ts';
import { nowAndThen, until } from './until.ts';
import { endOf } from './within.ts';

/** How often guests are asked that can be reached, and whose nodes are not ready. */
const ASK_AGAIN_MS = 1_000;

/** How long a control plane waits in one go for its nodes. */
const NODES_S = 20;

/**
 * Waits until all VMs of a cluster run and all guests answer; with two nodes, until both are
 * ready. A VM that comes to rest meanwhile is started again. A guest that says why it gave up, or
 * a disk that cannot be made, ends the wait.
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
    // An order to stop that a worker gave before it died may come true only now.
    await startResting(host, machines, step);
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
