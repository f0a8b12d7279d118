import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import type { Store } from '../../db/store.ts';
import { openStore } from '../../db/store.ts';
import { clusterRef } from '../../server/outside.ts';
import type { Provider, RunResult } from '../../server/providers/provider.ts';
import { startOf } from '../../server/providers/vm-host/process.ts';
import { realWorld } from '../../server/world.ts';
import { readAllRows } from './all-rows.ts';
import { qemuOn } from './qemu.ts';
import { ServerProcess } from './server-process.ts';

const IMAGES = resolve(import.meta.dirname, '../../.images');
const LOOK_MS = 50;

/** What a question is answered: the first field of the data. */
export type Answer = Readonly<Record<string, unknown>> & { readonly __typename?: string };

/** A cluster, as the API shows it. */
export interface SeenCluster {
  readonly name: string;
  readonly status: string;
  readonly statusMessage: string | null;
  readonly vms: readonly { readonly name: string; readonly origin: string | null }[];
  readonly assignedSession: SeenSession | null;
}

/** A session, as the API shows it. */
export interface SeenSession {
  readonly id: string;
  readonly status: string;
  readonly servedFrom: string | null;
  readonly fallbackReason: string | null;
}

/** A snapshot, as the API shows it. */
export interface SeenSet {
  readonly id: string;
  readonly set: number;
  readonly status: string;
  readonly statusMessage: string | null;
  readonly current: boolean;
  readonly owner: string | null;
}

/** A pool, as the API shows it. */
export interface SeenPool {
  readonly size: number;
  readonly replenishPaused: string | null;
  readonly clusters: readonly SeenCluster[];
  readonly sets: readonly SeenSet[];
}

const POOL = `query ($name: String!) {
  clusterPool(name: $name) { size replenishPaused clusters(first: 100) { edges { node {
    name status statusMessage vms { name origin }
    assignedSession { id status servedFrom fallbackReason } } } } }
  snapshots(pool: $name, first: 100) { edges { node {
    id set status statusMessage current owner } } } }`;

/** The whole server with real VMs, in a process and a folder of its own. */
export class VmYard {
  readonly folder: string;
  readonly state: string;
  readonly server: ServerProcess;

  /** Its state may lie elsewhere, as on a small disk; the path must be short. */
  constructor(options: { state?: string; env?: Readonly<Record<string, string>> } = {}) {
    this.folder = mkdtempSync(join(tmpdir(), 'vy-'));
    this.state = options.state ?? join(this.folder, 'vms');
    mkdirSync(this.state, { recursive: true });
    symlinkSync(IMAGES, join(this.state, 'images'));
    const pools = join(this.folder, 'pools.yaml');
    writeFileSync(pools, '[]');
    this.server = new ServerProcess(this.folder, {
      SNAPYARD_POOLS: pools,
      SNAPYARD_STATE: this.state,
      SNAPYARD_QEMU_ACCEL: 'tcg',
      ...options.env,
    });
  }

