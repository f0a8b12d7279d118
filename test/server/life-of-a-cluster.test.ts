import { afterEach, describe, expect, it } from 'vitest';
import { changesAfter } from '../../db/change.ts';
import { findCluster } from '../../db/cluster.ts';
import { getPool, findPoolByName } from '../../db/cluster-pool.ts';
import { claim } from '../../db/hold/claim.ts';
import { release } from '../../db/hold/release.ts';
import { openYard, type Yard } from '../kit/yard.ts';

let yard: Yard | undefined;

afterEach(async () => {
  await yard?.close();
  yard = undefined;
});

const WHY = { cause: 'CLAIM' } as const;
const LONG = { withinMs: 3_600_000 };

function open(): Yard {
  yard = openYard();
  yard.loops.start();
  return yard;
}

describe('the life of a cluster', () => {
  it('is made, captured, claimed, reset and free again', async () => {
    const opened = open();
    const { world, store, faults } = opened;
    await opened.addPool({ name: 'cks' });
    await opened.settled('cks', 3);
    expect(faults).toEqual([]);
    const session = await world.finish(
      store.transact((tx) => {
        const pool = findPoolByName(tx.db, 'cks');
        if (pool === undefined) throw new Error('no pool');
        const request = { owner: 'alice', ttlMinutes: 60, task: null, wakes: false };
        return claim(tx, getPool(tx.db, pool.id), request, WHY);
      }),
      LONG,
    );
    expect(session.status).toBe('RUNNING');
    const ending = { to: 'COMPLETED', endReason: 'RELEASED', statusMessage: null } as const;
    await world.finish(
      store.transact((tx) => void release(tx, session.id, ending, { cause: 'RELEASE' })),
      LONG,
    );
    await opened.settled('cks', 3);
    const states = store
      .read((db) => changesAfter(db, 0, 10_000))
      .filter(({ subjectId, to }) => subjectId === session.lastClusterId && to !== null)
      .map(({ to }) => to);
    expect(states).toEqual(['CREATING', 'AVAILABLE', 'LOCKED', 'RESETTING', 'AVAILABLE']);
    const again = store.read((db) => findCluster(db, session.lastClusterId ?? ''));
    expect(again?.lastReset).not.toBeNull();
    expect(opened.members('cks').map(({ name }) => name)).toContain('cluster1');
    expect(faults).toEqual([]);
  });
});
