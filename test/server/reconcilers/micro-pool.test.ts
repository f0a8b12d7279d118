import { describe, expect, it } from 'vitest';
import { dropSets } from '../../../db/hold/drop-sets.ts';
import { outdateSets } from '../../../db/template-set.ts';
import { findVmsOfSession } from '../../../db/vm-handle.ts';
import type { Session } from '../../../schema/model/session.ts';
import { setId } from '../../../server/outside.ts';
import type { Provider } from '../../../server/providers/provider.ts';
import type { SimulatorFaults } from '../../../server/providers/simulator/faults.ts';
import { faultAt } from '../../kit/faults.ts';
import {
  currentSets,
  fewestFree,
  free,
  fresh,
  microPool,
  setOf,
  spawned,
} from '../../kit/micro-pool.ts';
import {
  clusterOf,
  HOUR,
  poolOf,
  release,
  served,
  sessionOf,
  snapshotsOf,
  strays,
  until,
} from '../../kit/pool-under-test.ts';
import type { Yard } from '../../kit/yard.ts';

const WHY = { cause: 'ADMIN' } as const;

describe('a set that is lost', () => {
  it('outside is FAILED and taken anew, while the next one serves', async () => {
    const yard = await microPool({ size: 2, maxClusters: 6 });
    await fresh(yard, 2);
    const sessions = [await spawned(yard, 'a'), await spawned(yard, 'b')];
    const { id: poolId } = poolOf(yard, 'p');
    const [lost, other] = currentSets(yard);
    yard.simulator.loseSet(setId({ poolId, set: lost ?? 0 }));
    for (const owner of ['c', 'd']) sessions.push(await spawned(yard, owner));
    const made = sessions.slice(2).map((session) => [session.servedFrom, setOf(yard, session)]);
    expect(made).toEqual([
      ['SNAPSHOT', other],
      ['SNAPSHOT', other],
    ]);
    const reason = /another snapshot set because its snapshots failed: no such snapshot set/;
    expect(sessions.filter(({ fallbackReason }) => reason.test(fallbackReason ?? ''))).toHaveLength(
      1,
    );
    await until(yard, () => currentSets(yard).length === 2, HOUR);
    expect(currentSets(yard)).not.toContain(lost);
    expect(snapshotsOf(yard, 'p').filter(({ status }) => status === 'FAILED')).toEqual([]);
  });

  it('when it was the last one, a cold boot serves, and says why', async () => {
    const yard = await microPool({ size: 1, maxClusters: 6, templateSets: 1 });
    await fresh(yard, 1);
    await spawned(yard, 'a');
    const { id: poolId } = poolOf(yard, 'p');
    yard.simulator.loseSet(setId({ poolId, set: currentSets(yard)[0] ?? 0 }));
    const session = await spawned(yard, 'b');
    expect(session).toMatchObject({ servedFrom: 'BOOTSTRAP', strategy: 'BOOTSTRAP' });
    expect(session.fallbackReason).toMatch(/made by BOOTSTRAP because its snapshots failed/);
    const [vm] = yard.store.read((db) => findVmsOfSession(db, session.id));
    expect(vm).toMatchObject({ origin: 'COLD_BOOT', snapshotId: null });
    await until(yard, () => currentSets(yard).length === 1, HOUR);
  });
});

describe('another version of an image', () => {
  /** Whatever is captured is of the version that is current just then. */
  const withImage = (of: { image: string; reason: string | null }) => {
    return (provider: Provider): Provider => ({
      ...provider,
      ensureSet: async (source, set, mode, step) => {
        const { image, reason } = of;
        const captured = await provider.ensureSet(source, set, mode, step);
        const made = { source: 'IMAGE', reason, image, digest: `sha256:${image}` } as const;
        return captured.map((one) => ({ ...one, made }));
      },
    });
  };
  const imagesOf = (yard: Yard) => {
    const rows = snapshotsOf(yard, 'p').filter(({ current }) => current);
    return rows.map(({ image, outdated }) => [image, outdated]);
  };

  it('outdates the sets, which are replaced without fewer free', async () => {
    const now = { image: 'games@1', reason: null };
    const yard = await microPool({ size: 3 }, { wrapProvider: withImage(now) });
    await fresh(yard, 2);
    const fewest = fewestFree(yard);
    now.image = 'games@2';
    const { id } = poolOf(yard, 'p');
    const outdated = yard.store.transact((tx) => outdateSets(tx, id, 'games@2', WHY));
    expect(await yard.done(outdated)).toBe(2);
    await until(yard, () => imagesOf(yard).every(([image]) => image === 'games@2'), HOUR);
    await fresh(yard, 2);
    expect(imagesOf(yard)).toEqual([
      ['games@2', false],
      ['games@2', false],
    ]);
    expect(fewest()).toBe(3);
    const again = yard.store.transact((tx) => outdateSets(tx, id, 'games@2', WHY));
    expect(await yard.done(again)).toBe(0);
  });

  it('that is dropped serves nobody any more, not even one that is being made', async () => {
    const now = { image: 'games@2', reason: null };
    const yard = await microPool({ size: 3, maxClusters: 6 }, { wrapProvider: withImage(now) });
    await fresh(yard, 2);
    const held = await spawned(yard, 'a');
    const old = yard.members('p').map(({ id }) => id);
    const sets = currentSets(yard);
    now.image = 'games@1';
    const { id } = poolOf(yard, 'p');
    const dropped = yard.store.transact((tx) => dropSets(tx, id, 'games@1', WHY));
    expect(await yard.done(dropped)).toBe(2);
    const next = await spawned(yard, 'b');
    expect(old).not.toContain(next.clusterId);
    expect(next).toMatchObject({ servedFrom: 'BOOTSTRAP' });
    expect(next.fallbackReason).toMatch(/^there was no snapshot to make it from/);
    expect(sessionOf(yard, held).status).toBe('RUNNING');
    for (const session of [held, next]) await release(yard, session);
    await fresh(yard, 2);
    expect(currentSets(yard).some((set) => sets.includes(set))).toBe(false);
    expect(imagesOf(yard)).toEqual([
      ['games@1', false],
      ['games@1', false],
    ]);
    expect(await strays(yard)).toEqual([]);
  });

  it('tells sessions why their snapshot is not prebuilt, warm ones too', async () => {
    const now = { image: 'base@1', reason: 'SNAPSHOT_REGISTRY is not set' };
    const yard = await microPool({ size: 1, maxClusters: 3 }, { wrapProvider: withImage(now) });
    await fresh(yard, 2);
    const reason =
      'the prebuilt snapshot could not be used: SNAPSHOT_REGISTRY is not set; made from the ' +
      'base image';
    const warm = await spawned(yard, 'a');
    const made = await spawned(yard, 'b');
    expect([warm, made]).toMatchObject([
      { servedFrom: 'POOL', fallbackReason: reason },
      { servedFrom: 'SNAPSHOT', fallbackReason: reason },
    ]);
    const [row] = snapshotsOf(yard, 'p');
    expect(row).toMatchObject({ image: 'base@1', digest: 'sha256:base@1', source: 'IMAGE' });
  });
});

