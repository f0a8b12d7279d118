import { sql } from 'drizzle-orm';
import type { ImageSource, ImageStatus } from '../schema/model/image.ts';
import type { SnapshotSource } from '../schema/model/snapshot.ts';
import type { Db } from './connection.ts';

/** What a monitoring system asks of images and sets: what they take, and how their making goes. */

/** What is kept on disk, as far as its size is known. */
export interface StorageMeasure {
  readonly images: readonly {
    readonly status: ImageStatus;
    readonly count: number;
    readonly bytes: number;
  }[];
  /** Sets of all pools and clusters, and of these what people saved of their sessions. */
  readonly goldenBytes: number;
  readonly savedBytes: number;
}

/** What images and sets take; what is being deleted still counts. */
export function measureStorage(db: Db): StorageMeasure {
  const images = db.all<StorageMeasure['images'][number]>(sql`
    SELECT status, count(*) AS count, coalesce(sum(size_bytes), 0) AS bytes
    FROM images GROUP BY status`);
  const sets = db.get<{ golden: number; saved: number }>(sql`
    SELECT coalesce(sum(size_bytes) FILTER (WHERE owner IS NULL), 0) AS golden,
      coalesce(sum(size_bytes) FILTER (WHERE owner IS NOT NULL), 0) AS saved
    FROM snapshots`);
  return { images, goldenBytes: sets.golden, savedBytes: sets.saved };
}

/** The making of one image that ended: READY after so long, or FAILED. */
export interface ImageEnd {
  readonly source: ImageSource;
  readonly status: 'READY' | 'FAILED';
  readonly durationMs: number | null;
}

/** Template sets that became READY. */
export interface SetsMade {
  readonly pool: string;
  readonly source: SnapshotSource;
  /** Whether another source was wanted. */
  readonly fellBack: 0 | 1;
  readonly count: number;
}

/** What of images and sets was logged in a stretch of the log. */
export function measureMakings(
  db: Db,
  within: ReturnType<typeof sql>,
): { readonly imageEnds: readonly ImageEnd[]; readonly setsMade: readonly SetsMade[] } {
  return {
    // One that was found on the disk was never begun here.
    imageEnds: db.all(sql`
      SELECT images.source AS source, to_state AS status, build_ms AS durationMs
      FROM changes JOIN images ON images.id = subject_id
      WHERE ${within} AND type = 'IMAGE' AND from_state = 'CREATING'
        AND to_state IN ('READY', 'FAILED') AND started_at IS NOT NULL`),
    setsMade: db.all(sql`
      SELECT pools.name AS pool, snapshots.source AS source,
        source_reason IS NOT NULL AS fellBack,
        count(DISTINCT snapshots.pool_id || '-' || set_number) AS count
      FROM changes JOIN snapshots ON snapshots.id = subject_id
        JOIN pools ON pools.id = snapshots.pool_id
      WHERE ${within} AND type = 'SNAPSHOT' AND from_state = 'CREATING' AND to_state = 'READY'
        AND cluster_id IS NULL
      GROUP BY pools.name, snapshots.source, fellBack`),
  };
}
