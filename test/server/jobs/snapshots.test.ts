import { describe, expect, it } from 'vitest';
import { WrongState } from '../../../schema/model/refusal.ts';
import { faultAt } from '../../kit/faults.ts';
import {
  claim,
  clusterOf,
  ended,
  jobOf,
  MINUTE,
  release,
  restart,
  runningYard,
  served,
  snapshotsOf,
  strays,
  until,
} from '../../kit/pool-under-test.ts';
import type { Yard } from '../../kit/yard.ts';

async function warmYard(size = 3): Promise<Yard> {
  const yard = runningYard();
  await yard.addPool({ name: 'p', size, maxClusters: size + 1 });
  await yard.settled('p', size);
  return yard;
}

const sets = (yard: Yard) => [...new Set(snapshotsOf(yard, 'p').map(({ set }) => set))];

describe('createSnapshots', () => {
  it('finds all captured, twice, and still there are six snapshots', async () => {
    const yard = await warmYard();
    for (let time = 0; time < 2; time += 1) {
      const job = await yard.done(yard.as('admin').createSnapshots({ pool: 'p' }));
      expect(await ended(yard, job)).toMatchObject({ status: 'SUCCEEDED', progress: 1 });
      expect(snapshotsOf(yard, 'p')).toHaveLength(6);
    }
    expect(await strays(yard)).toEqual([]);
  });

  it('makes the template set of a running session, from which new clusters are made', async () => {
    const yard = await warmYard(1);
    const session = await claim(yard, 'p');
    const wanted = { pool: 'p', sessionId: session.id };
    const job = await yard.done(yard.as('admin').createSnapshots(wanted));
    expect(await ended(yard, job)).toMatchObject({ status: 'SUCCEEDED' });
    expect(clusterOf(yard, session.clusterId).status).toBe('LOCKED');
    const template = snapshotsOf(yard, 'p').filter(({ clusterId }) => clusterId === null);
    expect(template.map(({ current, sourceSessionId }) => [current, sourceSessionId])).toEqual([
      [true, session.id],
      [true, session.id],
    ]);
    await yard.done(yard.as('admin').updateClusterPool({ name: 'p', size: 2 }));
    await until(yard, () => yard.members('p').length === 2);
    await until(yard, () => yard.members('p')[0]?.status === 'AVAILABLE');
    expect(yard.members('p')[0]).toMatchObject({ strategy: 'SNAPSHOT' });
  });

  it('frees a cluster whose set was taken by a worker that died then', async () => {
    const yard = await warmYard(1);
    const job = await yard.done(yard.as('admin').recreateSnapshots({ pool: 'p' }));
    const isTaken = () =>
      snapshotsOf(yard, 'p').some(({ jobId, current }) => jobId === job.id && current);
    await until(yard, isTaken);
    expect(yard.members('p')[0]?.status).toBe('RESETTING');
    const next = restart(yard);
    await until(next, () => next.members('p')[0]?.status === 'AVAILABLE', 5 * MINUTE);
    expect(await ended(next, job)).toMatchObject({ status: 'SUCCEEDED' });
  });

  it('makes a template set from the image when it is to come from a base cluster', async () => {
    const yard = await warmYard(1);
    const admin = yard.as('admin');
    const wanted = { pool: 'p', baseCluster: true };
    const job = await yard.done(admin.createSnapshots(wanted));
    expect(job.baseCluster).toBe(true);
    expect((await yard.done(admin.createSnapshots(wanted))).id).toBe(job.id);
    expect(await ended(yard, job)).toMatchObject({ status: 'SUCCEEDED' });
    const template = () => snapshotsOf(yard, 'p').filter(({ clusterId }) => clusterId === null);
    expect(template().map(({ current, sourceClusterId }) => [current, sourceClusterId])).toEqual([
      [true, null],
      [true, null],
    ]);
    const [first] = template();
    const again = await yard.done(admin.recreateSnapshots(wanted));
    expect(await ended(yard, again)).toMatchObject({ status: 'SUCCEEDED' });
    await until(yard, () => template().length === 2);
    expect(template()[0]?.set).not.toBe(first?.set);
    expect(await strays(yard)).toEqual([]);
  });

  it('takes nothing of who comes after the session that was to be captured', async () => {
    const yard = await warmYard(1);
    const next = restart(yard, {
      faults: faultAt(
        { operation: 'capture', step: 'freeze', when: 'BEFORE' },
        { kind: 'HANG' },
        1,
      ),
    });
    const session = await claim(next, 'p');
    const wanted = { pool: 'p', sessionId: session.id };
    const job = await next.done(next.as('admin').createSnapshots(wanted));
    await next.world.advance(MINUTE);
    await release(next, session);
    await next.settled('p', 1);
    const other = await claim(next, 'p', 'mallory');
    expect(await ended(next, job)).toMatchObject({
      status: 'FAILED',
      error: 'the session ended before its cluster was captured',
    });
    expect(
      snapshotsOf(next, 'p').filter(({ clusterId, current }) => !clusterId && current),
    ).toEqual([]);
    expect(await served(next, other)).toMatchObject({ status: 'RUNNING' });
  });

  it('answers the job under way to whoever asks for the same again', async () => {
    const yard = await warmYard(1);
    const admin = yard.as('admin');
    const ask = () => yard.done(admin.recreateSnapshots({ pool: 'p' }));
    const [one, two] = [await ask(), await ask()];
    expect(two.id).toBe(one.id);
    await expect(yard.done(admin.deleteSnapshots('p'))).rejects.toThrow(WrongState);
    await ended(yard, one);
    const third = await yard.done(admin.recreateSnapshots({ pool: 'p' }));
    expect(third.id).not.toBe(one.id);
  });
});

