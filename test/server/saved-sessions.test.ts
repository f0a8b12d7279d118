import { describe, expect, it } from 'vitest';
import { findNotes } from '../../db/note.ts';
import { findSnapshot } from '../../db/snapshot.ts';
import { trimHistory } from '../../db/history.ts';
import type { Session } from '../../schema/model/session.ts';
import type { Snapshot } from '../../schema/model/snapshot.ts';
import { clusterRef } from '../../server/outside.ts';
import { TAKEN } from '../../server/providers/provider.ts';
import { readAllRows } from '../kit/all-rows.ts';
import {
  claim,
  clusterOf,
  HOUR,
  MINUTE,
  poolOf,
  release,
  restart,
  runningYard,
  served,
  sessionOf,
  strays,
  until,
} from '../kit/pool-under-test.ts';
import type { Yard } from '../kit/yard.ts';

/** What owners save of their sessions, from the guest's disk to the next session and its end. */

const FILE = '/root/work.txt';

async function inGuest(yard: Yard, session: Session, argv: string[], stdin = ''): Promise<string> {
  const row = clusterOf(yard, session.clusterId);
  const cluster = yard.store.read((db) => clusterRef(db, row));
  const vm = { cluster, role: 'WORKER' } as const;
  const { signal } = new AbortController();
  const { stdout } = await yard.done(yard.simulator.run(vm, argv, { stdin, signal }));
  return stdout;
}

/** A session of alice with something of hers in a guest. */
async function working(yard: Yard, whenEmpty: 'REFUSE' | 'QUEUE' = 'REFUSE'): Promise<Session> {
  await yard.addPool({ name: 'cks', size: 2, whenEmpty });
  await yard.settled('cks', 2);
  const session = await claim(yard, 'cks');
  await inGuest(yard, session, ['tee', FILE], 'what alice made');
  return session;
}

const rowOf = (yard: Yard, { id }: { id: string }) => yard.store.read((db) => findSnapshot(db, id));
const isTaken = (yard: Yard, { poolId, set }: Snapshot) =>
  yard.store.read((db) => findNotes(db, `${poolId}-${set}`).has(TAKEN));
const save = (yard: Yard, { id }: Session, name = 'mine') =>
  yard.done(yard.as('alice', 'USER').saveSession({ sessionId: id, name }));
const claimFrom = (yard: Yard, { id }: Snapshot, owner = 'alice') =>
  yard.done(yard.as(owner, 'USER').createSession({ pool: 'cks', snapshotId: id }));

/** Saved, whole, and the session that was saved is over. */
async function kept(yard: Yard, whenEmpty?: 'QUEUE'): Promise<Snapshot> {
  const session = await working(yard, whenEmpty);
  const saved = await save(yard, session);
  await until(yard, () => rowOf(yard, saved)?.status === 'READY');
  await release(yard, session);
  await yard.settled('cks', 2);
  return saved;
}

/** What every cluster of the pool has on its disks that somebody could be given. */
function onDisks(yard: Yard): string[] {
  return yard.members('cks').flatMap(({ id }) => {
    const vms = yard.outside.cluster(id)?.vms ?? [];
    const texts = vms.flatMap(({ files }) => Object.values(files));
    return texts.filter((text) => text !== '' && !text.endsWith('snapyard-session\n'));
  });
}

