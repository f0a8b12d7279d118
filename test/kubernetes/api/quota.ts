import type { Controller, Kind, KubeObject, Objects } from '../ports.ts';
import { quantityOf } from '../quantity.ts';
import { at, fieldsOf, listOf, textOf } from './fields.ts';
import { forbidden } from './refusals.ts';

/** Refuses an object that a quota of its namespace has no room for. */
export function refuseOverQuota(objects: Objects, kind: Kind, made: KubeObject): void {
  const { namespace, name } = made.metadata;
  if (namespace === undefined || kind.kind === 'ResourceQuota') return;
  for (const quota of objects.list('ResourceQuota', { namespace })) {
    const over = Object.entries(fieldsOf(at(quota, 'spec.hard'))).flatMap(([resource, limit]) => {
      const asked = useOf(made, resource);
      const used = usedOf(objects, namespace, resource);
      return asked > 0 && used + asked > quantityOf(limit)
        ? [{ resource, asked, used, limit: String(limit) }]
        : [];
    });
    if (over.length === 0) continue;
    const [requested, used, limited] = [
      over.map(({ resource, asked }) => `${resource}=${asked}`),
      over.map(({ resource, used }) => `${resource}=${used}`),
      over.map(({ resource, limit }) => `${resource}=${limit}`),
    ].map((list) => list.join(','));
    const said = `requested: ${requested}, used: ${used}, limited: ${limited}`;
    throw forbidden(kind, name, `exceeded quota: ${quota.metadata.name}, ${said}`);
  }
}

/** Keeps what a quota's status says of what is used. */
export function quotaController(objects: Objects): Controller {
  return {
    name: 'resourcequota',
    concerns: ({ object: { kind, metadata } }) => {
      const { namespace } = metadata;
      if (kind === 'ResourceQuota') return [`${namespace}/${metadata.name}`];
      if (kind !== 'Pod' && kind !== 'PersistentVolumeClaim') return [];
      const quotas = objects.list('ResourceQuota', { namespace });
      return quotas.map((quota) => `${namespace}/${quota.metadata.name}`);
    },
    reconcile: (key) => {
      const [namespace = '', name = ''] = key.split('/');
      const quota = objects.get('ResourceQuota', namespace, name);
      if (quota === undefined) return undefined;
      const hard = fieldsOf(at(quota, 'spec.hard'));
      const used = Object.fromEntries(
        Object.keys(hard).map((resource) => [
          resource,
          String(usedOf(objects, namespace, resource)),
        ]),
      );
      objects.update(quota, (now) => ({ ...now, status: { hard, used } }));
      return undefined;
    },
  };
}

function usedOf(objects: Objects, namespace: string, resource: string): number {
  const kind = kindCounted(resource);
  if (kind === undefined) return 0;
  const uses = objects.list(kind, { namespace }).map((object) => useOf(object, resource));
  return uses.reduce((sum, use) => sum + use, 0);
}

/** The kind whose objects use up a resource; the rest is not counted here. */
function kindCounted(resource: string): string | undefined {
  if (['persistentvolumeclaims', 'requests.storage'].includes(resource)) {
    return 'PersistentVolumeClaim';
  }
  return /^(pods|((requests|limits)\.)?(cpu|memory))$/.test(resource) ? 'Pod' : undefined;
}

function useOf(object: KubeObject, resource: string): number {
  if (object.kind !== kindCounted(resource)) return 0;
  if (object.kind === 'PersistentVolumeClaim') {
    if (resource === 'persistentvolumeclaims') return 1;
    return quantityOf(at(object, 'spec.resources.requests.storage')) || 0;
  }
  if (['Succeeded', 'Failed'].includes(textOf(at(object, 'status.phase')) ?? '')) return 0;
  if (resource === 'pods') return 1;
  const path = resource.includes('.') ? resource : `requests.${resource}`;
  const containers = listOf(at(object, 'spec.containers'));
  const uses = containers.map((container) => quantityOf(at(container, `resources.${path}`)) || 0);
  return uses.reduce((sum, use) => sum + use, 0);
}
