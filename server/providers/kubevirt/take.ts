import type { CaptureMode } from '../../../schema/model/snapshot.ts';
import type { VmRole } from '../../../schema/model/template.ts';
import { ProviderError, type ClusterRef, type Step } from '../provider.ts';
import { untilAnswering } from './answering.ts';
import { ensureObject } from './calls.ts';
import { failed, refused } from './errors.ts';
import { kubernetesVersions } from './guest-traces.ts';
import { forgetTraces, makeWhole, putTracesBack, tracesNoted, type Traces } from './in-use.ts';
import { insist } from './insist.ts';
import { diskVolumes } from './leftovers.ts';
import { machinesOf, type Machine } from './machines.ts';
import { snapshotManifest } from './manifests.ts';
import { VM_SNAPSHOTS, type VirtualMachineSnapshot } from './objects.ts';
import { viewOfOurs } from './our-views.ts';
import { startAll, stopAll } from './power.ts';
import {
  flawOf,
  KUBERNETES_VERSION,
  MODE,
  motionOf,
  type Flaw,
  type SnapshotsByRole,
} from './snapshots.ts';
import { findShots, removeShots, type Shooting } from './shots.ts';
import { together } from './together.ts';
import { nowAndThen, until } from './until.ts';
import { endOf, within } from './within.ts';

/** Snapshots to be taken of all VMs of a cluster at one moment. */
export interface Take extends Shooting {
  readonly ref: ClusterRef;
  readonly mode: CaptureMode;
  readonly step: Step;
  /** The Kubernetes versions to be told of, where no guest can be asked. */
  readonly versions?: ReadonlyMap<VmRole, string> | undefined;
  /** Whether its machines are meant to be on; base VMs only hold disks, and stay off. */
  readonly runs: boolean;
  /** Whether people use it meanwhile: then it keeps the marks that its snapshots are without. */
  readonly inUse: boolean;
  /** Throws when somebody else has taken over what is captured. */
  readonly assertOurs: (step: Step) => Promise<void>;
}

/** One try; a snapshot that is not ready by then is begun anew. Clouds upload large ones first. */
const TRY_MS = 900_000;
const TRIES = 2;

/** What must be done though the step was given up may take so long. */
const GRACE_MS = 20_000;
/** And so long what is given back to guests, which may have to boot for it. */
const GIVE_BACK_MS = 300_000;

/**
 * Takes the snapshots, unless they are there already, and proves them complete. They are all of
 * one moment: when one of them fails, all are taken anew. However it ends, machines that are
 * meant to be on are on afterwards. Nobody is let into the guests meanwhile.
 */
export async function takeSnapshots(take: Take): Promise<SnapshotsByRole> {
  const leave = await take.host.turns.begin(take.ref.id, take.step.signal);
  try {
    return await takeInTurn(take);
  } finally {
    leave();
  }
}

async function takeInTurn(take: Take): Promise<SnapshotsByRole> {
  const { step, host } = take;
  const traces = tracesNoted(step);
  let last: unknown;
  for (let number = 1; number <= TRIES; number += 1) {
    const limit = { what: 'taking the snapshots', ms: TRY_MS, signal: step.signal };
    try {
      await take.assertOurs(step);
      return await within(host, limit, (signal) => {
        const deadline = Math.min(step.deadline, host.world.now() + TRY_MS);
        return tryOnce({ ...take, step: { ...step, signal, deadline } }, traces);
      });
    } catch (error) {
      last = error;
      const isOver = error instanceof ProviderError && !error.retryable;
      const isTriedAgain = error instanceof ProviderError && !isOver && number < TRIES;
      await clearUp(take, isOver && !step.signal.aborted);
      if (!isTriedAgain || step.signal.aborted) await giveBack(take, traces);
      step.signal.throwIfAborted();
      if (!(error instanceof ProviderError) || isOver) throw error;
      if (number < TRIES) step.progress(`capturing again, because ${error.reason}`);
    }
  }
  throw last;
}

async function tryOnce(take: Take, traces: Traces) {
  const { host, ref, step, runs } = take;
  const machines = await findAll(take);
  const present = await findShots(take, step);
  if (!isResumable(take, present)) {
    await removeShots(take, present, step);
    await begin(take, machines, traces);
  }
  step.progress('capturing disks');
  await untilTaken(take, machines, (flaw, phase) => flaw === undefined || phase === 'Succeeded');
  if (runs) await startAll(host, ref, step);
  const [taken] = await together(step, [
    (by) => untilTaken({ ...take, step: by }, machines, (flaw) => flaw === undefined),
    async (by): Promise<undefined> => {
      if (runs) await untilAnswering(host, ref, by);
    },
  ]);
  if (take.inUse) await putTracesBack(host, machines, traces, step);
  if (taken === undefined) throw refused(`nobody looked at the snapshots of ${ref.name}`);
  return taken;
}

async function findAll({ host, ref, step }: Take): Promise<Machine[]> {
  const machines = await machinesOf(host, ref, step);
  const missing = ref.vms.find(({ role }) => !machines.some((machine) => machine.role === role));
  if (missing !== undefined) throw refused(`there is no VM ${missing.name} to capture`);
  for (const { vm } of machines) {
    const bad = vm.status?.volumeSnapshotStatuses?.find(
      ({ name, enabled }) => !enabled && diskVolumes(vm).includes(name),
    );
    if (bad === undefined) continue;
    const why = bad.reason == null ? '' : `: ${bad.reason}`;
    throw refused(`the disk ${bad.name} of ${vm.metadata.name} cannot be captured${why}`);
  }
  return machines;
}

