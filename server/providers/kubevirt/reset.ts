import {
  ProviderError,
  type ClusterRef,
  type ResetResult,
  type SetRef,
  type Step,
} from '../provider.ts';
import { assertCluster } from './anchor.ts';
import { untilAnswering } from './answering.ts';
import { reasonOf, refused } from './errors.ts';
import type { Host } from './host.ts';
import { insist } from './insist.ts';
import { clearRestores, sweepDisks } from './leftovers.ts';
import { machinesOf, type Machine } from './machines.ts';
import { mendNamespace } from './namespace.ts';
import { VM_RESTORES } from './objects.ts';
import { startAll } from './power.ts';
import { RESTORE_BESIDE } from './rungs/beside.ts';
import { RESTORE_IN_PLACE } from './rungs/in-place.ts';
import { RECREATE } from './rungs/recreate.ts';
import { restoreAll, wantedRestores } from './rungs/restores.ts';
import { isRestoredBy, type Attempt, type Climb, type Rung } from './rungs/rung.ts';
import { usableSet } from './snapshots.ts';
import { together } from './together.ts';
import { within } from './within.ts';

/**
 * The ladder of a reset. Both VMs of a cluster always go the same way, from one set, under names
 * of restores that no other try has; a note says which try is under way before anything is done.
 * KubeVirt writes on a VM which restore gave it its disks: so a repeat, whatever was killed in
 * between, knows what is done without having seen it.
 */
const LADDER: readonly Rung[] = [RESTORE_BESIDE, RESTORE_IN_PLACE, RECREATE];

/** A rung is not tried more often than this before the next one. */
const TRIES = 2;

/** How many tries there are until every rung has had its own. */
const ROUND = LADDER.length * TRIES;

/** How long a reset takes that needs every try it has. */
export const LONGEST_RESET_MS = LADDER.reduce((ms, { limitMs }) => ms + limitMs * TRIES, 60_000);

/** Why a rung cannot be tried at all: trying again would find the same. */
class RuledOut extends ProviderError {}

/** Puts the VMs of a cluster back to its own set, and says by which rung. */
export async function resetCluster(
  host: Host,
  ref: ClusterRef,
  set: SetRef,
  step: Step,
): Promise<ResetResult> {
  await assertCluster(host, ref, step);
  if (set.cluster?.id !== ref.id) {
    throw refused(`${ref.name} can only be restored from a set of its own, in its namespace`);
  }
  const [snapshots] = await together(step, [
    (by) => usableSet(host, set, by),
    async (by): Promise<undefined> => {
      await insist(host, by, `mending the namespace ${ref.namespace}`, () =>
        mendNamespace(host, ref, by),
      );
    },
  ]);
  if (snapshots === undefined) throw refused(`nobody looked at the set of ${ref.name}`);
  return await climb({ host, ref, set, snapshots }, step);
}

async function climb(of: Climb, step: Step): Promise<ResetResult> {
  const { host, ref } = of;
  const first = tryNoted(of, step);
  const last = Math.ceil(first / ROUND) * ROUND;
  const reasons: string[] = [];
  let number = first;
  while (number <= last) {
    const rung = rungOf(number);
    const because = reasons.at(-1);
    const outcome = await goUp(of, step, number, because).catch((error: unknown) => error);
    if (isResult(outcome)) return outcome;
    step.signal.throwIfAborted();
    if (!(outcome instanceof ProviderError)) throw outcome;
    // Whoever was overtaken has nothing to climb any more.
    await assertCluster(host, ref, step);
    const reason = `${rung.name}: ${outcome.reason}`;
    if (reason !== because) reasons.push(reason);
    number = outcome instanceof RuledOut ? lastTryOf(number) + 1 : number + 1;
  }
  // The next pass begins with the first rung again.
  await step.note(noteOf(step), noted(of, last + 1));
  throw refused(`${ref.name} could not be reset: ${[...new Set(reasons)].join('; ')}`);
}

