import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { findCluster, moveCluster } from '../../db/cluster.ts';
import { findPoolByName } from '../../db/cluster-pool.ts';
import { handOver } from '../../db/hold/hand-over.ts';
import { findSession, queuePosition } from '../../db/session.ts';
import {
  IdempotencyConflict,
  InvalidInput,
  NotFound,
  PoolExhausted,
  QuotaExceeded,
  WrongState,
} from '../../schema/model/refusal.ts';
import type { Session } from '../../schema/model/session.ts';
import { ADMIN, nextFree, openTestStore, viewer, type TestStore } from '../kit/store.ts';

let kit: TestStore;

beforeEach(() => {
  kit = openTestStore();
});
afterEach(() => kit.close());

const alice = viewer('alice');
const bob = viewer('bob');
const MINUTE = 60_000;

const claim = (who = alice, more: object = {}) =>
  kit.done(kit.verbs(who).createSession({ pool: 'cks', ...more }));
const refusedClaim = (who = alice, more: object = {}) =>
  kit.refused(kit.verbs(who).createSession({ pool: 'cks', ...more }));
const clusterOf = (session: Session) =>
  kit.store.read((db) => findCluster(db, session.lastClusterId ?? ''));

/** A worker has put a cluster back: it goes to the first who waits, or is free. */
const finishReset = (id: string) =>
  kit.transact((tx) => {
    const fence = findCluster(tx.db, id)?.fence ?? 0;
    const free = { fence, patch: { lastReset: tx.now }, wakes: false };
    return handOver(tx, id, free, { cause: 'RESET' })?.status;
  });

describe('createSession', () => {
  it('hands out the least recently used cluster, ties by number', async () => {
    await kit.addPool({}, 3);
    const sessions = [await claim(), await claim(bob), await claim()];
    const names = sessions.map((session) => clusterOf(session)?.name);
    expect(names).toEqual(['cluster1', 'cluster2', 'cluster3']);
    expect(sessions[0]).toMatchObject({ status: 'RUNNING', owner: 'alice', servedFrom: 'POOL' });
    expect(sessions[0]?.expiresAt).toBe(kit.world.now() + 60 * MINUTE);
  });

  it('gives 50 claims at once on 3 clusters to exactly 3', async () => {
    const pool = await kit.addPool({}, 3);
    const claims = Array.from({ length: 50 }, (_, n) =>
      kit.verbs(viewer(`user${n}`)).createSession({ pool: 'cks' }),
    );
    const results = await kit.done(Promise.allSettled(claims));
    const served = results.filter(({ status }) => status === 'fulfilled');
    const refusals = results.flatMap((one): unknown[] =>
      one.status === 'rejected' ? [one.reason] : [],
    );
    expect(served).toHaveLength(3);
    expect(refusals.every((one) => one instanceof PoolExhausted)).toBe(true);
    expect(String(refusals[0])).toContain('no available clusters in pool');
    expect(kit.store.read((db) => findPoolByName(db, 'cks'))).toEqual(pool);
  });

  it('gives 200 claims at once on 100 clusters to exactly 100, all different', async () => {
    await kit.addPool({ size: 100 }, 100);
    const claims = Array.from({ length: 200 }, (_, n) =>
      kit.verbs(viewer(`user${n}`)).createSession({ pool: 'cks' }),
    );
    const results = await kit.done(Promise.allSettled(claims));
    const served = results.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    expect(served).toHaveLength(100);
    expect(new Set(served.map(({ clusterId }) => clusterId)).size).toBe(100);
  });

  it('lets admins claim on behalf of others, and nobody else', async () => {
    await kit.addPool({}, 1);
    expect(await refusedClaim(alice, { owner: 'bob' })).toMatchObject({
      constructor: InvalidInput,
      field: 'owner',
    });
    expect(await claim(ADMIN, { owner: 'bob' })).toMatchObject({ owner: 'bob' });
  });

  it('refuses an unknown pool, a time too long and more than the quota', async () => {
    await kit.addPool({ maxTtlMinutes: 90, maxSessionsPerOwner: 1 }, 3);
    expect(await refusedClaim(alice, { pool: 'nope' })).toBeInstanceOf(NotFound);
    const tooLong = await refusedClaim(alice, { ttlMinutes: 91 });
    expect(tooLong).toMatchObject({ constructor: InvalidInput, field: 'ttlMinutes' });
    const session = await claim(alice, { ttlMinutes: 90 });
    expect(session.expiresAt).toBe(session.createdAt + 90 * MINUTE);
    expect(await refusedClaim()).toMatchObject({ constructor: QuotaExceeded, limit: 1 });
    await claim(bob);
  });

  it('says why when the provider is not there', async () => {
    await kit.addPool({}, 1);
    kit.lost.add('SIMULATOR');
    const refusal = await refusedClaim();
    expect(refusal).toBeInstanceOf(PoolExhausted);
    expect(String(refusal)).toContain('provider SIMULATOR is not available on this server');
  });

  it('has a cluster made, or only woken, where the pool and its provider are such', async () => {
    await kit.addPool({ name: 'vms', provider: 'QEMU', size: 1 });
    const made = await claim(alice, { pool: 'vms' });
    expect(made).toMatchObject({ status: 'PROVISIONING', strategy: 'BOOTSTRAP' });
    await kit.addPool({ name: 'warm', provider: 'QEMU' }, 1);
    const woken = await claim(alice, { pool: 'warm' });
    expect(woken).toMatchObject({ status: 'PROVISIONING', strategy: null, servedFrom: null });
    expect(clusterOf(woken)?.status).toBe('LOCKED');
  });

  it('wakes a lazy pool even when it must refuse', async () => {
    await kit.addPool({ lazy: true });
    const awake = () => kit.store.read((db) => findPoolByName(db, 'cks')?.awake);
    expect(awake()).toBe(false);
    expect(await refusedClaim(alice, { ttlMinutes: 10_000 })).toBeInstanceOf(InvalidInput);
    expect(awake()).toBe(false);
    expect(await refusedClaim()).toBeInstanceOf(PoolExhausted);
    expect(awake()).toBe(true);
  });
});

