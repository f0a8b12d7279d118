import { describe, expect, it, vi } from 'vitest';
import { findPhases } from '../../db/phase.ts';
import { globalId } from '../../schema/global-id.ts';
import { NotFound, WrongState } from '../../schema/model/refusal.ts';
import { clusterRef } from '../../server/outside.ts';
import type { Fleet } from '../kit/fleet.ts';
import {
  claim,
  clusterOf,
  ended,
  release,
  served,
  sessionOf,
  snapshotsOf,
  until,
} from '../kit/pool-under-test.ts';
import { dataOf } from './asking.ts';
import { dirty, isClean, namesOf, runIn } from './deeds.ts';
import { fleetPerTest } from './fleet-per-test.ts';

// What people ask for about golden states of KubeVirt pools, and see of them.

vi.setConfig({ testTimeout: 120_000 });

const POOL = 'lab';
const TEMPLATES = 'vm-templates';
const WITH_ROOM = { name: POOL, size: 1, maxClusters: 2, whenEmpty: 'PROVISION' } as const;

let fleet: Fleet;
let asked: string[] = [];

const open = fleetPerTest();

async function warmFleet(pool: Parameters<Fleet['addPool']>[0] = WITH_ROOM): Promise<void> {
  fleet = await open();
  asked = [];
  fleet.onRequest((when, { verb, resource, namespace, name }) => {
    if (when === 'BEFORE') asked.push([verb, resource, namespace, name].join(' '));
    return undefined;
  });
  await fleet.addPool(pool);
  await fleet.settled(POOL, 1);
}

const admin = () => fleet.as('admin');
const templates = () => snapshotsOf(fleet, POOL).filter(({ clusterId }) => clusterId === null);

async function shown(): Promise<unknown> {
  const one = 'name role set current status readyToUse k8sVersion sizeBytes sourceSession { id }';
  const source = `{ clusterPool(name: "${POOL}") { strategy identity snapshotInfo {
    status k8sVersion controlPlaneSnapshot { ${one} } workerSnapshot { ${one} } createdAt } } }`;
  return dataOf(fleet, source);
}

/** What tells one machine from another. */
async function identityOf(clusterId: string | null): Promise<string[]> {
  const files = ['/etc/machine-id', '/etc/ssh/ssh_host_ed25519_key.pub'];
  const { stdout } = await runIn(fleet, clusterId, 'WORKER', ['cat', ...files]);
  return stdout.trim().split('\n');
}

describe('createSnapshots of a running session', () => {
  it('leaves the session alone, and makes the clusters of those who come later', async () => {
    await warmFleet();
    const empty = { controlPlaneSnapshot: null, workerSnapshot: null, createdAt: null };
    expect(await shown()).toEqual({
      clusterPool: {
        strategy: 'BOOTSTRAP',
        identity: 'SHARED_IDENTITY',
        snapshotInfo: { status: null, k8sVersion: null, ...empty },
      },
    });
    const session = await claim(fleet, POOL);
    await dirty(fleet, session.clusterId);
    const machines = () =>
      fleet.kubernetes.objects
        .list('VirtualMachineInstance', { namespace: 'lab-1' })
        .map(({ metadata }) => metadata.uid);
    const before = machines();
    const job = await fleet.done(admin().createSnapshots({ pool: POOL, sessionId: session.id }));
    expect(await ended(fleet, job)).toMatchObject({ status: 'SUCCEEDED' });
    expect(machines()).toEqual(before);
    expect(sessionOf(fleet, session)).toMatchObject({ status: 'RUNNING', statusMessage: null });
    expect(await isClean(fleet, session.clusterId)).toBe(false);
    expect(await marksOf(session.clusterId)).not.toEqual([]);
    expect(namesOf(fleet, 'VirtualMachineSnapshot', TEMPLATES)).toHaveLength(2);
    expect(namesOf(fleet, 'VirtualMachineSnapshot', 'lab-1')).toEqual(['cp-snap', 'wk-snap']);
    const of = {
      set: 2,
      current: true,
      status: 'READY',
      readyToUse: true,
      k8sVersion: expect.stringMatching(/^v1\./) as string,
      sizeBytes: 10 * 2 ** 30,
      sourceSession: { id: globalId('Session', session.id) },
    };
    expect(await shown()).toEqual({
      clusterPool: {
        strategy: 'SNAPSHOT',
        identity: 'SHARED_IDENTITY',
        snapshotInfo: {
          status: 'READY',
          k8sVersion: of.k8sVersion,
          controlPlaneSnapshot: { ...of, name: 'cp-snap-2', role: 'CONTROL_PLANE' },
          workerSnapshot: { ...of, name: 'wk-snap-2', role: 'WORKER' },
          createdAt: expect.any(String) as string,
        },
      },
    });
    expect(stepsOf(job.id).map(({ name }) => name)).toEqual(
      expect.arrayContaining(['capturing disks', 'copying disks']),
    );

    asked = [];
    const next = await served(fleet, await claim(fleet, POOL, 'bob'));
    expect(next).toMatchObject({ status: 'RUNNING', servedFrom: 'SNAPSHOT', fallbackReason: null });
    const told = stepsOf(next.id).map(({ name }) => name);
    expect(told.slice(0, 2)).toEqual(['create', 'creating VMs from snapshot']);
    expect(told).toContain('copying disks');
    expect(asked.filter((one) => one.startsWith('create resourcequotas'))).toEqual([
      'create resourcequotas lab-2 ',
    ]);
    expect(await identityOf(next.clusterId)).toEqual(await identityOf(session.clusterId));
    const vms = await vmsOf(next.id);
    expect(vms.map(({ origin, snapshot }) => [origin, snapshot?.name])).toEqual([
      ['SNAPSHOT', 'cp-snap-2'],
      ['SNAPSHOT', 'wk-snap-2'],
    ]);
    expect(await timesOf()).toMatchObject([
      { servedFrom: 'POOL', count: 1, failed: 0 },
      { servedFrom: 'SNAPSHOT', count: 1, failed: 0 },
      { servedFrom: 'BOOTSTRAP', count: 1, failed: 0 },
    ]);
  });
});

