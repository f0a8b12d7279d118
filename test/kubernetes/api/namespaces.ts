import type { Controller, KubeObject, Objects } from '../ports.ts';
import { at, listOf } from './fields.ts';
import type { Kinds } from './kinds.ts';

/** What every namespace is given. */
const GIVEN: readonly (readonly [kind: string, name: string])[] = [
  ['ServiceAccount', 'default'],
  ['ConfigMap', 'kube-root-ca.crt'],
];

/** Fills new namespaces, and empties those that are to go. */
export function namespaceController(
  kinds: Kinds,
  objects: Objects,
  draw: (key: string, between: readonly [number, number]) => number,
): Controller {
  return {
    name: 'namespace',
    concerns: ({ type, object: { kind, metadata } }) => {
      if (kind === 'Namespace') return type === 'DELETED' ? [] : [metadata.name];
      const { namespace } = metadata;
      if (namespace === undefined || type === 'MODIFIED') return [];
      const home = objects.get('Namespace', undefined, namespace);
      return home?.metadata.deletionTimestamp === undefined ? [] : [namespace];
    },
    reconcile: (name) => {
      const namespace = objects.get('Namespace', undefined, name);
      if (namespace === undefined) return undefined;
      if (namespace.metadata.deletionTimestamp === undefined) {
        fill(objects, name);
        return undefined;
      }
      if (!isFinalizing(namespace)) return undefined;
      const left = empty(kinds, objects, name);
      // The real one looks again after its estimate of how long the contents need.
      if (left > 0) return draw(`namespace ${namespace.metadata.uid}`, [1000, 5000]);
      objects.update(namespace, (now) => ({ ...now, spec: { finalizers: [] } }));
      return undefined;
    },
  };
}

function fill(objects: Objects, namespace: string): void {
  for (const [kind, name] of GIVEN) {
    if (objects.get(kind, namespace, name) !== undefined) continue;
    const data = kind === 'ConfigMap' ? { data: { 'ca.crt': 'a simulator has none' } } : {};
    objects.create(kind, { metadata: { name, namespace }, ...data });
  }
}

/** Asks for the deletion of all that is in it; answers how much is still there. */
function empty(kinds: Kinds, objects: Objects, namespace: string): number {
  const inside = () =>
    kinds.all
      .filter(({ namespaced }) => namespaced)
      .flatMap(({ kind }) => objects.list(kind, { namespace }));
  for (const object of inside()) objects.remove(object);
  return inside().length;
}

function isFinalizing(namespace: KubeObject): boolean {
  return listOf(at(namespace, 'spec.finalizers')).includes('kubernetes');
}
