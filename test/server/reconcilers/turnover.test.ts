import { describe, expect, it } from 'vitest';
import { findVmsOfSession } from '../../../db/vm-handle.ts';
import type { Session } from '../../../schema/model/session.ts';
import { seedsOf } from '../../kit/campaign.ts';
import { faultAt } from '../../kit/faults.ts';
import {
  currentSets,
  fewestFree,
  freeSets,
  fresh,
  MICRO,
  microPool,
  setOf,
  spawned,
} from '../../kit/micro-pool.ts';
import {
  ended,
  HOUR,
  MINUTE,
  poolOf,
  release,
  restart,
  runningYard,
  served,
  sessionOf,
  snapshotsOf,
  strays,
  until,
} from '../../kit/pool-under-test.ts';
import { seeded } from '../../kit/seeded.ts';

const SECOND = 1_000;

describe('template sets', () => {
  it('are two of a pool of micro-VMs, taken one after the other, with five clusters', async () => {
    const yard = await microPool();
    await fresh(yard, 2);
    expect(poolOf(yard, 'p')).toMatchObject({ size: 5, templateSets: 2 });
    expect(freeSets(yard)).toHaveLength(5);
    expect(new Set(freeSets(yard))).toEqual(new Set(currentSets(yard)));
    expect(await strays(yard)).toEqual([]);
  });

  it.each([1, 2, 3, 5])('2n claims of %i sets are served twice from each', async (sets) => {
    const yard = await microPool({ templateSets: sets, size: 2 * sets });
    await fresh(yard, sets);
    const served: (number | null)[] = [];
    for (let n = 0; n < 2 * sets; n += 1) {
      served.push(setOf(yard, await spawned(yard, `owner-${n}`)));
    }
    const twice = currentSets(yard).flatMap((set) => [set, set]);
    expect(served.toSorted((one, other) => (one ?? 0) - (other ?? 0))).toEqual(twice);
  });

  it('are taken in turn by clusters made on demand too, after a crash as before', async () => {
    let yard = await microPool({ size: 1, maxClusters: 20, templateSets: 2 });
    await fresh(yard, 2);
    await spawned(yard, 'first');
    const made: (number | null)[] = [];
    for (let n = 0; n < 4; n += 1) {
      if (n === 2) yard = restart(yard, MICRO);
      const session = await spawned(yard, `owner-${n}`);
      expect(session).toMatchObject({ servedFrom: 'SNAPSHOT', fallbackReason: null });
      made.push(setOf(yard, session));
    }
    const sets = currentSets(yard);
    expect(made.toSorted((a, b) => Number(a) - Number(b))).toEqual([
      sets[0],
      sets[0],
      sets[1],
      sets[1],
    ]);
  });

  it('are more or fewer when the pool says so, and leave one by one', async () => {
    const yard = await microPool({ size: 2, templateSets: 3 });
    await fresh(yard, 3);
    await yard.done(yard.as('admin').updateClusterPool({ name: 'p', templateSets: 1 }));
    await fresh(yard, 1);
    expect(currentSets(yard)).toEqual([3]);
    await yard.done(yard.as('admin').updateClusterPool({ name: 'p', templateSets: 2 }));
    await fresh(yard, 2);
    expect(await strays(yard)).toEqual([]);
  });

  it('of a pool whose clusters own their golden state are one at most', async () => {
    const yard = runningYard();
    const refused = /templateSets must be 1 for provider SIMULATOR/;
    const admin = yard.as('admin');
    const input = { name: 'p', provider: 'SIMULATOR', templateSets: 2 } as const;
    await expect(yard.done(admin.createClusterPool(input))).rejects.toThrow(refused);
    await yard.addPool({ name: 'p' });
    const grow = () => yard.done(admin.updateClusterPool({ name: 'p', templateSets: 2 }));
    await expect(grow()).rejects.toThrow(refused);
  });

  it('of a session is alone, and stays when it is old', async () => {
    const yard = await microPool({ snapshotMaxAgeSeconds: 600 });
    await fresh(yard, 2);
    const session = await spawned(yard, 'alice');
    const wanted = { pool: 'p', sessionId: session.id };
    await ended(yard, await yard.done(yard.as('admin').createSnapshots(wanted)));
    await release(yard, session);
    await fresh(yard, 1);
    const [set] = currentSets(yard);
    await yard.world.advance(HOUR);
    expect(currentSets(yard)).toEqual([set]);
    await ended(yard, await yard.done(yard.as('admin').recreateSnapshots({ pool: 'p' })));
    expect(currentSets(yard)).not.toContain(set);
    await fresh(yard, 2);
  });

  it('are all taken anew, one after the other, when an admin has them recreated', async () => {
    const yard = await microPool();
    await fresh(yard, 2);
    const before = currentSets(yard);
    await ended(yard, await yard.done(yard.as('admin').recreateSnapshots({ pool: 'p' })));
    await until(yard, () => currentSets(yard).every((set) => !before.includes(set)));
    await fresh(yard, 2);
  });
});

