import { findCluster } from '../../db/cluster.ts';
import { getPool } from '../../db/cluster-pool.ts';
import type { Db } from '../../db/connection.ts';
import { finishWake } from '../../db/hold/hand-over.ts';
import { failWake } from '../../db/hold/release.ts';
import { findSession, findToWake } from '../../db/session.ts';
import { recordSighting } from '../../db/vm-handle.ts';
import type { Cluster } from '../../schema/model/cluster.ts';
import type { Session } from '../../schema/model/session.ts';
import { clusterRef, providerOf, workAt } from '../outside.ts';
import type { Sighting } from '../providers/provider.ts';
import { makeStep } from '../step.ts';
import type { Deps, Failure, Found, Reconciler, Turn } from './reconciler.ts';

/**
 * Wants: every PROVISIONING session that holds a cluster RUNNING on it.
 * Looks: at the session and its LOCKED cluster.
 * Acts: wakes the cluster (resume, clock, identity). A wake that fails sends that cluster to be
 * reset, and the session takes another, three at most.
 * After a crash: the wake is asked for again; waking what is awake is harmless.
 */
export function wake(deps: Deps): Reconciler {
  return {
    name: 'wake',
    find: () => deps.store.read((db) => findWork(deps, db)),
    pass: (work, turn) => wakeFor(deps, work.id, turn),
    failed: (work, failure) => noteFailure(deps, work.id, failure),
  };
}

function findWork(deps: Deps, db: Db): Found {
  const ready = findToWake(db).map(({ id, poolId }) => workAt(deps, db, poolId, id, 'wake'));
  return { ready };
}

function sessionToWake(db: Db, id: string): { session: Session; cluster: Cluster } | undefined {
  const session = findSession(db, id);
  if (session?.status !== 'PROVISIONING' || session.clusterId === null) return undefined;
  const cluster = findCluster(db, session.clusterId);
  return cluster?.status === 'LOCKED' ? { session, cluster } : undefined;
}

async function wakeFor(deps: Deps, id: string, turn: Turn): Promise<void> {
  const { store } = deps;
  const found = store.read((db) => sessionToWake(db, id));
  if (found === undefined) return;
  const { session, cluster } = found;
  const { ref, kind } = store.read((db) => ({
    ref: clusterRef(db, cluster),
    kind: getPool(db, cluster.poolId).provider,
  }));
  const provider = providerOf(deps, kind);
  const step = makeStep(deps, { id: cluster.id, fence: cluster.fence, cluster }, turn);
  const sighting = await provider.wake(ref, { id, owner: session.owner }, step);
  await finish(deps, session, cluster, sighting);
}

async function finish(
  deps: Deps,
  session: Session,
  cluster: Cluster,
  sighting: Sighting,
): Promise<void> {
  await deps.store.transact((tx) => {
    const why = { cause: 'CLAIM' } as const;
    if (findSession(tx.db, session.id)?.clusterId !== cluster.id) return;
    if (finishWake(tx, session.id, why) === undefined) return;
    // A cluster made for this session keeps the origin it was made with.
    const warm = session.strategy === null;
    recordSighting(tx, cluster.id, sighting.vms, why, (vm) => ({
      origin: warm ? 'WARM' : vm.origin,
      spawnDurationMs: tx.now - session.createdAt,
    }));
  });
}

async function noteFailure(deps: Deps, id: string, failure: Failure): Promise<void> {
  await deps.store.transact((tx) => {
    failWake(tx, id, failure.reason, { cause: failure.cause });
  });
}
