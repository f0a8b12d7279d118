import { expect, test } from 'vitest';
import { extensionOf, isSoon, latestEnd } from '../../client/dashboard/extension.ts';

const MINUTE = 60_000;
const NOW = Date.parse('2026-01-01T00:30:00.000Z');

const LASTING = {
  createdAt: '2026-01-01T00:00:00.000Z',
  expiresAt: '2026-01-01T01:00:00.000Z',
  maxTtlMinutes: 90,
};

test.each([
  [15, 30, 'NOTHING'],
  [30, 30, 'NOTHING'],
  [31, 31, 'LATER'],
  [60, 60, 'LATER'],
  [61, 60, 'CUT'],
] as const)('%i minutes from now is an end in %i: %s', (minutes, endsIn, effect) => {
  expect(extensionOf(LASTING, minutes, NOW)).toEqual({ endsAt: NOW + endsIn * MINUTE, effect });
});

test('a session that may last no longer is not shortened', () => {
  const lasting = { ...LASTING, maxTtlMinutes: 40 };
  expect(extensionOf(lasting, 60, NOW)).toEqual({ endsAt: NOW + 30 * MINUTE, effect: 'NOTHING' });
});

test('what the pool allows may not be known, and there may be no end yet', () => {
  const lasting = { ...LASTING, expiresAt: null, maxTtlMinutes: null };
  expect(latestEnd(lasting)).toBeNull();
  expect(extensionOf(lasting, 600, NOW)).toEqual({ endsAt: NOW + 600 * MINUTE, effect: 'LATER' });
});

test('soon is less than five minutes', () => {
  expect(isSoon(LASTING.expiresAt, NOW)).toBe(false);
  expect(isSoon(LASTING.expiresAt, NOW + 25 * MINUTE)).toBe(false);
  expect(isSoon(LASTING.expiresAt, NOW + 25 * MINUTE + 1)).toBe(true);
});
