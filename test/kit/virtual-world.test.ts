import { describe, expect, test } from 'vitest';
import { TimerQueue } from './timer-queue.ts';
import { virtualWorld, type VirtualWorld } from './virtual-world.ts';
import { seeded } from './seeded.ts';

const start = Date.UTC(2026, 0, 1);

describe('time', () => {
  test('moves only when driven, and from timer to timer', async () => {
    const world = virtualWorld({ seed: 1 });
    const fired: [string, number][] = [];
    world.after(20, () => fired.push(['b', world.elapsed()]));
    world.after(10, () => fired.push(['a', world.elapsed()]));
    await world.advance(15);
    expect(fired).toEqual([['a', 10]]);
    expect(world.elapsed()).toBe(15);
    expect(world.now()).toBe(start + 15);
    await world.advance(5);
    expect(fired).toEqual([
      ['a', 10],
      ['b', 20],
    ]);
  });

  test('timers due together fire in the order in which they were set', async () => {
    const world = virtualWorld({ seed: 1 });
    const fired: number[] = [];
    for (const n of [1, 2, 3]) world.after(10, () => fired.push(n));
    world.after(9, () => world.after(1, () => fired.push(4)));
    await world.advance(10);
    expect(fired).toEqual([1, 2, 3, 4]);
  });

  test('waits last whole milliseconds and at least one, so that time moves on', async () => {
    const world = virtualWorld({ seed: 1 });
    const fired: number[] = [];
    for (const ms of [2.2, 0, -5]) world.after(ms, () => fired.push(world.elapsed()));
    await world.advance(0);
    expect(fired).toEqual([]);
    await world.advance(10);
    expect(fired).toEqual([1, 1, 3]);
  });

  test('a cancelled timer does not fire', async () => {
    const world = virtualWorld({ seed: 1 });
    const cancel = world.after(5, () => expect.unreachable());
    cancel();
    await world.advance(10);
    expect(world.pendingTimers()).toEqual([]);
  });

  test('promises run as far as they can between two timers', async () => {
    const world = virtualWorld({ seed: 1 });
    const steps: string[] = [];
    const work = async () => {
      await world.sleep(1);
      for (let i = 0; i < 100; i += 1) await Promise.resolve();
      await new Promise((resolve) => setImmediate(resolve));
      steps.push('slept');
    };
    void work();
    world.after(2, () => steps.push('timer'));
    await world.advance(2);
    expect(steps).toEqual(['slept', 'timer']);
  });

  test('a jump of the clock moves now, but no timer', async () => {
    const world = virtualWorld({ seed: 1, now: 1_000 });
    let fired = false;
    world.after(100, () => {
      fired = true;
    });
    world.jumpClock(-5_000);
    expect(world.now()).toBe(-4_000);
    expect(world.elapsed()).toBe(0);
    await world.advance(99);
    expect(fired).toBe(false);
    await world.advance(1);
    expect(fired).toBe(true);
  });
});

describe('ready work', () => {
  test('runs after the promises of the turn that made it ready', async () => {
    const world = virtualWorld({ seed: 1 });
    const order: string[] = [];
    world.soon(() => order.push('soon'));
    void Promise.resolve().then(() => order.push('promise'));
    await world.settle();
    expect(order).toEqual(['promise', 'soon']);
  });

  test('keeps its order, or gets one from the seed: the same seed, the same order', async () => {
    const inOrder = await orderOfReadyWork(virtualWorld({ seed: 7 }));
    expect(inOrder).toEqual([...inOrder].sort((a, b) => a - b));
    const once = await orderOfReadyWork(virtualWorld({ seed: 7, shuffle: true }));
    const again = await orderOfReadyWork(virtualWorld({ seed: 7, shuffle: true }));
    const other = await orderOfReadyWork(virtualWorld({ seed: 8, shuffle: true }));
    expect(once).not.toEqual(inOrder);
    expect(again).toEqual(once);
    expect(other).not.toEqual(once);
  });

  test('without end is an error, not a hang', async () => {
    const world = virtualWorld({ seed: 1 });
    const again = () => world.soon(again);
    again();
    await expect(world.settle()).rejects.toThrow('without end');
  });
});

