import { afterEach, expect, test } from 'vitest';
import { guestKit, userData, type GuestKit } from './guest-kit.ts';

let kit: GuestKit;
const begin = (seed = 1) => (kit = guestKit(seed));
afterEach(() => kit.close());

test('a guest takes SSH 20 to 60 s after it was switched on, and before that refuses', async () => {
  const { world, guests, start, untilUp, run } = begin();
  const machine = start('cluster1', 'cp', userData());
  await world.advance(19_000);
  expect(guests.connect(machine.uid, 22)).toBeUndefined();
  await untilUp(machine);
  expect(world.elapsed()).toBeLessThan(61_000);
  expect(await run(machine, 'whoami')).toEqual({ out: 'suporte\n', err: '', status: 0 });
});
