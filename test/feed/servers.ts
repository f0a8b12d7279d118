import { copyFileSync, existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findPoolByName } from '../../db/cluster-pool.ts';
import { trimChanges, trimmedUpTo } from '../../db/change.ts';
import { readStamp, writeStamp } from '../../db/stamp.ts';
import { openStore, type Store } from '../../db/store.ts';
import { schema } from '../../schema/index.ts';
import type { ControlPlane } from '../../schema/context.ts';
import type { Viewer } from '../../schema/model/viewer.ts';
import { createContexts } from '../../server/context.ts';
import { createControlPlane } from '../../server/control-plane.ts';
import { createFeed } from '../../server/feed.ts';
import { createEngine, type Engine } from '../../server/http/engine.ts';
import { shownResults } from '../../server/http/shown-error.ts';
import { Hub } from '../../server/hub.ts';
import type { FindTraits } from '../../server/pools.ts';
import type { Tx } from '../../db/tx.ts';
import type { HistoryKit } from '../kit/history.ts';
import { virtualWorld, type VirtualWorld } from '../kit/virtual-world.ts';
import { Ledger } from './ledger.ts';
import type { Ports, Run } from './ports.ts';
import { readEverything, type Thing } from './things.ts';

const FILES = ['feed.db', 'feed.db-wal'];
const FOR_LONG = { withinMs: 3_600_000 };
/** What all providers of these runs can do. */
export const TRAITS: FindTraits = () => ({
  goldenState: 'CLUSTER',
  wakes: false,
  captureModes: ['ONLINE', 'OFFLINE'],
  savesSessions: true,
});

/** One process: from its start to its end, however that comes. */
interface Life {
  readonly folder: string;
  readonly world: VirtualWorld;
  readonly store: Store;
  readonly hub: Hub;
  readonly engine: Engine;
  readonly run: Run;
  readonly verbs: (viewer: Viewer) => ControlPlane;
  readonly disk: { left(): string } | undefined;
  isOver: boolean;
}

/**
 * Servers that follow each other on one database, in virtual time: everything from the store to
 * the engine, without transports. They can be killed at any commit or write, stopped, and started
 * again on what is left or on an older copy.
 */
export class Servers {
  readonly ledger = new Ledger();
  /** What went wrong in the server itself. */
  readonly faults: string[] = [];
  readonly ports: Ports;
  readonly #folder = mkdtempSync(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'feed-'));
  readonly #graves: Life[] = [];
  readonly #onEnd = new Set<() => void>();
  #lives = 0;
  #life: Life;
  #backup: string | undefined;
  /** What happens in the middle of the next commits and writes. */
  readonly #hooks: { commit: (() => void)[]; write: (() => void)[] } = { commit: [], write: [] };

  constructor(seed: number, ports: Ports = {}) {
    this.ports = ports;
    const world = virtualWorld({ seed, shuffle: true });
    this.#life = this.#open(this.#newFolder(), world);
  }

  get world(): VirtualWorld {
    return this.#life.world;
  }

  get store(): Store {
    return this.#life.store;
  }

  get engine(): Engine {
    return this.#life.engine;
  }

  get hub(): Hub {
    return this.#life.hub;
  }

  get run(): Run {
    return this.#life.run;
  }

  get isDown(): boolean {
    return this.#life.isOver;
  }

  verbs(viewer: Viewer): ControlPlane {
    return this.#life.verbs(viewer);
  }

  /** Lets time pass until a promise settles; for ever is no time when the server was killed. */
  async done<T>(promise: Promise<T>): Promise<T | undefined> {
    try {
      return await this.world.finish(promise, FOR_LONG);
    } catch (error) {
      if (this.isDown) return undefined;
      throw error;
    }
  }

  transact(body: (tx: Tx) => void): Promise<void | undefined> {
    return this.done(this.store.transact(body));
  }

  /** Forgets the log up to a position at most. */
  async trim(upTo: number): Promise<void> {
    const keepRows = Math.max(this.store.head().seq - upTo, 0);
    await this.world.advance(1);
    await this.transact((tx) => void trimChanges(tx, { keepMs: 0, keepRows }, 100_000));
  }

  trimmedUpTo(): number {
    return this.store.read(trimmedUpTo);
  }

  /** The id of the pool of this name; undefined when there is none now. */
  poolId(name: string): string | undefined {
    return this.store.read((db) => findPoolByName(db, name))?.id;
  }

  /** Everything as it is now, by the ids that clients know. */
  everything(): Map<string, Thing> {
    return this.store.read(readEverything);
  }

  /** Does something in the middle of the so-many-th commit, or write, from now. */
  inTheMiddleOf(what: 'commit' | 'write', number: number, act: () => void): void {
    this.#hooks[what][number] = act;
  }

  /** Nothing more happens in the middle of anything. */
  forgetHooks(): void {
    this.#hooks.commit.length = 0;
    this.#hooks.write.length = 0;
  }

