import { and, asc, lte, sql } from 'drizzle-orm';
import type { Session } from '../schema/model/session.ts';
import { prepared, type Db } from './connection.ts';
import { givenText, inOrder } from './row.ts';
import { sessions } from './tables.ts';

/** What the clock does to sessions: whose time is over, and who has waited too long. */

/** Sessions whose time is over, the longest first. */
export function findExpired(db: Db, now: number, limit: number): Session[] {
  return db
    .select()
    .from(sessions)
    .where(and(sql`status IN ('PROVISIONING', 'RUNNING')`, lte(sessions.expiresAt, now)))
    .orderBy(asc(sessions.expiresAt))
    .limit(limit)
    .all();
}

const nextExpiryStatement = prepared((db) =>
  db
    .select({ at: sql<number | null>`min(${sessions.expiresAt})` })
    .from(sessions)
    .where(sql`status IN ('PROVISIONING', 'RUNNING')`)
    .prepare(),
);

/** When the next session expires; undefined when none will. */
export function nextExpiry(db: Db): number | undefined {
  return nextExpiryStatement(db).get()?.at ?? undefined;
}

const oldestWaitingStatement = prepared((db) =>
  db
    .select()
    .from(sessions)
    .where(sql`${sessions.poolId} = ${givenText('poolId')} AND status = 'PENDING'`)
    .orderBy(inOrder([asc(sessions.createdAt)], 1))
    .prepare(),
);

/** The waiting session that was made first in a pool: the first to have waited too long. */
export function findOldestWaiting(db: Db, poolId: string): Session | undefined {
  return oldestWaitingStatement(db).get({ poolId });
}
