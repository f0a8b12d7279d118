import type { CaptureMode } from '../../../schema/model/snapshot.ts';
import type { VmRole } from '../../../schema/model/template.ts';
import type { ClusterRef, SetRef, Step } from '../provider.ts';
import { assertCluster } from './anchor.ts';
import { baseRef, captureBases, findComplete } from './base-vms.ts';
import { ensureObject } from './calls.ts';
import { ensureDisk } from './disks.ts';
import { refused } from './errors.ts';
import type { Host } from './host.ts';
import { insist } from './insist.ts';
import { ROOT_DISK, vmManifest } from './manifests.ts';
import { cloudInitName, rootDiskName, setLabels, TEMPLATES_NAMESPACE } from './names.ts';
import { ensureTemplatesNamespace } from './namespace.ts';
import { VMS } from './objects.ts';
import { KUBERNETES_VERSION, volumeSnapshots, type SnapshotsByRole } from './snapshots.ts';
import { findShots, removeShots, shotsOf, type Shot } from './shots.ts';
import { takeSnapshots } from './take.ts';
import { together } from './together.ts';

/**
 * The set of a pool, from which new clusters are made in other namespaces. KubeVirt restores only
 * where the snapshot is, so the disks are copied: snapshots of a cluster's VMs, made for that
 * moment only, become the disks of base VMs in `vm-templates`. These never run; their snapshots
 * are the set. The base VMs stay: some storage loses a snapshot with the disk it was taken of.
 */

/** Captures the set of a pool from a cluster, which may be in use. */
export async function captureTemplate(
  host: Host,
  cluster: ClusterRef,
  set: SetRef,
  mode: CaptureMode,
  step: Step,
): Promise<SnapshotsByRole> {
  await assertCluster(host, cluster, step);
  const done = await findComplete(host, set, step);
  const shots = shotsOf(set, cluster, cluster.namespace, step);
  if (done === undefined) await copyFrom(host, cluster, set, mode, shots, step);
  const taken = done ?? (await captureCopies());
  await dropTransient(host, shots, step);
  return taken;

  async function captureCopies(): Promise<SnapshotsByRole> {
    const versions = await versionsOf(host, shots, step);
    return await captureBases(host, set, versions, step, (by) => assertCluster(host, cluster, by));
  }
}

/** Copies the disks of a cluster, all as they are at one moment, to base VMs of the set. */
async function copyFrom(
  host: Host,
  cluster: ClusterRef,
  set: SetRef,
  mode: CaptureMode,
  shots: readonly Shot[],
  step: Step,
): Promise<void> {
  const assertOurs = (by: Step) => assertCluster(host, cluster, by);
  const taken = await takeSnapshots({
    host,
    ref: cluster,
    mode,
    step,
    shots,
    runs: true,
    inUse: true,
    assertOurs,
  });
  await assertOurs(step);
  await insist(host, step, `making the namespace ${TEMPLATES_NAMESPACE}`, () =>
    ensureTemplatesNamespace(host, step.signal),
  );
  step.progress('copying disks');
  await together(
    step,
    set.roles.map(
      ({ role }) =>
        (by: Step) =>
          copyOne(host, set, role, taken, by),
    ),
  );
  await assertOurs(step);
}

async function copyOne(
  host: Host,
  set: SetRef,
  role: VmRole,
  taken: SnapshotsByRole,
  step: Step,
): Promise<void> {
  const base = baseRef(set, step.installation);
  const spec = base.vms.find((vm) => vm.role === role);
  const snapshot = taken.get(role);
  if (spec === undefined || snapshot === undefined) throw refused(`${set.id} has no ${role}`);
  const name = (await volumeSnapshots(host, snapshot, step)).get(ROOT_DISK);
  if (name === undefined) throw refused(`${snapshot.metadata.name} does not tell its disk`);
  const disk = rootDiskName(spec.name);
  const labels = setLabels(set, role, step.installation);
  const from = { namespace: snapshot.metadata.namespace ?? '', name };
  const wish = {
    name: disk,
    namespace: TEMPLATES_NAMESPACE,
    labels,
    sources: [{ rung: 'clone snapshot', source: { snapshot: from } }],
    sizeGiB: spec.diskGiB,
    storageClass: host.settings.storageClass,
  };
  await ensureDisk(host, wish, step);
  const manifest = vmManifest(base, spec, {
    installation: step.installation,
    // A set is removed by steps that count fences of their own.
    fence: 0,
    origin: 'SNAPSHOT',
    disk,
    cloudInit: cloudInitName(spec.name),
    runStrategy: 'Halted',
    labels,
  });
  await insist(host, step, `making the base VM ${spec.name}`, () =>
    ensureObject(host, VMS, manifest, step.signal),
  );
}

async function versionsOf(
  host: Host,
  shots: readonly Shot[],
  step: Step,
): Promise<ReadonlyMap<VmRole, string>> {
  const present = await findShots({ host, shots }, step);
  return new Map(
    [...present].flatMap(([role, { metadata }]) => {
      const version = metadata.annotations[KUBERNETES_VERSION];
      return version === undefined ? [] : [[role, version] as const];
    }),
  );
}

/** The snapshots in the cluster's namespace have done their work. */
async function dropTransient(host: Host, shots: readonly Shot[], step: Step): Promise<void> {
  const present = await findShots({ host, shots }, step);
  await removeShots({ host, shots }, present, step);
}
