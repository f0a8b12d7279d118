import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { extendedExpiry, mayExtend, SESSION_STATUSES } from '../../../schema/model/session.ts';

const MINUTE = 60_000;
const createdAt = Date.UTC(2026, 0, 1);

describe('extendedExpiry', () => {
  it('counts from now, up to the longest time of the pool', () => {
    const session = { createdAt, expiresAt: createdAt + 60 * MINUTE };
    const now = createdAt + 30 * MINUTE;
    expect(extendedExpiry(session, 60, 480, now)).toBe(createdAt + 90 * MINUTE);
    expect(extendedExpiry(session, 1_000, 480, now)).toBe(createdAt + 480 * MINUTE);
  });

  it('never shortens a session, and never passes the longest time by itself', () => {
    const minutes = fc.integer({ min: 1, max: 525_600 });
    const times = fc.record({ left: fc.nat(1e9), age: fc.nat(1e9), minutes, most: minutes });
    fc.assert(
      fc.property(times, ({ left, age, minutes: wanted, most }) => {
        const now = createdAt + age;
        const expiresAt = now + left;
        const extended = extendedExpiry({ createdAt, expiresAt }, wanted, most, now);
        expect(extended).toBeGreaterThanOrEqual(expiresAt);
        expect(extended).toBeLessThanOrEqual(Math.max(expiresAt, createdAt + most * MINUTE));
        expect(extended).toBeLessThanOrEqual(Math.max(expiresAt, now + wanted * MINUTE));
      }),
    );
  });

  it('changes nothing when it is asked for again at the same time', () => {
    const session = { createdAt, expiresAt: createdAt + 10 * MINUTE };
    const once = extendedExpiry(session, 60, 480, createdAt);
    expect(extendedExpiry({ createdAt, expiresAt: once }, 60, 480, createdAt)).toBe(once);
  });
});

it('only a session that has a cluster, or one being made, is extended', () => {
  const extendable = SESSION_STATUSES.filter((status) => mayExtend({ status }));
  expect(extendable).toEqual(['PROVISIONING', 'RUNNING']);
});
