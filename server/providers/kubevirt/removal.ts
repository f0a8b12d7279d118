import type { OutsideObject, Step } from '../provider.ts';
import { refuseIntruder } from './anchor.ts';
import { about } from './calls.ts';
import { removeObject } from './discard.ts';
import { isRefusal } from './errors.ts';
import type { Host } from './host.ts';
import type { ObjectKind, Where } from './kubernetes.ts';
import { cloudInitName, FENCE, LABEL, rootDiskName, TEMPLATES_NAMESPACE } from './names.ts';
import {
  CLAIMS,
  DATA_VOLUMES,
  isLeaving,
  NAMESPACES,
  nameOf,
  SECRETS,
  SERVICES,
  VM_SNAPSHOTS,
  VMS,
  type AnyObject,
  type Namespace,
} from './objects.ts';
import { until } from './until.ts';
import { endOf } from './within.ts';

const LOOK_AGAIN_MS = 5_000;

/** Removes a cluster with its namespace, or a set, and waits until it is gone. */
export async function ensureGone(host: Host, object: OutsideObject, step: Step): Promise<void> {
  if (object.kind === 'CLUSTER') await removeCluster(host, object, step);
  else await removeSet(host, object, step);
}

/** Only namespaces that say that they hold this cluster are found, and so only they can go. */
async function removeCluster(host: Host, { id, name }: OutsideObject, step: Step): Promise<void> {
  const where = { labels: { [LABEL.cluster]: id } };
  const found = await listAll(host, NAMESPACES, where, step.signal);
  for (const namespace of found) refuseIntruder(namespace, step);
  for (const namespace of found) {
    if (!isLeaving(namespace)) await orderRemoval(host, namespace, step);
    await untilNamespaceGone(host, namespace, name, step);
  }
}

async function orderRemoval(host: Host, { metadata }: Namespace, step: Step): Promise<void> {
  const { signal } = step;
  const { name, uid, resourceVersion } = metadata;
  const of = { name };
  const annotations = { [FENCE]: String(step.fence) };
  const what = `deleting the namespace ${name}`;
  await about(host, of, what, signal, async () => {
    try {
      await host.kubernetes.patch(
        NAMESPACES,
        of,
        { metadata: { resourceVersion, annotations } },
        signal,
      );
    } catch (error) {
      const now = isRefusal(error, 409) ? await host.kubernetes.get(NAMESPACES, of, signal) : null;
      if (now === null && !isRefusal(error, 404)) throw error;
      // Somebody wrote to it: it is looked at again, and may be refused now.
      if (now) {
        refuseIntruder(now, step);
        return orderRemoval(host, now, step);
      }
    }
    await host.kubernetes.remove(NAMESPACES, of, { uid, signal });
  });
}

async function untilNamespaceGone(
  host: Host,
  { metadata: { name, uid } }: Namespace,
  cluster: string,
  step: Step,
): Promise<void> {
  const labels = { [LABEL.installation]: step.installation, [LABEL.clusterPool]: 'true' };
  let last: Namespace | undefined;
  const wait = {
    what: `the namespace of ${cluster} to be gone`,
    signal: step.signal,
    deadline: endOf(host, step),
    everyMs: LOOK_AGAIN_MS,
    detail: () => last && whatHolds(last),
  };
  await until(host, [host.kubernetes.view(NAMESPACES, { labels })], wait, async () => {
    const what = `reading the namespace ${name}`;
    last = await about(host, { name }, what, step.signal, () =>
      host.kubernetes.get(NAMESPACES, { name }, step.signal),
    );
    return last?.metadata.uid === uid ? undefined : true;
  });
}

/** What a namespace itself says holds it back. */
function whatHolds({ status }: Namespace): string | undefined {
  const holding = status?.conditions?.filter((each) => each.status === 'True' && each.message);
  return holding?.map(({ message }) => message).join('; ') || undefined;
}

/** A set's snapshots wherever they are, and the VMs and disks that only it has. */
async function removeSet(host: Host, { id }: OutsideObject, step: Step): Promise<void> {
  const { signal } = step;
  const shared = <T extends AnyObject>(kind: ObjectKind<T>) => listShared(host, kind, id, signal);
  const [snapshots, vms, dataVolumes, claims, services] = await Promise.all([
    listAll(host, VM_SNAPSHOTS, { labels: { [LABEL.setId]: id } }, signal),
    shared(VMS),
    shared(DATA_VOLUMES),
    shared(CLAIMS),
    shared(SERVICES),
  ]);
  for (const object of [...snapshots, ...vms, ...dataVolumes, ...claims, ...services]) {
    refuseIntruder(object, step);
  }
  // Secrets are not listed, VMs and their disks tell their names: so these go after them.
  const names = new Set([...vms.map(vmNameOf), ...dataVolumes.map(vmOfDisk)]);
  for (const name of names) {
    const of = { namespace: TEMPLATES_NAMESPACE, name: cloudInitName(name) };
    await removeObject(host, SECRETS, of, step);
  }
  await removeAll(host, VM_SNAPSHOTS, snapshots, step);
  await removeAll(host, VMS, vms, step);
  await removeAll(host, DATA_VOLUMES, dataVolumes, step);
  await removeAll(host, CLAIMS, claims, step);
  await removeAll(host, SERVICES, services, step);
}

function vmNameOf({ metadata }: AnyObject): string {
  return metadata.name;
}

function vmOfDisk({ metadata: { name } }: AnyObject): string {
  return name.slice(0, name.length - rootDiskName('').length);
}

/** What a set has of a kind in the shared namespace: its own, and that of its base VMs. */
async function listShared<T extends AnyObject>(
  host: Host,
  kind: ObjectKind<T>,
  id: string,
  signal: AbortSignal,
): Promise<T[]> {
  const found = await Promise.all(
    [LABEL.setId, LABEL.cluster].map((label) =>
      listAll(host, kind, { namespace: TEMPLATES_NAMESPACE, labels: { [label]: id } }, signal),
    ),
  );
  return [...new Map(found.flat().map((each) => [each.metadata.name, each])).values()];
}

async function removeAll<T extends AnyObject>(
  host: Host,
  kind: ObjectKind<T>,
  objects: readonly T[],
  step: Step,
): Promise<void> {
  await Promise.all(objects.map((object) => removeObject(host, kind, nameOf(object), step)));
}

function listAll<T>(host: Host, kind: ObjectKind<T>, where: Where, signal: AbortSignal) {
  return about(host, { name: kind.plural }, `listing ${kind.plural}`, signal, () =>
    host.kubernetes.list(kind, where, signal),
  );
}
