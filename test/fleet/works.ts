import { expect } from 'vitest';
import type { CreateSnapshotsInput } from '../../schema/inputs.ts';
import { isUnfinished, type Job } from '../../schema/model/job.ts';
import type { Session } from '../../schema/model/session.ts';
import type { Fleet } from '../kit/fleet.ts';
import {
  claim,
  ended,
  jobOf,
  release,
  served,
  snapshotsOf,
  until,
} from '../kit/pool-under-test.ts';
import { dirty, isClean, namesOf } from './deeds.ts';

/** The pieces of work in whose middle servers die. */

/** The pool that is worked at. */
export const POOL = 'lab';

/** One piece of work, done again and again at one pool. */
export interface Work {
  readonly pool: { readonly recycle?: 'REPLACE' };
  /** What is there before the first time. */
  readonly open?: (fleet: Fleet) => Promise<void>;
  /** Makes it possible once more; nobody dies of that. */
  readonly prepare?: (fleet: Fleet) => Promise<void>;
  /** Asks for it; answers how to know that nothing of it is left to do. */
  readonly begin: (fleet: Fleet) => Promise<() => boolean>;
}

/** Whether so many clusters are free and no other is there. */
export function areFree(fleet: Fleet, count = 1): boolean {
  const members = fleet.members(POOL);
  return members.length === count && members.every(({ status }) => status === 'AVAILABLE');
}

/** A session that leaves something in its guests, and had found nothing there. */
async function useUp(fleet: Fleet): Promise<Session> {
  const session = await served(fleet, await claim(fleet, POOL));
  expect(session.status).toBe('RUNNING');
  expect(await isClean(fleet, session.clusterId)).toBe(true);
  await dirty(fleet, session.clusterId);
  return session;
}

const RELEASED: Pick<Work, 'prepare' | 'begin'> = {
  begin: async (fleet) => {
    await release(fleet, await useUp(fleet));
    return () => areFree(fleet);
  },
};

function captured(input: Omit<CreateSnapshotsInput, 'pool'>): Pick<Work, 'begin'> {
  return {
    begin: async (fleet) => {
      const asked = fleet.as('admin').recreateSnapshots({ pool: POOL, ...input });
      const job = await fleet.done(asked);
      return () => hasSucceeded(fleet, job);
    },
  };
}

function hasSucceeded(fleet: Fleet, job: Job): boolean {
  const now = jobOf(fleet, job);
  if (isUnfinished(now)) return false;
  expect([now.status, now.error]).toEqual(['SUCCEEDED', null]);
  if (snapshotsOf(fleet, POOL).some(({ status }) => status !== 'READY')) return false;
  return fleet.members(POOL).every(({ status }) => ['AVAILABLE', 'LOCKED'].includes(status));
}

/** A template set from a session whose cluster is then let go. */
async function captureSession(fleet: Fleet): Promise<void> {
  const { id: sessionId } = await served(fleet, await claim(fleet, POOL));
  const asked = fleet.as('admin').createSnapshots({ pool: POOL, sessionId });
  expect(await ended(fleet, await fleet.done(asked))).toMatchObject({ status: 'SUCCEEDED' });
  await release(fleet, { id: sessionId });
  await until(fleet, () => areFree(fleet));
}

/** A session that is held while it is captured, again and again. */
function fromSession(): Work {
  let sessionId = '';
  return {
    pool: {},
    open: async (fleet) => {
      ({ id: sessionId } = await served(fleet, await claim(fleet, POOL)));
    },
    begin: (fleet) => captured({ sessionId }).begin(fleet),
  };
}

async function resized(fleet: Fleet, size: number): Promise<void> {
  await fleet.done(fleet.as('admin').updateClusterPool({ name: POOL, size }));
}

const SHRINKING: Work = {
  pool: {},
  prepare: async (fleet) => {
    await resized(fleet, 2);
    await until(fleet, () => areFree(fleet, 2));
  },
  begin: async (fleet) => {
    await resized(fleet, 1);
    return () => areFree(fleet) && namespacesOf(fleet, POOL).length === 1;
  },
};

/** A pool beside the one that stays, with a set of its own in `vm-templates`. */
const LEAVING: Work = {
  pool: {},
  prepare: async (fleet) => {
    await fleet.addPool({ name: 'tmp', size: 1 });
    await fleet.settled('tmp', 1);
    const asked = fleet.as('admin').createSnapshots({ pool: 'tmp', baseCluster: true });
    expect(await ended(fleet, await fleet.done(asked))).toMatchObject({ status: 'SUCCEEDED' });
  },
  begin: async (fleet) => {
    await fleet.done(fleet.as('admin').deleteClusterPool('tmp'));
    const sets = () => namesOf(fleet, 'VirtualMachine', 'vm-templates');
    return () => namespacesOf(fleet, 'tmp').length === 0 && sets().length === 0;
  },
};

/** The namespaces of a pool's clusters, those that are on their way out too. */
export function namespacesOf(fleet: Fleet, pool: string): string[] {
  return namesOf(fleet, 'Namespace').filter((name) => name.startsWith(`${pool}-`));
}

/** All of them, by what a server is killed in the middle of. */
export const WORKS: Readonly<Record<string, Work>> = {
  'a reset': { pool: {}, ...RELEASED },
  'the making of a cluster': { pool: { recycle: 'REPLACE' }, ...RELEASED },
  'the making of a cluster from a set': {
    pool: { recycle: 'REPLACE' },
    open: captureSession,
    ...RELEASED,
  },
  'a capture': { pool: {}, ...captured({}) },
  'a capture from a session': fromSession(),
  'a capture from a base cluster': { pool: {}, ...captured({ baseCluster: true }) },
  'the removal of a cluster': SHRINKING,
  'the removal of a pool': LEAVING,
};
