import type { World } from '../../world.ts';
import type { Step } from '../provider.ts';
import { isOutage, providerError, reasonOf } from './errors.ts';
import { until } from './until.ts';
import { endOf } from './within.ts';

/** The limits of whoever insists. */
export type Limits = Pick<Step, 'signal' | 'deadline'>;

const AGAIN_MS = 2_000;
/** An API server that is rolled out, or comes back, takes about a minute. */
const PATIENCE_MS = 150_000;

/**
 * Makes a call, and makes it again while it fails for a reason that passes. So an API that is gone
 * for a minute costs a minute, and not a rung of a ladder. Every call made here must be one that
 * can be repeated though the first was obeyed. A 409 is the caller's to understand. `what` says
 * what is tried on which object, for the reason.
 */
export async function insist<T>(
  host: { readonly world: World },
  limits: Limits,
  what: string,
  call: () => Promise<T>,
): Promise<T> {
  const { signal } = limits;
  let last: string | undefined;
  const patience = host.world.elapsed() + PATIENCE_MS;
  const wait = {
    what: `an answer to: ${what}`,
    signal,
    deadline: Math.min(patience, endOf(host, limits) ?? patience),
    everyMs: AGAIN_MS,
    detail: () => last,
  };
  const { answer } = await until(host, [], wait, async () => {
    try {
      return { answer: await call() };
    } catch (error) {
      if (signal.aborted || !isOutage(error)) throw providerError(error, what);
      last = reasonOf(error);
      return undefined;
    }
  });
  return answer;
}
