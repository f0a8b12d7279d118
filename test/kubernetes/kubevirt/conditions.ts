import type { World } from '../../../server/world.ts';
import type { Condition } from './shapes.ts';

/** The time as Kubernetes writes it: in whole seconds. */
export function stamp(world: World, laterMs = 0): string {
  return new Date(world.now() + laterMs).toISOString().replace(/\.\d+Z$/, 'Z');
}

/** The condition of a type. */
export function conditionOf(
  of: { readonly status?: { readonly conditions?: readonly Condition[] } } | undefined,
  type: string,
): Condition | undefined {
  return of?.status?.conditions?.find((condition) => condition.type === type);
}

/** Whether a condition of this type is there and true. */
export function holds(
  of: { readonly status?: { readonly conditions?: readonly Condition[] } } | undefined,
  type: string,
): boolean {
  return conditionOf(of, type)?.status === 'True';
}

/** The conditions with this one put in; its time of transition stays while its status does. */
export function withCondition(
  conditions: readonly Condition[] | undefined,
  next: Condition,
  now: string,
): Condition[] {
  const all = conditions ?? [];
  const before = all.find(({ type }) => type === next.type);
  const since = before?.status === next.status ? before.lastTransitionTime : now;
  const written: Condition = { lastProbeTime: null, lastTransitionTime: since ?? now, ...next };
  if (before === undefined) return [...all, written];
  return all.map((condition) => (condition.type === next.type ? written : condition));
}

/** The conditions without this one. */
export function withoutCondition(
  conditions: readonly Condition[] | undefined,
  type: string,
): Condition[] {
  return (conditions ?? []).filter((condition) => condition.type !== type);
}
