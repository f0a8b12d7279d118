import { expect } from 'vitest';
import { changesAfter, lastSeq } from '../../db/change.ts';
import { isLive, type Session } from '../../schema/model/session.ts';
import { isUnfinished, type Job } from '../../schema/model/job.ts';
import { Fleet } from '../kit/fleet.ts';
import {
  claim,
  ended,
  HOUR,
  jobOf,
  MINUTE,
  poolOf,
  release,
  served,
  sessionOf,
  until,
} from '../kit/pool-under-test.ts';
import { dirty, inventoryOf, isClean, namesOf } from './deeds.ts';
import type { Mishap, Moment } from './mishap.ts';

/** One mishap at one moment, from a pool that is well to a pool that is well again. */

const POOL = 'lab';
/** How long work may take to end well or in a failure that can be read. */
const WITHIN_MS = 4 * HOUR;

/** What came of a trial, for those who read what people read. */
export interface Verdict {
  readonly seconds: number;
  readonly end: string;
  readonly told: readonly string[];
}

/** A fleet with one cluster that is well; at some moments it is to be made anew each time. */
export async function openScene(moment: Moment): Promise<Fleet> {
  const fleet = await Fleet.open();
  fleet.loops.start();
  const recycle = moment === 'MAKING' ? { recycle: 'REPLACE' as const } : {};
  await fleet.addPool({ name: POOL, size: 1, ...recycle });
  await fleet.settled(POOL, 1);
  return fleet;
}

/** Lets the mishap strike, checks how it ends, and that the pool is as before in the end. */
export async function tryOut(fleet: Fleet, mishap: Mishap, moment: Moment): Promise<Verdict> {
  const namespace = fleet.members(POOL)[0]?.namespace ?? '';
  const before = inventoryOf(fleet, namespace);
  const seq = fleet.store.read(lastSeq);
  const begun = fleet.world.elapsed();
  const work = await BEGIN[moment](fleet);
  const undo = plan(fleet, mishap, namespace);
  await work.begin();
  const deadline = mishap.withinMs ?? WITHIN_MS;
  await until(fleet, () => undo.hasStruck() && work.hasEnded(), deadline).catch(
    (error: unknown) => {
      throw new Error(`did not end: ${stateOf(fleet)}`, { cause: error });
    },
  );
  const seconds = Math.round((fleet.world.elapsed() - begun) / 1_000);
  const end = work.end();
  const told = toldSince(fleet, seq);
  undo.now();
  await recover(fleet);
  if (moment === 'RESET') await renew(fleet);
  const verdict = { seconds, end, told };
  judge(mishap, moment, verdict);
  await expectWell(fleet, before);
  return verdict;
}

/** Work under way, and how it stands. */
interface Work {
  readonly begin: () => Promise<void>;
  readonly hasEnded: () => boolean;
  /** How it ended: WELL, or what says that it did not. */
  readonly end: () => string;
}

const BEGIN: Readonly<Record<Moment, (fleet: Fleet) => Promise<Work>>> = {
  RESET: useUp,
  MAKING: useUp,
  CAPTURE: (fleet) => {
    let job: Job | undefined;
    const now = () => (job === undefined ? undefined : jobOf(fleet, job));
    return Promise.resolve({
      begin: async () => {
        job = await fleet.done(fleet.as('admin').recreateSnapshots({ pool: POOL }));
      },
      hasEnded: () => {
        const row = now();
        return row !== undefined && !isUnfinished(row) && isAtRest(fleet);
      },
      end: () => (now()?.status === 'SUCCEEDED' ? 'WELL' : `job: ${now()?.error}`),
    });
  },
  HELD: async (fleet) => {
    const session = await served(fleet, await claim(fleet, POOL));
    await dirty(fleet, session.clusterId);
    const until = fleet.world.elapsed() + 15 * MINUTE;
    return {
      begin: () => Promise.resolve(),
      hasEnded: () => fleet.world.elapsed() >= until || !isLive(sessionOf(fleet, session)),
      end: () => endOf(sessionOf(fleet, session)),
    };
  },
};

function endOf({ status, statusMessage }: Session): string {
  return status === 'RUNNING' ? 'WELL' : `session ${status}: ${statusMessage}`;
}

async function useUp(fleet: Fleet): Promise<Work> {
  const session = await served(fleet, await claim(fleet, POOL));
  await dirty(fleet, session.clusterId);
  return {
    begin: async () => void (await release(fleet, session)),
    hasEnded: () => isAtRest(fleet),
    end: () => {
      const [member] = fleet.members(POOL);
      return member?.status === 'AVAILABLE' ? 'WELL' : `cluster: ${member?.statusMessage}`;
    },
  };
}

/** Nothing is worked at: the cluster is free, or waits in ERROR, or the pool makes none. */
function isAtRest(fleet: Fleet): boolean {
  const members = fleet.members(POOL);
  return members.length === 1 && ['AVAILABLE', 'ERROR'].includes(members[0]?.status ?? '');
}

