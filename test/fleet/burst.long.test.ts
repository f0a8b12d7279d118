import { expect, it, vi } from 'vitest';
import { seedsOf } from '../kit/campaign.ts';
import type { Fleet } from '../kit/fleet.ts';
import { claim, ended, HOUR, MINUTE, poolOf } from '../kit/pool-under-test.ts';
import { release, served, until } from '../kit/pool-under-test.ts';
import { seeded } from '../kit/seeded.ts';
import { inventoryOf, namesOf } from './deeds.ts';
import { ApiError } from '../kubernetes/ports.ts';
import { MISHAPS } from './fault-list.ts';
import { fleetPerTest } from './fleet-per-test.ts';
import type { Mishap, Place } from './mishap.ts';

/**
 * A whole pool in bad hours: sessions come and go while faults of all kinds strike, several at
 * once. When they are over all is as it was: every cluster free, and nothing left over.
 */

const { all, seeds } = seedsOf('kubevirt-faults', 1);
const SIZE = all ? 20 : 3;
const FAULTS = all ? 40 : 5;
const POOL = 'lab';

const open = fleetPerTest();

vi.setConfig({ testTimeout: 1_200_000 });

it.each(seeds)('a burst of faults leaves nothing behind, seed %i', async (seed) => {
  const fleet = await open({ seed });
  await fleet.addPool({ name: POOL, size: SIZE });
  await fleet.settled(POOL, SIZE);
  const namespace = fleet.members(POOL)[0]?.namespace ?? '';
  const wanted = inventoryOf(fleet, namespace);
  await burst(fleet, seeded(seed));
  await recover(fleet);
  for (const member of fleet.members(POOL)) {
    await until(fleet, () => same(inventoryOf(fleet, member.namespace), wanted), HOUR).catch(
      () => undefined,
    );
    expect(inventoryOf(fleet, member.namespace), `${member.name}, seed ${seed}`).toEqual(wanted);
  }
  const present = fleet.members(POOL).map((cluster) => cluster.namespace);
  expect(namesOf(fleet, 'Namespace').filter((name) => name.startsWith(`${POOL}-`))).toEqual(
    present.toSorted(),
  );
});

/** Faults that strike one after the other, each a while, while sessions come and go. */
async function burst(fleet: Fleet, random: () => number): Promise<void> {
  const pick = <T>(from: readonly T[]) => from[Math.floor(random() * from.length)];
  const undone: (() => void)[] = [];
  for (let count = 0; count < FAULTS; count += 1) {
    const mishap = pick(MISHAPS);
    const member = pick(fleet.members(POOL));
    if (mishap === undefined || member === undefined) continue;
    const end = once(begin(mishap, { fleet, namespace: member.namespace }));
    undone.push(end);
    fleet.world.after(10 * MINUTE * random(), end);
    await useOne(fleet, `owner-${count}`, random);
    await pass(fleet, 3 * MINUTE * random());
  }
  for (const undo of undone) undo();
  fleet.kubernetes.faults.clear();
  fleet.kubernetes.mishaps.clear();
}

/** What cannot strike as things are, as a name that is taken, does not. */
function begin(mishap: Mishap, place: Place): () => void {
  try {
    return mishap.strike(place) ?? (() => undefined);
  } catch (error) {
    if (error instanceof ApiError) return () => undefined;
    throw error;
  }
}

/** Somebody takes a cluster, if there is one, and gives it back after a while. */
async function useOne(fleet: Fleet, owner: string, random: () => number): Promise<void> {
  const session = await claim(fleet, POOL, owner).catch(() => undefined);
  if (session === undefined) return;
  const { status } = await served(fleet, session);
  await pass(fleet, 2 * MINUTE * random());
  if (status === 'RUNNING') await release(fleet, session).catch(() => undefined);
}

function pass(fleet: Fleet, ms: number): Promise<void> {
  return fleet.done(fleet.world.sleep(ms));
}

function once(undo: () => void): () => void {
  let isDone = false;
  return () => {
    if (!isDone) undo();
    isDone = true;
  };
}

/** A pool that pauses is resumed by a repair, as its admin would do. */
async function recover(fleet: Fleet): Promise<void> {
  const isWell = () =>
    fleet.members(POOL).length === SIZE &&
    fleet.members(POOL).every(({ status }) => status === 'AVAILABLE');
  for (let round = 0; round < 10 && !isWell(); round += 1) {
    await until(fleet, isWell, HOUR).catch(() => undefined);
    const broken = fleet.members(POOL).find(({ status }) => status === 'ERROR');
    if (poolOf(fleet, POOL).replenishPaused === null) continue;
    const admin = fleet.as('admin');
    const job = await fleet.done(
      broken === undefined ? admin.bootstrapPool(POOL) : admin.repairCluster(broken.id),
    );
    await ended(fleet, job);
  }
  await fleet.settled(POOL, SIZE, ['AVAILABLE'], HOUR);
}

function same(one: object, other: object): boolean {
  return JSON.stringify(one) === JSON.stringify(other);
}
