import { expect, test } from 'vitest';
import { RateLimit } from '../../../../server/providers/kubevirt/rate-limit.ts';
import { virtualWorld } from '../../../kit/virtual-world.ts';

const never = new AbortController().signal;

test('so many at once, then so many a second, first come first served', async () => {
  const world = virtualWorld({ seed: 1 });
  const limit = new RateLimit(world, 10, 5);
  const went: [number, number][] = [];
  for (let n = 0; n < 25; n += 1)
    void limit.take(never).then(() => went.push([n, world.elapsed()]));
  await world.advance(0);
  expect(went).toHaveLength(5);
  await world.advance(1_000);
  expect(went).toHaveLength(15);
  await world.advance(10_000);
  expect(went.map(([n]) => n)).toEqual(Array.from({ length: 25 }, (_, n) => n));
  // A pause fills the bucket, but not beyond its brim.
  for (let n = 0; n < 10; n += 1)
    void limit.take(never).then(() => went.push([n, world.elapsed()]));
  await world.advance(0);
  expect(went).toHaveLength(30);
  await world.advance(10_000);
  expect(world.pendingTimers()).toEqual([]);
});

test('who gives up waiting takes no turn, and leaves no timer', async () => {
  const world = virtualWorld({ seed: 1 });
  const limit = new RateLimit(world, 1, 1);
  const controller = new AbortController();
  await limit.take(never);
  const given = limit.take(controller.signal);
  const next = limit.take(never);
  controller.abort(new Error('given up'));
  await expect(given).rejects.toThrow('given up');
  await world.finish(next, { withinMs: 1_000 });
  const last = limit.take(AbortSignal.abort(new Error('too late')));
  await expect(last).rejects.toThrow('too late');
  const alone = new AbortController();
  const waits = limit.take(alone.signal);
  alone.abort(new Error('given up'));
  await expect(waits).rejects.toThrow('given up');
  expect(world.pendingTimers()).toEqual([]);
});
