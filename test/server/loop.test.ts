import { expect, test } from 'vitest';
import { Loop } from '../../server/loop.ts';
import { virtualWorld } from '../kit/virtual-world.ts';

/** A loop over nothing, and how often it has looked. */
async function startedLoop(isAwaited: boolean) {
  const world = virtualWorld({ seed: 1 });
  const looks: number[] = [];
  const reconciler = {
    name: 'any',
    find: (now: number) => {
      looks.push(now);
      return { ready: [] };
    },
    pass: () => Promise.resolve(),
    failed: () => Promise.resolve(),
  };
  const fault = (error: unknown) => {
    throw error;
  };
  const loop = new Loop(reconciler, { world, fault, tickMs: 5_000, calmMs: 0, isAwaited });
  loop.start();
  await world.settle();
  return { world, loop, looks };
}

test('a loop looks once for all nudges of a turn, when the turn is over', async () => {
  const { world, loop, looks } = await startedLoop(false);
  loop.nudge();
  loop.nudge();
  expect(looks).toHaveLength(1);
  await world.settle();
  expect(looks).toHaveLength(2);
  await loop.stop();
});

test('one that is awaited looks within the nudge, until it has stopped', async () => {
  const { world, loop, looks } = await startedLoop(true);
  loop.nudge();
  expect(looks).toHaveLength(2);
  await world.settle();
  expect(looks).toHaveLength(2);
  await world.advance(5_000);
  expect(looks).toHaveLength(3);
  await loop.stop();
  loop.nudge();
  expect(looks).toHaveLength(3);
  expect(world.pendingTimers()).toEqual([]);
});
