import { expect, test } from 'vitest';
import { Slots } from '../../../../server/providers/simulator/slots.ts';
import { virtualWorld } from '../../../kit/virtual-world.ts';

const never = new AbortController().signal;

test('so many at once, the rest in the order of arrival', async () => {
  const world = virtualWorld({ seed: 1 });
  const slots = new Slots(2);
  const entered: string[] = [];
  const work = (name: string, ms: number) =>
    slots.hold(never, async () => {
      entered.push(`${name} at ${world.elapsed()}`);
      await world.sleep(ms);
    });
  const all = Promise.all([work('a', 10), work('b', 30), work('c', 10), work('d', 1)]);
  await world.finish(all, { withinMs: 100 });
  expect(entered).toEqual(['a at 0', 'b at 0', 'c at 10', 'd at 20']);
});

test('who gives up waiting is passed over, and who fails leaves the slot', async () => {
  const slots = new Slots(1);
  const controller = new AbortController();
  let fail: (error: Error) => void = () => undefined;
  const first = slots.hold(never, () => new Promise<never>((_, reject) => (fail = reject)));
  const second = slots.hold(controller.signal, () => Promise.resolve('second'));
  const third = slots.hold(never, () => Promise.resolve('third'));
  controller.abort(new Error('given up'));
  await expect(second).rejects.toThrow('given up');
  fail(new Error('failed'));
  await expect(first).rejects.toThrow('failed');
  expect(await third).toBe('third');
  await expect(slots.hold(controller.signal, () => Promise.resolve())).rejects.toThrow('given up');
});
