import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { acceptSet } from '../../db/accept-set.ts';
import { findCluster, findMembers, moveCluster } from '../../db/cluster.ts';
import { findPoolByName, updatePool } from '../../db/cluster-pool.ts';
import { finishWake, handOver } from '../../db/hold/hand-over.ts';
import { findSession } from '../../db/session.ts';
import { deleteSet, findSet, findSnapshot, insertSet, moveSet } from '../../db/snapshot.ts';
import { findTemplate } from '../../db/template.ts';
import {
  Conflict,
  IdempotencyConflict,
  InvalidInput,
  NotFound,
  PoolExhausted,
  QuotaExceeded,
  WrongState,
} from '../../schema/model/refusal.ts';
import type { Session } from '../../schema/model/session.ts';
import type { Snapshot } from '../../schema/model/snapshot.ts';
import { CLUSTER_STATUSES } from '../../schema/model/cluster.ts';
import { ADMIN, openTestStore, viewer, type TestStore } from '../kit/store.ts';

let kit: TestStore;
/** More than a session of an ordinary pool may take, and less than one with larger disks. */
const BYTES = 30 * 2 ** 30;

beforeEach(() => {
  kit = openTestStore({ savedLimits: { sets: 2, bytes: BYTES } });
});
afterEach(() => kit.close());

const alice = viewer('alice');
const bob = viewer('bob');
const WHY = { cause: 'ADMIN' } as const;

const claim = (who = alice, more: object = {}) =>
  kit.done(kit.verbs(who).createSession({ pool: 'cks', ...more }));
const refusedClaim = (who = alice, more: object = {}) =>
  kit.refused(kit.verbs(who).createSession({ pool: 'cks', ...more }));
const save = (session: Session, name = 'mine', who = alice, more: object = {}) =>
  kit.done(kit.verbs(who).saveSession({ sessionId: session.id, name, ...more }));
const refusedSave = (session: Session, name = 'other', who = alice, more: object = {}) =>
  kit.refused(kit.verbs(who).saveSession({ sessionId: session.id, name, ...more }));
const drop = ({ id }: Snapshot, who = alice) => kit.done(kit.verbs(who).deleteSavedSnapshot(id));
const refusedDrop = ({ id }: Snapshot, who = alice) =>
  kit.refused(kit.verbs(who).deleteSavedSnapshot(id));
const rowOf = ({ id }: Snapshot) => kit.store.read((db) => findSnapshot(db, id));
const stateOf = ({ id }: Session) => kit.store.read((db) => findSession(db, id)?.status);
const clusterOf = ({ clusterId }: Session) =>
  kit.store.read((db) => findCluster(db, clusterId ?? ''));
const members = () =>
  kit.store.read((db) => {
    const pool = findPoolByName(db, 'cks');
    return findMembers(db, pool?.id ?? '', CLUSTER_STATUSES, 100);
  });
const endOf = ({ id }: Session, who = alice) => kit.done(kit.verbs(who).releaseSession(id));

/** A worker has taken what was asked for. */
const taken = (saved: Snapshot, sizeBytes = 100) =>
  kit.transact((tx) => {
    const captured = findSet(tx.db, saved).map(({ role }) => ({
      role,
      sizeBytes,
      k8sVersion: null,
    }));
    acceptSet(tx, saved, captured, WHY);
  });

/** Something alice has saved, and the session it was saved from. */
async function kept(name = 'mine', sizeBytes = 100): Promise<[Snapshot, Session]> {
  const session = await claim();
  const saved = await save(session, name);
  await taken(saved, sizeBytes);
  return [saved, session];
}

