import { and, asc, desc, eq, inArray, isNull, sql } from 'drizzle-orm';
import type { Why } from '../schema/model/change.ts';
import {
  CLUSTER_TRANSITIONS,
  shownStatus,
  type Cluster,
  type ClusterStatus,
} from '../schema/model/cluster.ts';
import {
  clusterName,
  type ClusterPool,
  type ProvisioningStrategy,
} from '../schema/model/cluster-pool.ts';
import { mayMove } from '../schema/model/transitions.ts';
import { logChange } from './change.ts';
import { recount } from './cluster-count.ts';
import { prepared, type Db } from './connection.ts';
import { deleteNotes } from './note.ts';
import { countRows, toPage, type Page, type PageArgs } from './page.ts';
import { givenText, idCondition, inOrder, rowWriter } from './row.ts';
import { clusters } from './tables.ts';
import type { Tx } from './tx.ts';
import { tellVmsAgain } from './vm-row.ts';

const byId = prepared((db) => db.select().from(clusters).where(idCondition(clusters)).prepare());

/** The cluster with this id, removed ones included while they are kept. */
export function findCluster(db: Db, id: string): Cluster | undefined {
  return byId(db).get({ id });
}

const toClaim = prepared((db) =>
  db
    .select()
    .from(clusters)
    .where(
      // Spelled as the partial index spells it, which SQLite then uses.
      sql`${clusters.poolId} = ${givenText('poolId')}
        AND status = 'AVAILABLE' AND removing_at IS NULL AND job_id IS NULL`,
    )
    .orderBy(inOrder([asc(clusters.lastUsedAt), asc(clusters.number)], 1))
    .prepare(),
);

/** The cluster that the next claim gets: the least recently used one, ties by number. */
export function findClaimable(db: Db, poolId: string): Cluster | undefined {
  return toClaim(db).get({ poolId });
}

const write = rowWriter<Cluster>(clusters);

/** What may be changed of a cluster besides its state. */
export type ClusterPatch = Partial<
  Omit<Cluster, 'id' | 'name' | 'poolId' | 'number' | 'status' | 'createdAt' | 'version'>
>;

/** A move and what goes with it. */
export interface ClusterMove {
  readonly to: ClusterStatus;
  /** The states it may come from. */
  readonly from: readonly ClusterStatus[];
  /** When given, the move is made only under this fence. */
  readonly fence?: number | undefined;
  readonly patch?: ClusterPatch;
}

/**
 * The only writer of a cluster's state. Undefined when the cluster is not in one of the states
 * it may come from, or was taken over under a higher fence: somebody was first, which is normal.
 */
export function moveCluster(tx: Tx, id: string, move: ClusterMove, why: Why): Cluster | undefined {
  const row = findCluster(tx.db, id);
  if (row === undefined || row.removedAt !== null || !move.from.includes(row.status)) return;
  if (move.fence !== undefined && row.fence !== move.fence) return;
  if (row.status !== move.to && !mayMove(CLUSTER_TRANSITIONS, row.status, move.to)) {
    throw new Error(`a cluster cannot go from ${row.status} to ${move.to}`);
  }
  // Without the note of its source, what is outside is cleared away before it is made again.
  if (move.to === 'CREATING' && row.status !== 'CREATING') deleteNotes(tx, id);
  const moved = { ...row, ...freshWork(row, move.to), ...move.patch, status: move.to };
  return save(tx, row, moved, why);
}

/** A new state starts with no failed attempts, no wait and no word about the old one. */
function freshWork(row: Cluster, to: ClusterStatus): ClusterPatch {
  if (row.status === to) return {};
  const fresh = { attempts: 0, nextAttemptAt: null, statusMessage: null, work: null };
  // How it was made before says nothing of how it will be made now.
  const unmade = { strategy: null, fallbackReason: null, madeFromSet: null };
  return to === 'CREATING' ? { ...fresh, ...unmade } : fresh;
}

/** Changes what is not its state; under `fence` only, when that is given. */
export function updateCluster(
  tx: Tx,
  id: string,
  patch: ClusterPatch,
  why: Why,
  fence?: number,
): Cluster | undefined {
  const row = findCluster(tx.db, id);
  if (row === undefined || (fence !== undefined && row.fence !== fence)) return undefined;
  return save(tx, row, { ...row, ...patch }, why);
}

/** Notes that a cluster was looked at and found well: no change that anybody must be told of. */
export function stampHealth(tx: Tx, id: string): void {
  const row = findCluster(tx.db, id);
  if (row !== undefined) write(tx.db, row, { ...row, lastHealthCheck: tx.now });
}

