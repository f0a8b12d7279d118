import { expect, test } from 'vitest';
import { globalId } from '../../schema/global-id.ts';
import { ADMIN, ALICE, BOB, dataOf, WATCHER } from '../kit/ask.ts';
import { fakeRows } from '../kit/fake-context.ts';
import {
  aCluster,
  aJob,
  aPool,
  aSession,
  aSnapshot,
  aTemplate,
  aVm,
  MADE_AT,
} from '../kit/rows.ts';

const worker = aSnapshot({ id: 's2', role: 'WORKER', name: 'wk-snap', createdAt: MADE_AT - 5_000 });

test('a pool starts from snapshots only when every role has one', async () => {
  const text = `{ clusterPool(name: "cks") { strategy snapshotInfo {
    controlPlaneSnapshot { name } workerSnapshot { name } createdAt k8sVersion status } } }`;
  const pool = async (snapshots: ReturnType<typeof aSnapshot>[]) =>
    ((await dataOf(text, { rows: fakeRows({ snapshots }) })) as { clusterPool: unknown })
      .clusterPool;

  expect(await pool([])).toEqual({
    strategy: 'BOOTSTRAP',
    snapshotInfo: {
      controlPlaneSnapshot: null,
      workerSnapshot: null,
      createdAt: null,
      k8sVersion: null,
      status: null,
    },
  });
  expect(await pool([aSnapshot()])).toMatchObject({
    strategy: 'BOOTSTRAP',
    snapshotInfo: { controlPlaneSnapshot: { name: 'cp-snap' }, status: 'READY' },
  });
  expect(await pool([aSnapshot(), { ...worker, status: 'CREATING' }])).toMatchObject({
    strategy: 'BOOTSTRAP',
    snapshotInfo: { status: 'CREATING' },
  });
  expect(await pool([aSnapshot(), worker])).toEqual({
    strategy: 'SNAPSHOT',
    snapshotInfo: {
      controlPlaneSnapshot: { name: 'cp-snap' },
      workerSnapshot: { name: 'wk-snap' },
      createdAt: '2025-12-31T23:59:55.000Z',
      k8sVersion: 'v1.31.4',
      status: 'READY',
    },
  });
});

test('the only VM of a micro pool stands where the control plane stands', async () => {
  const rows = fakeRows({ snapshots: [aSnapshot({ role: 'STANDALONE', name: 'vm-snap' })] });
  const text = `{ clusterPool(name: "cks") { snapshotInfo {
    controlPlaneSnapshot { name } workerSnapshot { name } } } }`;
  expect(await dataOf(text, { rows })).toEqual({
    clusterPool: {
      snapshotInfo: { controlPlaneSnapshot: { name: 'vm-snap' }, workerSnapshot: null },
    },
  });
});

test('a snapshot has an age, and is stale when its pool says so', async () => {
  const text = '{ snapshots { edges { node { ageSeconds stale staleAt readyToUse } } } }';
  const read = (maxAge: number, readyAt: number | null) => {
    const pools = [aPool({ snapshotMaxAgeSeconds: maxAge })];
    const snapshots = [aSnapshot({ readyAt, status: readyAt === null ? 'CREATING' : 'READY' })];
    return dataOf(text, { rows: fakeRows({ pools, snapshots }) });
  };
  const node = (fields: object) => ({ snapshots: { edges: [{ node: fields }] } });

  expect(await read(61, MADE_AT)).toEqual(
    node({ ageSeconds: 60, stale: false, staleAt: '2026-01-01T00:01:01.000Z', readyToUse: true }),
  );
  expect(await read(60, MADE_AT)).toEqual(
    node({ ageSeconds: 60, stale: true, staleAt: '2026-01-01T00:01:00.000Z', readyToUse: true }),
  );
  expect(await read(60, null)).toEqual(
    node({ ageSeconds: 60, stale: false, staleAt: null, readyToUse: false }),
  );
});

test('a cluster that is being removed is shown as resetting', async () => {
  const rows = fakeRows({ clusters: [aCluster({ removingAt: MADE_AT })] });
  const text = `{ clusterPool(name: "cks") {
    stats { statusByCluster { name status } } clusters { edges { node { status } } } } }`;
  expect(await dataOf(text, { rows })).toEqual({
    clusterPool: {
      stats: { statusByCluster: [{ name: 'cluster1', status: 'RESETTING' }] },
      clusters: { edges: [{ node: { status: 'RESETTING' } }] },
    },
  });
});

