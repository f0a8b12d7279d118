import { ProviderError, type ClusterRef, type Step, type VmSpec } from '../provider.ts';
import { ensureObject } from './calls.ts';
import { bootstrapData, cloneData, checkJoinCommand } from './cloud-init.ts';
import type { SecretManifest } from './created-kinds.ts';
import { discardMachines, discardNamed, removeObject } from './discard.ts';
import { failed } from './errors.ts';
import { refuseFailedMachine, refuseHopeless } from './failures.ts';
import { ensureGoldenImage } from './golden-image.ts';
import { FAILED_FILE, JOIN_FILE } from './guest-data/places.ts';
import { askCommand, awaitInGuest } from './guest-questions.ts';
import type { Host } from './host.ts';
import { findMachines, knownMachines, machineViews, type Machine } from './machines.ts';
import { dataVolumeManifest, secret, vmManifest } from './manifests.ts';
import { cloudInitName, rootDiskName, vmLabels } from './names.ts';
import { ensureTemplatesNamespace } from './namespace.ts';
import { DATA_VOLUMES, isLeaving, nameOf, SECRETS, VMS } from './objects.ts';
import { startMachine } from './power.ts';
import { whyNot } from './sight.ts';
import { together } from './together.ts';
import { until } from './until.ts';
import { endOf } from './within.ts';

/** How often a control plane that can be reached is asked whether it can be joined. */
const ASK_AGAIN_MS = 1_000;

/** How long a control plane waits in one go for itself to be set up. */
const SETUP_S = 60;

/** What notes say of a VM. */
const INTENDED = 'being made';
const MADE = 'made';

/**
 * Makes a cluster's VMs from the image, the control plane first: a worker is told how to join it.
 * Called again it goes on where it was: what is there is kept, and looked at rather than trusted.
 * The namespace is there, and taken over.
 */
export async function bootstrapCluster(host: Host, ref: ClusterRef, step: Step): Promise<void> {
  await ensureTemplatesNamespace(host, step.signal);
  const present = await discardOrphans(host, ref, step);
  const isMissing = ({ role }: VmSpec) => !present.some((machine) => machine.role === role);
  // Disks need no control plane: that of a worker is filled while the control plane is made.
  await together(
    step,
    ref.vms.filter(isMissing).map((spec) => (by: Step) => ensureDisk(host, ref, spec, by)),
  );
  for (const spec of inOrder(ref.vms)) {
    const machine = present.find(({ role }) => role === spec.role);
    if (machine === undefined) await makeMachine(host, ref, spec, step);
    else if (machine.vmi === undefined) await startMachine(host, nameOf(machine.vm), step);
  }
}

async function ensureDisk(host: Host, ref: ClusterRef, spec: VmSpec, step: Step): Promise<void> {
  const intent = `kubevirt.${spec.name}`;
  // A VM that was made and has vanished leaves a disk that has been used.
  if (step.notes.get(intent) === MADE) await discardNamed(host, ref, spec.name, step);
  await step.note(intent, INTENDED);
  const { namespace } = ref;
  const name = rootDiskName(spec.name);
  const labels = vmLabels(ref, spec, step.installation);
  const source = await ensureGoldenImage(host, spec, step);
  const { storageClass } = host.settings;
  const parts = { name, namespace, labels, source, sizeGiB: spec.diskGiB, storageClass };
  await ensureObject(host, DATA_VOLUMES, dataVolumeManifest(parts), step.signal);
}

/**
 * Removes what is of no use, and answers which VMs stay. A worker whose control plane is gone has
 * nothing to be a part of; all is made again then.
 */
async function discardOrphans(host: Host, ref: ClusterRef, step: Step): Promise<Machine[]> {
  const machines = await findMachines(host, ref, step.signal);
  const leader = inOrder(ref.vms)[0];
  const isLed = machines.some(({ role, vm }) => role === leader?.role && !isLeaving(vm));
  const useless = machines.filter(({ vm }) => !isLed || isLeaving(vm));
  if (useless.length === 0) return machines;
  step.progress('removing what is left of an earlier attempt');
  await discardMachines(host, ref, useless, step);
  return machines.filter((machine) => !useless.includes(machine));
}

