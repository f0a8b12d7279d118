import { describe, expect, it } from 'vitest';
import type { ClusterRef, Provider } from '../../../server/providers/provider.ts';
import { clusterRef } from '../../../server/outside.ts';
import { faultAt } from '../../kit/faults.ts';
import {
  claim,
  clusterOf,
  ended,
  MINUTE,
  release,
  restart,
  runningYard,
  served,
  snapshotsOf,
  strays,
} from '../../kit/pool-under-test.ts';
import type { Yard } from '../../kit/yard.ts';

function refOf(yard: Yard, id: string | null): ClusterRef {
  const cluster = clusterOf(yard, id);
  return yard.store.read((db) => clusterRef(db, cluster));
}

/** A provider whose resets leave the disks as they are, and say that all went well. */
function careless(provider: Provider): Provider {
  return {
    ...provider,
    ensureReset: async (cluster, _, step) => {
      const sighting = await provider.look(cluster, step.signal);
      return { rung: 'nothing at all', sighting };
    },
  };
}

describe('reset', () => {
  it('never frees a cluster in which traces are left', async () => {
    const yard = runningYard({ wrapProvider: careless });
    await yard.addPool({ name: 'p', size: 1 });
    await yard.settled('p', 1);
    const session = await claim(yard, 'p');
    await release(yard, session);
    await yard.settled('p', 1, ['ERROR']);
    expect(clusterOf(yard, session.clusterId)).toMatchObject({
      statusMessage: 'traces of an earlier session are still there',
      lastReset: null,
    });
  });

  it('creates a cluster anew that has no golden state, and captures one again', async () => {
    const yard = runningYard();
    await yard.addPool({ name: 'p', size: 1 });
    await yard.settled('p', 1);
    const session = await claim(yard, 'p');
    expect(await ended(yard, await yard.done(yard.as('admin').deleteSnapshots('p')))).toMatchObject(
      { status: 'SUCCEEDED' },
    );
    expect(snapshotsOf(yard, 'p')).toEqual([]);
    await release(yard, session);
    await yard.settled('p', 1, ['CREATING']);
    await yard.settled('p', 1);
    expect(snapshotsOf(yard, 'p').filter(({ current }) => current)).toHaveLength(2);
    expect(await strays(yard)).toEqual([]);
  });

  it('makes a cluster anew whose golden state was lost behind our back', async () => {
    const yard = runningYard();
    await yard.addPool({ name: 'p', size: 1 });
    await yard.settled('p', 1);
    const [lost] = snapshotsOf(yard, 'p');
    yard.simulator.loseSet(`${lost?.poolId}-${lost?.set}`);
    const session = await claim(yard, 'p');
    await release(yard, session);
    await yard.settled('p', 1);
    expect(await strays(yard)).toEqual([]);
    // And the next turn has a golden state again.
    const next = await claim(yard, 'p', 'bob');
    await release(yard, next);
    await yard.world.advance(10 * MINUTE);
    expect(clusterOf(yard, next.clusterId)).toMatchObject({ status: 'AVAILABLE' });
  });

  it('is resumed after a crash and frees the cluster once', async () => {
    const yard = runningYard();
    await yard.addPool({ name: 'p', size: 1, whenEmpty: 'QUEUE' });
    await yard.settled('p', 1);
    const session = await claim(yard, 'p');
    const waiter = await claim(yard, 'p', 'bob');
    await release(yard, session);
    await yard.world.advance(10_000);
    const next = restart(yard);
    expect(await served(next, waiter)).toMatchObject({ status: 'RUNNING' });
    expect(await strays(next)).toEqual([]);
  });

  it.each(['mark', 'look'] as const)(
    'is not finished by a pass that was given up at its %s while the next is at work',
    async (operation) => {
      const step = operation === 'mark' ? 'write' : 'ask';
      const like = { operation, step, when: 'AFTER', name: 'p-1' } as const;
      const yard = runningYard();
      await yard.addPool({ name: 'p', size: 1 });
      await yard.settled('p', 1);
      const session = await claim(yard, 'p');
      const late = { kind: 'LATE', byMs: 15 * MINUTE } as const;
      const next = restart(yard, { faults: faultAt(like, late, operation === 'mark' ? 1 : 2) });
      await release(next, session);
      await next.settled('p', 1);
      const claimed = await claim(next, 'p', 'bob');
      for (let minute = 0; minute < 30; minute += 1) {
        await next.world.advance(MINUTE);
        const vm = { cluster: refOf(next, claimed.clusterId), role: 'WORKER' } as const;
        const { signal } = new AbortController();
        const answer = await next.done(next.simulator.run(vm, ['true'], { signal }));
        expect(answer.exitCode).toBe(0);
      }
    },
  );
});
