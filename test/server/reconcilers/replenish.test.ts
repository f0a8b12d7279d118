import { describe, expect, it } from 'vitest';
import {
  claim,
  clusterOf,
  MINUTE,
  release,
  runningYard,
  snapshotsOf,
  strays,
  until,
} from '../../kit/pool-under-test.ts';

describe('replenish', () => {
  it('removes a surplus at its release', async () => {
    const yard = runningYard();
    await yard.addPool({ name: 'p', size: 2 });
    await yard.settled('p', 2);
    const sessions = [await claim(yard, 'p'), await claim(yard, 'p', 'bob')];
    await yard.done(yard.as('admin').updateClusterPool({ name: 'p', size: 1, maxClusters: 2 }));
    await yard.world.advance(MINUTE);
    expect(yard.members('p').map(({ status }) => status)).toEqual(['LOCKED', 'LOCKED']);
    for (const session of sessions) await release(yard, session);
    await yard.settled('p', 1);
    await yard.world.advance(MINUTE);
    expect(clusterOf(yard, sessions[0]?.clusterId).removedAt).not.toBeNull();
    expect(clusterOf(yard, sessions[1]?.clusterId).status).toBe('AVAILABLE');
    expect(await strays(yard)).toEqual([]);
  });

  it('shrinks by what is being made, then by what is free, the newest first', async () => {
    const yard = runningYard();
    await yard.addPool({ name: 'p', size: 3, maxClusters: 6 });
    await yard.settled('p', 3);
    await yard.done(yard.as('admin').updateClusterPool({ name: 'p', size: 5 }));
    await until(yard, () => yard.members('p').length === 5);
    const shrink = async (size: number) => {
      await yard.done(yard.as('admin').updateClusterPool({ name: 'p', size }));
      await until(yard, () => yard.members('p').length === size);
      return yard.members('p').map(({ number }) => number);
    };
    expect(await shrink(4)).toEqual([4, 3, 2, 1]);
    expect(await shrink(2)).toEqual([2, 1]);
    await yard.settled('p', 2);
    expect(await shrink(1)).toEqual([1]);
  });

  it('takes what nobody waits for before a newer one made for a session', async () => {
    const yard = runningYard();
    await yard.addPool({ name: 'p', size: 2, maxClusters: 6, whenEmpty: 'PROVISION' });
    await yard.settled('p', 2);
    await yard.done(yard.as('admin').updateClusterPool({ name: 'p', size: 3 }));
    await until(yard, () => yard.members('p').length === 3);
    for (const owner of ['a', 'b', 'c']) await claim(yard, 'p', owner);
    expect(yard.members('p').map(({ status }) => status)).toContain('CREATING');
    await yard.done(yard.as('admin').updateClusterPool({ name: 'p', size: 2 }));
    await until(yard, () => yard.members('p').length === 3);
    expect(yard.members('p').map(({ number }) => number)).toEqual([4, 2, 1]);
  });

  it('replaces a released cluster of a REPLACE pool by a new one', async () => {
    const yard = runningYard();
    await yard.addPool({ name: 'p', size: 1, recycle: 'REPLACE' });
    await yard.settled('p', 1);
    const session = await claim(yard, 'p');
    await release(yard, session);
    expect(clusterOf(yard, session.clusterId)).toMatchObject({ status: 'RESETTING' });
    await yard.settled('p', 1);
    expect(yard.members('p').map(({ number }) => number)).toEqual([2]);
    expect(clusterOf(yard, session.clusterId).removedAt).not.toBeNull();
    expect(await strays(yard)).toEqual([]);
  });

  it('makes nothing in a lazy pool before its first claim', async () => {
    const yard = runningYard();
    await yard.addPool({ name: 'p', size: 2, lazy: true });
    await yard.world.advance(30 * MINUTE);
    expect(yard.members('p')).toEqual([]);
    await expect(claim(yard, 'p')).rejects.toThrow('no available clusters in pool');
    await yard.settled('p', 2);
  });

  it.each(['warmUpPool', 'bootstrapPool'] as const)('wakes a lazy pool by %s', async (verb) => {
    const yard = runningYard();
    await yard.addPool({ name: 'p', size: 1, lazy: true });
    await yard.done(yard.as('admin')[verb]('p'));
    await yard.settled('p', 1);
  });

  it('removes all of a deleted pool in batches, whatever it was at', async () => {
    const yard = runningYard();
    await yard.addPool({ name: 'p', size: 70 });
    const free = () => yard.members('p').filter(({ status }) => status === 'AVAILABLE').length;
    // Most are still being made: to make them all would cost more than all that follows.
    await until(yard, () => yard.members('p').length === 70 && free() > 1);
    expect(free()).toBeLessThan(60);
    const sessions = [await claim(yard, 'p'), await claim(yard, 'p', 'bob')];
    for (const session of sessions) await release(yard, session);
    await yard.done(yard.as('admin').deleteClusterPool('p'));
    await yard.world.advance(10 * MINUTE);
    const reset = sessions.map(({ clusterId }) => clusterOf(yard, clusterId));
    for (const cluster of reset) expect(cluster).toMatchObject({ lastReset: null });
    for (const cluster of reset) expect(cluster.removedAt).not.toBeNull();
    expect(await strays(yard)).toEqual([]);
    await yard.addPool({ name: 'p', size: 1 });
    await yard.settled('p', 1);
    expect(yard.members('p').map(({ number }) => number)).toEqual([71]);
    expect(snapshotsOf(yard, 'p')).toHaveLength(2);
  });
});
