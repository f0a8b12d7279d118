import { and, asc, count, desc, eq, inArray, sql, type SQL } from 'drizzle-orm';
import type { SQLiteColumn } from 'drizzle-orm/sqlite-core';
import type { Why } from '../schema/model/change.ts';
import { SESSION_TRANSITIONS, type Session, type SessionStatus } from '../schema/model/session.ts';
import { mayMove } from '../schema/model/transitions.ts';
import { logChange } from './change.ts';
import { prepared, type Db } from './connection.ts';
import { behindTime, countRows, timePosition, toPage, type Page, type PageArgs } from './page.ts';
import { givenText, idCondition, inOrder, rowInserter, rowWriter } from './row.ts';
import { sessions } from './tables.ts';
import type { Tx } from './tx.ts';

const byId = prepared((db) => db.select().from(sessions).where(idCondition(sessions)).prepare());

/** Whose sessions a reader may see. */
export type SessionsSeen = 'ALL' | 'NONE' | { readonly owner: string };

const byIdAndOwner = prepared((db) =>
  db
    .select()
    .from(sessions)
    .where(and(idCondition(sessions), eq(sessions.owner, sql.placeholder('owner'))))
    .prepare(),
);

/** The session with this id, if it is among those seen. */
export function findSeenSession(db: Db, id: string, seen: SessionsSeen): Session | undefined {
  if (seen === 'NONE') return undefined;
  return seen === 'ALL' ? findSession(db, id) : byIdAndOwner(db).get({ id, owner: seen.owner });
}

/** The session with this id, whoever owns it. */
export function findSession(db: Db, id: string): Session | undefined {
  return byId(db).get({ id });
}

const insert = rowInserter<Session>(sessions, [
  'id',
  'owner',
  'poolId',
  'status',
  'clusterId',
  'lastClusterId',
  'clusterLockTime',
  'servedFrom',
  'strategy',
  'fallbackReason',
  'ticket',
  'task',
  'wantedSet',
  'ttlMinutes',
  'createdAt',
  'runningAt',
  'expiresAt',
  'accessNextAt',
]);

/** A session as it is made. */
export type NewSession = Pick<
  Session,
  | 'id'
  | 'owner'
  | 'poolId'
  | 'status'
  | 'clusterId'
  | 'clusterLockTime'
  | 'servedFrom'
  | 'strategy'
  | 'fallbackReason'
  | 'ticket'
  | 'task'
  | 'wantedSet'
  | 'ttlMinutes'
  | 'runningAt'
  | 'expiresAt'
  | 'accessNextAt'
>;

/** What the table says of a new session by itself. */
const AS_MADE = {
  statusMessage: null,
  failedWakes: 0,
  endedAt: null,
  endReason: null,
  accessReadyAt: null,
  accessAttempts: 0,
  version: 1,
} as const;

/** Adds a session. */
export function insertSession(tx: Tx, session: NewSession, why: Why): Session {
  const row: Session = {
    ...session,
    lastClusterId: session.clusterId,
    createdAt: tx.now,
    ...AS_MADE,
  };
  insert(tx.db, row);
  log(tx, undefined, row, why);
  return row;
}

const write = rowWriter<Session>(sessions);

/** What may be changed of a session besides its state. */
export type SessionPatch = Partial<
  Omit<Session, 'id' | 'owner' | 'poolId' | 'status' | 'createdAt' | 'version'>
>;

/** A move and what goes with it. */
export interface SessionMove {
  readonly to: SessionStatus;
  readonly from: readonly SessionStatus[];
  readonly patch?: SessionPatch;
}

/** The only writer of a session's state; undefined when somebody was first. */
export function moveSession(tx: Tx, id: string, move: SessionMove, why: Why): Session | undefined {
  const row = findSession(tx.db, id);
  if (row === undefined || !move.from.includes(row.status)) return undefined;
  if (row.status !== move.to && !mayMove(SESSION_TRANSITIONS, row.status, move.to)) {
    throw new Error(`a session cannot go from ${row.status} to ${move.to}`);
  }
  return save(tx, row, { ...row, ...move.patch, status: move.to }, why);
}

/** Changes what is not its state. */
export function updateSession(
  tx: Tx,
  id: string,
  patch: SessionPatch,
  why: Why,
): Session | undefined {
  const row = findSession(tx.db, id);
  return row && save(tx, row, { ...row, ...patch }, why);
}

function save(tx: Tx, before: Session, after: Session, why: Why): Session {
  const row = { ...after, version: before.version + 1 };
  write(tx.db, before, row);
  log(tx, before, row, why);
  return row;
}

function log(tx: Tx, before: Session | undefined, row: Session, why: Why): void {
  const { id, poolId, owner, status } = row;
  const kind = before === undefined ? 'CREATED' : 'UPDATED';
  const from = before?.status ?? null;
  const subject = { type: 'SESSION', subjectId: id, sessionId: id, poolId, owner } as const;
  logChange(tx, { ...subject, kind, from, to: status }, why);
}

/** Spelled as the partial indexes spell it, which SQLite then uses. */
const IS_LIVE = sql`status IN ('PENDING', 'PROVISIONING', 'RUNNING')`;

