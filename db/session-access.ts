import { asc, sql } from 'drizzle-orm';
import type { Why } from '../schema/model/change.ts';
import type { Cluster } from '../schema/model/cluster.ts';
import type { ProviderKind } from '../schema/model/provider-kind.ts';
import type { Session } from '../schema/model/session.ts';
import { findCluster } from './cluster.ts';
import { prepared, type Db } from './connection.ts';
import { givenText, inOrder, isDue } from './row.ts';
import { deleteSecrets } from './secret.ts';
import { findSession, updateSession } from './session.ts';
import { sessions } from './tables.ts';
import type { Tx } from './tx.ts';

/** How far the ways into the VMs of sessions have been obtained; what they are is sealed. */

/** What is so of a session that has no ways in and is to get none. */
export const NO_ACCESS = { accessReadyAt: null, accessNextAt: null, accessAttempts: 0 } as const;

/** A session that runs, and the cluster it holds. */
export interface Holding {
  readonly session: Session;
  readonly cluster: Cluster;
}

/** Spelled as the partial index spells it, which SQLite then uses. */
const WANTED = sql`status = 'RUNNING' AND access_next_at IS NOT NULL AND ${sessions.poolId} IN (
  SELECT id FROM pools WHERE provider IN (SELECT value FROM json_each(${givenText('kinds')})))`;

/** More than can be worked at at once; the rest is found when these are done. */
const WORK_LIMIT = 256;

const dueStatement = prepared((db) =>
  db
    .select()
    .from(sessions)
    .where(sql`${WANTED} AND ${isDue(sessions.accessNextAt)}`)
    .orderBy(inOrder([asc(sessions.accessNextAt)], WORK_LIMIT))
    .prepare(),
);

/** Sessions of these providers' pools whose access is to be obtained now, the longest due first. */
export function findAccessDue(db: Db, kinds: readonly ProviderKind[], now: number): Session[] {
  return dueStatement(db).all({ kinds: JSON.stringify(kinds), now });
}

const nextStatement = prepared((db) =>
  db
    .select({ at: sql<number | null>`min(${sessions.accessNextAt})` })
    .from(sessions)
    .where(sql`${WANTED} AND ${sessions.accessNextAt} > ${sql.placeholder('now')}`)
    .prepare(),
);

/** When the next such session becomes due; undefined when none waits. */
export function nextAccessAt(
  db: Db,
  kinds: readonly ProviderKind[],
  now: number,
): number | undefined {
  return nextStatement(db).get({ kinds: JSON.stringify(kinds), now })?.at ?? undefined;
}

/** The session with its cluster; undefined unless it runs on one that is held for it. */
export function findHolding(db: Db, sessionId: string): Holding | undefined {
  const session = findSession(db, sessionId);
  if (session?.status !== 'RUNNING' || session.clusterId === null) return undefined;
  const cluster = findCluster(db, session.clusterId);
  const isHeld = cluster?.status === 'LOCKED' && cluster.sessionId === sessionId;
  return isHeld ? { session, cluster } : undefined;
}

/** Whether the session still holds that cluster, and nobody has taken it over since. */
export function stillHolds(db: Db, { session, cluster }: Holding): boolean {
  const now = findHolding(db, session.id);
  return now?.cluster.id === cluster.id && now.cluster.fence === cluster.fence;
}

/**
 * The ways in are stored: they can be read from now on. Where they were wanted anew while they
 * were obtained, they are obtained once more.
 */
export function markAccessReady(tx: Tx, { session }: Holding, why: Why): void {
  const now = findSession(tx.db, session.id);
  // What was told of failed attempts is no word about one that has succeeded.
  const told = now?.accessAttempts === 0 ? {} : { statusMessage: null };
  const isWantedAnew = now !== undefined && now.accessNextAt !== session.accessNextAt;
  const next = isWantedAnew ? { accessNextAt: now.accessNextAt } : {};
  updateSession(tx, session.id, { ...NO_ACCESS, ...told, ...next, accessReadyAt: tx.now }, why);
}

/** There is nothing to be told of these VMs: nobody asks again. */
export function markNoAccess(tx: Tx, { session }: Holding, why: Why): void {
  deleteSecrets(tx, session.id);
  updateSession(tx, session.id, NO_ACCESS, why);
}

/** An attempt has failed: says so on the session, which goes on, and when the next one is made. */
export function putOffAccess(
  tx: Tx,
  sessionId: string,
  { inMs, statusMessage }: { readonly inMs: number; readonly statusMessage: string },
  why: Why,
): void {
  const session = findSession(tx.db, sessionId);
  if (session?.status !== 'RUNNING' || session.accessNextAt === null) return;
  const accessAttempts = session.accessAttempts + 1;
  const patch = { accessAttempts, accessNextAt: tx.now + inMs, statusMessage };
  updateSession(tx, sessionId, patch, why);
}

/** Something has changed that the ways in name: they are obtained anew, and read meanwhile. */
export function renewAccess(tx: Tx, sessionId: string, why: Why): void {
  const session = findSession(tx.db, sessionId);
  if (session?.status !== 'RUNNING') return;
  const { accessReadyAt, accessNextAt: before } = session;
  if (accessReadyAt === null && before === null) return;
  // Another time than before, by which an attempt that is under way sees that it came too early.
  updateSession(tx, sessionId, { accessNextAt: before === tx.now ? tx.now + 1 : tx.now }, why);
}

/** What was stored is of no use any more: it is forgotten, and obtained anew where it can be. */
export function dropAccess(tx: Tx, sessionId: string, why: Why): void {
  deleteSecrets(tx, sessionId);
  const session = findSession(tx.db, sessionId);
  if (session?.status !== 'RUNNING') return;
  updateSession(tx, sessionId, { ...NO_ACCESS, accessNextAt: tx.now }, why);
}
