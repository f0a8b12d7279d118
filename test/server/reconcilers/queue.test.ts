import { describe, expect, it } from 'vitest';
import { changesAfter } from '../../../db/change.ts';
import {
  claim,
  clusterOf,
  MINUTE,
  poolOf,
  release,
  runningYard,
  served,
  sessionOf,
  until,
} from '../../kit/pool-under-test.ts';
import type { Yard } from '../../kit/yard.ts';

async function queuedYard(): Promise<Yard> {
  const yard = runningYard();
  await yard.addPool({ name: 'p', size: 1, whenEmpty: 'QUEUE', maxTtlMinutes: 10_000 });
  await yard.settled('p', 1);
  return yard;
}

describe('a queue', () => {
  it('is served first come first served, by each cluster that becomes free', async () => {
    const yard = await queuedYard();
    let holder = await claim(yard, 'p');
    const waiting = [];
    for (const owner of ['bob', 'carol', 'dave']) waiting.push(await claim(yard, 'p', owner));
    expect(waiting.map(({ status }) => status)).toEqual(['PENDING', 'PENDING', 'PENDING']);
    for (const next of waiting) {
      await release(yard, holder);
      const running = await served(yard, next);
      expect(running).toMatchObject({ status: 'RUNNING', servedFrom: 'POOL', ticket: null });
      expect(waiting.filter((w) => sessionOf(yard, w).status === 'RUNNING')).toHaveLength(1);
      holder = running;
    }
  });

  it('is not held up by those who gave up or ran out of time', async () => {
    const yard = await queuedYard();
    const holder = await claim(yard, 'p');
    const quitter = await claim(yard, 'p', 'bob');
    const patient = await claim(yard, 'p', 'carol');
    await release(yard, quitter);
    expect(sessionOf(yard, quitter)).toMatchObject({ status: 'COMPLETED', endReason: 'ADMIN' });
    await release(yard, holder);
    expect(await served(yard, patient)).toMatchObject({ status: 'RUNNING' });
  });

  it('takes in new claims behind those who wait', async () => {
    const yard = await queuedYard();
    const holder = await claim(yard, 'p');
    const first = await claim(yard, 'p', 'bob');
    await release(yard, holder);
    const second = await claim(yard, 'p', 'carol');
    expect(second.status).toBe('PENDING');
    await served(yard, first);
    expect(sessionOf(yard, second).status).toBe('PENDING');
  });

  it('gets a reset cluster in the transaction that frees it', async () => {
    const yard = await queuedYard();
    const holder = await claim(yard, 'p');
    const waiter = await claim(yard, 'p', 'bob');
    await release(yard, holder);
    const { clusterId } = await served(yard, waiter);
    const log = yard.store.read((db) => changesAfter(db, 0, 10_000));
    const run = log.find(({ subjectId, to }) => subjectId === waiter.id && to === 'RUNNING');
    const lock = log.findLast(({ subjectId, to }) => subjectId === clusterId && to === 'LOCKED');
    expect(lock).toMatchObject({ from: 'RESETTING', tx: run?.tx });
    expect(clusterOf(yard, clusterId).lastReset).not.toBeNull();
  });

  it('fails who has waited longer than the pool lets them, and says how long', async () => {
    const yard = await queuedYard();
    await claim(yard, 'p');
    const waiter = await claim(yard, 'p', 'bob');
    const { maxWaitSeconds } = poolOf(yard, 'p');
    await until(yard, () => sessionOf(yard, waiter).status !== 'PENDING');
    expect(yard.world.now() - waiter.createdAt).toBe(maxWaitSeconds * 1_000);
    expect(sessionOf(yard, waiter)).toMatchObject({
      status: 'FAILED',
      statusMessage: 'waited 600 s for a cluster; none became available',
    });
  });

  it('is joined only when a pool that makes clusters has as many as it may', async () => {
    const yard = runningYard();
    await yard.addPool({ name: 'p', size: 1, maxClusters: 2, whenEmpty: 'PROVISION' });
    await yard.settled('p', 1);
    const owners = ['alice', 'bob', 'carol'];
    const sessions = [];
    for (const owner of owners) sessions.push(await claim(yard, 'p', owner));
    expect(sessions.map(({ status }) => status)).toEqual(['RUNNING', 'PROVISIONING', 'PENDING']);
    const [first, made, queued] = sessions;
    if (first === undefined || made === undefined || queued === undefined) throw new Error();
    expect(await served(yard, made)).toMatchObject({ servedFrom: 'BOOTSTRAP' });
    await release(yard, first);
    expect(await served(yard, queued)).toMatchObject({ status: 'RUNNING' });
    expect(yard.members('p').length).toBeLessThanOrEqual(2);
  });

  it('gets the cluster of one who gave up while it was made', async () => {
    const yard = runningYard();
    await yard.addPool({ name: 'p', size: 1, maxClusters: 2, whenEmpty: 'PROVISION' });
    await yard.settled('p', 1);
    await claim(yard, 'p');
    const quitter = await claim(yard, 'p', 'bob');
    const waiter = await claim(yard, 'p', 'carol');
    await yard.world.advance(5 * MINUTE);
    await release(yard, quitter);
    expect(await served(yard, waiter)).toMatchObject({ status: 'RUNNING' });
    expect(sessionOf(yard, waiter).lastClusterId).toBe(quitter.lastClusterId);
  });
});
