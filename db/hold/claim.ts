import type { Why } from '../../schema/model/change.ts';
import type { Cluster } from '../../schema/model/cluster.ts';
import type { ClusterPool, ProvisioningStrategy } from '../../schema/model/cluster-pool.ts';
import { PoolExhausted } from '../../schema/model/refusal.ts';
import type { Session } from '../../schema/model/session.ts';
import { strategyFor } from '../../schema/model/snapshot.ts';
import { findClaimable, findMembers, insertCluster, type NewCluster } from '../cluster.ts';
import { countMembers } from '../cluster-count.ts';
import { getPool, takeNumbers } from '../cluster-pool.ts';
import type { Db } from '../connection.ts';
import { openPhase } from '../phase.ts';
import {
  findFirstWaiting,
  insertSession,
  moveSession,
  nextTicket,
  type NewSession,
} from '../session.ts';
import { findCurrentSet } from '../snapshot.ts';
import { findTemplate } from '../template.ts';
import type { Tx } from '../tx.ts';
import { insertVms } from '../vm-handle.ts';
import { lock, recordServed } from './lock.ts';
import { removeCluster } from './remove.ts';

/**
 * The files of this folder are the only code that changes a session and a cluster together. Each
 * function leaves the two in step within the caller's transaction, so that no crash can part a
 * session from its cluster.
 */

/** What a claim asks for. */
export interface ClaimRequest {
  readonly owner: string;
  readonly ttlMinutes: number;
  readonly task: string | null;
  /** Whether the pool's provider has something left to do at hand-over. */
  readonly wakes: boolean;
  /** The saved set its cluster is to be made from; null for whatever the pool hands out. */
  readonly wantedSet?: number | null;
}

/**
 * Claims a cluster: a warm one, a place in the queue, or one that is made. While anybody waits, a
 * new claim waits behind them. Throws PoolExhausted where the pool says no.
 */
export function claim(tx: Tx, pool: ClusterPool, request: ClaimRequest, why: Why): Session {
  const draft = draftOf(tx, pool, request);
  const queued = pool.whenEmpty !== 'REFUSE' && findFirstWaiting(tx.db, pool.id) !== undefined;
  if (draft.wantedSet !== null) return claimSaved(tx, pool, draft, queued, why);
  const warm = queued ? undefined : findClaimable(tx.db, pool.id);
  if (warm !== undefined) return claimWarm(tx, warm, draft, request, why);
  if (pool.whenEmpty === 'REFUSE') throw new PoolExhausted(pool.replenishPaused ?? undefined);
  const makesOne = !queued && (mayMakeOne(tx.db, pool) || giveWay(tx, pool, why));
  if (makesOne) return claimNew(tx, pool, draft, why);
  return enqueue(tx, draft, why);
}

/**
 * What was saved is never on a cluster that is there: one is made, whatever the pool does when it
 * is empty, and a spare one gives way to it where there is no room for both.
 */
function claimSaved(
  tx: Tx,
  pool: ClusterPool,
  draft: NewSession,
  queued: boolean,
  why: Why,
): Session {
  // In a pool that cannot make clusters one that is ready would be given up for nothing.
  if (pool.replenishPaused !== null) throw new PoolExhausted(pool.replenishPaused);
  if (!queued && makeRoom(tx, pool, why)) return claimNew(tx, pool, draft, why);
  if (pool.whenEmpty === 'REFUSE') {
    throw new PoolExhausted('one is made from a saved snapshot, and there is no room for it');
  }
  return enqueue(tx, draft, why);
}

function draftOf(tx: Tx, pool: ClusterPool, request: ClaimRequest): NewSession {
  const { owner, ttlMinutes, task, wantedSet = null } = request;
  return {
    id: tx.newId(),
    owner,
    poolId: pool.id,
    status: 'PENDING',
    clusterId: null,
    clusterLockTime: null,
    servedFrom: null,
    strategy: null,
    fallbackReason: null,
    ticket: null,
    task,
    wantedSet,
    ttlMinutes,
    runningAt: null,
    expiresAt: null,
    accessNextAt: null,
  };
}

function claimWarm(
  tx: Tx,
  cluster: Cluster,
  draft: NewSession,
  request: ClaimRequest,
  why: Why,
): Session {
  const session = insertSession(
    tx,
    {
      ...draft,
      status: request.wakes ? 'PROVISIONING' : 'RUNNING',
      clusterId: cluster.id,
      clusterLockTime: tx.now,
      fallbackReason: cluster.fallbackReason,
      servedFrom: request.wakes ? null : 'POOL',
      runningAt: request.wakes ? null : tx.now,
      accessNextAt: request.wakes ? null : tx.now,
      expiresAt: tx.now + draft.ttlMinutes * 60_000,
    },
    why,
  );
  lock(tx, cluster, session.id, {}, why);
  if (request.wakes) openPhase(tx, session.id, 'wake');
  else recordServed(tx, session, cluster.id, 'POOL');
  return session;
}

