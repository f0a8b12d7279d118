import type { ClusterRef, SetRef, Sighting, Step, VmSpec } from '../provider.ts';
import { assertCluster } from './anchor.ts';
import { untilAnswering } from './answering.ts';
import { baseRef } from './base-vms.ts';
import { ensureObject } from './calls.ts';
import { cloneData } from './cloud-init.ts';
import { discardMachines } from './discard.ts';
import { ensureDisk, type NamedSource } from './disks.ts';
import { refused } from './errors.ts';
import type { Host } from './host.ts';
import { insist } from './insist.ts';
import { diskNames } from './leftovers.ts';
import { findMachines, machinesOf } from './machines.ts';
import { ROOT_DISK, secret, vmManifest } from './manifests.ts';
import { cloudInitName, rootDiskName, TEMPLATES_NAMESPACE, vmLabels } from './names.ts';
import { isLeaving, nameOf, SECRETS, VMS } from './objects.ts';
import { startMachine } from './power.ts';
import { usableSet, volumeSnapshots, type SnapshotsByRole } from './snapshots.ts';
import { together } from './together.ts';

/** Both sources have five minutes together: after that a bootstrap is what is quicker. */
const COPY_MS = 150_000;

/**
 * Makes a cluster from a set that lies in another namespace. Where no snapshot can be restored, a
 * disk can be filled from it: CDI copies it, without its data where the storage can. The VM
 * around it is made as from the image, but its guest is told that it has been set up already.
 */
export async function createFromSet(
  host: Host,
  ref: ClusterRef,
  set: SetRef,
  step: Step,
): Promise<Sighting> {
  const snapshots = await usableSet(host, set, step);
  const machines = await machinesOf(host, ref, step);
  const leaving = machines.filter(({ vm }) => isLeaving(vm));
  if (leaving.length > 0) await discardMachines(host, ref, leaving, step);
  await together(
    step,
    ref.vms.map((spec) => async (by: Step) => {
      const present = machines.find(({ role, vm }) => role === spec.role && !isLeaving(vm));
      if (present?.vmi !== undefined) return;
      const vm = present === undefined ? undefined : nameOf(present.vm);
      if (vm === undefined) await makeOne(host, { ref, spec, set, snapshots }, by);
      else await insist(host, by, `starting ${vm.name}`, () => startMachine(host, vm, by));
    }),
  );
  await assertCluster(host, ref, step);
  step.progress('waiting for guests');
  return await untilAnswering(host, ref, step);
}

/** One VM to be made, and what of. */
interface Making {
  readonly ref: ClusterRef;
  readonly spec: VmSpec;
  readonly set: SetRef;
  readonly snapshots: SnapshotsByRole;
}

async function makeOne(host: Host, making: Making, step: Step): Promise<void> {
  const { ref, spec, set } = making;
  const intent = `kubevirt.${spec.name}`;
  if (step.notes.get(intent) !== set.id) await step.note(intent, set.id);
  const labels = vmLabels(ref, spec, step.installation);
  const { namespace } = ref;
  const cloudInit = cloudInitName(spec.name);
  const publicKey = await insist(host, step, 'finding the key for guests', () =>
    host.guests.publicKey(step.signal),
  );
  const userdata = cloneData(spec, { user: host.settings.sshUser, publicKey }, ref.identity);
  await insist(host, step, `making the data of ${spec.name}`, () =>
    ensureObject(
      host,
      SECRETS,
      secret({ namespace, name: cloudInit }, labels, { userdata }),
      step.signal,
    ),
  );
  const disk = rootDiskName(spec.name);
  const { installation, fence } = step;
  const parts = { installation, fence, origin: 'SNAPSHOT', disk, cloudInit } as const;
  step.progress('copying disks');
  await ensureDisk(
    host,
    {
      name: disk,
      namespace,
      labels,
      sources: await sourcesOf(host, making, step),
      copyMs: COPY_MS,
      sizeGiB: spec.diskGiB,
      storageClass: host.settings.storageClass,
      meanwhile: (by) =>
        insist(host, by, `creating ${spec.name}`, () =>
          ensureObject(host, VMS, vmManifest(ref, spec, parts), by.signal),
        ),
    },
    step,
  );
}

/** The rungs: the snapshot itself; else the disk of its base VM, which nobody uses. */
async function sourcesOf(host: Host, making: Making, step: Step): Promise<NamedSource[]> {
  const { set, spec, snapshots } = making;
  const snapshot = snapshots.get(spec.role);
  if (snapshot === undefined) throw refused(`${set.id} has no snapshot for ${spec.name}`);
  const { namespace = '' } = snapshot.metadata;
  const name = (await volumeSnapshots(host, snapshot, step)).get(ROOT_DISK);
  const claim = await idleClaim(host, making, step);
  const sources = [
    ...(name === undefined
      ? []
      : [{ rung: 'clone snapshot', source: { snapshot: { namespace, name } } }]),
    ...(claim === undefined
      ? []
      : [
          {
            rung: 'clone claim',
            source: { pvc: { namespace: TEMPLATES_NAMESPACE, name: claim } },
          },
        ]),
  ];
  if (sources.length > 0) return sources;
  throw refused(`nothing tells where the disk of ${snapshot.metadata.name} is`);
}

async function idleClaim(
  host: Host,
  { set, spec }: Making,
  step: Step,
): Promise<string | undefined> {
  if (set.cluster !== null) return undefined;
  const machines = await insist(host, step, `looking at the base VMs of ${set.id}`, () =>
    findMachines(host, baseRef(set, step.installation), step.signal),
  );
  const base = machines.find(({ role }) => role === spec.role);
  if (base === undefined || base.vmi !== undefined) return undefined;
  return diskNames(base.vm)[0];
}
