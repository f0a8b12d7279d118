import { findCluster } from '../../db/cluster.ts';
import { getPool, updatePool } from '../../db/cluster-pool.ts';
import { ensureJob, findEqualJob } from '../../db/job.ts';
import type { Tx } from '../../db/tx.ts';
import type { ControlPlane } from '../../schema/context.ts';
import { shownStatus, type Cluster, type ClusterStatus } from '../../schema/model/cluster.ts';
import type { ClusterPool } from '../../schema/model/cluster-pool.ts';
import type { Job } from '../../schema/model/job.ts';
import { NotFound, WrongState } from '../../schema/model/refusal.ts';
import { asked, RESUMED, type VerbParts } from './verb.ts';

type Kind = 'RESET_CLUSTER' | 'REPAIR_CLUSTER';

/** What can be done about clusters: only free ones and failed ones are anybody's to mend. */
export function clusterVerbs(
  parts: VerbParts,
): Pick<ControlPlane, 'resetCluster' | 'repairCluster'> {
  const mend = (kind: Kind) => (id: string) =>
    parts.store.transact((tx) => ensureMending(parts, tx, kind, id));
  return { resetCluster: mend('RESET_CLUSTER'), repairCluster: mend('REPAIR_CLUSTER') };
}

function ensureMending({ viewer }: VerbParts, tx: Tx, kind: Kind, id: string): Job {
  const cluster = findCluster(tx.db, id);
  if (cluster === undefined || cluster.removedAt !== null) throw new NotFound('cluster');
  const { poolId } = cluster;
  const wanted = { kind, poolId, clusterId: id, actor: viewer.name };
  const pool = getPool(tx.db, poolId);
  const running = findEqualJob(tx.db, wanted);
  if (running !== undefined) return running;
  assertMendable(cluster, pool);
  if (kind === 'REPAIR_CLUSTER' && pool.replenishPaused !== null) {
    updatePool(tx, pool.id, RESUMED, asked(viewer, 'ADMIN'));
  }
  return ensureJob(tx, wanted);
}

const WHY_NOT: Readonly<Record<ClusterStatus, string | null>> = {
  CREATING: 'is being made',
  AVAILABLE: null,
  LOCKED: 'is held by a session',
  RESETTING: 'is being reset already',
  ERROR: null,
};

function assertMendable(cluster: Cluster, pool: ClusterPool): void {
  const goes = cluster.removingAt !== null || pool.deletedAt !== null;
  const reserved = cluster.jobId === null ? null : 'is reserved by another job';
  const reason = goes ? 'is being removed' : (WHY_NOT[cluster.status] ?? reserved);
  if (reason === null) return;
  throw new WrongState(`cluster ${cluster.name} ${reason}`, shownStatus(cluster));
}
