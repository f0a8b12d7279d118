import type { OutsideObject } from '../provider.ts';
import { about } from './calls.ts';
import type { Host } from './host.ts';
import type { ObjectKind, Where } from './kubernetes.ts';
import { LABEL, TEMPLATES_NAMESPACE } from './names.ts';
import { DATA_VOLUMES, NAMESPACES, VM_SNAPSHOTS, VMS, type AnyObject } from './objects.ts';

/** Every cluster and set of an installation, those half-made or half-gone too. */
export async function inventory(
  host: Host,
  installation: string,
  signal: AbortSignal,
): Promise<OutsideObject[]> {
  const labels = { [LABEL.installation]: installation };
  const shared = { namespace: TEMPLATES_NAMESPACE, labels };
  const all = <T extends AnyObject>(kind: ObjectKind<T>, where: Where): Promise<AnyObject[]> =>
    about(host, { name: kind.plural }, `listing ${kind.plural}`, signal, () =>
      host.kubernetes.list(kind, where, signal),
    );
  const [namespaces, ...ofSets] = await Promise.all([
    all(NAMESPACES, { labels: { ...labels, [LABEL.clusterPool]: 'true' } }),
    all(VM_SNAPSHOTS, { labels }),
    all(VMS, shared),
    all(DATA_VOLUMES, shared),
  ]);
  const found = [...namespaces.flatMap(clusterIn), ...ofSets.flat().flatMap(setIn)];
  return [...new Map(found.map((object) => [`${object.kind} ${object.id}`, object])).values()];
}

function clusterIn({ metadata: { name, labels } }: AnyObject): OutsideObject[] {
  const id = labels[LABEL.cluster];
  if (id === undefined) return [];
  const poolId = labels[LABEL.pool] ?? '';
  return [{ kind: 'CLUSTER', id, name: labels[LABEL.clusterName] ?? name, poolId }];
}

/** VMs that were made for a set, and disks for them, have its id as that of their cluster. */
function setIn({ metadata: { namespace, labels } }: AnyObject): OutsideObject[] {
  const owner = namespace === TEMPLATES_NAMESPACE ? labels[LABEL.cluster] : undefined;
  const id = labels[LABEL.setId] ?? owner;
  if (id === undefined) return [];
  const poolId = labels[LABEL.pool] ?? '';
  return [{ kind: 'SET', id, name: `set ${labels[LABEL.set] ?? id}`, poolId }];
}
