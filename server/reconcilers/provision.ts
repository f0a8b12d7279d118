import { findAtWork, nextWorkAt } from '../../db/cluster-work.ts';
import { findCluster, updateCluster } from '../../db/cluster.ts';
import { getPool, updatePool } from '../../db/cluster-pool.ts';
import type { Db } from '../../db/connection.ts';
import { failWork } from '../../db/hold/fail.ts';
import { handOver } from '../../db/hold/hand-over.ts';
import { findNotes, writeNote } from '../../db/note.ts';
import { closePhase } from '../../db/phase.ts';
import { recordProvisioning } from '../../db/provisioning.ts';
import { updateSession } from '../../db/session.ts';
import {
  deleteSet,
  findCurrentSet,
  findSetsOfCluster,
  findTemplateSets,
  insertSet,
} from '../../db/snapshot.ts';
import { findTemplate } from '../../db/template.ts';
import type { Tx } from '../../db/tx.ts';
import { recordSighting } from '../../db/vm-handle.ts';
import type { Why } from '../../schema/model/change.ts';
import type { Cluster } from '../../schema/model/cluster.ts';
import type { ProvisioningStrategy } from '../../schema/model/cluster-pool.ts';
import { captureSet } from '../golden-set.ts';
import {
  fallbackOf,
  giveUpSet,
  hasAnotherSet,
  planFor,
  reasonForNoWay,
  SOURCE,
  withdrawComplaints,
  type Plan,
} from '../making.ts';
import { clusterObject, clusterRef, providerOf, setObject, workAt } from '../outside.ts';
import { ProviderError, type Provider, type Sighting, type Step } from '../providers/provider.ts';
import { makeStep, prove } from '../step.ts';
import {
  retryInMs,
  type Deps,
  type Failure,
  type Found,
  type Reconciler,
  type Turn,
  type Work,
} from './reconciler.ts';

/**
 * Wants: every CREATING cluster made, proven, and handed to whoever waits for it.
 * Looks: at the row, the pool's template sets, and what is outside under its name.
 * Decides: SNAPSHOT from the template set whose turn it is, else BOOTSTRAP; a snapshot path that
 * fails falls back to another set or to BOOTSTRAP, and the reason is kept. A cluster that must be
 * made from one set, because somebody saved it, is made from that or not at all.
 * Acts: makes the VMs, captures the cluster's own golden set where clusters own theirs, proves
 * that the guests answer, and hands over.
 * After a crash: a note says what source was begun; the same source is resumed, what another left
 * is cleared away first.
 */
export function provision(deps: Deps): Reconciler {
  return {
    name: 'provision',
    find: (now) => deps.store.read((db) => findWork(deps, db, now)),
    pass: (work, turn) => make(deps, work.id, turn),
    failed: (work, failure) => noteFailure(deps, work.id, failure),
  };
}

function findWork(deps: Deps, db: Db, now: number): Found {
  // A pool has many clusters to make at once, and is asked once.
  const firstSetIsTaken = new Map<string, boolean>();
  const ready = findAtWork(db, 'CREATING', now).flatMap((cluster): Work[] => {
    const { poolId } = cluster;
    if (mayWaitForSet(cluster)) {
      const isTaken = firstSetIsTaken.get(poolId) ?? takesFirstSet(deps, db, poolId);
      firstSetIsTaken.set(poolId, isTaken);
      if (isTaken) return [];
    }
    return [workAt(deps, db, poolId, cluster.id, 'create')];
  });
  return { ready, nextAt: nextWorkAt(db, 'CREATING', now) };
}

/** Where all start from the pool's set, a cluster nobody waits for waits for the first of them. */
function mayWaitForSet({ sessionId, wantedStrategy }: Cluster): boolean {
  return sessionId === null && wantedStrategy !== 'BOOTSTRAP';
}

/** Whether all clusters of a pool start from its sets, and it is just about to have its first. */
function takesFirstSet(deps: Deps, db: Db, poolId: string): boolean {
  const { provider: kind } = getPool(db, poolId);
  if (deps.provider(kind)?.capabilities.goldenState !== 'POOL') return false;
  const sets = findTemplateSets(db, poolId);
  return !sets.some((s) => s.current) && sets.some((s) => s.status === 'CREATING');
}

