import { afterEach, describe, expect, it } from 'vitest';
import { findJob } from '../../db/job.ts';
import type { Db } from '../../db/connection.ts';
import { clusters, sessions } from '../../db/tables.ts';
import type { Cluster } from '../../schema/model/cluster.ts';
import { isUnfinished, type Job } from '../../schema/model/job.ts';
import { isLive } from '../../schema/model/session.ts';
import type { Provider } from '../../server/providers/provider.ts';
import type { SimulatorFault, SimulatorMoment } from '../../server/providers/simulator/faults.ts';
import { SIMULATOR_STEPS } from '../../server/providers/simulator/steps.ts';
import { seedsOf } from '../kit/campaign.ts';
import { faultAt, type FaultPlan } from '../kit/faults.ts';
import { differences, Invariants } from '../kit/invariants.ts';
import { settled } from '../kit/story.ts';
import { untilRows } from '../kit/until-rows.ts';
import { openYard, type Yard } from '../kit/yard.ts';

const KINDS: Readonly<Record<string, SimulatorFault>> = {
  'an error that may pass': { kind: 'ERROR', retryable: true },
  'an error that stays': { kind: 'ERROR', retryable: false },
  'no answer': { kind: 'HANG' },
  'success after the deadline': { kind: 'LATE', byMs: 120_000 },
  'a VM that vanishes': { kind: 'VANISH', role: 'WORKER' },
};

/** Steps of calls that only tools of people make, no loop. */
const NOT_OURS: readonly string[] = ['run', 'open'];
/** Steps of a golden state that is captured from the image, and of a rung that is never tried. */
const NOT_HERE = ['capture place'];

const MINUTE = 60_000;
let yard: Yard | undefined;

afterEach(async () => {
  await yard?.close();
  yard = undefined;
});

/** A provider with something left to do at each hand-over. */
function waking(provider: Provider): Provider {
  return { ...provider, capabilities: { ...provider.capabilities, wakes: true } };
}

/** Plays one turn of a cluster of each kind; whatever fails, everything comes to an end. */
async function playTurn(faults: FaultPlan): Promise<Yard> {
  const open = openYard({ faults, speed: 30, wrapProvider: waking });
  yard = open;
  open.loops.start();
  const makes = { whenEmpty: 'PROVISION', sessionTtlMinutes: 30 } as const;
  await open.addPool({ name: 'p', size: 1, maxClusters: 2, ...makes });
  const claimed = ['a', 'b'].map((owner) => open.as(owner, 'USER').createSession({ pool: 'p' }));
  for (const each of claimed) await open.done(each.catch(() => undefined));
  await atRest(open);
  await capture(open);
  await open.done(open.as('admin').releaseAllClusters('p'));
  await atRest(open);
  const job = await open.done(open.as('admin').recreateSnapshots({ pool: 'p', mode: 'OFFLINE' }));
  await over(open, job);
  return open;
}

/** Within a bounded time no session waits and no cluster is at work; some may have failed. */
async function atRest(open: Yard): Promise<void> {
  const busy = (db: Db) =>
    db
      .select()
      .from(sessions)
      .all()
      .some((s) => isLive(s) && s.status !== 'RUNNING') ||
    db.select().from(clusters).all().some(isAtWork);
  await untilRows(open, () => !open.store.read(busy), 10 * MINUTE);
}

function isAtWork({ status, removingAt, removedAt }: Cluster): boolean {
  const goes = removingAt !== null && removedAt === null;
  return goes || (removingAt === null && (status === 'CREATING' || status === 'RESETTING'));
}

/** Captures whatever session runs, if one does. */
async function capture(open: Yard): Promise<void> {
  const running = open.store
    .read((db) => db.select().from(sessions).all())
    .find(({ status }) => status === 'RUNNING');
  if (running === undefined) return;
  const wanted = { pool: 'p', sessionId: running.id };
  await over(open, await open.done(open.as('admin').createSnapshots(wanted)));
}

function over(open: Yard, { id }: Job): Promise<void> {
  const isOver = () => {
    const job = open.store.read((db) => findJob(db, id));
    return job !== undefined && !isUnfinished(job);
  };
  return untilRows(open, isOver, 46 * MINUTE);
}

/** Sessions have run or say why not. */
function unexplained(open: Yard): string[] {
  const all = open.store.read((db) => db.select().from(sessions).all());
  return all
    .filter((s) => isLive(s) || (s.status === 'FAILED' && !s.statusMessage?.includes(' ')))
    .map(({ owner, status, statusMessage }) => `${owner} is ${status}: ${statusMessage}`);
}

async function expectWell(open: Yard): Promise<void> {
  await open.done(open.as('admin').updateClusterPool({ name: 'p' }));
  await settled(open, 60 * MINUTE);
  await open.settled('p', 1);
  const strays = () => open.done(differences(open.store, open.simulator));
  // What nobody knows any more is found within ten minutes.
  if ((await strays()).length > 0) await open.world.advance(11 * MINUTE);
  expect(await strays()).toEqual([]);
  expect(new Invariants().broken(open.store)).toEqual([]);
  expect(open.faults).toEqual([]);
  const session = await open.done(open.as('c', 'USER').createSession({ pool: 'p' }));
  expect(session.status).toBe('PROVISIONING');
  await atRest(open);
  expect(unexplained(open).filter((line) => !line.startsWith('c is RUNNING'))).toEqual([]);
}

const moments = SIMULATOR_STEPS.filter(({ operation }) => !NOT_OURS.includes(operation)).flatMap(
  ({ operation, step }) =>
    (['BEFORE', 'AFTER'] as const).map((when): Partial<SimulatorMoment> => ({
      operation,
      step,
      when,
    })),
);

const { all } = seedsOf('provider-faults', 1);
const kinds = Object.entries(KINDS).map(([name, fault], index) => ({ name, fault, index }));

/** In a test run each moment has two of the five kinds; its own command plays them all. */
function isPlayed(kind: number, moment: number): boolean {
  return all || [0, 2].includes((kind + moment) % kinds.length);
}

describe.each(kinds)('$name', ({ fault, index }) => {
  it.each(moments.filter((_, moment) => isPlayed(index, moment)))(
    '$when $operation $step ends well',
    { timeout: 120_000 },
    async (moment) => {
      const faults = faultAt(moment, fault, 1);
      const open = await playTurn(faults);
      expect(unexplained(open)).toEqual([]);
      await expectWell(open);
      const name = `${moment.operation} ${moment.step}`;
      if (name !== 'reset recreate' && !NOT_HERE.includes(name))
        expect.soft(faults.met).toHaveLength(1);
    },
  );
});
