import { describe, expect, it } from 'vitest';
import { updatePool } from '../../../db/cluster-pool.ts';
import { faultAt } from '../../kit/faults.ts';
import {
  claim,
  clusterOf,
  ended,
  MINUTE,
  poolOf,
  restart,
  runningYard,
  served,
  snapshotsOf,
  strays,
} from '../../kit/pool-under-test.ts';
import type { Yard } from '../../kit/yard.ts';

const WHY = { cause: 'ADMIN' } as const;
const FOREVER = Infinity;
const failing = (times: number, retryable: boolean) =>
  faultAt(
    { operation: 'create', step: 'place', when: 'BEFORE' },
    { kind: 'ERROR', retryable, reason: 'the host is full' },
    times,
  );

/** A pool whose template set was captured from a session, so that new clusters start from it. */
async function withTemplateSet(yard: Yard, size: number): Promise<void> {
  await yard.addPool({ name: 'p', size: 1, maxClusters: size, whenEmpty: 'PROVISION' });
  await yard.settled('p', 1);
  const session = await claim(yard, 'p', 'maker');
  const wanted = { pool: 'p', sessionId: session.id };
  const job = await yard.done(yard.as('admin').createSnapshots(wanted));
  expect(await ended(yard, job)).toMatchObject({ status: 'SUCCEEDED' });
}