describe('a saved session', () => {
  it('goes on while it is taken, and leaves its turn mark out', async () => {
    const yard = runningYard();
    const session = await working(yard);
    const before = clusterOf(yard, session.clusterId);
    const saved = await save(yard, session);
    expect(saved).toMatchObject({ owner: 'alice', title: 'mine', current: false });
    expect(saved).toMatchObject({ source: 'SESSION', sourceSessionId: session.id });
    let neverSilent = true;
    await until(yard, () => {
      const vms = yard.outside.cluster(before.id)?.vms ?? [];
      neverSilent &&= vms.every(({ power }) => power === 'ON');
      return rowOf(yard, saved)?.status === 'READY';
    });
    expect(neverSilent).toBe(true);
    expect(sessionOf(yard, session).status).toBe('RUNNING');
    expect(clusterOf(yard, session.clusterId)).toMatchObject({ fence: before.fence });
    expect(await inGuest(yard, session, ['cat', FILE])).toBe('what alice made');
    const files = yard.outside.set(`${saved.poolId}-${saved.set}`)?.disks.map((one) => one.files);
    expect(files?.flatMap((one) => Object.keys(one))).toEqual([FILE]);
    expect(rowOf(yard, saved)).toMatchObject({ current: false, clusterId: null });
    expect(await strays(yard)).toEqual([]);
  });

  it('is what the next session of its owner is made from, and nobody else is given', async () => {
    const yard = runningYard();
    const saved = await kept(yard);
    const session = await served(yard, await claimFrom(yard, saved));
    expect(session).toMatchObject({ status: 'RUNNING', servedFrom: 'SNAPSHOT' });
    expect(await inGuest(yard, session, ['cat', FILE])).toBe('what alice made');
    expect(yard.members('cks')).toHaveLength(2);
    // Nothing is kept of it to put a cluster back to.
    const { snapshots } = yard.store.read((db) => readAllRows(db));
    expect(snapshots.filter((row) => row.clusterId === session.clusterId)).toEqual([]);
    await release(yard, session);
    expect(clusterOf(yard, session.clusterId).removingAt).not.toBeNull();
    await until(yard, () => clusterOf(yard, session.clusterId).removedAt !== null);
    await yard.settled('cks', 2);
    for (const owner of ['bob', 'carol']) {
      const next = await claim(yard, 'cks', owner);
      expect(await inGuest(yard, next, ['cat', FILE])).toBe('');
    }
    expect(rowOf(yard, saved)?.status).toBe('READY');
    expect(await strays(yard)).toEqual([]);
  });

  it('is on no cluster any more when the server dies between release and removal', async () => {
    const yard = runningYard();
    const saved = await kept(yard);
    const session = await served(yard, await claimFrom(yard, saved));
    await release(yard, session);
    const next = restart(yard);
    const left = clusterOf(next, session.clusterId);
    expect(left).toMatchObject({ status: 'RESETTING', removedAt: null });
    await until(next, () => clusterOf(next, session.clusterId).removedAt !== null);
    await next.settled('cks', 2);
    expect(onDisks(next)).toEqual([]);
    expect(await strays(next)).toEqual([]);
  });

  it('is on no cluster when its session gives up before that is made', async () => {
    const yard = runningYard();
    const saved = await kept(yard);
    const session = await claimFrom(yard, saved);
    await until(yard, () => yard.outside.cluster(session.clusterId ?? '') !== undefined);
    await release(yard, session);
    await claim(yard, 'cks', 'bob');
    await until(yard, () => clusterOf(yard, session.clusterId).removedAt !== null);
    await yard.settled('cks', 2, ['AVAILABLE', 'LOCKED']);
    expect(onDisks(yard)).toEqual([]);
    expect(await strays(yard)).toEqual([]);
  });

  it.each([
    ['ends', (yard: Yard) => yard],
    ['ends, and the server is killed,', restart],
  ])('is kept when its session %s while a set is made of what was taken', async (_, goOn) => {
    const yard = runningYard();
    const session = await working(yard);
    const saved = await save(yard, session);
    await until(yard, () => isTaken(yard, saved));
    expect(rowOf(yard, saved)?.status).toBe('CREATING');
    await release(yard, session);
    const next = goOn(yard);
    await until(next, () => rowOf(next, saved)?.status !== 'CREATING');
    expect(rowOf(next, saved)).toMatchObject({ status: 'READY', statusMessage: null });
    await next.settled('cks', 2);
    const again = await served(next, await claimFrom(next, saved));
    expect(await inGuest(next, again, ['cat', FILE])).toBe('what alice made');
    expect(await strays(next)).toEqual([]);
  });

  it('is lost with a reason when its session ends before it is taken', async () => {
    const yard = runningYard();
    const session = await working(yard);
    const saved = await save(yard, session);
    await release(yard, session);
    await until(yard, () => rowOf(yard, saved)?.status === 'FAILED');
    expect(rowOf(yard, saved)?.statusMessage).toMatch(/session ended before/);
    await yard.settled('cks', 2);
    const again = await claim(yard, 'cks');
    const second = await save(yard, again);
    await until(yard, () => rowOf(yard, second)?.status === 'READY');
    await until(yard, () => rowOf(yard, saved) === undefined);
  });
});

