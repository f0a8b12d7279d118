import { describe, expect, it, vi } from 'vitest';
import { seedsOf } from '../kit/campaign.ts';
import { Fleet } from '../kit/fleet.ts';
import { claim, jobOf, release, served, until } from '../kit/pool-under-test.ts';
import { isUnfinished } from '../../schema/model/job.ts';
import { dirty, inventoryOf, isClean, namesOf } from './deeds.ts';

/**
 * The server is killed at the n-th request by which it changes something in the cluster, before
 * that request takes effect or after it, without its answer. The next server must finish the work
 * and make nothing twice.
 */

/** In a test run some of the points, by `npm run check:kubevirt` each of them. */
const { all: everyPoint } = seedsOf('kubevirt', 1);
const MOST_POINTS = everyPoint ? Infinity : 5;

vi.setConfig({ testTimeout: everyPoint ? 7_200_000 : 120_000 });

const CHANGING = new Set(['create', 'update', 'patch', 'delete']);

/** One piece of work, begun anew each time; `isDone` once nothing of it is left to do. */
interface Work {
  readonly pool: { readonly recycle?: 'REPLACE' };
  readonly begin: (fleet: Fleet) => Promise<void>;
  readonly isDone: (fleet: Fleet) => boolean;
}

const POOL = 'lab';

const isFree = (fleet: Fleet) => {
  const members = fleet.members(POOL);
  return members.length === 1 && members[0]?.status === 'AVAILABLE';
};

const useUp = async (fleet: Fleet) => {
  const session = await served(fleet, await claim(fleet, POOL));
  expect(await isClean(fleet, session.clusterId)).toBe(true);
  await dirty(fleet, session.clusterId);
  await release(fleet, session);
};

let jobId = '';

const WORKS: Readonly<Record<string, Work>> = {
  'a reset': { pool: {}, begin: useUp, isDone: isFree },
  'the making of a cluster': { pool: { recycle: 'REPLACE' }, begin: useUp, isDone: isFree },
  'a capture': {
    pool: {},
    begin: async (fleet) => {
      ({ id: jobId } = await fleet.done(fleet.as('admin').recreateSnapshots({ pool: POOL })));
    },
    isDone: (fleet) => !isUnfinished(jobOf(fleet, { id: jobId })) && isFree(fleet),
  },
};

/** Does the work once and kills the server at a point of it; answers whether it came so far. */
async function killAt(fleet: Fleet, work: Work, point: number): Promise<boolean> {
  let left = point;
  let killed = false;
  fleet.onRequest((_, { verb }) => {
    if (killed || !CHANGING.has(verb)) return undefined;
    left -= 1;
    if (left > 0) return undefined;
    killed = true;
    fleet.kill();
    // Before its effect the request is lost, after it the answer is.
    return 'RESET';
  });
  await work.begin(fleet);
  await until(fleet, () => killed || work.isDone(fleet));
  fleet.onRequest(undefined);
  if (killed) fleet.restart();
  await until(fleet, () => work.isDone(fleet));
  return killed;
}

describe('a server killed in the middle of', () => {
  it.each(Object.entries(WORKS))('%s', async (_, work) => {
    const fleet = await Fleet.open();
    fleet.loops.start();
    await fleet.addPool({ name: POOL, size: 1, ...work.pool });
    await fleet.settled(POOL, 1);
    const [{ namespace = '' } = {}] = fleet.members(POOL);
    const wanted = inventoryOf(fleet, namespace);
    const points = await countPoints(fleet, work);
    const stride = Math.max(1, Math.ceil(points / MOST_POINTS));
    let reached = 0;
    for (let point = 1; point <= points; point += stride) {
      if (!(await killAt(fleet, work, point))) break;
      reached += 1;
      const [{ namespace: present = '' } = {}] = fleet.members(POOL);
      expect(inventoryOf(fleet, present), `point ${point}`).toEqual(wanted);
      expect(namesOf(fleet, 'Namespace').filter((name) => /^lab-/.test(name))).toEqual([present]);
    }
    console.info(`killed at ${reached} of ${points} points`);
    expect(reached).toBeGreaterThan(0);
    expect(fleet.faults).toEqual([]);
    await fleet.close();
  });
});

/** The points that the work has when nobody interferes: two at each request. */
async function countPoints(fleet: Fleet, work: Work): Promise<number> {
  let points = 0;
  fleet.onRequest((_, { verb }) => {
    if (CHANGING.has(verb)) points += 1;
    return undefined;
  });
  await work.begin(fleet);
  await until(fleet, () => work.isDone(fleet));
  fleet.onRequest(undefined);
  return points;
}
