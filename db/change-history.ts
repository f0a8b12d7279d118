import { and, desc, eq, gt, inArray, isNull, max, or, sql, type SQL } from 'drizzle-orm';
import type { Change, SubjectType } from '../schema/model/change.ts';
import { prepared, type Db } from './connection.ts';
import { behindNumber, countRows, toPage, type Page, type PageArgs } from './page.ts';
import { ownerSeen, type SessionsSeen } from './session.ts';
import { changes, pools } from './tables.ts';

/** What is asked of the log besides what comes next: its history, and what has changed since. */

/** Which changes a list shows. */
export interface HistoryFilter {
  readonly poolId?: string | undefined;
  readonly subject?: { readonly type: SubjectType; readonly id: string } | undefined;
  readonly types?: readonly SubjectType[] | undefined;
  /** Changes of sessions and saved snapshots of others are left out. */
  readonly seen: SessionsSeen;
}

/** Changes, the newest first. */
export function pageOfChanges(db: Db, filter: HistoryFilter, page: PageArgs): Page<Change> {
  const wanted = conditionOf(filter);
  const rows = db
    .select()
    .from(changes)
    .where(and(wanted, behindNumber(changes.seq, page.after)))
    .orderBy(desc(changes.seq))
    .limit(page.first + 1)
    .all();
  return toPage(
    rows,
    page,
    (row) => String(row.seq),
    () => countRows(db, changes, wanted),
  );
}

function conditionOf({ poolId, subject, types, seen }: HistoryFilter): SQL | undefined {
  const ofOwner = ownerSeen(changes.owner, seen);
  return and(
    poolId === undefined ? undefined : eq(changes.poolId, poolId),
    subject && and(eq(changes.subjectId, subject.id), eq(changes.type, subject.type)),
    types === undefined ? undefined : inArray(changes.type, [...types]),
    ofOwner && or(isNull(changes.owner), ofOwner),
  );
}

/** A thing that has changed, and the position of its last change. */
export interface Changed {
  readonly id: string;
  readonly seq: number;
}

const ofSubjectStatement = prepared((db) =>
  db
    .select({ seq: max(changes.seq) })
    .from(changes)
    .where(
      and(eq(changes.subjectId, sql.placeholder('id')), gt(changes.seq, sql.placeholder('after'))),
    )
    .prepare(),
);

/** The last change of one thing behind a position; undefined when there is none. */
export function lastChangeOf(db: Db, id: string, after: number): Changed | undefined {
  const seq = ofSubjectStatement(db).get({ id, after })?.seq ?? undefined;
  return seq === undefined ? undefined : { id, seq };
}

const tookNameStatement = prepared((db) =>
  db
    .select({ seq: changes.seq })
    .from(changes)
    .where(
      and(
        eq(changes.subjectId, sql.placeholder('poolId')),
        eq(changes.kind, 'CREATED'),
        gt(changes.seq, sql.placeholder('after')),
        sql`EXISTS (SELECT 1 FROM ${pools} AS earlier JOIN ${pools} AS later
          ON earlier.name = later.name AND earlier.id <> later.id
          WHERE later.id = ${changes.subjectId})`,
      ),
    )
    .prepare(),
);

/** Whether this pool was made behind a position, under the name of one that was there before. */
export function tookNameSince(db: Db, poolId: string, after: number): boolean {
  return tookNameStatement(db).get({ poolId, after }) !== undefined;
}

const inPoolStatement = prepared((db) =>
  db
    .select({ id: changes.subjectId, seq: sql<number>`max(${changes.seq})` })
    .from(changes)
    .where(
      and(
        eq(changes.poolId, sql.placeholder('poolId')),
        eq(changes.type, sql.placeholder('type')),
        gt(changes.seq, sql.placeholder('after')),
      ),
    )
    .groupBy(changes.subjectId)
    .orderBy(sql`max(${changes.seq})`)
    .limit(sql.placeholder('limit'))
    .prepare(),
);

/**
 * The things of one type in a pool that have changed behind a position, each once, in order of
 * their last change: who has told of the first few has told of all that changed up to there.
 */
export function changedInPool(
  db: Db,
  wanted: { readonly poolId: string; readonly type: SubjectType; readonly after: number },
  limit: number,
): Changed[] {
  return inPoolStatement(db).all({ ...wanted, limit });
}
