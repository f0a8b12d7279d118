import { eq, sql } from 'drizzle-orm';
import type { Cluster, ClusterStatus } from '../schema/model/cluster.ts';
import { prepared, type Db } from './connection.ts';
import { clusterCounts } from './tables.ts';
import type { Tx } from './tx.ts';

/** What decides where a cluster is counted. */
type Counted = Pick<Cluster, 'status' | 'removingAt' | 'removedAt'>;

type Column = 'creating' | 'available' | 'locked' | 'resetting' | 'error' | 'removing';

const COLUMN = {
  CREATING: 'creating',
  AVAILABLE: 'available',
  LOCKED: 'locked',
  RESETTING: 'resetting',
  ERROR: 'error',
} as const satisfies Record<ClusterStatus, Column>;

function columnOf(cluster: Counted | undefined): Column | undefined {
  if (cluster === undefined || cluster.removedAt !== null) return undefined;
  return cluster.removingAt === null ? COLUMN[cluster.status] : 'removing';
}

const addStatement = prepared((db) =>
  db
    .insert(clusterCounts)
    .values({
      poolId: sql.placeholder('poolId'),
      // The first cluster of a pool is always CREATING.
      creating: 1,
    })
    .onConflictDoUpdate({
      target: clusterCounts.poolId,
      set: {
        creating: sql`creating + ${sql.placeholder('creating')}`,
        available: sql`available + ${sql.placeholder('available')}`,
        locked: sql`locked + ${sql.placeholder('locked')}`,
        resetting: sql`resetting + ${sql.placeholder('resetting')}`,
        error: sql`error + ${sql.placeholder('error')}`,
        removing: sql`removing + ${sql.placeholder('removing')}`,
      },
    })
    .prepare(),
);

const NONE = { creating: 0, available: 0, locked: 0, resetting: 0, error: 0, removing: 0 };

/** Counts a cluster where it is now, and no longer where it was. */
export function recount(
  tx: Tx,
  poolId: string,
  before: Counted | undefined,
  after: Counted | undefined,
): void {
  const [from, to] = [columnOf(before), columnOf(after)];
  if (from === to) return;
  const difference: Record<Column, number> = { ...NONE };
  if (from !== undefined) difference[from] -= 1;
  if (to !== undefined) difference[to] += 1;
  addStatement(tx.db).run({ poolId, ...difference });
}

const countsStatement = prepared((db) =>
  db
    .select()
    .from(clusterCounts)
    .where(eq(clusterCounts.poolId, sql.placeholder('poolId')))
    .prepare(),
);

/** How many clusters of a pool are in each shown state; those being removed are RESETTING. */
export function countByStatus(db: Db, poolId: string): Record<ClusterStatus, number> {
  const counts = countsStatement(db).get({ poolId }) ?? NONE;
  return {
    CREATING: counts.creating,
    AVAILABLE: counts.available,
    LOCKED: counts.locked,
    RESETTING: counts.resetting + counts.removing,
    ERROR: counts.error,
  };
}

/** How many clusters count to the size of the pool: all but those being removed. */
export function countMembers(db: Db, poolId: string): number {
  const { creating, available, locked, resetting, error } =
    countsStatement(db).get({ poolId }) ?? NONE;
  return creating + available + locked + resetting + error;
}
