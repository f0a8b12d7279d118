import { and, asc, eq, isNotNull, isNull, or, sql } from 'drizzle-orm';
import type { SQLiteColumn } from 'drizzle-orm/sqlite-core';
import type { Why } from '../schema/model/change.ts';
import type { ClusterPool } from '../schema/model/cluster-pool.ts';
import { logChange } from './change.ts';
import { prepared, type Db } from './connection.ts';
import { behindName, countRows, toPage, type Page, type PageArgs } from './page.ts';
import { idCondition, rowWriter } from './row.ts';
import { clusters, pools } from './tables.ts';
import type { Tx } from './tx.ts';

const byId = prepared((db) => db.select().from(pools).where(idCondition(pools)).prepare());

/** The pool with this id, a deleted one included. */
export function findPool(db: Db, id: string): ClusterPool | undefined {
  return byId(db).get({ id });
}

/** The pool with this id, which a row refers to and which therefore exists. */
export function getPool(db: Db, id: string): ClusterPool {
  const pool = findPool(db, id);
  if (pool === undefined) throw new Error(`pool ${id} is referred to but does not exist`);
  return pool;
}

const byName = prepared((db) =>
  db
    .select()
    .from(pools)
    .where(sql`${pools.name} = ${sql.placeholder('name')} AND deleted_at IS NULL`)
    .prepare(),
);

/** The pool that has this name now. */
export function findPoolByName(db: Db, name: string): ClusterPool | undefined {
  return byName(db).get({ name });
}

const presentStatement = prepared((db) =>
  db.select().from(pools).where(isNull(pools.deletedAt)).orderBy(asc(pools.name)).prepare(),
);

/** All pools that are not deleted. */
export function findPools(db: Db): ClusterPool[] {
  return presentStatement(db).all();
}

/** Pools that are deleted; their clusters may still be on their way out. */
export function findDeletedPools(db: Db): ClusterPool[] {
  return db.select().from(pools).where(isNotNull(pools.deletedAt)).all();
}

const toClearStatement = prepared((db) => {
  const staying = sql`EXISTS (SELECT 1 FROM clusters c
    WHERE c.pool_id = ${pools.id} AND c.removing_at IS NULL AND c.removed_at IS NULL)`;
  const kept = sql`EXISTS (SELECT 1 FROM snapshots s
    WHERE s.pool_id = ${pools.id} AND s.cluster_id IS NULL AND s.status <> 'DELETING')`;
  const deleted = isNotNull(pools.deletedAt);
  return db
    .select()
    .from(pools)
    .where(and(deleted, or(staying, kept)))
    .prepare();
});

/** Deleted pools with clusters or sets of their own that are not on their way out yet. */
export function findPoolsToClear(db: Db): ClusterPool[] {
  return toClearStatement(db).all();
}

/** A pool as it is made; what is left out starts as the table says. */
export type NewPool = Omit<
  ClusterPool,
  | 'id'
  | 'nextNumber'
  | 'nextSet'
  | 'failuresInRow'
  | 'replenishPaused'
  | 'createdAt'
  | 'deletedAt'
  | 'version'
>;

/** Adds a pool. Its numbers go on from those of deleted pools of its name. */
export function insertPool(tx: Tx, pool: NewPool, why: Why): ClusterPool {
  const row = tx.db
    .insert(pools)
    .values({ id: tx.newId(), ...pool, ...numbersOf(tx.db, pool.name), createdAt: tx.now })
    .returning()
    .get();
  const subject = { type: 'CLUSTER_POOL', subjectId: row.id, poolId: row.id } as const;
  logChange(tx, { ...subject, kind: 'CREATED' }, why);
  return row;
}

/** The numbers that no pool of this name has used: names of clusters and sets come only once. */
function numbersOf(db: Db, name: string): Pick<ClusterPool, 'nextNumber' | 'nextSet'> {
  const highest = (column: SQLiteColumn) => sql<number>`coalesce(max(${column}), 1)`;
  const numbers = { nextNumber: highest(pools.nextNumber), nextSet: highest(pools.nextSet) };
  const found = db.select(numbers).from(pools).where(eq(pools.name, name)).get();
  return found ?? { nextNumber: 1, nextSet: 1 };
}

/** Whether clusters of a deleted pool of this name are still on their way out. */
export function hasLeftovers(db: Db, name: string): boolean {
  const left = db
    .select({ id: clusters.id })
    .from(clusters)
    .innerJoin(pools, eq(pools.id, clusters.poolId))
    .where(and(eq(pools.name, name), isNotNull(pools.deletedAt), isNull(clusters.removedAt)));
  return left.limit(1).get() !== undefined;
}

const write = rowWriter<ClusterPool>(pools);

/** What may be changed of a pool. */
export type PoolPatch = Partial<Omit<ClusterPool, 'id' | 'name' | 'provider' | 'version'>>;

/** Changes a pool's settings or its own notes about itself. */
export function updatePool(tx: Tx, id: string, patch: PoolPatch, why: Why): ClusterPool {
  const row = getPool(tx.db, id);
  const changed = { ...row, ...patch, version: row.version + 1 };
  write(tx.db, row, changed);
  const kind = changed.deletedAt === null ? 'UPDATED' : 'DELETED';
  const subject = { type: 'CLUSTER_POOL', subjectId: id, poolId: id, kind } as const;
  logChange(tx, subject, why);
  return changed;
}

/** Takes the next numbers of a pool; they are never given again. */
export function takeNumbers(
  tx: Tx,
  poolId: string,
  of: 'nextNumber' | 'nextSet',
  howMany = 1,
): number {
  const pool = getPool(tx.db, poolId);
  write(tx.db, pool, { ...pool, [of]: pool[of] + howMany });
  return pool[of];
}

/** Pools in order of their names. */
export function pageOfPools(db: Db, page: PageArgs): Page<ClusterPool> {
  const present = isNull(pools.deletedAt);
  const rows = db
    .select()
    .from(pools)
    .where(and(present, behindName(pools.name, page.after)))
    .orderBy(asc(pools.name))
    .limit(page.first + 1)
    .all();
  return toPage(
    rows,
    page,
    (row) => row.name,
    () => countRows(db, pools, present),
  );
}

/** The pools of a provider, deleted ones included. */
export function findPoolsOf(db: Db, provider: ClusterPool['provider']): ClusterPool[] {
  return db.select().from(pools).where(eq(pools.provider, provider)).all();
}
