import { describe, expect, it } from 'vitest';
import { faultAt } from '../../kit/faults.ts';
import {
  claim,
  clusterOf,
  ended,
  jobOf,
  MINUTE,
  poolOf,
  release,
  restart,
  runningYard,
  snapshotsOf,
  strays,
  until,
} from '../../kit/pool-under-test.ts';
import { withTransact } from '../../kit/with-transact.ts';

describe('bootstrapPool', () => {
  it('makes what is missing by BOOTSTRAP though there is a template set', async () => {
    const yard = runningYard();
    await yard.addPool({ name: 'p', size: 1, maxClusters: 3 });
    await yard.settled('p', 1);
    const session = await claim(yard, 'p');
    const capture = { pool: 'p', sessionId: session.id };
    await ended(yard, await yard.done(yard.as('admin').createSnapshots(capture)));
    const job = await yard.done(yard.as('admin').bootstrapPool('p'));
    expect(await ended(yard, job)).toMatchObject({ status: 'SUCCEEDED' });
    const grow = yard.as('admin').updateClusterPool({ name: 'p', size: 3 });
    const more = yard.as('admin').bootstrapPool('p');
    await yard.done(grow);
    expect(await ended(yard, await yard.done(more))).toMatchObject({ status: 'SUCCEEDED' });
    const strategies = yard.members('p').map(({ strategy }) => strategy);
    expect(strategies).toEqual(['BOOTSTRAP', 'BOOTSTRAP', 'BOOTSTRAP']);
  });

  it('fails with the reason when a cluster cannot be made', async () => {
    const fault = { kind: 'ERROR', retryable: false, reason: 'the host is full' } as const;
    const yard = runningYard({ faults: faultAt({ operation: 'create' }, fault) });
    await yard.addPool({ name: 'p', size: 1, lazy: true });
    const job = await yard.done(yard.as('admin').bootstrapPool('p'));
    expect(await ended(yard, job)).toMatchObject({
      status: 'FAILED',
      error: 'p-1 could not be made: the host is full',
    });
  });

  it('makes clusters that failed, and forgets the golden state they had', async () => {
    const fault = { kind: 'ERROR', retryable: false } as const;
    const yard = runningYard();
    await yard.addPool({ name: 'p', size: 1 });
    await yard.settled('p', 1);
    const faults = faultAt({ operation: 'reset' }, fault, 10);
    const next = restart(yard, { faults });
    await release(next, await claim(next, 'p'));
    await next.settled('p', 1, ['ERROR']);
    faults.stop();
    const job = await next.done(next.as('admin').bootstrapPool('p'));
    expect(await ended(next, job)).toMatchObject({ status: 'SUCCEEDED' });
    expect(snapshotsOf(next, 'p')).toHaveLength(2);
    expect(await strays(next)).toEqual([]);
    await release(next, await claim(next, 'p', 'bob'));
    await next.settled('p', 1);
    expect(next.members('p')[0]?.failuresInRow).toBe(0);
  });

  it('that is cancelled leaves its clusters to the pool', async () => {
    const yard = runningYard();
    await yard.addPool({ name: 'p', size: 2, lazy: true });
    const job = await yard.done(yard.as('admin').bootstrapPool('p'));
    await until(yard, () => yard.members('p').length === 2);
    await yard.done(yard.as('admin').cancelJob(job.id));
    expect(await ended(yard, job)).toMatchObject({ status: 'CANCELLED' });
    await yard.settled('p', 2);
    expect(yard.members('p').map(({ jobId }) => jobId)).toEqual([null, null]);
  });

  it('of a deleted pool ends, and makes no more clusters', async () => {
    const yard = runningYard();
    await yard.addPool({ name: 'p', size: 2, lazy: true });
    const job = await yard.done(yard.as('admin').bootstrapPool('p'));
    await until(yard, () => yard.members('p').length === 2);
    const [cluster] = yard.members('p');
    await yard.done(yard.as('admin').deleteClusterPool('p'));
    await ended(yard, job);
    await until(yard, () => clusterOf(yard, cluster?.id).removedAt !== null);
    await yard.world.advance(MINUTE);
    expect(await strays(yard)).toEqual([]);
  });
});