describe('an idempotency key', () => {
  it('makes a repeat answer the same session as it is now', async () => {
    await kit.addPool({}, 3);
    const first = await claim(alice, { idempotencyKey: 'k', ttlMinutes: 30 });
    const again = await claim(alice, { ttlMinutes: 30, idempotencyKey: 'k' });
    expect(again).toEqual(first);
    await kit.done(kit.verbs(alice).releaseSession(first.id));
    const ended = await claim(alice, { idempotencyKey: 'k', ttlMinutes: 30 });
    expect(ended).toMatchObject({ id: first.id, status: 'COMPLETED' });
  });

  it('is refused with other input, and belongs to its owner', async () => {
    await kit.addPool({}, 3);
    const first = await claim(alice, { idempotencyKey: 'k' });
    const other = await refusedClaim(alice, { idempotencyKey: 'k', ttlMinutes: 30 });
    expect(other).toBeInstanceOf(IdempotencyConflict);
    const ofBob = await claim(bob, { idempotencyKey: 'k' });
    expect(ofBob.id).not.toBe(first.id);
    expect((await claim(ADMIN, { idempotencyKey: 'k', owner: 'bob' })).id).toBe(ofBob.id);
  });

  it('is not used up by a refusal', async () => {
    const pool = await kit.addPool({}, 0);
    expect(await refusedClaim(alice, { idempotencyKey: 'k' })).toBeInstanceOf(PoolExhausted);
    await kit.addPool({ name: 'other' }, 1);
    const other = await claim(alice, { idempotencyKey: 'k', pool: 'other' });
    expect(other.poolId).not.toBe(pool.id);
  });

  it('gives ten calls at once one session', async () => {
    await kit.addPool({}, 3);
    const calls = Array.from({ length: 10 }, () => claimNow({ idempotencyKey: 'k' }));
    const sessions = await kit.done(Promise.all(calls));
    expect(new Set(sessions.map(({ id }) => id)).size).toBe(1);
  });

  const claimNow = (more: object) => kit.verbs(alice).createSession({ pool: 'cks', ...more });
});