interface Undo {
  readonly hasStruck: () => boolean;
  readonly now: () => void;
}

/** Lets a mishap begin and end in time. */
function plan(fleet: Fleet, mishap: Mishap, namespace: string): Undo {
  const { afterMs = 0, lastsMs } = mishap;
  let undo: (() => void) | void = undefined;
  let struck = false;
  const cancels: (() => void)[] = [];
  const end = () => {
    undo?.();
    undo = undefined;
  };
  const strike = () => {
    struck = true;
    undo = mishap.strike({ fleet, namespace });
    if (lastsMs !== undefined) cancels.push(fleet.world.after(lastsMs, end));
  };
  if (afterMs === 0) strike();
  else cancels.push(fleet.world.after(afterMs, strike));
  const now = () => {
    for (const cancel of cancels) cancel();
    end();
  };
  return { hasStruck: () => struck, now };
}

/** What people could read meanwhile of all that happened. */
function toldSince(fleet: Fleet, seq: number): string[] {
  const changes = fleet.store.read((db) => changesAfter(db, seq, 10_000));
  const failures = changes.filter(({ cause }) =>
    ['PROVIDER_ERROR', 'DEADLINE', 'PROBE', 'PROVIDER_EVENT'].includes(cause),
  );
  const reasons = failures.flatMap(({ reason }) => reason ?? []);
  return [...new Set([...reasons, stateOf(fleet)])];
}

function stateOf(fleet: Fleet): string {
  const { replenishPaused } = poolOf(fleet, POOL);
  const members = fleet.members(POOL).map((c) => `${c.name} ${c.status} ${c.statusMessage ?? ''}`);
  return [...members, ...(replenishPaused === null ? [] : [replenishPaused])].join('; ');
}

/** With the fault gone the pool gets well by itself; one that is paused, by a repair. */
async function recover(fleet: Fleet): Promise<void> {
  const [member] = fleet.members(POOL);
  if (member?.status === 'LOCKED') {
    const session = member.sessionId;
    if (session !== null) await release(fleet, { id: session });
  }
  if (poolOf(fleet, POOL).replenishPaused !== null && member?.status === 'ERROR') {
    const job = await fleet.done(fleet.as('admin').repairCluster(member.id));
    expect(await ended(fleet, job)).toMatchObject({ status: 'SUCCEEDED' });
  }
  await fleet.settled(POOL, 1, ['AVAILABLE'], 3 * HOUR);
  expect(poolOf(fleet, POOL).replenishPaused).toBeNull();
}

/** A VM that was made anew is captured anew, so that the next reset has all rungs again. */
async function renew(fleet: Fleet): Promise<void> {
  const namespace = fleet.members(POOL)[0]?.namespace ?? '';
  const { objects } = fleet.kubernetes;
  const uids = objects.list('VirtualMachine', { namespace }).map(({ metadata }) => metadata.uid);
  const taken = JSON.stringify(objects.list('VirtualMachineSnapshot', { namespace }));
  if (uids.every((uid) => taken.includes(uid))) return;
  const job = await fleet.done(fleet.as('admin').recreateSnapshots({ pool: POOL }));
  expect(await ended(fleet, job)).toMatchObject({ status: 'SUCCEEDED' });
  await fleet.settled(POOL, 1);
}

/** Reasons that tell nobody anything. */
const EMPTY_WORDS = [
  /undefined|\[object|: *$/,
  /^an internal error/,
  /^not done within \d+ s$/,
  /^job: not done within \d+ minutes$/,
];

function judge(mishap: Mishap, moment: Moment, { end, told }: Verdict): void {
  const texts = [end, ...told];
  expect(texts.filter((text) => EMPTY_WORDS.some((word) => word.test(text)))).toEqual([]);
  if (mishap.passes === true || mishap.told === undefined) {
    if (mishap.passes === true) expect(end).toBe('WELL');
    return;
  }
  if (moment !== 'HELD') expect(told.join('\n')).toMatch(mishap.told);
}

/** The pool is as it was: clean, with nothing left over, and no bug was logged. */
async function expectWell(fleet: Fleet, before: Record<string, number>): Promise<void> {
  const [member] = fleet.members(POOL);
  const namespace = member?.namespace ?? '';
  expect(await isClean(fleet, member?.id ?? null)).toBe(true);
  // What is cleared away in the background is given the time.
  const isBack = () => JSON.stringify(inventoryOf(fleet, namespace)) === JSON.stringify(before);
  await until(fleet, isBack, 30 * MINUTE).catch(() => undefined);
  expect(inventoryOf(fleet, namespace)).toEqual(before);
  const clusters = () => namesOf(fleet, 'Namespace').filter((name) => name.startsWith('lab-'));
  await until(fleet, () => clusters().length === 1, 30 * MINUTE).catch(() => undefined);
  expect(clusters()).toEqual([namespace]);
  expect(fleet.faults).toEqual([]);
}
