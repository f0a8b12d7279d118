import type { Cancel, World } from '../../../server/world.ts';
import { ApiError, type Controller } from '../ports.ts';
import type { Store } from './store.ts';

/** The least and the most a controller waits after a refusal, as their work queues do. */
const BACKOFF_MS = { least: 5, most: 60_000 };

/** What runs the controllers. */
export interface ControllerRunner {
  /** Looks at a key of a controller soon, though no object changed. */
  wake(controller: string, key: string): void;
  /** Ends every wait; nothing is looked at any more. */
  stop(): void;
}

interface Queue {
  readonly controller: Controller;
  readonly queued: Set<string>;
  readonly later: Map<string, Cancel>;
  /** How often in a row a key was refused. */
  readonly refused: Map<string, number>;
}

/**
 * Has every controller look at what concerns it after each change: once per key, however many
 * changes there were meanwhile. A refusal by the API is taken up again with growing waits, as
 * real controllers do; any other error is a mistake of the simulator and is thrown out loud.
 */
export function runControllers(
  world: World,
  store: Store,
  controllers: readonly Controller[],
  tell: (what: string, object: string, details: Readonly<Record<string, unknown>>) => void,
): ControllerRunner {
  const queues = controllers.map(newQueue);
  let isStopped = false;
  const look = (queue: Queue, key: string) => {
    queue.queued.delete(key);
    if (isStopped) return;
    const again = lookNow(queue, key, tell);
    if (again === undefined) return;
    const wake = () => {
      queue.later.delete(key);
      enqueue(queue, key);
    };
    queue.later.set(key, world.after(again, wake));
  };
  const enqueue = (queue: Queue, key: string) => {
    if (isStopped || queue.queued.has(key)) return;
    queue.queued.add(key);
    world.soon(() => look(queue, key));
  };
  const unsubscribe = store.onChange((change) => {
    for (const queue of queues) {
      for (const key of queue.controller.concerns(change)) enqueue(queue, key);
    }
  });
  return {
    wake: (name, key) => {
      for (const queue of queues) if (queue.controller.name === name) enqueue(queue, key);
    },
    stop: () => {
      isStopped = true;
      unsubscribe();
      for (const { later } of queues) for (const cancel of later.values()) cancel();
    },
  };
}

function newQueue(controller: Controller): Queue {
  return { controller, queued: new Set(), later: new Map(), refused: new Map() };
}

/** One look; it replaces the wait that the look before it asked for. */
function lookNow(
  { controller, later, refused }: Queue,
  key: string,
  tell: (what: string, object: string, details: Readonly<Record<string, unknown>>) => void,
): number | undefined {
  later.get(key)?.();
  later.delete(key);
  try {
    const again = controller.reconcile(key);
    refused.delete(key);
    return again;
  } catch (error) {
    if (!(error instanceof ApiError)) throw error;
    const times = (refused.get(key) ?? 0) + 1;
    refused.set(key, times);
    tell('a controller was refused', key, { controller: controller.name, why: error.message });
    return Math.min(BACKOFF_MS.least * 2 ** times, BACKOFF_MS.most);
  }
}
