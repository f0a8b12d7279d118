import { ProviderError, type Step, type VmSpec } from '../../provider.ts';
import { withDiskTroubles } from '../disk-troubles.ts';
import { failed, lastWarnings, refused, toldOf } from '../errors.ts';
import { insist } from '../insist.ts';
import { ensureObject } from '../calls.ts';
import { restoreManifest } from '../manifests.ts';
import { vmLabels } from '../names.ts';
import {
  conditionOf,
  isLeaving,
  nameOf,
  VM_RESTORES,
  type VirtualMachineRestore,
  type VirtualMachineSnapshot,
} from '../objects.ts';
import { viewOfOurs } from '../our-views.ts';
import { together } from '../together.ts';
import { nowAndThen, until } from '../until.ts';
import { endOf } from '../within.ts';
import { restoreName, type Attempt, type Rung } from './rung.ts';

/** Which restore of which VM a try needs. */
interface Wanted {
  readonly spec: VmSpec;
  readonly name: string;
  readonly vm: string;
  readonly snapshot: VirtualMachineSnapshot;
}

/** The restores of a try, one for each VM, by the names that only it uses. */
export function wantedRestores(attempt: Attempt): Wanted[] {
  return attempt.ref.vms.map((spec) => {
    const snapshot = attempt.snapshots.get(spec.role);
    if (snapshot === undefined) throw refused(`there is no snapshot for ${spec.name}`);
    // Not under the name that we would give: a VM may have been given another before its capture.
    const vm = snapshot.spec.source.name;
    return { spec, vm, snapshot, name: restoreName(attempt, vm) };
  });
}

/**
 * Restores all VMs, and waits until that is complete for each: before, none may be started. A
 * restore that fails says so by a condition, or it says nothing and tries for ever.
 */
export async function restoreAll(attempt: Attempt, rung: Rung): Promise<void> {
  attempt.step.progress('restoring disks');
  const wanted = wantedRestores(attempt);
  await together(
    attempt.step,
    wanted.map((each) => (step: Step) => begin({ ...attempt, step }, rung, each)),
  );
  await together(
    attempt.step,
    wanted.map((each) => (step: Step) => untilComplete({ ...attempt, step }, each)),
  );
}

async function begin(attempt: Attempt, rung: Rung, wanted: Wanted): Promise<void> {
  const { host, ref, step } = attempt;
  const { spec, name, vm, snapshot } = wanted;
  const parts = {
    labels: vmLabels(ref, spec, step.installation),
    vm,
    snapshot: snapshot.metadata.name,
    volumes: rung.volumes,
  };
  const manifest = restoreManifest({ namespace: ref.namespace, name }, parts);
  await insist(host, step, `restoring ${vm}`, () =>
    ensureObject(host, VM_RESTORES, manifest, step.signal),
  );
}

async function untilComplete({ host, ref, step }: Attempt, wanted: Wanted): Promise<void> {
  const { name, vm } = wanted;
  const of = { namespace: ref.namespace, name };
  let detail: string | undefined;
  const wait = {
    what: `${vm} to be restored`,
    signal: step.signal,
    deadline: endOf(host, step),
    namespace: ref.namespace,
    detail: () => detail,
  };
  const view = viewOfOurs(host, VM_RESTORES, step);
  let seen: VirtualMachineRestore | undefined;
  try {
    const isDue = nowAndThen(host);
    await until(host, [view], wait, async () => {
      const known = view.get(of);
      // As long as it is known to be under way there is nothing to ask.
      if (known !== undefined && isUnderWay(known) && !isDue()) {
        seen = known;
        detail = saidBy(known);
        return undefined;
      }
      seen = await insist(host, step, `looking at the restore ${name}`, () =>
        host.kubernetes.get(VM_RESTORES, of, step.signal),
      );
      detail = saidBy(seen);
      if (seen === undefined || isLeaving(seen)) throw failed(`the restore of ${vm} was deleted`);
      const failure = conditionOf(seen.status, 'Failure');
      if (failure?.status === 'True') throw failed(`the restore of ${vm} failed: ${detail}`);
      return seen.status?.complete === true ? true : undefined;
    });
  } catch (error) {
    if (step.signal.aborted || seen === undefined) throw error;
    const told = await withWarnings(error, seen);
    throw await withDiskTroubles(host, ref.namespace, told, step.signal);
  }

  async function withWarnings(error: unknown, restore: VirtualMachineRestore): Promise<unknown> {
    if (!(error instanceof ProviderError)) return error;
    const about = { ...nameOf(restore), uid: restore.metadata.uid };
    const warnings = await lastWarnings(host.kubernetes, about, step.signal);
    if (warnings.length === 0) return error;
    const reason = `${error.reason}${toldOf(warnings)}`;
    return new ProviderError(reason, { retryable: error.retryable, cause: error });
  }
}

function isUnderWay(restore: VirtualMachineRestore): boolean {
  const hasFailed = conditionOf(restore.status, 'Failure')?.status === 'True';
  return !hasFailed && !isLeaving(restore) && restore.status?.complete !== true;
}

/** What a restore says of itself: KubeVirt puts the texts of errors into the reasons. */
function saidBy(restore: VirtualMachineRestore | undefined): string | undefined {
  for (const type of ['Failure', 'Progressing', 'Ready']) {
    const condition = conditionOf(restore?.status, type);
    const said = condition?.message || condition?.reason;
    if (said) return said;
  }
  return undefined;
}
