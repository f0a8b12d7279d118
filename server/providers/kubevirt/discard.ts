import type { ClusterRef, Step } from '../provider.ts';
import { about, refuseForeign } from './calls.ts';
import type { Host } from './host.ts';
import type { ObjectKind, ObjectName } from './kubernetes.ts';
import type { Machine } from './machines.ts';
import { cloudInitName, rootDiskName } from './names.ts';
import { CLAIMS, DATA_VOLUMES, nameOf, SECRETS, VMS, type AnyObject } from './objects.ts';
import { viewOfOurs } from './our-views.ts';
import { until } from './until.ts';
import { endOf } from './within.ts';

const LOOK_AGAIN_MS = 2_000;

/** Removes VMs with their disks and secrets, and waits until they are gone. */
export async function discardMachines(
  host: Host,
  ref: Pick<ClusterRef, 'namespace'>,
  machines: readonly Pick<Machine, 'vm'>[],
  step: Step,
): Promise<void> {
  await Promise.all(machines.map(({ vm }) => discardNamed(host, ref, vm.metadata.name, step)));
}

/** Removes a VM of this name with its disk and secret, whichever of them there are. */
export async function discardNamed(
  host: Host,
  { namespace }: Pick<ClusterRef, 'namespace'>,
  name: string,
  step: Step,
): Promise<void> {
  host.guests.forget({ namespace, name });
  await removeObject(host, VMS, { namespace, name }, step);
  const disk = { namespace, name: rootDiskName(name) };
  await removeObject(host, DATA_VOLUMES, disk, step);
  // A claim goes after its data volume: as long as it is there, another would get what it holds.
  await removeObject(host, CLAIMS, disk, step);
  await removeObject(host, SECRETS, { namespace, name: cloudInitName(name) }, step);
}

/** Removes the object that has this name now, and waits until it is gone; absent is success. */
export async function removeObject<T extends AnyObject>(
  host: Host,
  kind: ObjectKind<T>,
  of: ObjectName,
  step: Pick<Step, 'signal' | 'deadline' | 'installation'>,
): Promise<void> {
  const { signal } = step;
  const what = `deleting the ${kind.kind} ${of.name}`;
  const present = await about(host, of, what, signal, () => host.kubernetes.get(kind, of, signal));
  if (present === undefined) return;
  refuseForeign(present, step.installation);
  const { uid } = present.metadata;
  await about(host, of, what, signal, () => host.kubernetes.remove(kind, of, { uid, signal }));
  await untilGone(host, kind, present, step);
}

/** Waits until this very object is gone; another may have its name by then. */
export async function untilGone<T extends AnyObject>(
  host: Host,
  kind: ObjectKind<T>,
  object: T,
  step: Pick<Step, 'signal' | 'deadline' | 'installation'>,
): Promise<void> {
  const { signal } = step;
  const of = nameOf(object);
  const { uid } = object.metadata;
  const what = `looking for the ${kind.kind} ${of.name}`;
  const wait = {
    what: `the ${kind.kind} ${of.name} to be gone`,
    signal,
    deadline: endOf(host, step),
    everyMs: LOOK_AGAIN_MS,
  };
  // Secrets are neither listed nor watched.
  const views = kind.kind === 'Secret' ? [] : [viewOfOurs(host, kind, step)];
  await until(host, views, wait, async () => {
    const now = await about(host, of, what, signal, () => host.kubernetes.get(kind, of, signal));
    return now?.metadata.uid === uid ? undefined : true;
  });
}
