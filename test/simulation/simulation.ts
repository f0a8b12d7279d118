import { findPoolByName, findPools } from '../../db/cluster-pool.ts';
import type { SimulatorWorld } from '../../server/providers/simulator/outside.ts';
import { readAllRows, type AllRows } from '../kit/all-rows.ts';
import type { Subscription } from '../kit/feed-client.ts';
import { differences, Invariants } from '../kit/invariants.ts';
import { settled } from '../kit/story.ts';
import { Deeds, QUOTA } from './deeds.ts';
import { Dwelling } from './dwelling.ts';
import { Readers } from './readers.ts';
import { Scene, type WrapStore } from './scene.ts';

/** What is checked: after every step, and the last two at the end. */
export type Check =
  | 'fault'
  | 'invariant'
  | 'acknowledged'
  | 'deadline'
  | 'feed'
  | 'linearizability'
  | 'rest';

/** How a simulation runs. */
export interface SimulationOptions {
  readonly steps?: number;
  /** A planted bug. */
  readonly wrapStore?: WrapStore | undefined;
  /** The only check there is, to see what it finds by itself; all when left out. */
  readonly only?: Check | undefined;
  /** Told of each thing as it happens. */
  readonly tell?: ((line: string) => void) | undefined;
}

/** How a simulation went that broke nothing. */
export interface Outcome {
  readonly seed: number;
  /** SHA-256 of all rows of the log and all answers: equal for equal ways. */
  readonly hash: string;
  readonly steps: number;
  readonly calls: number;
  readonly rows: number;
  readonly deaths: number;
  readonly messages: number;
}

/** Something that must always hold did not. */
export class Broken extends Error {
  readonly seed: number;
  /** What found it. */
  readonly check: Check;
  readonly lines: readonly string[];
  constructor(seed: number, check: Check, lines: readonly string[]) {
    super(`${check}: ${lines.join('\n  ')}`);
    this.seed = seed;
    this.check = check;
    this.lines = lines;
  }
}

const STEPS = 20;
const MINUTE = 60_000;
/** How often rest is waited for, 20 minutes each time. */
const MOST_WAITS = 18;

/**
 * One history of a whole server in virtual time: people claim, release and extend, several at
 * once and again when they were not answered; admins and the world outside interfere; the process
 * dies at any moment, the clock is set, the log is trimmed, readers of the feed come and go.
 * After every step all that must hold is checked, and at the end that all comes to rest.
 */
export async function simulate(seed: number, options: SimulationOptions = {}): Promise<Outcome> {
  const simulation = new Simulation(seed, options);
  try {
    return await simulation.run(options.steps ?? STEPS);
  } finally {
    await simulation.close();
  }
}

/** Nobody outside acts under a fence that the cluster's row has not given out yet. */
function brokenFences({ clusters }: AllRows, outside: SimulatorWorld): string[] {
  return clusters.flatMap(({ id, name, fence, removingAt }) => {
    const there = removingAt === null ? outside.cluster(id) : undefined;
    if (there === undefined || there.fence <= fence) return [];
    return [`${name} is outside under fence ${there.fence}, its row has ${fence}`];
  });
}

class Simulation {
  readonly #seed: number;
  readonly #only: Check | undefined;
  readonly #tell: (line: string) => void;
  readonly #scene: Scene;
  readonly #deeds: Deeds;
  readonly #invariants = new Invariants();
  readonly #dwelling = new Dwelling();
  #readers: Readers | undefined;

  constructor(seed: number, { wrapStore, only, tell = () => undefined }: SimulationOptions) {
    this.#seed = seed;
    this.#only = only;
    this.#tell = tell;
    this.#scene = new Scene(seed, wrapStore);
    this.#deeds = new Deeds(this.#scene);
  }

  async run(steps: number): Promise<Outcome> {
    await this.#deeds.addPools();
    this.#readers = new Readers(this.#scene.yard, this.#subscriptions(), this.#scene.random);
    await this.#pass(20_000);
    this.#check();
    for (let step = 1; step <= steps; step += 1) await this.#step(step);
    await this.#rest();
    const { ledger, deaths } = this.#scene;
    const { rows, calls } = ledger;
    const messages = this.#readers.messages.length;
    const hash = ledger.digest();
    return { seed: this.#seed, hash, steps, calls: calls.length, rows, deaths, messages };
  }

  close(): Promise<void> {
    return this.#scene.close();
  }

  /** A few of all kinds of readers: who sees everything, part of it, or what is their own. */
  #subscriptions(): Map<string, Subscription> {
    const pools = this.#scene.yard.store.read(findPools);
    const poolId = pools.find(({ name }) => name === 'queue')?.id ?? '';
    const kinds: [string, Subscription][] = [
      ['the admin', { viewer: { name: 'admin', role: 'ADMIN' } }],
      ['a watcher of a pool', { viewer: { name: 'watch', role: 'VIEWER' }, filter: { poolId } }],
      ['owner-0', { viewer: { name: 'owner-0', role: 'USER' } }],
      [
        'owner-1',
        { viewer: { name: 'owner-1', role: 'USER' }, filter: { types: ['SESSION', 'CLUSTER'] } },
      ],
    ];
    const first = this.#seed % kinds.length;
    return new Map([...kinds, ...kinds].slice(first, first + 2));
  }

