import { findLive } from '../../db/session.ts';
import { findPools } from '../../db/cluster-pool.ts';
import { findUnfinishedJobs } from '../../db/job.ts';
import type { ClusterPool } from '../../schema/model/cluster-pool.ts';
import { Refusal } from '../../schema/model/refusal.ts';
import type { Session } from '../../schema/model/session.ts';
import { randomFaults, type FaultPlan } from './faults.ts';
import { differences, Invariants } from './invariants.ts';
import { seeded } from './seeded.ts';
import { settled } from './story.ts';
import { openYard, type Yard } from './yard.ts';

/** How far a walk came. */
export interface Walk {
  readonly steps: number;
  readonly crashes: number;
  readonly sessions: number;
}

const SPEED = 30;
const MINUTE = 60_000;

/**
 * A random walk: people and admins do anything at any time, things fail, the process is killed,
 * the clock is set. After every step all invariants hold; and once nothing fails any more, all
 * comes to rest. The same seed walks the same way.
 */
export class RandomWalk {
  readonly #random: () => number;
  readonly #seed: number;
  readonly #invariants = new Invariants();
  readonly #done: string[] = [];
  readonly #faults: FaultPlan;
  #yard: Yard;
  #crashes = 0;
  #sessions = 0;

  constructor(seed: number) {
    this.#seed = seed;
    this.#random = seeded(seed);
    this.#faults = this.#newFaults();
    this.#yard = openYard({ seed, shuffle: true, speed: SPEED, faults: this.#faults });
  }

