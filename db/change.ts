import { and, asc, eq, gt, lt, lte, sql } from 'drizzle-orm';
import { integer, sqliteTable, text } from 'drizzle-orm/sqlite-core';
import {
  SYSTEM,
  type Change,
  type ChangeKind,
  type SubjectType,
  type Why,
} from '../schema/model/change.ts';
import { prepared, type Db } from './connection.ts';
import { inOrder, rowInserter } from './row.ts';
import type { Tx } from './tx.ts';
import { changes, installation } from './tables.ts';

/** SQLite's own table of the highest row ids ever given. */
const sequences = sqliteTable('sqlite_sequence', { name: text('name'), seq: integer('seq') });

const insert = rowInserter<Omit<Change, 'seq'>>(changes, [
  'tx',
  'at',
  'type',
  'subjectId',
  'kind',
  'from',
  'to',
  'cause',
  'reason',
  'actor',
  'jobId',
  'poolId',
  'sessionId',
  'owner',
]);

/** What happened to one thing, as its noun's file tells it to the log. */
export interface Transition {
  readonly type: Change['type'];
  readonly subjectId: string;
  readonly kind: ChangeKind;
  readonly from?: string | null;
  readonly to?: string | null;
  readonly poolId: string;
  readonly sessionId?: string | null;
  readonly owner?: string | null;
}

/** What pools show of their parts: counts, places in the queue, the golden state. */
const SHOWN_BY_POOLS: readonly SubjectType[] = ['CLUSTER', 'SESSION', 'SNAPSHOT'];

/**
 * What somebody saved is shown by no pool, and is nothing for others to hear of. Of jobs a pool
 * shows only whether they are under way: it decides what else may be asked of it.
 */
function isShownByPool({ type, from, to, owner }: Transition): boolean {
  if (type === 'JOB') return (from ?? null) !== (to ?? null);
  const isSaved = type === 'SNAPSHOT' && owner != null;
  return SHOWN_BY_POOLS.includes(type) && !isSaved;
}

/** Appends a transition to the log, and marks its pool as changed where it shows that. */
export function logChange(tx: Tx, transition: Transition, why: Why): void {
  const stays = transition.from === transition.to;
  insert(tx.db, {
    tx: tx.number(),
    at: tx.now,
    type: transition.type,
    subjectId: transition.subjectId,
    kind: transition.kind,
    from: stays ? null : (transition.from ?? null),
    to: stays ? null : (transition.to ?? null),
    cause: why.cause,
    reason: why.reason ?? null,
    actor: why.actor ?? SYSTEM,
    jobId: why.jobId ?? null,
    poolId: transition.poolId,
    sessionId: transition.sessionId ?? null,
    owner: transition.owner ?? null,
  });
  if (isShownByPool(transition)) tx.touchedPools.set(transition.poolId, why);
}

/** Appends the row that tells readers to look at a pool again. */
export function logPoolChange(tx: Tx, poolId: string, why: Why): void {
  const subject = { type: 'CLUSTER_POOL', subjectId: poolId, kind: 'UPDATED', poolId } as const;
  // The reason and the actor are told by the change that touched the pool.
  logChange(tx, subject, { cause: why.cause, jobId: why.jobId });
}

const nextTxStatement = prepared((db) =>
  db
    .update(installation)
    .set({ lastTx: sql`${installation.lastTx} + 1` })
    .returning({ lastTx: installation.lastTx })
    .prepare(),
);

/** Takes the next verb's number. */
export function nextTx(db: Db): number {
  return nextTxStatement(db).get()?.lastTx ?? 0;
}

const lastSeqStatement = prepared((db) =>
  db.select({ seq: sequences.seq }).from(sequences).where(eq(sequences.name, 'changes')).prepare(),
);

/** The position of the last row of the log, trimmed or not; 0 when there never was one. */
export function lastSeq(db: Db): number {
  return lastSeqStatement(db).get()?.seq ?? 0;
}

const afterStatement = prepared((db) =>
  db
    .select()
    .from(changes)
    .where(gt(changes.seq, sql.placeholder('seq')))
    .orderBy(inOrder([asc(changes.seq)], 'limit'))
    .prepare(),
);

/**
 * The rows behind a position, in order: whole verbs only, so that a reader never sees half of
 * one. At most about `limit` rows; one verb larger than that comes whole.
 */
export function changesAfter(db: Db, seq: number, limit: number): Change[] {
  const rows = afterStatement(db).all({ seq, limit: limit + 1 });
  if (rows.length <= limit) return rows;
  const cut = rows.at(-1)?.tx;
  const whole = rows.filter((row) => row.tx !== cut);
  if (whole.length > 0) return whole;
  return wholeVerb(db, seq, cut ?? 0);
}

function wholeVerb(db: Db, seq: number, tx: number): Change[] {
  return db
    .select()
    .from(changes)
    .where(and(gt(changes.seq, seq), eq(changes.tx, tx)))
    .orderBy(asc(changes.seq))
    .all();
}

const oldestStatement = prepared((db) =>
  db.select({ seq: changes.seq }).from(changes).orderBy(asc(changes.seq)).limit(1).prepare(),
);

/** The position before the oldest row kept: cursors from there on can be resumed. */
export function trimmedUpTo(db: Db): number {
  const oldest = oldestStatement(db).get();
  return oldest === undefined ? lastSeq(db) : oldest.seq - 1;
}

/** How much of the log is always kept: so much time and so many rows, whichever is more. */
export interface Retention {
  readonly keepMs: number;
  readonly keepRows: number;
}

/** Deletes at most `limit` of the oldest rows that need not be kept; answers how many. */
export function trimChanges(tx: Tx, retention: Retention, limit: number): number {
  const newestToDrop = lastSeq(tx.db) - retention.keepRows;
  const oldest = trimmedUpTo(tx.db);
  const upTo = Math.min(newestToDrop, oldest + limit);
  if (upTo <= oldest) return 0;
  const young = firstYoung(tx.db, upTo, tx.now - retention.keepMs) ?? upTo + 1;
  return tx.db.delete(changes).where(lt(changes.seq, young)).run().changes;
}

/**
 * The first row of these that is still to be kept. Only what lies before it may go: a clock that
 * was set back makes rows look old behind younger ones, and a hole would be a silent loss.
 */
function firstYoung(db: Db, upTo: number, keptSince: number): number | undefined {
  const young = and(lte(changes.seq, upTo), gt(changes.at, keptSince));
  const rows = db.select({ seq: changes.seq }).from(changes).where(young);
  return rows.orderBy(asc(changes.seq)).limit(1).get()?.seq;
}
