import { realWorld, type World } from '../../server/world.ts';

/** A world whose timers fire when a test says so. */
export interface HandWorld {
  readonly world: World;
  /** Fires all timers that wait, or those of so many milliseconds; each once. */
  readonly fire: (ms?: number) => void;
}

/** Makes one; all but its timers is real. */
export function handWorld(): HandWorld {
  let timers: { readonly ms: number; readonly fire: () => void }[] = [];
  const after = (ms: number, fire: () => void) => {
    timers.push({ ms, fire });
    return () => {};
  };
  return {
    world: { ...realWorld(), after },
    fire(wanted) {
      const due = timers.filter(({ ms }) => wanted === undefined || ms === wanted);
      timers = timers.filter((timer) => !due.includes(timer));
      for (const { fire } of due) fire();
    },
  };
}