describe('waiting', () => {
  test('runUntil stops as soon as it holds', async () => {
    const world = virtualWorld({ seed: 1 });
    let count = 0;
    const tick = () => {
      count += 1;
      world.after(10, tick);
    };
    tick();
    await world.runUntil(() => count === 5, { withinMs: 1_000 });
    expect(world.elapsed()).toBe(40);
  });

  test('runUntil says what is pending when it gives up', async () => {
    const world = virtualWorld({ seed: 1, trace: true });
    world.after(70, () => undefined);
    const failure = world.runUntil(() => false, { withinMs: 50 });
    await expect(failure).rejects.toThrow(
      /within 50 virtual ms.*\n.*#1 in 70 ms set at .*test.ts/s,
    );
  });

  test('finish answers as the promise does', async () => {
    const world = virtualWorld({ seed: 1 });
    const answer = world.sleep(30).then(() => 'done');
    expect(await world.finish(answer, { withinMs: 30 })).toBe('done');
    const failure = world.sleep(1).then(() => Promise.reject(new Error('no')));
    await expect(world.finish(failure, { withinMs: 1 })).rejects.toThrow('no');
  });

  test('two drivers at once are refused', async () => {
    const world = virtualWorld({ seed: 1 });
    const first = world.advance(1);
    await expect(world.advance(1)).rejects.toThrow('already being driven');
    await first;
  });

  test('sleep ends with the reason of its signal', async () => {
    const world = virtualWorld({ seed: 1 });
    const controller = new AbortController();
    const sleep = world.sleep(1_000, controller.signal);
    world.after(10, () => controller.abort(new Error('enough')));
    await expect(world.finish(sleep, { withinMs: 20 })).rejects.toThrow('enough');
    expect(world.pendingTimers()).toEqual([]);
  });
});

describe('a killed process', () => {
  test('never goes on, while its successor continues the same time', async () => {
    const world = virtualWorld({ seed: 1 });
    const controller = new AbortController();
    let wentOn = false;
    const goOn = () => {
      wentOn = true;
    };
    world.after(10, goOn);
    world.soon(goOn);
    world.sleep(5, controller.signal).then(goOn, goOn);
    world.halt();
    controller.abort();
    const next = world.successor();
    next.after(20, () => undefined);
    await next.advance(50);
    world.after(1, goOn);
    world.soon(goOn);
    world.sleep(1).then(goOn, goOn);
    await world.advance(50);
    expect(wentOn).toBe(false);
    expect(next.elapsed()).toBe(100);
  });
});

test('the same seed gives the same numbers and identifiers, which sort by time', async () => {
  const draw = (world: VirtualWorld) => [world.random(), world.newId(), world.secret(8)];
  expect(draw(virtualWorld({ seed: 3 }))).toEqual(draw(virtualWorld({ seed: 3 })));
  expect(draw(virtualWorld({ seed: 4 }))).not.toEqual(draw(virtualWorld({ seed: 3 })));
  const world = virtualWorld({ seed: 3 });
  const early = world.newId();
  await world.advance(1);
  expect(early).toMatch(/^[0-9a-f]{32}$/);
  expect(world.newId() > early).toBe(true);
});

test('the timer queue gives any mixture back in order', () => {
  const random = seeded(5);
  const queue = new TimerQueue();
  const timers = Array.from({ length: 500 }, (_, seq) => {
    return { due: Math.floor(random() * 50), seq, fire: () => undefined, setBy: null };
  });
  for (const timer of timers) queue.add(timer);
  for (const timer of timers) if (timer.seq % 3 === 0) queue.cancel(timer);
  const kept = timers.filter(({ seq }) => seq % 3 !== 0);
  kept.sort((a, b) => a.due - b.due || a.seq - b.seq);
  expect(queue.list()).toEqual(kept);
  expect(queue.size).toBe(kept.length);
  expect(kept.map(() => queue.takeFirst())).toEqual(kept);
  expect(queue.takeFirst()).toBeUndefined();
});

async function orderOfReadyWork(world: VirtualWorld): Promise<number[]> {
  const order: number[] = [];
  for (let n = 0; n < 10; n += 1) world.soon(() => order.push(n));
  await world.settle();
  return order;
}
