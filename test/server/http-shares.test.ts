import { expect, it } from 'vitest';
import { Shares } from '../../server/http/shares.ts';

it('lets each caller hold its share, and no more, whatever others hold', () => {
  const shares = new Shares(2);
  expect([shares.take('ann'), shares.take('ann'), shares.take('ann')]).toEqual([true, true, false]);
  expect([shares.take('ben'), shares.take('ann')]).toEqual([true, false]);
});

it('lets a caller take again what it has given back, and nothing beyond', () => {
  const shares = new Shares(2);
  for (let n = 0; n < 3; n += 1) shares.take('ann');
  shares.give('ann');
  expect([shares.take('ann'), shares.take('ann')]).toEqual([true, false]);
  for (let n = 0; n < 5; n += 1) shares.give('ann');
  expect([shares.take('ann'), shares.take('ann'), shares.take('ann')]).toEqual([true, true, false]);
});
