import { and, count, eq, gt, lt, or, type SQL } from 'drizzle-orm';
import type { SQLiteColumn, SQLiteTable } from 'drizzle-orm/sqlite-core';
import { BadCursor } from '../schema/model/cursor.ts';
import type { Db } from './connection.ts';

/** Which part of a list. */
export interface PageArgs {
  readonly first: number;
  readonly after?: string | null | undefined;
}

/** A part of a list; the total is counted only when somebody asks. */
export interface Page<Row> {
  readonly rows: readonly { readonly row: Row; readonly position: string }[];
  readonly hasNextPage: boolean;
  readonly hasPreviousPage: boolean;
  readonly totalCount: () => number;
}

const TIME_POSITION = /^(\d{1,15})_([0-9A-Za-z-]{1,64})$/;
const NUMBER_POSITION = /^\d{1,15}$/;

/** The position of a row in a list that shows the newest first, then by id. */
export function timePosition(row: { createdAt: number; id: string }): string {
  return `${row.createdAt}_${row.id}`;
}

/** What lies behind a position of such a list. */
export function behindTime(
  columns: { createdAt: SQLiteColumn; id: SQLiteColumn },
  after: string | null | undefined,
): SQL | undefined {
  if (after == null) return undefined;
  const match = TIME_POSITION.exec(after);
  if (match === null) throw new BadCursor(`not a position in this list: ${after.slice(0, 40)}`);
  const createdAt = Number(match[1]);
  const sameTime = and(eq(columns.createdAt, createdAt), lt(columns.id, match[2]));
  return or(lt(columns.createdAt, createdAt), sameTime);
}

/** What lies behind a position of a list in order of names. */
export function behindName(name: SQLiteColumn, after: string | null | undefined): SQL | undefined {
  return after == null ? undefined : gt(name, after);
}

/** What lies behind a position of a list in falling order of numbers. */
export function behindNumber(
  number: SQLiteColumn,
  after: string | null | undefined,
): SQL | undefined {
  if (after == null) return undefined;
  if (!NUMBER_POSITION.test(after)) throw new BadCursor('not a position in this list');
  return lt(number, Number(after));
}

/** Makes a page of rows that were asked for one more than it holds. */
export function toPage<Row>(
  rows: readonly Row[],
  page: PageArgs,
  position: (row: Row) => string,
  totalCount: () => number,
): Page<Row> {
  return {
    rows: rows.slice(0, page.first).map((row) => ({ row, position: position(row) })),
    hasNextPage: rows.length > page.first,
    hasPreviousPage: page.after != null,
    totalCount,
  };
}

/** How many rows of a table a condition lets through. */
export function countRows(db: Db, table: SQLiteTable, where: SQL | undefined): number {
  return db.select({ n: count() }).from(table).where(where).get()?.n ?? 0;
}
