import { sleepBy, type World } from '../../server/world.ts';

/** The world as one of several processes has it, which can be killed while the others live on. */
export interface ProcessWorld extends World {
  /** Ends the process: no timer of it fires any more, and nothing that waits ever goes on. */
  kill(): void;
  readonly isDead: boolean;
}

/** A process in a world, with timers of its own. */
export function processIn(world: World): ProcessWorld {
  let dead = false;
  const unlessDead = (callback: () => void) => () => {
    if (!dead) callback();
  };
  const after: World['after'] = (ms, callback) =>
    dead ? () => undefined : world.after(ms, unlessDead(callback));
  return {
    ...world,
    after,
    soon: (callback) => {
      if (!dead) world.soon(unlessDead(callback));
    },
    sleep: (ms, signal) => untilDeath(sleepBy(after, ms, signal), () => dead),
    kill: () => {
      dead = true;
    },
    get isDead() {
      return dead;
    },
  };
}

function untilDeath(promise: Promise<void>, isDead: () => boolean): Promise<void> {
  return new Promise((resolve, reject) => {
    promise.then(
      () => void (isDead() || resolve()),
      (error: unknown) => void (isDead() || reject(error as Error)),
    );
  });
}
