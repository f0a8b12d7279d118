import { changedInPool, lastChangeOf, type Changed } from '../../db/change-history.ts';
import type { Db } from '../../db/connection.ts';
import { changedVersions, versionIdsAfter } from '../../db/image.ts';
import { findJob } from '../../db/job.ts';
import { findSession, queuePosition, type SessionsSeen } from '../../db/session.ts';
import { presentAfter } from '../../db/subject.ts';
import type { Subject } from '../../schema/context.ts';
import type { SubjectType } from '../../schema/model/change.ts';
import { isUnfinished } from '../../schema/model/job.ts';
import { isLive } from '../../schema/model/session.ts';
import type { Watched } from './updates.ts';

/** Things that are told in one pass. */
const AT_ONCE = 100;

/** One thing. */
export function watchOne({ type, id }: Subject): Watched {
  return {
    type,
    isMany: false,
    present: (_db, last) => (last === '' ? [id] : []),
    changed: (db, after) => lastChanges(db, id, after),
    isFinal: (db) => type === 'JOB' && hasFinished(db, id),
  };
}

function lastChanges(db: Db, id: string, after: number): Changed[] {
  const changed = lastChangeOf(db, id, after);
  return changed === undefined ? [] : [changed];
}

function hasFinished(db: Db, id: string): boolean {
  const job = findJob(db, id);
  return job !== undefined && !isUnfinished(job);
}

/** One session. While it queues, what others do moves its place, which is news too. */
export function watchSession(id: string): Watched {
  let place: number | null = null;
  const placeNow = (db: Db) => {
    const session = findSession(db, id);
    return session === undefined ? null : queuePosition(db, session);
  };
  return {
    ...watchOne({ type: 'SESSION', id }),
    changed(db, after) {
      const own = lastChanges(db, id, after);
      const hasMoved = own.length === 0 && place !== null && place !== placeNow(db);
      return hasMoved ? [{ id, seq: after }] : own;
    },
    isFinal(db) {
      place = placeNow(db);
      const session = findSession(db, id);
      return session !== undefined && !isLive(session);
    },
  };
}

/** All things of one type in a pool, as far as they are seen. */
export function watchPool(
  type: Exclude<SubjectType, 'SESSION'>,
  poolId: string,
  seen: SessionsSeen,
): Watched {
  const scope = { poolId, seen };
  return {
    type,
    isMany: true,
    present: (db, last) => presentAfter(db, type, scope, last, AT_ONCE),
    changed: (db, after) => changedInPool(db, { poolId, type, after }, AT_ONCE),
    isFinal: () => false,
  };
}

/** All versions of an image. */
export function watchImage(name: string): Watched {
  return {
    type: 'IMAGE',
    isMany: true,
    present: (db, last) => versionIdsAfter(db, name, last, AT_ONCE),
    changed: (db, after) => changedVersions(db, { name, after }, AT_ONCE),
    isFinal: () => false,
  };
}
