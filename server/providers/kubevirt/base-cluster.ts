import type { VmRole } from '../../../schema/model/template.ts';
import type { ClusterRef, SetRef, Step } from '../provider.ts';
import { refuseIntruder } from './anchor.ts';
import { untilAnswering } from './answering.ts';
import { baseRef, captureBases, findComplete } from './base-vms.ts';
import { bootstrapCluster } from './bootstrap.ts';
import { cleanGuests } from './clean-up.ts';
import { failed } from './errors.ts';
import { kubernetesVersions } from './guest-traces.ts';
import type { Host } from './host.ts';
import { insist } from './insist.ts';
import { machinesOf, type Machine } from './machines.ts';
import { ensureTemplatesNamespace } from './namespace.ts';
import { TEMPLATES_NAMESPACE } from './names.ts';
import { nameOf, VMS } from './objects.ts';
import { holdPeerNames, releasePeerNames } from './peer-names.ts';
import { stopAll } from './power.ts';
import type { SnapshotsByRole } from './snapshots.ts';
import { together } from './together.ts';

/** What has just been set up goes on settling for a while. */
const STABILISE_MS = 120_000;

/** The note that says how far the base cluster of a set has come. */
const STAGE = 'kubevirt.base';

/**
 * Captures the set of a pool from a cluster that is made for it from the image, in `vm-templates`:
 * its VMs are left to settle, cleaned of what setting them up has left, shut down and captured.
 * They stay, and stay off.
 */
export async function captureBaseCluster(
  host: Host,
  set: SetRef,
  step: Step,
): Promise<SnapshotsByRole> {
  const done = await findComplete(host, set, step);
  if (done !== undefined) return done;
  const base = baseRef(set, step.installation);
  await assertBase(host, base, step);
  if (step.notes.get(STAGE) !== 'CLEAN') await prepare(host, base, step);
  const machines = await machinesOf(host, base, step);
  const versions =
    base.readiness === 'SSH' ? await versionsOf(host, machines, step) : new Map<VmRole, string>();
  await rest(host, machines, step);
  await releasePeerNames(host, base, step);
  return await captureBases(host, set, versions, step, (by) => assertBase(host, base, by));
}

async function prepare(host: Host, base: ClusterRef, step: Step): Promise<void> {
  step.progress('bootstrapping the base cluster');
  await insist(host, step, `making the namespace ${TEMPLATES_NAMESPACE}`, () =>
    ensureTemplatesNamespace(host, step.signal),
  );
  await holdPeerNames(host, base, step);
  await insist(host, step, `bootstrapping ${base.name}`, () => bootstrapCluster(host, base, step));
  await untilAnswering(host, base, step);
  step.progress('stabilising the base cluster');
  await host.world.sleep(STABILISE_MS, step.signal);
  // Guests that take no commands are captured as their image has set them up.
  if (base.readiness === 'SSH') {
    step.progress('cleaning the base cluster');
    await cleanGuests(host, await machinesOf(host, base, step), step);
  }
  await assertBase(host, base, step);
  await step.note(STAGE, 'CLEAN');
}

/** Switches the VMs off for good, their file systems in order. */
async function rest(host: Host, machines: readonly Machine[], step: Step): Promise<void> {
  await stopAll(host, machines, { graceful: true }, step);
  const restless = machines.filter(({ vm }) => vm.spec.runStrategy !== 'Halted');
  await together(
    step,
    restless.map(({ vm }) => (by: Step) => {
      const of = nameOf(vm);
      return insist(host, by, `keeping ${of.name} off`, () =>
        host.kubernetes.patch(VMS, of, { spec: { runStrategy: 'Halted' } }, by.signal),
      );
    }),
  );
}

/** The versions, as long as there are guests to be asked; a repeat may find them off. */
async function versionsOf(host: Host, machines: readonly Machine[], step: Step) {
  const running = machines.filter(({ vmi }) => vmi?.status?.phase === 'Running');
  const known = running.length === 0 ? noted(step) : await kubernetesVersions(host, running, step);
  const [version] = known.values();
  if (version !== undefined) await step.note(VERSION, version);
  return new Map(machines.flatMap(({ role }) => (version ? [[role, version] as const] : [])));
}

/** The note that says which Kubernetes the base cluster has. */
const VERSION = 'kubevirt.base.version';

function noted({ notes }: Step): ReadonlyMap<string, string> {
  const version = notes.get(VERSION);
  return new Map(version === undefined ? [] : [[VERSION, version]]);
}

/** The base VMs are their own anchors: nobody else's are touched, nor those of a later step. */
async function assertBase(host: Host, base: ClusterRef, step: Step): Promise<void> {
  for (const { vm } of await machinesOf(host, base, step)) refuseIntruder(vm, step, base.id);
  if (step.signal.aborted) throw failed('given up');
}
