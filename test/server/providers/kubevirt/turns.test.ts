import { expect, it } from 'vitest';
import { Turns } from '../../../../server/providers/kubevirt/turns.ts';

const settle = () => new Promise<void>((resolve) => setImmediate(resolve));

it('one at a time has the turn of an object, in the order in which they came', async () => {
  const turns = new Turns();
  const { signal } = new AbortController();
  const seen: string[] = [];
  const leave = await turns.begin('a', signal);
  const second = turns.begin('a', signal).then((done) => {
    seen.push('second');
    return done;
  });
  const given = new AbortController();
  const third = turns.begin('a', given.signal);
  const fourth = turns.begin('a', signal).then((done) => {
    seen.push('fourth');
    return done;
  });
  (await turns.begin('b', signal))();
  given.abort(new Error('no more'));
  await expect(third).rejects.toThrow('no more');
  await settle();
  expect(seen).toEqual([]);
  leave();
  const leaveSecond = await second;
  await settle();
  expect(seen).toEqual(['second']);
  leaveSecond();
  (await fourth)();
  expect(seen).toEqual(['second', 'fourth']);
});
