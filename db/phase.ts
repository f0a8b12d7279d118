import { and, desc, eq, isNull } from 'drizzle-orm';
import type { Phase } from '../schema/model/job.ts';
import type { Db } from './connection.ts';
import { phases } from './tables.ts';
import type { Tx } from './tx.ts';

/** Steps kept of one thing: a cluster lives through many turns, and only the last ones matter. */
const MOST_PHASES = 200;

/** Ends the step that is open and begins the next. Naming the open step again changes nothing. */
export function openPhase(tx: Tx, subjectId: string, name: string): boolean {
  const open = openStep(tx.db, subjectId);
  if (open?.name === name) return false;
  if (open !== undefined) closePhase(tx, subjectId);
  tx.db.insert(phases).values({ subjectId, name, startedAt: tx.now }).run();
  return true;
}

/** Ends the step that is open, if one is, with what went wrong in it, if something did. */
export function closePhase(tx: Tx, subjectId: string, error: string | null = null): void {
  tx.db
    .update(phases)
    .set({ finishedAt: tx.now, error })
    .where(and(eq(phases.subjectId, subjectId), isNull(phases.finishedAt)))
    .run();
}

function openStep(db: Db, subjectId: string): { name: string } | undefined {
  return db
    .select({ name: phases.name })
    .from(phases)
    .where(and(eq(phases.subjectId, subjectId), isNull(phases.finishedAt)))
    .get();
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