test('large pools do not list their clusters by state', async () => {
  const clusters = Array.from({ length: 101 }, (_, i) => aCluster({ id: `c${i}`, name: `n${i}` }));
  const text = '{ clusterPool(name: "cks") { stats { totalClusters statusByCluster { name } } } }';
  const read = (count: number) =>
    dataOf(text, { rows: fakeRows({ clusters: clusters.slice(0, count) }) });

  expect(await read(101)).toEqual({
    clusterPool: { stats: { totalClusters: 101, statusByCluster: [] } },
  });
  const { clusterPool } = (await read(100)) as {
    clusterPool: { stats: { statusByCluster: unknown[] } };
  };
  expect(clusterPool.stats.statusByCluster).toHaveLength(100);
});

test('steps tell how long they took', async () => {
  const at = { name: 'restore', startedAt: MADE_AT, error: null };
  const phases = [
    { ...at, finishedAt: MADE_AT + 250 },
    { ...at, name: 'probe', finishedAt: null },
  ];
  const rows = fakeRows({ phases, jobs: [aJob()] });
  const text = '{ jobs { edges { node { steps { name durationMs finishedAt error } } } } }';
  expect(await dataOf(text, { rows })).toEqual({
    jobs: {
      edges: [
        {
          node: {
            steps: [
              {
                name: 'restore',
                durationMs: 250,
                finishedAt: '2026-01-01T00:00:00.250Z',
                error: null,
              },
              { name: 'probe', durationMs: null, finishedAt: null, error: null },
            ],
          },
        },
      ],
    },
  });
});

const CLUSTER = `{ cluster(id: "${globalId('Cluster', 'cluster1')}") {
  status assignedSession { owner } vms { ipAddress session { owner } } } }`;

test.each([
  [ADMIN, true],
  [ALICE, true],
  [BOB, false],
  [WATCHER, false],
])('%o sees whose a cluster is, and its address: %s', async (viewer, sees) => {
  const rows = fakeRows({ vms: [aVm({ sessionId: 'session1' })] });
  expect(await dataOf(CLUSTER, { rows, viewer })).toEqual({
    cluster: {
      status: 'LOCKED',
      assignedSession: sees ? { owner: 'alice' } : null,
      vms: [{ ipAddress: sees ? '10.0.0.1' : null, session: sees ? { owner: 'alice' } : null }],
    },
  });
});

test('addresses of VMs that no session holds are for admins', async () => {
  const rows = fakeRows({ vms: [aVm()] });
  const text = '{ vmHandles { edges { node { ipAddress } } } }';
  const address = (ipAddress: string | null) => ({
    vmHandles: { edges: [{ node: { ipAddress } }] },
  });
  expect(await dataOf(text, { rows, viewer: ADMIN })).toEqual(address('10.0.0.1'));
  expect(await dataOf(text, { rows, viewer: ALICE })).toEqual(address(null));
});

test('access is read by the verb that audits it, and only when it is asked for', async () => {
  const read: string[] = [];
  const readAccess = (session: { id: string }) => {
    read.push(session.id);
    const endpoints = [{ vmId: 'vm1', name: 'ssh', url: 'ssh://root@10.0.0.1' }];
    return Promise.resolve({
      kubeconfig: 'kind: Config',
      sshUser: 'root',
      sshPrivateKey: null,
      endpoints,
    });
  };
  const asking = { viewer: ALICE, verbs: { readAccess } };
  await dataOf('{ sessions { edges { node { id status } } } }', asking);
  expect(read).toEqual([]);
  const text = `{ sessions { edges { node { access {
    kubeconfig sshUser sshPrivateKey endpoints { name url vm { name } } } } } } }`;
  expect(await dataOf(text, asking)).toMatchObject({
    sessions: {
      edges: [
        {
          node: {
            access: {
              kubeconfig: 'kind: Config',
              endpoints: [{ url: 'ssh://root@10.0.0.1', vm: { name: 'cp-cluster1' } }],
            },
          },
        },
      ],
    },
  });
  expect(read).toEqual(['session1']);
});

test('a reference that the database does not keep is a fault, not an empty field', async () => {
  const rows = fakeRows({ pools: [], templates: [aTemplate()], sessions: [aSession()] });
  await expect(
    dataOf('{ sessions { edges { node { pool { name } } } } }', { rows }),
  ).rejects.toThrow('the pool of session session1 refers to something that is not there');
});
