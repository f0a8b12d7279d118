import type { ClusterRef, Step } from '../provider.ts';
import { about } from './calls.ts';
import { failed, isRefusal, refused } from './errors.ts';
import type { Host } from './host.ts';
import { insist } from './insist.ts';
import { FENCE, LABEL } from './names.ts';
import { isLeaving, NAMESPACES, type AnyObject, type Namespace } from './objects.ts';

/**
 * The namespace of a cluster is its anchor: it says whose the cluster is, and its fence says which
 * step wrote there last. Whoever changes anything in it takes the anchor over first.
 */

/**
 * Takes a cluster over for a step. Refuses a cluster that is not there, that is somebody else's,
 * or that a later step has taken over.
 */
export async function takeOver(host: Host, ref: ClusterRef, step: Step): Promise<void> {
  const namespace = await findAnchor(host, ref, step.signal);
  if (namespace === undefined) {
    throw refused(`there is no namespace ${ref.namespace}`);
  }
  if (isLeaving(namespace)) {
    throw failed(`the namespace ${ref.namespace} is being deleted`);
  }
  await takeAnchor(host, ref, namespace, step);
}

/**
 * Throws when a later step has taken the cluster over. Asked again after every long wait, before
 * something is destroyed: who was overtaken meanwhile has nothing to do there any more.
 */
export function assertCluster(host: Host, ref: ClusterRef, step: Step): Promise<void> {
  return insist(host, step, `taking over ${ref.name}`, () => takeOver(host, ref, step));
}

/** The namespace of a cluster, whoever's it is. */
export function findAnchor(
  host: Host,
  ref: ClusterRef,
  signal: AbortSignal,
): Promise<Namespace | undefined> {
  const of = { name: ref.namespace };
  return about(host, of, `reading the namespace ${ref.namespace}`, signal, () =>
    host.kubernetes.get(NAMESPACES, of, signal),
  );
}

/** Writes the step's fence on an anchor that was just read; looks again when somebody wrote it. */
export async function takeAnchor(
  host: Host,
  ref: ClusterRef,
  namespace: Namespace,
  step: Step,
): Promise<void> {
  refuseIntruder(namespace, step, ref.id);
  if (namespace.metadata.annotations[FENCE] === String(step.fence)) return;
  const { name, resourceVersion } = namespace.metadata;
  const annotations = { [FENCE]: String(step.fence) };
  const patch = { metadata: { resourceVersion, annotations } };
  const what = `taking over the namespace ${name}`;
  const isTaken = await about(host, { name }, what, step.signal, async () => {
    try {
      await host.kubernetes.patch(NAMESPACES, { name }, patch, step.signal);
      return true;
    } catch (error) {
      if (isRefusal(error, 409) || isRefusal(error, 404)) return false;
      throw error;
    }
  });
  if (!isTaken) await takeOver(host, ref, step);
}

/** Refuses an anchor of others, of another cluster, or one that a later step has taken over. */
export function refuseIntruder(
  anchor: AnyObject,
  step: Pick<Step, 'installation' | 'fence'>,
  clusterId?: string,
): void {
  const { name, labels, annotations } = anchor.metadata;
  if (labels[LABEL.installation] !== step.installation) {
    throw refused(`${name} does not belong to this installation`);
  }
  if (clusterId !== undefined && labels[LABEL.cluster] !== clusterId) {
    throw refused(`${name} belongs to another cluster`);
  }
  const fence = Number(annotations[FENCE] ?? 0);
  if (fence <= step.fence) return;
  const reason = `${name} has been taken over: fence ${step.fence} < ${fence}`;
  throw refused(reason);
}
