import { findCluster } from '../../db/cluster.ts';
import { findPool } from '../../db/cluster-pool.ts';
import type { Db } from '../../db/connection.ts';
import { findImage } from '../../db/image.ts';
import { findJob } from '../../db/job.ts';
import { findSession } from '../../db/session.ts';
import { findSnapshot } from '../../db/snapshot.ts';
import { findVm } from '../../db/vm-handle.ts';
import { globalId } from '../../schema/global-id.ts';
import { SUBJECT_TYPES, type SubjectType } from '../../schema/model/change.ts';
import { shownStatus } from '../../schema/model/cluster.ts';
import { isUnfinished } from '../../schema/model/job.ts';
import { isLive } from '../../schema/model/session.ts';
import { SUBJECT_NODES } from '../../schema/subject.ts';

/** What is compared of a thing: its row, read anew here and not as the feed reads it. */
export interface Thing {
  readonly type: SubjectType;
  readonly version: number;
  readonly state: string;
  /** Whether it belongs to the state that readers begin with. */
  readonly isPresent: boolean;
  readonly poolId: string;
  /** Of a session only. */
  readonly owner: string | null;
}

type Facts = Omit<Thing, 'type'>;

/** A thing as it is in the database; undefined when it has no row. */
export function readThing(db: Db, type: SubjectType, id: string): Thing | undefined {
  const facts = FACTS[type](db, id);
  return facts && { type, ...facts };
}

/** The id under which clients know it. */
export function idOf(type: SubjectType, id: string): string {
  return globalId(SUBJECT_NODES[type], id);
}

const FACTS: Record<SubjectType, (db: Db, id: string) => Facts | undefined> = {
  SESSION(db, id) {
    const row = findSession(db, id);
    return row && { ...common(row), state: row.status, isPresent: isLive(row), owner: row.owner };
  },
  CLUSTER_POOL(db, id) {
    const row = findPool(db, id);
    const isPresent = row?.deletedAt === null;
    return row && { version: row.version, state: row.name, isPresent, poolId: id, owner: null };
  },
  CLUSTER(db, id) {
    const row = findCluster(db, id);
    return row && { ...common(row), state: shownStatus(row), isPresent: row.removedAt === null };
  },
  VM_HANDLE(db, id) {
    const row = findVm(db, id);
    return row && { ...common(row), state: row.phase, isPresent: row.endedAt === null };
  },
  SNAPSHOT(db, id) {
    const row = findSnapshot(db, id);
    return row && { ...common(row), state: row.status, isPresent: true };
  },
  IMAGE(db, id) {
    const row = findImage(db, id);
    return row && { ...common({ ...row, poolId: '' }), state: row.status, isPresent: true };
  },
  JOB(db, id) {
    const row = findJob(db, id);
    return row && { ...common(row), state: row.status, isPresent: isUnfinished(row) };
  },
};

function common({ version, poolId }: { version: number; poolId: string }) {
  return { version, poolId, owner: null };
}

/** Everything that has a row, by the ids that clients know. */
export function readEverything(db: Db): Map<string, Thing> {
  const { sessions, pools, clusters, vmHandles, snapshots, jobs, images } = db.query;
  const rows: Record<SubjectType, readonly { id: string }[]> = {
    SESSION: sessions.findMany().sync(),
    CLUSTER_POOL: pools.findMany().sync(),
    CLUSTER: clusters.findMany().sync(),
    VM_HANDLE: vmHandles.findMany().sync(),
    SNAPSHOT: snapshots.findMany().sync(),
    JOB: jobs.findMany().sync(),
    IMAGE: images.findMany().sync(),
  };
  const all = SUBJECT_TYPES.flatMap((type) => rows[type].map(({ id }) => ({ type, id })));
  return new Map(
    all.flatMap(({ type, id }) => {
      const thing = readThing(db, type, id);
      return thing === undefined ? [] : [[idOf(type, id), thing]];
    }),
  );
}
