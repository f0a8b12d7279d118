import type { Db } from '../db/connection.ts';
import { lastSeq } from '../db/change.ts';
import { pageOfChanges } from '../db/change-history.ts';
import { findCluster, pageOfClusters } from '../db/cluster.ts';
import { findPool, findPoolByName, pageOfPools } from '../db/cluster-pool.ts';
import { findImage, pageOfImages } from '../db/image.ts';
import { findImageUse } from '../db/image-use.ts';
import { findJob, pageOfJobs } from '../db/job.ts';
import { findPhases } from '../db/phase.ts';
import { poolStats } from '../db/pool-stats.ts';
import { provisioningTimes } from '../db/provisioning.ts';
import { findSeenSet, findSeenSnapshot, pageOfSnapshots } from '../db/seen-snapshot.ts';
import {
  findSeenSession,
  pageOfSessions,
  queuePosition,
  type SessionsSeen,
} from '../db/session.ts';
import { findCurrentSet } from '../db/snapshot.ts';
import { findTemplate } from '../db/template.ts';
import { findVm, findVmsOfCluster, findVmsOfSession, pageOfVms } from '../db/vm-handle.ts';
import type { ProvisioningStats, Reads } from '../schema/context.ts';
import type { Viewer } from '../schema/model/viewer.ts';
import type { ReadSlot } from './read-slot.ts';

/** Whose sessions a viewer sees: its own, those of everybody, or none. */
export function sessionsSeenBy(viewer: Viewer): SessionsSeen {
  if (viewer.role === 'ADMIN') return 'ALL';
  return viewer.role === 'USER' ? { owner: viewer.name } : 'NONE';
}

/** What a viewer may see, read in the transaction that is open in the slot. */
export function readsFor(viewer: Viewer, slot: ReadSlot): Reads {
  const seen = sessionsSeenBy(viewer);
  const read = <T>(body: (db: Db) => T): T => slot.read(body);
  return {
    cursor: () => ({ epoch: slot.epoch, seq: read(lastSeq) }),
    now: () => slot.now(),
    clusterPool: (id) => read((db) => findPool(db, id)),
    clusterPoolByName: (name) => read((db) => findPoolByName(db, name)),
    clusterPools: (page) => read((db) => pageOfPools(db, page)),
    poolStats: (poolId) => read((db) => poolStats(db, poolId)),
    template: (id) => read((db) => findTemplate(db, id)),
    templateSet: (poolId) => read((db) => findCurrentSet(db, poolId, null)),
    cluster: (id) => read((db) => findCluster(db, id)),
    clusters: (poolId, page) => read((db) => pageOfClusters(db, poolId, page)),
    vmHandle: (id) => read((db) => findVm(db, id)),
    vmHandlesOfCluster: (clusterId) => read((db) => findVmsOfCluster(db, clusterId)),
    vmHandlesOfSession: (session) => read((db) => findVmsOfSession(db, session.id)),
    vmHandles: (filter, page) => read((db) => pageOfVms(db, filter, page)),
    session: (id) => read((db) => findSeenSession(db, id, seen)),
    sessions: (filter, page) => read((db) => pageOfSessions(db, { ...filter, seen }, page)),
    queuePosition: (session) => read((db) => queuePosition(db, session)),
    timeline: (subjectId) => read((db) => findPhases(db, subjectId)),
    snapshot: (id) => read((db) => findSeenSnapshot(db, id, seen)),
    snapshotSet: (key) => read((db) => findSeenSet(db, key, seen)),
    snapshots: ({ poolId, mine }, page) => {
      const owner = mine === true ? viewer.name : undefined;
      return read((db) => pageOfSnapshots(db, { poolId, owner, seen }, page));
    },
    job: (id) => read((db) => findJob(db, id)),
    jobs: (filter, page) => read((db) => pageOfJobs(db, filter, page)),
    image: (id) => read((db) => findImage(db, id)),
    images: (filter, page) => read((db) => pageOfImages(db, filter, page)),
    imageUse: (image) => read((db) => findImageUse(db, image)),
    changes: (filter, page) => read((db) => pageOfChanges(db, { ...filter, seen }, page)),
    provisioningStats: (args) => read((db) => provisioningStats(db, args)),
  };
}

/** Without `since` all that is kept of the pool is summed up. */
function provisioningStats(
  db: Db,
  { poolId, since, bucketMinutes, claimsOnly }: Parameters<Reads['provisioningStats']>[0],
): ProvisioningStats[] {
  const from = since ?? findPool(db, poolId)?.createdAt ?? 0;
  const periodMs = bucketMinutes && bucketMinutes * 60_000;
  return provisioningTimes(db, { poolId, since: from, periodMs, claimsOnly });
}