  /** What those who change things need. */
  kit(): HistoryKit {
    const { world, store } = this;
    return {
      world,
      store,
      verbs: (viewer) => this.verbs(viewer),
      done: async (promise) => (await this.done(promise)) as Awaited<typeof promise>,
      transact: async (body) => (await this.done(store.transact(body))) as ReturnType<typeof body>,
    };
  }

  /** Calls back when the present process has ended, by a kill at this very moment. */
  onEnd(callback: () => void): () => void {
    this.#onEnd.add(callback);
    return () => void this.#onEnd.delete(callback);
  }

  /** Something is being written to a reader. */
  writing(): void {
    this.#pass('write');
  }

  /** As kill -9: what is on the disk at this moment is all that is left. */
  kill(): void {
    const life = this.#life;
    if (life.isOver) return;
    life.isOver = true;
    life.world.halt();
    const left = this.#newFolder();
    copy(life.disk?.left() ?? life.folder, left);
    keepStamp(life.folder, left);
    this.#graves.push(life);
    this.#life = { ...life, folder: left };
    for (const callback of this.#onEnd) callback();
  }

  /** Ends in good order, when its readers have been sent away. */
  async stop(): Promise<void> {
    const { world, hub, store, engine } = this.#life;
    await world.advance(60);
    if (hub.readers > 0) this.faults.push(`left: ${hub.readers} readers in the hub`);
    if (engine.groups.size > 0) this.faults.push(`left: ${engine.groups.size} groups`);
    if (world.pendingTimers().length > 0)
      this.faults.push(`left: timers ${world.pendingTimers().join(', ')}`);
    hub.close();
    await store.close();
    this.#life.isOver = true;
  }

  /** Starts on what the last one has left. */
  start(): void {
    this.#life = this.#open(this.#life.folder, this.world.successor());
  }

  /** Copies the database as it is now. */
  backUp(): void {
    this.#backup = this.#newFolder();
    copy(this.#life.folder, this.#backup);
  }

  get hasBackup(): boolean {
    return this.#backup !== undefined;
  }

  /** Starts on the copy instead of what is left; with it the epoch changes. */
  startOnBackup(): void {
    const folder = this.#newFolder();
    copy(this.#backup ?? '', folder);
    const before = this.store.installation.epoch;
    this.#life = this.#open(folder, this.world.successor());
    if (this.store.installation.epoch === before)
      this.faults.push('W7: a database that was put back kept its epoch');
  }

  /** Gives back all that is held; the dead ones commit what they had queued, to nobody. */
  async close(): Promise<void> {
    if (!this.isDown) this.kill();
    for (const { hub, store } of this.#graves) {
      hub.close();
      await new Promise((resolve) => setImmediate(resolve));
      await store.close();
    }
    rmSync(this.#folder, { recursive: true, force: true });
  }

  #newFolder(): string {
    this.#lives += 1;
    const folder = join(this.#folder, `life-${this.#lives}`);
    mkdirSync(folder);
    return folder;
  }

  #open(folder: string, world: VirtualWorld): Life {
    const store = openStore(join(folder, FILES[0] ?? ''), world);
    const { lost } = this.ledger.follow(store, () => world.elapsed());
    this.faults.push(...lost);
    store.onCommit(() => this.#pass('commit'));
    const disk = this.ports.disk?.(store, folder);
    const hub = new Hub(this.ports.wakes?.(store) ?? store, world);
    const verbs = createControlPlane({ store, findTraits: TRAITS });
    const trueFeed = createFeed({ store, world, hub });
    const feedFor = this.ports.feed?.(trueFeed, store) ?? trueFeed;
    const contexts = createContexts({ store, world, verbsFor: verbs, feedFor });
    const engine = createEngine({ schema, contexts, world, shown: this.#shown(world) });
    const trueRun: Run = (operation, viewer) => engine.run(operation, viewer);
    const run = this.ports.run?.(trueRun) ?? trueRun;
    return { folder, world, store, hub, engine, run, verbs, disk, isOver: false };
  }

  #shown(world: VirtualWorld) {
    const ignore = () => {};
    const error = ({ err }: { err?: unknown }) => {
      const said = err instanceof Error ? (err.stack ?? err.message) : String(err);
      if (world === this.world && !this.isDown) this.faults.push(`a fault of the server: ${said}`);
    };
    return shownResults(world, { debug: ignore, info: ignore, warn: ignore, error });
  }

  #pass(what: 'commit' | 'write'): void {
    const act = this.#hooks[what].shift();
    if (!this.isDown) act?.();
  }
}

function copy(from: string, to: string): void {
  for (const name of FILES) {
    if (existsSync(join(from, name))) copyFileSync(join(from, name), join(to, name));
  }
}

/** The same database after a kill, not one that was put back. */
function keepStamp(from: string, to: string): void {
  const stamp = readStamp(join(from, FILES[0] ?? ''));
  if (stamp !== undefined) writeStamp(join(to, FILES[0] ?? ''), stamp);
}
