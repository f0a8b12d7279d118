import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { updateCluster } from '../../db/cluster.ts';
import { updatePool } from '../../db/cluster-pool.ts';
import { insertImage, moveImage } from '../../db/image.ts';
import { ensureJob, moveJob, recordProgress, findJob } from '../../db/job.ts';
import { trimChanges } from '../../db/change.ts';
import { acceptSet } from '../../db/accept-set.ts';
import { deleteSet, insertSet, moveSet } from '../../db/snapshot.ts';
import type { Context, Subject } from '../../schema/context.ts';
import { NotFound } from '../../schema/model/refusal.ts';
import type { Viewer } from '../../schema/model/viewer.ts';
import { BUILT_IN_TEMPLATES } from '../../schema/model/template.ts';
import { ADMIN, nextFree, openTestStore, viewer, type TestStore } from '../kit/store.ts';

let kit: TestStore;
let watchers: Watcher[] = [];

beforeEach(() => {
  kit = openTestStore();
});
afterEach(async () => {
  for (const watcher of watchers) await watcher.leave();
  watchers = [];
  expect(kit.hub.readers).toBe(0);
  expect(kit.world.pendingTimers()).toEqual([]);
  await kit.close();
});

const alice = viewer('alice');
const WHY = { cause: 'ADMIN' } as const;

/** Reads an entity subscription and notes what it is told. */
interface Watcher {
  readonly told: unknown[];
  readonly at: number[];
  isPaused: boolean;
  isOver: boolean;
  resume(): void;
  leave(): Promise<unknown>;
}

type Open = (feed: Context['feed']) => Promise<AsyncIterableIterator<Subject>>;
type Pick = (subject: Subject, context: Context) => unknown;

async function watch(who: Viewer, open: Open, pick: Pick): Promise<Watcher> {
  const { context } = await kit.contexts.openForSubscription(who);
  const stream = await open(context.feed);
  let resume: () => void = () => undefined;
  const watcher: Watcher = {
    told: [],
    at: [],
    isPaused: false,
    isOver: false,
    resume: () => {
      watcher.isPaused = false;
      resume();
    },
    leave: () => stream.return?.() ?? Promise.resolve(),
  };
  watchers.push(watcher);
  const read = async () => {
    for await (const subject of stream) {
      watcher.told.push(pick(subject, context));
      watcher.at.push(kit.world.elapsed());
      if (watcher.isPaused) {
        await new Promise<void>((resolve) => {
          resume = resolve;
        });
      }
    }
    watcher.isOver = true;
  };
  void read();
  await kit.world.settle();
  return watcher;
}

const sessionStatus: Pick = ({ id }, { reads }) => reads.session(id)?.status;
const poolSize: Pick = ({ id }, { reads }) => reads.clusterPool(id)?.size;