describe('saveSession', () => {
  it('adds a set of the owner, of all roles, taken while the session runs', async () => {
    await kit.addPool({}, 2);
    const session = await claim();
    const saved = await save(session, 'Übung 1 – done');
    const set = kit.store.read((db) => findSet(db, saved));
    expect(set.map(({ role }) => role)).toEqual(['CONTROL_PLANE', 'WORKER']);
    for (const one of set) {
      expect(one).toMatchObject({
        owner: 'alice',
        title: 'Übung 1 – done',
        status: 'CREATING',
        mode: 'ONLINE',
        source: 'SESSION',
        clusterId: null,
        sourceClusterId: session.clusterId,
        sourceSessionId: session.id,
      });
    }
    await taken(saved);
    expect(rowOf(saved)).toMatchObject({ status: 'READY', current: false });
  });

  it('is for the owner and admins, and for running sessions', async () => {
    await kit.addPool({ whenEmpty: 'QUEUE' }, 1);
    const session = await claim();
    expect(await refusedSave(session, 'a', bob)).toBeInstanceOf(NotFound);
    expect(await refusedSave(session, 'a', viewer('alice', 'VIEWER'))).toBeInstanceOf(NotFound);
    const queued = await claim();
    expect(await refusedSave(queued)).toMatchObject({
      constructor: WrongState,
      state: 'PENDING',
    });
    const saved = await save(session, 'by root', ADMIN);
    expect(saved.owner).toBe('alice');
    expect(String(await refusedSave(session))).toContain('captured already');
    await taken(saved);
    await endOf(session);
    expect(await refusedSave(session)).toMatchObject({ state: 'COMPLETED' });
  });

  it('is only where the provider can capture what is in use', async () => {
    await kit.addPool({}, 1);
    const session = await claim();
    kit.lost.add('SIMULATOR');
    expect(await refusedSave(session)).toMatchObject({ constructor: InvalidInput });
  });

  it('lets an owner use a name once in a pool, and again when it is free', async () => {
    await kit.addPool({}, 3);
    const [first, session] = await kept('mine');
    const other = await claim();
    expect(await refusedSave(other, 'mine')).toBeInstanceOf(Conflict);
    const ofBob = await claim(bob);
    await save(ofBob, 'mine', bob);
    await drop(first);
    const again = await save(session, 'mine');
    await kit.transact((tx) => void moveSet(tx, again, FAILED, WHY));
    expect((await save(session, 'mine')).status).toBe('CREATING');
    // What failed does not pile up.
    expect(rowOf(again)?.status).toBe('DELETING');
  });

  it('drops nothing that was ready once: that is for its owner to say', async () => {
    await kit.addPool({}, 2);
    const [once, session] = await kept('was ready');
    await kit.transact((tx) => void moveSet(tx, once, { from: ['READY'], to: 'FAILED' }, WHY));
    await save(session, 'next');
    expect(rowOf(once)?.status).toBe('FAILED');
  });

  it('counts what is taken and what is ready; two at once are not both last', async () => {
    await kit.addPool({ maxSessionsPerOwner: 9 }, 3);
    const [first] = await kept('one');
    const sessions = [await claim(), await claim()];
    const both = sessions.map(({ id }, n) =>
      kit.verbs(alice).saveSession({ sessionId: id, name: `last ${n}` }),
    );
    const results = await kit.done(Promise.allSettled(both));
    expect(results.map(({ status }) => status)).toEqual(['fulfilled', 'rejected']);
    const [session] = sessions;
    if (session === undefined) throw new Error('no session');
    const refusal = await refusedSave(sessions[1] ?? session, 'third');
    expect(refusal).toMatchObject({ constructor: QuotaExceeded, limit: 2, limitBytes: null });
    expect(String(refusal)).toContain('2 saved snapshots');
    await drop(first);
    expect(await save(sessions[1] ?? session, 'third')).toMatchObject({ status: 'CREATING' });
  });

  it('counts the bytes that are known', async () => {
    await kit.addPool({}, 2);
    const [, session] = await kept('large', BYTES / 2);
    const refusal = await refusedSave(session, 'more');
    expect(refusal).toMatchObject({ constructor: QuotaExceeded, limit: 2, limitBytes: BYTES });
  });

  it('counts one being taken by what it may take, and one that goes until it is gone', async () => {
    await kit.addPool({ diskGiB: 20 }, 3);
    const [first, second] = [await claim(), await claim()];
    const begun = await save(first, 'begun');
    expect(await refusedSave(second)).toMatchObject({ limitBytes: BYTES });
    await drop(begun);
    expect(await refusedSave(second)).toMatchObject({ limitBytes: BYTES });
    // Nor is the same session captured again before that is cleared away.
    expect(String(await refusedSave(first))).toContain('captured already');
    await kit.transact((tx) => deleteSet(tx, begun, WHY));
    const next = await save(second, 'next');
    await taken(next, BYTES / 2);
    await drop(next);
    expect(await refusedSave(first)).toMatchObject({ limitBytes: BYTES });
    await kit.transact((tx) => deleteSet(tx, next, WHY));
    expect(await save(first)).toMatchObject({ status: 'CREATING' });
  });

  it('is done once for each key', async () => {
    await kit.addPool({}, 1);
    const session = await claim();
    const first = await save(session, 'mine', alice, { idempotencyKey: 'k' });
    const again = await save(session, 'mine', alice, { idempotencyKey: 'k' });
    expect(again.id).toBe(first.id);
    const other = await refusedSave(session, 'other', alice, { idempotencyKey: 'k' });
    expect(other).toBeInstanceOf(IdempotencyConflict);
  });
});

