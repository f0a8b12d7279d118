import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { findPoolByName } from '../../db/cluster-pool.ts';
import { findMembers } from '../../db/cluster.ts';
import { readStamp, writeStamp } from '../../db/stamp.ts';
import { openStore, type Store } from '../../db/store.ts';
import { createVault } from '../../db/vault.ts';
import type { ControlPlane } from '../../schema/context.ts';
import type { CreateClusterPoolInput } from '../../schema/inputs.ts';
import { CLUSTER_STATUSES, type Cluster } from '../../schema/model/cluster.ts';
import { createControlPlane } from '../../server/control-plane.ts';
import { createLoops, type Loops } from '../../server/loops.ts';
import { addPool, type FindTraits } from '../../server/pools.ts';
import type { Provider } from '../../server/providers/provider.ts';
import type { RequestHook } from '../kubernetes/api/api.ts';
import type { KubernetesSimulator } from '../kubernetes/simulator.ts';
import { Failpoints } from './failpoints.ts';
import { processIn, type ProcessWorld } from './process-world.ts';
import { TEST_KEY } from './vault.ts';
import {
  providerBefore,
  VirtualKubernetes,
  type VirtualKubernetesOptions,
} from './virtual-kubernetes.ts';
import type { VirtualWorld } from './virtual-world.ts';

/** How a fleet is made. */
export type FleetOptions = Omit<VirtualKubernetesOptions, 'onRequest'>;

/**
 * A server without its edges, with pools of real KubeVirt clients, before a Kubernetes simulator:
 * both in one virtual time, speaking over real sockets. The server may be killed at any moment,
 * and another started on what it left; the cluster outside lives on.
 */
export class Fleet {
  readonly world: VirtualWorld;
  readonly kubernetes: KubernetesSimulator;
  readonly #bench: VirtualKubernetes;
  readonly #hooks: Hooks;
  readonly #graves: Server[] = [];
  #lives = 0;
  #server: Server;

  /** Opens a cluster outside, with nothing in it, and a server whose loops stand still. */
  static async open(options: FleetOptions = {}): Promise<Fleet> {
    const hooks: Hooks = { onRequest: undefined, onCommit: undefined };
    const onRequest: RequestHook = (when, request) => hooks.onRequest?.(when, request);
    return new Fleet(await VirtualKubernetes.open({ ...options, onRequest }), hooks);
  }

  private constructor(bench: VirtualKubernetes, hooks: Hooks) {
    this.world = bench.world;
    this.kubernetes = bench.kubernetes;
    this.#bench = bench;
    this.#hooks = hooks;
    this.#server = this.#start();
  }

  get store(): Store {
    return this.#server.store;
  }

  get provider(): Provider {
    return this.#server.provider;
  }

  get loops(): Loops {
    return this.#server.loops;
  }

