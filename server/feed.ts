import { findPool, findPoolByName } from '../db/cluster-pool.ts';
import type { Db } from '../db/connection.ts';
import { findVersions } from '../db/image.ts';
import { findSeenSession, type SessionsSeen } from '../db/session.ts';
import type { Store } from '../db/store.ts';
import { isThere } from '../db/subject.ts';
import type { ChangeFilter, Feed, Subject } from '../schema/context.ts';
import type { SubjectType } from '../schema/model/change.ts';
import { NotFound } from '../schema/model/refusal.ts';
import type { FeedFor } from './context.ts';
import { ChangeReader, STATE_TURNS } from './feed/changes.ts';
import { LogPages } from './feed/log-pages.ts';
import { streamOf } from './feed/reader.ts';
import { Turns } from './feed/turns.ts';
import { UpdateReader } from './feed/updates.ts';
import { watchImage, watchOne, watchPool, watchSession } from './feed/watched.ts';
import type { Hub, Seat } from './hub.ts';
import { sessionsSeenBy } from './reads.ts';
import type { World } from './world.ts';

/** What the feed is made of. */
export interface FeedParts {
  readonly store: Store;
  readonly world: World;
  readonly hub: Hub;
}

const WORDS: Readonly<Record<SubjectType, string>> = {
  SESSION: 'session',
  CLUSTER_POOL: 'pool',
  CLUSTER: 'cluster',
  SNAPSHOT: 'snapshot',
  VM_HANDLE: 'VM',
  JOB: 'job',
  IMAGE: 'image',
};

/**
 * The feed: what has been committed, told to those who watch. Every reader pulls from the log by
 * a position of its own; the hub only wakes it.
 */
export function createFeed({ store, world, hub }: FeedParts): FeedFor {
  const stateTurns = new Turns(STATE_TURNS, world);
  const log = new LogPages(store);
  return (viewer, slot, place): Feed => {
    const seen = sessionsSeenBy(viewer);
    const { name: caller } = viewer;
    const partsOf = (seat: Seat) => ({ store, world, slot, seat, seen, place });
    return {
      changes({ after, filter }) {
        store.read((db) => assertKnown(db, filter, seen));
        place.about = JSON.stringify(filter);
        return streamOf(hub, (seat) =>
          new ChangeReader({ ...partsOf(seat), caller, filter, log, stateTurns }).read(after),
        );
      },
      async updates(subject) {
        store.read((db) => assertThere(db, subject, seen));
        place.about = subject.id;
        return streamOf(hub, (seat) => new UpdateReader(partsOf(seat), watchedOne(subject)).read());
      },
      async updatesInPool(type, poolName) {
        const pool = store.read((db) => findPoolByName(db, poolName));
        if (pool === undefined) throw new NotFound('pool');
        place.about = pool.id;
        if (type === 'SESSION') throw new Error('the sessions of a pool are not watched as one');
        return streamOf(hub, (seat) =>
          new UpdateReader(partsOf(seat), watchPool(type, pool.id, seen)).read(),
        );
      },
      async updatesOfImage(name) {
        if (store.read((db) => findVersions(db, name)).length === 0) throw new NotFound('image');
        place.about = `image ${name}`;
        return streamOf(hub, (seat) => new UpdateReader(partsOf(seat), watchImage(name)).read());
      },
    };
  };
}

function watchedOne(subject: Subject) {
  return subject.type === 'SESSION' ? watchSession(subject.id) : watchOne(subject);
}

function assertThere(db: Db, subject: Subject, seen: SessionsSeen): void {
  if (!isThere(db, subject, seen)) throw new NotFound(WORDS[subject.type]);
}

/** A filter that names something unknown would let nothing through, for ever. */
function assertKnown(db: Db, { poolId, sessionId }: ChangeFilter, seen: SessionsSeen): void {
  const pool = poolId === undefined ? undefined : findPool(db, poolId);
  if (poolId !== undefined && (pool === undefined || pool.deletedAt !== null)) {
    throw new NotFound('pool');
  }
  if (sessionId !== undefined && findSeenSession(db, sessionId, seen) === undefined) {
    throw new NotFound('session');
  }
}
