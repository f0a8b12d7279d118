import { prepared, type Db } from '../../db/connection.ts';
import {
  clusterCounts,
  clusters,
  jobs,
  pools,
  secrets,
  sessions,
  snapshots,
} from '../../db/tables.ts';
import type { Cluster } from '../../schema/model/cluster.ts';
import type { ClusterPool } from '../../schema/model/cluster-pool.ts';
import type { Job } from '../../schema/model/job.ts';
import type { Session } from '../../schema/model/session.ts';
import type { Snapshot } from '../../schema/model/snapshot.ts';

/** All that a small database remembers of its things, read at one moment. */
export interface AllRows {
  readonly clusters: readonly Cluster[];
  readonly sessions: readonly Session[];
  readonly pools: readonly ClusterPool[];
  readonly snapshots: readonly Snapshot[];
  readonly jobs: readonly Job[];
  /** Whose secrets there are, and which. */
  readonly secrets: readonly { readonly subjectId: string; readonly name: string }[];
  readonly counts: readonly (typeof clusterCounts.$inferSelect)[];
}

const PLACE = { subjectId: secrets.subjectId, name: secrets.name };

// Checks that follow every step of a long history ask for nothing else: prepared, they cost half.
const statements = prepared((db) => ({
  clusters: db.select().from(clusters).prepare(),
  sessions: db.select().from(sessions).prepare(),
  pools: db.select().from(pools).prepare(),
  snapshots: db.select().from(snapshots).prepare(),
  jobs: db.select().from(jobs).prepare(),
  secrets: db.select(PLACE).from(secrets).prepare(),
  counts: db.select().from(clusterCounts).prepare(),
}));

/** Reads all rows of a small database. */
export function readAllRows(db: Db): AllRows {
  const of = statements(db);
  return {
    clusters: of.clusters.all(),
    sessions: of.sessions.all(),
    pools: of.pools.all(),
    snapshots: of.snapshots.all(),
    jobs: of.jobs.all(),
    secrets: of.secrets.all(),
    counts: of.counts.all(),
  };
}