const FAILED = { from: ['CREATING'], to: 'FAILED' } as const;

describe('deleteSavedSnapshot', () => {
  it('is for the owner and admins; what is going already answers itself', async () => {
    await kit.addPool({}, 2);
    const [saved, session] = await kept();
    expect(await refusedDrop(saved, bob)).toBeInstanceOf(NotFound);
    expect(await refusedDrop(saved, viewer('alice', 'VIEWER'))).toBeInstanceOf(NotFound);
    expect((await drop(saved)).status).toBe('DELETING');
    expect((await drop(saved)).status).toBe('DELETING');
    expect((await drop(await save(session, 'b'), ADMIN)).status).toBe('DELETING');
    const set = kit.store.read((db) => findSet(db, saved));
    expect(set.every(({ status }) => status === 'DELETING')).toBe(true);
  });

  it('does not touch golden states', async () => {
    const golden = await goldenSet();
    expect(await refusedDrop(golden, ADMIN)).toBeInstanceOf(NotFound);
    expect(rowOf(golden)?.status).toBe('READY');
  });

  it('waits until a session has the cluster that is made from it', async () => {
    await kit.addPool({}, 2);
    const [saved] = await kept();
    const session = await claim(alice, { snapshotId: saved.id });
    expect(await refusedDrop(saved)).toMatchObject({ constructor: WrongState, state: 'READY' });
    await endOf(session);
    expect((await drop(saved)).status).toBe('DELETING');
  });
});

async function goldenSet(): Promise<Snapshot> {
  const pool = await kit.addPool({}, 2);
  const set = await kit.transact((tx) => {
    const roles = findTemplate(tx.db, pool.templateId)?.roles ?? [];
    const of = { poolId: pool.id, clusterId: null, sourceClusterId: null, sourceSessionId: null };
    return insertSet(tx, { ...of, jobId: null, mode: 'OFFLINE' }, roles, WHY);
  });
  const [first] = kit.store.read((db) => findSet(db, { poolId: pool.id, set }));
  if (first === undefined) throw new Error('no set');
  await taken(first);
  return first;
}