async function makeMachine(host: Host, ref: ClusterRef, spec: VmSpec, step: Step): Promise<void> {
  const join = await joinCommand(host, ref, spec, step);
  step.progress(`creating ${spec.name}`);
  const labels = vmLabels(ref, spec, step.installation);
  const { namespace } = ref;
  const [disk, cloudInit] = [rootDiskName(spec.name), cloudInitName(spec.name)];
  const publicKey = await host.guests.publicKey(step.signal);
  const access = { user: host.settings.sshUser, publicKey };
  const userdata =
    ref.readiness === 'PROBE' ? cloneData(spec, access) : bootstrapData(ref, spec, access, join);
  const { installation, fence, signal } = step;
  await ensureSecret(host, secret({ namespace, name: cloudInit }, labels, { userdata }), step);
  const vm = { installation, fence, origin: 'COLD_BOOT', disk, cloudInit } as const;
  await ensureObject(host, VMS, vmManifest(ref, spec, vm), signal);
  await step.note(`kubevirt.${spec.name}`, MADE);
}

/**
 * Makes the secret of a VM that is still to be made. One that says something else is of an earlier
 * attempt: its worker would join a control plane that is gone.
 */
async function ensureSecret(host: Host, manifest: SecretManifest, step: Step): Promise<void> {
  const { namespace, name } = manifest.metadata;
  const present = await ensureObject(host, SECRETS, manifest, step.signal);
  if (present.data?.['userdata'] === manifest.data['userdata']) return;
  await removeObject(host, SECRETS, { namespace, name }, step);
  await ensureObject(host, SECRETS, manifest, step.signal);
}

/** How a worker joins; undefined for VMs that join nothing. Waits until the control plane knows. */
async function joinCommand(
  host: Host,
  ref: ClusterRef,
  spec: VmSpec,
  step: Step,
): Promise<string | undefined> {
  // Guests that take no commands cannot be asked: their image knows what they are to each other.
  if (spec.role !== 'WORKER' || ref.readiness === 'PROBE') return undefined;
  step.progress('waiting for the control plane');
  const views = machineViews(host, step.installation);
  let last: JoinAnswer = { reason: 'it has not answered yet' };
  let silentSince: number | undefined;
  const wait = {
    what: `the join command of ${ref.name}`,
    signal: step.signal,
    deadline: endOf(host, step),
    namespace: ref.namespace,
    everyMs: () => {
      if (last.isReached !== false) return last.isReached ? ASK_AGAIN_MS : undefined;
      silentSince ??= host.world.elapsed();
      return host.guests.pace.turnInMs(host.world.elapsed() - silentSince);
    },
    detail: () => last.reason,
    onlyLooks: true,
  };
  return until(host, [views.vms, views.vmis], wait, async () => {
    const isLeader = ({ role }: Machine) => role === 'CONTROL_PLANE';
    const leader =
      knownMachines(views, ref).find(isLeader) ??
      (await findMachines(host, ref, step.signal)).find(isLeader);
    if (leader === undefined) {
      throw failed(`the control plane of ${ref.name} has vanished`);
    }
    last = await askForJoin(host, leader, step.signal);
    if (last.command !== undefined) return last.command;
    // Who cannot be asked to let others join cannot be asked what failed either.
    if (last.isReached === false) refuseHopeless(leader.vm);
    else await refuseFailedMachine(host, ref, leader, step.signal);
    return undefined;
  });
}

/** What a control plane says of joining it. */
interface JoinAnswer {
  readonly command?: string;
  /** Why there is no command yet. */
  readonly reason?: string;
  /** Whether its guest takes commands; undefined where it was not asked, as it does not run. */
  readonly isReached?: boolean;
}

async function askForJoin(host: Host, leader: Machine, signal: AbortSignal): Promise<JoinAnswer> {
  if (leader.vmi?.status?.phase !== 'Running')
    return { reason: `${leader.vm.metadata.name}: ${whyNot(leader.vm)}` };
  const argv = ['sudo', '-n', 'cat', JOIN_FILE];
  const isSettled = `[ -e ${JOIN_FILE} ] || [ -e ${FAILED_FILE} ]`;
  try {
    await awaitInGuest(host, leader, SETUP_S, isSettled, signal);
    const { exitCode, stdout } = await askCommand(host, leader, argv, signal);
    if (exitCode === 0) return { command: checkJoinCommand(stdout) };
    return { reason: 'its guest is being set up', isReached: true };
  } catch (error) {
    signal.throwIfAborted();
    if (error instanceof ProviderError && error.retryable) {
      return { reason: error.reason, isReached: false };
    }
    throw error;
  }
}

function inOrder(vms: readonly VmSpec[]): VmSpec[] {
  return [
    ...vms.filter(({ role }) => role !== 'WORKER'),
    ...vms.filter(({ role }) => role === 'WORKER'),
  ];
}
