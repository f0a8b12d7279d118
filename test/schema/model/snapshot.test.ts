import { describe, expect, it } from 'vitest';
import {
  ageSeconds,
  isCompleteSet,
  isStale,
  SNAPSHOT_STATUSES,
  staleAt,
  strategyFor,
} from '../../../schema/model/snapshot.ts';

const ROLES = [{ role: 'CONTROL_PLANE' }, { role: 'WORKER' }] as const;
const one = { role: 'CONTROL_PLANE', status: 'READY', set: 1 } as const;
const two = { role: 'WORKER', status: 'READY', set: 1 } as const;

describe('a set', () => {
  it('is complete when every role of one set is READY', () => {
    expect(isCompleteSet([one, two], ROLES)).toBe(true);
    expect(isCompleteSet([one], ROLES)).toBe(false);
    expect(isCompleteSet([], ROLES)).toBe(false);
    expect(isCompleteSet([one, { ...two, set: 2 }], ROLES)).toBe(false);
    for (const status of SNAPSHOT_STATUSES) {
      expect(isCompleteSet([one, { ...two, status }], ROLES)).toBe(status === 'READY');
    }
  });

  it('is what new clusters are made from only when it is complete', () => {
    expect(strategyFor([one, two], ROLES)).toBe('SNAPSHOT');
    expect(strategyFor([one], ROLES)).toBe('BOOTSTRAP');
  });
});

describe('a snapshot', () => {
  const pool = { snapshotMaxAgeSeconds: 60 };

  it('becomes stale at the age its pool sets, counted from when it was ready', () => {
    const ready = { createdAt: 0, readyAt: 10_000 };
    expect(staleAt(ready, pool)).toBe(70_000);
    expect(isStale(ready, pool, 69_999)).toBe(false);
    expect(isStale(ready, pool, 70_000)).toBe(true);
    expect(ageSeconds(ready, 70_000)).toBe(60);
  });

  it('is not stale before it is ready, and never of a negative age', () => {
    const begun = { createdAt: 10_000, readyAt: null };
    expect(staleAt(begun, pool)).toBeNull();
    expect(isStale(begun, pool, 1e12)).toBe(false);
    expect(ageSeconds(begun, 5_000)).toBe(0);
  });
});