describe('a pool of micro-VMs', () => {
  it('that is lazy makes nothing before its first spawn, which is served cold', async () => {
    let calls = 0;
    const wrapProvider = (provider: Provider): Provider => ({
      ...provider,
      ensureSet: (...args) => ((calls += 1), provider.ensureSet(...args)),
      ensureCluster: (...args) => ((calls += 1), provider.ensureCluster(...args)),
    });
    const yard = await microPool({ lazy: true }, { wrapProvider });
    await yard.world.advance(2 * HOUR);
    expect(calls).toBe(0);
    const vm = await yard.done(yard.as('a', 'USER').spawnVm({ pool: 'p' }));
    const session = await served(yard, sessionOf(yard, { id: vm.sessionId ?? '' }));
    expect(session).toMatchObject({ status: 'RUNNING', servedFrom: 'BOOTSTRAP' });
    expect(session.fallbackReason).toMatch(/^there was no snapshot to make it from/);
    await until(yard, () => free(yard).length === 4);
  });

  it('boots cold where sets cannot be taken, and says why, and warm ones do too', async () => {
    const fault = { kind: 'ERROR', retryable: false, reason: 'no room' } as const;
    const faults = faultAt({ operation: 'capture' }, fault);
    const yard = await microPool({ size: 2 }, { faults });
    await yard.settled('p', 2);
    const session = await spawned(yard, 'a');
    const reason = 'there was no snapshot to make it from: no room; made from the base image';
    expect(session).toMatchObject({ servedFrom: 'POOL', fallbackReason: reason });
    faults.stop();
    await release(yard, session);
    await fresh(yard, 2);
    expect(await spawned(yard, 'b')).toMatchObject({ fallbackReason: null });
  });

  it('that can be made in no way is paused, and says why there is no set either', async () => {
    const fault = { kind: 'ERROR', retryable: false } as const;
    const sets = faultAt({ operation: 'capture' }, { ...fault, reason: 'the registry is away' });
    const makes = faultAt({ operation: 'create' }, { ...fault, reason: 'there is no base image' });
    const faults: SimulatorFaults = { at: (moment) => sets.at(moment) ?? makes.at(moment) };
    const yard = await microPool({ size: 1 }, { faults });
    await until(yard, () => poolOf(yard, 'p').replenishPaused !== null, HOUR);
    expect(poolOf(yard, 'p').replenishPaused).toMatch(
      /there is no base image; and there is no snapshot to make it from: the registry is away/,
    );
  });

  it('serves ten spawns at once with ten clusters, and destroys each afterwards', async () => {
    const yard = await microPool();
    await fresh(yard, 2);
    const ten = Array.from({ length: 10 }, (_, n) => n);
    const spawns = ten.map((n) => yard.as(`owner-${n}`, 'USER').spawnVm({ pool: 'p' }));
    const vms = await yard.done(Promise.all(spawns));
    const sessions: Session[] = [];
    for (const vm of vms) {
      sessions.push(await served(yard, sessionOf(yard, { id: vm.sessionId ?? '' })));
    }
    expect(new Set(vms.map(({ id }) => id)).size).toBe(10);
    expect(new Set(sessions.map(({ clusterId }) => clusterId)).size).toBe(10);
    expect(sessions.filter(({ servedFrom }) => servedFrom === 'POOL')).toHaveLength(5);
    expect(sessions.filter(({ servedFrom }) => servedFrom === 'SNAPSHOT')).toHaveLength(5);
    for (const session of sessions) await release(yard, session);
    await fresh(yard, 2);
    for (const { clusterId } of sessions) {
      expect(clusterOf(yard, clusterId).removedAt).not.toBeNull();
    }
    expect(await strays(yard)).toEqual([]);
  });
});
