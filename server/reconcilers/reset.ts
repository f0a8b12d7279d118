import { findAtWork, nextWorkAt } from '../../db/cluster-work.ts';
import { findCluster, moveCluster } from '../../db/cluster.ts';
import { getPool } from '../../db/cluster-pool.ts';
import type { Db } from '../../db/connection.ts';
import { failWork } from '../../db/hold/fail.ts';
import { handOver } from '../../db/hold/hand-over.ts';
import { closePhase } from '../../db/phase.ts';
import { findCurrentSet, findSnapshot } from '../../db/snapshot.ts';
import { chooseSet } from '../../db/template-set.ts';
import { findTemplate } from '../../db/template.ts';
import { recordSighting } from '../../db/vm-handle.ts';
import { isResetting, type Cluster } from '../../schema/model/cluster.ts';
import { isCompleteSet, type Snapshot } from '../../schema/model/snapshot.ts';
import { fallbackOfSet } from '../making.ts';
import { clusterRef, providerOf, setRef, workAt } from '../outside.ts';
import { ProviderError, type Provider, type Sighting } from '../providers/provider.ts';
import { makeStep, prove } from '../step.ts';
import {
  retryInMs,
  type Deps,
  type Failure,
  type Found,
  type Reconciler,
  type Turn,
} from './reconciler.ts';

/**
 * Wants: every RESETTING cluster back in its golden state, proven clean, and free again.
 * Looks: at the row, and at the set the cluster is reset to: its own, or the pool's.
 * Decides: without a complete set there is nothing to go back to, and it is created anew.
 * Acts: resets, proves that the guests answer and that no trace of the last session is left, and
 * hands over to whoever waits, else to the pool.
 * After a crash: the reset of the same fence is resumed; the provider knows by its notes.
 */
export function reset(deps: Deps): Reconciler {
  return {
    name: 'reset',
    find: (now) => deps.store.read((db) => findWork(deps, db, now)),
    pass: (work, turn) => putBack(deps, work.id, turn),
    failed: (work, failure) => noteFailure(deps, work.id, failure),
  };
}

function findWork(deps: Deps, db: Db, now: number): Found {
  const resets = findAtWork(db, 'RESETTING', now).filter(({ work }) => work === 'RESET');
  const ready = resets.map(({ id, poolId }) => workAt(deps, db, poolId, id, 'reset'));
  return { ready, nextAt: nextWorkAt(db, 'RESETTING', now) };
}

function resettingCluster(db: Db, id: string): Cluster | undefined {
  const cluster = findCluster(db, id);
  return cluster !== undefined && isResetting(cluster, 'RESET') ? cluster : undefined;
}

/** The set that a cluster is reset to: its own, or one of the pool's where all start from those. */
function goldenSet(db: Db, cluster: Cluster, provider: Provider): Snapshot[] {
  if (provider.capabilities.goldenState === 'POOL') return chooseSet(db, cluster) ?? [];
  return findCurrentSet(db, cluster.poolId, cluster.id);
}

async function putBack(deps: Deps, id: string, turn: Turn): Promise<void> {
  const { store } = deps;
  const cluster = store.read((db) => resettingCluster(db, id));
  if (cluster === undefined) return;
  const pool = store.read((db) => getPool(db, cluster.poolId));
  const provider = providerOf(deps, pool.provider);
  const { set, first } = store.read((db) => {
    const rows = goldenSet(db, cluster, provider);
    const roles = findTemplate(db, pool.templateId)?.roles ?? [];
    const owner = rows[0]?.clusterId == null ? undefined : cluster;
    const isWhole = isCompleteSet(rows, roles);
    return { first: rows[0], set: isWhole ? setRef(db, rows, owner) : undefined };
  });
  if (set === undefined || first === undefined) return createAnew(deps, cluster);
  const ref = store.read((db) => clusterRef(db, cluster));
  const step = makeStep(deps, { id, fence: cluster.fence, cluster }, turn);
  step.progress('reset');
  try {
    const { rung } = await provider.ensureReset(ref, set, step);
    const sighting = await prove(provider, ref, step);
    await finish(deps, cluster, provider, { rung, first, sighting });
  } catch (error) {
    throw orRetryable(deps, first, error);
  }
}

/** A failure at a set that has left meanwhile says nothing of the one that is tried next. */
function orRetryable(deps: Deps, { id }: Snapshot, error: unknown): unknown {
  if (!(error instanceof ProviderError) || error.retryable) return error;
  if (deps.store.read((db) => findSnapshot(db, id)?.current)) return error;
  return new ProviderError(error.reason, { retryable: true, cause: error });
}

async function createAnew(deps: Deps, cluster: Cluster): Promise<void> {
  await deps.store.transact((tx) => {
    const why = { cause: 'RESET', reason: 'there is no golden state to reset to' } as const;
    const from = ['RESETTING'] as const;
    moveCluster(tx, cluster.id, { from, to: 'CREATING', fence: cluster.fence }, why);
  });
}

/** What a reset did, and to which set. */
interface Done {
  readonly rung: string;
  readonly first: Snapshot;
  readonly sighting: Sighting;
}

async function finish(
  deps: Deps,
  cluster: Cluster,
  provider: Provider,
  { rung, first, sighting }: Done,
): Promise<void> {
  await deps.store.transact((tx) => {
    const why = { cause: 'RESET', reason: rung, jobId: cluster.jobId } as const;
    closePhase(tx, cluster.id);
    const made = { madeFromSet: first.set, fallbackReason: fallbackOfSet(first) };
    const patch = { ...made, lastReset: tx.now, lastHealthCheck: tx.now, statusMessage: null };
    const free = { fence: cluster.fence, patch, wakes: provider.capabilities.wakes };
    if (handOver(tx, cluster.id, free, why) === undefined) return;
    recordSighting(tx, cluster.id, sighting.vms, why);
  });
}

async function noteFailure(deps: Deps, id: string, failure: Failure): Promise<void> {
  await deps.store.transact((tx) => {
    const cluster = resettingCluster(tx.db, id);
    if (cluster === undefined) return;
    const why = { cause: failure.cause, jobId: cluster.jobId };
    const retry = retryInMs(failure, cluster.attempts + 1);
    failWork(tx, cluster, { reason: failure.reason, retryInMs: retry }, why);
  });
}
