import { isRefusal } from './errors.ts';
import type { Host } from './host.ts';
import { insist, type Limits } from './insist.ts';
import type { ObjectKind } from './kubernetes.ts';
import {
  CLAIMS,
  DATA_VOLUMES,
  isLeaving,
  nameOf,
  VM_RESTORES,
  VMS,
  type AnyObject,
  type PersistentVolumeClaim,
  type VirtualMachine,
  type VirtualMachineRestore,
} from './objects.ts';
import { viewOfOurs } from './our-views.ts';
import { disksOfSnapshots } from './snapshot-sources.ts';
import type { Asker } from './snapshots.ts';
import { until } from './until.ts';

/**
 * What restores leave behind. KubeVirt keeps every restore that ever was, failed ones stand in the
 * way of the next, and of each disk that was replaced a claim stays. A namespace of a cluster is
 * wholly ours, so in it a disk that no VM has is a leftover.
 */

/** How long a deletion may take before it is left to the next sweep. */
const GONE_MS = 60_000;

/**
 * Deletes the restores of a namespace, but those named, and waits until they are gone: while one
 * is there no other may begin. Deleting one that is under way releases its VM.
 */
export async function clearRestores(
  host: Host,
  namespace: string,
  keep: ReadonlySet<string>,
  limits: Asker,
): Promise<void> {
  const left = async () => {
    const all = await listAll(host, VM_RESTORES, namespace, limits);
    return all.filter(({ metadata }) => !keep.has(metadata.name));
  };
  const found = await left();
  if (found.length === 0) return;
  await Promise.all(found.map((restore) => removeOne(host, VM_RESTORES, restore, limits)));
  const wait = {
    what: `the restores ${found.map(({ metadata }) => metadata.name).join(', ')} to go`,
    signal: limits.signal,
    deadline: host.world.elapsed() + GONE_MS,
  };
  const view = viewOfOurs(host, VM_RESTORES, limits);
  await until(host, [view], wait, async () => ((await left()).length === 0 ? true : undefined));
}

/** Deletes every disk of a namespace that no VM there has, and waits until they are gone. */
export async function sweepDisks(host: Host, namespace: string, limits: Limits): Promise<void> {
  const begun = await findLeftovers(host, namespace, limits);
  if (begun.length === 0) return;
  const wait = {
    what: `leftover disks of ${namespace} to go`,
    signal: limits.signal,
    deadline: host.world.elapsed() + GONE_MS,
  };
  const views = [CLAIMS, DATA_VOLUMES].map((kind) =>
    host.kubernetes.view<AnyObject>(kind, { namespace }),
  );
  await until(host, views, wait, async () => {
    const found = await findLeftovers(host, namespace, limits);
    const unasked = found.filter(({ object }) => !isLeaving(object));
    await Promise.all(unasked.map(({ kind, object }) => removeOne(host, kind, object, limits)));
    return found.length === 0 ? true : undefined;
  });
}

/** An object that nobody needs. */
interface Leftover {
  readonly kind: ObjectKind<AnyObject>;
  readonly object: AnyObject;
}

async function findLeftovers(host: Host, namespace: string, limits: Limits): Promise<Leftover[]> {
  // The disks first: one that is made meanwhile belongs to a VM that the second list shows.
  const [volumes, claims, restores] = await Promise.all([
    listAll(host, DATA_VOLUMES, namespace, limits),
    listAll(host, CLAIMS, namespace, limits),
    listAll(host, VM_RESTORES, namespace, limits),
  ]);
  const vms = await listAll(host, VMS, namespace, limits);
  const kept = await disksOfSnapshots(host, namespace, limits, claims);
  const used = new Set([...vms.flatMap(diskNames), ...restores.flatMap(restoredDisks), ...kept]);
  return [
    ...volumes.filter(({ metadata }) => !used.has(metadata.name)).map(as(DATA_VOLUMES)),
    ...claims.filter((claim) => !isUsed(claim, used)).map(as(CLAIMS)),
  ];
}

/** The claims that a VM has; a data volume fills the claim of its own name. */
export function diskNames({ spec }: VirtualMachine): string[] {
  return (spec.template?.spec?.volumes ?? []).flatMap(({ dataVolume, persistentVolumeClaim }) => {
    const name = dataVolume?.name ?? persistentVolumeClaim?.claimName;
    return name === undefined ? [] : [name];
  });
}

/** The volumes of a VM that have a disk, and so belong into its snapshots. */
export function diskVolumes({ spec }: VirtualMachine): string[] {
  const volumes = spec.template?.spec?.volumes ?? [];
  return volumes
    .filter(({ dataVolume, persistentVolumeClaim }) => dataVolume ?? persistentVolumeClaim)
    .map(({ name }) => name);
}

/** A restore that is still there may be about to give its disks to a VM. */
function restoredDisks({ status }: VirtualMachineRestore): string[] {
  return (status?.restores ?? []).flatMap(({ persistentVolumeClaim, dataVolumeName }) =>
    [persistentVolumeClaim, dataVolumeName].filter((name) => name != null),
  );
}

/** A claim may belong to another, which is filled through it. */
function isUsed({ metadata }: PersistentVolumeClaim, used: ReadonlySet<string>): boolean {
  const owners = metadata.ownerReferences ?? [];
  const isPart = ({ kind, name }: { kind: string; name: string }) =>
    kind === 'PersistentVolumeClaim' && used.has(name);
  return used.has(metadata.name) || owners.some(isPart);
}

function as(kind: ObjectKind<AnyObject>): (object: AnyObject) => Leftover {
  return (object) => ({ kind, object });
}

function listAll<T extends AnyObject>(
  host: Host,
  kind: ObjectKind<T>,
  namespace: string,
  limits: Limits,
): Promise<T[]> {
  return insist(host, limits, `listing the ${kind.plural} of ${namespace}`, () =>
    host.kubernetes.list(kind, { namespace }, limits.signal),
  );
}

/** Asks for the deletion of this very object; one made under its name since is not touched. */
export function removeOne(
  host: Host,
  kind: ObjectKind<AnyObject>,
  object: AnyObject,
  limits: Limits,
): Promise<void> {
  const { name, uid } = object.metadata;
  return insist(host, limits, `deleting the ${kind.kind} ${name}`, async () => {
    try {
      await host.kubernetes.remove(kind, nameOf(object), { uid, signal: limits.signal });
    } catch (error) {
      // Another object has its name by now.
      if (!isRefusal(error, 409)) throw error;
    }
  });
}
