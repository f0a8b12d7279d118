import { PROVIDER_KINDS } from '../schema/model/provider-kind.ts';
import { Loop, type LoopSettings } from './loop.ts';
import { access } from './reconcilers/access.ts';
import { capture } from './reconcilers/capture.ts';
import { expire } from './reconcilers/expire.ts';
import { images } from './reconcilers/images.ts';
import { inspect } from './reconcilers/inspect.ts';
import { jobs } from './reconcilers/jobs.ts';
import { provision } from './reconcilers/provision.ts';
import type { Deps, Reconciler } from './reconcilers/reconciler.ts';
import { recover } from './reconcilers/recover.ts';
import { removeSet } from './reconcilers/remove-set.ts';
import { remove } from './reconcilers/remove.ts';
import { replenish } from './reconcilers/replenish.ts';
import { reset } from './reconcilers/reset.ts';
import { trim } from './reconcilers/trim.ts';
import { wake } from './reconcilers/wake.ts';

/** A loop that nobody wakes looks again after this long: what a lost wake costs. */
const TICK_MS = 5_000;
/** Sessions end at their time by a timer of their own; this is only the net. */
const SWEEP_MS = 300_000;

/** A loop that has just found nothing looks at most this often when commits follow each other. */
const CALM_MS = 50;

/** All loops of a server. */
export interface Loops {
  start(): void;
  /** Aborts what is under way, which the next start takes up, and resolves when it has ended. */
  stop(): Promise<void>;
}

/** Builds the loops: every commit wakes them, and a provider's word about a cluster, its look. */
export function createLoops(deps: Deps): Loops {
  const { world, fault } = deps;
  const inspector = inspect(deps);
  const loop = (reconciler: Reconciler, special: Partial<LoopSettings> = {}) =>
    new Loop(reconciler, { world, fault, tickMs: TICK_MS, calmMs: CALM_MS, ...special });
  const inspection = loop(inspector);
  const loops = [
    // Those that somebody waits for are woken first, and at once.
    loop(wake(deps), { calmMs: 0, isAwaited: true }),
    loop(provision(deps), { calmMs: 0 }),
    loop(reset(deps)),
    loop(replenish(deps)),
    loop(expire(deps), { tickMs: SWEEP_MS }),
    loop(jobs(deps)),
    loop(access(deps)),
    loop(capture(deps)),
    loop(images(deps)),
    loop(remove(deps)),
    loop(removeSet(deps)),
    inspection,
    loop(recover(deps)),
    loop(trim(deps)),
  ];
  let unhook: (() => void)[] = [];
  return {
    start: () => {
      unhook = [
        deps.store.onCommit(() => loops.forEach((each) => each.nudge())),
        ...watchProviders(deps, (id) => {
          inspector.suspect(id);
          inspection.poke();
        }),
      ];
      loops.forEach((each) => each.start());
    },
    stop: async () => {
      unhook.forEach((stop) => stop());
      await Promise.all(loops.map((each) => each.stop()));
    },
  };
}

function watchProviders(deps: Deps, onDirty: (id: string) => void): (() => void)[] {
  return PROVIDER_KINDS.flatMap((kind) => deps.provider(kind)?.watch(onDirty) ?? []);
}