it('fails, and gives up neither pool nor set, when what was saved is not there', async () => {
  const yard = runningYard();
  const saved = await kept(yard);
  const id = `${saved.poolId}-${saved.set}`;
  const outside = yard.outside.set(id);
  yard.simulator.loseSet(id);
  for (let n = 0; n < 4; n += 1) {
    const over = await served(yard, await claimFrom(yard, saved));
    expect(over).toMatchObject({ status: 'FAILED', servedFrom: null });
    expect(poolOf(yard, 'cks').failuresInRow).toBe(0);
    expect(rowOf(yard, saved)?.status).toBe('READY');
    expect(rowOf(yard, saved)?.statusMessage).toContain('no such snapshot set');
  }
  // The disk it lies on is mounted again.
  if (outside !== undefined) yard.outside.change({ set: outside });
  const session = await served(yard, await claimFrom(yard, saved));
  expect(session).toMatchObject({ status: 'RUNNING', servedFrom: 'SNAPSHOT' });
  expect(rowOf(yard, saved)).toMatchObject({ status: 'READY', statusMessage: null });
  await release(yard, session);
  await until(yard, () => clusterOf(yard, session.clusterId).removedAt !== null);
  await yard.settled('cks', 2);
  expect(onDisks(yard)).toEqual([]);
});

it('waits its turn in a queue, where a cluster that is freed gives way to its own', async () => {
  const yard = runningYard();
  const saved = await kept(yard, 'QUEUE');
  const held = [await claim(yard, 'cks', 'bob'), await claim(yard, 'cks', 'carol')];
  const session = await claimFrom(yard, saved);
  expect(session.status).toBe('PENDING');
  const behind = await claim(yard, 'cks', 'dave');
  expect(behind.status).toBe('PENDING');
  for (const one of held) await release(yard, one);
  const first = await served(yard, session);
  expect(first).toMatchObject({ status: 'RUNNING', servedFrom: 'SNAPSHOT' });
  expect(await inGuest(yard, first, ['cat', FILE])).toBe('what alice made');
  const second = await served(yard, behind);
  expect(second).toMatchObject({ status: 'RUNNING', servedFrom: 'POOL' });
  expect(await inGuest(yard, second, ['cat', FILE])).toBe('');
  expect(yard.members('cks')).toHaveLength(2);
});

it('stays when its session and its cluster are forgotten, and goes with its pool', async () => {
  const yard = runningYard();
  const saved = await kept(yard);
  const all = { calls: Infinity, ended: Infinity, records: Infinity, batch: 200 };
  await yard.done(yard.store.transact((tx) => void trimHistory(tx, all)));
  expect(yard.store.read((db) => readAllRows(db)).sessions).toEqual([]);
  const session = await served(yard, await claimFrom(yard, saved));
  expect(await inGuest(yard, session, ['cat', FILE])).toBe('what alice made');
  await release(yard, session);
  await yard.done(yard.as('root').deleteClusterPool('cks'));
  await until(yard, () => rowOf(yard, saved) === undefined, HOUR);
  await yard.world.advance(30 * MINUTE);
  expect([...yard.outside.sets()]).toEqual([]);
  expect(await strays(yard)).toEqual([]);
});
