import type Database from 'better-sqlite3';
import { eq, getTableColumns, getTableName, sql, type SQL } from 'drizzle-orm';
import type { SQLiteColumn, SQLiteTable } from 'drizzle-orm/sqlite-core';
import { prepared, type Db } from './connection.ts';
import { LONGEST_RETRY_MS } from '../schema/model/cluster-pool.ts';

/** A table whose rows are found by `id`. */
type TableWithId = SQLiteTable & { readonly id: SQLiteColumn };

/**
 * Writes what has changed of a row, with one prepared statement per connection for each set of
 * columns that ever change together: an index is only touched when one of its columns is named.
 * The one writer reads a row, decides, and writes it back inside one transaction, so nothing can
 * come between.
 */
export function rowWriter<Row extends { readonly id: string }>(
  table: TableWithId,
): (db: Db, before: Row, after: Row) => void {
  const names = Object.keys(getTableColumns(table)).filter((name) => name !== 'id');
  const statements = prepared(() => new Map<string, Database.Statement>());
  return (db, before, after) => {
    const changed = names.filter((name) => valueOf(before, name) !== valueOf(after, name));
    if (changed.length === 0) return;
    const known = statements(db);
    const key = changed.join();
    const statement = known.get(key) ?? updateOf(db, table, changed);
    known.set(key, statement);
    statement.run(...changed.map((name) => asStored(valueOf(after, name))), after.id);
  };
}

function updateOf(
  { $client }: Db,
  table: TableWithId,
  names: readonly string[],
): Database.Statement {
  const columns = columnsOf(table, names).map((column) => `${column} = ?`);
  return $client.prepare(`UPDATE ${getTableName(table)} SET ${columns.join(', ')} WHERE id = ?`);
}

/** Inserts whole rows with one prepared statement per connection. */
export function rowInserter<Row extends object>(
  table: SQLiteTable,
  names: readonly (keyof Row & string)[],
): (db: Db, row: Row) => void {
  const columns = columnsOf(table, names);
  const places = columns.map(() => '?').join(', ');
  const text = `INSERT INTO ${getTableName(table)} (${columns.join(', ')}) VALUES (${places})`;
  const statement = prepared(({ $client }) => $client.prepare(text));
  return (db, row) => void statement(db).run(...names.map((name) => asStored(row[name])));
}

function columnsOf(table: SQLiteTable, names: readonly string[]): string[] {
  const columns = new Map(Object.entries(getTableColumns(table)));
  return names.map((name) => {
    const column = columns.get(name);
    if (column === undefined) throw new Error(`${getTableName(table)} has no column for ${name}`);
    return `"${column.name}"`;
  });
}

/** Whether a patch would change anything of a row. */
export function changesRow(row: object, patch: object): boolean {
  return Object.entries(patch).some(([name, value]) => valueOf(row, name) !== value);
}

function valueOf(row: object, name: string): unknown {
  return Reflect.get(row, name);
}

/** A value as SQLite takes it: it knows no booleans. */
function asStored(value: unknown): unknown {
  return typeof value === 'boolean' ? Number(value) : value;
}

/**
 * A text given when a statement runs. A plain placeholder makes SQLite prepare a statement that
 * also has an order anew at every run, which costs ten times the run; this hides it.
 */
export function givenText(name: string): SQL {
  return sql`cast(${sql.placeholder(name)} AS text)`;
}

/**
 * An order, and how many rows of it: so many, or as many as `limit` says when the statement runs.
 * A plain limit costs as much as a plain placeholder.
 */
export function inOrder(order: readonly SQL[], limit: number | 'limit'): SQL {
  const most = typeof limit === 'number' ? sql.raw(`${limit}`) : sql.placeholder(limit);
  return sql`${sql.join([...order], sql`, `)} LIMIT cast(${most} AS integer)`;
}

/**
 * Whether the next attempt may be made `now`. One that is further off than anything is ever put
 * off was set by a clock that has been set back since: it must not wait for that clock.
 */
export function isDue(nextAttemptAt: SQLiteColumn): SQL {
  const now = sql`cast(${sql.placeholder('now')} AS integer)`;
  return sql`(coalesce(${nextAttemptAt}, 0) <= ${now}
    OR ${nextAttemptAt} > ${now} + ${sql.raw(String(LONGEST_RETRY_MS))})`;
}

/** Finds one row by its id with one prepared statement per connection. */
export function idCondition(table: TableWithId): SQL {
  return eq(table.id, sql.placeholder('id'));
}
