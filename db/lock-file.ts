import Database from 'better-sqlite3';
import { DatabaseUnusable } from './connection.ts';

/**
 * Lets only one server own a database: a second SQLite file beside it is held in an exclusive
 * transaction. The operating system lets go of it when the process dies, however it dies, so a
 * crash never leaves a stale lock.
 */
export function holdLockFile(databasePath: string): { release(): void } {
  const raw = new Database(`${databasePath}.lock`, { timeout: 0 });
  try {
    raw.exec('BEGIN EXCLUSIVE');
  } catch (error) {
    raw.close();
    if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')) {
      throw new DatabaseUnusable(`another server is using the database ${databasePath}`);
    }
    throw error;
  }
  return { release: () => raw.close() };
}
