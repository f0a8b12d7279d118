import { describe, expect, it, vi } from 'vitest';
import { seedsOf } from '../kit/campaign.ts';
import type { Fleet } from '../kit/fleet.ts';
import { seeded } from '../kit/seeded.ts';
import { fleetPerTest } from './fleet-per-test.ts';
import { Ledger } from './ledger.ts';
import { Killer } from './points.ts';
import { standingOf, type Standing } from './wellness.ts';
import { areFree, POOL, WORKS, type Work } from './works.ts';

/**
 * The server is killed at a point of its work: at a request by which it changes something outside,
 * before that takes effect or after it, without its answer; or at a commit. Some that take over are
 * killed in turn. The next server must finish the work and make nothing twice.
 */

/** In a test run some of the points, by `npm run check:kubevirt` each of them. */
const { all: everyPoint, seeds } = seedsOf('kubevirt', 1);

/** In a test run: at how many points, of which works. */
const FEW = 2;
const SOME = ['a reset', 'the making of a cluster', 'a capture', 'a capture from a session'];
const works = Object.entries(WORKS).filter(([name]) => everyPoint || SOME.includes(name));

vi.setConfig({ testTimeout: everyPoint ? 7_200_000 : 120_000 });

const open = fleetPerTest();

/** What there is when nobody dies, and how much was made for it. */
interface Undisturbed {
  readonly points: number;
  readonly standing: Standing;
  readonly made: Readonly<Record<string, number>>;
}

/** A fleet at whose one pool a work is done again and again. */
class Rounds {
  readonly fleet: Fleet;
  readonly ledger: Ledger;
  readonly #work: Work;

  constructor(fleet: Fleet, work: Work) {
    this.fleet = fleet;
    this.ledger = new Ledger(fleet);
    this.#work = work;
  }

  static async open(work: Work, seed: number): Promise<Rounds> {
    const fleet = await open({ seed, shuffle: seed > 1 });
    await fleet.addPool({ name: POOL, size: 1, sessionTtlMinutes: YEAR, ...work.pool });
    await fleet.world.runUntil(() => areFree(fleet), { withinMs: 6 * 3_600_000 });
    await work.open?.(fleet);
    return new Rounds(fleet, work);
  }

  /** Does the work once, with deaths at these points; answers where they were. */
  async play(...points: readonly number[]): Promise<{ deaths: readonly string[]; passed: number }> {
    await this.#work.prepare?.(this.fleet);
    this.ledger.take();
    const isDone = await this.#work.begin(this.fleet);
    const killer = new Killer(this.fleet, ...points);
    await killer.until(isDone);
    killer.stop();
    return killer;
  }
}

const YEAR = 525_600;

describe.each(seeds)('a server killed (seed %i) in the middle of', (seed) => {
  it.each(works)('%s', async (_, work) => {
    const rounds = await Rounds.open(work, seed);
    const undisturbed = await watch(rounds);
    const random = seeded(seed);
    const stride = everyPoint ? 1 : Math.ceil(undisturbed.points / FEW);
    const wrong: string[] = [];
    let deaths = 0;
    for (
      let point = 1 + (everyPoint ? 0 : Math.floor(random() * stride));
      point <= undisturbed.points;
      point += stride
    ) {
      const again = random() < 0.3 ? [1 + Math.floor(random() * 20)] : [];
      const killed = await rounds.play(point, ...again);
      deaths += killed.deaths.length;
      const found = await differences(rounds, undisturbed);
      wrong.push(...found.map((line) => `${killed.deaths.join(', then ')}: ${line}`));
    }
    const made = JSON.stringify(undisturbed.made);
    console.info(
      `${deaths} deaths at ${undisturbed.points} points, ${wrong.length} wrong; ${made}`,
    );
    expect(wrong).toEqual([]);
    expect(rounds.ledger.twice).toEqual([]);
    expect(deaths).toBeGreaterThan(0);
  });
});

async function watch(rounds: Rounds): Promise<Undisturbed> {
  const { passed: points } = await rounds.play();
  const made = rounds.ledger.take();
  const standing = await standingOf(rounds.fleet);
  return { points, standing, made };
}

/** What no second attempt makes again; a snapshot or restore that was cut short is taken anew. */
const MADE_ONCE = [
  'Namespace',
  'ResourceQuota',
  'Service',
  'Secret',
  'DataVolume',
  'VirtualMachine',
] as const;

/** What is not as it is when nobody dies. */
async function differences({ fleet, ledger }: Rounds, before: Undisturbed): Promise<string[]> {
  const made = ledger.take();
  const again = MADE_ONCE.filter((kind) => (made[kind] ?? 0) > (before.made[kind] ?? 0));
  const standing = await standingOf(fleet);
  const [is, should] = [JSON.stringify(standing), JSON.stringify(before.standing)];
  return [
    ...again.map((kind) => `${made[kind]} ${kind} made, not ${before.made[kind] ?? 0}`),
    ...(is === should ? [] : [`stands ${is}, not ${should}`]),
  ];
}
