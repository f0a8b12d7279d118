import { describe, expect, it, vi } from 'vitest';
import { globalId } from '../../schema/global-id.ts';
import type { Fleet } from '../kit/fleet.ts';
import { claim, clusterOf, ended, release, served, until } from '../kit/pool-under-test.ts';
import { dataOf } from './asking.ts';
import { dirty, isClean, namesOf } from './deeds.ts';
import { fleetPerTest } from './fleet-per-test.ts';

// By which way clusters of KubeVirt pools are made, and what is told when it is another.

vi.setConfig({ testTimeout: 120_000 });

const POOL = 'lab';
const TEMPLATES = 'vm-templates';
const WITH_ROOM = { name: POOL, size: 1, maxClusters: 3, whenEmpty: 'PROVISION' } as const;

let fleet: Fleet;

const open = fleetPerTest();

async function warmFleet(pool: Parameters<Fleet['addPool']>[0] = WITH_ROOM): Promise<void> {
  fleet = await open();
  await fleet.addPool(pool);
  await fleet.settled(POOL, 1);
}

async function withTemplateSet(): Promise<void> {
  const wanted = { pool: POOL, baseCluster: true };
  const job = await fleet.done(fleet.as('admin').createSnapshots(wanted));
  expect(await ended(fleet, job)).toMatchObject({ status: 'SUCCEEDED' });
}

function loseSnapshot(namespace: string, name: RegExp): void {
  const { objects } = fleet.kubernetes;
  const found = objects
    .list('VirtualMachineSnapshot', { namespace })
    .find(({ metadata }) => name.test(metadata.name));
  if (found === undefined) throw new Error(`no snapshot ${String(name)} in ${namespace}`);
  objects.remove(found);
}

async function seen(sessionId: string): Promise<unknown> {
  const source = `{ session(id: "${globalId('Session', sessionId)}") {
      status servedFrom strategy fallbackReason timeline { name error }
      vms { origin snapshot { name } } }
    clusterPool(name: "${POOL}") { strategy }
    provisioningStats(pool: "${POOL}") { servedFrom count failed } }`;
  return dataOf(fleet, source);
}

describe('a cluster that is made while somebody waits', () => {
  it('is bootstrapped when its disks cannot be filled, or a snapshot is lost', async () => {
    await warmFleet();
    await withTemplateSet();
    await claim(fleet, POOL);
    fleet.kubernetes.mishaps.add({ name: 'clone-hangs', object: 'wk-lab-2-*', times: 2 });
    const first = await served(fleet, await claim(fleet, POOL, 'carol'));
    expect(first).toMatchObject({ status: 'RUNNING', servedFrom: 'BOOTSTRAP' });
    expect(first.fallbackReason).toMatch(/clone snapshot: .*; clone claim: /);

    loseSnapshot(TEMPLATES, /wk-snap/);
    const session = await served(fleet, await claim(fleet, POOL, 'bob'));
    const fallbackReason = expect.stringMatching(
      /^made by BOOTSTRAP because its snapshots failed: there is no snapshot .* of the worker/,
    ) as string;
    expect(await seen(session.id)).toMatchObject({
      session: {
        status: 'RUNNING',
        servedFrom: 'BOOTSTRAP',
        strategy: 'BOOTSTRAP',
        fallbackReason,
        vms: [
          { origin: 'COLD_BOOT', snapshot: null },
          { origin: 'COLD_BOOT', snapshot: null },
        ],
      },
      clusterPool: { strategy: 'BOOTSTRAP' },
      provisioningStats: [
        { servedFrom: 'POOL', count: 1, failed: 0 },
        { servedFrom: 'SNAPSHOT', count: 2, failed: 2 },
        { servedFrom: 'BOOTSTRAP', count: 3, failed: 0 },
      ],
    });
    expect(clusterOf(fleet, session.clusterId)).toMatchObject({ fallbackReason });
    // What is lost is no set any more, so that one is taken when it is asked for.
    await withTemplateSet();
    expect(await seen(session.id)).toMatchObject({ clusterPool: { strategy: 'SNAPSHOT' } });
  });
});

describe('a cluster whose own set is lost', () => {
  it('is made anew from the set of its pool when its resets have failed', async () => {
    await warmFleet();
    await withTemplateSet();
    const session = await claim(fleet, POOL);
    await dirty(fleet, session.clusterId);
    loseSnapshot('lab-1', /wk-snap/);
    await release(fleet, session);
    const states = new Set<string>();
    const cluster = () => clusterOf(fleet, session.clusterId);
    await until(fleet, () => {
      states.add(cluster().status);
      return cluster().status === 'AVAILABLE';
    });
    expect([...states]).toEqual(['RESETTING', 'ERROR', 'CREATING', 'AVAILABLE']);
    expect(cluster()).toMatchObject({ strategy: 'SNAPSHOT', statusMessage: null });
    expect(await isClean(fleet, session.clusterId)).toBe(true);
    expect(namesOf(fleet, 'VirtualMachineSnapshot', 'lab-1')).toEqual(['cp-snap', 'wk-snap']);
  });
});

describe('guests that take no SSH', () => {
  it('are captured for a pool, made of its set and reset, without a command in them', async () => {
    fleet = await open();
    fleet.kubernetes.mishaps.add({ name: 'ssh-refused', object: '*', times: 0 });
    await fleet.addPool({ ...WITH_ROOM, readiness: 'PROBE' });
    await fleet.settled(POOL, 1);
    await withTemplateSet();
    const disks = () => namesOf(fleet, 'PersistentVolumeClaim', 'lab-1');
    const uids = () =>
      fleet.kubernetes.objects
        .list('PersistentVolumeClaim', { namespace: 'lab-1' })
        .map(({ metadata }) => metadata.uid);
    const before = uids();
    const session = await claim(fleet, POOL);
    await release(fleet, session);
    const cluster = () => clusterOf(fleet, session.clusterId);
    await until(fleet, () => cluster().status === 'AVAILABLE' && cluster().lastReset !== null);
    expect(uids().filter((uid) => before.includes(uid))).toEqual([]);
    expect(disks()).toHaveLength(2);
    await claim(fleet, POOL);
    const next = await served(fleet, await claim(fleet, POOL, 'bob'));
    expect(next).toMatchObject({ status: 'RUNNING', servedFrom: 'SNAPSHOT' });
  });
});