describe('one thing', () => {
  it('is told at once, after every change, and no more after its final state', async () => {
    await kit.addPool({}, 1);
    const { id } = await kit.done(kit.verbs(alice).createSession({ pool: 'cks' }));
    const watcher = await watch(
      alice,
      (feed) => feed.updates({ type: 'SESSION', id }),
      (subject, { reads }) => [reads.session(subject.id)?.status, reads.session(id)?.expiresAt],
    );
    await kit.world.advance(60_000);
    const more = kit.verbs(alice).extendSession({ sessionId: id, minutes: 120 });
    const { expiresAt } = await kit.done(more);
    await kit.world.advance(1_000);
    await kit.done(kit.verbs(alice).releaseSession(id));
    await kit.world.advance(1_000);
    expect(watcher.told).toEqual([
      ['RUNNING', expect.any(Number)],
      ['RUNNING', expiresAt],
      ['COMPLETED', expiresAt],
    ]);
    expect(watcher.isOver).toBe(true);
    const late = await watch(alice, (feed) => feed.updates({ type: 'SESSION', id }), sessionStatus);
    expect([late.told, late.isOver]).toEqual([['COMPLETED'], true]);
  });

  it('is told at most 20 times a second, and its last state always', async () => {
    const pool = await kit.addPool({});
    const subject = { type: 'CLUSTER_POOL', id: pool.id } as const;
    const watcher = await watch(ADMIN, (feed) => feed.updates(subject), poolSize);
    for (let n = 1; n <= 200; n += 1) {
      await kit.transact((tx) => updatePool(tx, pool.id, { size: n }, WHY));
      await kit.world.advance(5);
    }
    await kit.world.advance(1_000);
    expect(watcher.told.length).toBeGreaterThan(15);
    expect(watcher.told.length).toBeLessThanOrEqual(23);
    expect(watcher.told.at(-1)).toBe(200);
    const gaps = watcher.at.slice(2).map((at, n) => at - (watcher.at[n + 1] ?? 0));
    expect(Math.min(...gaps)).toBeGreaterThanOrEqual(50);
  });

  it('skips states for a slow reader, never the last one', async () => {
    const pool = await kit.addPool({});
    const subject = { type: 'CLUSTER_POOL', id: pool.id } as const;
    const watcher = await watch(ADMIN, (feed) => feed.updates(subject), poolSize);
    watcher.isPaused = true;
    for (let n = 10; n < 20; n += 1) {
      await kit.transact((tx) => updatePool(tx, pool.id, { size: n }, WHY));
      await kit.world.advance(1_000);
    }
    // A reader so slow that the log has gone is told the present state, too.
    await kit.transact((tx) => trimChanges(tx, { keepMs: 0, keepRows: 0 }, 1_000));
    watcher.resume();
    await kit.world.settle();
    expect(watcher.told).toEqual([3, 10, 19]);
  });

  it('that is a job completes after its end', async () => {
    const pool = await kit.addPool({});
    const job = await kit.transact((tx) =>
      ensureJob(tx, { kind: 'WARM_UP_POOL', poolId: pool.id, actor: 'root' }),
    );
    const watcher = await watch(
      ADMIN,
      (feed) => feed.updates({ type: 'JOB', id: job.id }),
      ({ id }, { reads }) => [reads.job(id)?.status, reads.job(id)?.progress],
    );
    const by = { cause: 'JOB' } as const;
    await kit.transact((tx) => void moveJob(tx, job.id, { from: ['QUEUED'], to: 'RUNNING' }, by));
    await kit.world.advance(1_000);
    await kit.transact((tx) => {
      const running = findJob(tx.db, job.id);
      if (running !== undefined) recordProgress(tx, running, 0.5, 'half');
    });
    await kit.world.advance(1_000);
    const end = { from: ['RUNNING'], to: 'SUCCEEDED', patch: { progress: 1 } } as const;
    await kit.transact((tx) => void moveJob(tx, job.id, end, by));
    await kit.world.advance(1_000);
    expect(watcher.told).toEqual([
      ['QUEUED', 0],
      ['RUNNING', 0],
      ['RUNNING', 0.5],
      ['SUCCEEDED', 1],
    ]);
    expect(watcher.isOver).toBe(true);
  });

  it('that queues is told when its place moves', async () => {
    await kit.addPool({ whenEmpty: 'QUEUE' }, 1);
    const ids: string[] = [];
    for (const name of ['a', 'b', 'c', 'alice']) {
      const session = await kit.done(kit.verbs(viewer(name)).createSession({ pool: 'cks' }));
      ids.push(session.id);
    }
    const watcher = await watch(
      alice,
      (feed) => feed.updates({ type: 'SESSION', id: ids[3] ?? '' }),
      ({ id }, { reads }) => {
        const session = reads.session(id);
        return session && reads.queuePosition(session);
      },
    );
    await kit.done(kit.verbs(ADMIN).releaseSession(ids[1] ?? ''));
    await kit.world.advance(1_000);
    await kit.done(kit.verbs(viewer('z')).createSession({ pool: 'cks' }));
    await kit.world.advance(1_000);
    await kit.done(kit.verbs(ADMIN).releaseSession(ids[2] ?? ''));
    await kit.world.advance(1_000);
    expect(watcher.told).toEqual([3, 2, 1]);
  });

  it('that is unknown or invisible is refused', async () => {
    await kit.addPool({}, 1);
    const { id } = await kit.done(kit.verbs(alice).createSession({ pool: 'cks' }));
    const refused = async (who: Viewer, open: Open) => {
      const { context } = await kit.contexts.openForSubscription(who);
      await expect(open(context.feed)).rejects.toBeInstanceOf(NotFound);
    };
    await refused(viewer('bob'), (feed) => feed.updates({ type: 'SESSION', id }));
    await refused(viewer('alice', 'VIEWER'), (feed) => feed.updates({ type: 'SESSION', id }));
    await refused(ADMIN, (feed) => feed.updates({ type: 'JOB', id: 'nope' }));
    await refused(ADMIN, (feed) => feed.updatesInPool('CLUSTER', 'nope'));
  });
});

