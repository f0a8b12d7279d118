import { expect, it } from 'vitest';
import { globalId } from '../../schema/global-id.ts';
import { PoolExhausted } from '../../schema/model/refusal.ts';
import type { Fleet } from '../kit/fleet.ts';
import { claim, clusterOf, ended, sessionOf, until } from '../kit/pool-under-test.ts';
import { dataOf } from './asking.ts';
import { dirty, isClean } from './deeds.ts';
import { fleetPerTest } from './fleet-per-test.ts';

// What a KubeVirt pool shows of itself from its first cluster to the release of all.

const POOL = 'lab';

const open = fleetPerTest();

const STATS = `{ clusterPool(name: "${POOL}") { stats { totalClusters availableClusters
  lockedClusters resettingClusters errorClusters creatingClusters
  statusByCluster { name status } } } }`;

const TEN_FIELDS = `query ($id: ID!) { cluster(id: $id) { name namespace status lockTime lastReset
  lastHealthCheck createdAt assignedSession { owner status clusterLockTime }
  controlPlaneVM { name phase origin } workerNodeVM { name phase origin } } }`;

const HISTORY = `query ($id: ID!) { changeLog(id: $id, types: [CLUSTER], first: 100) {
  edges { node { from to } } } }`;

it('a pool, its clusters and sessions are shown as they are, across a restart', async () => {
  const fleet = await open();
  await fleet.addPool({ name: POOL, size: 2 });
  await fleet.settled(POOL, 2);
  const session = await claim(fleet, POOL);
  await dirty(fleet, session.clusterId);
  const { lockTime, name } = clusterOf(fleet, session.clusterId);
  const id = globalId('Cluster', session.clusterId ?? '');
  fleet.restart();
  const machine = (role: string) => ({
    name: `${role}-${name}`,
    phase: 'RUNNING',
    origin: 'COLD_BOOT',
  });
  const at = new Date(lockTime ?? 0).toISOString();
  expect(await dataOf(fleet, TEN_FIELDS, { id })).toMatchObject({
    cluster: {
      name,
      namespace: name,
      status: 'LOCKED',
      lockTime: at,
      lastReset: null,
      assignedSession: { owner: 'alice', status: 'RUNNING', clusterLockTime: at },
      controlPlaneVM: machine('cp'),
      workerNodeVM: machine('wk'),
    },
  });
  expect(await isClean(fleet, session.clusterId)).toBe(false);
  const other = await claim(fleet, POOL, 'bob');
  await expect(claim(fleet, POOL, 'carol')).rejects.toThrow(PoolExhausted);
  expect(await dataOf(fleet, STATS)).toEqual({
    clusterPool: {
      stats: {
        totalClusters: 2,
        availableClusters: 0,
        lockedClusters: 2,
        resettingClusters: 0,
        errorClusters: 0,
        creatingClusters: 0,
        statusByCluster: [
          { name: 'lab-1', status: 'LOCKED' },
          { name: 'lab-2', status: 'LOCKED' },
        ],
      },
    },
  });
  await fleet.done(fleet.as('admin').releaseAllClusters(POOL));
  for (const one of [session, other]) {
    expect(sessionOf(fleet, one)).toMatchObject({ status: 'COMPLETED', endReason: 'ADMIN' });
  }
  await fleet.settled(POOL, 2);
  expect(await isClean(fleet, session.clusterId)).toBe(true);
  const checked = clusterOf(fleet, session.clusterId).lastHealthCheck ?? 0;
  await until(fleet, () => {
    const { lastHealthCheck } = clusterOf(fleet, session.clusterId);
    return (lastHealthCheck ?? 0) > checked;
  });
  const job = await fleet.done(fleet.as('admin').resetCluster(session.clusterId ?? ''));
  expect(await ended(fleet, job)).toMatchObject({ status: 'SUCCEEDED' });
  expect(await movesOf(fleet, id)).toEqual([
    'CREATING',
    'AVAILABLE',
    'LOCKED',
    'RESETTING',
    'AVAILABLE',
    'RESETTING',
    'AVAILABLE',
  ]);
}, 120_000);

/** The states a cluster has been in, the first one first. */
async function movesOf(fleet: Fleet, id: string): Promise<string[]> {
  const { changeLog } = (await dataOf(fleet, HISTORY, { id })) as {
    changeLog: { edges: { node: { from: string | null; to: string | null } }[] };
  };
  const moves = changeLog.edges.map(({ node }) => node).toReversed();
  return moves.flatMap(({ from, to }) => (to === null || from === to ? [] : [to]));
}
