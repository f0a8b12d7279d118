import { findAtWork } from '../../db/cluster-work.ts';
import { findCluster, updateCluster } from '../../db/cluster.ts';
import { getPool } from '../../db/cluster-pool.ts';
import type { Db } from '../../db/connection.ts';
import { handOver } from '../../db/hold/hand-over.ts';
import { findNotes } from '../../db/note.ts';
import { closePhase } from '../../db/phase.ts';
import { findCurrentSet, findSet, findSnapshotsAtWork, moveSet } from '../../db/snapshot.ts';
import type { Tx } from '../../db/tx.ts';
import type { Why } from '../../schema/model/change.ts';
import { isResetting, type Cluster } from '../../schema/model/cluster.ts';
import type { Snapshot } from '../../schema/model/snapshot.ts';
import { captureSet, sessionEnded } from '../golden-set.ts';
import { clusterRef, providerOf, setId, setKey, workAt } from '../outside.ts';
import { TAKEN, type Provider } from '../providers/provider.ts';
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
 * Wants: every set that was asked for captured: a template set of a pool, from the image or from
 * a session's cluster, or the own set of a cluster that a job has reserved.
 * Looks: at the set's rows, which say where it comes from.
 * Acts: captures, verifies, makes it current; a reserved cluster is proven well and freed.
 * After a crash: the same set is asked for again; where it was taken, its cluster is freed. A set
 * that cannot be taken becomes FAILED, and a reserved cluster is reset, because nobody knows how
 * the attempt left it.
 */
export function capture(deps: Deps): Reconciler {
  return {
    name: 'capture',
    find: (now) => deps.store.read((db) => findWork(deps, db, now)),
    pass: (work, turn) => take(deps, work.id, turn),
    failed: (work, failure) => noteFailure(deps, work.id, failure),
  };
}

/** One row of each set stands for the set: the work's id is that row's. */
function findWork(deps: Deps, db: Db, now: number): Found {
  const rows = findSnapshotsAtWork(db, 'CREATING', now).filter((row) => isOurs(db, row));
  const sets = new Map([...rows, ...takenButHeld(db, now)].map((row) => [setId(row), row]));
  const ready = [...sets].map(([id, row]) => workAt(deps, db, row.poolId, id, 'capture'));
  return { ready };
}

/** The first set of a cluster that is being made is taken by the pass that makes it. */
function isOurs(db: Db, { clusterId }: Snapshot): boolean {
  return clusterId === null || reservedCluster(db, clusterId) !== undefined;
}

/** Sets that are taken, whose clusters a worker that died had not yet freed. */
function takenButHeld(db: Db, now: number): Snapshot[] {
  const reserved = findAtWork(db, 'RESETTING', now).filter((row) => isResetting(row, 'CAPTURE'));
  return reserved.flatMap(({ id, poolId, jobId }) => {
    const first = findCurrentSet(db, poolId, id)[0];
    return first?.jobId === jobId ? [first] : [];
  });
}

function reservedCluster(db: Db, id: string | null): Cluster | undefined {
  const cluster = id === null ? undefined : findCluster(db, id);
  return cluster !== undefined && isResetting(cluster, 'CAPTURE') ? cluster : undefined;
}

function firstOf(db: Db, id: string): Snapshot | undefined {
  return findSet(db, setKey(id))[0];
}

async function take(deps: Deps, id: string, turn: Turn): Promise<void> {
  const { store } = deps;
  const first = store.read((db) => firstOf(db, id));
  if (first === undefined) return;
  const { kind, cluster } = store.read((db) => ({
    kind: getPool(db, first.poolId).provider,
    cluster: reservedCluster(db, first.clusterId),
  }));
  const provider = providerOf(deps, kind);
  if (first.status !== 'CREATING') {
    const isHeld = cluster !== undefined && cluster.jobId === first.jobId;
    return isHeld ? freeReserved(deps, provider, cluster, turn) : undefined;
  }
  const fence = cluster?.fence ?? sourceFence(deps, first);
  const set = { poolId: first.poolId, set: first.set };
  const step = makeStep(deps, { id, fence, cluster, set }, turn);
  step.progress('capture');
  const inUse = first.sourceSessionId !== null;
  const why = { cause: 'JOB', jobId: first.jobId } as const;
  await captureSet(deps, provider, { ...set, inUse }, step, why);
  if (cluster !== undefined) await freeReserved(deps, provider, cluster, turn);
}

/**
 * A set of a running session is captured under the fence of the session's hold, also when all is
 * taken and that is over. Once the session has ended its cluster is somebody else's, whose data
 * must not become a golden state.
 */
function sourceFence(deps: Deps, first: Snapshot): number {
  const { sourceClusterId, sourceSessionId } = first;
  if (sourceClusterId === null) return 1;
  const taken = deps.store.read((db) => findNotes(db, setId(first)).get(TAKEN));
  if (taken !== undefined) return Number(taken);
  const source = deps.store.read((db) => findCluster(db, sourceClusterId));
  if (source === undefined || source.sessionId !== sourceSessionId) throw sessionEnded();
  return source.fence;
}

async function freeReserved(
  deps: Deps,
  provider: Provider,
  cluster: Cluster,
  turn: Turn,
): Promise<void> {
  const ref = deps.store.read((db) => clusterRef(db, cluster));
  const step = makeStep(deps, { id: cluster.id, fence: cluster.fence, cluster }, turn);
  await prove(provider, ref, step);
  await deps.store.transact((tx) => {
    closePhase(tx, cluster.id);
    const { wakes } = provider.capabilities;
    const patch = { statusMessage: null, lastHealthCheck: tx.now };
    const why = { cause: 'JOB', jobId: cluster.jobId } as const;
    handOver(tx, cluster.id, { fence: cluster.fence, patch, wakes }, why);
  });
}

async function noteFailure(deps: Deps, id: string, failure: Failure): Promise<void> {
  await deps.store.transact((tx) => {
    const first = firstOf(tx.db, id);
    if (first === undefined) return;
    const why = { cause: failure.cause, reason: failure.reason, jobId: first.jobId };
    const attempts = first.attempts + 1;
    const retryMs = retryInMs(failure, attempts);
    const nextAttemptAt = retryMs === undefined ? null : tx.now + retryMs;
    const patch = { attempts, nextAttemptAt, statusMessage: failure.reason };
    const to = nextAttemptAt === null ? 'FAILED' : 'CREATING';
    moveSet(tx, first, { from: ['CREATING'], to, patch }, why);
    if (nextAttemptAt === null || first.status !== 'CREATING') resetReserved(tx, first, why);
  });
}

/** Nobody knows how a failed capture left its cluster: it goes back to its golden state. */
function resetReserved(tx: Tx, { clusterId }: Snapshot, why: Why): void {
  const cluster = reservedCluster(tx.db, clusterId);
  if (cluster === undefined) return;
  const patch = { work: 'RESET', jobId: null, fence: cluster.fence + 1 } as const;
  updateCluster(tx, cluster.id, patch, why);
}
