/**
 * The transaction that everything is compared with: better-sqlite3 and nothing else, a guarded
 * UPDATE and an INSERT, durable before the next begins. A process of its own, so that it gets the
 * server's core: `node bench/raw-transaction.ts <folder> <seconds>` prints what it found as JSON.
 */
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import Database from 'better-sqlite3';
import { measured } from './figures.ts';

const THINGS = 1_000;
const WARM_UP_MS = 200;

const [folder = '.', seconds = '1'] = process.argv.slice(2);
const file = join(folder, 'raw.db');
const db = open();
const transition = transitionOf(db);
run(WARM_UP_MS);
const cpu = process.cpuUsage();
const started = performance.now();
const latencies = run(Number(seconds) * 1_000);
const took = (performance.now() - started) / 1_000;
const { user, system } = process.cpuUsage(cpu);
console.log(JSON.stringify(measured(latencies, took, (user + system) / 1e6)));
db.close();
for (const suffix of ['', '-wal', '-shm']) rmSync(file + suffix, { force: true });

function open(): Database.Database {
  const made = new Database(file);
  made.pragma('journal_mode = WAL');
  made.pragma('synchronous = FULL');
  made.exec(`
    CREATE TABLE things (id TEXT PRIMARY KEY, pool TEXT NOT NULL, state TEXT NOT NULL, owner TEXT);
    CREATE INDEX things_free ON things (pool) WHERE state = 'FREE';
    CREATE TABLE log (seq INTEGER PRIMARY KEY AUTOINCREMENT, thing TEXT NOT NULL,
      state TEXT NOT NULL, at INTEGER NOT NULL, actor TEXT NOT NULL)`);
  const insert = made.prepare(`INSERT INTO things (id, pool, state) VALUES (?, ?, 'FREE')`);
  made.transaction(() => {
    for (let n = 0; n < THINGS; n += 1) insert.run(`thing-${n}`, `pool-${n % 10}`);
  })();
  return made;
}

/** Takes or gives back one thing, if nobody was first. */
function transitionOf(on: Database.Database) {
  const update = on.prepare('UPDATE things SET state = ?, owner = ? WHERE id = ? AND state = ?');
  const insert = on.prepare('INSERT INTO log (thing, state, at, actor) VALUES (?, ?, ?, ?)');
  const both = on.transaction((id: string, from: string, to: string) => {
    if (update.run(to, 'somebody', id, from).changes !== 1) throw new Error('somebody was first');
    insert.run(id, to, Date.now(), 'somebody');
  });
  return (id: string, from: string, to: string) => both.immediate(id, from, to);
}

function run(ms: number): number[] {
  const times: number[] = [];
  const end = performance.now() + ms;
  for (let at = performance.now(); at < end;) {
    const n = times.length % THINGS;
    transition(`thing-${n}`, 'FREE', 'TAKEN');
    const between = performance.now();
    transition(`thing-${n}`, 'TAKEN', 'FREE');
    const now = performance.now();
    times.push(between - at, now - between);
    at = now;
  }
  return times;
}
