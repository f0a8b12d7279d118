import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { changesAfter } from '../../db/change.ts';
import { updateCluster } from '../../db/cluster.ts';
import { findPoolByName, updatePool } from '../../db/cluster-pool.ts';
import { ensureJob, findJob, moveJob } from '../../db/job.ts';
import { findSession } from '../../db/session.ts';
import { Conflict, InvalidInput, NotFound, WrongState } from '../../schema/model/refusal.ts';
import { ADMIN, nextFree, openTestStore, viewer, type TestStore } from '../kit/store.ts';

let kit: TestStore;

beforeEach(() => {
  kit = openTestStore();
});
afterEach(() => kit.close());

const verbs = () => kit.verbs(ADMIN);
const poolNow = (name = 'cks') => kit.store.read((db) => findPoolByName(db, name));
const BY_ADMIN = { cause: 'ADMIN' } as const;

describe('createClusterPool', () => {
  const create = (input: object) =>
    kit.done(verbs().createClusterPool({ name: 'p', provider: 'SIMULATOR', ...input }));
  const refused = (input: object) =>
    kit.refused(verbs().createClusterPool({ name: 'p', provider: 'SIMULATOR', ...input }));

  it('gives what suits the provider', async () => {
    expect(await create({})).toMatchObject({
      size: 3,
      maxClusters: 3,
      recycle: 'RESET',
      whenEmpty: 'REFUSE',
      lazy: false,
      awake: true,
      identity: 'SHARED_IDENTITY',
      readiness: 'SSH',
      sessionTtlMinutes: 60,
      maxTtlMinutes: 480,
      maxWaitSeconds: 600,
      maxSessionsPerOwner: null,
      snapshotMaxAgeSeconds: 30 * 86_400,
    });
    expect(await create({ name: 'q', provider: 'QEMU' })).toMatchObject({
      size: 5,
      maxClusters: 10,
      recycle: 'REPLACE',
      whenEmpty: 'PROVISION',
      identity: 'REKEYED',
      snapshotMaxAgeSeconds: 3_600,
    });
    expect(await create({ name: 'r', provider: 'QEMU', size: 18 })).toMatchObject({
      maxClusters: 20,
    });
    expect(await create({ name: 's', lazy: true, maxTtlMinutes: 20 })).toMatchObject({
      awake: false,
      sessionTtlMinutes: 20,
    });
  });

  it.each([
    [{ template: 'nope' }, 'template'],
    [{ template: 'micro', provider: 'KUBEVIRT' }, 'provider'],
    [{ provider: 'QEMU', template: 'two-node' }, 'template'],
    [{ provider: 'FIRECRACKER' }, 'provider'],
    [{ readiness: 'PROBE' }, 'readiness'],
    [{ provider: 'QEMU', size: 21 }, 'size'],
    [{ size: 0 }, 'size'],
    [{ size: 5, maxClusters: 4 }, 'maxClusters'],
    [{ sessionTtlMinutes: 60, maxTtlMinutes: 59 }, 'maxTtlMinutes'],
    [{ template: 'constructor' }, 'template'],
  ])('refuses %j by its field %s', async (input, field) => {
    expect(await refused(input)).toMatchObject({ constructor: InvalidInput, field });
    expect(poolNow('p')).toBeUndefined();
  });

  it('refuses a name that is taken, or whose clusters are not gone yet', async () => {
    const pool = await create({});
    expect(await refused({})).toBeInstanceOf(Conflict);
    await kit.done(verbs().deleteClusterPool('p'));
    const again = await create({});
    expect(again.id).not.toBe(pool.id);
    await kit.addPool({}, 2);
    await kit.done(verbs().deleteClusterPool('cks'));
    expect(await refused({ name: 'cks' })).toBeInstanceOf(Conflict);
  });

  it('goes on with the numbers of an earlier pool of its name', async () => {
    const pool = await kit.addPool({}, 2);
    await kit.done(verbs().deleteClusterPool('cks'));
    for (let n = 0; n < 2; n += 1) {
      const id = nextFree(kit.store, pool.id);
      await kit.transact((tx) => {
        updateCluster(tx, id, { removingAt: tx.now, removedAt: tx.now }, BY_ADMIN);
      });
    }
    expect((await kit.addPool({}, 1)).nextNumber).toBe(4);
  });
});

describe('updateClusterPool', () => {
  const update = (input: object) => verbs().updateClusterPool({ name: 'cks', ...input });

  it('changes what is given, and lets creations go on', async () => {
    const pool = await kit.addPool({ maxSessionsPerOwner: 2 });
    await kit.transact((tx) =>
      updatePool(tx, pool.id, { replenishPaused: 'disk full', failuresInRow: 3 }, BY_ADMIN),
    );
    const updated = await kit.done(update({ size: 5, whenEmpty: 'QUEUE' }));
    expect(updated).toMatchObject({
      size: 5,
      maxClusters: 5,
      whenEmpty: 'QUEUE',
      maxSessionsPerOwner: 2,
      replenishPaused: null,
      failuresInRow: 0,
      version: 3,
    });
    expect(await kit.done(update({ maxSessionsPerOwner: null }))).toMatchObject({
      maxSessionsPerOwner: null,
    });
  });

  it('is refused for an old version, for bad bounds and for an unknown pool', async () => {
    const pool = await kit.addPool({});
    await kit.done(update({ ifVersion: pool.version, size: 4 }));
    expect(await kit.refused(update({ ifVersion: pool.version, size: 5 }))).toBeInstanceOf(
      Conflict,
    );
    const bad = await kit.refused(update({ maxClusters: 1 }));
    expect(bad).toMatchObject({ constructor: InvalidInput, field: 'maxClusters' });
    expect(await kit.refused(update({ name: 'nope' }))).toBeInstanceOf(NotFound);
    expect(poolNow()).toMatchObject({ size: 4, maxClusters: 4 });
  });
});

