import { desc, eq, sql } from 'drizzle-orm';
import type { Phase } from '../schema/model/job.ts';
import { prepared, type Db } from './connection.ts';
import { givenText, rowInserter } from './row.ts';
import { phases } from './tables.ts';
import type { Tx } from './tx.ts';

/** Steps kept of one thing: a cluster lives through many turns, and only the last ones matter. */
const MOST_PHASES = 200;

const insert = rowInserter<Pick<Phase, 'name' | 'startedAt'> & { readonly subjectId: string }>(
  phases,
  ['subjectId', 'name', 'startedAt'],
);

const OPEN = sql`${phases.subjectId} = ${givenText('subjectId')} AND ${phases.finishedAt} IS NULL`;

const openStepStatement = prepared((db) =>
  db.select({ name: phases.name }).from(phases).where(OPEN).prepare(),
);

const closeStatement = prepared((db) =>
  db
    .update(phases)
    .set({ finishedAt: sql`${sql.placeholder('now')}`, error: sql`${sql.placeholder('error')}` })
    .where(OPEN)
    .prepare(),
);

/** Ends the step that is open and begins the next. Naming the open step again changes nothing. */
export function openPhase(tx: Tx, subjectId: string, name: string): boolean {
  const open = openStepStatement(tx.db).get({ subjectId });
  if (open?.name === name) return false;
  if (open !== undefined) closePhase(tx, subjectId);
  insert(tx.db, { subjectId, name, startedAt: tx.now });
  return true;
}

/** Ends the step that is open, if one is, with what went wrong in it, if something did. */
export function closePhase(tx: Tx, subjectId: string, error: string | null = null): void {
  closeStatement(tx.db).run({ subjectId, now: tx.now, error });
}

/** The steps of a thing, in order; of very many only the last. */
export function findPhases(db: Db, subjectId: string): Phase[] {
  const rows = db
    .select({
      name: phases.name,
      startedAt: phases.startedAt,
      finishedAt: phases.finishedAt,
      error: phases.error,
    })
    .from(phases)
    .where(eq(phases.subjectId, subjectId))
    .orderBy(desc(phases.seq))
    .limit(MOST_PHASES)
    .all();
  return rows.reverse();
}