function save(tx: Tx, before: Cluster, after: Cluster, why: Why): Cluster {
  const row = { ...after, version: before.version + 1 };
  write(tx.db, before, row);
  recount(tx, row.poolId, before, row);
  logChange(
    tx,
    {
      type: 'CLUSTER',
      subjectId: row.id,
      kind: row.removedAt === null ? 'UPDATED' : 'DELETED',
      from: before.status,
      to: row.status,
      poolId: row.poolId,
      sessionId: row.sessionId ?? before.sessionId,
    },
    why,
  );
  // Admins may look at the VMs of a cluster in ERROR: their consoles come and go with that.
  if (isInError(before) !== isInError(row)) tellVmsAgain(tx, row.id, why);
  return row;
}

function isInError(cluster: Cluster): boolean {
  return shownStatus(cluster) === 'ERROR';
}

/** What a new cluster is made for, and how. */
export interface NewCluster {
  readonly sessionId?: string;
  readonly wantedStrategy?: ProvisioningStrategy | null;
  readonly wantedSet?: number | null;
}

/** Adds a cluster to a pool, CREATING, under the number given. */
export function insertCluster(
  tx: Tx,
  pool: ClusterPool,
  number: number,
  wanted: NewCluster,
  why: Why,
): Cluster {
  const name = clusterName(pool.name, number);
  const row = tx.db
    .insert(clusters)
    .values({
      id: tx.newId(),
      name,
      namespace: name,
      poolId: pool.id,
      number,
      status: 'CREATING',
      sessionId: wanted.sessionId ?? null,
      wantedStrategy: wanted.wantedStrategy ?? null,
      wantedSet: wanted.wantedSet ?? null,
      createdAt: tx.now,
    })
    .returning()
    .get();
  recount(tx, row.poolId, undefined, row);
  const subject = { type: 'CLUSTER', subjectId: row.id, kind: 'CREATED' } as const;
  const { poolId, sessionId } = row;
  logChange(tx, { ...subject, to: row.status, poolId, sessionId }, why);
  return row;
}

/** Which members of a pool are meant besides their states. */
export interface MemberFilter {
  /** Only those that no session holds or waits for. */
  readonly spare?: boolean;
  /** Only those that this job has reserved; those that none has for null. */
  readonly jobId?: string | null;
}

/** One statement for each way in which members are ever asked for: there are some ten. */
const memberStatements = prepared(() => new Map<string, ReturnType<typeof prepareMembers>>());

function prepareMembers(
  db: Db,
  statuses: readonly ClusterStatus[],
  { spare = false, jobId }: MemberFilter,
) {
  const condition = and(
    sql`${clusters.poolId} = ${givenText('poolId')}`,
    inArray(clusters.status, [...statuses]),
    isNull(clusters.removingAt),
    isNull(clusters.removedAt),
    spare ? isNull(clusters.sessionId) : undefined,
    jobId === null ? isNull(clusters.jobId) : undefined,
    typeof jobId === 'string' ? sql`${clusters.jobId} = ${givenText('jobId')}` : undefined,
  );
  const order = inOrder([desc(clusters.number)], 'limit');
  return db.select().from(clusters).where(condition).orderBy(order).prepare();
}

/** Members in one of these states, highest number first: the order in which a pool shrinks. */
export function findMembers(
  db: Db,
  poolId: string,
  statuses: readonly ClusterStatus[],
  limit: number,
  filter: MemberFilter = {},
): Cluster[] {
  const { spare = false, jobId } = filter;
  const job = typeof jobId === 'string' ? 'of one' : jobId;
  const key = `${statuses.join()} ${spare} ${job}`;
  const known = memberStatements(db);
  const statement = known.get(key) ?? prepareMembers(db, statuses, filter);
  known.set(key, statement);
  return statement.all({ poolId, limit, ...(typeof jobId === 'string' ? { jobId } : {}) });
}

const pageStatement = prepared((db) =>
  db
    .select()
    .from(clusters)
    .where(
      sql`${clusters.poolId} = ${givenText('poolId')} AND ${clusters.name} > ${givenText('after')}
        AND removed_at IS NULL`,
    )
    .orderBy(inOrder([asc(clusters.name)], 'limit'))
    .prepare(),
);

/** The clusters of a pool in order of their names; removed ones are left out. */
export function pageOfClusters(db: Db, poolId: string, page: PageArgs): Page<Cluster> {
  // No name is empty: all lie behind it.
  const rows = pageStatement(db).all({ poolId, after: page.after ?? '', limit: page.first + 1 });
  const present = and(eq(clusters.poolId, poolId), isNull(clusters.removedAt));
  return toPage(
    rows,
    page,
    (row) => row.name,
    () => countRows(db, clusters, present),
  );
}