describe('recreateSnapshots', () => {
  it('deletes an old set only when the new one is verified and current', async () => {
    const yard = await warmYard();
    const old = sets(yard);
    const job = await yard.done(yard.as('admin').recreateSnapshots({ pool: 'p' }));
    const without: string[] = [];
    await until(yard, () => {
      for (const { id, name } of yard.members('p')) {
        const own = snapshotsOf(yard, 'p').filter(
          ({ clusterId, current }) => clusterId === id && current,
        );
        if (own.length !== 2) without.push(name);
      }
      return jobOf(yard, job).finishedAt !== null;
    });
    expect(without).toEqual([]);
    expect(jobOf(yard, job)).toMatchObject({ status: 'SUCCEEDED' });
    await until(yard, () => snapshotsOf(yard, 'p').length === 6);
    expect(sets(yard).filter((set) => old.includes(set))).toEqual([]);
    expect(await strays(yard)).toEqual([]);
  });

  it('leaves some clusters to be claimed', async () => {
    const yard = await warmYard();
    const job = await yard.done(yard.as('admin').recreateSnapshots({ pool: 'p' }));
    await until(yard, () => yard.members('p').some(({ status }) => status === 'RESETTING'));
    expect(await claim(yard, 'p')).toMatchObject({ status: 'RUNNING' });
    expect(await ended(yard, job)).toMatchObject({ status: 'SUCCEEDED' });
  });

  it('is no success when nothing could be renewed', async () => {
    const yard = await warmYard(1);
    await claim(yard, 'p');
    const job = await yard.done(yard.as('admin').recreateSnapshots({ pool: 'p' }));
    expect(await ended(yard, job)).toMatchObject({
      status: 'FAILED',
      error: 'no cluster is available',
    });
  });

  it('keeps the old set of a cluster that could not be captured, and says why', async () => {
    const yard = await warmYard(1);
    const [old] = sets(yard);
    const fault = { kind: 'ERROR', retryable: false, reason: 'the disk is full' } as const;
    const next = restart(yard, { faults: faultAt({ operation: 'capture' }, fault) });
    const job = await next.done(next.as('admin').recreateSnapshots({ pool: 'p' }));
    expect(await ended(next, job)).toMatchObject({
      status: 'FAILED',
      error: 'p-1: the disk is full',
    });
    await next.settled('p', 1);
    const current = snapshotsOf(next, 'p').filter((snapshot) => snapshot.current);
    expect(current.map(({ set }) => set)).toEqual([old, old]);
  });
});

describe('deleteSnapshots', () => {
  it('deletes all, and the next reset builds and captures anew', async () => {
    const yard = await warmYard(2);
    const job = await yard.done(yard.as('admin').deleteSnapshots('p'));
    expect(await ended(yard, job)).toMatchObject({ status: 'SUCCEEDED' });
    expect(snapshotsOf(yard, 'p')).toEqual([]);
    expect(await strays(yard)).toEqual([]);
    await release(yard, await claim(yard, 'p'));
    await yard.settled('p', 2);
    expect(snapshotsOf(yard, 'p')).toHaveLength(2);
  });
});

describe('cancelJob', () => {
  it('in the middle drops the incomplete set, and the cluster is free again', async () => {
    const yard = await warmYard(1);
    const [old] = sets(yard);
    const wanted = { pool: 'p', mode: 'OFFLINE' } as const;
    const job = await yard.done(yard.as('admin').recreateSnapshots(wanted));
    await until(yard, () => sets(yard).length === 2);
    await yard.world.advance(3_000);
    await yard.done(yard.as('admin').cancelJob(job.id));
    expect(await ended(yard, job)).toMatchObject({ status: 'CANCELLED' });
    await yard.settled('p', 1);
    await until(yard, () => sets(yard).length === 1);
    expect(sets(yard)).toEqual([old]);
    await yard.world.advance(11 * MINUTE);
    expect(await strays(yard)).toEqual([]);
    expect(await claim(yard, 'p')).toMatchObject({ status: 'RUNNING' });
  });
});

describe('the deadline of a job', () => {
  it('ends it as FAILED, and frees what it had reserved', async () => {
    const yard = await warmYard(1);
    const next = restart(yard, {
      faults: faultAt({ operation: 'capture', step: 'capture' }, { kind: 'HANG' }),
    });
    const job = await next.done(next.as('admin').createSnapshots({ pool: 'p' }));
    await ended(next, job);
    const again = await next.done(next.as('admin').recreateSnapshots({ pool: 'p' }));
    const over = await ended(next, again);
    expect(over.status).toBe('FAILED');
    expect((over.finishedAt ?? 0) - over.createdAt).toBeLessThanOrEqual(45 * MINUTE);
    await next.settled('p', 1);
  });
});