/** One try of the rung whose turn it is. */
async function goUp(
  of: Climb,
  step: Step,
  number: number,
  because: string | undefined,
): Promise<ResetResult> {
  const { host, ref } = of;
  const rung = rungOf(number);
  const machines = await machinesOf(host, ref, step);
  const obstacle = await rung.obstacle(of, machines, step);
  if (obstacle !== undefined) throw new RuledOut(obstacle, { retryable: false });
  step.progress(because === undefined ? rung.name : `${rung.name}, because ${because}`);
  await step.note(noteOf(step), noted(of, number));
  const limit = { what: rung.name, ms: rung.limitMs, signal: step.signal };
  return await within(host, limit, async (signal) => {
    const deadline = Math.min(step.deadline, host.world.now() + rung.limitMs);
    const attempt = { ...of, number, step: { ...step, signal, deadline } };
    if (!(await isRestored(attempt, machines))) await restore(attempt, rung, machines);
    attempt.step.progress('starting machines');
    const [sighting] = await together(attempt.step, [
      async (by) => {
        await startAll(host, ref, by);
        return await untilAnswering(host, ref, by);
      },
      (by) => tidy(host, ref, by),
    ]);
    if (sighting === undefined) throw refused(`nobody looked at ${ref.name}`);
    return { rung: rung.name, sighting };
  });
}

async function restore(attempt: Attempt, rung: Rung, machines: readonly Machine[]): Promise<void> {
  const { host, ref, step } = attempt;
  const ours = new Set(wantedRestores(attempt).map(({ name }) => name));
  await clearRestores(host, ref.namespace, ours, step);
  await rung.clear(attempt, machines);
  // Stopping may have taken minutes, and what comes now takes the disks away.
  await assertCluster(host, ref, step);
  await restoreAll(attempt, rung);
  await assertCluster(host, ref, step);
}

/** Whether this try has already restored every VM, and KubeVirt has finished with all of them. */
async function isRestored(attempt: Attempt, machines: readonly Machine[]): Promise<boolean> {
  const { host, ref, step } = attempt;
  const restored = machines.filter(({ vm }) => isRestoredBy(attempt, vm));
  if (restored.length < ref.vms.length) return false;
  const names = wantedRestores(attempt).map(({ name }) => name);
  const restores = await insist(host, step, `looking at the restores of ${ref.name}`, () =>
    Promise.all(
      names.map((name) => {
        const of = { namespace: ref.namespace, name };
        return host.kubernetes.get(VM_RESTORES, of, step.signal);
      }),
    ),
  );
  return restores.every((one) => one === undefined || one.status?.complete === true);
}

/** Leaves nothing of the restores. What does not go now, the next reset clears away. */
async function tidy(host: Host, ref: ClusterRef, step: Step): Promise<undefined> {
  try {
    await clearRestores(host, ref.namespace, new Set(), step);
    await sweepDisks(host, ref.namespace, step);
  } catch (error) {
    if (step.signal.aborted || !(error instanceof ProviderError)) throw error;
    host.log(`${ref.name} keeps something of a reset: ${reasonOf(error)}`);
  }
  return undefined;
}

function rungOf(number: number): Rung {
  return LADDER[Math.floor(((number - 1) % ROUND) / TRIES)] ?? RECREATE;
}

/** The last try of the rung whose turn a try is. */
function lastTryOf(number: number): number {
  return Math.ceil(number / TRIES) * TRIES;
}

/** The note of a worker's tries; one with another fence has its own. */
function noteOf({ fence }: Step): string {
  return `kubevirt.reset.${fence}.rung`;
}

function noted({ set }: Climb, number: number): string {
  return `${number} ${rungOf(number).name}, from ${set.id}`;
}

/** The try that an earlier pass of this worker had begun, with this very set; else the first. */
function tryNoted({ set }: Climb, step: Step): number {
  const [, number, from] = /^(\d+) .*, from (.*)$/.exec(step.notes.get(noteOf(step)) ?? '') ?? [];
  return number === undefined || from !== set.id ? 1 : Number(number);
}

function isResult(outcome: unknown): outcome is ResetResult {
  return typeof outcome === 'object' && outcome !== null && 'rung' in outcome;
}
