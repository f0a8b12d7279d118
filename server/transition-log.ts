import { changesAfter, lastSeq } from '../db/change.ts';
import type { Store } from '../db/store.ts';
import type { Change } from '../schema/model/change.ts';
import type { Log } from './http/log.ts';

/** Rows read for one round of lines. */
const PAGE = 1_024;

/**
 * Writes a line for every committed transition, with the ids of all it concerns, so that what
 * happened to a session or a cluster can be read from the server's log alone. Returns how to stop.
 */
export function logTransitions(store: Store, log: Log): () => void {
  let seq = store.read(lastSeq);
  return store.onCommit(() => {
    for (let more = true; more;) {
      const rows = store.read((db) => changesAfter(db, seq, PAGE));
      seq = rows.at(-1)?.seq ?? seq;
      for (const row of rows) if (row.to !== null) log.info(fieldsOf(row), sentenceOf(row));
      // A page that was cut ends with a whole verb, and none is larger than half a page.
      more = rows.length > PAGE / 2;
    }
  });
}

function fieldsOf(row: Change): object {
  const { seq, subjectId, poolId, sessionId, jobId, cause, reason, actor } = row;
  const present = { sessionId, jobId, reason };
  const known = Object.entries(present).filter(([, value]) => value !== null);
  return { seq, subjectId, poolId, cause, actor, ...Object.fromEntries(known) };
}

function sentenceOf({ type, from, to }: Change): string {
  const noun = type.toLowerCase().replace('_', ' ');
  return from === null ? `${noun} begins as ${to}` : `${noun} goes from ${from} to ${to}`;
}
