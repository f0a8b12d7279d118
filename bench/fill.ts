/**
 * Makes pools large in seconds. The server makes the first cluster of a pool as it makes all; the
 * others are copies of its rows, written straight into the database. The simulator knows nothing
 * of the copies: nobody asks it about a cluster that is claimed, and the inspector looks at one
 * only five minutes after it was last looked at.
 */
import Database from 'better-sqlite3';
import { getTableColumns, getTableName } from 'drizzle-orm';
import type { SQLiteTable } from 'drizzle-orm/sqlite-core';
import { clusterCounts, clusters, pools, vmHandles } from '../db/tables.ts';
import { Line, waitForFree } from './load.ts';

/** A pool and how many clusters it is to have. */
export interface Filling {
  readonly pool: string;
  readonly size: number;
}

/** Rows in one transaction: the server can write in between. */
const BATCH = 5_000;

/** Waits until each pool has its first cluster, then adds the others. */
export async function fill(
  server: { readonly address: string; readonly db: string },
  fillings: readonly Filling[],
): Promise<void> {
  const line = await Line.open(server.address);
  for (const { pool } of fillings) await waitForFree(line, pool, 1);
  line.close();
  const db = new Database(server.db, { timeout: 20_000 });
  db.pragma('synchronous = FULL');
  for (const filling of fillings) copyFirst(db, filling);
  db.pragma('wal_checkpoint(PASSIVE)');
  db.close();
}

function copyFirst(db: Database.Database, { pool, size }: Filling): void {
  const copy = db.transaction((from: number, to: number) => {
    const numbers = `WITH RECURSIVE numbers (n) AS
      (SELECT ${from} UNION ALL SELECT n + 1 FROM numbers WHERE n < ${to})`;
    const model = '(SELECT id FROM clusters WHERE name = @first)';
    const now = Date.now();
    const name = `@pool || '-' || n`;
    const own = { id: idOf('id'), name, namespace: name, number: 'n', last_health_check: `${now}` };
    const first = `${pool}-1`;
    db.prepare(`${numbers} ${copyOf(clusters, own)}, numbers WHERE clusters.id = ${model}`).run({
      pool,
      first,
    });
    const vm = {
      id: idOf('id'),
      name: `replace(name, @first, ${name})`,
      cluster_id: idOf('cluster_id'),
    };
    db.prepare(`${numbers} ${copyOf(vmHandles, vm)}, numbers WHERE cluster_id = ${model}`).run({
      pool,
      first,
    });
    const is = `(SELECT id FROM ${getTableName(pools)} WHERE name = @pool)`;
    db.prepare(
      `UPDATE ${getTableName(pools)} SET size = @to, max_clusters = @to, next_number = @to + 1
        WHERE id = ${is}`,
    ).run({ pool, to });
    db.prepare(
      `UPDATE ${getTableName(clusterCounts)} SET available = @to WHERE pool_id = ${is}`,
    ).run({ pool, to });
  });
  for (let from = 2; from <= size; from += BATCH) {
    copy.immediate(from, Math.min(size, from + BATCH - 1));
  }
}

/** The copy's id: that of the model with other last digits. */
function idOf(column: string): string {
  return `substr(${column}, 1, 24) || printf('%08x', n)`;
}

/** INSERT ... SELECT of a table from itself, with some columns of the copy's own. */
function copyOf(table: SQLiteTable, own: Readonly<Record<string, string>>): string {
  const name = getTableName(table);
  const columns = Object.values(getTableColumns(table)).map((column) => column.name);
  const values = columns.map((column) => own[column] ?? column);
  return `INSERT INTO ${name} (${columns.join(', ')}) SELECT ${values.join(', ')} FROM ${name}`;
}
