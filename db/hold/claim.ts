import type { Why } from '../../schema/model/change.ts';
import type { Cluster } from '../../schema/model/cluster.ts';
import type { ClusterPool } from '../../schema/model/cluster-pool.ts';
import { PoolExhausted } from '../../schema/model/refusal.ts';
import type { Session } from '../../schema/model/session.ts';
import { strategyFor } from '../../schema/model/snapshot.ts';
import { findClaimable, insertCluster, type NewCluster } from '../cluster.ts';
import { countMembers } from '../cluster-count.ts';
import { getPool, takeNumbers } from '../cluster-pool.ts';
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
}

/**
 * Claims a cluster: a warm one, a place in the queue, or one that is made. While anybody waits, a
 * new claim waits behind them. Throws PoolExhausted where the pool says no.
 */
export function claim(tx: Tx, pool: ClusterPool, request: ClaimRequest, why: Why): Session {
  const draft = draftOf(tx, pool, request);
  const queued = pool.whenEmpty !== 'REFUSE' && findFirstWaiting(tx.db, pool.id) !== undefined;
  const warm = queued ? undefined : findClaimable(tx.db, pool.id);
  if (warm !== undefined) return claimWarm(tx, warm, draft, request, why);
  if (pool.whenEmpty === 'REFUSE') throw new PoolExhausted(pool.replenishPaused ?? undefined);
  if (!queued && mayMakeOne(tx, pool)) return claimNew(tx, pool, draft, why);
  return enqueue(tx, draft, why);
}

function draftOf(tx: Tx, pool: ClusterPool, request: ClaimRequest): NewSession {
  const { owner, ttlMinutes, task } = request;
  return {
    id: tx.newId(),
    owner,
    poolId: pool.id,
    status: 'PENDING',
    clusterId: null,
    clusterLockTime: null,
    servedFrom: null,
    strategy: null,
    ticket: null,
    task,
    wantedSet: null,
    ttlMinutes,
    runningAt: null,
    expiresAt: null,
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
      servedFrom: request.wakes ? null : 'POOL',
      runningAt: request.wakes ? null : tx.now,
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
function mayMakeOne(tx: Tx, pool: ClusterPool): boolean {
  if (pool.whenEmpty !== 'PROVISION' || pool.replenishPaused !== null) return false;
  return countMembers(tx.db, pool.id) < pool.maxClusters;
}

function claimNew(tx: Tx, pool: ClusterPool, draft: NewSession, why: Why): Session {
  const session = insertSession(tx, draft, why);
  return makeFor(tx, pool, session, why);
}

/** Starts a cluster for a session that has none. */
export function makeFor(tx: Tx, pool: ClusterPool, session: Session, why: Why): Session {
  const cluster = addCluster(tx, pool, { sessionId: session.id }, why);
  const roles = findTemplate(tx.db, pool.templateId)?.roles ?? [];
  const strategy = strategyFor(findCurrentSet(tx.db, pool.id, null), roles);
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

/** Adds a cluster and its VMs to a pool, to be made. */
export function addCluster(tx: Tx, pool: ClusterPool, wanted: NewCluster, why: Why): Cluster {
  const number = takeNumbers(tx, pool.id, 'nextNumber');
  const cluster = insertCluster(tx, pool, number, wanted, why);
  insertVms(tx, pool, cluster, findTemplate(tx.db, pool.templateId)?.roles ?? [], why);
  return cluster;
}

/**
 * Serves those who wait in a pool by making clusters for them, first come first served, as far as
 * the pool allows; answers how many. Those who wait for a release are served by `handOver`.
 */
export function serveWaiting(tx: Tx, poolId: string, atMost: number): number {
  let served = 0;
  while (served < atMost) {
    const pool = getPool(tx.db, poolId);
    const waiting = findFirstWaiting(tx.db, poolId);
    if (waiting === undefined || !mayMakeOne(tx, pool)) break;
    makeFor(tx, pool, waiting, { cause: 'REPLENISH' });
    served += 1;
  }
  return served;
}
