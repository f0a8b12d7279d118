import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  clusterName,
  errorRetryMs,
  POOL_NAME,
  wantsClusters,
} from '../../../schema/model/cluster-pool.ts';
import { formatCursor, parseCursor } from '../../../schema/model/cursor.ts';
import { POOL_SIZE_BOUNDS } from '../../../schema/model/provider-kind.ts';
import { snapshotName } from '../../../schema/model/snapshot.ts';
import { VM_ROLES } from '../../../schema/model/template.ts';
import { vmName } from '../../../schema/model/vm-handle.ts';
import { aPool } from '../../kit/rows.ts';

/** What a label of Kubernetes, and a host's name, may be. */
const LABEL = /^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/;
/** More numbers than a pool of the largest size takes in years. */
const LAST_NUMBER = 999_999_999;

const poolNames = fc.stringMatching(/^[a-z][a-z0-9-]{0,29}$/);

describe('names', () => {
  it('of clusters are those of their pool with a number, in the first pool without a dash', () => {
    expect(clusterName('cks', 7)).toBe('cluster7');
    expect(clusterName('micro', 7)).toBe('micro-7');
  });

  it('of VMs are at most 63 characters and good for a host, whatever the pool is called', () => {
    fc.assert(
      fc.property(poolNames, fc.integer({ min: 1, max: LAST_NUMBER }), (pool, number) => {
        expect(pool).toMatch(POOL_NAME);
        for (const role of VM_ROLES) expect(vmName(role, clusterName(pool, number))).toMatch(LABEL);
      }),
    );
    expect(LAST_NUMBER).toBeGreaterThan(POOL_SIZE_BOUNDS.SIMULATOR.max);
  });

  it('of VMs are not shared by two roles of a cluster', () => {
    const names = VM_ROLES.map((role) => vmName(role, 'cluster1'));
    expect(names).toEqual(['cp-cluster1', 'wk-cluster1', 'vm-cluster1']);
  });

  it('of pools begin with a letter and have 30 characters at most', () => {
    for (const good of ['a', 'cks', 'a-1', 'a'.repeat(30)]) expect(good).toMatch(POOL_NAME);
    for (const bad of ['', '1a', '-a', 'A', 'a_b', 'a b', 'a'.repeat(31), 'a\n', 'ä']) {
      expect(POOL_NAME.test(bad)).toBe(false);
    }
  });

  it('of snapshots are short for the first set', () => {
    expect(snapshotName('CONTROL_PLANE', 1)).toBe('cp-snap');
    expect(snapshotName('WORKER', 12)).toBe('wk-snap-12');
  });
});

describe('a cursor', () => {
  it('is read as it was written', () => {
    const cursors = fc.record({
      epoch: fc.stringMatching(/^[a-z0-9]{8,32}$/),
      seq: fc.integer({ min: 0, max: 999_999_999_999_999 }),
    });
    fc.assert(
      fc.property(cursors, (cursor) => {
        expect(parseCursor(formatCursor(cursor))).toEqual(cursor);
      }),
    );
  });

  it.each(['', 'x', '-1', 'abcdefgh', 'abcdefgh-', 'abcdefgh-1e3', 'ABCDEFGH-1', 'abcdefgh-1 '])(
    'is not %j',
    (text) => expect(parseCursor(text)).toBeUndefined(),
  );

  it('is no text that says more than a cursor', () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        const cursor = parseCursor(text);
        if (cursor !== undefined)
          expect(Number(formatCursor(cursor).split('-')[1])).toBe(cursor.seq);
      }),
    );
  });
});

describe('a pool', () => {
  it('waits 1, 5 and then 25 minutes before it tries a failed cluster again', () => {
    const minutes = [0, 1, 2, 3, 4, 100].map((failures) => errorRetryMs(failures) / 60_000);
    expect(minutes).toEqual([1, 1, 5, 25, 25, 25]);
  });

  it('wants clusters while it is awake and there', () => {
    expect(wantsClusters(aPool())).toBe(true);
    expect(wantsClusters(aPool({ awake: false }))).toBe(false);
    expect(wantsClusters(aPool({ deletedAt: 1 }))).toBe(false);
  });
});
