import { expect, test } from 'vitest';
import { fastWorld } from './fast-world.ts';

test('a timer of a fast world never fires before its clock says so', async () => {
  const world = fastWorld(1_000);
  for (const ms of [1, 999, 1_500, 10_001]) {
    const begun = { now: world.now(), elapsed: world.elapsed() };
    await world.sleep(ms);
    expect(world.elapsed() - begun.elapsed).toBeGreaterThanOrEqual(ms);
    expect(world.now() - begun.now).toBeGreaterThanOrEqual(ms - 1);
  }
});

test('a timer that is taken back does not fire', async () => {
  const world = fastWorld(1_000);
  let fired = false;
  const cancel = world.after(5_000, () => {
    fired = true;
  });
  cancel();
  await world.sleep(10_000);
  expect(fired).toBe(false);
});
