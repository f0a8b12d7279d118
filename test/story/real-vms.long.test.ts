import {
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { basename, join } from 'node:path';
import Database from 'better-sqlite3';
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest';
import type { ClusterRef } from '../../server/providers/provider.ts';
import { setFolder, makeFolders } from '../../server/providers/vm-host/folders.ts';
import { Exchange } from '../../server/providers/vm-host/image/exchange.ts';
import { readSet } from '../../server/providers/vm-host/set-store.ts';
import { realWorld } from '../../server/world.ts';
import { baseImage, microRef, microSet, qemuOn, stateFolder, whyNoVms } from '../kit/qemu.ts';
import { tearDown } from '../kit/qemu.ts';
import { ServerProcess } from '../kit/server-process.ts';
import { stepOf } from '../kit/simulator.ts';
import {
  type RealRegistry,
  startRegistry,
  whyNoRegistry,
} from '../server/providers/vm-host/registry/real-registry.ts';

/**
 * The whole story on real VMs: an image with its memory is sent to a registry, an empty machine is
 * served from it, and from its own image where it cannot be had; what a user saved comes back.
 */

vi.setConfig({ testTimeout: 120_000, hookTimeout: 120_000 });

const missing = whyNoRegistry() ?? (await whyNoVms());
const world = realWorld();

let folder = '';
let registry: RealRegistry;
let isRegistryGone = false;
let server: ServerProcess;
let published: { readonly digest: string; readonly largest: string };
const state = () => join(folder, 'vms');
const address = () => `${registry.host}/yard/snapshots`;

beforeAll(async () => {
  if (missing !== null) return;
  folder = stateFolder();
  writeFileSync(join(folder, 'pools.yaml'), '[]');
  registry = await startRegistry();
  published = await publish();
  server = new ServerProcess(folder, {
    SNAPYARD_POOLS: join(folder, 'pools.yaml'),
    SNAPYARD_QEMU_ACCEL: 'tcg',
    USE_PREBUILT_SNAPSHOT: 'true',
    SNAPSHOT_REGISTRY: address(),
  });
});

/** VMs outlive the server, and a test that fails in the middle leaves some. */
afterEach(async () => {
  if (!existsSync(server.db)) return;
  await server.stop();
  const installation = readInstallation(server.db);
  await tearDown(await qemuOn(state(), { installation }), state(), installation);
});

afterAll(async () => {
  if (missing !== null) return;
  if (!isRegistryGone) await registry.close();
  rmSync(folder, { recursive: true });
});

/** Whose VMs a server has made, by its database. */
function readInstallation(path: string): string {
  const db = new Database(path, { readonly: true });
  try {
    return String(db.prepare('select id from installation').pluck().get());
  } finally {
    db.close();
  }
}

/** Captures the base image running, and sends it under the tag that servers look for. */
async function publish(): Promise<typeof published> {
  const work = stateFolder();
  const provider = await qemuOn(work);
  try {
    await provider.ensureSet({ kind: 'IMAGE' }, microSet(1), 'OFFLINE', stepOf(1));
    const folders = makeFolders(work, undefined);
    const snapshots = readSet(folders, microSet(1).id)?.snapshots ?? [];
    const captured = { folder: setFolder(folders, microSet(1).id), snapshots };
    const limits = { pullLimitBytes: 2 ** 30, diskSizeBytes: 2 ** 30, transferMs: 60_000 };
    const places = { repository: address(), allowed: [], authFile: undefined };
    const images = join(work, 'images');
    mkdirSync(images);
    const exchange = new Exchange(world, images, { ...places, ...limits });
    const to = `${address()}:win98-base`;
    const { digest } = await exchange.publish(baseImage(), to, stepOf(1), captured);
    const manifest = JSON.parse(readFileSync(registry.blobFile(digest), 'utf8')) as {
      layers: { digest: string; size: number }[];
    };
    const [largest] = manifest.layers.toSorted((one, other) => other.size - one.size);
    return { digest, largest: largest?.digest ?? '' };
  } finally {
    await tearDown(provider, work);
  }
}

async function ask<Answer>(query: string, variables: object = {}): Promise<Answer> {
  const response = await fetch(`${server.origin}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ query, variables }),
  });
  const { data, errors } = (await response.json()) as { data: Answer; errors?: unknown };
  if (errors !== undefined) throw new Error(JSON.stringify(errors));
  return data;
}

/** Reads the feed, and answers as soon as the question, asked anew after each message, is met. */
async function until<Answer>(question: () => Promise<Answer | undefined>): Promise<Answer> {
  const query = 'subscription { changes { cursor } }';
  const response = await fetch(`${server.origin}/graphql`, {
    method: 'POST',
    headers: { 'content-type': 'application/json', accept: 'text/event-stream' },
    body: JSON.stringify({ query }),
  });
  for await (const _ of response.body ?? []) {
    const answer = await question();
    if (answer !== undefined) return answer;
  }
  throw new Error('the feed ended');
}

interface Spawned {
  readonly id: string;
  readonly status: string;
  readonly fallbackReason: string | null;
  readonly assignedCluster: { readonly id: string; readonly name: string };
  readonly vms: readonly { snapshot: { source: string; digest: string | null } | null }[];
}

const SESSION = `query ($id: ID!) { session(id: $id) { id status fallbackReason
  assignedCluster { id name } vms { snapshot { source digest } } } }`;

/** A VM of a pool, when it runs. */
async function spawned(pool: string, snapshotId?: string): Promise<Spawned> {
  const spawn = `mutation ($input: SpawnVmInput!) {
    spawnVm(input: $input) { ... on VmHandle { session { id } } ... on UserError { message } } }`;
  const asked = await ask<{ spawnVm: { session: { id: string } } }>(spawn, {
    input: { pool, snapshotId },
  });
  const { id } = asked.spawnVm.session;
  return until(async () => {
    const { session } = await ask<{ session: Spawned }>(SESSION, { id });
    if (session.status === 'FAILED') throw new Error(JSON.stringify(session));
    return session.status === 'RUNNING' ? session : undefined;
  });
}

/** Makes a pool of one VM, and waits for it. */
async function addPool(name: string): Promise<void> {
  const input = { name, provider: 'QEMU', size: 1, maxClusters: 2, templateSets: 1 };
  const create = `mutation ($input: CreateClusterPoolInput!) { createClusterPool(input: $input) {
    ... on UserError { message } } }`;
  expect(await ask(create, { input })).toEqual({ createClusterPool: {} });
  const stats = `{ clusterPool(name: "${name}") { stats { availableClusters } } }`;
  await until(async () => {
    const { clusterPool } = await ask<{ clusterPool: { stats: object } }>(stats);
    return Object.values(clusterPool.stats).includes(1) || undefined;
  });
}

/** Ends the sessions and deletes the pool, with all that exists of it. */
async function deletePool(name: string, sessions: readonly Spawned[]): Promise<void> {
  const release = `mutation ($id: ID!) { releaseSession(input: { sessionId: $id }) {
    __typename } }`;
  for (const { id } of sessions) await ask(release, { id });
  const remove = `mutation { deleteClusterPool(input: { name: "${name}" }) { __typename } }`;
  expect(await ask(remove)).toEqual({ deleteClusterPool: { __typename: 'ClusterPool' } });
  // Its rows are gone before its VMs are.
  await until(() => Promise.resolve(readdirSync(join(state(), 'vms')).length === 0 || undefined));
}

/** What a shell in the guest of a session prints; only while no server runs. */
async function inGuest({ assignedCluster }: Spawned, line: string): Promise<string> {
  const provider = await qemuOn(state(), { installation: undefined });
  try {
    const objects = await provider.list(AbortSignal.timeout(10_000));
    const object = objects.find((one) => one.name === assignedCluster.name);
    const cluster: ClusterRef = { ...microRef(assignedCluster.name), id: object?.id ?? '' };
    const argv = ['sh', '-c', line];
    const ran = await provider.run({ cluster, role: 'STANDALONE' }, argv, {
      signal: AbortSignal.timeout(10_000),
    });
    return ran.stdout.trim();
  } finally {
    await provider.close();
  }
}

describe.skipIf(missing !== null)(
  'a pool of real VMs (needs QEMU, skopeo, docker-registry)',
  () => {
    it('is served from the registry on an empty machine, and starts what was saved', async () => {
      await server.start();
      await addPool('p');
      const first = await spawned('p');
      expect(first.fallbackReason).toBeNull();
      expect(first.vms).toEqual([{ snapshot: { source: 'PREBUILT', digest: published.digest } }]);
      await server.kill();
      await inGuest(first, 'echo kept > /root/work');
      await server.start();
      const save = `mutation ($id: ID!) { saveSession(input: { sessionId: $id, name: "mine" }) {
      ... on Snapshot { id } } }`;
      const { saveSession } = await ask<{ saveSession: { id: string } }>(save, { id: first.id });
      const seen = `query ($id: ID!) { node(id: $id) { ... on Snapshot { status } } }`;
      const saved = await until(async () => {
        const { node } = await ask<{ node: { status: string } }>(seen, saveSession);
        return node.status === 'CREATING' ? undefined : node.status;
      });
      expect(saved).toBe('READY');
      const second = await spawned('p', saveSession.id);
      await server.kill();
      const look = 'cat /root/work /proc/sys/kernel/hostname /etc/machine-id';
      const [one, other] = [await inGuest(first, look), await inGuest(second, look)];
      expect([one, other].map((text) => text.split('\n')[0])).toEqual(['kept', 'kept']);
      expect(new Set([...one.split('\n'), ...other.split('\n')]).size).toBe(5);
      await server.start();
      await deletePool('p', [first, second]);
      await server.stop();
    });

    it('is served from its own image where the registry lies or is gone, and says so', async () => {
      const image = baseImage().folder;
      cpSync(image, join(state(), 'images', basename(image)), { recursive: true });
      const blob = registry.blobFile(published.largest);
      const bytes = readFileSync(blob);
      bytes[bytes.length >> 1] = (bytes[bytes.length >> 1] ?? 0) ^ 1;
      writeFileSync(blob, bytes);
      await server.start();
      await addPool('lied-to');
      const refused = await spawned('lied-to');
      expect(refused.fallbackReason).toContain('something else than its digest says');
      expect(refused.vms).toMatchObject([{ snapshot: { source: 'IMAGE' } }]);
      await deletePool('lied-to', [refused]);
      isRegistryGone = true;
      await registry.close();
      await addPool('alone');
      const alone = await spawned('alone');
      expect(alone.fallbackReason).toContain('the registry does not answer');
      expect(alone.vms).toMatchObject([{ snapshot: { source: 'IMAGE' } }]);
      await deletePool('alone', [alone]);
      expect(server.log()).not.toMatch(/"level":(50|60)/);
    });
  },
);
