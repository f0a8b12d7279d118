import { afterEach, expect } from 'vitest';
import { findCluster } from '../../db/cluster.ts';
import { findPoolByName } from '../../db/cluster-pool.ts';
import { findJob } from '../../db/job.ts';
import { findSession } from '../../db/session.ts';
import { findSnapshotsOfPool } from '../../db/snapshot.ts';
import type { ControlPlane } from '../../schema/context.ts';
import type { Cluster } from '../../schema/model/cluster.ts';
import type { ClusterPool } from '../../schema/model/cluster-pool.ts';
import { isUnfinished, type Job } from '../../schema/model/job.ts';
import { isLive, type Session } from '../../schema/model/session.ts';
import type { Snapshot } from '../../schema/model/snapshot.ts';
import { differences, Invariants } from './invariants.ts';
import { untilRows } from './until-rows.ts';
import { openYard, type Yard, type YardOptions } from './yard.ts';

/** What tests of one pool ask and do all the time. */

/** A server whose pools are under test, whatever provides its clusters. */
export type Place = Pick<Yard, 'store' | 'world' | 'done'> & {
  as(name: string, role?: 'ADMIN' | 'USER'): ControlPlane;
};

export const MINUTE = 60_000;
export const HOUR = 60 * MINUTE;

let present: { yard: Yard; invariants: Invariants } | undefined;

/** Opens a yard with its loops running; after the test it is closed, and must have been well. */
export function runningYard(options: YardOptions = {}): Yard {
  const yard = openYard(options);
  yard.loops.start();
  present = { yard, invariants: new Invariants() };
  return yard;
}

/** Kills the process and starts another on what is left. */
export function restart(yard: Yard, options: YardOptions = {}): Yard {
  const next = yard.crash(options);
  next.loops.start();
  if (present !== undefined) present = { ...present, yard: next };
  return next;
}

afterEach(async () => {
  if (present === undefined) return;
  const { yard, invariants } = present;
  present = undefined;
  const broken = invariants.broken(yard.store);
  await yard.close();
  expect(broken).toEqual([]);
  expect(yard.faults).toEqual([]);
});

/** The pool as its row is now. */
export function poolOf({ store }: Place, name: string): ClusterPool {
  const pool = store.read((db) => findPoolByName(db, name));
  if (pool === undefined) throw new Error(`no pool ${name}`);
  return pool;
}

/** The cluster as its row is now. */
export function clusterOf({ store }: Place, id: string | null | undefined): Cluster {
  const cluster = id == null ? undefined : store.read((db) => findCluster(db, id));
  if (cluster === undefined) throw new Error(`no cluster ${id}`);
  return cluster;
}

/** The session as its row is now. */
export function sessionOf({ store }: Place, { id }: { id: string }): Session {
  const session = store.read((db) => findSession(db, id));
  if (session === undefined) throw new Error(`no session ${id}`);
  return session;
}

/** The job as its row is now. */
export function jobOf({ store }: Place, { id }: { id: string }): Job {
  const job = store.read((db) => findJob(db, id));
  if (job === undefined) throw new Error(`no job ${id}`);
  return job;
}

/** All snapshots of a pool and of its clusters. */
export function snapshotsOf(yard: Place, pool: string): Snapshot[] {
  const { id } = poolOf(yard, pool);
  return yard.store.read((db) => findSnapshotsOfPool(db, id));
}

/** A claim by somebody. */
export function claim(yard: Place, pool: string, owner = 'alice'): Promise<Session> {
  return yard.done(yard.as(owner, 'USER').createSession({ pool }));
}

/** A release by an admin. */
export function release(yard: Place, { id }: { id: string }): Promise<Session> {
  return yard.done(yard.as('admin').releaseSession(id));
}

/** Lets time pass until this is so. */
export function until(yard: Place, holds: () => boolean, withinMs = 6 * HOUR): Promise<void> {
  return yard.world.runUntil(holds, { withinMs });
}

/** Lets time pass until the job has ended. */
export async function ended(yard: Place, job: { id: string }): Promise<Job> {
  await untilRows(yard, () => !isUnfinished(jobOf(yard, job)), 6 * HOUR);
  return jobOf(yard, job);
}

/** Lets time pass until the session runs or is over. */
export async function served(yard: Place, session: { id: string }): Promise<Session> {
  const waits = () => {
    const now = sessionOf(yard, session);
    return isLive(now) && now.status !== 'RUNNING';
  };
  await untilRows(yard, () => !waits(), 6 * HOUR);
  return sessionOf(yard, session);
}

/** What the provider has and the rows do not know, and the other way round. */
export function strays(yard: Yard): Promise<string[]> {
  return yard.done(differences(yard.store, yard.simulator));
}