  async #step(step: number): Promise<void> {
    const { random } = this.#scene;
    const deeds = Array.from({ length: 1 + Math.floor(random() * 3) }, () => this.#deeds.act());
    if (random() < 0.5) deeds.push(this.#readers?.disturb(this.#scene.yard) ?? '');
    for (const deed of deeds) this.#say(`${step}: ${deed}`);
    await this.#pass(Math.round(this.#nextWait()));
    this.#check();
  }

  /** Mostly none or little, now and then minutes. */
  #nextWait(): number {
    const { random } = this.#scene;
    const kind = random();
    if (kind < 0.3) return 0;
    return kind < 0.7 ? random() * 2_000 : random() ** 3 * 2 * MINUTE;
  }

  /** Lets time pass; where the server dies, people go on with the next. */
  async #pass(ms: number): Promise<void> {
    if (!(await this.#scene.pass(ms))) return;
    this.#readers?.leave();
    this.#say('the server died; another was started');
    this.#check();
    for (const deed of this.#deeds.askAgain()) this.#say(deed);
    await this.#scene.pass(0);
  }

  #say(line: string): void {
    this.#tell(`${(this.#scene.yard.world.elapsed() / 1_000).toFixed(3)} s  ${line}`);
  }

  #check(): void {
    const { yard, ledger, wrong, deaths } = this.#scene;
    this.#fail('fault', wrong);
    this.#fail('invariant', this.#invariants.broken(yard.store));
    this.#scene.checkedTo = this.#invariants.followed;
    const rows = yard.store.read(readAllRows);
    this.#fail('invariant', brokenFences(rows, yard.outside));
    this.#fail('acknowledged', ledger.brokenPromises(rows));
    const now = { elapsedMs: yard.world.elapsed(), setBackMs: this.#deeds.setBackMs, deaths };
    this.#fail('deadline', this.#dwelling.broken(rows, now));
    this.#fail('feed', this.#readers?.broken() ?? []);
  }

  #fail(check: Check, lines: readonly string[]): void {
    const counts = this.#only === undefined || this.#only === check;
    if (counts && lines.length > 0) throw new Broken(this.#seed, check, lines);
  }

  /** Nothing fails any more: all jobs and sessions end, and every pool comes to its size. */
  async #rest(): Promise<void> {
    this.#say('nothing goes wrong any more');
    this.#deeds.calm();
    await this.#pass(1_000);
    // A death that was still to come.
    while (await this.#scene.pass(5_000)) this.#readers?.leave();
    this.#fail('feed', (await this.#readers?.brokenAtRest(this.#scene.yard)) ?? []);
    this.#readers?.leave();
    this.#judgeClaims();
    await this.#comeToRest();
    this.#check();
    this.#fail('rest', await this.#unrest());
    this.#judgeClaims();
  }

  #judgeClaims(): void {
    const refusing = this.#scene.yard.store.read((db) => findPoolByName(db, 'refuse'))?.id;
    const rulesOf = (poolId: string) => ({ quota: poolId === refusing ? QUOTA : null });
    this.#fail('linearizability', this.#scene.ledger.notLinearizable(rulesOf));
  }

  async #comeToRest(): Promise<void> {
    const { yard } = this.#scene;
    for (const { name } of yard.store.read(findPools)) {
      await yard.done(yard.as('admin').updateClusterPool({ name }));
      await yard.done(yard.as('admin').releaseAllClusters(name));
    }
    for (let waited = 0; !(await this.#isSettled()); waited += 1) {
      this.#check();
      if (waited === MOST_WAITS) throw new Broken(this.#seed, 'rest', ['there is no end to it']);
    }
  }

  /** Whether all comes to its end within some time. */
  async #isSettled(): Promise<boolean> {
    try {
      await settled(this.#scene.yard, 20 * MINUTE);
      return true;
    } catch {
      return false;
    }
  }

  async #unrest(): Promise<string[]> {
    const { yard } = this.#scene;
    const lost = [...this.#deeds.lostSets].map((id) => `SET ${id} is not outside`);
    const strays = async () => {
      const found = await yard.done(differences(yard.store, yard.simulator));
      return found.filter((line) => !lost.includes(line));
    };
    if ((await strays()).length > 0) await yard.world.advance(11 * MINUTE);
    const found = await strays();
    for (const { name, size } of yard.store.read(findPools)) {
      const members = yard.members(name).filter(({ removedAt }) => removedAt === null);
      const free = members.filter(({ status }) => status === 'AVAILABLE');
      const told = members.map((c) => `${c.name} ${c.status}: ${c.statusMessage}`);
      if (free.length !== size) found.push(`${name} is not its size ${size}: ${told.join('; ')}`);
    }
    return found;
  }
}
