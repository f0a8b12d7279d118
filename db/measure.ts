import { sql } from 'drizzle-orm';
import type { Cause } from '../schema/model/change.ts';
import type { ClusterStatus } from '../schema/model/cluster.ts';
import type { JobKind, JobStatus } from '../schema/model/job.ts';
import type { ServedFrom, SessionStatus } from '../schema/model/session.ts';
import { lastSeq } from './change.ts';
import { countByStatus } from './cluster-count.ts';
import type { Db } from './connection.ts';
import { type ImageEnd, measureMakings, type SetsMade } from './measure-storage.ts';

/** What a monitoring system asks: how things stand, and what has been logged since it last did. */

/** How a pool stands now. */
export interface PoolMeasure {
  readonly name: string;
  readonly size: number;
  readonly maxClusters: number;
  readonly isPaused: boolean;
  readonly clusters: Readonly<Record<ClusterStatus, number>>;
  readonly waiting: number;
  /** Since when the first in the queue waits. */
  readonly waitingSince: number | null;
  /** Template sets that are current. */
  readonly sets: number;
  /** What they take on disk, as far as known. */
  readonly setBytes: number;
  /** When the oldest of them was ready. */
  readonly oldestSet: number | null;
}

interface PoolRow {
  readonly id: string;
  readonly name: string;
  readonly size: number;
  readonly maxClusters: number;
  readonly paused: 0 | 1;
  readonly waiting: number;
  readonly waitingSince: number | null;
  /** Template sets that are current. */
  readonly sets: number;
  /** What they take on disk, as far as known. */
  readonly setBytes: number;
  /** When the oldest of them was ready. */
  readonly oldestSet: number | null;
}

const currentOfPool = sql`WHERE pool_id = pools.id AND cluster_id IS NULL AND current = 1`;

/** How the pools stand, by name; what lies beyond so many is left out. */
export function measurePools(db: Db, limit: number): PoolMeasure[] {
  const rows = db.all<PoolRow>(sql`
    SELECT id, name, size, max_clusters AS maxClusters, replenish_paused IS NOT NULL AS paused,
      (SELECT count(*) FROM sessions WHERE pool_id = pools.id AND status = 'PENDING') AS waiting,
      (SELECT created_at FROM sessions WHERE pool_id = pools.id AND status = 'PENDING'
        ORDER BY ticket LIMIT 1) AS waitingSince,
      (SELECT count(DISTINCT set_number) FROM snapshots ${currentOfPool}) AS sets,
      (SELECT coalesce(sum(size_bytes), 0) FROM snapshots ${currentOfPool}) AS setBytes,
      (SELECT min(ready_at) FROM snapshots ${currentOfPool}) AS oldestSet
    FROM pools WHERE deleted_at IS NULL ORDER BY name LIMIT ${limit}`);
  return rows.map(({ id, paused, ...row }) => ({
    ...row,
    isPaused: paused === 1,
    clusters: countByStatus(db, id),
  }));
}

/** How many jobs of a kind are in a state. */
export interface JobMeasure {
  readonly kind: JobKind;
  readonly status: JobStatus;
  readonly count: number;
}

/** The jobs that are not finished. */
export function measureJobs(db: Db): JobMeasure[] {
  return db.all<JobMeasure>(sql`
    SELECT kind, status, count(*) AS count FROM jobs
    WHERE status IN ('QUEUED', 'RUNNING') GROUP BY kind, status`);
}

/** When the row behind this position was logged; undefined when there is none. */
export function loggedAt(db: Db, seq: number): number | undefined {
  const found = sql`SELECT at FROM changes WHERE seq > ${seq} ORDER BY seq LIMIT 1`;
  return db.get<{ at: number } | undefined>(found)?.at;
}

/** How far the log and the records of provisioning have been counted. */
export interface Counted {
  readonly seq: number;
  readonly record: number;
}

/** The ends of both as they are now. */
export function endsNow(db: Db): Counted {
  const { record } = db.get<{ record: number }>(
    sql`SELECT coalesce(max(rowid), 0) AS record FROM provisionings`,
  );
  return { seq: lastSeq(db), record };
}

/** What was logged in a stretch, counted; each with the name of its pool. */
export interface Logged {
  readonly upTo: Counted;
  /** Claims, by the state that their session had when the claim was answered. */
  readonly claims: readonly PoolCount<{ readonly status: SessionStatus }>[];
  readonly ends: readonly PoolCount<{ readonly status: SessionStatus; readonly cause: Cause }>[];
  /** Clusters that became ERROR. */
  readonly errors: readonly PoolCount<{ readonly cause: Cause }>[];
  readonly jobs: readonly JobMeasure[];
  /** Resets that put a cluster back, one by one. */
  readonly resets: readonly { readonly pool: string; readonly durationMs: number }[];
  readonly records: readonly ProvisioningMeasure[];
  readonly imageEnds: readonly ImageEnd[];
  readonly setsMade: readonly SetsMade[];
}