async function make(deps: Deps, id: string, turn: Turn): Promise<void> {
  const { store } = deps;
  const plan = store.read((db) => planFor(db, id));
  if (plan === undefined) return;
  const { cluster } = plan;
  assertFromWantedSet(plan);
  const { pool, ref } = store.read((db) => ({
    pool: getPool(db, cluster.poolId),
    ref: clusterRef(db, cluster),
  }));
  const provider = providerOf(deps, pool.provider);
  const step = makeStep(deps, { id, fence: cluster.fence, cluster }, turn);
  if (step.notes.get(SOURCE) !== plan.name) await begin(deps, provider, plan, step);
  step.progress(plan.strategy === 'SNAPSHOT' ? 'creating VMs from snapshot' : 'bootstrap');
  await provider.ensureCluster(ref, plan.source, step);
  // One from a wanted set goes with its session: nothing is ever put back to what is on it.
  if (provider.capabilities.goldenState === 'CLUSTER' && cluster.wantedSet === null) {
    await captureOwnSet(deps, provider, cluster, step);
  }
  await finish(deps, plan, provider, await prove(provider, ref, step));
}

/** Whoever wants what was saved has no use for anything else. */
function assertFromWantedSet({ cluster, source }: Plan): void {
  if (cluster.wantedSet === null || source.kind === 'SET') return;
  const reason = 'the saved snapshot it was to be made from is not there any more';
  throw new ProviderError(reason, { retryable: false });
}

/** The note that says since when; kept when another source is tried. */
const SINCE = 'provision.since';

/**
 * Clears away what an attempt from another source, or an earlier life, may have left, then begins
 * anew. The sets that the cluster owned go with it: rows that promised them would let every later
 * reset fail.
 */
async function begin(
  deps: Deps,
  provider: Provider,
  { cluster, name }: Plan,
  step: Step,
): Promise<void> {
  const { store } = deps;
  await provider.ensureGone(clusterObject(cluster), step);
  const rows = store.read((db) => findSetsOfCluster(db, cluster.id));
  const sets = new Map(rows.map((row) => [row.set, setObject(row)]));
  for (const object of sets.values()) await provider.ensureGone(object, step);
  if (!step.notes.has(SINCE)) await step.note(SINCE, String(deps.world.now()));
  await store.transact((tx) => {
    const { id, poolId, fence } = cluster;
    assertNotTakenOver(tx, cluster);
    for (const set of sets.keys()) deleteSet(tx, { poolId, set }, { cause: 'REPLENISH' });
    writeNote(tx, { subjectId: id, key: SOURCE, value: name, fence });
  });
}

/** Rows that are written for a cluster that is being removed would be left when it is gone. */
function assertNotTakenOver(tx: Tx, { id, name, fence }: Cluster): void {
  if (findCluster(tx.db, id)?.fence === fence) return;
  throw new ProviderError(`${name} has been taken over`, { retryable: false });
}

/** Captures the set that the cluster is reset to, before it is handed out for the first time. */
async function captureOwnSet(
  deps: Deps,
  provider: Provider,
  cluster: Cluster,
  step: Step,
): Promise<void> {
  const { store } = deps;
  const { poolId, id: clusterId } = cluster;
  if (store.read((db) => findCurrentSet(db, poolId, clusterId)).length > 0) return;
  step.progress('capture');
  const why = { cause: 'REPLENISH' } as const;
  const set = await store.transact((tx) => {
    assertNotTakenOver(tx, cluster);
    const begun = findSetsOfCluster(tx.db, clusterId).find((s) => s.status === 'CREATING');
    if (begun !== undefined) return begun.set;
    const roles = findTemplate(tx.db, getPool(tx.db, poolId).templateId)?.roles ?? [];
    const mode = provider.capabilities.captureModes[0] ?? 'ONLINE';
    const of = { poolId, clusterId, sourceClusterId: clusterId, sourceSessionId: null };
    return insertSet(tx, { ...of, jobId: null, mode }, roles, why);
  });
  await captureSet(deps, provider, { poolId, set, inUse: false }, step, why);
}

