import { lastSeq } from './change.ts';
import type { Db } from './connection.ts';
import { readStamp, writeStamp, type Stamp } from './stamp.ts';
import { installation } from './tables.ts';

/** Which installation this is: its id marks everything we make outside. */
export interface Installation {
  readonly id: string;
  /** Names this history of the log. */
  readonly epoch: string;
  readonly createdAt: number;
  /** Whether the file was put here since the last server: it goes on under another epoch. */
  readonly wasPutBack: boolean;
}

/**
 * The installation's row; made when the database is new. A cursor is good for one history of the
 * log only, so a database that is not the one we left, but a copy put in its place, gets another
 * epoch. The id stays: what was made outside is still ours.
 *
 * Killed at any point, nothing is mistaken: a new epoch is committed before it is stamped, so a
 * start that was cut short gives another one, and nobody has seen the one in between. A stamp of a
 * database that goes on never tells more than what is committed.
 */
export function ensureInstallation(
  db: Db,
  path: string,
  world: { now(): number; newId(): string },
): Installation {
  const found = db.select().from(installation).get();
  const head = lastSeq(db);
  const wasPutBack = found !== undefined && !goesOn(readStamp(path), found.epoch, head);
  // The last digits of an id are its random ones.
  const newEpoch = () => world.newId().slice(-12);
  const present =
    found ?? add(db, { id: world.newId().slice(-16), epoch: newEpoch(), createdAt: world.now() });
  const epoch = wasPutBack ? newEpoch() : present.epoch;
  if (wasPutBack) db.update(installation).set({ epoch }).run();
  writeStamp(path, { epoch, head });
  return { id: present.id, epoch, createdAt: present.createdAt, wasPutBack };
}

type Row = Omit<Installation, 'wasPutBack'>;

function add(db: Db, row: Row): Row {
  db.insert(installation).values(row).run();
  return row;
}

function goesOn(stamp: Stamp | undefined, epoch: string, head: number): boolean {
  return stamp?.epoch === epoch && stamp.head <= head;
}
