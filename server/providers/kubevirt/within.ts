import { LONGEST_TIMER_MS } from '../../world.ts';
import type { Step } from '../provider.ts';
import { failed } from './errors.ts';
import type { Host } from './host.ts';

/** Reasons and results come a little before the step is cut off, so that they are told. */
const MARGIN_MS = 5_000;

/** The end of a step as a moment of `world.elapsed()`; undefined where it is very far away. */
export function endOf(host: Pick<Host, 'world'>, step: Pick<Step, 'deadline'>): number | undefined {
  const left = step.deadline - host.world.now() - MARGIN_MS;
  return left > LONGEST_TIMER_MS ? undefined : host.world.elapsed() + Math.max(0, left);
}

/** Does something that may take only so long; it is aborted, and the reason says what it was. */
export async function within<T>(
  host: Pick<Host, 'world'>,
  limit: { readonly what: string; readonly ms: number; readonly signal: AbortSignal },
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  limit.signal.throwIfAborted();
  const over = new AbortController();
  const late = failed(`${limit.what} took longer than ${limit.ms / 1_000} s`);
  const cancel = host.world.after(limit.ms, () => over.abort(late));
  try {
    return await work(AbortSignal.any([limit.signal, over.signal]));
  } finally {
    cancel();
  }
}
