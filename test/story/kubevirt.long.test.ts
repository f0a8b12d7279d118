import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { kubectl, whyNoKubectl } from '../kit/kubectl.ts';
import { seeded } from '../kit/seeded.ts';
import { ServerProcess } from '../kit/server-process.ts';

/**
 * The whole story in processes of their own: our Kubernetes, the real server before it, kubectl as
 * a second client, and a server that is killed in the middle of its work.
 */

vi.setConfig({ testTimeout: 120_000, hookTimeout: 30_000 });

/** Minutes outside are a moment here. */
const SPEED = 200;

/** Chooses the moments at which the server is killed; another each time. */
const seed = Math.floor(Math.random() * 1e6);
const random = seeded(seed);

const POOLS = `
- name: cks
  provider: KUBEVIRT
  size: 3
  lazy: true
`;

let folder = '';
let kubernetes: ChildProcess;
let server: ServerProcess;
const kubeconfig = () => join(folder, 'kubeconfig');

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'snapyard-kubevirt-'));
  kubernetes = await startKubernetes();
  writeFileSync(join(folder, 'pools.yaml'), POOLS);
  server = new ServerProcess(folder, {
    SNAPYARD_POOLS: join(folder, 'pools.yaml'),
    SNAPYARD_KUBECONFIG: kubeconfig(),
  });
  await server.start();
});

afterAll(async () => {
  await server.stop();
  const ended = once(kubernetes, 'exit');
  kubernetes.kill('SIGTERM');
  expect(await ended).toEqual([0, null]);
  rmSync(folder, { recursive: true });
});

async function startKubernetes(): Promise<ChildProcess> {
  const settings = ['--kubeconfig', kubeconfig(), '--port', '0', '--speed', String(SPEED)];
  const args = ['bin/run.js', 'test/kubernetes/command.ts', ...settings];
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
  for await (const line of createInterface(child.stdout)) {
    if (line.includes('http://127.0.0.1:')) return child;
  }
  throw new Error('the Kubernetes simulator ended before it was ready');
}

async function ask(query: string, input?: object): Promise<unknown> {
  const response = await fetch(`${server.origin}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables: { input } }),
  });
  const { data, errors } = (await response.json()) as { data?: unknown; errors?: unknown };
  if (errors !== undefined) throw new Error(JSON.stringify(errors));
  return data;
}

const STATS = `{ clusterPool(name: "cks") { stats {
  totalClusters availableClusters lockedClusters errorClusters } } }`;

/** The messages of the feed from now on, the state itself first. Whoever leaves ends it. */
async function* changes(): AsyncGenerator<void> {
  const query = `subscription { changes(filter: { pool: "cks" }) { cursor } }`;
  const response = await fetch(`${server.origin}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify({ query }),
  });
  for await (const _ of response.body ?? []) yield;
}

/** Reads the feed, asking anew after each message, until the pool's counts are these. */
async function untilStats(wanted: Readonly<Record<string, number>>): Promise<void> {
  for await (const _ of changes()) {
    const { clusterPool } = (await ask(STATS)) as { clusterPool: { stats: object } };
    if (Object.entries(wanted).every((entry) => has(clusterPool.stats, entry))) return;
  }
}

/** Kills the server when so many things have happened, the number by chance, and starts another. */
async function killWithin(most: number): Promise<void> {
  let left = 1 + Math.floor(random() * most);
  for await (const _ of changes()) {
    left -= 1;
    if (left === 0) break;
  }
  await server.kill();
  await server.start();
}

function has(stats: object, [key, value]: readonly [string, number]): boolean {
  return Object.entries(stats).some(([k, v]) => k === key && v === value);
}

async function lines(...args: readonly string[]): Promise<string[]> {
  const printed = await kubectl(kubeconfig(), folder, [...args, '--no-headers']);
  return printed.split('\n').filter(Boolean);
}

/** A field of all instances of a namespace. */
function fieldsOf(namespace: string, field: string): Promise<string> {
  const output = `jsonpath={.items[*].${field}}`;
  return kubectl(kubeconfig(), folder, ['get', 'vmi', '-n', namespace, '-o', output]);
}

/** The golden snapshots of all clusters, as kubectl names them. */
async function snapshots(): Promise<string[]> {
  const [what, how] = [
    ['get', 'vmsnapshot', '-A'],
    ['-o', 'custom-columns=:.metadata.uid'],
  ];
  return await lines(...what, ...how);
}

/** Reads the feed until none of these snapshots is left, and as many others are there. */
async function untilRenewed(old: readonly string[]): Promise<void> {
  for await (const _ of changes()) {
    const now = await snapshots();
    if (now.length === old.length && !now.some((uid) => old.includes(uid))) return;
  }
}

describe.skipIf(whyNoKubectl() !== undefined)(
  `kubectl, beside a server that is killed (needs kubectl, seed ${seed})`,
  () => {
    it('sees three clusters of two machines with six golden snapshots', async () => {
      const bootstrap = `mutation ($input: PoolInput!) {
      bootstrapPool(input: $input) { __typename ... on UserError { message } } }`;
      expect(await ask(bootstrap, { pool: 'cks' })).toEqual({
        bootstrapPool: { __typename: 'Job' },
      });
      await killWithin(30);
      await untilStats({ availableClusters: 3 });
      const namespaces = await lines('get', 'namespaces', '-l', 'cks.io/cluster-pool=true');
      expect(namespaces.map((line) => line.split(/\s+/)[0])).toEqual([
        'cluster1',
        'cluster2',
        'cluster3',
      ]);
      for (const namespace of ['cluster1', 'cluster2', 'cluster3']) {
        expect(await lines('get', 'vmsnapshot', '-n', namespace)).toHaveLength(2);
        const running = await fieldsOf(namespace, 'status.phase');
        expect(running).toBe('Running Running');
      }
      expect(await lines('get', 'vmsnapshot', '-n', 'vm-templates')).toEqual([]);
    });

    it('sees the machines of a released cluster restored', async () => {
      const claim = `mutation ($input: CreateSessionInput!) { createSession(input: $input) {
      ... on Session { id status assignedCluster { namespace } } } }`;
      const { createSession } = (await ask(claim, { pool: 'cks' })) as {
        createSession: { id: string; status: string; assignedCluster: { namespace: string } };
      };
      expect(createSession.status).toBe('RUNNING');
      const { namespace } = createSession.assignedCluster;
      const uidsOf = () => fieldsOf(namespace, 'metadata.uid');
      const before = await uidsOf();
      const release = `mutation ($input: ReleaseSessionInput!) {
      releaseSession(input: $input) { ... on Session { status } } }`;
      await ask(release, { sessionId: createSession.id });
      await killWithin(8);
      await untilStats({ availableClusters: 3 });
      expect((await uidsOf()).split(' ').filter((uid) => before.includes(uid))).toEqual([]);
      expect(await lines('get', 'vmrestore', '-n', namespace)).toEqual([]);
      expect(await lines('get', 'pvc', '-n', namespace)).toHaveLength(2);
    });

    it('sees new golden snapshots, and none of the old ones', async () => {
      const recreate = `mutation ($input: CreateSnapshotsInput!) {
      recreateSnapshots(input: $input) { __typename ... on UserError { message } } }`;
      const before = await snapshots();
      expect(before).toHaveLength(6);
      const asked = await ask(recreate, { pool: 'cks' });
      expect(asked).toEqual({ recreateSnapshots: { __typename: 'Job' } });
      await killWithin(20);
      await untilRenewed(before);
      await untilStats({ availableClusters: 3 });
      expect(server.log()).toBe('');
    });
  },
);