describe('createSnapshots of a base cluster', () => {
  it('settles, cleans and captures it; what is made of it has identities of its own', async () => {
    await warmFleet({ ...WITH_ROOM, maxClusters: 3, identity: 'REKEYED' });
    const job = await fleet.done(admin().createSnapshots({ pool: POOL, baseCluster: true }));
    expect(await ended(fleet, job)).toMatchObject({ status: 'SUCCEEDED' });
    const steps = stepsOf(job.id);
    expect(steps.map(({ name }) => name)).toEqual(
      expect.arrayContaining(['cleaning the base cluster', 'stopping machines', 'capturing disks']),
    );
    const settling = steps.find(({ name }) => name === 'stabilising the base cluster');
    const { startedAt = 0, finishedAt } = settling ?? {};
    expect((finishedAt ?? 0) - startedAt).toBeGreaterThanOrEqual(2 * 60_000);
    expect(namesOf(fleet, 'VirtualMachine', TEMPLATES)).toEqual([
      expect.stringMatching(/^lab-[0-9a-f]{6}-2-cp-base$/),
      expect.stringMatching(/^lab-[0-9a-f]{6}-2-wk-base$/),
    ]);
    const bases = fleet.kubernetes.objects.list('VirtualMachine', { namespace: TEMPLATES });
    expect(bases.map(({ spec }) => spec)).toMatchObject([
      { runStrategy: 'Halted' },
      { runStrategy: 'Halted' },
    ]);
    expect(namesOf(fleet, 'VirtualMachineInstance', TEMPLATES)).toEqual([]);
    expect(await shown()).toMatchObject({
      clusterPool: { strategy: 'SNAPSHOT', identity: 'REKEYED', snapshotInfo: { status: 'READY' } },
    });
    await claim(fleet, POOL);
    const [one, two] = [await claim(fleet, POOL, 'bob'), await claim(fleet, POOL, 'carol')];
    const [first, second] = [await served(fleet, one), await served(fleet, two)];
    expect([first.servedFrom, second.servedFrom]).toEqual(['SNAPSHOT', 'SNAPSHOT']);
    const seen = [await identityOf(first.clusterId), await identityOf(second.clusterId)].flat();
    expect(new Set(seen).size).toBe(4);
  });
});

