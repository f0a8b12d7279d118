import type { World } from '../../world.ts';
import { isOutage } from './errors.ts';
import type { Kubernetes } from './kubernetes.ts';
import { backOff } from './retry.ts';

/** An API server that is rolled out, or comes back, takes about a minute. */
const PATIENCE_MS = 120_000;
const FAILURES_BEFORE = 4;

/**
 * The same API for steps, which have time: a call that may be sent again is, while the server is
 * away, in trouble or refuses our login. So an outage of a minute costs a minute, and not an
 * attempt at a cluster, of which three in a row pause a pool. When it lasts, what is thrown is
 * what came back last. Orders and patches are left to their callers, who know what they ask for.
 */
export function patient(kubernetes: Kubernetes, world: World): Kubernetes {
  const again = <T>(signal: AbortSignal, call: () => Promise<T>) => goOn(world, signal, call);
  return {
    get: (kind, of, signal) => again(signal, () => kubernetes.get(kind, of, signal)),
    list: (kind, where, signal) => again(signal, () => kubernetes.list(kind, where, signal)),
    create: (kind, body, signal) =>
      // A name that the server chooses cannot be looked for: it could be made twice.
      body.metadata.name === undefined
        ? kubernetes.create(kind, body, signal)
        : again(signal, () => kubernetes.create(kind, body, signal)),
    patch: (kind, of, patch, signal) => kubernetes.patch(kind, of, patch, signal),
    remove: (kind, of, options) =>
      again(options.signal, () => kubernetes.remove(kind, of, options)),
    call: (method, path, options) =>
      method === 'GET'
        ? again(options.signal, () => kubernetes.call(method, path, options))
        : kubernetes.call(method, path, options),
    stream: (path, signal) => kubernetes.stream(path, signal),
    view: (kind, where) => kubernetes.view(kind, where),
    close: () => kubernetes.close(),
  };
}

async function goOn<T>(world: World, signal: AbortSignal, call: () => Promise<T>): Promise<T> {
  const end = world.elapsed() + PATIENCE_MS;
  for (;;) {
    try {
      return await call();
    } catch (error) {
      const pause = backOff(world, FAILURES_BEFORE, error);
      const isOver = world.elapsed() + pause >= end;
      if (isOver || signal.aborted || !isOutage(error)) throw error;
      await world.sleep(pause, signal);
    }
  }
}