  /** Walks so many steps and comes to rest; throws with the way it went when anything is wrong. */
  async walk(steps: number): Promise<Walk> {
    try {
      this.#yard.loops.start();
      await this.#addPools();
      for (let step = 0; step < steps; step += 1) await this.#step();
      await this.#rest();
      return { steps, crashes: this.#crashes, sessions: this.#sessions };
    } catch (error) {
      const way = this.#done.join('\n  ');
      throw new Error(`seed ${this.#seed}: ${String(error)}\nafter:\n  ${way}`, { cause: error });
    } finally {
      await this.#yard.close();
    }
  }

  #newFaults(): FaultPlan {
    const probability = this.#seed % 3 === 0 ? 0 : 0.02;
    return randomFaults({ seed: this.#seed, probability });
  }

  #chance<T>(choices: readonly T[]): T | undefined {
    return choices[Math.floor(this.#random() * choices.length)];
  }

  async #addPools(): Promise<void> {
    const quick = { sessionTtlMinutes: 5, maxWaitSeconds: 120 };
    await this.#yard.addPool({ name: 'refuse', size: 2, ...quick });
    await this.#yard.addPool({ name: 'queue', size: 2, whenEmpty: 'QUEUE', ...quick });
    const makes = { whenEmpty: 'PROVISION', recycle: 'REPLACE', maxClusters: 3 } as const;
    await this.#yard.addPool({ name: 'make', size: 1, ...makes, ...quick });
    await this.#yard.world.advance(MINUTE);
  }

  async #step(): Promise<void> {
    const actions: (() => Promise<string>)[] = [
      ...Array.from({ length: 6 }, () => () => this.#claim()),
      ...Array.from({ length: 4 }, () => () => this.#release()),
      ...Array.from({ length: 4 }, () => () => this.#wait()),
      () => this.#extend(),
      () => this.#resize(),
      () => this.#job(),
      () => this.#cancel(),
      () => this.#vanish(),
      () => this.#crash(),
      () => this.#jump(),
    ];
    this.#done.push((await this.#chance(actions)?.()) ?? 'nothing');
    this.#invariants.assert(this.#yard.store);
    if (this.#yard.faults.length > 0) throw new Error(this.#yard.faults.join('\n'));
  }

  async #try(what: string, asked: Promise<unknown>): Promise<string> {
    try {
      await this.#yard.done(asked);
      return what;
    } catch (error) {
      if (error instanceof Refusal) return `${what}: ${error.message}`;
      throw error;
    }
  }

  #pool(): ClusterPool {
    const pool = this.#chance(this.#yard.store.read(findPools));
    if (pool === undefined) throw new Error('there is no pool');
    return pool;
  }

  #live(): Session | undefined {
    const pools = this.#yard.store.read(findPools);
    return this.#chance(
      this.#yard.store.read((db) => pools.flatMap(({ id }) => findLive(db, id, 100))),
    );
  }

  #claim(): Promise<string> {
    const { name } = this.#pool();
    this.#sessions += 1;
    const owner = `owner-${Math.floor(this.#random() * 5)}`;
    return this.#try(
      `${owner} claims of ${name}`,
      this.#yard.as(owner, 'USER').createSession({ pool: name }),
    );
  }

  async #release(): Promise<string> {
    const session = this.#live();
    if (session === undefined) return 'nothing to release';
    return this.#try(
      `${session.status} ${session.id} released`,
      this.#yard.as('admin').releaseSession(session.id),
    );
  }

  async #extend(): Promise<string> {
    const session = this.#live();
    if (session === undefined) return 'nothing to extend';
    const wanted = { sessionId: session.id, minutes: Math.ceil(this.#random() * 30) };
    return this.#try(`extended ${session.id}`, this.#yard.as('admin').extendSession(wanted));
  }

  async #wait(): Promise<string> {
    const ms = Math.ceil(this.#random() ** 3 * 3 * MINUTE);
    await this.#yard.world.advance(ms);
    return `${ms} ms later`;
  }

  #resize(): Promise<string> {
    const { name } = this.#pool();
    const size = Math.ceil(this.#random() * 3);
    return this.#try(
      `${name} has size ${size}`,
      this.#yard.as('admin').updateClusterPool({ name, size }),
    );
  }

  #job(): Promise<string> {
    const { name } = this.#pool();
    const admin = this.#yard.as('admin');
    const cluster = this.#chance(this.#yard.members(name))?.id ?? '';
    const jobs = {
      'create snapshots': () => admin.createSnapshots({ pool: name }),
      'recreate snapshots': () => admin.recreateSnapshots({ pool: name, mode: 'OFFLINE' }),
      'capture a session': () =>
        admin.recreateSnapshots({ pool: name, sessionId: this.#live()?.id ?? null }),
      'delete snapshots': () => admin.deleteSnapshots(name),
      'reset a cluster': () => admin.resetCluster(cluster),
      'repair a cluster': () => admin.repairCluster(cluster),
      bootstrap: () => admin.bootstrapPool(name),
      'warm up': () => admin.warmUpPool(name),
    };
    const [what, ask] = this.#chance(Object.entries(jobs)) ?? ['bootstrap', jobs.bootstrap];
    return this.#try(`${what} in ${name}`, ask());
  }

  async #cancel(): Promise<string> {
    const job = this.#chance(this.#yard.store.read(findUnfinishedJobs));
    if (job === undefined) return 'nothing to cancel';
    return this.#try(`cancelled ${job.kind}`, this.#yard.as('admin').cancelJob(job.id));
  }

  #vanish(): Promise<string> {
    const cluster = this.#chance(this.#yard.members(this.#pool().name));
    if (cluster === undefined) return Promise.resolve('nothing vanishes');
    this.#yard.simulator.vanish(cluster.id, 'WORKER');
    return Promise.resolve(`a VM of ${cluster.name} vanishes`);
  }

  #crash(): Promise<string> {
    this.#crashes += 1;
    // Some of what was just asked for is on its way when the process dies.
    void this.#yard
      .as('owner-1', 'USER')
      .createSession({ pool: 'queue' })
      .catch(() => undefined);
    this.#yard = this.#yard.crash({ seed: this.#seed, speed: SPEED, faults: this.#faults });
    this.#yard.loops.start();
    return Promise.resolve('crash');
  }

  #jump(): Promise<string> {
    const ms = Math.round((this.#random() - 0.5) * 2 * 60 * MINUTE);
    this.#yard.world.jumpClock(ms);
    return Promise.resolve(`the clock is set by ${ms} ms`);
  }

  /** Nothing fails any more: all jobs and sessions end, and every pool comes to its size. */
  async #rest(): Promise<void> {
    this.#faults.stop();
    const yard = this.#yard;
    for (const { name } of yard.store.read(findPools)) {
      await yard.done(yard.as('admin').updateClusterPool({ name }));
      await yard.done(yard.as('admin').releaseAllClusters(name));
    }
    await settled(yard, 6 * 60 * MINUTE);
    const strays = () => yard.done(differences(yard.store, yard.simulator));
    if ((await strays()).length > 0) await yard.world.advance(11 * MINUTE);
    const wrong = await strays();
    for (const { name, size } of yard.store.read(findPools)) {
      const free = yard.members(name).filter(({ status }) => status === 'AVAILABLE');
      const told = yard.members(name).map((c) => `${c.name} ${c.status}: ${c.statusMessage}`);
      if (free.length !== size) wrong.push(`${name} is not its size ${size}: ${told.join('; ')}`);
    }
    wrong.push(...this.#invariants.broken(yard.store), ...yard.faults);
    if (wrong.length > 0) throw new Error(`at rest: ${wrong.join('\n')}`);
  }
}
