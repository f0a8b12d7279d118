import { installation } from './tables.ts';
import type { Db } from './connection.ts';

/** Which installation this is: its id marks everything we make outside. */
export interface Installation {
  readonly id: string;
  /** Names this history of the log. */
  readonly epoch: string;
  readonly createdAt: number;
}

/** The installation's row; made when the database is new. */
export function ensureInstallation(
  db: Db,
  world: { now(): number; newId(): string },
): Installation {
  const found = db.select().from(installation).get();
  if (found !== undefined) return found;
  // The last digits of an id are its random ones.
  const made = {
    id: world.newId().slice(-16),
    epoch: world.newId().slice(-12),
    createdAt: world.now(),
  };
  db.insert(installation).values(made).run();
  return made;
}
