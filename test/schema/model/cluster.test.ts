import { describe, expect, it } from 'vitest';
import {
  CLUSTER_STATUSES,
  countsToSize,
  isClaimable,
  shownStatus,
} from '../../../schema/model/cluster.ts';
import { aCluster } from '../../kit/rows.ts';

describe('a cluster', () => {
  it('is claimed only when it is free, stays, and no job has it', () => {
    const claimable = CLUSTER_STATUSES.filter((status) => isClaimable(aCluster({ status })));
    expect(claimable).toEqual(['AVAILABLE']);
    expect(isClaimable(aCluster({ removingAt: 1 }))).toBe(false);
    expect(isClaimable(aCluster({ jobId: 'job1' }))).toBe(false);
  });

  it('that is being removed is shown as RESETTING, and counts no more to the size', () => {
    for (const status of CLUSTER_STATUSES) {
      expect(shownStatus({ status, removingAt: null })).toBe(status);
      expect(shownStatus({ status, removingAt: 1 })).toBe('RESETTING');
    }
    expect(countsToSize({ removingAt: null, removedAt: null })).toBe(true);
    expect(countsToSize({ removingAt: 1, removedAt: null })).toBe(false);
    expect(countsToSize({ removingAt: 1, removedAt: 2 })).toBe(false);
  });
});
