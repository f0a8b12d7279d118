import { afterEach, expect, it } from 'vitest';
import { findPoolByName, getPool } from '../../db/cluster-pool.ts';
import { findAtWork, findToCapture } from '../../db/cluster-work.ts';
import { moveCluster, updateCluster } from '../../db/cluster.ts';
import { addCluster } from '../../db/hold/claim.ts';
import { insertSet } from '../../db/snapshot.ts';
import { findTemplate } from '../../db/template.ts';
import type { Tx } from '../../db/tx.ts';
import { openYard, type Yard } from '../kit/yard.ts';

let yard: Yard | undefined;

afterEach(async () => {
  await yard?.close();
  yard = undefined;
});

const WHY = { cause: 'JOB' } as const;
const MANY = 300;
const CAPTURED = 290;

/** Many free clusters, the newest of which a job has captured. */
function fill(tx: Tx, poolId: string): void {
  const roles = findTemplate(tx.db, getPool(tx.db, poolId).templateId)?.roles ?? [];
  for (let made = 0; made < MANY; made += 1) {
    const { id } = addCluster(tx, getPool(tx.db, poolId), {}, WHY);
    moveCluster(tx, id, { from: ['CREATING'], to: 'AVAILABLE' }, WHY);
    if (made < MANY - CAPTURED) continue;
    const of = { poolId, clusterId: id, sourceClusterId: id, sourceSessionId: null };
    insertSet(tx, { ...of, jobId: 'job1', mode: 'ONLINE' }, roles, WHY);
  }
}

it('finds what a job has still to capture behind hundreds that it has', async () => {
  yard = openYard();
  const { store } = yard;
  await yard.addPool({ name: 'p', size: MANY });
  const poolId = store.read((db) => findPoolByName(db, 'p')?.id ?? '');
  await yard.done(store.transact((tx) => fill(tx, poolId)));
  const numbersFor = (jobId: string, limit: number) =>
    store
      .read((db) => findToCapture(db, { poolId, jobId, without: 'SET_OF_JOB' }, limit))
      .map(({ number }) => number);
  expect(numbersFor('job1', 64)).toEqual([10, 9, 8, 7, 6, 5, 4, 3, 2, 1]);
  expect(numbersFor('job2', 2)).toEqual([300, 299]);
});

it('does not wait for a clock that has been set back', async () => {
  yard = openYard();
  const { store, world } = yard;
  await yard.addPool({ name: 'p', size: 1 });
  const poolId = store.read((db) => findPoolByName(db, 'p')?.id ?? '');
  const soon = world.now() + 2_000;
  await yard.done(
    store.transact((tx) => {
      const { id } = addCluster(tx, getPool(tx.db, poolId), {}, WHY);
      updateCluster(tx, id, { nextAttemptAt: soon }, WHY);
    }),
  );
  const isFound = (now: number) => store.read((db) => findAtWork(db, 'CREATING', now).length) === 1;
  expect([soon - 1, soon, soon - 3_600_000].map(isFound)).toEqual([false, true, true]);
});