describe('a refresh', () => {
  const age = { snapshotMaxAgeSeconds: 300 };
  const { all, seeds } = seedsOf('spawns', 1);

  // Seed 1 takes an hour-old set, as no other does.
  it.each(all ? [1, 2, 3, 4, 5] : [1, 2])(
    'replaces stale sets and what was made of them, and never has fewer free (seed %i)',
    async (seed) => {
      const random = seeded(seed);
      const size = 1 + Math.floor(random() * 20);
      const sets = 1 + Math.floor(random() * 3);
      const seconds = seed === 1 ? 3_600 : 300;
      const yard = await microPool(
        { snapshotMaxAgeSeconds: seconds, size, templateSets: sets },
        { seed, shuffle: true },
      );
      await fresh(yard, sets);
      const before = currentSets(yard);
      const members = new Set(yard.members('p').map(({ id }) => id));
      const fewest = fewestFree(yard);
      let most = 0;
      let atOnce = 0;
      yard.store.onCommit(() => {
        most = Math.max(most, yard.members('p').length);
        const taken = snapshotsOf(yard, 'p').filter(({ status }) => status === 'CREATING');
        atOnce = Math.max(atOnce, new Set(taken.map(({ set }) => set)).size);
      });
      await yard.world.advance((seconds + 1) * SECOND);
      await until(yard, () => currentSets(yard).every((set) => !before.includes(set)));
      await fresh(yard, sets);
      expect(fewest(), `seed ${seed}`).toBe(size);
      expect(most, `seed ${seed}`).toBe(size + 1);
      expect(atOnce, `seed ${seed}`).toBe(1);
      expect(yard.members('p').filter(({ id }) => members.has(id))).toEqual([]);
      const rows = snapshotsOf(yard, 'p').map(({ set }) => set);
      expect(rows.filter((set) => before.includes(set))).toEqual([]);
      expect(await strays(yard)).toEqual([]);
    },
  );

  it('goes on after each crash, and still never has fewer free', async () => {
    let yard = await microPool({ ...age, size: 3 });
    await fresh(yard, 2);
    const before = currentSets(yard);
    await yard.world.advance(301 * SECOND);
    for (let crash = 0; crash < 12; crash += 1) {
      const fewest = fewestFree(yard);
      await yard.world.advance(700);
      expect(fewest()).toBe(3);
      yard = restart(yard, MICRO);
    }
    await until(yard, () => currentSets(yard).every((set) => !before.includes(set)));
    await fresh(yard, 2);
    expect(await strays(yard)).toEqual([]);
  });

  it('that fails is tried again after a while, and what is there serves on', async () => {
    const fault = { kind: 'ERROR', retryable: false, reason: 'no room' } as const;
    const yard = await microPool({ ...age, size: 2 });
    await fresh(yard, 2);
    const before = currentSets(yard);
    const next = restart(yard, {
      ...MICRO,
      faults: faultAt({ operation: 'capture', step: 'place', when: 'BEFORE' }, fault, 2),
    });
    const fewest = fewestFree(next);
    await next.world.advance(301 * SECOND + 30 * SECOND);
    expect(currentSets(next)).toEqual(before);
    expect(snapshotsOf(next, 'p').filter(({ status }) => status === 'FAILED')).toHaveLength(1);
    await next.world.advance(10 * MINUTE);
    await fresh(next, 2);
    expect(currentSets(next).some((set) => before.includes(set))).toBe(false);
    expect(fewest()).toBe(2);
  });

  it('does not take an available cluster for the one more that has failed', async () => {
    const fault = { kind: 'ERROR', retryable: false, reason: 'no room' } as const;
    const yard = await microPool({ ...age, size: 2 });
    await fresh(yard, 2);
    const next = restart(yard, {
      ...MICRO,
      faults: faultAt({ operation: 'create', step: 'place', when: 'BEFORE' }, fault, 20),
    });
    const fewest = fewestFree(next);
    await next.world.advance(HOUR);
    expect(fewest()).toBe(2);
    expect(poolOf(next, 'p').replenishPaused).toMatch(/no room/);
  });

  const spawns = all ? 1_000 : 60;

  it.each(seeds)(
    `serves ${spawns} spawns meanwhile, and each says its origin (seed %i)`,
    async (seed) => {
      const yard = await microPool(
        { snapshotMaxAgeSeconds: 60, size: 5, maxClusters: 10 },
        { seed },
      );
      await fresh(yard, 2);
      const random = seeded(seed);
      const live: Session[] = [];
      const seen = new Set<number | null>();
      const origins = new Set<string | null>();
      for (let n = 0; n < spawns; n += 1) {
        const vm = await yard.done(yard.as(`owner-${n}`, 'USER').spawnVm({ pool: 'p' }));
        const session = await served(yard, sessionOf(yard, { id: vm.sessionId ?? '' }));
        expect(session, `spawn ${n}`).toMatchObject({ status: 'RUNNING', fallbackReason: null });
        const [handle] = yard.store.read((db) => findVmsOfSession(db, session.id));
        const origin = session.servedFrom === 'POOL' ? 'WARM' : 'SNAPSHOT';
        expect(handle?.origin).toBe(origin);
        expect(handle?.spawnDurationMs).not.toBeNull();
        origins.add(origin);
        seen.add(setOf(yard, session));
        live.push(session);
        // Now there are many, more than the pool keeps, and now they go: a pool that breathes.
        const most = n % 30 < 15 ? 9 : 2;
        for (const old of live.splice(0, Math.max(0, live.length - most))) await release(yard, old);
        await yard.world.advance(Math.round(random() ** 2 * 6_000));
      }
      expect(seen.size).toBeGreaterThan(spawns / 15);
      expect(seen).not.toContain(null);
      expect(origins).toEqual(new Set(['SNAPSHOT', 'WARM']));
    },
    all ? 1_800_000 : undefined,
  );
});