  /** Bugs that loops of this and earlier servers logged. */
  get faults(): string[] {
    return [...this.#graves, this.#server].flatMap(({ faults }) => faults);
  }

  /** The verbs as an admin, or as this person. */
  as(name: string, role: 'ADMIN' | 'USER' = 'ADMIN'): ControlPlane {
    return this.#server.verbs({ name, role });
  }

  /** Lets time pass until the promise settles. */
  done<T>(promise: Promise<T>, withinMs?: number): Promise<T> {
    return this.#bench.done(promise, withinMs);
  }

  /** Makes a pool of KubeVirt clusters, as an admin does. */
  async addPool(input: Omit<CreateClusterPoolInput, 'provider'>): Promise<void> {
    const { store, traits } = this.#server;
    const wanted = { ...input, provider: 'KUBEVIRT' } as const;
    const why = { cause: 'ADMIN' } as const;
    await this.done(store.transact((tx) => void addPool(tx, wanted, traits, why)));
  }

  members(pool: string): Cluster[] {
    return membersOf(this.store, pool);
  }

  /** Lets time pass until the pool has so many members, all in one of these states. */
  async settled(
    pool: string,
    count: number,
    statuses: readonly Cluster['status'][] = ['AVAILABLE'],
    withinMs = 6 * 3_600_000,
  ): Promise<void> {
    const all = () => this.members(pool);
    const isSo = () =>
      all().length === count && all().every(({ status }) => statuses.includes(status));
    await this.world.runUntil(isSo, { withinMs }).catch((error: unknown) => {
      const seen = all().map((c) => `${c.name} ${c.status}: ${c.statusMessage ?? ''}`);
      throw new Error(`${pool} did not settle: ${seen.join('; ')}`, { cause: error });
    });
  }

  /** Is told of every request that reaches the cluster; nobody is, after undefined. */
  onRequest(hook: RequestHook | undefined): void {
    this.#hooks.onRequest = hook;
  }

  /** Is told, by its place in the code, before and after every commit of the server. */
  onCommit(hook: ((point: string) => void) | undefined): void {
    this.#hooks.onCommit = hook;
  }

  /** Ends the server as kill -9 does: what it sent has been sent, nothing more of it will be. */
  kill(): void {
    const { world, life } = this.#server;
    if (world.isDead) return;
    world.kill();
    this.kubernetes.tokens.delete(tokenOf(life));
    copyDatabase(this.#databaseFolder(life), this.#databaseFolder(life + 1));
  }

  /** A copy of the database as it is now; answers where it is. */
  backup(): string {
    const kept = mkdtempSync(join(this.#bench.folder, 'backup-'));
    copyDatabase(this.#databaseFolder(this.#server.life), kept);
    return kept;
  }

  /**
   * Starts another server, and its loops, on what the killed one left, or on another database that
   * is put in its place: a backup, or a new one.
   */
  restart(database?: { readonly backup: string } | 'NEW'): void {
    this.kill();
    const folder = this.#databaseFolder(this.#server.life + 1);
    if (database !== undefined) {
      for (const name of DATABASE) rmSync(join(folder, name), { force: true });
    }
    if (database === 'NEW') rmSync(folder, { recursive: true });
    else if (database !== undefined) copyFiles(database.backup, folder);
    this.#graves.push(this.#server);
    this.#server = this.#start();
    this.loops.start();
  }

  async close(): Promise<void> {
    const { world, loops } = this.#server;
    if (!world.isDead) await this.done(loops.stop());
    for (const { provider } of [...this.#graves, this.#server]) await this.done(provider.close());
    for (const { store } of [...this.#graves, this.#server]) await this.done(store.close());
    await this.#bench.close();
  }

  #databaseFolder(life: number): string {
    return join(this.#bench.folder, `life-${life}`);
  }

  /** Every life has a token of its own: what a dead server still tries is refused. */
  #start(): Server {
    const life = (this.#lives += 1);
    this.kubernetes.tokens.add(tokenOf(life));
    const folder = this.#databaseFolder(life);
    mkdirSync(folder, { recursive: true });
    const kubeconfig = this.#bench.kubeconfig(tokenOf(life));
    const world = processIn(this.world);
    const onCommit = (point: string) => {
      if (!world.isDead) this.#hooks.onCommit?.(point);
    };
    return startServer(life, world, { folder, kubeconfig, onCommit });
  }
}

/** Who is told of requests and commits now. */
interface Hooks {
  onRequest: RequestHook | undefined;
  onCommit: ((point: string) => void) | undefined;
}

/** One life of the server. */
interface Server {
  readonly life: number;
  readonly world: ProcessWorld;
  readonly store: Store;
  readonly provider: Provider;
  readonly traits: FindTraits;
  readonly loops: Loops;
  readonly verbs: (viewer: { name: string; role: 'ADMIN' | 'USER' }) => ControlPlane;
  readonly faults: string[];
}

/** What a server is started with. */
interface Start {
  readonly folder: string;
  readonly kubeconfig: string;
  readonly onCommit: (point: string) => void;
}

function startServer(life: number, world: ProcessWorld, start: Start): Server {
  const { folder, kubeconfig, onCommit } = start;
  const faults: string[] = [];
  const store = new Failpoints(onCommit).store(openStore(join(folder, 'fleet.db'), world));
  const provider = providerBefore(kubeconfig, { world, installation: store.installation.id });
  const fault = (error: unknown, about: string) => {
    if (world.isDead) return;
    faults.push(`${about}: ${error instanceof Error ? (error.stack ?? '') : String(error)}`);
  };
  const find = (kind: string) => (kind === 'KUBEVIRT' ? provider : undefined);
  const traits = (kind: string) => find(kind)?.capabilities;
  const vault = createVault(TEST_KEY, world);
  const loops = createLoops({ store, world, provider: find, vault, fault });
  const verbs = createControlPlane({ store, findTraits: traits, vault });
  return { life, world, store, provider, traits, loops, verbs, faults };
}

function tokenOf(life: number): string {
  return `life-${life}`;
}

function membersOf(store: Store, poolName: string): Cluster[] {
  return store.read((db) => {
    const pool = findPoolByName(db, poolName);
    return pool === undefined ? [] : findMembers(db, pool.id, CLUSTER_STATUSES, 100_000);
  });
}

function copyDatabase(from: string, to: string): void {
  mkdirSync(to, { recursive: true });
  copyFiles(from, to);
  const stamp = readStamp(join(from, 'fleet.db'));
  if (stamp !== undefined) writeStamp(join(to, 'fleet.db'), stamp);
}

const DATABASE = ['fleet.db', 'fleet.db-wal'] as const;

function copyFiles(from: string, to: string): void {
  for (const name of DATABASE) {
    if (existsSync(join(from, name))) copyFileSync(join(from, name), join(to, name));
  }
}