describe('deleteClusterPool', () => {
  it('is refused while a session is live, else marks the pool and cancels its jobs', async () => {
    const pool = await kit.addPool({}, 1);
    const alice = kit.verbs(viewer('alice'));
    const session = await kit.done(alice.createSession({ pool: 'cks' }));
    const inUse = await kit.refused(verbs().deleteClusterPool('cks'));
    expect(inUse).toMatchObject({ constructor: WrongState, state: 'IN_USE' });
    await kit.done(alice.releaseSession(session.id));
    const job = await kit.done(verbs().warmUpPool('cks'));
    const deleted = await kit.done(verbs().deleteClusterPool('cks'));
    expect(deleted).toMatchObject({ id: pool.id, deletedAt: kit.world.now() });
    expect(kit.store.read((db) => findJob(db, job.id))?.status).toBe('CANCELLED');
    expect(await kit.refused(verbs().deleteClusterPool('cks'))).toBeInstanceOf(NotFound);
    const claim = await kit.refused(alice.createSession({ pool: 'cks' }));
    expect(claim).toBeInstanceOf(NotFound);
  });

  it('cancels more jobs than one transaction may write', async () => {
    const pool = await kit.addPool({}, 0);
    const count = 230;
    await kit.transact((tx) => {
      for (let n = 0; n < count; n += 1) {
        const sessionId = `s${n}`;
        const job = {
          kind: 'CREATE_SNAPSHOTS',
          poolId: pool.id,
          actor: 'root',
          sessionId,
        } as const;
        ensureJob(tx, job);
      }
    });
    const before = kit.store.head().seq;
    await kit.done(verbs().deleteClusterPool('cks'));
    const rows = kit.store.read((db) => changesAfter(db, before, 10_000));
    expect(rows.filter(({ to }) => to === 'CANCELLED')).toHaveLength(count);
    const sizes = [...Map.groupBy(rows, ({ tx }) => tx).values()].map(({ length }) => length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(256);
  });
});

describe('bootstrapPool and warmUpPool', () => {
  it('wake a lazy pool; bootstrap lets creations go on; an equal job is answered', async () => {
    const pool = await kit.addPool({ lazy: true });
    const first = await kit.done(verbs().warmUpPool('cks'));
    expect(first).toMatchObject({ kind: 'WARM_UP_POOL', status: 'QUEUED', poolId: pool.id });
    expect(poolNow()?.awake).toBe(true);
    expect((await kit.done(verbs().warmUpPool('cks'))).id).toBe(first.id);
    await kit.transact((tx) => updatePool(tx, pool.id, { replenishPaused: 'no' }, BY_ADMIN));
    expect(await kit.done(verbs().bootstrapPool('cks'))).toMatchObject({ kind: 'BOOTSTRAP_POOL' });
    expect(poolNow()?.replenishPaused).toBeNull();
    expect(await kit.refused(verbs().warmUpPool('nope'))).toBeInstanceOf(NotFound);
  });
});

describe('releaseAllClusters', () => {
  it('ends every live session, in transactions of bounded size', async () => {
    await kit.addPool({ size: 100, whenEmpty: 'QUEUE' }, 100);
    const claims = Array.from({ length: 110 }, (_, n) =>
      kit.verbs(viewer(`u${n}`)).createSession({ pool: 'cks' }),
    );
    const sessions = await kit.done(Promise.all(claims));
    const before = kit.store.head().seq;
    const pool = await kit.done(verbs().releaseAllClusters('cks'));
    expect(pool.name).toBe('cks');
    const ended = kit.store.read((db) => sessions.map(({ id }) => findSession(db, id)));
    expect(ended.every((one) => one?.endReason === 'ADMIN')).toBe(true);
    const rows = kit.store.read((db) => changesAfter(db, before, 10_000));
    const sizes = [...Map.groupBy(rows, ({ tx }) => tx).values()].map(({ length }) => length);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(128);
    expect(await kit.refused(verbs().releaseAllClusters('nope'))).toBeInstanceOf(NotFound);
  });
});

describe('cancelJob', () => {
  it('ends a queued job at once, and asks a running one to stop', async () => {
    await kit.addPool({});
    const queued = await kit.done(verbs().warmUpPool('cks'));
    const cancelled = await kit.done(verbs().cancelJob(queued.id));
    expect(cancelled).toMatchObject({ status: 'CANCELLED', finishedAt: kit.world.now() });
    const again = await kit.refused(verbs().cancelJob(queued.id));
    expect(again).toMatchObject({ constructor: WrongState, state: 'CANCELLED' });
    const running = await kit.done(verbs().warmUpPool('cks'));
    await kit.transact((tx) => {
      moveJob(tx, running.id, { from: ['QUEUED'], to: 'RUNNING' }, { cause: 'JOB' });
    });
    const asked = await kit.done(verbs().cancelJob(running.id));
    expect(asked).toMatchObject({ status: 'RUNNING', cancelRequestedAt: kit.world.now() });
    expect(await kit.done(verbs().cancelJob(running.id))).toEqual(asked);
    const fresh = await kit.done(verbs().warmUpPool('cks'));
    expect(fresh.id).not.toBe(running.id);
    expect(await kit.refused(verbs().cancelJob('nope'))).toBeInstanceOf(NotFound);
  });
});
