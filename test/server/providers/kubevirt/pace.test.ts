import { expect, test } from 'vitest';
import { Pace } from '../../../../server/providers/kubevirt/pace.ts';
import { virtualWorld } from '../../../kit/virtual-world.ts';

test('the longer a guest is silent the longer is the pause, within bounds', async () => {
  const world = virtualWorld({ seed: 1 });
  const pace = new Pace(world);
  const pauses: number[] = [];
  for (const silentMs of [0, 60_000, 200_000, 3_600_000]) {
    pauses.push(pace.turnInMs(silentMs));
    await world.advance(60_000);
  }
  expect(pauses).toEqual([2_000, 2_000, 6_000, 30_000]);
});

test('however many come up at once, they have five questions a second, in turn', async () => {
  const world = virtualWorld({ seed: 1 });
  const pace = new Pace(world);
  const asked = Array.from({ length: 100 }, () => 0);
  const ask = (guest: number) => {
    asked[guest] = (asked[guest] ?? 0) + 1;
    world.after(pace.turnInMs(0), () => ask(guest));
  };
  for (let guest = 0; guest < 100; guest += 1) world.after(pace.turnInMs(0), () => ask(guest));
  await world.advance(300_000);
  const all = asked.reduce((sum, each) => sum + each, 0);
  expect(all / 300).toBeLessThan(5.5);
  expect(Math.min(...asked)).toBeGreaterThanOrEqual(10);
  world.halt();
});