function enqueue(tx: Tx, draft: NewSession, why: Why): Session {
  const session = insertSession(tx, { ...draft, ticket: nextTicket(tx.db, draft.poolId) }, why);
  openPhase(tx, session.id, 'queue');
  return session;
}

/** Whether the pool makes clusters for those who wait, and has room for one more. */
function mayMakeOne(db: Db, pool: ClusterPool): boolean {
  if (pool.whenEmpty !== 'PROVISION' || pool.replenishPaused !== null) return false;
  return hasRoom(db, pool);
}

/**
 * Where sets are replaced, one cluster more than the pool keeps is made for a while: it must not
 * take the last place from a session. Its turn comes again.
 */
function giveWay(tx: Tx, pool: ClusterPool, why: Why): boolean {
  if (pool.whenEmpty !== 'PROVISION' || pool.replenishPaused !== null) return false;
  const members = countMembers(tx.db, pool.id);
  if (members <= pool.size || members > pool.maxClusters) return false;
  if (findCurrentSet(tx.db, pool.id, null).length === 0) return false;
  const [spare] = findMembers(tx.db, pool.id, ['CREATING'], 1, { spare: true, jobId: null });
  return spare !== undefined && removeCluster(tx, spare.id, why) !== undefined;
}

function hasRoom(db: Db, pool: ClusterPool): boolean {
  return countMembers(db, pool.id) < pool.maxClusters;
}

/** A cluster that nobody has or waits for: one that is not ready is missed least. */
function findSpare(db: Db, poolId: string): Cluster | undefined {
  const unready = findMembers(db, poolId, ['CREATING', 'ERROR'], 1, { spare: true, jobId: null });
  return unready[0] ?? findClaimable(db, poolId);
}

/** Sees to it that there is room for one more cluster; false when all are in use. */
function makeRoom(tx: Tx, pool: ClusterPool, why: Why): boolean {
  if (hasRoom(tx.db, pool)) return true;
  const spare = findSpare(tx.db, pool.id);
  return spare !== undefined && removeCluster(tx, spare.id, why) !== undefined;
}

function claimNew(tx: Tx, pool: ClusterPool, draft: NewSession, why: Why): Session {
  const session = insertSession(tx, draft, why);
  return makeFor(tx, pool, session, why);
}

/** Starts a cluster for a session that has none. */
export function makeFor(tx: Tx, pool: ClusterPool, session: Session, why: Why): Session {
  const { id: sessionId, wantedSet } = session;
  const cluster = addCluster(tx, pool, { sessionId, wantedSet }, why);
  const strategy = wantedSet === null ? strategyNow(tx.db, pool) : 'SNAPSHOT';
  openPhase(tx, session.id, 'create');
  const patch = {
    clusterId: cluster.id,
    lastClusterId: cluster.id,
    ticket: null,
    strategy,
    expiresAt: tx.now + session.ttlMinutes * 60_000,
  };
  const from = ['PENDING', 'PROVISIONING'] as const;
  const made = moveSession(tx, session.id, { from, to: 'PROVISIONING', patch }, why);
  return made ?? session;
}

/** How a cluster would be made now. */
function strategyNow(db: Db, pool: ClusterPool): ProvisioningStrategy {
  const roles = findTemplate(db, pool.templateId)?.roles ?? [];
  return strategyFor(findCurrentSet(db, pool.id, null), roles);
}

/** Adds a cluster and its VMs to a pool, to be made. */
export function addCluster(tx: Tx, pool: ClusterPool, wanted: NewCluster, why: Why): Cluster {
  const number = takeNumbers(tx, pool.id, 'nextNumber');
  const cluster = insertCluster(tx, pool, number, wanted, why);
  insertVms(tx, pool, cluster, findTemplate(tx.db, pool.templateId)?.roles ?? [], why);
  return cluster;
}

/** Whether the first who waits in a pool can have a cluster made. */
export function canServeWaiting(db: Db, pool: ClusterPool): boolean {
  const waiting = findFirstWaiting(db, pool.id);
  if (waiting === undefined) return false;
  if (waiting.wantedSet === null) return mayMakeOne(db, pool);
  return hasRoom(db, pool) || findSpare(db, pool.id) !== undefined;
}

/**
 * Serves those who wait in a pool by making clusters for them, first come first served, as far as
 * the pool allows; answers how many. Those who wait for a release are served by `handOver`.
 */
export function serveWaiting(tx: Tx, poolId: string, atMost: number): number {
  const why = { cause: 'REPLENISH' } as const;
  let served = 0;
  while (served < atMost) {
    const pool = getPool(tx.db, poolId);
    const waiting = findFirstWaiting(tx.db, poolId);
    if (waiting === undefined || !canServeWaiting(tx.db, pool)) break;
    if (waiting.wantedSet !== null) makeRoom(tx, pool, why);
    makeFor(tx, pool, waiting, why);
    served += 1;
  }
  return served;
}