type PoolCount<What> = What & { readonly pool: string; readonly count: number };

/** One record of provisioning. */
export interface ProvisioningMeasure {
  readonly record: number;
  readonly pool: string;
  readonly servedFrom: ServedFrom;
  readonly forSession: 0 | 1;
  readonly succeeded: 0 | 1;
  readonly durationMs: number;
  readonly reason: string | null;
}

/** Counts what was logged behind these ends: whole verbs, and not many more rows than `limit`. */
export function measureLog(db: Db, from: Counted, limit: number): Logged {
  const seq = endOfStretch(db, from.seq, limit);
  const records = recordsBehind(db, from.record, limit);
  const record = records.at(-1)?.record ?? from.record;
  const within = sql`changes.seq > ${from.seq} AND changes.seq <= ${seq}`;
  const makings = measureMakings(db, within);
  return { upTo: { seq, record }, ...countTransitions(db, within), ...makings, records };
}

/** The end of a verb: what a claim does must not be cut in two. */
function endOfStretch(db: Db, seq: number, limit: number): number {
  const end = lastSeq(db);
  if (end <= seq + limit) return end;
  const { upTo } = db.get<{ upTo: number | null }>(sql`
    SELECT max(seq) AS upTo FROM changes WHERE seq > ${seq} AND seq <= ${seq + limit}
      AND tx < (SELECT tx FROM changes WHERE seq > ${seq + limit} ORDER BY seq LIMIT 1)`);
  // One verb is never that large; if rows are missing, they are not waited for.
  return upTo ?? seq + limit;
}

type Stretch = ReturnType<typeof sql>;

function countTransitions(
  db: Db,
  within: Stretch,
): Pick<Logged, 'claims' | 'ends' | 'errors' | 'jobs' | 'resets'> {
  return {
    // A verb may move the session it has made: the last state is what its caller was told.
    claims: db.all(sql`
      SELECT pools.name AS pool, status, count(*) AS count FROM (
        SELECT pool_id, to_state AS status, max(seq), sum(kind = 'CREATED') AS made FROM changes
        WHERE ${within} AND type = 'SESSION' AND to_state IS NOT NULL GROUP BY tx, subject_id
      ) JOIN pools ON pools.id = pool_id WHERE made > 0 GROUP BY pools.name, status`),
    ends: db.all(sql`
      SELECT pools.name AS pool, to_state AS status, cause, count(*) AS count
      FROM changes JOIN pools ON pools.id = pool_id
      WHERE ${within} AND type = 'SESSION' AND to_state IN ('COMPLETED', 'FAILED')
      GROUP BY pools.name, to_state, cause`),
    errors: db.all(sql`
      SELECT pools.name AS pool, cause, count(*) AS count
      FROM changes JOIN pools ON pools.id = pool_id
      WHERE ${within} AND type = 'CLUSTER' AND to_state = 'ERROR' GROUP BY pools.name, cause`),
    jobs: db.all(sql`
      SELECT jobs.kind AS kind, to_state AS status, count(*) AS count
      FROM changes JOIN jobs ON jobs.id = subject_id
      WHERE ${within} AND type = 'JOB' AND to_state IN ('SUCCEEDED', 'FAILED', 'CANCELLED')
      GROUP BY jobs.kind, to_state`),
    resets: db.all(sql`
      SELECT pools.name AS pool, changes.at - coalesce((
        SELECT began.at FROM changes AS began
        WHERE began.subject_id = changes.subject_id AND began.seq < changes.seq
          AND began.to_state = 'RESETTING' ORDER BY began.seq DESC LIMIT 1), changes.at
      ) AS durationMs
      FROM changes JOIN pools ON pools.id = pool_id
      WHERE ${within} AND type = 'CLUSTER' AND from_state = 'RESETTING' AND cause = 'RESET'
        AND to_state IN ('AVAILABLE', 'LOCKED')`),
  };
}

function recordsBehind(db: Db, record: number, limit: number): ProvisioningMeasure[] {
  return db.all<ProvisioningMeasure>(sql`
    SELECT provisionings.rowid AS record, pools.name AS pool, served_from AS servedFrom,
      session_id IS NOT NULL AS forSession, succeeded, duration_ms AS durationMs, reason
    FROM provisionings JOIN pools ON pools.id = pool_id
    WHERE provisionings.rowid > ${record} ORDER BY provisionings.rowid LIMIT ${limit}`);
}