describe('warmUpPool', () => {
  it('fills a lazy pool and tells how far it is', async () => {
    const yard = runningYard();
    await yard.addPool({ name: 'p', size: 2, lazy: true });
    const job = await yard.done(yard.as('admin').warmUpPool('p'));
    await until(yard, () => jobOf(yard, job).progress > 0);
    expect(jobOf(yard, job).statusMessage).toMatch(/of 2 clusters ready/);
    expect(await ended(yard, job)).toMatchObject({ status: 'SUCCEEDED', progress: 1 });
    expect(poolOf(yard, 'p').awake).toBe(true);
  });
});

describe('resetCluster', () => {
  it('puts a free cluster back to its golden state', async () => {
    const yard = runningYard();
    await yard.addPool({ name: 'p', size: 1 });
    await yard.settled('p', 1);
    const [cluster] = yard.members('p');
    const job = await yard.done(yard.as('admin').resetCluster(cluster?.id ?? ''));
    await until(yard, () => jobOf(yard, job).status === 'RUNNING');
    await expect(claim(yard, 'p')).rejects.toThrow('no available clusters in pool');
    expect(await ended(yard, job)).toMatchObject({ status: 'SUCCEEDED' });
    expect(clusterOf(yard, cluster?.id)).toMatchObject({ status: 'AVAILABLE', jobId: null });
    expect(clusterOf(yard, cluster?.id).lastReset).not.toBeNull();
  });
});

describe('repairCluster', () => {
  it('makes a cluster good at once that failed, and lets its pool go on', async () => {
    const fault = { kind: 'ERROR', retryable: false } as const;
    const faults = faultAt({ operation: 'create' }, fault, 1);
    const yard = runningYard({ faults });
    await yard.addPool({ name: 'p', size: 1 });
    await yard.settled('p', 1, ['ERROR']);
    const [cluster] = yard.members('p');
    const job = await yard.done(yard.as('admin').repairCluster(cluster?.id ?? ''));
    expect(await ended(yard, job)).toMatchObject({ status: 'SUCCEEDED' });
    expect(clusterOf(yard, cluster?.id).status).toBe('AVAILABLE');
  });

  it('makes it anew when its golden state has failed it twice', async () => {
    const yard = runningYard();
    await yard.addPool({ name: 'p', size: 1 });
    await yard.settled('p', 1);
    const [lost] = snapshotsOf(yard, 'p');
    yard.simulator.loseSet(`${lost?.poolId}-${lost?.set}`);
    const { clusterId } = await release(yard, await claim(yard, 'p'));
    expect(clusterId).toBeNull();
    const repair = async () => {
      const [cluster] = yard.members('p');
      return ended(yard, await yard.done(yard.as('admin').repairCluster(cluster?.id ?? '')));
    };
    await yard.settled('p', 1, ['ERROR']);
    expect(await repair()).toMatchObject({ status: 'FAILED' });
    expect(await repair()).toMatchObject({ status: 'SUCCEEDED' });
    expect(await strays(yard)).toEqual([]);
  });
});

describe('a job', () => {
  it('costs nothing while there is nothing new', async () => {
    const yard = runningYard();
    await yard.addPool({ name: 'p', size: 1, lazy: true });
    let transactions = 0;
    const next = restart(yard, {
      faults: faultAt({ operation: 'create' }, { kind: 'HANG' }),
      wrapStore: (store) =>
        withTransact(store, (body) => {
          transactions += 1;
          return store.transact(body);
        }),
    });
    await next.done(next.as('admin').warmUpPool('p'));
    await next.world.advance(MINUTE);
    transactions = 0;
    await next.world.advance(5 * MINUTE);
    expect(transactions).toBeLessThan(5 * 12 * 2);
  });
});