/** Whether what is there was begun as a whole, and may still come to a good end. */
function isResumable(take: Take, present: SnapshotsByRole): boolean {
  return take.shots.every(({ role }) => {
    const snapshot = present.get(role);
    if (snapshot === undefined) return false;
    return wrongWith(take, snapshot, [])?.passes !== false;
  });
}

/** Orders the snapshots; what is taken away from the guests for them is added to the traces. */
async function begin(take: Take, machines: readonly Machine[], traces: Traces): Promise<void> {
  const { host, ref, step, runs, mode, shots } = take;
  if (runs) {
    // They may be off, or on their way, after an attempt that failed.
    await startAll(host, ref, step);
    await untilAnswering(host, ref, step);
  }
  const asked = runs && ref.readiness === 'SSH';
  if (asked) await forgetTraces(host, machines, traces, step);
  const versions = asked ? await kubernetesVersions(host, machines, step) : take.versions;
  if (runs && mode === 'OFFLINE') await stopAll(host, machines, { graceful: true }, step);
  await take.assertOurs(step);
  await together(
    step,
    shots.map((shot) => (by: Step) => {
      const vm = machines.find(({ role }) => role === shot.role)?.vm.metadata.name ?? '';
      const version = versions?.get(shot.role);
      const annotations = {
        [MODE]: mode,
        ...(version === undefined ? {} : { [KUBERNETES_VERSION]: version }),
      };
      const { namespace, name, labels } = shot;
      const manifest = snapshotManifest({ namespace, name }, vm, { labels, annotations });
      return insist(host, by, `capturing ${vm}`, () =>
        ensureObject(host, VM_SNAPSHOTS, manifest, by.signal),
      );
    }),
  );
}

/** Waits until every snapshot is as wanted; one that failed, or holds too little, ends it. */
async function untilTaken(
  take: Take,
  machines: readonly Machine[],
  isSo: (flaw: Flaw | undefined, phase: string | null | undefined) => boolean,
): Promise<SnapshotsByRole> {
  const { host, ref, step, shots } = take;
  let detail: string | undefined;
  const wait = {
    what: `the snapshots of ${ref.name}`,
    signal: step.signal,
    deadline: endOf(host, step),
    namespace: shots[0]?.namespace,
    detail: () => detail,
  };
  const view = viewOfOurs(host, VM_SNAPSHOTS, step);
  const isDue = nowAndThen(host);
  return await until(host, [view], wait, async () => {
    // As long as all are known, and some to be under way, there is nothing to ask.
    const known = shots.map(({ namespace, name }) => view.get({ namespace, name }));
    const flaws = known.map((one) => one && wrongWith(take, one, []));
    const mayPass = known.every((one, at) => one !== undefined && flaws[at]?.passes !== false);
    const isUnderWay = mayPass && !known.every((one, at) => isSo(flaws[at], one?.status?.phase));
    detail = flaws.find((flaw) => flaw !== undefined)?.reason ?? detail;
    if (isUnderWay && !isDue()) return undefined;
    const found = await findShots(take, step);
    const isDone = shots.map(({ role, name }) => {
      const snapshot = found.get(role);
      if (snapshot === undefined) throw failed(`the snapshot ${name} was deleted`);
      const vm = machines.find((machine) => machine.role === role)?.vm;
      const flaw = wrongWith(take, snapshot, vm === undefined ? [] : diskVolumes(vm));
      if (flaw?.passes === false) {
        throw flaw.stays === true ? refused(flaw.reason) : failed(flaw.reason);
      }
      detail = flaw?.reason ?? detail;
      return isSo(flaw, snapshot.status?.phase);
    });
    return isDone.every(Boolean) ? found : undefined;
  });
}

/** What is wrong with a snapshot that was taken, or is being taken. */
function wrongWith(
  { mode }: Take,
  snapshot: VirtualMachineSnapshot,
  disks: readonly string[],
): Flaw | undefined {
  const flaw = flawOf(snapshot, disks);
  if (snapshot.status?.phase !== 'Succeeded' || flaw?.passes === false) return flaw;
  return motionOf(snapshot, mode) ?? flaw;
}

/**
 * After a failure: nothing half-done stays that a later try could take for its own, and machines
 * that people may be using are on. Good snapshots stay for the next try, if there is to be one.
 * Who has been overtaken leaves everything to the other.
 */
async function clearUp(take: Take, isOver: boolean): Promise<void> {
  await afterwards(take, 'clearing up', GRACE_MS, async (by) => {
    await take.assertOurs(by);
    const present = await findShots(take, by);
    const flawless = take.shots.every(({ role }) => {
      const snapshot = present.get(role);
      return snapshot !== undefined && wrongWith(take, snapshot, []) === undefined;
    });
    if (isOver || !flawless) await removeShots(take, present, by);
    if (take.runs) await startAll(take.host, take.ref, by);
  });
}

/** Whoever uses what could not be captured goes on to; the next pass may be none. */
async function giveBack(take: Take, traces: Traces): Promise<void> {
  const { host, ref, assertOurs } = take;
  if (!take.inUse) return;
  await afterwards(take, 'giving back keys', GIVE_BACK_MS, (by) =>
    makeWhole(host, ref, traces, assertOurs, by),
  );
}

/** Does what must be done though the step may have been given up; a failure is only logged. */
async function afterwards(
  { host, ref, step }: Take,
  doing: string,
  ms: number,
  work: (by: Step) => Promise<void>,
): Promise<void> {
  const limit = { what: `${doing} after a capture`, ms, signal: host.closing };
  try {
    await within(host, limit, (signal) =>
      work({ ...step, signal, deadline: host.world.now() + ms }),
    );
  } catch (error) {
    if (!(error instanceof ProviderError)) throw error;
    host.log(`${ref.name}: ${doing} after a capture failed: ${error.reason}`);
  }
}
