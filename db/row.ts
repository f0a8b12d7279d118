import { eq, getTableColumns, sql, type SQL } from 'drizzle-orm';
import type { SQLiteColumn, SQLiteTable } from 'drizzle-orm/sqlite-core';
import { prepared, type Db } from './connection.ts';

/** A table whose rows are found by `id`. */
type TableWithId = SQLiteTable & { readonly id: SQLiteColumn };

/**
 * Writes whole rows by their id with one prepared statement per connection. The one writer reads
 * a row, decides, and writes it back inside one transaction, so nothing can come between.
 */
export function rowWriter<Row extends { readonly id: string }>(
  table: TableWithId,
): (db: Db, row: Row) => void {
  const names = Object.keys(getTableColumns(table)).filter((name) => name !== 'id');
  const values: Record<string, SQL> = {};
  for (const name of names) values[name] = sql`${sql.placeholder(name)}`;
  const statement = prepared((db) =>
    db
      .update(table)
      .set(values)
      .where(eq(table.id, sql.placeholder('id')))
      .prepare(),
  );
  return (db, row) => void statement(db).run(plain(row));
}

/** A row as SQLite takes it: a raw placeholder does not know that a column is a boolean. */
function plain(row: object): Record<string, unknown> {
  const values: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(row)) {
    values[name] = typeof value === 'boolean' ? Number(value) : value;
  }
  return values;
}

/** Finds one row by its id with one prepared statement per connection. */
export function idCondition(table: TableWithId): SQL {
  return eq(table.id, sql.placeholder('id'));
}