async function finish(
  deps: Deps,
  plan: Plan,
  provider: Provider,
  sighting: Sighting,
): Promise<void> {
  const { cluster, strategy, snapshots } = plan;
  await deps.store.transact((tx) => {
    const why = { cause: 'REPLENISH', jobId: cluster.jobId } as const;
    closePhase(tx, cluster.id);
    const madeFromSet = snapshots[0]?.set ?? null;
    const fallbackReason = cluster.fallbackReason ?? fallbackOf(tx.db, plan, provider.capabilities);
    const made = { strategy, madeFromSet, fallbackReason };
    const patch = { ...made, statusMessage: null, lastHealthCheck: tx.now };
    const free = { fence: cluster.fence, patch, wakes: provider.capabilities.wakes };
    if (handOver(tx, cluster.id, free, why) === undefined) return;
    recordSighting(tx, cluster.id, sighting.vms, why, (vm) => ({
      snapshotId: snapshots.find(({ role }) => role === vm.role)?.id ?? null,
      spawnDurationMs: tx.now - begunAt(tx, cluster),
    }));
    withdrawComplaints(tx, plan, why);
    const pool = getPool(tx.db, cluster.poolId);
    if (pool.failuresInRow > 0) updatePool(tx, pool.id, { failuresInRow: 0 }, why);
    if (cluster.sessionId === null) record(tx, cluster, strategy, null);
  });
}

/** A cluster that a session waits for is recorded with that session, when it is served. */
function record(
  tx: Tx,
  cluster: Cluster,
  servedFrom: ProvisioningStrategy,
  failure: string | null,
): void {
  const { id: clusterId, poolId, sessionId } = cluster;
  const of = { clusterId, poolId, sessionId, startedAt: begunAt(tx, cluster) };
  recordProvisioning(tx, { ...of, servedFrom, succeeded: failure === null, reason: failure });
}

/** From the claim, or from when its making began: it may be made anew long after it was added. */
function begunAt(tx: Tx, { id, createdAt, sessionId }: Cluster): number {
  if (sessionId !== null) return createdAt;
  return Math.max(createdAt, Number(findNotes(tx.db, id).get(SINCE) ?? 0));
}

async function noteFailure(deps: Deps, id: string, failure: Failure): Promise<void> {
  await deps.store.transact((tx) => {
    const plan = planFor(tx.db, id);
    if (plan === undefined) return;
    const { cluster } = plan;
    const why = { cause: failure.cause, jobId: cluster.jobId };
    // The set may have been given up in the meantime, but it was a set that was tried.
    const tried = failure.lostSet === true ? 'SNAPSHOT' : plan.strategy;
    record(tx, cluster, tried, failure.reason);
    if (failure.lostSet === true) giveUpSet(tx, cluster, { ...why, reason: failure.reason });
    if (tried === 'SNAPSHOT' && cluster.wantedSet === null) {
      return fallBack(tx, cluster, failure.reason, why);
    }
    const retry = retryInMs(failure, cluster.attempts + 1);
    const provider = deps.provider(getPool(tx.db, cluster.poolId).provider);
    const reason = reasonForNoWay(tx.db, plan, provider?.capabilities, failure.reason);
    failWork(tx, cluster, { reason, retryInMs: retry }, why);
  });
}

/**
 * The snapshot path failed: the next pass takes another set where the one that was tried has left,
 * and bootstraps where it has not or there is no other. The reason stays with the cluster.
 */
function fallBack(tx: Tx, cluster: Cluster, reason: string, why: Why): void {
  closePhase(tx, cluster.id, reason);
  const strategy = hasAnotherSet(tx.db, cluster) ? 'SNAPSHOT' : 'BOOTSTRAP';
  const way = strategy === 'SNAPSHOT' ? 'from another snapshot set' : 'by BOOTSTRAP';
  const fallbackReason = `made ${way} because its snapshots failed: ${reason}`;
  const wantedStrategy = strategy === 'BOOTSTRAP' ? strategy : cluster.wantedStrategy;
  const patch = { wantedStrategy, fallbackReason, attempts: 0 } as const;
  updateCluster(tx, cluster.id, patch, { ...why, reason: fallbackReason }, cluster.fence);
  if (cluster.sessionId === null) return;
  const told = { strategy, fallbackReason } as const;
  updateSession(tx, cluster.sessionId, told, { ...why, reason: fallbackReason });
}
