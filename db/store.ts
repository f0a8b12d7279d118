import { mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { migrate } from 'drizzle-orm/better-sqlite3/migrator';
import type Database from 'better-sqlite3';
import type { Cursor } from '../schema/model/cursor.ts';
import { lastSeq, logPoolChange, nextTx } from './change.ts';
import { DatabaseUnusable, openWriter, type Connection, type Db } from './connection.ts';
import { ensureInstallation, type Installation } from './installation.ts';
import { holdLockFile } from './lock-file.ts';
import { Readers, type ReadLease, type ReadLine } from './readers.ts';
import { Stamper } from './stamp.ts';
import type { Synchronous, Tx } from './tx.ts';

/** What the store needs of the world. */
export interface StoreWorld {
  now(): number;
  newId(): string;
  soon(callback: () => void): void;
  after(ms: number, callback: () => void): () => void;
}

/** The database as the server uses it. */
export interface Store {
  readonly installation: Installation;
  /**
   * Runs the body in a transaction of its own and resolves after the durable commit. Bodies of
   * one turn of the event loop, or of a few that follow each other, share a commit, each in its
   * savepoint: what one throws rolls back that one alone.
   */
  transact<T>(body: (tx: Tx) => Synchronous<T>): Promise<T>;
  /** Reads committed state, synchronously and in one transaction. */
  read<T>(body: (db: Db) => T): T;
  /** One read transaction that may outlive the call, but not its time; release it. */
  lease(longestMs?: number, line?: ReadLine): Promise<ReadLease>;
  /** Calls back after every commit that wrote to the log; returns how to stop. */
  onCommit(listener: () => void): () => void;
  /** The end of the log as committed. */
  head(): Cursor;
  /** Commits what is queued and closes. Later calls are refused. */
  close(): Promise<void>;
}

interface Queued {
  readonly run: () => void;
  readonly settle: (commitError: unknown) => void;
}

/** Bodies that share a commit at most: enough to hide the sync, few enough to stay short. */
const LARGEST_BATCH = 64;
/** Turns of the event loop that a body waits at most for others to share its commit with. */
const MOST_TURNS = 8;

const MIGRATIONS = join(import.meta.dirname, 'migrations');

/** Opens the database at this path, makes or migrates it, and holds it for this process. */
export function openStore(path: string, world: StoreWorld): Store {
  try {
    mkdirSync(dirname(path), { recursive: true });
    return openHeld(path, holdLockFile(path), world);
  } catch (error) {
    throw error instanceof DatabaseUnusable ? error : unusable(path, error);
  }
}

function openHeld(path: string, lock: { release(): void }, world: StoreWorld): Store {
  try {
    const writer = openWriter(path);
    migrate(writer.db, { migrationsFolder: MIGRATIONS });
    const installation = ensureInstallation(writer.db, path, world);
    return new SqliteStore(writer, new Readers(path, world), lock, installation, path, world);
  } catch (error) {
    lock.release();
    throw error;
  }
}

function unusable(path: string, error: unknown): DatabaseUnusable {
  const reason = error instanceof Error ? error.message : String(error);
  return new DatabaseUnusable(`the database ${path} cannot be opened: ${reason}`, { cause: error });
}

class SqliteStore implements Store {
  readonly installation: Installation;
  readonly #writer: Connection;
  readonly #readers: Readers;
  readonly #lock: { release(): void };
  readonly #world: StoreWorld;
  readonly #statements: Record<'begin' | 'commit' | 'rollback', Database.Statement> &
    Record<'save' | 'keep' | 'undo', Database.Statement>;
  readonly #stamper: Stamper;
  readonly #listeners = new Set<() => void>();
  readonly #queue: Queued[] = [];
  #closing = false;
  /** Whether the present batch has written to the log. */
  #logged = false;

  constructor(
    writer: Connection,
    readers: Readers,
    lock: { release(): void },
    installation: Installation,
    path: string,
    world: StoreWorld,
  ) {
    this.#writer = writer;
    this.#readers = readers;
    this.#lock = lock;
    this.installation = installation;
    this.#world = world;
    this.#stamper = new Stamper({
      path,
      epoch: installation.epoch,
      head: () => this.read(lastSeq),
      now: () => world.now(),
    });
    const prepare = (sql: string) => writer.raw.prepare(sql);
    this.#statements = {
      begin: prepare('BEGIN IMMEDIATE'),
      commit: prepare('COMMIT'),
      rollback: prepare('ROLLBACK'),
      save: prepare('SAVEPOINT verb'),
      keep: prepare('RELEASE verb'),
      undo: prepare('ROLLBACK TO verb'),
    };
  }

  transact<T>(body: (tx: Tx) => Synchronous<T>): Promise<T> {
    if (this.#closing) return Promise.reject(new Error('the database is closed'));
    return new Promise<T>((resolve, reject) => {
      let outcome: (() => void) | undefined;
      const run = () => {
        try {
          const result = this.#inSavepoint(body);
          outcome = () => resolve(result);
        } catch (error) {
          outcome = () => reject(asError(error));
        }
      };
      const settle = (commitError: unknown) =>
        commitError === undefined ? outcome?.() : reject(asError(commitError));
      this.#enqueue({ run, settle });
    });
  }

  read<T>(body: (db: Db) => T): T {
    return this.#readers.read(body);
  }

  lease(longestMs?: number, line?: ReadLine): Promise<ReadLease> {
    return this.#readers.lease(longestMs, line);
  }

  onCommit(listener: () => void): () => void {
    this.#listeners.add(listener);
    return () => void this.#listeners.delete(listener);
  }

  head(): Cursor {
    return { epoch: this.installation.epoch, seq: this.read(lastSeq) };
  }

  close(): Promise<void> {
    this.#closing = true;
    while (this.#queue.length > 0) this.#commitBatch();
    this.#stamper.stamp();
    this.#readers.close();
    this.#writer.raw.close();
    this.#lock.release();
    return Promise.resolve();
  }

  #enqueue(queued: Queued): void {
    this.#queue.push(queued);
    if (this.#queue.length === 1) this.#gather(MOST_TURNS);
  }

  /** Commits after a turn that brought nothing new: one more body costs less than one more sync. */
  #gather(turns: number, known = 0): void {
    this.#world.soon(() => {
      const { length } = this.#queue;
      const goesOn = length > known && length < LARGEST_BATCH && turns > 1;
      if (goesOn) this.#gather(turns - 1, length);
      else this.#commitBatch();
    });
  }

  #commitBatch(): void {
    const batch = this.#queue.splice(0, LARGEST_BATCH);
    if (batch.length === 0) return;
    if (this.#queue.length > 0) this.#gather(MOST_TURNS);
    this.#logged = false;
    const error = this.#commit(batch);
    for (const queued of batch) queued.settle(error);
    if (error !== undefined) return;
    const logged = this.#logged;
    if (logged) for (const listener of this.#listeners) listener();
    this.#stamper.note(logged);
  }

  /** Runs a batch in one transaction; answers what kept it from being committed. */
  #commit(batch: readonly Queued[]): unknown {
    try {
      this.#statements.begin.run();
      for (const queued of batch) this.#runQueued(queued);
      this.#statements.commit.run();
      return undefined;
    } catch (error) {
      if (this.#writer.raw.inTransaction) this.#statements.rollback.run();
      return error;
    }
  }

  /**
   * SQLite rolls the whole transaction back by itself when it cannot go on (disk full, input or
   * output error). What would run after that would be committed alone while its batch is refused.
   */
  #runQueued(queued: Queued): void {
    if (!this.#writer.raw.inTransaction) throw new Error('the transaction was rolled back');
    queued.run();
  }

  #inSavepoint<T>(body: (tx: Tx) => Synchronous<T>): T {
    this.#statements.save.run();
    try {
      const result = this.#runVerb(body);
      this.#statements.keep.run();
      return result;
    } catch (error) {
      this.#statements.undo.run();
      this.#statements.keep.run();
      throw error;
    }
  }

  #runVerb<T>(body: (tx: Tx) => Synchronous<T>): T {
    const { db } = this.#writer;
    let number: number | undefined;
    const tx: Tx = {
      db,
      now: this.#world.now(),
      newId: () => this.#world.newId(),
      number: () => (number ??= nextTx(db)),
      touchedPools: new Map(),
    };
    const result: T = body(tx);
    for (const [poolId, why] of tx.touchedPools) logPoolChange(tx, poolId, why);
    if (number !== undefined) this.#logged = true;
    return result;
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