describe('the own sets of clusters', () => {
  it('stay as they are when a capture is refused, or guests cannot be held still', async () => {
    await warmFleet({ name: POOL, size: 1 });
    fleet.kubernetes.mishaps.add({ name: 'no-agent', object: '*', times: 0 });
    const session = await claim(fleet, POOL);
    const capture = (input: object) =>
      fleet.done(
        admin()
          .createSnapshots({ pool: POOL, ...input })
          .catch((error: unknown) => error),
      );
    expect(await capture({ sessionId: 'nobody' })).toBeInstanceOf(NotFound);
    const unknown = `mutation { createSnapshots(input: { pool: "${POOL}", sessionId: "" }) {
      __typename } }`;
    expect(await dataOf(fleet, unknown)).toEqual({ createSnapshots: { __typename: 'NotFound' } });
    const both = `mutation { createSnapshots(input: { pool: "${POOL}", baseCluster: true,
      sessionId: "${globalId('Session', session.id)}" }) { __typename } }`;
    expect(await dataOf(fleet, both)).toEqual({ createSnapshots: { __typename: 'InvalidInput' } });
    await release(fleet, session);
    expect(await capture({ sessionId: session.id })).toBeInstanceOf(WrongState);
    expect(templates()).toEqual([]);
    await fleet.settled(POOL, 1);
    const online = { pool: POOL, mode: 'ONLINE' } as const;
    const job = await fleet.done(admin().recreateSnapshots(online));
    expect(await ended(fleet, job)).toMatchObject({
      status: 'FAILED',
      error: expect.stringMatching(/^lab-1: the guest of .* was not still .*agent/i) as string,
    });
    await fleet.settled(POOL, 1);
    const sets = snapshotsOf(fleet, POOL).filter((snapshot) => snapshot.current);
    expect(sets.map(({ name, status }) => [name, status])).toEqual([
      ['cp-snap', 'READY'],
      ['wk-snap', 'READY'],
    ]);
  });

  it('are made anew before the old ones go, and again after all were deleted', async () => {
    await warmFleet({ name: POOL, size: 1 });
    const own = () => namesOf(fleet, 'VirtualMachineSnapshot', 'lab-1');
    const current = () =>
      snapshotsOf(fleet, POOL)
        .filter((snapshot) => snapshot.current && snapshot.status === 'READY')
        .map(({ name }) => name);
    const seen = new Set<string>();
    const job = await fleet.done(admin().recreateSnapshots({ pool: POOL }));
    await until(fleet, () => {
      const usable = current().every((name) => own().includes(name));
      seen.add(usable && current().length === 2 ? current().toSorted().join(' ') : 'none');
      return own().join(' ') === 'cp-snap-2 wk-snap-2' && !current().includes('cp-snap');
    });
    expect([...seen]).toEqual(['cp-snap wk-snap', 'cp-snap-2 wk-snap-2']);
    expect(await ended(fleet, job)).toMatchObject({ status: 'SUCCEEDED' });

    const { id } = await fleet.done(admin().deleteSnapshots(POOL));
    expect(await ended(fleet, { id })).toMatchObject({ status: 'SUCCEEDED' });
    expect(own()).toEqual([]);
    await fleet.settled(POOL, 1);
    const session = await claim(fleet, POOL);
    await release(fleet, session);
    await until(fleet, () => fleet.members(POOL)[0]?.status === 'CREATING');
    await fleet.settled(POOL, 1);
    expect(own()).toEqual(['cp-snap', 'wk-snap']);
    await release(fleet, await claim(fleet, POOL));
    await fleet.settled(POOL, 1);
    expect(await timelineOf('lab-1')).toEqual(
      expect.arrayContaining(['bootstrap', 'capturing disks', 'probe', 'reset', 'restore beside']),
    );
  });
});

async function timelineOf(name: string): Promise<readonly string[]> {
  const { id } = fleet.members(POOL).find((cluster) => cluster.name === name) ?? { id: '' };
  const source = `{ cluster(id: "${globalId('Cluster', id)}") { timeline { name } } }`;
  const { cluster } = (await dataOf(fleet, source)) as { cluster: { timeline: SeenPhase[] } };
  return cluster.timeline.map((phase) => phase.name);
}

interface SeenPhase {
  readonly name: string;
}

const stepsOf = (subjectId: string) => fleet.store.read((db) => findPhases(db, subjectId));

async function marksOf(clusterId: string | null): Promise<readonly string[] | null> {
  const row = clusterOf(fleet, clusterId);
  const ref = fleet.store.read((db) => clusterRef(db, row));
  const seen = await fleet.done(fleet.provider.look(ref, new AbortController().signal));
  return seen.marks;
}

interface SeenVm {
  readonly origin: string;
  readonly snapshot: { readonly name: string } | null;
}

async function vmsOf(sessionId: string): Promise<readonly SeenVm[]> {
  const source = `{ session(id: "${globalId('Session', sessionId)}") {
    vms { name origin snapshot { name } } } }`;
  const { session } = (await dataOf(fleet, source)) as { session: { vms: SeenVm[] } };
  return session.vms;
}

async function timesOf(): Promise<unknown> {
  const source = `{ provisioningStats(pool: "${POOL}") { servedFrom count failed p50Ms } }`;
  const { provisioningStats } = (await dataOf(fleet, source)) as { provisioningStats: unknown };
  return provisioningStats;
}
