import { findCluster } from '../../db/cluster.ts';
import { findJob } from '../../db/job.ts';
import { provisioningTimes } from '../../db/provisioning.ts';
import { findSession } from '../../db/session.ts';
import type { Cluster } from '../../schema/model/cluster.ts';
import { isUnfinished } from '../../schema/model/job.ts';
import type { Session } from '../../schema/model/session.ts';
import { latenciesIn } from '../kubernetes/latency.ts';
import { Fleet } from '../kit/fleet.ts';
import { criticalPath, type CriticalPath } from './critical-path.ts';

/** How long something took, how long it had to take, and what was asked of the API for it. */
export interface Measured {
  readonly totalMs: number;
  readonly path: CriticalPath;
  /** Requests by verb and resource; streams to guests count too. */
  readonly requests: ReadonlyMap<string, number>;
}

/** How far above its critical path it was: 1 is perfect. */
export function ratioOf({ totalMs, path }: Pick<Measured, 'totalMs' | 'path'>): number {
  return totalMs / path.ms;
}

/** All requests together. */
export function sumOf(requests: ReadonlyMap<string, number>): number {
  return [...requests.values()].reduce((sum, count) => sum + count, 0);
}

/** What the three kinds of work took on a fleet of this seed. */
export interface Played {
  readonly bootstrap: Measured;
  readonly reset: Measured;
  readonly snapshot: Measured;
  /** Requests in an hour in which one cluster is free and nothing happens. */
  readonly idle: ReadonlyMap<string, number>;
}

const POOL = 'lab';
const HOUR = 3_600_000;

/** Claims on an empty pool, without a set and with one, a reset, and an hour of rest. */
export async function playOurs(seed: number): Promise<Played> {
  const fleet = await Fleet.open({ seed });
  try {
    fleet.loops.start();
    const whenEmpty = 'PROVISION';
    await fleet.addPool({ name: POOL, size: 1, maxClusters: 2, lazy: true, whenEmpty });
    const first = await measure(fleet, () => claimed(fleet));
    const reset = await measure(fleet, () => givenBack(fleet, first.session));
    const idle = await requestsDuring(fleet, () => fleet.world.advance(HOUR));
    await makeSet(fleet);
    await claimed(fleet);
    const second = await measure(fleet, () => claimed(fleet));
    expectMade(first.session, 'BOOTSTRAP');
    expectMade(second.session, 'SNAPSHOT');
    return { bootstrap: first, reset, snapshot: second, idle };
  } finally {
    await fleet.close();
  }
}

async function claimed(fleet: Fleet): Promise<Session> {
  const { id } = await fleet.done(fleet.as('alice', 'USER').createSession({ pool: POOL }));
  const now = () => fleet.store.read((db) => findSession(db, id));
  await fleet.world.runUntil(() => !['PENDING', 'PROVISIONING'].includes(now()?.status ?? ''), {
    withinMs: 6 * HOUR,
  });
  const session = now();
  if (session === undefined) throw new Error(`session ${id} has vanished`);
  return session;
}

/** Releases a session, and lets time pass until its cluster is free again. */
async function givenBack(fleet: Fleet, session: Session): Promise<Session> {
  await fleet.done(fleet.as('admin').releaseSession(session.id));
  const isFree = () => clusterOf(fleet, session).status === 'AVAILABLE';
  await fleet.world.runUntil(isFree, { withinMs: HOUR });
  return session;
}

function clusterOf(fleet: Fleet, { clusterId }: Session): Cluster {
  const found = fleet.store.read((db) => findCluster(db, clusterId ?? ''));
  if (found === undefined) throw new Error(`there is no cluster ${clusterId}`);
  return found;
}

async function makeSet(fleet: Fleet): Promise<void> {
  const { id } = await fleet.done(
    fleet.as('admin').createSnapshots({ pool: POOL, baseCluster: true }),
  );
  const job = () => fleet.store.read((db) => findJob(db, id));
  const isOver = () => {
    const now = job();
    return now !== undefined && !isUnfinished(now);
  };
  await fleet.world.runUntil(isOver, { withinMs: 6 * HOUR });
  if (job()?.status !== 'SUCCEEDED') throw new Error(`no set was made: ${job()?.error}`);
}

function expectMade({ id, strategy, status }: Session, wanted: string): void {
  if (status === 'RUNNING' && strategy === wanted) return;
  throw new Error(`session ${id} is ${status}, made by ${strategy} and not by ${wanted}`);
}

async function measure(
  fleet: Fleet,
  work: () => Promise<Session>,
): Promise<Measured & { readonly session: Session }> {
  const from = fleet.world.now();
  let session: Session | undefined;
  const requests = await requestsDuring(fleet, async () => {
    session = await work();
  });
  if (session === undefined) throw new Error('nothing was played');
  const to = fleet.world.now();
  const { namespace } = clusterOf(fleet, session);
  const path = criticalPath(latenciesIn(fleet.kubernetes.log.lines()), namespace, { from, to });
  return { totalMs: to - from, path, requests, session };
}

/** What reached the API meanwhile, by anybody: requests, watches, and streams to guests. */
async function requestsDuring(
  fleet: Fleet,
  work: () => Promise<void>,
): Promise<ReadonlyMap<string, number>> {
  const counts = new Map<string, number>();
  const count = (what: string) => counts.set(what, (counts.get(what) ?? 0) + 1);
  fleet.onRequest((when, { verb, resource }) => {
    if (when === 'BEFORE') count(`${verb} ${resource}`);
    return undefined;
  });
  const stop = fleet.kubernetes.log.onLine(({ what, details }) => {
    if (what === 'stream asked for') count(`stream ${String(details?.['resource'])}`);
  });
  try {
    await work();
  } finally {
    stop();
    fleet.onRequest(undefined);
  }
  return counts;
}

/** Many clusters that are made at the same time: how long the last one took, and what they cost. */
export async function playMany(seed: number, count: number): Promise<Crowd> {
  const fleet = await Fleet.open({ seed });
  try {
    Object.assign(fleet.provider.capabilities.parallel, { create: count });
    fleet.loops.start();
    const from = fleet.world.now();
    const requests = await requestsDuring(fleet, async () => {
      await fleet.addPool({ name: POOL, size: count });
      await fleet.settled(POOL, count);
    });
    const to = fleet.world.now();
    const all = latenciesIn(fleet.kubernetes.log.lines());
    const paths = fleet
      .members(POOL)
      .map(({ namespace }) => criticalPath(all, namespace, { from, to }));
    const longestMs = Math.max(...paths.map(({ ms }) => ms));
    const poolId = fleet.members(POOL)[0]?.poolId ?? '';
    const made = fleet.store.read((db) => provisioningTimes(db, { poolId, since: from }));
    const failures = made.reduce((sum, { failed }) => sum + failed, 0);
    return { totalMs: to - from, longestMs, requests, count, failures };
  } finally {
    await fleet.close();
  }
}

/** What many clusters took together. */
export interface Crowd {
  readonly count: number;
  readonly totalMs: number;
  /** The longest of their critical paths: it could not be over earlier. */
  readonly longestMs: number;
  /** Attempts that failed, as those do that miss their deadline. */
  readonly failures: number;
  readonly requests: ReadonlyMap<string, number>;
}