describe('all versions of an image', () => {
  const built = { name: 'games', parentId: null, source: 'BUILT', reference: null } as const;
  const add = (name: string) =>
    kit.transact((tx) => insertImage(tx, { ...built, name, recipe: null, actor: 'root' }, WHY));

  it('are told first, then each after every change of it', async () => {
    const first = await add('games');
    await add('other');
    const watcher = await watch(
      viewer('wall', 'VIEWER'),
      (feed) => feed.updatesOfImage('games'),
      ({ id }, { reads }) => [reads.image(id)?.imageVersion, reads.image(id)?.status],
    );
    const ready = { from: ['CREATING'], to: 'READY' } as const;
    await kit.transact((tx) => void moveImage(tx, first.id, ready, WHY));
    await kit.world.advance(1_000);
    await add('games');
    await add('other');
    await kit.world.advance(1_000);
    expect(watcher.told).toEqual([
      [1, 'CREATING'],
      [1, 'READY'],
      [2, 'CREATING'],
    ]);
    const { context } = await kit.contexts.openForSubscription(ADMIN);
    await expect(context.feed.updatesOfImage('nope')).rejects.toBeInstanceOf(NotFound);
  });
});

describe('all of one kind in a pool', () => {
  it('are told first, then each after every change of it', async () => {
    const pool = await kit.addPool({ size: 250 }, 250);
    await kit.addPool({ name: 'other' }, 2);
    const watcher = await watch(
      ADMIN,
      (feed) => feed.updatesInPool('CLUSTER', 'cks'),
      ({ id }, { reads }) => [reads.cluster(id)?.name, reads.cluster(id)?.status],
    );
    expect(watcher.told).toHaveLength(250);
    expect(new Set(watcher.told.map(String)).size).toBe(250);
    await kit.done(kit.verbs(alice).createSession({ pool: 'other' }));
    await kit.done(kit.verbs(alice).createSession({ pool: 'cks' }));
    await kit.world.advance(1_000);
    const id = nextFree(kit.store, pool.id);
    await kit.transact((tx) => updateCluster(tx, id, { removingAt: 1, removedAt: 2 }, WHY));
    await kit.world.advance(1_000);
    expect(watcher.told.slice(250)).toEqual([
      ['cluster1', 'LOCKED'],
      ['cluster2', 'AVAILABLE'],
    ]);
  });

  it('are told a few at a time when very many have changed, and none is forgotten', async () => {
    const pool = await kit.addPool({ size: 250 }, 250);
    const watcher = await watch(
      ADMIN,
      (feed) => feed.updatesInPool('CLUSTER', 'cks'),
      ({ id }) => id,
    );
    watcher.isPaused = true;
    await kit.done(kit.verbs(alice).createSession({ pool: 'cks' }));
    await kit.world.advance(1_000);
    const claims = Array.from({ length: 249 }, () =>
      kit.verbs(alice).createSession({ pool: 'cks' }),
    );
    await kit.done(Promise.all(claims));
    watcher.resume();
    await kit.world.advance(1_000);
    expect(watcher.told).toHaveLength(500);
    expect(new Set(watcher.told.slice(250)).size).toBe(250);
    expect(pool.name).toBe('cks');
  });

  it('that are gone altogether are told before that only', async () => {
    const pool = await kit.addPool({});
    const watcher = await watch(
      ADMIN,
      (feed) => feed.updatesInPool('SNAPSHOT', 'cks'),
      ({ id }, { reads }) => reads.snapshot(id)?.status,
    );
    const roles = BUILT_IN_TEMPLATES['micro']?.roles ?? [];
    const owner = { poolId: pool.id, clusterId: null, sourceSessionId: null };
    const from = { ...owner, sourceClusterId: null, jobId: null, mode: 'ONLINE' } as const;
    const set = await kit.transact((tx) => insertSet(tx, from, roles, WHY));
    await kit.world.advance(1_000);
    const key = { poolId: pool.id, set };
    await kit.transact((tx) =>
      acceptSet(tx, key, [{ role: 'STANDALONE', sizeBytes: 1, k8sVersion: null }], WHY),
    );
    await kit.world.advance(1_000);
    await kit.transact((tx) => void moveSet(tx, key, { from: ['READY'], to: 'DELETING' }, WHY));
    await kit.world.advance(1_000);
    await kit.transact((tx) => deleteSet(tx, key, WHY));
    await kit.world.advance(1_000);
    expect(watcher.told).toEqual(['CREATING', 'READY', 'DELETING']);
  });
});
