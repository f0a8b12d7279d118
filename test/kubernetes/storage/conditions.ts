import type { Condition } from './shapes.ts';

/** The conditions with one of them set; its time of transition stays while its status does. */
export function withCondition(
  conditions: readonly Condition[] | undefined,
  set: Pick<Condition, 'type' | 'status' | 'reason' | 'message'>,
  now: string,
): readonly Condition[] {
  const before = conditions?.find(({ type }) => type === set.type);
  const kept = before?.status === set.status ? before.lastTransitionTime : undefined;
  const after = { lastProbeTime: null, ...set, lastTransitionTime: kept ?? now };
  if (before === undefined) return [...(conditions ?? []), after];
  return (conditions ?? []).map((each) => (each === before ? after : each));
}

/** Several conditions of KubeVirt's storage kinds at once: the reason is all they say. */
export function withReasons(
  conditions: readonly Condition[] | undefined,
  set: Readonly<Record<string, readonly [status: boolean, reason: string]>>,
  now: string,
): readonly Condition[] {
  let result = conditions ?? [];
  for (const [type, [status, reason]] of Object.entries(set)) {
    result = withCondition(result, { type, status: status ? 'True' : 'False', reason }, now);
  }
  return result;
}

/** Whether a condition stands at True. */
export function holds(conditions: readonly Condition[] | undefined, type: string): boolean {
  return conditions?.some((each) => each.type === type && each.status === 'True') ?? false;
}
