import { expect, test } from 'vitest';
import { withChoice } from '../../client/dashboard/address.ts';
import { claimInput } from '../../client/dashboard/claim-wish.ts';
import {
  addressOf,
  endedStatuses,
  liveSessions,
  showsLive,
  wishIn,
} from '../../client/dashboard/session-wish.ts';
import { aSession } from './things.ts';

const EVERYTHING = wishIn(new URLSearchParams());

const OLD = aSession({ id: 'old', createdAt: '2026-01-01T00:00:00.000Z' });
const YOUNG = aSession({
  id: 'young',
  owner: 'grace',
  status: 'PENDING',
  pool: { id: 'pool-2', name: 'lab' },
  createdAt: '2026-01-01T00:10:00.000Z',
});
const ENDED = aSession({ id: 'ended', status: 'FAILED', endedAt: '2026-01-01T00:20:00.000Z' });

function ids(wish: Partial<typeof EVERYTHING>): string[] {
  const all = [OLD, YOUNG, ENDED];
  return liveSessions(all, { ...EVERYTHING, ...wish }, 'grace').map(({ id }) => id);
}

test('those that go on, the youngest first', () => {
  expect(ids({})).toEqual(['young', 'old']);
  expect(ids({ scope: 'Mine' })).toEqual(['young']);
  expect(ids({ pool: 'cks' })).toEqual(['old']);
  expect(ids({ status: 'PENDING' })).toEqual(['young']);
});

test('a state is either of those that go on or of those that have ended', () => {
  expect(endedStatuses(EVERYTHING)).toEqual(['COMPLETED', 'FAILED']);
  expect(showsLive(EVERYTHING)).toBe(true);
  const failed = { ...EVERYTHING, status: 'FAILED' };
  expect(endedStatuses(failed)).toEqual(['FAILED']);
  expect(showsLive(failed)).toBe(false);
  expect(endedStatuses({ ...EVERYTHING, status: 'RUNNING' })).toEqual([]);
});

test('a claim asks only for what was filled in', () => {
  const empty = { pool: 'cks', minutes: '', owner: ' ', snapshotId: '' };
  expect(claimInput(empty)).toEqual({ pool: 'cks' });
  const full = { pool: 'cks', minutes: 5, owner: ' grace ', snapshotId: 's' };
  expect(claimInput(full)).toEqual({
    pool: 'cks',
    ttlMinutes: 5,
    owner: 'grace',
    snapshotId: 's',
  });
});

test('what is wanted is in the address, and comes from there as it was', () => {
  for (const wish of [
    EVERYTHING,
    { scope: 'Mine', pool: 'a&b', status: 'RUNNING' },
    { scope: 'All', pool: 'cks', status: '' },
  ] as const) {
    expect(wishIn(new URLSearchParams(addressOf(wish).toString()))).toEqual(wish);
  }
  expect(addressOf(EVERYTHING).toString()).toBe('');
  expect(wishIn(new URLSearchParams('whose=yours&status=LOST'))).toEqual(EVERYTHING);
});

test('a choice in the address leaves the others there', () => {
  const params = new URLSearchParams('id=7&page=2');
  expect(withChoice(params, 'page', '3').toString()).toBe('id=7&page=3');
  expect(withChoice(params, 'page', null).toString()).toBe('id=7');
});
