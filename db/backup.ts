import {
  closeSync,
  copyFileSync,
  existsSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  renameSync,
  rmSync,
} from 'node:fs';
import { dirname } from 'node:path';
import Database from 'better-sqlite3';
import { drizzle } from 'drizzle-orm/better-sqlite3';
import { DatabaseUnusable } from './connection.ts';
import { holdLockFile } from './lock-file.ts';
import { installation } from './tables.ts';

/** What names things here. */
interface Naming {
  now(): number;
  newId(): string;
}

/** The simulator keeps its world beside the database, and it belongs to the copy. */
const WORLD = '.simulator';

/**
 * Writes a copy of a database into one file, whole and as of one moment, whether a server is using
 * it or not. The copy has an epoch that no cursor was given out under.
 */
export function backUp(path: string, file: string, naming: Naming): void {
  if (existsSync(file)) throw new DatabaseUnusable(`${file} is there already`);
  if (!existsSync(path)) throw new DatabaseUnusable(`there is no database ${path}`);
  mkdirSync(dirname(file), { recursive: true });
  const partial = `${file}.partial`;
  takeCopy(path, partial, naming);
  // After the database: what it does not know of is removed when it is restored.
  if (existsSync(path + WORLD)) replaceWith(copyOf(path + WORLD, partial + WORLD), file + WORLD);
  replaceWith(partial, file);
}

/**
 * Puts a copy in the place of the database, which no server may be using. Answers where the one
 * before it is kept; undefined when there was none. Killed at any point, the one or the other is
 * in place, and whole.
 */
export function restore(file: string, path: string, naming: Naming): string | undefined {
  if (!existsSync(file)) throw new DatabaseUnusable(`there is no file ${file}`);
  mkdirSync(dirname(path), { recursive: true });
  const lock = holdLockFile(path);
  try {
    const partial = `${path}.restoring`;
    takeCopy(file, partial, naming);
    const world = existsSync(file + WORLD) && copyOf(file + WORLD, partial + WORLD);
    const aside = `${path}.before-${new Date(naming.now()).toISOString().replaceAll(/[:.]/g, '-')}`;
    const hadOne = existsSync(path);
    if (hadOne) keepAside(path, aside);
    if (world !== false) replaceWith(world, path + WORLD);
    replaceWith(partial, path);
    return hadOne ? aside : undefined;
  } finally {
    lock.release();
  }
}

/** Copies a database as of one moment, proves the copy whole, and gives it an epoch of its own. */
function takeCopy(from: string, to: string, naming: Naming): void {
  removeDatabase(to);
  try {
    vacuumInto(from, to);
    const raw = new Database(to, { fileMustExist: true });
    try {
      assertWhole(raw);
      const epoch = naming.newId().slice(-12);
      const { changes } = drizzle(raw).update(installation).set({ epoch }).run();
      if (changes !== 1) throw new Error('it has no installation');
    } finally {
      raw.close();
    }
  } catch (error) {
    removeDatabase(to);
    const reason = error instanceof Error ? error.message : String(error);
    throw new DatabaseUnusable(`${from} cannot be copied: ${reason}`, { cause: error });
  }
}

function vacuumInto(from: string, to: string): void {
  const raw = new Database(from, { readonly: true, fileMustExist: true, timeout: 5_000 });
  try {
    raw.prepare('VACUUM INTO ?').run(to);
  } finally {
    raw.close();
  }
}

function assertWhole(raw: Database.Database): void {
  const found = raw.pragma('integrity_check', { simple: true });
  if (found !== 'ok') throw new Error(`it is damaged: ${String(found)}`);
  const [dangling] = raw.pragma('foreign_key_check') as unknown[];
  if (dangling !== undefined) throw new Error('it has rows that point to nothing');
}

/**
 * Keeps the present files under another name, and leaves no write-ahead log that the copy would
 * take for its own.
 */
function keepAside(path: string, aside: string): void {
  emptyLog(path);
  // Only a database that SQLite cannot open still has one.
  if (existsSync(`${path}-wal`)) copyFileSync(`${path}-wal`, `${aside}-wal`);
  linkSync(path, aside);
  if (existsSync(path + WORLD)) linkSync(path + WORLD, aside + WORLD);
  syncFolder(path);
  rmSync(`${path}-wal`, { force: true });
  rmSync(`${path}-shm`, { force: true });
}

/** Has SQLite take what is in the write-ahead log into the file, as far as it can read it. */
function emptyLog(path: string): void {
  try {
    const raw = new Database(path, { fileMustExist: true });
    try {
      raw.pragma('wal_checkpoint(TRUNCATE)');
    } finally {
      raw.close();
    }
  } catch (error) {
    // A damaged file is a good reason to restore; it is kept as it is.
    if (!(error instanceof Database.SqliteError)) throw error;
  }
}

function removeDatabase(path: string): void {
  for (const suffix of ['', '-wal', '-shm', '-journal']) rmSync(path + suffix, { force: true });
}

function copyOf(from: string, to: string): string {
  copyFileSync(from, to);
  return to;
}

/** Puts a finished file in its place, durably. */
function replaceWith(partial: string, path: string): void {
  const fd = openSync(partial, 'r');
  fsyncSync(fd);
  closeSync(fd);
  renameSync(partial, path);
  syncFolder(path);
}

function syncFolder(path: string): void {
  const fd = openSync(dirname(path), 'r');
  fsyncSync(fd);
  closeSync(fd);
}