describe('extendSession', () => {
  const extend = (id: string, minutes: number, who = alice, more: object = {}) =>
    kit.verbs(who).extendSession({ sessionId: id, minutes, ...more });

  it('never shortens, and never goes beyond what the pool allows', async () => {
    await kit.addPool({ maxTtlMinutes: 120 }, 1);
    const { id, createdAt } = await claim();
    expect((await kit.done(extend(id, 10))).expiresAt).toBe(createdAt + 60 * MINUTE);
    await kit.world.advance(30 * MINUTE);
    expect((await kit.done(extend(id, 60))).expiresAt).toBe(createdAt + 90 * MINUTE);
    expect((await kit.done(extend(id, 500))).expiresAt).toBe(createdAt + 120 * MINUTE);
  });

  it('is refused for what is foreign, and for what has ended', async () => {
    await kit.addPool({}, 1);
    const { id } = await claim();
    expect(await kit.refused(extend(id, 10, bob))).toBeInstanceOf(NotFound);
    expect(await kit.refused(extend('nope', 10))).toBeInstanceOf(NotFound);
    await kit.done(kit.verbs(alice).releaseSession(id));
    const ended = await kit.refused(extend(id, 10));
    expect(ended).toMatchObject({ constructor: WrongState, state: 'COMPLETED' });
  });

  it('extends once under one key', async () => {
    await kit.addPool({}, 1);
    const { id } = await claim();
    await kit.world.advance(10 * MINUTE);
    const first = await kit.done(extend(id, 60, alice, { idempotencyKey: 'e' }));
    await kit.world.advance(10 * MINUTE);
    expect(await kit.done(extend(id, 60, alice, { idempotencyKey: 'e' }))).toEqual(first);
    const other = await kit.refused(extend(id, 61, alice, { idempotencyKey: 'e' }));
    expect(other).toBeInstanceOf(IdempotencyConflict);
  });
});

describe('releaseSession', () => {
  it('frees the cluster for its reset; a second call answers the ended session', async () => {
    await kit.addPool({}, 1);
    const session = await claim();
    const ended = await kit.done(kit.verbs(alice).releaseSession(session.id));
    expect(ended).toMatchObject({ status: 'COMPLETED', endReason: 'RELEASED', clusterId: null });
    expect(clusterOf(session)).toMatchObject({ status: 'RESETTING', work: 'RESET' });
    expect(await kit.done(kit.verbs(alice).releaseSession(session.id))).toEqual(ended);
  });

  it('by an admin says so, and is not found by others', async () => {
    await kit.addPool({}, 1);
    const { id } = await claim();
    expect(await kit.refused(kit.verbs(bob).releaseSession(id))).toBeInstanceOf(NotFound);
    const watcher = viewer('alice', 'VIEWER');
    expect(await kit.refused(kit.verbs(watcher).releaseSession(id))).toBeInstanceOf(NotFound);
    const ended = await kit.done(kit.verbs(ADMIN).releaseSession(id));
    expect(ended.endReason).toBe('ADMIN');
  });
});

describe('the queue', () => {
  const positions = (sessions: readonly Session[]) =>
    kit.store.read((db) =>
      sessions.map(({ id }) => {
        const session = findSession(db, id);
        return session === undefined ? null : queuePosition(db, session);
      }),
    );

  it('is served first come first served; who leaves holds nobody up', async () => {
    const pool = await kit.addPool({ whenEmpty: 'QUEUE' }, 1);
    const cluster = nextFree(kit.store, pool.id);
    const holder = await claim();
    const waiting: Session[] = [];
    for (const name of ['b', 'c', 'd', 'e']) waiting.push(await claim(viewer(name)));
    expect(waiting.map(({ status }) => status)).toEqual(Array(4).fill('PENDING'));
    expect(positions(waiting)).toEqual([1, 2, 3, 4]);
    await kit.done(kit.verbs(viewer('b')).releaseSession(waiting[0]?.id ?? ''));
    expect(positions(waiting)).toEqual([null, 1, 2, 3]);
    await kit.done(kit.verbs(alice).releaseSession(holder.id));
    expect(await finishReset(cluster)).toBe('LOCKED');
    expect(positions(waiting)).toEqual([null, null, 1, 2]);
    const served = kit.store.read((db) => findSession(db, waiting[1]?.id ?? ''));
    expect(served).toMatchObject({ status: 'RUNNING', clusterId: cluster, servedFrom: 'POOL' });
  });

  it('is not overtaken by a claim that finds a free cluster', async () => {
    const pool = await kit.addPool({ whenEmpty: 'QUEUE' }, 1);
    const cluster = nextFree(kit.store, pool.id);
    await claim();
    const first = await claim(bob);
    await kit.addPool({ name: 'spare' });
    await kit.transact((tx) => {
      const why = { cause: 'RESET' } as const;
      moveCluster(tx, cluster, { from: ['LOCKED'], to: 'RESETTING' }, why);
      moveCluster(tx, cluster, { from: ['RESETTING'], to: 'AVAILABLE' }, why);
    });
    const second = await claim(viewer('carol'));
    expect(second.status).toBe('PENDING');
    expect(positions([first, second])).toEqual([1, 2]);
  });
});
