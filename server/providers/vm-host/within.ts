import type { World } from '../../world.ts';
import { ProviderError } from '../provider.ts';

/** How long something may take, and what it is, for the reason if it takes longer. */
export interface Limit {
  readonly what: string;
  readonly ms: number;
  readonly signal?: AbortSignal | undefined;
  /** Whether what took too long is not to be tried again: it does harm, and would again. */
  readonly onlyOnce?: boolean | undefined;
}

/** Waits for a promise no longer than the limit, and not past the signal's abortion. */
export function within<T>(world: World, promise: Promise<T>, limit: Limit): Promise<T> {
  const { what, ms, signal, onlyOnce = false } = limit;
  return new Promise((resolve, reject) => {
    const settle = () => {
      cancel();
      signal?.removeEventListener('abort', abort);
    };
    const fail = (reason: string, retryable: boolean, cause?: unknown) => {
      settle();
      reject(new ProviderError(`${what}: ${reason}`, { retryable, cause }));
    };
    const cancel = world.after(ms, () => fail(`nothing came within ${ms} ms`, !onlyOnce));
    const abort = () => fail('given up', true, signal?.reason);
    signal?.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(settle);
    if (signal?.aborted) abort();
  });
}

/** Stops here when the step has been given up. */
export function refuseIfGivenUp(signal: AbortSignal, what: string): void {
  if (!signal.aborted) return;
  throw new ProviderError(`${what}: given up`, { retryable: true, cause: signal.reason });
}