describe('a claim of what was saved', () => {
  it('has a cluster made in the place of a spare one, never a warm one', async () => {
    await kit.addPool({ size: 2 }, 2);
    const [saved] = await kept();
    const before = members();
    const session = await claim(alice, { snapshotId: saved.id });
    expect(session).toMatchObject({ status: 'PROVISIONING', strategy: 'SNAPSHOT' });
    expect(session.wantedSet).toBe(saved.set);
    expect(clusterOf(session)).toMatchObject({ status: 'CREATING', wantedSet: saved.set });
    expect(before.map(({ id }) => id)).not.toContain(session.clusterId);
    expect(members()).toHaveLength(2);
  });

  it('is refused where all are in use and the pool does not queue', async () => {
    await kit.addPool({ size: 2 }, 2);
    const [saved] = await kept();
    await claim(bob);
    const refusal = await refusedClaim(alice, { snapshotId: saved.id });
    expect(refusal).toBeInstanceOf(PoolExhausted);
    expect(String(refusal)).toContain('no room');
  });

  it('is refused, and costs no warm cluster, while the pool cannot make any', async () => {
    const pool = await kit.addPool({ size: 2, whenEmpty: 'QUEUE' }, 2);
    const [saved] = await kept();
    const replenishPaused = 'the disk is full';
    await kit.transact((tx) => void updatePool(tx, pool.id, { replenishPaused }, WHY));
    expect(String(await refusedClaim(alice, { snapshotId: saved.id }))).toContain('disk is full');
    expect(members()).toHaveLength(2);
  });

  it('takes a spare cluster that is not ready rather than a warm one', async () => {
    await kit.addPool({ size: 3 }, 3);
    const [saved] = await kept();
    const [newest] = members();
    await kit.transact((tx) => {
      const move = { from: ['AVAILABLE'], to: 'ERROR' } as const;
      moveCluster(tx, newest?.id ?? '', move, WHY);
    });
    await claim(alice, { snapshotId: saved.id });
    expect(members().map(({ id }) => id)).not.toContain(newest?.id);
    expect(members().filter(({ status }) => status === 'AVAILABLE')).toHaveLength(1);
  });

  it('of others, another pool, a golden state or what is not ready is refused', async () => {
    const golden = await goldenSet();
    const [saved, session] = await kept();
    const begun = await save(session, 'begun');
    const ofBob = { snapshotId: saved.id };
    expect(await refusedClaim(bob, ofBob)).toBeInstanceOf(NotFound);
    expect(await refusedClaim(ADMIN, ofBob)).toMatchObject({
      constructor: InvalidInput,
      field: 'snapshotId',
    });
    expect(String(await refusedClaim(alice, { snapshotId: golden.id }))).toContain('golden');
    expect(String(await refusedClaim(alice, { snapshotId: begun.id }))).toContain('CREATING');
    await kit.addPool({ name: 'other' }, 1);
    const elsewhere = await refusedClaim(alice, { pool: 'other', snapshotId: saved.id });
    expect(String(elsewhere)).toContain('not of pool other');
    const onBehalf = await claim(ADMIN, { owner: 'alice', snapshotId: saved.id });
    expect(onBehalf).toMatchObject({ owner: 'alice', wantedSet: saved.set });
  });

  it('spawns a VM', async () => {
    await kit.addPool({ provider: 'QEMU', size: 1 }, 1);
    const session = await claim();
    // What wakes it is a worker's: here it only has to run.
    await kit.transact((tx) => void finishWake(tx, session.id, WHY));
    const saved = await save(session);
    await taken(saved);
    const vm = await kit.done(kit.verbs(alice).spawnVm({ pool: 'cks', snapshotId: saved.id }));
    const made = kit.store.read((db) => findCluster(db, vm.clusterId));
    expect(made).toMatchObject({ status: 'CREATING', wantedSet: saved.set });
  });

  it('is served in order: what becomes free gives way, and those behind get the next', async () => {
    await kit.addPool({ size: 2, whenEmpty: 'QUEUE' }, 2);
    const [saved, held] = await kept();
    const ofBob = await claim(bob);
    const wants = await claim(alice, { snapshotId: saved.id });
    const behind = await claim(bob);
    expect([stateOf(wants), stateOf(behind)]).toEqual(['PENDING', 'PENDING']);
    await endOf(held);
    await freed(held);
    expect([stateOf(wants), stateOf(behind)]).toEqual(['PROVISIONING', 'PENDING']);
    await endOf(ofBob, bob);
    await freed(ofBob);
    expect(stateOf(behind)).toBe('RUNNING');
    expect(members()).toHaveLength(2);
  });

  it('gives a cluster on to the first behind it if there is room for both', async () => {
    const pool = await kit.addPool({ size: 2, whenEmpty: 'QUEUE' }, 2);
    const [saved, held] = await kept();
    await claim(bob);
    const wants = await claim(alice, { snapshotId: saved.id });
    const behind = await claim(bob);
    await kit.transact((tx) => void updatePool(tx, pool.id, { maxClusters: 3 }, WHY));
    await endOf(held);
    await freed(held);
    expect([stateOf(wants), stateOf(behind)]).toEqual(['PROVISIONING', 'RUNNING']);
    expect(members()).toHaveLength(3);
  });
});

/** A worker has put the cluster of a session back. */
const freed = (session: Session) =>
  kit.transact((tx) => {
    const cluster = findCluster(tx.db, session.lastClusterId ?? '');
    const free = { fence: cluster?.fence ?? 0, patch: {}, wakes: false };
    handOver(tx, cluster?.id ?? '', free, { cause: 'RESET' });
  });