const firstWaitingStatement = prepared((db) =>
  db
    .select()
    .from(sessions)
    .where(sql`${sessions.poolId} = ${givenText('poolId')} AND status = 'PENDING'`)
    .orderBy(inOrder([asc(sessions.ticket)], 1))
    .prepare(),
);

/** The session that has waited longest in a pool's queue. */
export function findFirstWaiting(db: Db, poolId: string): Session | undefined {
  return firstWaitingStatement(db).get({ poolId });
}

const lastTicketStatement = prepared((db) =>
  db
    .select({ ticket: sql<number>`coalesce(max(${sessions.ticket}), 0)` })
    .from(sessions)
    .where(sql`${sessions.poolId} = ${sql.placeholder('poolId')} AND status = 'PENDING'`)
    .prepare(),
);

/** A place behind everybody who waits. Order is kept by tickets: a clock may be set back. */
export function nextTicket(db: Db, poolId: string): number {
  return (lastTicketStatement(db).get({ poolId })?.ticket ?? 0) + 1;
}

const waitingStatement = prepared((db) =>
  db
    .select({ n: count() })
    .from(sessions)
    .where(
      sql`${sessions.poolId} = ${sql.placeholder('poolId')} AND status = 'PENDING'
        AND ${sessions.ticket} <= ${sql.placeholder('ticket')}`,
    )
    .prepare(),
);

/** How many sessions wait in a pool. */
export function countWaiting(db: Db, poolId: string): number {
  return waitingStatement(db).get({ poolId, ticket: Number.MAX_SAFE_INTEGER })?.n ?? 0;
}

/** A session's place in the queue, 1 for the first; null for one that does not wait. */
export function queuePosition(db: Db, session: Session): number | null {
  const { poolId, ticket, status } = session;
  if (status !== 'PENDING' || ticket === null) return null;
  return waitingStatement(db).get({ poolId, ticket })?.n ?? null;
}

const liveOfOwnerStatement = prepared((db) =>
  db
    .select({ n: count() })
    .from(sessions)
    .where(
      sql`${sessions.poolId} = ${sql.placeholder('poolId')}
        AND ${sessions.owner} = ${sql.placeholder('owner')} AND ${IS_LIVE}`,
    )
    .prepare(),
);

/** How many live sessions an owner has in a pool. */
export function countLiveOf(db: Db, poolId: string, owner: string): number {
  return liveOfOwnerStatement(db).get({ poolId, owner })?.n ?? 0;
}

/** Live sessions of a pool, the oldest first, at most so many. */
export function findLive(db: Db, poolId: string, limit: number): Session[] {
  return db
    .select()
    .from(sessions)
    .where(and(eq(sessions.poolId, poolId), IS_LIVE))
    .orderBy(asc(sessions.createdAt), asc(sessions.id))
    .limit(limit)
    .all();
}

/** How many live sessions a pool has. */
export function countLive(db: Db, poolId: string): number {
  return countRows(db, sessions, and(eq(sessions.poolId, poolId), IS_LIVE));
}

/** The session of this owner that held the cluster last, ended or not. */
export function findLastSessionOn(db: Db, clusterId: string, owner: string): Session | undefined {
  return db
    .select()
    .from(sessions)
    .where(and(eq(sessions.owner, owner), eq(sessions.lastClusterId, clusterId)))
    .orderBy(desc(sessions.createdAt), desc(sessions.id))
    .limit(1)
    .get();
}

const toWakeStatement = prepared((db) =>
  db
    .select()
    .from(sessions)
    .where(sql`status = 'PROVISIONING' AND ${sessions.clusterLockTime} IS NOT NULL`)
    .orderBy(inOrder([asc(sessions.clusterLockTime)], 256))
    .prepare(),
);

/** Sessions that hold a cluster which is still to be woken for them. */
export function findToWake(db: Db): Session[] {
  return toWakeStatement(db).all();
}

/** Which sessions a list shows; ownership is part of the question, not a filter afterwards. */
export interface SessionFilter {
  readonly poolId?: string | undefined;
  readonly status?: readonly SessionStatus[] | undefined;
  readonly seen: SessionsSeen;
}

/** The condition that only lets rows through whose owner is seen. */
export function ownerSeen(column: SQLiteColumn, seen: SessionsSeen): SQL | undefined {
  if (seen === 'ALL') return undefined;
  return seen === 'NONE' ? sql`0` : eq(column, seen.owner);
}

/** Sessions, the newest first. */
export function pageOfSessions(db: Db, filter: SessionFilter, page: PageArgs): Page<Session> {
  const wanted = and(
    filter.poolId === undefined ? undefined : eq(sessions.poolId, filter.poolId),
    ownerSeen(sessions.owner, filter.seen),
    filter.status === undefined ? undefined : inArray(sessions.status, [...filter.status]),
  );
  const rows = db
    .select()
    .from(sessions)
    .where(and(wanted, behindTime(sessions, page.after)))
    .orderBy(desc(sessions.createdAt), desc(sessions.id))
    .limit(page.first + 1)
    .all();
  return toPage(rows, page, timePosition, () => countRows(db, sessions, wanted));
}