  /** Asks the server; throws where it answers errors, or nothing. */
  async ask(query: string, variables: object = {}): Promise<Answer> {
    const response = await fetch(`${this.server.origin}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query, variables }),
    });
    const body = (await response.json()) as { data?: Record<string, Answer> | null };
    const [first] = Object.values(body.data ?? {});
    if (first === undefined) throw new Error(`no answer: ${JSON.stringify(body)}`);
    return first;
  }

  /** Sends a mutation with one input; throws where it is refused. */
  async send(name: string, input: object, selection = ''): Promise<Answer> {
    const type = `${name.charAt(0).toUpperCase()}${name.slice(1)}Input!`;
    const types = { deleteSavedSnapshot: 'SavedSnapshotInput!' } as Record<string, string>;
    const answer = await this.ask(
      `mutation ($input: ${types[name] ?? type}) { ${name}(input: $input) {
        __typename ${selection} ... on UserError { code message } } }`,
      { input },
    );
    if ('code' in answer) throw new Error(`${name}: ${JSON.stringify(answer)}`);
    return answer;
  }

  /** A pool of single VMs. */
  addPool(name: string, options: object = {}): Promise<Answer> {
    return this.send('createClusterPool', { name, provider: 'QEMU', size: 2, ...options });
  }

  /** A pool as it is now; undefined where there is none. */
  async pool(name: string): Promise<SeenPool | undefined> {
    const response = await fetch(`${this.server.origin}/graphql`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ query: POOL, variables: { name } }),
    });
    const { data } = (await response.json()) as { data: PoolData };
    if (data.clusterPool === null) return undefined;
    const { clusters, ...pool } = data.clusterPool;
    const sets = data.snapshots?.edges.map(({ node }) => node) ?? [];
    return { ...pool, clusters: clusters.edges.map(({ node }) => node), sets };
  }

  /** Waits until a pool is as it should be. */
  async untilPool(
    name: string,
    isIt: (pool: SeenPool) => boolean,
    withinMs = 120_000,
  ): Promise<SeenPool> {
    const until = realWorld().elapsed() + withinMs;
    for (;;) {
      const pool = await this.pool(name);
      if (pool !== undefined && isIt(pool)) return pool;
      if (realWorld().elapsed() > until) throw new Error(`${name}: ${JSON.stringify(pool)}`);
      await realWorld().sleep(LOOK_MS);
    }
  }

  /** Waits until a pool is whole: so many free, so many sets, and nothing under way. */
  untilWhole(name: string, free: number, sets: number, withinMs?: number): Promise<SeenPool> {
    return this.untilPool(
      name,
      (pool) =>
        pool.clusters.filter(({ status }) => status === 'AVAILABLE').length === free &&
        pool.clusters.every(({ status }) => ['AVAILABLE', 'LOCKED'].includes(status)) &&
        pool.sets.filter((set) => set.current).length === sets &&
        pool.sets.every(({ status }) => status === 'READY'),
      withinMs,
    );
  }

  /** The processes with our state folder on their command line, but the server itself. */
  processes(): number[] {
    return readdirSync('/proc')
      .filter((name) => /^\d+$/.test(name) && startOf(Number(name)) !== null)
      .filter((name) => commandLine(name).includes(`${this.state}/`))
      .map(Number);
  }

  /** What lies in the folders of VMs and sets, what is half-made too. */
  leftovers(): string[] {
    return ['vms', 'sets'].flatMap((kind) =>
      readdirSync(join(this.state, kind)).map((name) => `${kind}/${name}`),
    );
  }

  /** Reads the database while no server runs. */
  async withStore<T>(work: (store: Store) => T | Promise<T>): Promise<T> {
    const store = openStore(this.server.db, realWorld());
    try {
      return await work(store);
    } finally {
      await store.close();
    }
  }

  /** Does work with the VMs while no server runs. */
  async withProvider<T>(work: (provider: Provider, store: Store) => Promise<T>): Promise<T> {
    return this.withStore(async (store) => {
      const { id: installation } = store.installation;
      const provider = await qemuOn(this.state, { imageDir: IMAGES, installation });
      try {
        return await work(provider, store);
      } finally {
        await provider.close();
      }
    });
  }

  /** Ends everything that is ours, and removes its folder. */
  async close(): Promise<void> {
    await this.server.kill().catch(() => undefined);
    for (const pid of this.processes()) process.kill(pid, 'SIGKILL');
    rmSync(this.state, { recursive: true, force: true });
    rmSync(this.folder, { recursive: true, force: true });
  }
}

interface PoolData {
  readonly clusterPool:
    | (Omit<SeenPool, 'clusters' | 'sets'> & {
        readonly clusters: { readonly edges: readonly { readonly node: SeenCluster }[] };
      })
    | null;
  readonly snapshots: { readonly edges: readonly { readonly node: SeenSet }[] } | null;
}

function commandLine(pid: string): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8');
  } catch {
    return '';
  }
}

/** Runs a line of shell in the guest of a cluster that is handed over. */
export async function inGuest(
  provider: Provider,
  store: Store,
  name: string,
  line: string,
): Promise<RunResult> {
  const cluster = store.read((db) => {
    const row = readAllRows(db).clusters.find((one) => one.name === name);
    if (row === undefined) throw new Error(`no cluster ${name}`);
    return clusterRef(db, row);
  });
  const { signal } = new AbortController();
  return provider.run({ cluster, role: 'STANDALONE' }, ['sh', '-c', line], { signal });
}
