import { realWorld, sleepBy, type World } from '../../server/world.ts';

/** The real world with a clock, and timers, that run so many times faster. */
export function fastWorld(speed: number): World {
  const real = realWorld();
  const begun = { now: real.now(), elapsed: real.elapsed() };
  const elapsed = () => begun.elapsed + (real.elapsed() - begun.elapsed) * speed;
  const after: World['after'] = (ms, callback) => real.after(ms / speed, callback);
  return {
    ...real,
    now: () => Math.round(begun.now + elapsed() - begun.elapsed),
    elapsed,
    after,
    sleep: (ms, signal) => sleepBy(after, ms, signal),
  };
}
