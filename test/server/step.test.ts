import { afterEach, describe, expect, it } from 'vitest';
import { findPoolByName, getPool } from '../../db/cluster-pool.ts';
import { findCluster } from '../../db/cluster.ts';
import { addCluster } from '../../db/hold/claim.ts';
import { removeCluster } from '../../db/hold/remove.ts';
import { findNotes } from '../../db/note.ts';
import { findPhases } from '../../db/phase.ts';
import type { Cluster } from '../../schema/model/cluster.ts';
import type { Step } from '../../server/providers/provider.ts';
import { makeStep } from '../../server/step.ts';
import { openYard, type Yard } from '../kit/yard.ts';

let yard: Yard | undefined;

afterEach(async () => {
  await yard?.close();
  yard = undefined;
});

const WHY = { cause: 'REPLENISH' } as const;

/** A step of a worker that makes a cluster; no loop runs beside it. */
async function stepAtCluster(
  signal: AbortSignal,
): Promise<{ yard: Yard; cluster: Cluster; step: Step }> {
  const open = openYard();
  yard = open;
  await open.addPool({ name: 'p', size: 1 });
  const { store, world, faults } = open;
  const poolId = store.read((db) => findPoolByName(db, 'p')?.id ?? '');
  const cluster = await open.done(
    store.transact((tx) => addCluster(tx, getPool(tx.db, poolId), {}, WHY)),
  );
  const fault = (error: unknown) => void faults.push(String(error));
  const deps = { store, world, provider: () => open.simulator, fault };
  const { id, fence } = cluster;
  const turn = { signal, deadline: world.now() + 60_000 };
  return { yard: open, cluster, step: makeStep(deps, { id, fence, cluster }, turn) };
}

describe('a step', () => {
  it('tells and notes what it does', async () => {
    const { yard: open, cluster, step } = await stepAtCluster(new AbortController().signal);
    step.progress('creating disks');
    await open.done(step.note('intent', 'make it'));
    expect(open.store.read((db) => findNotes(db, cluster.id)).get('intent')).toBe('make it');
    expect(open.store.read((db) => findPhases(db, cluster.id))).toHaveLength(1);
    const now = open.store.read((db) => findCluster(db, cluster.id));
    expect(now?.statusMessage).toBe('creating disks');
  });

  it('announces nothing any more for a cluster that was taken over', async () => {
    const { yard: open, cluster, step } = await stepAtCluster(new AbortController().signal);
    await open.done(open.store.transact((tx) => void removeCluster(tx, cluster.id, WHY)));
    // In the same commit as the removal's own words, and still refused.
    step.progress('creating disks');
    await expect(open.done(step.note('intent', 'make it'))).rejects.toThrow('has been taken over');
    expect(open.store.read((db) => findNotes(db, cluster.id)).size).toBe(0);
    expect(open.store.read((db) => findPhases(db, cluster.id))).toEqual([]);
    expect(open.faults).toEqual([]);
  });

  it('announces nothing any more when it was given up', async () => {
    const abort = new AbortController();
    const { yard: open, step } = await stepAtCluster(abort.signal);
    const noted = step.note('intent', 'make it');
    abort.abort(new Error('too late'));
    await expect(open.done(noted)).rejects.toThrow('too late');
  });
});