describe('provision', () => {
  it('makes clusters by BOOTSTRAP without a template set, each with its own set', async () => {
    const yard = runningYard();
    await yard.addPool({ name: 'p', size: 2 });
    await yard.settled('p', 2);
    const made = yard
      .members('p')
      .map(({ strategy, fallbackReason }) => [strategy, fallbackReason]);
    expect(made).toEqual([
      ['BOOTSTRAP', null],
      ['BOOTSTRAP', null],
    ]);
    expect(snapshotsOf(yard, 'p').filter((s) => s.current && s.status === 'READY')).toHaveLength(4);
    expect(await strays(yard)).toEqual([]);
  });

  it('makes a cluster by SNAPSHOT from a template set, and the session says so', async () => {
    const yard = runningYard();
    await withTemplateSet(yard, 2);
    const session = await served(yard, await claim(yard, 'p', 'bob'));
    expect(session).toMatchObject({
      status: 'RUNNING',
      servedFrom: 'SNAPSHOT',
      strategy: 'SNAPSHOT',
      fallbackReason: null,
      statusMessage: null,
    });
    expect(clusterOf(yard, session.clusterId).strategy).toBe('SNAPSHOT');
  });

  it('falls back to BOOTSTRAP when the set is lost, and keeps the reason', async () => {
    const yard = runningYard();
    await withTemplateSet(yard, 2);
    const [set] = snapshotsOf(yard, 'p').filter(({ clusterId }) => clusterId === null);
    yard.simulator.loseSet(`${set?.poolId}-${set?.set}`);
    const session = await served(yard, await claim(yard, 'p', 'bob'));
    expect(session).toMatchObject({ status: 'RUNNING', servedFrom: 'BOOTSTRAP' });
    expect(session.fallbackReason).toMatch(/its snapshots failed: no such snapshot set/);
    expect(clusterOf(yard, session.clusterId).fallbackReason).toBe(session.fallbackReason);
  });

  it('owns a set that exists after a fallback that came after the capture', async () => {
    const fault = { kind: 'ERROR', retryable: true } as const;
    const yard = runningYard();
    await withTemplateSet(yard, 2);
    const next = restart(yard, {
      faults: faultAt({ operation: 'mark', step: 'write', when: 'BEFORE' }, fault, 1),
    });
    const session = await served(next, await claim(next, 'p', 'bob'));
    expect(session).toMatchObject({ status: 'RUNNING', servedFrom: 'BOOTSTRAP' });
    await next.world.advance(MINUTE);
    expect(await strays(next)).toEqual([]);
  });

  it('tries three times, then ERROR, then again after 1, 5 and 25 minutes', async () => {
    const yard = runningYard({ faults: failing(FOREVER, true) });
    await yard.addPool({ name: 'p', size: 1 });
    const resume = () => yard.done(yard.as('admin').updateClusterPool({ name: 'p' }));
    const waits: number[] = [];
    for (let failed = 0; failed < 4; failed += 1) {
      await yard.settled('p', 1, ['ERROR']);
      await resume();
      const [cluster] = yard.members('p');
      expect(cluster?.statusMessage).toBe('the host is full');
      waits.push((cluster?.nextAttemptAt ?? 0) - yard.world.now());
      await yard.settled('p', 1, ['CREATING']);
    }
    expect(waits).toEqual([1, 5, 25, 25].map((minutes) => minutes * MINUTE));
  });

  it('does not repeat what will not succeed', async () => {
    const faults = failing(FOREVER, false);
    const yard = runningYard({ faults });
    await yard.addPool({ name: 'p', size: 1 });
    await yard.settled('p', 1, ['ERROR']);
    expect(faults.met).toHaveLength(1);
  });

  it('pauses a pool after three failed creations, and says why', async () => {
    const yard = runningYard({ faults: failing(3, false) });
    await yard.addPool({ name: 'p', size: 3 });
    await yard.settled('p', 3, ['ERROR']);
    const reason = '3 creations failed; the last: the host is full';
    expect(poolOf(yard, 'p').replenishPaused).toBe(reason);
    await yard.world.advance(60 * MINUTE);
    expect(yard.members('p').map(({ status }) => status)).toEqual(['ERROR', 'ERROR', 'ERROR']);
    await expect(claim(yard, 'p')).rejects.toThrow(reason);
  });

  it.each(['repairCluster', 'bootstrapPool', 'updateClusterPool'] as const)(
    'goes on in a paused pool after %s',
    async (verb) => {
      const yard = runningYard({ faults: failing(3, false) });
      await yard.addPool({ name: 'p', size: 3 });
      await yard.settled('p', 3, ['ERROR']);
      const admin = yard.as('admin');
      const resume = {
        repairCluster: async () => void (await admin.repairCluster(yard.members('p')[0]?.id ?? '')),
        bootstrapPool: async () => void (await admin.bootstrapPool('p')),
        updateClusterPool: async () => void (await admin.updateClusterPool({ name: 'p' })),
      };
      await yard.done(resume[verb]());
      expect(poolOf(yard, 'p').replenishPaused).toBeNull();
      await yard.settled('p', 3);
    },
  );

  it('stays paused when one more creation fails after one that succeeded', async () => {
    const yard = runningYard({ faults: failing(FOREVER, false) });
    await yard.addPool({ name: 'p', size: 1, maxClusters: 2, whenEmpty: 'PROVISION' });
    const paused = { failuresInRow: 0, replenishPaused: 'for a reason' };
    const { id } = poolOf(yard, 'p');
    const claimed = yard.as('alice', 'USER').createSession({ pool: 'p' });
    const pausing = yard.store.transact((tx) => void updatePool(tx, id, paused, WHY));
    const session = await yard.done(claimed);
    await yard.done(pausing);
    expect(await served(yard, session)).toMatchObject({ status: 'FAILED' });
    expect(poolOf(yard, 'p').replenishPaused).toBe('for a reason');
  });

  it('fails the session for which a cluster could not be made, with the reason', async () => {
    const yard = runningYard({ faults: failing(FOREVER, true) });
    await yard.addPool({ name: 'p', size: 1, maxClusters: 2, whenEmpty: 'PROVISION' });
    const session = await served(yard, await claim(yard, 'p'));
    expect(session).toMatchObject({ status: 'FAILED', statusMessage: 'the host is full' });
  });

  it('resumes what it had begun before a crash, and does not begin anew', async () => {
    const yard = runningYard();
    await yard.addPool({ name: 'p', size: 1 });
    await yard.world.advance(4 * MINUTE);
    const next = restart(yard);
    const begun = next.world.now();
    await next.settled('p', 1);
    // Bootstrapping from the start takes at least seven minutes.
    expect(next.world.now() - begun).toBeLessThan(7 * MINUTE);
  });
});
