import type { Objects } from '../ports.ts';
import { at, fieldsOf, textOf } from './fields.ts';

/**
 * The address behind the name of a service, as the cluster's DNS gives it: of the first pod that
 * the service selects, and that is ready, unless it publishes addresses before that.
 */
export function resolveService(
  objects: Objects,
  namespace: string,
  name: string,
): string | undefined {
  const [, service = '', space = namespace] =
    /^([^.]+)(?:\.([^.]+)(?:\.svc(?:\.cluster\.local)?)?)?\.?$/.exec(name) ?? [];
  const found = objects.get('Service', space, service);
  const selector = fieldsOf(at(found, 'spec.selector'));
  if (found === undefined || Object.keys(selector).length === 0) return undefined;
  const labels = selector as Readonly<Record<string, string>>;
  const early = at(found, 'spec.publishNotReadyAddresses') === true;
  const pods = objects.list('Pod', { namespace: space, labels }).filter((pod) => {
    const phase = textOf(at(pod, 'status.phase'));
    return phase === 'Running' || (early && phase === 'Pending');
  });
  const addresses = pods.flatMap((pod) => (early || isReady(pod) ? [at(pod, 'status.podIP')] : []));
  return addresses.map(textOf).find((address) => address !== undefined);
}

function isReady(pod: unknown): boolean {
  const conditions = at(pod, 'status.conditions');
  if (!Array.isArray(conditions)) return false;
  return conditions.some((one) => at(one, 'type') === 'Ready' && at(one, 'status') === 'True');
}
