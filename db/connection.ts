import Database from 'better-sqlite3';
import { drizzle, type BetterSQLite3Database } from 'drizzle-orm/better-sqlite3';
import * as tables from './tables.ts';

/** One connection as the functions of this folder use it; reading ones take any. */
export type Db = BetterSQLite3Database<typeof tables> & { readonly $client: Database.Database };

/** The oldest SQLite without the bug that could corrupt a WAL database with two connections. */
const OLDEST_SQLITE = [3, 51, 3] as const;

/** The database cannot be used; the message is one line for people. */
export class DatabaseUnusable extends Error {}

/** A raw connection and the same with types. */
export interface Connection {
  readonly raw: Database.Database;
  readonly db: Db;
}

/** Opens the one connection that writes, and asserts that what it acknowledges is durable. */
export function openWriter(path: string): Connection {
  const raw = new Database(path, { timeout: 5_000 });
  raw.pragma('journal_mode = WAL');
  // better-sqlite3 sets NORMAL for WAL, which may lose acknowledged commits when power fails.
  raw.pragma('synchronous = FULL');
  raw.pragma('foreign_keys = ON');
  // What a savepoint would put back is kept in memory, not in a file: every verb has one.
  raw.pragma('temp_store = MEMORY');
  assertDurable(raw);
  return { raw, db: drizzle(raw, { schema: tables }) };
}

/** Opens a connection that cannot write. */
export function openReader(path: string): Connection {
  const raw = new Database(path, { readonly: true, fileMustExist: true, timeout: 5_000 });
  return { raw, db: drizzle(raw, { schema: tables }) };
}

function assertDurable(raw: Database.Database): void {
  const version = raw.prepare<[], { v: string }>('SELECT sqlite_version() AS v').get()?.v ?? '0';
  if (isOlder(version)) {
    throw new DatabaseUnusable(
      `SQLite ${version} is too old: ${OLDEST_SQLITE.join('.')} is needed`,
    );
  }
  const facts = ['journal_mode', 'synchronous', 'foreign_keys'].map((name) =>
    String(raw.pragma(name, { simple: true })),
  );
  if (facts.join(' ') !== 'wal 2 1') {
    throw new DatabaseUnusable(
      `the database cannot be made durable: journal_mode, synchronous, foreign_keys are ` +
        `${facts.join(', ')} instead of wal, 2, 1`,
    );
  }
}

function isOlder(version: string): boolean {
  const parts = version.split('.').map(Number);
  const difference = OLDEST_SQLITE.map((oldest, i) => (parts[i] ?? 0) - oldest).find(
    (d) => d !== 0,
  );
  return (difference ?? 0) < 0;
}

/**
 * Prepares statements once per connection: a prepared statement costs a quarter of one that is
 * built anew, and belongs to the connection it was prepared on.
 */
export function prepared<Statements>(build: (db: Db) => Statements): (db: Db) => Statements {
  const byConnection = new WeakMap<Db, Statements>();
  return (db) => {
    const known = byConnection.get(db);
    if (known !== undefined) return known;
    const statements = build(db);
    byConnection.set(db, statements);
    return statements;
  };
}
