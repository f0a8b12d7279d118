import { openReader, type Connection, type Db } from './connection.ts';

/** What the readers need of the world. */
export interface ReaderClock {
  after(ms: number, callback: () => void): () => void;
}

/** One transaction of reads, on a connection of its own until it is released. */
export interface ReadLease {
  readonly db: Db;
  /** False once it is released or its time is over. */
  readonly isOpen: boolean;
  /** Ends the transaction and gives the connection back; harmless when done twice. */
  release(): void;
}

/**
 * Who waits for a connection: those who ask, or the readers of the feed. There are only so many
 * readers, and what is committed must reach them all, so none of them is ever refused.
 */
export type ReadLine = 'REQUEST' | 'FEED';

/** Too many requests wait for a connection. */
export class TooManyReads extends Error {
  override readonly message = 'too many reads are waiting; try again';
}

const CONNECTIONS = 8;
const MOST_REQUESTS_WAITING = 2_000;
/** A read transaction keeps the log of the database from being trimmed, so it must be short. */
const LONGEST_READ_MS = 5_000;

interface Pooled extends Connection {
  readonly begin: () => void;
  readonly end: () => void;
}

interface Waiting {
  readonly resolve: (connection: Pooled) => void;
  readonly reject: (error: Error) => void;
}

/** First come, first served. */
class Line {
  readonly #waiting: Waiting[] = [];

  get length(): number {
    return this.#waiting.length;
  }

  wait(): Promise<Pooled> {
    return new Promise((resolve, reject) => this.#waiting.push({ resolve, reject }));
  }

  take(): Waiting | undefined {
    return this.#waiting.shift();
  }

  refuse(why: string): void {
    for (const { reject } of this.#waiting.splice(0)) reject(new Error(why));
  }
}

/** A bounded pool of read-only connections: nobody who reads sees what is not durable. */
export class Readers {
  readonly #free: Pooled[] = [];
  readonly #all: Pooled[] = [];
  readonly #requests = new Line();
  readonly #feed = new Line();
  /** Whose line was served last: they take turns, so that neither waits for all of the other. */
  #servedLast: ReadLine = 'FEED';
  readonly #leases = new Set<ReadLease>();
  readonly #own: Pooled;
  #closed = false;
  readonly #path: string;
  readonly #clock: ReaderClock;

  constructor(path: string, clock: ReaderClock) {
    this.#path = path;
    this.#clock = clock;
    this.#own = this.#open();
  }

  /** Reads at once and synchronously, in one transaction, on a connection kept for that. */
  read<T>(body: (db: Db) => T): T {
    this.#own.begin();
    try {
      return body(this.#own.db);
    } finally {
      this.#own.end();
    }
  }

  /**
   * Waits for a connection; the transaction sees what is committed when it first reads, and ends
   * by itself after `longestMs`.
   */
  async lease(longestMs = LONGEST_READ_MS, line: ReadLine = 'REQUEST'): Promise<ReadLease> {
    return this.#leaseOf(await this.#take(line), longestMs);
  }

  /** Closes all connections; nothing may read any more. */
  close(): void {
    this.#closed = true;
    for (const line of [this.#requests, this.#feed]) line.refuse('the database is closed');
    for (const lease of this.#leases) lease.release();
    for (const connection of this.#all) connection.raw.close();
  }

  #leaseOf(connection: Pooled, longestMs: number): ReadLease {
    connection.begin();
    let open = true;
    const release = () => {
      if (!open) return;
      open = false;
      cancel();
      this.#leases.delete(lease);
      connection.end();
      this.#giveBack(connection);
    };
    const cancel = this.#clock.after(longestMs, release);
    const lease: ReadLease = {
      get db() {
        if (!open) throw new Error('this read transaction has ended');
        return connection.db;
      },
      get isOpen() {
        return open;
      },
      release,
    };
    this.#leases.add(lease);
    return lease;
  }

  #take(line: ReadLine): Promise<Pooled> {
    if (this.#closed) return Promise.reject(new Error('the database is closed'));
    const free = this.#free.pop();
    if (free !== undefined) return Promise.resolve(free);
    if (this.#all.length <= CONNECTIONS) return Promise.resolve(this.#open());
    if (line === 'FEED') return this.#feed.wait();
    if (this.#requests.length >= MOST_REQUESTS_WAITING) return Promise.reject(new TooManyReads());
    return this.#requests.wait();
  }

  #giveBack(connection: Pooled): void {
    const next = this.#next();
    if (next === undefined) this.#free.push(connection);
    else next.resolve(connection);
  }

  #next(): Waiting | undefined {
    const isFeedsTurn = this.#requests.length === 0 || this.#servedLast === 'REQUEST';
    this.#servedLast = isFeedsTurn && this.#feed.length > 0 ? 'FEED' : 'REQUEST';
    return this.#servedLast === 'FEED' ? this.#feed.take() : this.#requests.take();
  }

  #open(): Pooled {
    const connection = openReader(this.#path);
    const begin = connection.raw.prepare('BEGIN');
    const end = connection.raw.prepare('COMMIT');
    const pooled = { ...connection, begin: () => void begin.run(), end: () => void end.run() };
    this.#all.push(pooled);
    return pooled;
  }
}
