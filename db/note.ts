import { eq, sql } from 'drizzle-orm';
import type { Db } from './connection.ts';
import { notes } from './tables.ts';
import type { Tx } from './tx.ts';

/** What a provider noted at an object: intents that survive a crash. */
export function findNotes(db: Db, subjectId: string): Map<string, string> {
  const rows = db.select().from(notes).where(eq(notes.subjectId, subjectId)).all();
  return new Map(rows.map((row) => [row.key, row.value]));
}

/** Writes a note; one written under a higher fence is left as it is. */
export function writeNote(
  tx: Tx,
  note: { subjectId: string; key: string; value: string; fence: number },
): void {
  tx.db
    .insert(notes)
    .values({ ...note, at: tx.now })
    .onConflictDoUpdate({
      target: [notes.subjectId, notes.key],
      set: { value: note.value, fence: note.fence, at: tx.now },
      setWhere: sql`${notes.fence} <= ${note.fence}`,
    })
    .run();
}

/** Forgets the notes at an object that is gone or has been made anew. */
export function deleteNotes(tx: Tx, subjectId: string): void {
  tx.db.delete(notes).where(eq(notes.subjectId, subjectId)).run();
}
