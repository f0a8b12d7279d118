import { realWorld, sleepBy, type World } from '../../server/world.ts';

/** The real world with a clock, and timers, that run so many times faster. */
export function fastWorld(speed: number): World {
  const real = realWorld();
  const begun = { now: real.now(), elapsed: real.elapsed() };
  const elapsed = () => begun.elapsed + (real.elapsed() - begun.elapsed) * speed;
  const after: World['after'] = (ms, callback) => {
    const due = elapsed() + ms;
    // A real timer may fire within a millisecond too early, which is long here.
    const fire = () => (elapsed() < due ? wait() : callback());
    let cancel = () => {};
    const wait = () => {
      cancel = real.after(Math.ceil((due - elapsed()) / speed), fire);
    };
    wait();
    return () => cancel();
  };
  return {
    ...real,
    now: () => Math.round(begun.now + elapsed() - begun.elapsed),
    elapsed,
    after,
    sleep: (ms, signal) => sleepBy(after, ms, signal),
  };
}
